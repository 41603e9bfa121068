//! Operators: one row each, with what they reach.
//!
//! An operator is a user of the directory `operators`: it is counted and numbered as users are, and is found by the same
//! search index.

mod page;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::operator::Access;
use denizen_domain::time::Timestamp;

use crate::conn::Conn;
use crate::error::Result;
use crate::sql::Sql;

pub use page::{OperatorOrder, OperatorPage, OperatorQuery, page, suggest_names};
pub use write::{delete, insert, set_password, update};

/// An operator as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub user_id: UserId,
    /// As it was written; unique by [`denizen_domain::text::Email::key_of`].
    pub email: String,
    pub name: String,
    pub company: Option<String>,
    /// An address, or the picture itself behind `data:`.
    pub image: Option<String>,
    /// What was granted, whether it is active now or not.
    pub access: Access,
    pub created_at: Timestamp,
}

impl Operator {
    pub fn id(&self) -> Uuid {
        self.user_id.as_uuid()
    }
}

/// With what an operator signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user_id: UserId,
    /// In PHC form; `None` until a password is set.
    pub password_hash: Option<String>,
    /// Rises with every change of the password.
    pub version: i64,
    pub is_admin: bool,
}

/// An environment that an operator reaches, with those of its bots: only what is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub environment_id: Uuid,
    pub name: String,
    /// Id and name, in the order of the ids.
    pub bots: Vec<(Uuid, String)>,
}

pub const STATEMENTS: &[&Sql] = &[];

/// The operator with this id.
pub fn find(conn: &Conn<'_>, user: UserId) -> Result<Option<Operator>> {
    todo!()
}

/// With what the operator signs in who has this address.
pub fn find_credentials_by_email(conn: &Conn<'_>, email_key: &str) -> Result<Option<Credentials>> {
    todo!()
}

/// With what the operator signs in who has this id.
pub fn find_credentials(conn: &Conn<'_>, user: UserId) -> Result<Option<Credentials>> {
    todo!()
}

/// Which of these addresses operators have, by their keys.
pub fn find_taken(conn: &Conn<'_>, email_keys: &[&str]) -> Result<BTreeSet<String>> {
    todo!()
}

/// What each of these operators reaches, in the order of the environments' ids: nothing for administrators. `with_bots` says
/// whether the bots are read.
pub fn places(conn: &Conn<'_>, users: &[UserId], with_bots: bool) -> Result<BTreeMap<UserId, Vec<Place>>> {
    todo!()
}

/// How many operators there are.
pub fn count(conn: &Conn<'_>) -> Result<i64> {
    crate::users::count(conn, denizen_domain::member::Directory::Operators)
}
