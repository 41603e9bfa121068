//! What can be done to a store and asked of it, as values: so the same goes to every engine and to the model.
//!
//! Answers are written out with `Debug`, which leaves no field away. What the engines may number differently is taken out
//! before: positions of users, of which only the order counts, and the keys of organizations.

use std::fmt::Debug;

use denizen_domain::ids::{ObjectId, UserId, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::permission::{Filter, Grants, Placeholders, names};
use denizen_domain::time::Timestamp;
use denizen_store::api_keys::{self, ApiKey};
use denizen_store::jobs::{self, Job, Lease};
use denizen_store::links::{self, Link};
use denizen_store::organizations::{self, ImageKind, OrganizationProfile};
use denizen_store::roles::{self, Role};
use denizen_store::users::{self, NewUser, Position, User, UserQuery, UserSearch};
use denizen_store::{Conn, StoreError, Tx, holdings};

use super::memory::NO_ORG;

/// The name of every organization, for grants that name one.
pub(super) const ORG_ID: &str = "demo";

pub(super) fn written(value: &impl Debug) -> String {
    format!("{value:?}")
}

/// A user but for its number.
pub(super) fn unnumbered(user: &User) -> User {
    User { position: Position::START, ..user.clone() }
}

fn unnumbered_all(users: &[User]) -> Vec<User> {
    users.iter().map(unnumbered).collect()
}

/// One change to an organization.
#[derive(Debug, Clone)]
pub(super) enum Op {
    InsertRole(Role, Timestamp),
    UpdateRole(Role, Timestamp),
    PutProfile(OrganizationProfile, Timestamp),
    PutImage(ImageKind, Vec<u8>),
    InsertUser(NewUser, Timestamp),
    /// With the directory, and whether the search index has to follow.
    UpdateUser(Directory, User, bool, Timestamp),
    SetContext(UserId, Vec<String>, Timestamp),
    /// With the directory, and whether a tombstone stays.
    DeleteUser(Directory, UserId, bool, Timestamp),
    InsertLink(Link, Timestamp),
    DeleteLink([u8; 32]),
    InsertKey(ApiKey),
    DeleteKey(Uuid),
    DeleteExpiredKeys(Timestamp),
    InsertJob {
        id: ObjectId,
        kind: &'static str,
        user: Option<UserId>,
        payload: String,
        now: Timestamp,
    },
    ReportJob(Lease, Report, Timestamp),
    EraseSmall(UserId),
    EraseUsers(i64),
    EraseRest,
}

/// What a worker says about its job.
#[derive(Debug, Clone)]
pub(super) enum Report {
    Renew(Timestamp),
    Finish,
    Retry(Timestamp, String),
    HandBack,
    Fail(String),
}

impl Op {
    pub(super) fn run(&self, tx: &Tx<'_>) -> Result<String, StoreError> {
        Ok(match self {
            Self::InsertRole(role, now) => written(&roles::insert(tx, role, *now)?),
            Self::UpdateRole(role, now) => written(&roles::update(tx, role, *now)?),
            Self::PutProfile(profile, now) => written(&organizations::put_profile(tx, profile, *now)?),
            Self::PutImage(kind, content) => written(&organizations::put_image(tx, *kind, content)?),
            Self::InsertUser(user, now) => written(&users::insert(tx, user, *now)?.is_some()),
            Self::UpdateUser(directory, user, renamed, now) => {
                written(&users::update(tx, *directory, user, *renamed, *now)?)
            }
            Self::SetContext(id, context, now) => {
                written(&users::set_additional_context(tx, *id, context, *now)?)
            }
            Self::DeleteUser(directory, id, tombstone, now) => {
                written(&users::delete(tx, *directory, *id, *tombstone, *now)?)
            }
            Self::InsertLink(link, now) => written(&links::insert(tx, link, *now)?),
            Self::DeleteLink(hash) => written(&links::delete(tx, hash)?),
            Self::InsertKey(key) => written(&api_keys::insert(tx, key)?),
            Self::DeleteKey(id) => written(&api_keys::delete(tx, *id)?),
            Self::DeleteExpiredKeys(before) => written(&api_keys::delete_expired(tx, *before)?),
            Self::InsertJob { id, kind, user, payload, now } => {
                written(&jobs::insert(tx, *id, kind, *user, payload, *now)?)
            }
            Self::ReportJob(lease, report, now) => written(&match report {
                Report::Renew(until) => jobs::renew(tx, lease, *until, *now)?,
                Report::Finish => jobs::finish(tx, lease)?,
                Report::Retry(at, error) => jobs::retry(tx, lease, *at, error, *now)?,
                Report::HandBack => jobs::hand_back(tx, lease, *now)?,
                Report::Fail(error) => jobs::fail(tx, lease, error, *now)?,
            }),
            Self::EraseSmall(user) => written(&holdings::erase_small(tx, Directory::Members, *user)?),
            Self::EraseUsers(most) => written(&organizations::erase_users(tx, *most)?),
            Self::EraseRest => written(&organizations::erase_rest(tx)?),
        })
    }
}

/// One closure: changes that are done together or not at all.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) ops: Vec<Op>,
    /// The closure ends in an error after all of them.
    pub(super) fails: bool,
}

