//! From the engine's things to the vendor's.

use denizen_directory::OpContext;
use denizen_directory::operators::{ConfigurationValue, OperatorView, Place};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::{Access, OperatorRole};

use super::wire::{Configuration, Id, Millis, Named, Role, Rules, User, UserEnvironment};

/// An operator with bots.
pub(super) fn user(ctx: &OpContext, view: OperatorView) -> User {
    rendered(ctx, view, true)
}

/// An operator as lists have it.
pub(super) fn listed_user(ctx: &OpContext, view: OperatorView) -> User {
    rendered(ctx, view, false)
}

fn rendered(ctx: &OpContext, view: OperatorView, has_bots: bool) -> User {
    let OperatorView { operator, places, is_deletable } = view;
    let uuid = Id(operator.id());
    let environments = match &operator.access {
        Access::Administrator => Vec::new(),
        Access::Environments { role, .. } => {
            let role = role_of(*role);
            places.into_iter().map(|place| environment(role, place, has_bots)).collect()
        }
    };
    User {
        uuid,
        org_uuid: Id(ctx.organization.uuid),
        name: operator.name,
        email: operator.email,
        company: operator.company,
        image: operator.image,
        admin: operator.access.is_administrator(),
        environments,
        created_at: Millis(operator.created_at),
        rules: Rules { deletable: is_deletable },
    }
}

fn role_of(role: OperatorRole) -> Role {
    match role {
        OperatorRole::Supervisor => Role::Supervisor,
        OperatorRole::Editor => Role::Editor,
        OperatorRole::Viewer => Role::Viewer,
    }
}

fn environment(role: Role, place: Place, has_bots: bool) -> UserEnvironment {
    let named = |(id, name): (Uuid, String)| Named { uuid: Id(id), name };
    let bots = has_bots.then(|| place.bots.into_iter().map(named).collect());
    UserEnvironment { role, environment: named((place.environment_id, place.name)), bots }
}

pub(super) fn configuration(value: ConfigurationValue) -> Configuration {
    Configuration { key: value.key, value: value.value, bot: value.bot.map(Id) }
}
