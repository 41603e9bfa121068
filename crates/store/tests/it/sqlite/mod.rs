//! SQLite's own mechanics, whatever engine the other tests run on.

mod catalogue;
mod checking;
mod files;
mod index;
mod log;
mod plans;
mod writing;
