//! From the engine's things to the vendor's.

use denizen_directory::OpContext;
use denizen_directory::operators::{
    ConfigurationValue, ListedOperator, Operator, OperatorList, OperatorView, Place,
};
use denizen_domain::operator::{Access, OperatorRole};

use super::wire::{Configuration, Id, Millis, Named, Role, Rules, User, UserEnvironment};

/// An operator with bots.
pub(super) fn user<'u>(ctx: &OpContext, view: &'u OperatorView) -> User<'u> {
    rendered(ctx, &view.operator, &view.places, true, view.is_deletable, |text| text)
}

/// Operators as lists have them, in their order.
pub(super) fn users<'u>(ctx: &OpContext, list: &'u OperatorList) -> Vec<User<'u>> {
    let texts = &list.operators.texts;
    let user = |operator: &'u ListedOperator| {
        let places = list.places.get(&operator.user_id).map_or(&[][..], Vec::as_slice);
        let is_deletable = Some(operator.user_id) != list.actor;
        rendered(ctx, operator, places, false, is_deletable, |text| texts.get(*text))
    };
    list.operators.rows.iter().map(user).collect()
}

/// About the bytes of these operators as JSON: the names of the members of one are most of it.
pub(super) fn size_of_users(list: &OperatorList) -> usize {
    list.operators.texts.size() + (list.operators.rows.len() + 2) * 320
}

fn rendered<'u, T>(
    ctx: &OpContext,
    operator: &'u Operator<T>,
    places: &'u [Place],
    has_bots: bool,
    is_deletable: bool,
    text: impl Fn(&'u T) -> &'u str,
) -> User<'u> {
    let environments = match &operator.access {
        Access::Administrator => Vec::new(),
        Access::Environments { role, .. } => {
            let role = role_of(*role);
            places.iter().map(|place| environment(role, place, has_bots)).collect()
        }
    };
    User {
        uuid: Id(operator.id()),
        org_uuid: Id(ctx.organization.uuid),
        name: text(&operator.name),
        email: text(&operator.email),
        company: operator.company.as_ref().map(&text),
        image: operator.image.as_ref().map(&text),
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

fn environment(role: Role, place: &Place, has_bots: bool) -> UserEnvironment<'_> {
    let bots = || place.bots.iter().map(|(id, name)| Named { uuid: Id(*id), name }).collect();
    let environment = Named { uuid: Id(place.environment_id), name: &place.name };
    UserEnvironment { role, environment, bots: has_bots.then(bots) }
}

pub(super) fn configuration(value: ConfigurationValue) -> Configuration {
    Configuration { key: value.key, value: value.value, bot: value.bot.map(Id) }
}
