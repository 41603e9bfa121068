//! What stands on the wire: the vendor's structs, with the members in the order of the published examples.
//!
//! Answers say every member; what is not there is null. In requests unknown members are ignored, and the type of known ones
//! is held to.

use std::borrow::Cow;

use denizen_domain::ids::Uuid;
use denizen_domain::patch::Patch;
use denizen_domain::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, json};

/// A UUID of any version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// `2025-07-10T20:33:21.399Z`: three digits of a second, always; what is finer is cut off (contract section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Millis(pub(super) Timestamp);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_millis("Z", serializer)
    }
}

impl JsonSchema for Millis {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Millis".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time", "examples": ["2025-07-10T20:33:21.399Z"]})
    }
}

/// Every error.
#[derive(Serialize, JsonSchema)]
pub(super) struct StandardError<'e> {
    pub(super) timestamp: Millis,
    pub(super) status: u16,
    /// The status in words.
    pub(super) error: &'static str,
    pub(super) message: Cow<'e, str>,
    /// The path that was asked for.
    pub(super) path: Cow<'e, str>,
}

/// A user of the organization.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct User<'u> {
    pub(super) uuid: Id,
    #[serde(rename = "orgUUID")]
    pub(super) org_uuid: Id,
    pub(super) name: &'u str,
    pub(super) email: &'u str,
    pub(super) company: Option<&'u str>,
    /// An address, or the picture itself behind `data:`.
    pub(super) image: Option<&'u str>,
    pub(super) admin: bool,
    /// Those that are active; none for an administrator, who reaches all.
    pub(super) environments: Vec<UserEnvironment<'u>>,
    pub(super) created_at: Millis,
    pub(super) rules: Rules,
}

/// What a user may do in an environment.
#[derive(Serialize, JsonSchema)]
pub(super) struct UserEnvironment<'u> {
    pub(super) role: Role,
    pub(super) environment: Named<'u>,
    /// Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Named<'u>>")]
    pub(super) bots: Option<Vec<Named<'u>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub(super) enum Role {
    Supervisor,
    Editor,
    Viewer,
}

/// An environment or a bot.
#[derive(Serialize, JsonSchema)]
pub(super) struct Named<'u> {
    pub(super) uuid: Id,
    pub(super) name: &'u str,
}

/// What the caller may do with a user.
#[derive(Serialize, JsonSchema)]
pub(super) struct Rules {
    pub(super) deletable: bool,
}

/// A page of a list, and its place in it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PageOf{T}")]
pub(super) struct Page<T> {
    pub(super) content: Vec<T>,
    pub(super) pageable: Pageable,
    pub(super) last: bool,
    pub(super) total_pages: u64,
    pub(super) total_elements: u64,
    pub(super) size: u64,
    /// Pages are counted from 0.
    pub(super) number: u64,
    pub(super) sort: Sort,
    pub(super) first: bool,
    pub(super) number_of_elements: u64,
    pub(super) empty: bool,
}

/// What was asked for.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pageable {
    pub(super) sort: Sort,
    /// How many come before this page.
    pub(super) offset: u64,
    pub(super) page_number: u64,
    pub(super) page_size: u64,
    pub(super) paged: bool,
    pub(super) unpaged: bool,
}

/// Lists are always sorted.
#[derive(Serialize, JsonSchema)]
pub(super) struct Sort {
    pub(super) empty: bool,
    pub(super) sorted: bool,
    pub(super) unsorted: bool,
}

/// A user, as created and updated.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserInput {
    #[schemars(length(min = 1, max = 255))]
    pub(super) name: String,
    /// An address, or the picture itself behind `data:`. In an update, null takes it away.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) image: Said,
    /// What the user reaches; an administrator reaches everything, and this is not looked at. Needed for everybody else. In
    /// an update, all of it.
    pub(super) environments: Option<Vec<UserEnvironmentInput>>,
    /// No other user of the organization may have it, in any letter case.
    #[schemars(length(max = 255))]
    pub(super) email: String,
    /// In an update, null takes it away.
    #[serde(default)]
    #[schemars(with = "Option<String>", length(max = 255))]
    pub(super) company: Said,
    /// Whether the user manages users and reaches everything.
    pub(super) admin: Option<bool>,
    /// At least 6 characters, with an upper-case letter, a lower-case letter, and a digit or special character, unless the
    /// installation asks for more.
    pub(super) password: Option<String>,
    /// The same as `password`; has to be there where that is. `confirmPassword` and `passwordConfirm` mean the same.
    pub(super) password_confirmation: Option<String>,
    #[schemars(skip)]
    pub(super) confirm_password: Option<String>,
    #[schemars(skip)]
    pub(super) password_confirm: Option<String>,
}

