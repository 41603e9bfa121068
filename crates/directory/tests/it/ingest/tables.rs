//! What is in the tables, as lines that two databases can be compared by, and what must hold among them.

use std::collections::BTreeSet;

use denizen_domain::ids::{OrgKey, encode_hex};
use denizen_store::{Statement, StoreError, Value};
use denizen_testkit::{TestOrg, TestServer};

/// The columns that do not depend on the order and the time of arrival. The kinds are `b`ytes, `i`ntegers and `t`exts; all
/// but bytes may be NULL.
const TABLES: [(&str, &str, &str); 14] = [
    (
        "users",
        "user_id, email, email_key, first_name, last_name, search_text, is_verified, preferences, open_variables, \
         secret_variables, additional_context, num_conversations, num_messages, last_message_at, created_at, \
         (SELECT role.name FROM role WHERE role.org_id = users.org_id AND role.role_id = users.role_id)",
        "bttttti ttttiiiit",
    ),
    ("conversation", "conversation_id, user_id, started_at, ended_at, title, digest", "bbiitb"),
    ("message", "message_id, conversation_id, user_id, sender, content, created_at, digest", "bbbttib"),
    ("memory", "memory_id, user_id, conversation_id, content, context, created_at, digest", "bbbttib"),
    ("memory_reference", "memory_id, ordinal, message_id", "bib"),
    ("user_model", "user_model_id, user_id, content, insight_ids, dimensions, created_at, digest", "bbtttib"),
    (
        "external_event",
        "event_id, user_id, type, starts_at, ends_at, description, transcript, digest",
        "bbtiittb",
    ),
    ("linked_account", "user_id, provider, tenant, account_id", "bttt"),
    // Contacts that come without ids get any; so they stand here by what else is known of them.
    (
        "contact",
        "display_name, first_name, last_name, middle_names, email, additional_emails, phone, additional_phones, \
         external_id, avatar_url, attributes, search_text, created_at, anonymized_at",
        "ttttttttttttii",
    ),
    (
        "contact_identifier",
        "kind, key, (SELECT coalesce(external_id, '') || ' ' || coalesce(email, '') FROM contact \
         WHERE contact.org_id = contact_identifier.org_id AND contact.user_id = contact_identifier.user_id)",
        "ttt",
    ),
    (
        "attribute_definition",
        "definition_id, entity, identifier, label, description, input, is_required, is_archived, is_deactivated, \
         created_at, updated_at",
        "btttttiiiii",
    ),
    (
        "contact_conversation",
        "conversation_id, kind, channel, direction, state, state_changed_at, assignment, queue, parent_id, link_kind, \
         transport_expires_at, details, attributes, digest, created_at, (SELECT coalesce(external_id, '') || ' ' || \
         coalesce(email, '') FROM contact WHERE contact.org_id = contact_conversation.org_id \
         AND contact.user_id = contact_conversation.user_id)",
        "ittttittitittbit",
    ),
    ("contact_message", "message_id, conversation_id, sender, content, created_at, digest", "bittib"),
    ("awaited_user", "user_id", "b"),
];

async fn lines(server: &TestServer, org: OrgKey, query: String, kinds: &'static str) -> BTreeSet<String> {
    let rows = server.store().scan(org, move |conn| {
        let mut statement = Statement::new(&query);
        statement.push(" = ").bind(Value::Int(org.0));
        conn.all_of(&statement, |row| {
            let mut line = String::new();
            for (column, kind) in kinds.chars().filter(|kind| *kind != ' ').enumerate() {
                let value = match kind {
                    'b' => {
                        let bytes = row.blob(column)?;
                        encode_hex(bytes, &mut vec![0; 2 * bytes.len()]).to_owned()
                    }
                    'i' => format!("{:?}", row.optional_int(column)?),
                    _ => format!("{:?}", row.optional_text(column)?),
                };
                line.push_str(&value);
                line.push(' ');
            }
            Ok::<_, StoreError>(line)
        })
    });
    rows.await.unwrap().into_iter().collect()
}

/// All that is known in an organization, but for what depends on the order of arrival.
pub(super) async fn tables(org: &TestOrg) -> Vec<(&'static str, BTreeSet<String>)> {
    let key = org.key_in_store().await;
    let mut all = Vec::new();
    for (table, columns, kinds) in TABLES {
        let query = format!("SELECT {columns} FROM {table} WHERE {table}.org_id");
        all.push((table, lines(&org.server, key, query, kinds).await));
    }
    // The first administrator is another one in each organization.
    all[0].1.retain(|line| !line.contains("\"admin@"));
    all
}

/// # Panics
/// When what was counted as it arrived is not what counting says now, a conversation holds messages of somebody else, or
/// somebody is spoken of who is neither there nor awaited.
pub(super) async fn assert_coherent(org: &TestOrg) {
    let key = org.key_in_store().await;
    let wrong_figures = "SELECT user_id FROM users WHERE (
           num_conversations <> (SELECT count(*) FROM conversation
               WHERE conversation.org_id = users.org_id AND conversation.user_id = users.user_id)
        OR num_messages <> (SELECT count(*) FROM message
               WHERE message.org_id = users.org_id AND message.user_id = users.user_id)
        OR last_message_at <> (SELECT coalesce(max(message.created_at), 0) FROM message
               WHERE message.org_id = users.org_id AND message.user_id = users.user_id)) AND users.org_id";
    let strange_messages = "SELECT message.message_id FROM message JOIN conversation
        ON conversation.org_id = message.org_id AND conversation.conversation_id = message.conversation_id
        WHERE conversation.user_id <> message.user_id AND message.org_id";
    let divided_conversations = "SELECT message.message_id FROM message JOIN message AS other
        ON other.org_id = message.org_id AND other.conversation_id = message.conversation_id
        WHERE other.user_id <> message.user_id AND message.org_id";
    let strange_contact_messages = "SELECT message_id FROM contact_message JOIN contact_conversation
        ON contact_conversation.org_id = contact_message.org_id
        AND contact_conversation.conversation_id = contact_message.conversation_id
        WHERE contact_conversation.user_id <> contact_message.user_id AND contact_message.org_id";
    let came_and_awaited = "SELECT awaited_user.user_id FROM awaited_user JOIN users
        ON users.org_id = awaited_user.org_id AND users.user_id = awaited_user.user_id WHERE awaited_user.org_id";
    let queries =
        [wrong_figures, strange_messages, divided_conversations, strange_contact_messages, came_and_awaited];
    for query in queries {
        assert_eq!(lines(&org.server, key, query.to_owned(), "b").await, BTreeSet::new(), "{query}");
    }
    for table in ["conversation", "message", "memory", "user_model", "external_event"] {
        let query = format!(
            "SELECT {table}.user_id FROM {table} WHERE NOT EXISTS (SELECT 1 FROM users
                WHERE users.org_id = {table}.org_id AND users.user_id = {table}.user_id)
             AND NOT EXISTS (SELECT 1 FROM awaited_user
                WHERE awaited_user.org_id = {table}.org_id AND awaited_user.user_id = {table}.user_id)
             AND {table}.org_id"
        );
        assert_eq!(lines(&org.server, key, query, "b").await, BTreeSet::new(), "{table}");
    }
    org.server.assert_consistent().await;
}
