//! Whether a user is erased: what an operator is shown as proof.

use std::fmt;

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::time::Timestamp;
use denizen_store::anonymizations::{self, AnonymizationTarget};
use denizen_store::{Conn, awaited_users, contacts, erasures, holdings, jobs, operators, users};
use serde::Serialize;

use crate::error::{ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs::{ANONYMIZE, DELETE_ACCOUNT, ERASE_USER, SCRUB_STORE, Work, payload};

/// Whose erasure is to be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    Member(UserId),
    /// Contacts are erased by being made anonymous.
    Contact(Uuid),
    Operator(Uuid),
}

impl Erased {
    /// An id as it is written on the wire: a member's, or a UUID, which [`Directory::whose_erasure`] tells from an operator's.
    pub fn parse(text: &str) -> Option<Self> {
        let member = || UserId::parse_member(text).map(Self::Member);
        Uuid::parse(text).map(Self::Contact).or_else(member)
    }

    fn directory(self) -> UserDirectory {
        match self {
            Self::Member(_) => UserDirectory::Members,
            Self::Contact(_) => UserDirectory::Contacts,
            Self::Operator(_) => UserDirectory::Operators,
        }
    }

    fn user(self) -> UserId {
        match self {
            Self::Member(user) => user,
            Self::Contact(id) | Self::Operator(id) => UserId::from_uuid(id),
        }
    }
}

impl fmt::Display for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(user) => user.as_member().fmt(f),
            Self::Contact(id) | Self::Operator(id) => id.fmt(f),
        }
    }
}

/// What is there of a user, and what is still to be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasureReport {
    pub user_id: String,
    /// When the user was erased; none where there is no receipt.
    pub erased_at: Option<Timestamp>,
    /// Whether the user exists; of a contact, whether it does and was not made anonymous.
    pub exists: bool,
    /// When a contact was made anonymous who is still there as an id with its times; none for everybody else.
    pub anonymized_at: Option<Timestamp>,
    /// Whether the user is awaited, because something arrived that is about the user.
    pub awaited: bool,
    /// Whether it is kept that a creator of an API key was deleted.
    pub tombstone: bool,
    /// The rows about the user in which something personal is left, by table.
    pub rows: Vec<TableRows>,
    pub jobs: ErasureJobCounts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableRows {
    pub table: &'static str,
    pub rows: i64,
}

/// The jobs that are not done and may be about what is left of the user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ErasureJobCounts {
    /// Those that erase rows of this user.
    pub erase_user: i64,
    /// Those that make this contact anonymous.
    pub anonymize: i64,
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
            && jobs.erase_user + jobs.anonymize + jobs.scrub_store + jobs.delete_account == 0
    }

    pub fn rows_left(&self) -> i64 {
        self.rows.iter().map(|table| table.rows).sum()
    }
}

impl Directory {
    /// Whose erasure is meant: by its form alone a UUID may be a contact's or an operator's.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn whose_erasure(&self, slug: &str, whose: Erased) -> Result<Erased> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let Erased::Contact(id) = whose else { return Ok(whose) };
        let user = UserId::from_uuid(id);
        let find = move |conn: &Conn<'_>| {
            let was_operator = erasures::find(conn, UserDirectory::Operators, user)?.is_some();
            Ok(was_operator || operators::find_credentials(conn, user)?.is_some())
        };
        let is_operator = self.query(organization.org, find).await?;
        Ok(if is_operator { Erased::Operator(id) } else { whose })
    }

    /// What is there of a user, and what is still to be done about it; for an operator.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationNotFound`].
    pub async fn erasure_report(&self, slug: &str, whose: Erased) -> Result<ErasureReport> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.read(organization.org, move |conn| {
            let (directory, user) = (whose.directory(), whose.user());
            let erased_at = erasures::find(conn, directory, user)?;
            let rows = holdings::count_rows(conn, directory, user)?;
            let (exists, anonymized_at) = presence(conn, whose)?;
            Ok(ErasureReport {
                user_id: whose.to_string(),
                erased_at,
                exists,
                anonymized_at,
                awaited: awaited_users::find_many(conn, &[user])?.contains(&user),
                tombstone: users::is_buried(conn, user)?,
                rows: rows.into_iter().map(|(table, rows)| TableRows { table, rows }).collect(),
                jobs: count_jobs(conn, whose, erased_at)?,
            })
        })
        .await
    }
}

/// Whether somebody is there as one who can be known, and since when as one who cannot.
fn presence(conn: &Conn<'_>, whose: Erased) -> Result<(bool, Option<Timestamp>)> {
    Ok(match whose {
        Erased::Member(user) => (users::find(conn, UserDirectory::Members, user)?.is_some(), None),
        Erased::Contact(_) => match contacts::find(conn, whose.user())? {
            Some(contact) => (contact.anonymized_at.is_none(), contact.anonymized_at),
            None => (false, None),
        },
        Erased::Operator(_) => (operators::find_credentials(conn, whose.user())?.is_some(), None),
    })
}

fn count_jobs(conn: &Conn<'_>, whose: Erased, erased_at: Option<Timestamp>) -> Result<ErasureJobCounts> {
    // Without a receipt nothing says which of them are this user's, so all of them may be.
    let since = erased_at.unwrap_or(Timestamp(i64::MIN));
    let mut counts =
        ErasureJobCounts { scrub_store: jobs::count_kind(conn, SCRUB_STORE, since)?, ..Default::default() };
    match whose {
        Erased::Member(user) => {
            let work = payload(&Work::EraseUser { user_id: user.as_member().to_string() })?;
            counts.erase_user = jobs::count_payload(conn, ERASE_USER, &work)?;
            let later = Timestamp(since.0.saturating_add(1));
            let after = if erased_at.is_some() { jobs::count_kind(conn, DELETE_ACCOUNT, later)? } else { 0 };
            counts.delete_account = jobs::count_kind(conn, DELETE_ACCOUNT, since)? - after;
        }
        Erased::Contact(id) => {
            if let Some(request) = anonymizations::find_by_target(conn, AnonymizationTarget::Contact(id))? {
                let work = payload(&Work::Anonymize { request_id: request.request_id })?;
                counts.anonymize = jobs::count_payload(conn, ANONYMIZE, &work)?;
            }
        }
        Erased::Operator(_) => {}
    }
    Ok(counts)
}
