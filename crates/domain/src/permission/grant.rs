//! Grants as they are written and stored, and what is wrong with one that cannot be honoured.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::attribute::meant_by;
use super::{Kind, PermissionName, Placeholders, Scalar, attributes_of};

/// What an attribute of the target must satisfy. On the wire and in storage it is tagged by `type`:
/// `{"type":"Equals","value":…}`, `{"type":"NotEquals","value":…}`, `{"type":"In","values":[…]}`.
///
/// A text that is as a whole a placeholder ([`Placeholders`]) stands for a value of the caller's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "ConditionForm", into = "ConditionForm")]
pub enum Condition {
    Equals(Scalar),
    /// Holds for a value which differs; does not hold for a missing attribute.
    NotEquals(Scalar),
    In(Vec<Scalar>),
}

/// Serde tags struct variants only; the form is otherwise the same.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type")]
enum ConditionForm {
    Equals { value: Scalar },
    NotEquals { value: Scalar },
    In { values: Vec<Scalar> },
}

impl From<ConditionForm> for Condition {
    fn from(form: ConditionForm) -> Self {
        match form {
            ConditionForm::Equals { value } => Self::Equals(value),
            ConditionForm::NotEquals { value } => Self::NotEquals(value),
            ConditionForm::In { values } => Self::In(values),
        }
    }
}

impl From<Condition> for ConditionForm {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Equals(value) => Self::Equals { value },
            Condition::NotEquals(value) => Self::NotEquals { value },
            Condition::In(values) => Self::In { values },
        }
    }
}

impl Condition {
    /// The values that it mentions.
    pub fn values(&self) -> &[Scalar] {
        match self {
            Self::Equals(value) | Self::NotEquals(value) => std::slice::from_ref(value),
            Self::In(values) => values,
        }
    }
}

/// Whether a grant gives or withholds. A `Deny` that applies beats every `Allow`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Effect {
    #[default]
    Allow,
    Deny,
}

/// A permission allowed or denied for the targets that satisfy all conditions (of which there may
/// be none). Contract section 6.
///
/// Stored as `{"permission_name", "action": "Allow" | "Deny", "conditions": {attribute: condition}}`.
/// An absent `action` means `Allow`, as newer clients do not send it; unknown keys are ignored,
/// as older ones send a `description`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    #[serde(rename = "permission_name")]
    pub permission: PermissionName,
    #[serde(rename = "action", default)]
    pub effect: Effect,
    pub conditions: BTreeMap<String, Condition>,
}

/// The grants of a role, or of a role and a user's temporary grants together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(pub Vec<Grant>);

/// Why a grant cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantProblem {
    /// Where in the grant's JSON form, for instance `["conditions", "email"]`.
    pub path: Vec<String>,
    /// One sentence for the person who wrote the grant.
    pub message: String,
}

impl fmt::Display for GrantProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.join("."), self.message)
    }
}

impl std::error::Error for GrantProblem {}

impl Grants {
    /// How many grants of one permission are compared with each other. The time that takes grows with the cube of
    /// the number, and whoever may write a role must not be able to keep the process busy by it.
    pub const MAX_PER_PERMISSION: usize = 256;

    /// Refuses a grant that cannot be honoured ([`Grant::check`]) and more than [`Self::MAX_PER_PERMISSION`] grants
    /// of one permission. Tells which grant, counted from 0.
    pub fn check(&self) -> Result<(), (usize, GrantProblem)> {
        let mut counts = BTreeMap::new();
        for (index, grant) in self.0.iter().enumerate() {
            grant.check().map_err(|problem| (index, problem))?;
            let count = counts.entry(&grant.permission).or_insert(0);
            *count += 1;
            if *count > Self::MAX_PER_PERMISSION {
                let message = format!(
                    "a role has at most {} grants of one permission; a condition of the type In takes many values",
                    Self::MAX_PER_PERMISSION
                );
                return Err((index, GrantProblem { path: vec!["permission_name".to_owned()], message }));
            }
        }
        Ok(())
    }
}

impl Grant {
    /// An unconditional grant.
    pub fn allow(permission: PermissionName) -> Self {
        Self { permission, effect: Effect::Allow, conditions: BTreeMap::new() }
    }

    /// An unconditional refusal.
    pub fn deny(permission: PermissionName) -> Self {
        Self { permission, effect: Effect::Deny, conditions: BTreeMap::new() }
    }

    /// The same grant with one more condition (instead of an earlier one on the same attribute).
    #[must_use]
    pub fn when(mut self, attribute: &str, condition: Condition) -> Self {
        self.conditions.insert(attribute.to_owned(), condition);
        self
    }

