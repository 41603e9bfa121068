//! Backups of SQLite: a folder with a file for each database, and a manifest that says what they are.
//!
//! The manifest comes last and the folder gets its name after that, so what has the name is whole; and a file that is not
//! the one that was written is known by its hash. How a database is read, and how a file is looked over, is the store's.

mod file;
mod holding;
mod manifest;
mod pace;
mod reading;
mod writing;

pub use holding::Held;
pub use manifest::{Entry, MAIN};
pub use pace::Pace;
pub use reading::{Copied, NewFile, Whole};
pub use writing::Draft;
