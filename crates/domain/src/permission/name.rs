//! Permission names, `Resource:Action`.
//!
//! Well-formed names that are not listed here are accepted, but for those of the resource `Directory`: the published
//! list was gathered from operation texts and may be incomplete, and a client keeps grants of its own.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

/// The name of a permission in canonical form, `Resource:Action`; ASCII letters, at most
/// [`PermissionName::MAX_BYTES`] bytes. Letter case matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PermissionName(Cow<'static, str>);

/// The text is not `Resource:Action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPermissionName;

impl PermissionName {
    /// The longest accepted name, separator included.
    pub const MAX_BYTES: usize = 128;

    /// Reads `Resource:Action`, or `Resource.Action` as some published texts write it.
    pub fn parse(text: &str) -> Result<Self, InvalidPermissionName> {
        let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic());
        match text.split_once([':', '.']) {
            Some((resource, action))
                if text.len() <= Self::MAX_BYTES && letters(resource) && letters(action) =>
            {
                Ok(Self(Cow::Owned(format!("{resource}:{action}"))))
            }
            _ => Err(InvalidPermissionName),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon.
    pub fn resource(&self) -> &str {
        self.0.split_once(':').map_or("", |(resource, _)| resource)
    }

    /// The part after the colon.
    pub fn action(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, action)| action)
    }

    const fn known(canonical: &'static str) -> Self {
        Self(Cow::Borrowed(canonical))
    }
}

impl fmt::Display for PermissionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PermissionName {
    type Err = InvalidPermissionName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for PermissionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl fmt::Display for InvalidPermissionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a permission name has the form Resource:Action, in letters, of at most {} bytes",
            PermissionName::MAX_BYTES
        )
    }
}

impl std::error::Error for InvalidPermissionName {}

/// The permissions that denizen itself evaluates. [`super::attributes_of`] has a row for each.
pub mod names {
    use super::PermissionName;

    pub const USER_GET_USER_INFO: PermissionName = PermissionName::known("User:GetUserInfo");
    pub const USER_INVITE_USER: PermissionName = PermissionName::known("User:InviteUser");
    pub const USER_UPDATE_USER_INFO: PermissionName = PermissionName::known("User:UpdateUserInfo");
    pub const USER_DELETE_USER: PermissionName = PermissionName::known("User:DeleteUser");
    pub const USER_GET_USER_MODEL: PermissionName = PermissionName::known("User:GetUserModel");
    pub const USER_GET_EXTERNAL_EVENT: PermissionName = PermissionName::known("User:GetExternalEvent");
    pub const USER_CREATE_EXTERNAL_EVENT: PermissionName = PermissionName::known("User:CreateExternalEvent");
    pub const USER_DELETE_EXTERNAL_EVENT: PermissionName = PermissionName::known("User:DeleteExternalEvent");

    pub const ROLE_CREATE_ROLE: PermissionName = PermissionName::known("Role:CreateRole");
    pub const ROLE_GET_ROLE: PermissionName = PermissionName::known("Role:GetRole");
    pub const ROLE_MODIFY_ROLE: PermissionName = PermissionName::known("Role:ModifyRole");
    pub const ROLE_CREATE_TEMPORARY_PERMISSION_GRANT: PermissionName =
        PermissionName::known("Role:CreateTemporaryPermissionGrant");
    pub const ROLE_GET_TEMPORARY_PERMISSION_GRANT: PermissionName =
        PermissionName::known("Role:GetTemporaryPermissionGrant");

    pub const ORGANIZATION_CREATE_ORGANIZATION: PermissionName =
        PermissionName::known("Organization:CreateOrganization");
    pub const ORGANIZATION_MODIFY_ORGANIZATION: PermissionName =
        PermissionName::known("Organization:ModifyOrganization");
    pub const ORGANIZATION_DELETE_ORGANIZATION: PermissionName =
        PermissionName::known("Organization:DeleteOrganization");
    pub const ORGANIZATION_GET_ORGANIZATION_DETAILS: PermissionName =
        PermissionName::known("Organization:GetOrganizationDetails");
    pub const ORGANIZATION_CREATE_API_KEY: PermissionName =
        PermissionName::known("Organization:CreateAPIKey");
    pub const ORGANIZATION_GET_API_KEY: PermissionName = PermissionName::known("Organization:GetAPIKey");
    pub const ORGANIZATION_DELETE_API_KEY: PermissionName =
        PermissionName::known("Organization:DeleteAPIKey");

