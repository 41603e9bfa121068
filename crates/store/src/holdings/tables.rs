//! The declarations: every table and every column of the schema.

use denizen_domain::member::Directory::{self, Contacts, Members, Operators};

use super::{Column, Erasing, Holds, Table};
use crate::sql::Dialect;

const fn column(name: &'static str, holds: Holds, why: &'static str) -> Column {
    Column { name, holds, why, only: None }
}

const fn subject(name: &'static str) -> Column {
    column(name, Holds::Subject, "whom the row is about")
}

const fn personal(name: &'static str, why: &'static str) -> Column {
    column(name, Holds::Personal, why)
}

const fn mention(name: &'static str, why: &'static str) -> Column {
    column(name, Holds::Mention, why)
}

const fn plain(name: &'static str, why: &'static str) -> Column {
    column(name, Holds::Nothing, why)
}

const fn only(engine: Dialect, column: Column) -> Column {
    Column { only: Some(engine), ..column }
}

const fn table(name: &'static str, erasing: Erasing, columns: &'static [Column]) -> Table {
    Table { name, erasing, columns, only: None, directory: None, marked: None }
}

const fn sqlite_table(name: &'static str, erasing: Erasing, columns: &'static [Column]) -> Table {
    Table { only: Some(Dialect::Sqlite), ..table(name, erasing, columns) }
}

impl Table {
    /// Holds something of users of one directory.
    const fn of(self, directory: Directory) -> Self {
        Self { directory: Some(directory), ..self }
    }

    /// Has rows that are cleared, and the column that then has the time.
    const fn marked(self, column: &'static str) -> Self {
        Self { marked: Some(column), ..self }
    }
}

const ORG: Column = plain("org_id", "the organization");
const CREATED: Column = plain("created_at", "a time");
const UPDATED: Column = plain("updated_at", "a time");
/// It would confirm a guess of the whole record, so it goes with it.
const DIGEST: Column = personal("digest", "hash of the record");

