//! Reading input: every problem of a request is found before any is reported, in the words of pydantic.

mod body;
mod depth;
mod query;

pub use body::Reader;
pub use query::{QueryReader, parse_bool};
