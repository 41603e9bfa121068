//! The first argument of every operation: who acts, where, and when.

use std::sync::Arc;

use denizen_domain::ids::OrgKey;
use denizen_domain::permission::{Filter, PermissionName, Scalar};
use denizen_domain::time::Timestamp;

use crate::environment::Environment;
use crate::error::{ErrorCode, Result};
use crate::organizations::Organization;
use crate::sessions::Session;

/// Who acts in which organization, and the time of the operation. Cheap to clone.
#[derive(Clone)]
pub struct OpContext {
    /// Who acts.
    pub session: Arc<Session>,
    /// The organization in which the operation acts; usually the actor's own.
    pub organization: Arc<Organization>,
    /// Appears in the log beside whatever the operation reports.
    pub request_id: Arc<str>,
    /// The one time of this operation: a closure that is run again sees the same.
    pub now: Timestamp,
    pub environment: Environment,
}

impl OpContext {
    pub(crate) fn org(&self) -> OrgKey {
        self.organization.org
    }

    /// What the actor's grants admit of this organization for a permission.
    pub(crate) fn filter(&self, permission: &PermissionName) -> Filter {
        self.session.filter(permission, self.organization.slug.as_str())
    }

    /// The users whom the actor may know of.
    pub(crate) fn visible_users(&self) -> Filter {
        self.session.visible_users(&self.organization)
    }

    /// A permission that has no target but the organization.
    pub(crate) fn require(&self, permission: &PermissionName) -> Result<()> {
        // What is left of the filter are tests of attributes that an organization does not have.
        if self.filter(permission).admits(&|_| None) { Ok(()) } else { Err(ErrorCode::Forbidden.into()) }
    }

    /// The error for a thing that is not there or that the actor may not see. An actor to whom the permission was never
    /// granted is told so whatever the thing is, which gives nothing away.
    pub(crate) fn absent(&self, permission: &PermissionName, not_found: ErrorCode) -> ErrorCode {
        if self.filter(permission).is_never() { ErrorCode::Forbidden } else { not_found }
    }

    /// "`User:GetUserInfo` for the authenticated user", which every user operation asks for.
    pub(crate) fn require_self(&self) -> Result<()> {
        if self.session.sees_itself { Ok(()) } else { Err(ErrorCode::Forbidden.into()) }
    }

    /// The value of `org_id` in this organization's conditions.
    pub(crate) fn org_scalar(slug: &str) -> Scalar {
        Scalar::from(slug)
    }
}
