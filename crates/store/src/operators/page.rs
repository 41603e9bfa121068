//! Pages of operators in any order, by number, and what their names begin with.

use super::Operator;
use crate::conn::Conn;
use crate::error::Result;

/// By what operators are sorted; among equals by their ids, rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorOrder {
    CreatedAt,
    Name,
    Email,
    Company,
    Admin,
    Id,
}

/// Which operators, in which order, and which part of them.
#[derive(Debug, Clone)]
pub struct OperatorQuery {
    /// Folded; what has it in name, address or company. `None`: everybody.
    pub needle: Option<String>,
    pub order: OperatorOrder,
    pub is_descending: bool,
    /// How many come before.
    pub offset: u64,
    pub limit: usize,
}

/// A part of a list, and how long the list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorPage {
    /// What they reach is not read ([`super::places`] does): who is no administrator has no environments here.
    pub items: Vec<Operator>,
    pub total: u64,
}

/// One page.
pub fn page(conn: &Conn<'_>, query: &OperatorQuery) -> Result<OperatorPage> {
    todo!()
}

/// Up to `limit` different names that begin with what is folded here, in their order.
pub fn suggest_names(conn: &Conn<'_>, folded: &str, limit: usize) -> Result<Vec<String>> {
    todo!()
}
