//! Taking records in: in any order, any number of times, and nothing that contradicts what is there.

mod accounts;
mod contact_random;
pub(crate) mod contact_records;
mod contacts;
mod contradictions;
mod erasing;
mod figures;
mod help_desk;
mod limits;
mod privileges;
mod random;
pub(crate) mod records;
mod tables;
