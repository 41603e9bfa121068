//! Bots, each of which lives in an environment.

use std::collections::BTreeMap;

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::id_list;
use crate::sql::{Param, Row, Sql};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    pub bot_id: Uuid,
    pub environment_id: Uuid,
    pub name: String,
    pub image_url: Option<String>,
    /// One that is not active is as if it were not there.
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

static FIND_MANY: Sql = Sql::split(
    "bot.find_many",
    "SELECT bot_id, environment_id, name, image_url, is_active, created_at, updated_at FROM bot
     WHERE org_id = $1 AND bot_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT bot_id, environment_id, name, image_url, is_active, created_at, updated_at FROM bot
     WHERE org_id = $1 AND bot_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static LIST: Sql = Sql::new(
    "bot.list",
    "SELECT bot_id, environment_id, name, image_url, is_active, created_at, updated_at FROM bot
     WHERE org_id = $1 AND bot_id > $2 ORDER BY bot_id LIMIT $3",
);
// Engine: SQLite would rather go through all bots in their order.
static LIST_OF: Sql = Sql::split(
    "bot.list_of",
    "SELECT bot_id, environment_id, name, image_url, is_active, created_at, updated_at
     FROM bot INDEXED BY bot_by_environment
     WHERE org_id = $1 AND environment_id = $4 AND bot_id > $2 ORDER BY bot_id LIMIT $3",
    "SELECT bot_id, environment_id, name, image_url, is_active, created_at, updated_at FROM bot
     WHERE org_id = $1 AND environment_id = $4 AND bot_id > $2 ORDER BY bot_id LIMIT $3",
);
static PUT: Sql = Sql::new(
    "bot.put",
    "INSERT INTO bot (org_id, bot_id, environment_id, name, image_url, is_active, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (org_id, bot_id) DO UPDATE SET environment_id = $3, name = $4, image_url = $5, is_active = $6,
     updated_at = $8
     WHERE bot.environment_id <> $3 OR bot.name <> $4 OR bot.image_url IS DISTINCT FROM $5 OR bot.is_active <> $6",
);

pub const STATEMENTS: &[&Sql] = &[&FIND_MANY, &LIST, &LIST_OF, &PUT];

fn read_bot(row: &Row<'_>) -> Result<Bot> {
    Ok(Bot {
        bot_id: row.id(0, Uuid::from_column)?,
        environment_id: row.id(1, Uuid::from_column)?,
        name: row.text(2)?,
        image_url: row.optional_text(3)?,
        is_active: row.bool(4)?,
        created_at: Timestamp(row.int(5)?),
        updated_at: Timestamp(row.int(6)?),
    })
}

/// The bots with these ids, active or not, whatever their environments are.
pub fn find_many(conn: &Conn<'_>, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Bot>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(ids))], read_bot)?;
    Ok(found.into_iter().map(|bot| (bot.bot_id, bot)).collect())
}

/// Up to `limit` bots, of one environment or of all, whose ids are greater than `after`, in the order of the ids.
pub fn list(
    conn: &Conn<'_>,
    environment: Option<Uuid>,
    after: Option<Uuid>,
    limit: usize,
) -> Result<Vec<Bot>> {
    // Any id is greater than no bytes.
    let after = after.as_ref().map_or(&[][..], |id| &id.0);
    let limit = Param::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    match &environment {
        None => conn.all(&LIST, &[conn.org_param(), Param::Blob(after), limit], read_bot),
        Some(id) => {
            let params = [conn.org_param(), Param::Blob(after), limit, Param::Blob(&id.0)];
            conn.all(&LIST_OF, &params, read_bot)
        }
    }
}

/// Adds a bot, or changes the one of this id; the time of creation stays then. `false` when it is there and the same. Its
/// environment must be there.
pub fn put(tx: &Tx<'_>, bot: &Bot) -> Result<bool> {
    let params = [
        tx.org_param(),
        Param::Blob(&bot.bot_id.0),
        Param::Blob(&bot.environment_id.0),
        Param::Text(&bot.name),
        Param::optional_text(bot.image_url.as_deref()),
        Param::bool(bot.is_active),
        Param::Int(bot.created_at.0),
        Param::Int(bot.updated_at.0),
    ];
    Ok(tx.execute(&PUT, &params)? > 0)
}
