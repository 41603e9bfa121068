//! Roles (contract section 6).

use std::sync::Arc;

use denizen_domain::ids::ObjectId;
use denizen_domain::member::Directory as UserDirectory;
use denizen_domain::permission::{FrontendView, GrantProblem, Grants, PermissionName, ScalarRef, names};
use denizen_store::roles::{self as stored, Role};
use denizen_store::users;

use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

/// Names that are words of the API's paths.
const RESERVED: [&str; 2] = ["temporary_permission_grant", "temporary_permission_grants"];

/// A role as it is to be made.
#[derive(Debug, Clone)]
pub struct NewRole {
    pub name: String,
    pub description: String,
    pub frontend_view: FrontendView,
    pub grants: Grants,
}

/// What of a role is to change; `None` keeps.
#[derive(Debug, Clone, Default)]
pub struct RoleChanges {
    pub description: Option<String>,
    pub frontend_view: Option<FrontendView>,
    pub grants: Option<Grants>,
}

/// Which roles to list.
#[derive(Debug, Clone, Default)]
pub struct RoleQuery {
    /// Empty: any.
    pub ids: Vec<ObjectId>,
    /// Empty: any.
    pub names: Vec<String>,
}

impl OpContext {
    pub(crate) fn admits_role(&self, permission: &PermissionName, role_id: &str, name: &str) -> bool {
        self.filter(permission).admits(&|attribute| match attribute {
            "role_id" => Some(ScalarRef::Text(role_id)),
            "role_name" => Some(ScalarRef::Text(name)),
            _ => None,
        })
    }

    /// `Role:GetRole`: what the caller may not see is not there.
    pub(crate) fn may_see_role(&self, role: &Role) -> bool {
        self.admits_role(&names::ROLE_GET_ROLE, &role.role_id.to_string(), &role.name)
    }
}

/// A caller may hand out no more than the caller holds.
fn check_grants(ctx: &OpContext, role: &Role) -> Result<()> {
    role.grants.check().map_err(|(at, problem)| grant_error(at, &problem))?;
    if ctx.is_greater_than(role) || ctx.covers(role) {
        Ok(())
    } else {
        Err(Error::with_text(
            ErrorCode::Forbidden,
            "The grants go beyond the privileges of the authenticated user",
        ))
    }
}

fn grant_error(at: usize, problem: &GrantProblem) -> Error {
    let mut field = vec!["permission_grants".to_owned(), at.to_string()];
    field.extend(problem.path.iter().cloned());
    let mut error = Error::field(&[], problem.message.clone());
    error.field = field;
    error
}

impl Directory {
    /// Makes a role: permission `Role:CreateRole`; its grants may not go beyond the caller's.
    ///
    /// # Errors
    /// [`ErrorCode::RoleNameTaken`], [`ErrorCode::Forbidden`], [`ErrorCode::InvalidField`] for a grant that cannot be.
    pub async fn create_role(&self, ctx: &OpContext, new: NewRole) -> Result<ObjectId> {
        if RESERVED.contains(&new.name.as_str()) {
            return Err(Error::field(&["role_name"], "is a word of the API and cannot name a role"));
        }
        let role = Role {
            role_id: ctx.environment.object_id(ctx.now),
            name: new.name,
            description: new.description,
            frontend_view: new.frontend_view,
            grants: Arc::new(new.grants),
            is_super: false,
        };
        let role_id = role.role_id;
        role.grants.check().map_err(|(at, problem)| grant_error(at, &problem))?;
        if !ctx.admits_role(&names::ROLE_CREATE_ROLE, &role_id.to_string(), &role.name) {
            return Err(ErrorCode::Forbidden.into());
        }
        check_grants(ctx, &role)?;
        let now = ctx.now;
        self.write(ctx.org(), move |tx| {
            if stored::insert(tx, &role, now)? { Ok(()) } else { Err(Error::new(ErrorCode::RoleNameTaken)) }
        })
        .await?;
        Ok(role_id)
    }