/// Every table, on either engine. Of those that are erased in batches, the first one is emptied first: a memory shows only
/// while its messages are there.
pub const TABLES: &[Table] = &[
    // About organizations and the installation.
    table(
        "organization",
        Erasing::Kept("about organizations"),
        &[
            ORG,
            plain("org_uuid", "an id of the organization"),
            plain("slug", "the organization's name in paths"),
            plain("cluster", "where the organization lives"),
            plain("parent_org_id", "another organization"),
            CREATED,
        ],
    ),
    table(
        "signing_key",
        Erasing::Kept("of the installation"),
        &[
            plain("kid", "names the key"),
            plain("pkcs8", "the key, which signs for everybody"),
            CREATED,
            plain("retired_at", "a time"),
            plain("algorithm", "how the key signs"),
            plain("signs_from", "a time"),
        ],
    ),
    table(
        "schema_migration",
        Erasing::Kept("of the installation"),
        &[
            plain("version", "a step of the schema"),
            plain("name", "a step of the schema"),
            plain("checksum", "of the step's text"),
            plain("applied_at", "a time"),
        ],
    ),
    table(
        "organization_profile",
        Erasing::Kept("about organizations"),
        &[
            ORG,
            plain("name", "the organization's"),
            plain("title", "the organization's"),
            plain("main_description", "the organization's"),
            plain("sub_description", "the organization's"),
            plain("onboarding", "the organization's"),
            plain("user_dimensions", "along which users are modelled; no user's"),
            plain("default_preferences", "of users to come"),
            plain("verify_at_creation", "a setting"),
            plain("unverified_sign_in", "a setting"),
            plain("allowed_origins", "a setting"),
            UPDATED,
        ],
    ),
    table(
        "organization_image",
        Erasing::Kept("about organizations"),
        &[ORG, plain("kind", "which image"), plain("content", "an image of the organization's pages")],
    ),
    table(
        "directory_counter",
        Erasing::Kept("a total, which goes down by one"),
        &[
            ORG,
            plain("directory", "which directory"),
            only(Dialect::Postgres, plain("slot", "a part of the total")),
            plain("users", "a total"),
            only(Dialect::Sqlite, plain("last_seq", "the last position that was given out")),
        ],
    ),
    table(
        "role",
        Erasing::Kept("of the organization"),
        &[
            ORG,
            plain("role_id", "an id"),
            plain("name", "the organization's word"),
            plain("description", "the organization's words"),
            plain("frontend_view", "a setting"),
            plain("grants", "what the role may do"),
            plain("is_super", "a setting"),
            CREATED,
            UPDATED,
        ],
    ),
    table(
        "rate_permit",
        Erasing::Kept("gone after a minute"),
        &[
            ORG,
            plain("permit_key", "hash of what is counted"),
            plain("minute", "a time"),
            plain("taken", "a count"),
            plain("granted", "a count"),
        ],
    ),
    // About users.
    table(
        "users",
        Erasing::User,
        &[
            plain("position", "the number of the row"),
            ORG,
            plain("directory", "which directory"),
            subject("user_id"),
            personal("email", "the address"),
            personal("email_key", "the address"),
            personal("first_name", "the name"),
            personal("last_name", "the name"),
            personal("first_key", "the name"),
            personal("last_key", "the name"),
            personal("search_text", "name and address"),
            plain("role_id", "a role of the organization"),
            plain("is_verified", "a state of the row"),
            personal("preferences", "language, time zone, words"),
            personal("open_variables", "what the organization notes"),
            personal("secret_variables", "what the organization notes"),
            personal("additional_context", "what is to be known in conversations"),
            personal("num_conversations", "statistics"),
            personal("num_messages", "statistics"),
            personal("last_message_at", "statistics"),
            plain("created_api_key", "whether a tombstone is left"),
            CREATED,
            UPDATED,
        ],
    ),
    table(
        "user_tombstone",
        Erasing::Kept("tells that a creator of an API key was deleted"),
        &[
            ORG,
            mention("user_id", "an id that API keys name as their creator"),
            plain("directory", "which directory"),
            plain("deleted_at", "a time"),
        ],
    ),
    table(
        "user_search",
        Erasing::SearchIndex,
        &[
            only(Dialect::Postgres, ORG),
            only(Dialect::Postgres, plain("position", "the number of the user's row")),
            only(Dialect::Postgres, personal("windows", "hashes of parts of name and address")),
            only(Dialect::Sqlite, personal("grams", "parts of name and address; kept in the tables below")),
            only(Dialect::Sqlite, plain("user_search", "FTS5: takes commands, holds nothing")),
            only(Dialect::Sqlite, plain("rank", "FTS5: takes commands, holds nothing")),
        ],
    ),
    sqlite_table(
        "user_search_data",
        Erasing::SearchIndex,
        &[
            plain("id", "FTS5: the number of a page"),
            personal("block", "FTS5: parts of names and addresses, each with the rows that have it"),
        ],
    ),
    sqlite_table(
        "user_search_idx",
        Erasing::SearchIndex,
        &[
            plain("segid", "FTS5: the number of a segment"),
            plain("term", "FTS5: three letters that begin a page; of no user"),
            plain("pgno", "FTS5: the number of a page"),
        ],
    ),
    sqlite_table(
        "user_search_config",
        Erasing::Kept("settings of FTS5"),
        &[plain("k", "FTS5: a setting"), plain("v", "FTS5: a setting")],
    ),
    sqlite_table(
        "sqlite_sequence",
        Erasing::Kept("of SQLite"),
        &[plain("name", "a table"), plain("seq", "the last number that was given out")],
    ),
    table(
        "api_key",
        Erasing::Kept("of the organization: it signs others in"),
        &[
            ORG,
            plain("key_id", "an id"),
            plain("record_id", "an id"),
            plain("name", "the organization's word for the key"),
            plain("secret_hash", "a hash of the key"),
            plain("role_id", "a role of the organization"),
            plain("creator_org_id", "the organization of the creator"),
            mention("creator_user_id", "who made the key; the tombstone tells that this user was deleted"),
            CREATED,
            UPDATED,
            plain("expires_at", "a time"),
        ],
    ),
    table(
        "link",
        Erasing::AtOnce,
        &[
            ORG,
            plain("secret_hash", "a hash of the link"),
            subject("user_id"),
            plain("purpose", "what the link does"),
            personal("redirect", "where the user wanted to go"),
            plain("expires_at", "a time"),
        ],
    )
    .of(Members),
    table(
        "job",
        Erasing::AtOnce,
        &[
            ORG,
            plain("job_id", "an id"),
            plain("kind", "what is to be done"),
            subject("user_id"),
            personal("payload", "address and link of a mail; of an account that is to be deleted, its id"),
            plain("state", "how far it is"),
            plain("attempts", "a count"),
            plain("run_at", "a time"),
            plain("lease_until", "a time"),
            personal("last_error", "what a mail server said"),
            CREATED,
            UPDATED,
        ],
    ),
    table(
        "linked_account",
        Erasing::AtOnce,
        &[
            ORG,
            subject("user_id"),
            plain("provider", "who keeps the account"),
            personal("tenant", "where the account is"),
            personal("account_id", "an id of the user"),
            UPDATED,
        ],
    )
    .of(Members),
    table(
        "temporary_grant",
        Erasing::AtOnce,
        &[
            ORG,
            plain("grant_id", "an id"),
            plain("position", "the number of the row"),
            subject("user_id"),
            personal("permission_name", "what the user may do"),
            personal("permission_grant", "what the user may do"),
            personal("justification", "why"),
            plain("creator_org_id", "the organization of the creator"),
            mention("creator_user_id", "who made the grant"),
            CREATED,
            plain("expires_at", "a time"),
        ],
    )
    .of(Members),
    table(
        "temporary_grant_tag",
        Erasing::With("temporary_grant"),
        &[
            ORG,
            plain("grant_id", "an id"),
            personal("name", "what was noted about the grant"),
            personal("value", "what was noted about the grant"),
        ],
    )
    .of(Members),
    table("awaited_user", Erasing::AtOnce, &[ORG, subject("user_id"), plain("since", "a time")]).of(Members),
    table(
        "message",
        Erasing::InBatches { key: "message_id", size: "octet_length(content)" },
        &[
            ORG,
            plain("message_id", "an id"),
            plain("conversation_id", "an id"),
            subject("user_id"),
            personal("sender", "who wrote it"),
            personal("content", "what was said"),
            DIGEST,
            CREATED,
            UPDATED,
        ],
    )
    .of(Members),
    table(
        "conversation",
        Erasing::InBatches { key: "conversation_id", size: "1" },
        &[
            ORG,
            plain("conversation_id", "an id"),
            subject("user_id"),
            personal("started_at", "when it was said"),
            personal("ended_at", "when it was said"),
            personal("title", "what was said"),
            DIGEST,
            CREATED,
            UPDATED,
        ],
    )
    .of(Members),
    table(
        "memory",
        // With its references, of which there may be a thousand.
        Erasing::InBatches {
            key: "memory_id",
            size: "octet_length(content) + octet_length(context) + 16000",
        },
        &[
            ORG,
            plain("memory_id", "an id"),
            subject("user_id"),
            plain("position", "the number of the row"),
            plain("conversation_id", "an id"),
            personal("content", "what is known"),
            personal("context", "what is known"),
            DIGEST,
            CREATED,
            UPDATED,
        ],
    )
    .of(Members),
    table(
        "memory_reference",
        Erasing::With("memory"),
        &[
            ORG,
            plain("memory_id", "an id"),
            plain("ordinal", "a place in a list"),
            plain("message_id", "an id"),
        ],
    )
    .of(Members),
    table(
        "user_model",
        Erasing::InBatches {
            key: "user_model_id",
            size: "octet_length(content) + octet_length(insight_ids) + octet_length(dimensions)",
        },
        &[
            ORG,
            plain("user_model_id", "an id"),
            subject("user_id"),
            personal("content", "what is known"),
            personal("insight_ids", "what it was drawn from"),
            personal("dimensions", "what is known"),
            DIGEST,
            CREATED,
            UPDATED,
        ],
    )
    .of(Members),
    table(
        "external_event",
        Erasing::InBatches {
            key: "event_id",
            size: "octet_length(description) + coalesce(octet_length(transcript), 0)",
        },
        &[
            ORG,
            plain("event_id", "an id"),
            subject("user_id"),
            plain("position", "the number of the row"),
            personal("type", "what happened"),
            personal("starts_at", "when it happened"),
            personal("ends_at", "when it happened"),
            personal("description", "what happened"),
            personal("transcript", "what was said"),
            DIGEST,
            CREATED,
            UPDATED,
        ],
    )
    .of(Members),
    // About contacts, whose ids stand in columns named user_id as well.
    table(
        "access_token",
        Erasing::Kept("of the organization: a program calls with it"),
        &[
            ORG,
            plain("token_id", "an id"),
            plain("name", "the organization's word for the token"),
            plain("secret_hash", "a hash of the token"),
            plain("role_id", "a role of the organization"),
            CREATED,
            plain("expires_at", "a time"),
        ],
    ),
    table(
        "contact",
        Erasing::Contact,
        &[
            plain("position", "the number of the row"),
            ORG,
            subject("user_id"),
            personal("display_name", "the name"),
            personal("first_name", "the name"),
            personal("last_name", "the name"),
            personal("middle_names", "the name"),
            personal("email", "the address"),
            personal("additional_emails", "addresses"),
            personal("phone", "the number"),
            personal("additional_phones", "numbers"),
            personal("external_id", "an id of the contact elsewhere"),
            personal("avatar_url", "a picture"),
            personal("attributes", "what the organization notes"),
            personal("search_text", "the names"),
            CREATED,
            UPDATED,
            plain("anonymized_at", "a time"),
        ],
    )
    .of(Contacts)
    .marked("anonymized_at"),
    table(
        "contact_identifier",
        Erasing::AtOnce,
        &[
            ORG,
            plain("kind", "address or number"),
            personal("key", "the address or number"),
            subject("user_id"),
        ],
    )
    .of(Contacts),
    table(
        "attribute_definition",
        Erasing::Kept("of the organization"),
        &[
            ORG,
            plain("definition_id", "an id"),
            plain("entity", "what is described"),
            plain("identifier", "the organization's word"),
            plain("label", "the organization's word"),
            plain("description", "the organization's words"),
            plain("input", "the organization's choices"),
            plain("is_required", "a setting"),
            plain("is_archived", "a setting"),
            plain("is_deactivated", "a setting"),
            CREATED,
            UPDATED,
        ],
    ),
    table(
        "contact_message",
        Erasing::InBatches { key: "message_id", size: "coalesce(octet_length(content), 0)" },
        &[
            ORG,
            plain("message_id", "an id"),
            plain("conversation_id", "an id"),
            subject("user_id"),
            personal("sender", "who wrote it"),
            personal("content", "what was said"),
            DIGEST,
            CREATED,
            UPDATED,
            plain("anonymized_at", "a time"),
        ],
    )
    .of(Contacts)
    .marked("anonymized_at"),
    table(
        "contact_conversation",
        Erasing::Cleared {
            key: "conversation_id",
            size: "coalesce(octet_length(details), 0) + coalesce(octet_length(attributes), 0)",
        },
        &[
            ORG,
            plain("conversation_id", "an id"),
            subject("user_id"),
            plain("kind", "by which kind of channel it came"),
            plain("channel", "by which channel it came"),
            plain("direction", "who began it"),
            plain("state", "how far it is"),
            plain("state_changed_at", "a time"),
            personal("assignment", "who talked with the contact"),
            personal("queue", "who was to talk with the contact"),
            plain("parent_id", "another conversation"),
            plain("link_kind", "what the other conversation is to it"),
            plain("transport_expires_at", "a time"),
            personal("details", "addresses, numbers, subject, browser"),
            personal("attributes", "what the organization notes"),
            DIGEST,
            CREATED,
            UPDATED,
            plain("anonymized_at", "a time"),
        ],
    )
    .of(Contacts)
    .marked("anonymized_at"),
    table(
        "anonymization_request",
        Erasing::Kept("tells that and when it was done"),
        &[
            ORG,
            plain("request_id", "an id"),
            plain("entity", "what is anonymized"),
            mention("target", "the id of what is anonymized, which stays"),
            plain("requested_by", "the token that asked for it"),
            plain("initiated_at", "a time"),
            plain("processed_at", "a time"),
        ],
    ),
    table(
        "erasure_receipt",
        Erasing::Kept("keeps out what arrives late"),
        &[
            ORG,
            plain("subject_hash", "hash of the id; leads to nothing of the user"),
            plain("erased_at", "a time"),
        ],
    ),
    // About operators, whose ids stand in columns named user_id as well.
    table(
        "environment",
        Erasing::Kept("about the organization's environments"),
        &[
            ORG,
            plain("environment_id", "an id of the environment"),
            plain("name", "the environment's"),
            plain("is_active", "a setting"),
            CREATED,
            UPDATED,
        ],
    ),
    table(
        "bot",
        Erasing::Kept("about the organization's bots"),
        &[
            ORG,
            plain("bot_id", "an id of the bot"),
            plain("environment_id", "where the bot lives"),
            plain("name", "the bot's"),
            plain("image_url", "a picture of the bot"),
            plain("is_active", "a setting"),
            CREATED,
            UPDATED,
        ],
    ),
    table(
        "operator",
        Erasing::Operator,
        &[
            plain("position", "the number of the row"),
            ORG,
            subject("user_id"),
            personal("email", "the address"),
            personal("email_key", "the address"),
            personal("name", "the name"),
            personal("name_key", "the name"),
            personal("company", "whom the operator works for"),
            personal("company_key", "whom the operator works for"),
            plain("is_admin", "a state of the row"),
            plain("role", "a state of the row"),
            personal("password_hash", "made from the password"),
            plain("credential_version", "a count"),
            personal("search_text", "the name, the address and the company"),
            CREATED,
            UPDATED,
            personal("image", "a picture"),
        ],
    )
    .of(Operators),
    table(
        "operator_environment",
        Erasing::AtOnce,
        &[ORG, subject("user_id"), plain("environment_id", "an environment of the organization")],
    )
    .of(Operators),
    table(
        "operator_bot",
        Erasing::AtOnce,
        &[ORG, subject("user_id"), plain("bot_id", "a bot of the organization")],
    )
    .of(Operators),
    table(
        "operator_configuration",
        Erasing::AtOnce,
        &[
            ORG,
            subject("user_id"),
            personal("key", "what programs keep for the operator"),
            plain("bot_id", "a bot of the organization"),
            personal("value", "what programs keep for the operator"),
            UPDATED,
        ],
    )
    .of(Operators),
    table(
        "operator_link",
        Erasing::AtOnce,
        &[
            ORG,
            personal("secret_hash", "of the secret that was mailed to the operator"),
            subject("user_id"),
            personal("language", "the operator's, as far as is known"),
            plain("expires_at", "a time"),
        ],
    )
    .of(Operators),
    table(
        "operator_import",
        Erasing::Kept("counts of what a file brought"),
        &[
            ORG,
            plain("import_id", "made from the content of a whole file"),
            plain("entries_done", "a count"),
            plain("created", "a count"),
            plain("failed", "a count"),
            plain("errors_bytes", "a count"),
            plain("begun_at", "a time"),
            UPDATED,
        ],
    ),
];
