//! Whether a user is erased: what an operator is shown as proof.

use denizen_domain::ids::UserId;
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::time::Timestamp;
use denizen_store::{awaited_users, erasures, holdings, jobs, users};
use serde::Serialize;

use crate::error::{ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs::{DELETE_ACCOUNT, ERASE_USER, SCRUB_STORE, Work, payload};

/// What is there of a user, and what is still to be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasureReport {
    pub user_id: String,
    /// When the user was erased; none where there is no receipt.
    pub erased_at: Option<Timestamp>,
    pub exists: bool,
    /// Whether the user is awaited, because something arrived that is about the user.
    pub awaited: bool,
    /// Whether it is kept that a creator of an API key was deleted.
    pub tombstone: bool,
    /// The rows about the user, by table.
    pub rows: Vec<TableRows>,
    pub jobs: ErasureJobCounts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableRows {
    pub table: &'static str,
    pub rows: i64,
}

/// The jobs that are not done and may be about what is left of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasureJobCounts {
    /// Those that erase rows of this user.
    pub erase_user: i64,
    /// Those of the organization that scrub the database's files, from the user's erasure on.
    pub scrub_store: i64,
    /// Those of the organization that delete an account at an identity provider and are as old as the user's erasure: its
    /// transaction wrote them.
    pub delete_account: i64,
}

impl ErasureReport {
    /// Whether there is a receipt and nothing is left.
    pub fn is_done(&self) -> bool {
        let jobs = &self.jobs;
        self.erased_at.is_some()
            && self.rows_left() == 0
            && jobs.erase_user + jobs.scrub_store + jobs.delete_account == 0
    }

    pub fn rows_left(&self) -> i64 {
        self.rows.iter().map(|table| table.rows).sum()
    }
}

impl Directory {
    /// What is there of a member, and what is still to be done about it; for an operator.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn erasure_report(&self, slug: &str, user: UserId) -> Result<ErasureReport> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let user_id = user.as_member().to_string();
        self.read(organization.org, move |conn| {
            let erased_at = erasures::find(conn, UserDirectory::Members, user)?;
            // Without a receipt nothing says which of them are this user's, so all of them may be.
            let since = erased_at.unwrap_or(Timestamp(i64::MIN));
            let later = Timestamp(since.0.saturating_add(1));
            let from_then = jobs::count_kind(conn, DELETE_ACCOUNT, since)?;
            let after = if erased_at.is_some() { jobs::count_kind(conn, DELETE_ACCOUNT, later)? } else { 0 };
            let work = payload(&Work::EraseUser { user_id: user_id.clone() })?;
            let rows = holdings::count_rows(conn, UserDirectory::Members, user)?;
            Ok(ErasureReport {
                user_id: user_id.clone(),
                erased_at,
                exists: users::find(conn, UserDirectory::Members, user)?.is_some(),
                awaited: awaited_users::find_many(conn, &[user])?.contains(&user),
                tombstone: users::is_buried(conn, user)?,
                rows: rows.into_iter().map(|(table, rows)| TableRows { table, rows }).collect(),
                jobs: ErasureJobCounts {
                    erase_user: jobs::count_payload(conn, ERASE_USER, &work)?,
                    scrub_store: jobs::count_kind(conn, SCRUB_STORE, since)?,
                    delete_account: from_then - after,
                },
            })
        })
        .await
    }
}
