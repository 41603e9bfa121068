//! The roles that every new organization begins with (contract section 6).

use serde::{Deserialize, Serialize};

use super::{Condition, Grant, Grants, KNOWN, PermissionName, Placeholders, names};

/// Which front end the users of a role are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrontendView {
    Client,
    Admin,
}

impl FrontendView {
    /// The word on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Admin => "admin",
        }
    }

    /// Parses exactly what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Client, Self::Admin].into_iter().find(|view| view.as_str() == text)
    }
}

/// A role that an organization has from the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultRole {
    pub name: &'static str,
    pub description: &'static str,
    pub frontend_view: FrontendView,
    /// Whether it is over every other role, whatever is granted to that.
    pub is_super: bool,
    pub grants: Grants,
}

/// The default roles, each with greater privileges than those before it.
pub fn default_roles() -> [DefaultRole; 4] {
    [
        DefaultRole {
            name: "DefaultUserRole",
            description: "Uses the platform: sees and changes the own record and conversations.",
            frontend_view: FrontendView::Client,
            is_super: false,
            grants: user_grants(),
        },
        DefaultRole {
            name: "DefaultAdministratorRole",
            description: "Administers the organization: its users, roles and API keys.",
            frontend_view: FrontendView::Admin,
            is_super: false,
            grants: administrator_grants(),
        },
        DefaultRole {
            name: "DefaultAmigoAdministratorRole",
            description: "Administers the organization, and creates and deletes organizations.",
            frontend_view: FrontendView::Admin,
            is_super: false,
            grants: amigo_administrator_grants(),
        },
        DefaultRole {
            name: "DefaultSuperAdministratorRole",
            description: "May do everything, in every organization.",
            frontend_view: FrontendView::Admin,
            is_super: true,
            grants: KNOWN.iter().cloned().map(Grant::allow).collect::<Vec<_>>().into(),
        },
    ]
}

impl From<Vec<Grant>> for Grants {
    fn from(grants: Vec<Grant>) -> Self {
        Self(grants)
    }
}

fn user_grants() -> Grants {
    let own = [
        names::USER_GET_USER_INFO,
        names::USER_UPDATE_USER_INFO,
        names::USER_GET_USER_MODEL,
        names::USER_GET_EXTERNAL_EVENT,
    ];
    let conversation = KNOWN.iter().filter(|name| name.resource() == "Conversation").cloned();
    let grants = own.into_iter().chain(conversation).map(|name| {
        in_own_organization(name).when("user_id", Condition::Equals(Placeholders::SELF_USER_ID.into()))
    });
    Grants(grants.collect())
}

fn administrator_grants() -> Grants {
    let beyond = [names::ORGANIZATION_CREATE_ORGANIZATION, names::ORGANIZATION_DELETE_ORGANIZATION];
    let within = KNOWN.iter().filter(|name| !beyond.contains(name)).cloned();
    Grants(within.map(in_own_organization).collect())
}

fn amigo_administrator_grants() -> Grants {
    let mut grants = administrator_grants();
    // Unconditional, because the organization to be created is never the caller's own.
    grants.0.push(Grant::allow(names::ORGANIZATION_CREATE_ORGANIZATION));
    grants.0.push(in_own_organization(names::ORGANIZATION_DELETE_ORGANIZATION));
    grants
}

fn in_own_organization(permission: PermissionName) -> Grant {
    Grant::allow(permission).when("org_id", Condition::Equals(Placeholders::SELF_ORG_ID.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{RoleRank, Scalar, ScalarRef, is_greater};

    #[test]
    fn each_default_role_is_greater_than_those_before_it_and_never_the_reverse() {
        let roles = default_roles();
        let rank = |n: usize| RoleRank { grants: &roles[n].grants, is_super: roles[n].is_super };
        for high in 0..roles.len() {
            for low in 0..high {
                assert!(is_greater(&rank(high), &rank(low)), "{high} {low}");
                assert!(!is_greater(&rank(low), &rank(high)), "{high} {low}");
            }
        }
        // The grants alone rise too, so that the order does not rest on a flag.
        for pair in roles.windows(2) {
            assert!(pair[1].grants.covers(&pair[0].grants));
            assert!(!pair[0].grants.covers(&pair[1].grants));
        }
    }

    #[test]
    fn the_grants_of_the_default_roles_are_acceptable_and_survive_storage() {
        for role in default_roles() {
            for grant in &role.grants.0 {
                assert_eq!(grant.check(), Ok(()));
            }
            let stored = serde_json::to_string(&role.grants).unwrap();
            assert_eq!(serde_json::from_str::<Grants>(&stored).unwrap(), role.grants);
        }
    }

    #[test]
    fn a_user_sees_the_own_record_only_and_an_administrator_the_organization() {
        let [user, administrator, amigo, _] = default_roles();
        let who = Placeholders { org_id: "acme".into(), user_id: "u1".into() };
        let sees = |role: &DefaultRole, org: &str, user: &str| {
            role.grants.filter(&names::USER_GET_USER_INFO, &who).admits(&|name| match name {
                "org_id" => Some(ScalarRef::Text(org)),
                "user_id" => Some(ScalarRef::Text(user)),
                _ => None,
            })
        };
        assert!(sees(&user, "acme", "u1") && !sees(&user, "acme", "u2"));
        assert!(!sees(&user, "other", "u1"));
        assert!(sees(&administrator, "acme", "u2") && !sees(&administrator, "other", "u2"));
        let elsewhere: Scalar = "other".into();
        let create = amigo.grants.filter(&names::ORGANIZATION_CREATE_ORGANIZATION, &who);
        let delete = amigo.grants.filter(&names::ORGANIZATION_DELETE_ORGANIZATION, &who);
        assert!(create.assume("org_id", &elsewhere).is_always());
        assert!(delete.assume("org_id", &elsewhere).is_never());
        assert!(delete.assume("org_id", &"acme".into()).is_always());
    }

    #[test]
    fn a_frontend_view_is_one_lower_case_word() {
        for view in [FrontendView::Client, FrontendView::Admin] {
            assert_eq!(serde_json::to_value(view).unwrap(), view.as_str());
        }
    }
}
