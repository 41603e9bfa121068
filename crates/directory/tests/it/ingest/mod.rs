//! Taking records in: in any order, any number of times, and nothing that contradicts what is there.

mod accounts;
mod contradictions;
mod erasing;
mod figures;
mod limits;
mod privileges;
mod random;
mod records;
mod tables;
