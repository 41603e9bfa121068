//! Reading a line of a stream strictly: what is not of the published form is refused with its place.

use serde::de::DeserializeOwned;

use super::wire::LineProblem;
use crate::kernel::{Misread, read_object};

/// A JSON object of this form.
///
/// # Errors
/// `invalid_json` for what is no JSON at all, `invalid_field` for JSON of another form.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, LineProblem> {
    read_object(text).map_err(|Misread { is_json, field, message }| {
        let code = if is_json { "invalid_field" } else { "invalid_json" };
        LineProblem { code, message, field }
    })
}