    pub const CONVERSATION_GET_MESSAGE: PermissionName = PermissionName::known("Conversation:GetMessage");

    /// Of denizen's own, as those below: Amigo has no names for what they allow.
    pub const DIRECTORY_INGEST_RECORDS: PermissionName = PermissionName::known("Directory:IngestRecords");
    pub const DIRECTORY_LINK_ACCOUNT: PermissionName = PermissionName::known("Directory:LinkAccount");
    pub const DIRECTORY_GET_JOB: PermissionName = PermissionName::known("Directory:GetJob");
    pub const DIRECTORY_READ_CONTACT: PermissionName = PermissionName::known("Directory:ReadContact");
    pub const DIRECTORY_WRITE_CONTACT: PermissionName = PermissionName::known("Directory:WriteContact");
    pub const DIRECTORY_ANONYMIZE_CONTACT: PermissionName =
        PermissionName::known("Directory:AnonymizeContact");
    pub const DIRECTORY_READ_OPERATOR: PermissionName = PermissionName::known("Directory:ReadOperator");
    pub const DIRECTORY_WRITE_OPERATOR: PermissionName = PermissionName::known("Directory:WriteOperator");
}

/// Every published permission name (contract section 6.1), those that denizen does not evaluate
/// included: a role may carry them for the services beside it. At the end those of the native API.
pub static KNOWN: &[PermissionName] = &[
    names::USER_GET_USER_INFO,
    names::USER_INVITE_USER,
    names::USER_UPDATE_USER_INFO,
    names::USER_DELETE_USER,
    names::USER_GET_USER_MODEL,
    names::USER_GET_EXTERNAL_EVENT,
    names::USER_CREATE_EXTERNAL_EVENT,
    names::USER_DELETE_EXTERNAL_EVENT,
    names::ROLE_CREATE_ROLE,
    names::ROLE_GET_ROLE,
    names::ROLE_MODIFY_ROLE,
    names::ROLE_CREATE_TEMPORARY_PERMISSION_GRANT,
    names::ROLE_GET_TEMPORARY_PERMISSION_GRANT,
    names::ORGANIZATION_CREATE_ORGANIZATION,
    names::ORGANIZATION_MODIFY_ORGANIZATION,
    names::ORGANIZATION_DELETE_ORGANIZATION,
    names::ORGANIZATION_GET_ORGANIZATION_DETAILS,
    names::ORGANIZATION_CREATE_API_KEY,
    names::ORGANIZATION_GET_API_KEY,
    names::ORGANIZATION_DELETE_API_KEY,
    PermissionName::known("Organization:GetMetric"),
    PermissionName::known("Organization:CreateAgent"),
    PermissionName::known("Organization:CreateAgentVersion"),
    PermissionName::known("Organization:GetAgent"),
    PermissionName::known("Organization:DeleteAgent"),
    PermissionName::known("Organization:CreateServiceHierarchicalStateMachine"),
    PermissionName::known("Organization:CreateServiceHierarchicalStateMachineVersion"),
    PermissionName::known("Organization:GetServiceHierarchicalStateMachine"),
    PermissionName::known("Organization:DeleteServiceHierarchicalStateMachine"),
    PermissionName::known("Conversation:CreateConversation"),
    PermissionName::known("Conversation:InteractWithConversation"),
    PermissionName::known("Conversation:FinishConversation"),
    PermissionName::known("Conversation:ModifyConversation"),
    PermissionName::known("Conversation:GetConversation"),
    names::CONVERSATION_GET_MESSAGE,
    PermissionName::known("Conversation:GetInteractionInsights"),
    PermissionName::known("Conversation:GetRecommendedResponses"),
    PermissionName::known("Service:CreateService"),
    PermissionName::known("Service:GetService"),
    PermissionName::known("Service:UpdateService"),
    PermissionName::known("Service:CreateVersionSet"),
    PermissionName::known("Service:GetVersionSet"),
    PermissionName::known("Service:UpdateVersionSet"),
    PermissionName::known("Service:DeleteVersionSet"),
    PermissionName::known("Tool:AccessRepo"),
    PermissionName::known("Tool:CreateTool"),
    PermissionName::known("Tool:ModifyTool"),
    PermissionName::known("Tool:DeleteTool"),
    PermissionName::known("Tool:InvokeTool"),
    PermissionName::known("Metric:CreateMetric"),
    PermissionName::known("Metric:GetMetric"),
    PermissionName::known("Metric:ModifyMetric"),
    PermissionName::known("Metric:DeleteMetric"),
    PermissionName::known("Metric:EvaluateMetric"),
    PermissionName::known("Metric:GetMetricEvaluationResult"),
    PermissionName::known("Webhook:CreateWebhookDestination"),
    PermissionName::known("Webhook:GetWebhookDestination"),
    PermissionName::known("Webhook:UpdateWebhookDestination"),
    PermissionName::known("Webhook:DeleteWebhookDestination"),
    PermissionName::known("Webhook:GetWebhookDeliveries"),
    PermissionName::known("Simulation:CreateSimulationPersona"),
    PermissionName::known("Simulation:GetSimulationPersona"),
    PermissionName::known("Simulation:ModifySimulationPersona"),
    PermissionName::known("Simulation:DeleteSimulationPersona"),
    PermissionName::known("Simulation:CreateSimulationScenario"),
    PermissionName::known("Simulation:GetSimulationScenario"),
    PermissionName::known("Simulation:ModifySimulationScenario"),
    PermissionName::known("Simulation:DeleteSimulationScenario"),
    PermissionName::known("Simulation:CreateSimulationUnitTest"),
    PermissionName::known("Simulation:GetSimulationUnitTest"),
    PermissionName::known("Simulation:ModifySimulationUnitTest"),
    PermissionName::known("Simulation:DeleteSimulationUnitTest"),
    PermissionName::known("Simulation:CreateSimulationUnitTestSet"),
    PermissionName::known("Simulation:GetSimulationUnitTestSet"),
    PermissionName::known("Simulation:ModifySimulationUnitTestSet"),
    PermissionName::known("Simulation:DeleteSimulationUnitTestSet"),
    PermissionName::known("Simulation:CreateSimulationUnitTestSetRun"),
    PermissionName::known("Simulation:GetSimulationUnitTestSetRun"),
    PermissionName::known("Simulation:CancelSimulationUnitTestSetRun"),
    PermissionName::known("Admin:GetModels"),
    names::DIRECTORY_INGEST_RECORDS,
    names::DIRECTORY_LINK_ACCOUNT,
    names::DIRECTORY_GET_JOB,
    names::DIRECTORY_READ_CONTACT,
    names::DIRECTORY_WRITE_CONTACT,
    names::DIRECTORY_ANONYMIZE_CONTACT,
    names::DIRECTORY_READ_OPERATOR,
    names::DIRECTORY_WRITE_OPERATOR,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_and_a_colon_name_the_same_permission() {
        let name = PermissionName::parse("User.GetUserInfo").unwrap();
        assert_eq!(name, names::USER_GET_USER_INFO);
        assert_eq!(name.to_string(), "User:GetUserInfo");
        assert_eq!((name.resource(), name.action()), ("User", "GetUserInfo"));
    }

    #[test]
    fn an_unknown_well_formed_name_is_accepted() {
        assert_eq!(PermissionName::parse("Pizza:Bake").unwrap().as_str(), "Pizza:Bake");
    }

    #[test]
    fn malformed_names_are_refused() {
        let long = format!("User:{}", "a".repeat(PermissionName::MAX_BYTES - 4));
        for text in [
            "",
            ":",
            "User",
            "User:",
            ":Get",
            "User:Get:Info",
            "User.Get:Info",
            "User:Get.Info",
            " User:Get",
            "User:Get ",
            "User:Get_Info",
            "User:Get1",
            "Üser:Get",
            "User:*",
            &long,
        ] {
            assert_eq!(PermissionName::parse(text), Err(InvalidPermissionName), "{text:?}");
        }
        let longest = &long[..PermissionName::MAX_BYTES];
        assert_eq!(PermissionName::parse(longest).unwrap().as_str(), longest);
    }

    #[test]
    fn every_known_name_is_canonical_and_listed_once() {
        let mut seen = std::collections::BTreeSet::new();
        for name in KNOWN {
            assert_eq!(PermissionName::parse(name.as_str()).as_ref(), Ok(name));
            assert!(seen.insert(name), "{name} is listed twice");
        }
        assert_eq!(seen.len(), 88);
    }

    #[test]
    fn a_name_is_stored_as_its_canonical_text() {
        let name: PermissionName = serde_json::from_str("\"Role.GetRole\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"Role:GetRole\"");
        let error = serde_json::from_str::<PermissionName>("\"Role\"").unwrap_err();
        assert!(error.to_string().contains("Resource:Action"), "{error}");
    }
}
