//! Environments, bots and operators: as records, and as they are listed.

use denizen_directory::ingest::limits;
use denizen_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DateTime;
use crate::admin::fields::Guid;

/// The value of `type` in a record of this kind. It is looked at before the rest is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::admin) enum EnvironmentType {
    Environment,
}

/// The value of `type` in a record of this kind. It is looked at before the rest is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::admin) enum BotType {
    Bot,
}

/// A place where bots live.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct EnvironmentRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: EnvironmentType,
    pub(in crate::admin) environment_id: Guid,
    #[schemars(length(min = 1, max = limits::PLACE_NAME))]
    pub(in crate::admin) name: String,
    /// Default true. One that is not active is as if it were not there, with all its bots, until it is active again.
    pub(in crate::admin) is_active: Option<bool>,
}

/// A bot. It stays in its environment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct BotRecord {
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "looked at before")]
    kind: BotType,
    pub(in crate::admin) bot_id: Guid,
    /// Has to be there, or come before.
    pub(in crate::admin) environment_id: Guid,
    #[schemars(length(min = 1, max = limits::PLACE_NAME))]
    pub(in crate::admin) name: String,
    /// The address of a picture; it is kept as it is.
    #[schemars(length(max = limits::URL))]
    pub(in crate::admin) image_url: Option<String>,
    /// Default true. One that is not active is as if it were not there, until it is active again.
    pub(in crate::admin) is_active: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct Environments {
    /// In the order of their ids.
    pub(in crate::admin) environments: Vec<Environment>,
    /// Whether there are more, after the last of these.
    pub(in crate::admin) has_more: bool,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct Environment {
    pub(in crate::admin) environment_id: String,
    pub(in crate::admin) name: String,
    pub(in crate::admin) is_active: bool,
    #[schemars(with = "DateTime")]
    pub(in crate::admin) created_at: Timestamp,
    /// When a record changed it last.
    #[schemars(with = "DateTime")]
    pub(in crate::admin) updated_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct Bots {
    /// In the order of their ids.
    pub(in crate::admin) bots: Vec<Bot>,
    /// Whether there are more, after the last of these.
    pub(in crate::admin) has_more: bool,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct Bot {
    pub(in crate::admin) bot_id: String,
    pub(in crate::admin) environment_id: String,
    pub(in crate::admin) name: String,
    pub(in crate::admin) image_url: Option<String>,
    /// What it says of itself: a bot of an environment that is not active is as if it were not there, too.
    pub(in crate::admin) is_active: bool,
    #[schemars(with = "DateTime")]
    pub(in crate::admin) created_at: Timestamp,
    /// When a record changed it last.
    #[schemars(with = "DateTime")]
    pub(in crate::admin) updated_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct Operators {
    /// In the order of their names.
    pub(in crate::admin) operators: Vec<Operator>,
    /// How many are meant by the text.
    pub(in crate::admin) total: u64,
}

/// Who an operator is. Bots, the picture and the values that programs keep are not shown here.
#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct Operator {
    pub(in crate::admin) operator_id: String,
    pub(in crate::admin) name: String,
    pub(in crate::admin) email: String,
    pub(in crate::admin) company: Option<String>,
    /// `admin`, `supervisor`, `editor` or `viewer`.
    pub(in crate::admin) role: &'static str,
    /// What is active of what the operator reaches; none for an administrator, who reaches all.
    pub(in crate::admin) environments: Vec<OperatorEnvironment>,
    #[schemars(with = "DateTime")]
    pub(in crate::admin) created_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::admin) struct OperatorEnvironment {
    pub(in crate::admin) environment_id: String,
    pub(in crate::admin) name: String,
}
