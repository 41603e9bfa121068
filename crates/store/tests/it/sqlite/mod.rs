//! SQLite's own mechanics, whatever engine the other tests run on.

mod catalogue;
mod checking;
mod erasing;
mod files;
mod index;
mod list_plans;
mod memory_plans;
mod log;
mod plans;
mod writing;
