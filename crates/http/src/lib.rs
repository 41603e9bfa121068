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
pub mod openid;
mod operator_pages;

pub use kernel::{
    App, Dialect, DixaSettings, EvaSettings, HttpSettings, TokenRate, openapi, openapi_text, router,
};