    /// The roles that the caller may see: permission `Role:GetRole` filters them.
    pub async fn list_roles(&self, ctx: &OpContext, query: &RoleQuery) -> Result<Vec<Role>> {
        let mut roles = self.query_recent(ctx.org(), stored::list).await?;
        roles.retain(|role| {
            (query.ids.is_empty() || query.ids.contains(&role.role_id))
                && (query.names.is_empty() || query.names.contains(&role.name))
                && ctx.may_see_role(role)
        });
        Ok(roles)
    }

    /// Changes a role in place; its users and keys keep it, and feel the change at their next call. Permission
    /// `Role:ModifyRole`; neither the old nor the new grants may go beyond the caller's.
    ///
    /// # Errors
    /// [`ErrorCode::RoleNotFound`], [`ErrorCode::Forbidden`], [`ErrorCode::InvalidField`]; [`ErrorCode::ReservedName`]
    /// for the super administrator's role, which cannot lose a grant.
    pub async fn modify_role(&self, ctx: &OpContext, name: String, changes: RoleChanges) -> Result<ObjectId> {
        if let Some(grants) = &changes.grants {
            grants.check().map_err(|(at, problem)| grant_error(at, &problem))?;
        }
        let op = ctx.clone();
        let org = ctx.org();
        let role_id = self
            .write(org, move |tx| {
                let mut role = stored::find_by_name(tx, &name)?
                    .filter(|role| op.may_see_role(role))
                    .ok_or_else(|| op.absent(&names::ROLE_MODIFY_ROLE, ErrorCode::RoleNotFound))?;
                let permitted =
                    op.admits_role(&names::ROLE_MODIFY_ROLE, &role.role_id.to_string(), &role.name);
                if !permitted {
                    return Err(Error::new(ErrorCode::Forbidden));
                }
                check_grants(&op, &role)?;
                if role.is_super && changes.grants.is_some() {
                    let text = "The grants of the super administrator's role cannot be changed";
                    return Err(Error::with_text(ErrorCode::ReservedName, text));
                }
                if let Some(description) = &changes.description {
                    role.description.clone_from(description);
                }
                if let Some(view) = changes.frontend_view {
                    role.frontend_view = view;
                }
                if let Some(grants) = &changes.grants {
                    role.grants = Arc::new(grants.clone());
                    check_grants(&op, &role)?;
                }
                stored::update(tx, &role, op.now)?;
                Ok(role.role_id)
            })
            .await?;
        Ok(role_id)
    }

    /// Gives a user a role: permission `User:UpdateUserInfo` on the user, and greater privileges than the role. Users
    /// whose role has greater privileges than the caller keep it.
    ///
    /// # Errors
    /// [`ErrorCode::RoleNotFound`], [`ErrorCode::UserNotFound`], [`ErrorCode::Forbidden`].
    pub async fn assign_role(&self, ctx: &OpContext, role_name: String, user_id: String) -> Result<ObjectId> {
        let op = ctx.clone();
        let org = ctx.org();
        let role_id = self
            .write(org, move |tx| {
                // Who may change nobody must not learn which roles there are.
                let role = stored::find_by_name(tx, &role_name)?
                    .ok_or_else(|| op.absent(&names::USER_UPDATE_USER_INFO, ErrorCode::RoleNotFound))?;
                let mut target = op.member_to_update(tx, &user_id)?;
                if !op.is_greater_than(&role) {
                    return Err(Error::with_text(
                        ErrorCode::Forbidden,
                        "The authenticated user needs greater privileges than the role",
                    ));
                }
                // Otherwise whoever may change users could take the powers of those who stand above them.
                if stored::find(tx, target.role_id)?.is_some_and(|present| op.is_less_than(&present)) {
                    return Err(Error::with_text(
                        ErrorCode::Forbidden,
                        "The user's present role has greater privileges than the authenticated user",
                    ));
                }
                target.role_id = role.role_id;
                users::update(tx, UserDirectory::Members, &target, false, op.now)?;
                Ok(role.role_id)
            })
            .await?;
        Ok(role_id)
    }
}
