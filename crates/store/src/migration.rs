//! The steps of the schema, for both engines.

use crate::error::{Result, StoreError};

/// One step of the schema. A step that has been released is never edited: its checksum is kept in each database.
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// Every step, in order. A step that only one engine needs is empty on the other.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "foundation",
        sqlite: include_str!("../migrations/sqlite/0001_foundation.sql"),
        postgres: include_str!("../migrations/postgres/0001_foundation.sql"),
    },
    Migration {
        version: 2,
        name: "rate_permit",
        sqlite: include_str!("../migrations/sqlite/0002_rate_permit.sql"),
        postgres: include_str!("../migrations/postgres/0002_rate_permit.sql"),
    },
    Migration {
        version: 3,
        name: "knowledge",
        sqlite: include_str!("../migrations/sqlite/0003_knowledge.sql"),
        postgres: include_str!("../migrations/postgres/0003_knowledge.sql"),
    },
    Migration {
        version: 4,
        name: "contacts",
        sqlite: include_str!("../migrations/sqlite/0004_contacts.sql"),
        postgres: include_str!("../migrations/postgres/0004_contacts.sql"),
    },
    Migration {
        version: 5,
        name: "operators",
        sqlite: include_str!("../migrations/sqlite/0005_operators.sql"),
        postgres: include_str!("../migrations/postgres/0005_operators.sql"),
    },
    Migration {
        version: 6,
        name: "clusters",
        sqlite: include_str!("../migrations/sqlite/0006_clusters.sql"),
        postgres: include_str!("../migrations/postgres/0006_clusters.sql"),
    },
    Migration {
        version: 7,
        name: "replica",
        sqlite: include_str!("../migrations/sqlite/0007_replica.sql"),
        postgres: include_str!("../migrations/postgres/0007_replica.sql"),
    },
    Migration {
        version: 8,
        name: "search_postings",
        sqlite: include_str!("../migrations/sqlite/0008_search_postings.sql"),
        postgres: include_str!("../migrations/postgres/0008_search_postings.sql"),
    },
    Migration {
        version: 9,
        name: "search_sets",
        sqlite: include_str!("../migrations/sqlite/0009_search_sets.sql"),
        postgres: include_str!("../migrations/postgres/0009_search_sets.sql"),
    },
    Migration {
        version: 10,
        name: "contact_identifier",
        sqlite: include_str!("../migrations/sqlite/0010_contact_identifier.sql"),
        postgres: include_str!("../migrations/postgres/0010_contact_identifier.sql"),
    },
    Migration {
        version: 11,
        name: "role_rows",
        sqlite: include_str!("../migrations/sqlite/0011_role_rows.sql"),
        postgres: include_str!("../migrations/postgres/0011_role_rows.sql"),
    },
];

/// The newest version that this denizen knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |step| step.version)
}

/// What is kept of a step's text.
pub(crate) fn checksum(sql: &str) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, sql.as_bytes()).as_ref().to_vec()
}

impl Migration {
    /// # Errors
    /// [`StoreError::Corrupt`] when the database was migrated by another text of this step.
    pub(crate) fn must_match(&self, found: &[u8], wanted: &[u8]) -> Result<()> {
        if found == wanted {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!(
            "schema step {} ({}) was applied from another text than this denizen has",
            self.version, self.name
        )))
    }
}
