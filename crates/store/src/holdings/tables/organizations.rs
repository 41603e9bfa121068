//! The declarations of tables about organizations and the installation.

use super::{CREATED, ORG, UPDATED, only, plain, postgres_table, table};
use crate::holdings::{Erasing, Table};
use crate::sql::Dialect;

pub(super) const TABLES: &[Table] = &[
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
    )
    .staying("of the control store, which says where the organization lives"),
    table(
        "cluster",
        Erasing::Kept("of the installation"),
        &[
            plain("name", "names the cluster"),
            plain("url", "where its database is"),
            plain("replica_url", "where a copy of its database is"),
            plain("placed_by", "organizations"),
            CREATED,
        ],
    )
    .staying("of the control store"),
    table(
        "belonging",
        Erasing::Kept("of the database"),
        &[
            plain("only_row", "always 1"),
            plain("installation", "an id of the installation"),
            plain("cluster", "names the cluster"),
        ],
    )
    .staying("of the database"),
    table(
        "organization_gate",
        Erasing::Kept("about organizations"),
        &[
            ORG,
            plain("state", "of the gate"),
            plain("owner", "an id of whoever shut it"),
            plain("until", "a time"),
        ],
    )
    .staying("of the database: who moves an organization holds one in each"),
    table(
        "organization_move",
        Erasing::Kept("about organizations"),
        &[
            ORG,
            plain("source", "names a cluster"),
            plain("target", "names a cluster"),
            plain("owner", "an id of whoever moves it"),
            plain("begun_at", "a time"),
        ],
    )
    .staying("of the control store"),
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
    )
    .staying("of the control store"),
    table(
        "schema_migration",
        Erasing::Kept("of the installation"),
        &[
            plain("version", "a step of the schema"),
            plain("name", "a step of the schema"),
            plain("checksum", "of the step's text"),
            plain("applied_at", "a time"),
        ],
    )
    .staying("of each database"),
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
    )
    .copied(&[]),
    table(
        "organization_image",
        Erasing::Kept("about organizations"),
        &[ORG, plain("kind", "which image"), plain("content", "an image of the organization's pages")],
    )
    .copied(&["kind"])
    .after(&["organization_profile"]),
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
    )
    .rebuilt("counted anew from what was copied"),
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
    )
    .copied(&["role_id"]),
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
    )
    .staying("gone after a minute"),
    postgres_table(
        "replica_proof",
        Erasing::Kept("of the database"),
        &[
            plain("only_row", "always 1"),
            plain("life", "a server and its timeline"),
            plain("proof", "an id of the timeline"),
        ],
    )
    .staying("of the database"),
];
