//! HTTP: the kernel that every dialect is served by, the pages about the dialects, and what operators ask of a process.
//!
//! A dialect folder imports the kernel, the directory, the domain and itself, never another dialect. The store is not
//! known here at all.

pub mod admin;
pub mod amigo;
pub mod dixa;
mod docs;
pub mod eva;
mod health;
pub mod kernel;
mod operator_pages;
pub mod openid;

pub use kernel::{App, Dialect, DixaSettings, HttpSettings, TokenRate, openapi, openapi_text, router};
