//! The declarations of tables about contacts, whose ids stand in columns named user_id as well.

use denizen_domain::member::Directory::Contacts;

use super::{CREATED, DIGEST, ORG, UPDATED, mention, personal, plain, subject, table};
use crate::holdings::{Erasing, Numbers, Table};

pub(super) const TABLES: &[Table] = &[
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
    )
    .copied(&["token_id"])
    .after(&["role"]),
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
    .numbered(Numbers::Fresh(Contacts))
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
    .copied(&["kind", "key"])
    .after(&["contact"])
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
    )
    .copied(&["definition_id"]),
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
    .copied(&["message_id"])
    .after(&["contact_conversation"])
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
    .copied(&["conversation_id"])
    .after(&["contact"])
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
    )
    .copied(&["request_id"]),
    table(
        "erasure_receipt",
        Erasing::Kept("keeps out what arrives late"),
        &[
            ORG,
            plain("subject_hash", "hash of the id; leads to nothing of the user"),
            plain("erased_at", "a time"),
        ],
    )
    .copied(&["subject_hash"]),
];
