//! Permissions: their names, the grants that give or withhold them, and what a set of grants
//! admits.
//!
//! A [`Grant`] names a permission and the conditions under which it is allowed or denied. For one
//! caller and one permission, [`Grants::filter`] compiles grants to a [`Filter`], plain data which
//! is evaluated on a loaded target or translated to SQL. [`is_greater`] compares roles.
//!
//! The rule: a target is admitted when some `Allow` grant applies and no `Deny` grant does. A grant
//! applies when all of its conditions hold, and a condition on an attribute that the target does
//! not have does not hold, `NotEquals` included.
//!
//! This module must not know where roles are stored, what a user is, or how a vendor words errors.

mod attribute;
mod filter;
mod grant;
mod logic;
#[cfg(any(test, feature = "model"))]
pub mod model;
#[cfg(test)]
mod model_test;
mod name;
mod privilege;
mod role;
mod scalar;

pub use attribute::{Attribute, Kind, attributes_of};
pub use filter::{Filter, Placeholders, Test, TestOp};
pub use grant::{Condition, Effect, Grant, GrantProblem, Grants};
pub use name::{InvalidPermissionName, KNOWN, PermissionName, names};
pub use privilege::{RoleRank, is_greater};
pub use role::{DefaultRole, FrontendView, default_roles};
pub use scalar::{Scalar, ScalarRef};
