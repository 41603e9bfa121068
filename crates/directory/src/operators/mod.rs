//! The operators of an organization: made, changed, listed, deleted, and the values that programs keep for them.
//!
//! Who is an administrator may do all of this to all operators of the own organization; everybody else sees and keeps the
//! own.

mod access;
mod change;
mod commands;
mod configuration;
mod mail;
mod read;
mod registry;

pub use configuration::ConfigurationValue;
pub use denizen_store::operators::{ListedOperator, Operator, OperatorOrder, OperatorQuery, Place};
pub use mail::OpenOperatorLink;
pub use registry::{Bot, Environment};

pub(crate) use access::{AccessProblem, Registry};
pub(crate) use change::insert_checked;

use std::collections::BTreeMap;

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::operator::{MailLanguage, OperatorRole};
use denizen_domain::patch::Patch;
use denizen_store::Listed;

/// What a caller wants an operator to reach. Nothing of it was looked at yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessInput {
    pub is_admin: bool,
    /// Not looked at for an administrator.
    pub environments: Vec<EnvironmentInput>,
}

/// One entry of what an operator is to reach. The same environment may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentInput {
    pub role: OperatorRole,
    /// `None` where what was sent cannot be an id: such an environment does not exist.
    pub environment: Option<Uuid>,
    /// As above.
    pub bots: Vec<Option<Uuid>>,
}

/// A new operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperator {
    pub name: String,
    pub email: String,
    pub company: Option<String>,
    pub image: Option<String>,
    pub access: AccessInput,
    /// Without one, the mail has a link with which the operator sets it.
    pub password: Option<String>,
}

/// A change of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorChange {
    pub name: String,
    pub email: String,
    pub company: Patch<String>,
    pub image: Patch<String>,
    /// `None`: as it is.
    pub is_admin: Option<bool>,
    /// `None`: as they are; else all of them.
    pub environments: Option<Vec<EnvironmentInput>>,
    /// `None`: as it is.
    pub password: Option<String>,
}

/// An operator as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorView {
    pub operator: Operator,
    /// What is active of what the operator reaches; nothing for an administrator.
    pub places: Vec<Place>,
    /// Whether the caller may delete it: nobody deletes the own account.
    pub is_deletable: bool,
}

/// A part of a list, and how long the list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorList {
    pub operators: Listed<ListedOperator>,
    /// What is active of what those reach who are no administrators. Without bots.
    pub places: BTreeMap<UserId, Vec<Place>>,
    /// Who asks, and may delete everybody else.
    pub actor: Option<UserId>,
    pub total: u64,
}

impl OperatorList {
    /// Each operator by itself.
    pub fn views(self) -> Vec<OperatorView> {
        let Self { operators, mut places, actor, .. } = self;
        let view = |operator: Operator| OperatorView {
            places: places.remove(&operator.user_id).unwrap_or_default(),
            is_deletable: Some(operator.user_id) != actor,
            operator,
        };
        operators.apart().into_iter().map(view).collect()
    }
}

/// Whether a new operator is written to, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Welcome {
    Mail(MailLanguage),
    Silent,
}