    /// Refuses what would be stored but could never be honoured. A `Deny` on an attribute that no
    /// target has would never apply, and so fail open without anybody noticing; so would one whose
    /// permission is misspelt in its letter case, or whose placeholder is not known. The resource `Directory` is denizen's
    /// own, so that there each name which is not known is misspelt.
    ///
    /// Other permissions that denizen does not evaluate may carry any condition.
    pub fn check(&self) -> Result<(), GrantProblem> {
        for attribute in self.conditions.keys() {
            if attribute.contains('\0') {
                return Err(GrantProblem {
                    path: vec!["conditions".to_owned()],
                    message: "an attribute name must not contain the character U+0000".to_owned(),
                });
            }
        }
        let Some(known) = attributes_of(&self.permission) else {
            let meant: Vec<_> = meant_by(&self.permission).iter().map(|name| name.as_str()).collect();
            let Some((last, others)) = meant.split_last() else { return Ok(()) };
            let others = if others.is_empty() { String::new() } else { others.join(", ") + " or " };
            return Err(GrantProblem {
                path: vec!["permission_name".to_owned()],
                message: format!(
                    "{} is not a permission; it may be meant to be {others}{last}",
                    self.permission
                ),
            });
        };
        for (name, condition) in &self.conditions {
            let problem =
                |message: String| GrantProblem { path: vec!["conditions".to_owned(), name.clone()], message };
            let Some(attribute) = known.iter().find(|attribute| attribute.name == name) else {
                let names: Vec<_> = known.iter().map(|attribute| attribute.name).collect();
                return Err(problem(format!(
                    "{} has no attribute {name:?}; its attributes are {}",
                    self.permission,
                    names.join(", ")
                )));
            };
            if condition.values().is_empty() {
                return Err(problem("the list of values must not be empty".to_owned()));
            }
            for value in condition.values() {
                if !attribute.kind.fits(value) {
                    return Err(problem(format!("{name} is compared with {}", attribute.kind.described())));
                }
                if let Some(placeholder) = Placeholders::unknown(value) {
                    return Err(problem(format!(
                        "{placeholder} is not a placeholder; {} and {} are",
                        Placeholders::SELF_ORG_ID,
                        Placeholders::SELF_USER_ID
                    )));
                }
            }
        }
        Ok(())
    }
}

impl Kind {
    /// Whether a value is of this kind.
    pub fn fits(self, value: &Scalar) -> bool {
        match value {
            Scalar::Text(_) => matches!(self, Self::Text | Self::Email),
            Scalar::Bool(_) => self == Self::Bool,
            Scalar::Int(_) => self == Self::Int,
        }
    }

