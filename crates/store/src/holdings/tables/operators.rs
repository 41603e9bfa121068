//! The declarations of tables about operators, whose ids stand in columns named user_id as well.

use denizen_domain::member::Directory::Operators;

use super::{CREATED, ORG, UPDATED, personal, plain, subject, table};
use crate::holdings::{Erasing, Numbers, Table};

pub(super) const TABLES: &[Table] = &[
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
    )
    .copied(&["environment_id"]),
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
    )
    .copied(&["bot_id"])
    .after(&["environment"]),
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
    .numbered(Numbers::Fresh(Operators))
    .of(Operators),
    table(
        "operator_environment",
        Erasing::AtOnce,
        &[ORG, subject("user_id"), plain("environment_id", "an environment of the organization")],
    )
    .copied(&["user_id", "environment_id"])
    .after(&["operator", "environment"])
    .of(Operators),
    table(
        "operator_bot",
        Erasing::AtOnce,
        &[ORG, subject("user_id"), plain("bot_id", "a bot of the organization")],
    )
    .copied(&["user_id", "bot_id"])
    .after(&["operator", "bot"])
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
    .copied(&["user_id", "key", "bot_id"])
    .after(&["operator"])
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
    .copied(&["user_id", "secret_hash"])
    .after(&["operator"])
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
    )
    .copied(&["import_id"]),
];
