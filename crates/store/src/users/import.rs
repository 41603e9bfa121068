//! Users by the hundred: finding many at once, adding them as they were elsewhere, and figures that follow what is known
//! of them.

use std::collections::BTreeMap;

use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;
use denizen_domain::time::Timestamp;

use super::{ADD, NewUser, User, add_row, json_or_default, read_user};
use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::id_list;
use crate::sql::{Param, Sql, to_json};

// Engine: the plus keeps SQLite from an index that begins with the directory, by which it would walk through all of it.
static FIND_MANY: Sql = Sql::split(
    "user.find_many",
    "SELECT position, user_id, email, first_name, last_name, role_id, is_verified, preferences,
     open_variables, secret_variables, num_conversations, num_messages, last_message_at,
     created_api_key, created_at, additional_context FROM users
     WHERE org_id = $1 AND +directory = $2 AND user_id IN (SELECT unhex(value) FROM json_each($3))",
    "SELECT position, user_id, email, first_name, last_name, role_id, is_verified, preferences,
     open_variables, secret_variables, num_conversations, num_messages, last_message_at,
     created_api_key, created_at, additional_context FROM users
     WHERE org_id = $1 AND directory = $2 AND user_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($3 AS TEXT) AS JSONB)) AS id))",
);
static FIND_PLACES: Sql = Sql::split(
    "user.find_places",
    "SELECT user_id, directory FROM users
     WHERE org_id = $1 AND user_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT user_id, directory FROM users
     WHERE org_id = $1 AND user_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static FIND_OWNERS: Sql = Sql::split(
    "user.find_owners",
    "SELECT email_key, user_id FROM users
     WHERE org_id = $1 AND directory = $2 AND email_key IN (SELECT value FROM json_each($3))",
    "SELECT email_key, user_id FROM users
     WHERE org_id = $1 AND directory = $2 AND email_key = ANY(ARRAY(
        SELECT jsonb_array_elements_text(CAST(CAST($3 AS TEXT) AS JSONB))))",
);
// The time of the last message is looked up, not compared: messages can also move, in time and to other users.
static ADD_TO_STATS: Sql = Sql::split(
    "user.add_to_stats",
    "UPDATE users SET num_conversations = num_conversations + $3, num_messages = num_messages + $4, last_message_at =
        (SELECT coalesce(max(message.created_at), 0) FROM message WHERE message.org_id = $1 AND message.user_id = $2)
     WHERE org_id = $1 AND user_id = $2",
    "UPDATE users SET num_conversations = num_conversations + more.conversations,
        num_messages = num_messages + more.messages, last_message_at =
        (SELECT coalesce(max(message.created_at), 0) FROM message
            WHERE message.org_id = $1 AND message.user_id = users.user_id)
     FROM unnest(CAST($2 AS BYTEA[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[])) AS more (user_id, conversations, messages)
     WHERE org_id = CAST($1 AS BIGINT) AND users.user_id = more.user_id",
);
static RECOUNT_STATS: Sql = Sql::new(
    "user.recount_stats",
    "UPDATE users SET
        num_conversations = (SELECT count(*) FROM conversation
            WHERE conversation.org_id = $1 AND conversation.user_id = $2),
        num_messages = (SELECT count(*) FROM message WHERE message.org_id = $1 AND message.user_id = $2),
        last_message_at = (SELECT coalesce(max(message.created_at), 0) FROM message
            WHERE message.org_id = $1 AND message.user_id = $2)
     WHERE org_id = $1 AND user_id = $2",
);

pub(crate) const STATEMENTS: &[&Sql] =
    &[&FIND_MANY, &FIND_PLACES, &FIND_OWNERS, &ADD_TO_STATS, &RECOUNT_STATS];

/// A user with everything that an import can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub user: User,
    pub additional_context: Vec<String>,
}

/// Those of these users who are in the directory.
pub fn find_many(conn: &Conn<'_>, directory: Directory, users: &[UserId]) -> Result<Vec<Known>> {
    let params = [conn.org_param(), Param::Int(directory.number()), Param::Text(&id_list(users))];
    conn.all(&FIND_MANY, &params, |row| {
        Ok(Known { user: read_user(row)?, additional_context: json_or_default(row, 15)? })
    })
}

/// In which directory each of these users is; who is in none is absent.
pub fn find_places(conn: &Conn<'_>, users: &[UserId]) -> Result<BTreeMap<UserId, Directory>> {
    let found = conn.all(&FIND_PLACES, &[conn.org_param(), Param::Text(&id_list(users))], |row| {
        Ok((row.id(0, UserId::from_column)?, row.int(1)?))
    })?;
    Ok(found
        .into_iter()
        .filter_map(|(user, number)| Directory::from_number(number).map(|directory| (user, directory)))
        .collect())
}

/// Who has each of these addresses, by its key; a free one is absent.
pub fn find_owners(
    conn: &Conn<'_>,
    directory: Directory,
    email_keys: &[&str],
) -> Result<BTreeMap<String, UserId>> {
    let params = [conn.org_param(), Param::Int(directory.number()), Param::Text(&to_json(&email_keys))];
    let found = conn.all(&FIND_OWNERS, &params, |row| Ok((row.text(0)?, row.id(1, UserId::from_column)?)))?;
    Ok(found.into_iter().collect())
}

/// Adds a user with the time of the creation elsewhere. The id and the address must be free: whoever adds has looked
/// before, in the same transaction.
pub fn import(
    tx: &Tx<'_>,
    user: &NewUser,
    additional_context: &[String],
    created_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    add_row(tx, user, additional_context, created_at, now, |params| tx.add_row(&ADD, params).map(|()| None))
        .map(drop)
}

/// Changes how many conversations and messages a user has had, and looks up the time of the last message. Does nothing
/// when there is no such user. Once for each user in a transaction.
pub fn add_to_stats(tx: &Tx<'_>, user: UserId, conversations: i64, messages: i64) -> Result<()> {
    let params = [tx.org_param(), Param::Blob(&user.0), Param::Int(conversations), Param::Int(messages)];
    tx.change_row(&ADD_TO_STATS, &params)
}

/// Counts the conversations and messages of a user: for one who comes after them.
pub fn recount_stats(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.write(&RECOUNT_STATS, &[tx.org_param(), Param::Blob(&user.0)])
}