/// A user who is created with a password.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct UserWithPasswordInput(pub(super) UserInput);

impl JsonSchema for UserWithPasswordInput {
    fn schema_name() -> Cow<'static, str> {
        "UserWithPasswordInput".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = UserInput::json_schema(generator);
        schema.insert("description".to_owned(), json!("A user who is created with a password."));
        if let Some(required) = schema.get_mut("required").and_then(|required| required.as_array_mut()) {
            required.push(json!("password"));
        }
        schema
    }
}

/// What a user is to be able to do in an environment.
#[derive(Deserialize, JsonSchema)]
pub(super) struct UserEnvironmentInput {
    /// `SUPERVISOR`, `EDITOR` or `VIEWER`, the same in all environments of a user.
    pub(super) role: Option<String>,
    pub(super) environment: Option<Reference>,
    /// At least one for an editor or viewer.
    pub(super) bots: Option<Vec<Reference>>,
}

/// An environment or a bot: its UUID, or an object that has it.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a UUID or an object with one")]
pub(super) enum Reference {
    Word(String),
    Object { uuid: String },
}

impl Reference {
    /// `None` where it cannot be a UUID.
    pub(super) fn id(&self) -> Option<Uuid> {
        let (Self::Word(text) | Self::Object { uuid: text }) = self;
        Uuid::parse(text.trim())
    }
}

/// A value that is kept for the calling user.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ConfigurationInput {
    /// Any text.
    #[schemars(length(min = 1, max = 255))]
    pub(super) key: String,
    pub(super) value: ConfigurationText,
    /// The bot that the value is for; null or blank where it is for none in particular.
    pub(super) bot: Option<String>,
    #[serde(rename = "botUUID")]
    #[schemars(skip)]
    pub(super) bot_uuid: Option<String>,
}

/// A text; a number or truth value is kept as its text.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a text, a number or a truth value")]
#[schemars(inline)]
pub(super) enum ConfigurationText {
    Text(String),
    Truth(bool),
    Number(Number),
}

/// A value that is kept for the calling user.
#[derive(Serialize, JsonSchema)]
pub(super) struct Configuration {
    pub(super) key: String,
    pub(super) value: String,
    /// The bot that the value is for; null where it is for none in particular.
    pub(super) bot: Option<Id>,
}

/// What a body says of a text that can be taken away: nothing, null, or another one.
#[derive(Debug, Default)]
pub(super) struct Said(pub(super) Patch<String>);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        Ok(Self(text.map_or(Patch::Clear, Patch::Set)))
    }
}

impl Said {
    /// The text, if there is one.
    pub(super) fn text(self) -> Option<String> {
        if let Self(Patch::Set(text)) = self { Some(text) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_of_a_second_whatever_they_are() {
        for (micros, text) in [
            (1_767_268_800_000_000, "2026-01-01T12:00:00.000Z"),
            (1_767_268_800_999_999, "2026-01-01T12:00:00.999Z"),
            (1_767_268_800_070_000, "2026-01-01T12:00:00.070Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(serde_json::to_value(Millis(Timestamp(micros))).unwrap(), text);
        }
    }
}

/// The form of an upload.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used: a form is read part by part")]
pub(super) struct CsvUpload {
    /// The CSV file, in UTF-8: `email;name;company;role;password;environmentUuid;environmentName;bot`.
    #[schemars(with = "Binary")]
    file: Vec<u8>,
}

/// A file in a form.
struct Binary;

impl JsonSchema for Binary {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Binary".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "binary", "contentMediaType": "text/csv"})
    }
}

/// Of which users nothing was made, in the order of the file.
#[derive(Serialize, JsonSchema)]
pub(super) struct CsvErrors<'e> {
    pub(super) errors: Vec<CsvError<'e>>,
}

/// A file that is refused: an error with the list behind its members.
#[derive(Serialize)]
pub(super) struct CsvRefusal<'e> {
    #[serde(flatten)]
    pub(super) error: StandardError<'e>,
    pub(super) errors: Vec<CsvError<'e>>,
}

/// A user of the file of whom nothing was made, or a line that repeats one.
#[derive(Serialize, JsonSchema)]
pub(super) struct CsvError<'e> {
    /// As it stands in the file; empty where there is none.
    pub(super) email: Cow<'e, str>,
    pub(super) message: Cow<'e, str>,
}