impl Batch {
    pub(super) fn run(&self, tx: &Tx<'_>) -> Result<Vec<String>, StoreError> {
        let answers = self.ops.iter().map(|op| op.run(tx)).collect::<Result<_, _>>()?;
        if self.fails { Err(StoreError::Interrupted) } else { Ok(answers) }
    }
}

/// Whom a caller may see: the grants, for the model, and what denizen makes of them, for the store.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) grants: Grants,
    pub(super) who: Placeholders,
}

impl Sight {
    pub(super) fn filter(&self) -> Filter {
        self.grants.filter(&names::USER_GET_USER_INFO, &self.who).assume("org_id", &ORG_ID.into())
    }
}

/// What can be asked of an organization.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Profile,
    Roles,
    Role(ObjectId),
    RoleByName(String),
    User(Directory, UserId),
    UserByEmail(Directory, String),
    Count(Directory),
    Context(UserId),
    IsBuried(UserId),
    Page(UserQuery, Option<Sight>),
    Search(UserSearch, Option<Sight>),
    Link([u8; 32]),
    OpenLinks(UserId, Timestamp),
    Keys,
    Key(Uuid),
    ValidKeys(Timestamp),
    Jobs(i64),
}

impl Question {
    pub(super) fn ask(&self, conn: &Conn<'_>) -> Result<String, StoreError> {
        Ok(match self {
            Self::Profile => written(&organizations::find_profile(conn)?),
            Self::Roles => written(&roles::list(conn)?),
            Self::Role(id) => written(&roles::find(conn, *id)?),
            Self::RoleByName(name) => written(&roles::find_by_name(conn, name)?),
            Self::User(directory, id) => {
                written(&users::find(conn, *directory, *id)?.as_ref().map(unnumbered))
            }
            Self::UserByEmail(directory, key) => {
                written(&users::find_by_email(conn, *directory, key)?.as_ref().map(unnumbered))
            }
            Self::Count(directory) => written(&users::count(conn, *directory)?),
            Self::Context(id) => written(&users::additional_context(conn, *id)?),
            Self::IsBuried(id) => written(&users::is_buried(conn, *id)?),
            Self::Page(query, _) => {
                let page = users::page(conn, query)?;
                written(&(unnumbered_all(&page.users.apart()), page.has_more))
            }
            Self::Search(search, _) => written(&unnumbered_all(&users::search(conn, search)?.apart())),
            Self::Link(hash) => written(&links::find(conn, hash)?),
            Self::OpenLinks(user, now) => written(&links::count_open_sign_in(conn, *user, *now)?),
            Self::Keys => written(&api_keys::list(conn)?),
            Self::Key(id) => written(&api_keys::find(conn, *id)?),
            Self::ValidKeys(now) => written(&api_keys::count_valid(conn, *now)?),
            Self::Jobs(most) => {
                let here = |job| Job { org: NO_ORG, ..job };
                written(&jobs::list(conn, *most)?.into_iter().map(here).collect::<Vec<_>>())
            }
        })
    }
}
