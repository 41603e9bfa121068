//! GET `/role/` (contract section 6).

use denizen_directory::roles::RoleQuery;
use denizen_domain::permission::default_roles;

use super::caller::authenticate;
use super::wire::{GetRolesResponse, Role};
use super::{input, list_input, render};
use crate::kernel::{Call, Problem, QueryReader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut query = QueryReader::new(&call);
    let with_grants = query.bool("return_permission_grants").unwrap_or(false);
    let wanted = RoleQuery { ids: query.customs("id", list_input::object_id), names: query.strings("name") };
    let wanted = query.finish(wanted)?;
    let ctx = authenticated.context(&call).await?;
    let base_roles = default_roles();
    let roles = call.directory().list_roles(&ctx, &wanted).await?.into_iter().map(|role| Role {
        id: role.role_id.to_string(),
        is_base_role: base_roles.iter().any(|base| base.name == role.name),
        name: role.name,
        description: role.description,
        frontend_view: render::frontend_view(role.frontend_view),
        permission_grants: if with_grants { input::grants_out(&role.grants) } else { Vec::new() },
        inherited_from: None,
    });
    Ok(Reply::json(200, &GetRolesResponse { roles: roles.collect() }))
}
