//! Custom attributes: what is noted (contract sections 4.3 and 5.2), and what can be (5.6).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::constant::constants;
use super::time::ZonedMillis;
use super::{Id, never_null};

/// What is noted under a definition.
#[derive(Serialize, JsonSchema)]
pub(in crate::dixa) struct CustomAttribute {
    /// The definition's.
    pub(in crate::dixa) id: Id,
    /// For people.
    pub(in crate::dixa) name: String,
    /// For programs.
    pub(in crate::dixa) identifier: String,
    pub(in crate::dixa) value: AttributeValue,
}

/// A text, or the values of the chosen options, outer ones before those nested in them.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a text or a list of texts")]
pub(in crate::dixa) enum AttributeValue {
    Options(Vec<String>),
    Text(String),
}

/// What is to be noted, by the ids of definitions; null takes away.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::dixa) struct AttributePatch(pub(in crate::dixa) BTreeMap<Id, Option<AttributeValue>>);

/// What can be noted of end users or of conversations.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub(in crate::dixa) struct CustomAttributeDefinition {
    pub(in crate::dixa) id: Id,
    pub(in crate::dixa) entity_type: DefinitionEntity,
    pub(in crate::dixa) identifier: String,
    pub(in crate::dixa) label: String,
    pub(in crate::dixa) input_definition: CustomAttributeInputDefinition,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) description: Option<String>,
    pub(in crate::dixa) created_at: ZonedMillis,
    /// Absent when it was never changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) updated_at: Option<ZonedMillis>,
    pub(in crate::dixa) is_required: bool,
    pub(in crate::dixa) is_archived: bool,
    pub(in crate::dixa) is_deactivated: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::dixa) enum DefinitionEntity {
    Contact,
    Conversation,
}

/// How it is filled in.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::dixa) enum CustomAttributeInputDefinition {
    Select(SelectInput),
    Text(TextInput),
}

constants!(SelectType = "Select", TextType = "Text");

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Select")]
pub(in crate::dixa) struct SelectInput {
    #[serde(rename = "_type")]
    pub(in crate::dixa) kind: SelectType,
    pub(in crate::dixa) options: Vec<SelectOption>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Text", transform = never_null)]
pub(in crate::dixa) struct TextInput {
    #[serde(rename = "_type")]
    pub(in crate::dixa) kind: TextType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) placeholder: Option<String>,
}

/// A choice, and those that it opens.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::dixa) struct SelectOption {
    pub(in crate::dixa) id: Id,
    pub(in crate::dixa) label: String,
    /// What is noted when it is chosen.
    pub(in crate::dixa) value: String,
    pub(in crate::dixa) nested_options: Vec<SelectOption>,
    pub(in crate::dixa) is_deactivated: bool,
    pub(in crate::dixa) order_index: i32,
}
