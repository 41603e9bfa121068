//! Reading input: field by field, so that every problem of a request is found before any is reported, in the words of
//! pydantic; or into a type at once, up to the first problem.

mod body;
mod depth;
mod form;
mod query;
mod typed;

pub use body::Reader;
pub use form::{FORM, Form};
pub use query::{QueryReader, parse_bool};
pub use typed::{Misread, Object, read_body, read_object};
