//! The first argument of every operation: who acts, where, and when.

use std::borrow::Cow;
use std::sync::Arc;

use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::permission::{
    Condition, Filter, Grant, Grants, PermissionName, Placeholders, RoleRank, Scalar, is_greater,
};
use denizen_domain::time::Timestamp;
use denizen_store::roles::Role;
use denizen_store::users::RoleNames;

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

    /// Names of the organization's roles: at home those that were needed since the session was read.
    pub(crate) fn role_names(&self) -> RoleNames {
        let is_home = self.organization.org == self.session.home.org;
        if is_home { self.session.role_names.clone() } else { RoleNames::default() }
    }

    /// A permission that has no target but the organization. Every operation asks for its own; a dialect may ask before it
    /// looks at the rest of a request.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub fn require(&self, permission: &PermissionName) -> Result<()> {
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

    /// Whether the actor has greater privileges than a role of this organization.
    pub(crate) fn is_greater_than(&self, role: &Role) -> bool {
        let (own, theirs) = self.comparable(role);
        is_greater(&own.rank(), &theirs.rank())
    }

    /// Whether a role of this organization has greater privileges than the actor.
    pub(crate) fn is_less_than(&self, role: &Role) -> bool {
        let (own, theirs) = self.comparable(role);
        !own.is_super && is_greater(&theirs.rank(), &own.rank())
    }

    /// Whether the actor may do all that a role of this organization may.
    pub(crate) fn covers(&self, role: &Role) -> bool {
        let (own, theirs) = self.comparable(role);
        own.grants.covers(&theirs.grants)
    }

    /// Whether the actor, by its role, may do all that a grant would let a user of this organization do.
    ///
    /// Here it is known for whom each placeholder stands, so that nobody is given what the giver has of the own record
    /// only.
    pub(crate) fn covers_grant(&self, grant: &Grant, user: UserId) -> bool {
        let own = &self.session.role;
        let home = self.session.home.slug.as_str();
        let ours = resolved(&own.grants, home, Some(self.session.user_text()));
        let theirs = Grants(vec![grant.clone()]);
        let user = user.as_member().to_string();
        let theirs = resolved(&theirs, self.organization.slug.as_str(), Some(&user));
        own.is_super || ours.covers(&theirs)
    }

    /// The actor's role and another one, so that what is written alike means the same in both.
    ///
    /// `{self_org_id}` in the role of a caller from elsewhere is that caller's organization, and in a role of this
    /// organization this one: as they are written, the one would seem to cover the other.
    fn comparable<'r>(&'r self, role: &'r Role) -> (Comparable<'r>, Comparable<'r>) {
        let own = &self.session.role;
        let (ours, theirs) = if self.organization.org == self.session.home.org {
            (Cow::Borrowed(&*own.grants), Cow::Borrowed(&*role.grants))
        } else {
            let home = self.session.home.slug.as_str();
            let ours = resolved(&own.grants, home, Some(self.session.user_text()));
            (Cow::Owned(ours), Cow::Owned(resolved(&role.grants, self.organization.slug.as_str(), None)))
        };
        (
            Comparable { grants: ours, is_super: own.is_super },
            Comparable { grants: theirs, is_super: role.is_super },
        )
    }

    /// The value of `org_id` in this organization's conditions.
    pub(crate) fn org_scalar(slug: &str) -> Scalar {
        Scalar::from(slug)
    }
}

struct Comparable<'r> {
    grants: Cow<'r, Grants>,
    is_super: bool,
}

impl Comparable<'_> {
    fn rank(&self) -> RoleRank<'_> {
        RoleRank { grants: &self.grants, is_super: self.is_super }
    }
}

/// The grants with the values that their placeholders stand for, where those are known.
fn resolved(grants: &Grants, organization: &str, user: Option<&str>) -> Grants {
    let resolve = |value: &mut Scalar| {
        let Scalar::Text(text) = value else { return };
        match (text.as_str(), user) {
            (Placeholders::SELF_ORG_ID, _) => organization.clone_into(text),
            (Placeholders::SELF_USER_ID, Some(user)) => user.clone_into(text),
            _ => {}
        }
    };
    let mut grants = grants.clone();
    for condition in grants.0.iter_mut().flat_map(|grant| grant.conditions.values_mut()) {
        match condition {
            Condition::Equals(value) | Condition::NotEquals(value) => resolve(value),
            Condition::In(values) => values.iter_mut().for_each(resolve),
        }
    }
    grants
}
