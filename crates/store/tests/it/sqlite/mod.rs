//! SQLite's own mechanics, whatever engine the other tests run on.

mod backup;
mod catalogue;
mod checking;
mod clearing;
mod contact_plans;
mod erasing;
mod files;
mod index;
mod list_plans;
mod log;
mod memory_plans;
mod operator_plans;
mod others;
mod plans;
mod resting;
mod statistics;
mod writing;
