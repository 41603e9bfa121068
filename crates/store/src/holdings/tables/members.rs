//! The declarations of tables about users of any directory and about members.

use denizen_domain::member::Directory::Members;

use super::{
    CREATED, DIGEST, ORG, UPDATED, mention, personal, plain, postgres_table, sqlite_table, subject, table,
};
use crate::holdings::{Erasing, Numbers, Table};

pub(super) const TABLES: &[Table] = &[
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
    )
    .numbered(Numbers::Kept)
    .after(&["role"]),
    table(
        "user_tombstone",
        Erasing::Kept("tells that a creator of an API key was deleted"),
        &[
            ORG,
            mention("user_id", "an id that API keys name as their creator"),
            plain("directory", "which directory"),
            plain("deleted_at", "a time"),
        ],
    )
    .copied(&["user_id"]),
    postgres_table(
        "user_search",
        Erasing::SearchIndex,
        &[
            ORG,
            plain("position", "the number of the user's row"),
            personal("windows", "hashes of parts of name and address"),
        ],
    )
    .rebuilt("made from the text of each row"),
    sqlite_table(
        "user_window",
        Erasing::SearchIndex,
        &[
            ORG,
            plain("directory", "which directory"),
            plain("block", "the numbers that the row is about"),
            personal("letters", "a part of names and addresses"),
            personal("users", "the numbers of those who have it in theirs"),
        ],
    )
    .rebuilt("made from the text of each row"),
    sqlite_table(
        "user_text",
        Erasing::SearchIndex,
        &[
            ORG,
            plain("directory", "which directory"),
            plain("chunk", "the numbers that the row is about"),
            personal("texts", "names and addresses"),
        ],
    )
    .rebuilt("made from the text of each row"),
    sqlite_table(
        "search_block",
        Erasing::Kept("tells whether the search index has changed"),
        &[
            ORG,
            plain("directory", "which directory"),
            plain("block", "the numbers that the row is about"),
            plain("stamp", "a random number"),
        ],
    )
    .rebuilt("made with the search index"),
    sqlite_table(
        "search_mark",
        Erasing::Kept("tells how far the search index reaches"),
        &[
            ORG,
            plain("directory", "which directory"),
            plain("posted", "a number"),
            plain("gathered", "a number"),
        ],
    )
    .rebuilt("of the search index"),
    sqlite_table(
        "sqlite_sequence",
        Erasing::Kept("of SQLite"),
        &[plain("name", "a table"), plain("seq", "the last number that was given out")],
    )
    .staying("of SQLite"),
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
    )
    .copied(&["key_id"])
    .after(&["role"]),
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
    .copied(&["secret_hash"])
    .after(&["users"])
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
    )
    .copied(&["job_id"]),
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
    .copied(&["user_id", "provider"])
    .after(&["users"])
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
    .copied(&["grant_id"])
    .with_records()
    .after(&["users"])
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
    .copied(&["grant_id", "name"])
    .after(&["temporary_grant"])
    .of(Members),
    table("awaited_user", Erasing::AtOnce, &[ORG, subject("user_id"), plain("since", "a time")])
        .copied(&["user_id"])
        .of(Members),
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
    .copied(&["message_id"])
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
    .copied(&["conversation_id"])
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
    .copied(&["memory_id"])
    .with_records()
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
    .copied(&["memory_id", "ordinal"])
    .after(&["memory"])
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
    .copied(&["user_model_id"])
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
    .copied(&["event_id"])
    .with_records()
    .of(Members),
];
