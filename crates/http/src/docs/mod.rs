//! The pages about the dialects, for people, and their OpenAPI documents, for programs.

use crate::kernel::{Dialect, Mounted, plain_problem};

pub(crate) fn mounted(_dialects: &[Dialect], _public_url: &str) -> Mounted {
    Mounted { name: "docs", owns_path: |_| false, problem: plain_problem, operations: Vec::new() }
}