    fn described(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Email => "the text of an e-mail address",
            Self::Bool => "true or false",
            Self::Int => "a whole number",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::names;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<Grant, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn a_grant_is_stored_in_the_form_of_the_wire() {
        let stored = json!({
            "permission_name": "User:GetUserInfo",
            "action": "Deny",
            "conditions": {
                "email": {"type": "NotEquals", "value": "a@example.com"},
                "is_verified": {"type": "Equals", "value": true},
                "role_name": {"type": "In", "values": ["A", "B"]},
            },
        });
        let grant = Grant::deny(names::USER_GET_USER_INFO)
            .when("email", Condition::NotEquals("a@example.com".into()))
            .when("is_verified", Condition::Equals(true.into()))
            .when("role_name", Condition::In(vec!["A".into(), "B".into()]));
        assert_eq!(serde_json::to_value(&grant).unwrap(), stored);
        assert_eq!(read(stored).unwrap(), grant);
    }

    #[test]
    fn an_absent_action_means_allow_and_unknown_keys_are_ignored() {
        let grant = read(json!({
            "permission_name": "User.DeleteUser",
            "description": "who knows",
            "conditions": {},
        }));
        assert_eq!(grant.unwrap(), Grant::allow(names::USER_DELETE_USER));
    }

    #[test]
    fn a_grant_that_is_not_understood_is_refused_when_it_is_read() {
        let name = "User:GetUserInfo";
        for value in [
            json!({"permission_name": name}),
            json!({"conditions": {}}),
            json!({"permission_name": "User", "conditions": {}}),
            json!({"permission_name": name, "conditions": {}, "action": "allow"}),
            json!({"permission_name": name, "conditions": {}, "action": null}),
            json!({"permission_name": name, "conditions": {"org_id": "x"}}),
            json!({"permission_name": name, "conditions": {"org_id": {"value": "x"}}}),
            json!({"permission_name": name, "conditions": {"org_id": {"type": "Equals"}}}),
            json!({"permission_name": name, "conditions": {"org_id": {"type": "In", "value": "x"}}}),
            json!({"permission_name": name, "conditions": {"org_id": {"type": "Like", "value": "x"}}}),
            json!({"permission_name": name, "conditions": {"org_id": {"type": "Equals", "value": null}}}),
            json!({"permission_name": name, "conditions": {"org_id": {"type": "In", "values": [["x"]]}}}),
        ] {
            read(value.clone()).expect_err(&value.to_string());
        }
    }

    #[test]
    fn a_condition_on_an_unknown_attribute_is_refused_with_the_known_ones() {
        let problem = Grant::deny(names::ROLE_GET_ROLE)
            .when("org_id", Condition::Equals("{self_org_id}".into()))
            .when("emial", Condition::Equals("x".into()))
            .check()
            .unwrap_err();
        assert_eq!(problem.path, ["conditions", "emial"]);
        assert!(problem.message.contains("org_id, role_id, role_name"), "{problem}");
    }

    #[test]
    fn a_value_of_another_kind_than_its_attribute_is_refused() {
        let grant = Grant::allow(names::USER_GET_USER_INFO);
        for (attribute, condition) in [
            ("is_verified", Condition::Equals("true".into())),
            ("is_verified", Condition::Equals("{self_org_id}".into())),
            ("email", Condition::NotEquals(1.into())),
            ("email", Condition::In(vec!["a".into(), true.into()])),
            ("email", Condition::In(vec![])),
        ] {
            let problem = grant.clone().when(attribute, condition).check().unwrap_err();
            assert_eq!(problem.path, ["conditions", attribute]);
        }
        let good = grant
            .when("is_verified", Condition::NotEquals(false.into()))
            .when("email", Condition::In(vec!["a".into(), "{self_user_id}".into()]));
        assert_eq!(good.check(), Ok(()));
    }

    #[test]
    fn the_grants_of_a_role_are_checked_each_and_counted() {
        let good = Grant::allow(names::USER_GET_USER_INFO);
        let bad = good.clone().when("x", Condition::Equals(1.into()));
        assert_eq!(Grants(vec![good.clone(), bad]).check().unwrap_err().0, 1);
        let mut many = Grants(vec![good.clone(); Grants::MAX_PER_PERMISSION]);
        many.0.push(Grant::allow(names::USER_DELETE_USER));
        assert_eq!(many.check(), Ok(()));
        many.0.push(good);
        assert_eq!(many.check().unwrap_err().0, Grants::MAX_PER_PERMISSION + 1);
    }

    #[test]
    fn an_unknown_placeholder_is_refused() {
        let problem = Grant::deny(names::USER_GET_USER_INFO)
            .when("role_id", Condition::Equals("{self_role_id}".into()))
            .check()
            .unwrap_err();
        assert!(problem.message.contains("{self_user_id}"), "{problem}");
    }

    #[test]
    fn a_permission_in_the_wrong_letter_case_is_refused() {
        let problem = Grant::deny(PermissionName::parse("user:getUserInfo").unwrap()).check();
        assert_eq!(problem.unwrap_err().path, ["permission_name"]);
    }

    #[test]
    fn an_unknown_permission_of_denizens_own_is_refused_with_those_that_there_are_the_likest_first() {
        for (name, meant) in [
            (
                "Directory:IngestRecord",
                "Directory:IngestRecords, Directory:LinkAccount, Directory:GetJob, Directory:ReadContact, \
                 Directory:WriteContact, Directory:AnonymizeContact, Directory:ReadOperator or Directory:WriteOperator",
            ),
            (
                "Directory:ReadContacts",
                "Directory:ReadContact, Directory:ReadOperator, Directory:IngestRecords, Directory:LinkAccount, \
                 Directory:GetJob, Directory:WriteContact, Directory:AnonymizeContact or Directory:WriteOperator",
            ),
            (
                "directory:anonymiseContact",
                "Directory:AnonymizeContact, Directory:WriteContact, Directory:ReadContact, Directory:LinkAccount, \
                 Directory:IngestRecords, Directory:GetJob, Directory:ReadOperator or Directory:WriteOperator",
            ),
            ("directory:getJob", "Directory:GetJob"),
            ("user:getuserinfo", "User:GetUserInfo"),
        ] {
            let problem = Grant::allow(PermissionName::parse(name).unwrap()).check().unwrap_err();
            assert_eq!(problem.path, ["permission_name"]);
            assert_eq!(problem.message, format!("{name} is not a permission; it may be meant to be {meant}"));
        }
        for name in ["Directories:Ingest", "User:GetUserInfos", "Pizza:Bake"] {
            assert_eq!(Grant::allow(PermissionName::parse(name).unwrap()).check(), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_permission_that_denizen_does_not_evaluate_may_carry_any_condition() {
        let grant = Grant::deny(PermissionName::parse("Tool:InvokeTool").unwrap())
            .when("tool", Condition::In(vec![]))
            .when("x", Condition::Equals("{self_role_id}".into()));
        assert_eq!(grant.check(), Ok(()));
    }
}
