//! Calls about many end users (contract section 5.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Id;
use super::constant::constants;
use super::end_user::EndUser;
use crate::kernel::Object;

/// Many items; no member means none.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(in crate::dixa) struct BulkInput<T> {
    pub(in crate::dixa) data: Option<Vec<Object<T>>>,
}

/// What became of one item. The outcomes stand in the order of the items.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::dixa) enum BulkActionOutcome {
    Failure(BulkActionFailure),
    Success(Box<BulkActionSuccess>),
}

constants!(BulkActionFailureType = "BulkActionFailure", BulkActionSuccessType = "BulkActionSuccess");

/// The item was carried out.
#[derive(Serialize, JsonSchema)]
pub(in crate::dixa) struct BulkActionSuccess {
    pub(in crate::dixa) data: EndUser,
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
