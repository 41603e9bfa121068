//! Calls about many end users (contract section 5.3).

use std::fmt;
use std::marker::PhantomData;

use denizen_directory::contacts::MAX_ITEMS;
use schemars::JsonSchema;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Id;
use super::constant::constants;
use super::end_user::EndUser;
use crate::kernel::Object;

/// Many items; no member means none.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "{T}List")]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(in crate::dixa) struct BulkInput<T> {
    #[serde(default, deserialize_with = "few")]
    pub(in crate::dixa) data: Option<Vec<Object<T>>>,
}

/// Not more items than any setting admits: what is longer is not read to its end, for what is read takes many times the
/// room of what is sent.
fn few<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Object<T>>>, D::Error> {
    struct Items<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
        type Value = Option<Vec<Object<T>>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut sent: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = sent.next_element()? {
                if items.len() == MAX_ITEMS {
                    return Err(A::Error::custom(format_args!("must have at most {MAX_ITEMS} items")));
                }
                items.push(item);
            }
            Ok(Some(items))
        }
    }
    deserializer.deserialize_any(Items(PhantomData))
}

/// What became of one item. The outcomes stand in the order of the items.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::dixa) enum BulkActionOutcome<'c> {
    Failure(BulkActionFailure),
    Success(Box<BulkActionSuccess<'c>>),
}

constants!(BulkActionFailureType = "BulkActionFailure", BulkActionSuccessType = "BulkActionSuccess");

/// The item was carried out.
#[derive(Serialize, JsonSchema)]
pub(in crate::dixa) struct BulkActionSuccess<'c> {
    pub(in crate::dixa) data: EndUser<'c>,
    #[serde(rename = "_type")]
    pub(in crate::dixa) kind: BulkActionSuccessType,
}

/// Nothing of the item was carried out.
#[derive(Serialize, JsonSchema)]
pub(in crate::dixa) struct BulkActionFailure {
    pub(in crate::dixa) error: BulkError,
    #[serde(rename = "_type")]
    pub(in crate::dixa) kind: BulkActionFailureType,
}

/// Why an item was not carried out.
#[derive(Serialize, JsonSchema)]
pub(in crate::dixa) struct BulkError {
    /// The end user that the item was about; of one that was to be created, an id that nobody has.
    pub(in crate::dixa) id: Id,
    pub(in crate::dixa) message: String,
    #[serde(rename = "_type")]
    pub(in crate::dixa) kind: BulkErrorType,
}

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::dixa) enum BulkErrorType {
    /// The item cannot be accepted.
    Validation,
    /// There is no such end user.
    NotFound,
    /// The item changes nothing.
    EmptyPatchSet,
    /// The database does not take the item.
    Integrity,
    /// The item could not be looked at; try again.
    Infrastructure,
}
