//! End users: as they are sent (contract section 4.1) and as they are answered (5.1).

use std::borrow::Cow;

use denizen_directory::contacts::ContactPatch;
use denizen_directory::{TextList, Texts};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};

use super::attribute::CustomAttribute;
use super::time::Seconds;
use super::{Id, never_null};

/// An end user.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = never_null)]
pub(in crate::dixa) struct EndUser<'c> {
    pub(in crate::dixa) id: Id,
    pub(in crate::dixa) created_at: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) display_name: Option<&'c str>,
    /// The primary address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) email: Option<&'c str>,
    /// The primary number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) phone_number: Option<&'c str>,
    #[schemars(extend("uniqueItems" = true))]
    pub(in crate::dixa) additional_emails: Words<'c>,
    #[schemars(extend("uniqueItems" = true))]
    pub(in crate::dixa) additional_phone_numbers: Words<'c>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) first_name: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) last_name: Option<&'c str>,
    pub(in crate::dixa) middle_names: Words<'c>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) avatar_url: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dixa) external_id: Option<&'c str>,
    pub(in crate::dixa) custom_attributes: Vec<CustomAttribute>,
}

/// Several texts of an end user.
pub(in crate::dixa) enum Words<'c> {
    Apart(&'c [String]),
    /// They lie among other texts.
    Listed(&'c Texts, TextList),
}

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Apart(words) => serializer.collect_seq(*words),
            Self::Listed(texts, list) => serializer.collect_seq(texts.list(*list)),
        }
    }
}

impl JsonSchema for Words<'_> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Vec::<String>::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<String>::json_schema(generator)
    }
}

/// The bodies about end users, which differ in their first members and in what an absent member means.
macro_rules! end_user_inputs {
    ($($(#[$about:meta])* $name:ident { $($head:ident: $type:ty),+ })+) => {
        $(
            $(#[$about])*
            #[derive(Deserialize, JsonSchema)]
            #[serde(rename_all = "camelCase")]
            pub(in crate::dixa) struct $name {
                $(pub(in crate::dixa) $head: $type,)+
                /// The primary address. No other end user may have it, in any letter case.
                email: Option<String>,
                /// The primary number: `+` and 7 to 15 digits. No other end user may have it.
                phone_number: Option<String>,
                /// Other addresses; repetitions, and the primary one, are dropped.
                additional_emails: Option<Vec<String>>,
                /// Other numbers; repetitions, and the primary one, are dropped.
                additional_phone_numbers: Option<Vec<String>>,
                first_name: Option<String>,
                last_name: Option<String>,
                middle_names: Option<Vec<String>>,
                avatar_url: Option<String>,
                /// An id of your own; several end users may have the same.
                external_id: Option<String>,
            }

            impl From<$name> for ContactPatch {
                fn from(said: $name) -> Self {
                    Self {
                        display_name: said.display_name.into(),
                        first_name: said.first_name,
                        last_name: said.last_name,
                        middle_names: said.middle_names,
                        email: said.email,
                        additional_emails: said.additional_emails,
                        phone: said.phone_number,
                        additional_phones: said.additional_phone_numbers,
                        external_id: said.external_id,
                        avatar_url: said.avatar_url,
                    }
                }
            }
        )+
    };
}

end_user_inputs! {
    /// A new end user.
    CreateEndUserInput { display_name: Option<String> }
    /// What of an end user is to change: what is absent stays, a list replaces the whole list.
    PatchEndUserInput { display_name: Option<String> }
    /// An end user anew: what is absent is cleared.
    UpdateEndUserInput { display_name: String }
    /// What of one of many end users is to change: what is absent stays, a list replaces the whole list.
    BulkPatchEndUserInput { id: Id, display_name: Option<String> }
    /// One of many end users anew: what is absent is cleared.
    BulkUpdateEndUserInput { id: Id, display_name: String }
}
