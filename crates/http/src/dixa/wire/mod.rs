//! What stands on the wire: the vendor's structs, with the members in the order of the published examples.
//!
//! A member that is not set is left out, never null; lists are always there (contract section 5.8). In requests null is
//! taken for absent, unknown members are ignored, and the type of known ones is held to.

mod anonymization;
mod attribute;
mod bulk;
mod constant;
mod conversation;
mod end_user;
mod time;

use std::borrow::Cow;

use denizen_domain::ids::Uuid;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use anonymization::*;
pub(super) use attribute::*;
pub(super) use bulk::*;
pub(super) use conversation::*;
pub(super) use end_user::*;
pub(super) use time::{Seconds, ZonedMillis};

/// A UUID of any version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Id(pub(super) Uuid);

impl JsonSchema for Id {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "uuid"})
    }
}

/// The envelope of one thing.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}Output")]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// The envelope of many things.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}ListOutput")]
pub(super) struct DataList<T> {
    pub(super) data: Vec<T>,
}

/// The envelope of a page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}PageOutput", transform = never_null)]
pub(super) struct DataPage<T> {
    pub(super) data: Vec<T>,
    /// Absent where everything is on this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) meta: Option<PaginationLinks>,
}

/// The way to the pages around this one.
#[derive(Serialize, JsonSchema)]
#[schemars(transform = never_null)]
pub(super) struct PaginationLinks {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// Every error.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorBody<'e> {
    pub(super) message: Cow<'e, str>,
}

/// The organization of the token.
#[derive(Serialize, JsonSchema)]
pub(super) struct OrganizationDetails {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) subdomain: String,
    pub(super) status: &'static str,
}

/// Takes null out of what the members of an object may be: an answer leaves out what is not set.
fn never_null(schema: &mut Schema) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for property in properties.values_mut().filter_map(Value::as_object_mut) {
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = &mut types[..] {
                let only = only.take();
                property.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(words)) = property.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        if let Some(Value::Array(choices)) = property.get_mut("anyOf") {
            choices.retain(|choice| choice["type"] != "null");
            if let [Value::Object(only)] = &mut choices[..] {
                let only = std::mem::take(only);
                property.remove("anyOf");
                property.extend(only);
            }
        }
    }
}
