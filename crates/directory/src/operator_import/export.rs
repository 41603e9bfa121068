//! Operators as rows of a file that can be imported again.

use std::collections::BTreeSet;

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::operator::Access;
use denizen_store::operators::{self as stored, Operator};
use denizen_store::{Conn, Result as StoreResult};

use super::Importer;
use crate::error::Result;
use crate::handle::Directory;
use crate::operators::Registry;

/// Operators that are read at once.
const PAGE: usize = 500;

/// The names of the columns, in their order.
pub fn columns() -> [&'static str; 8] {
    denizen_roster::COLUMNS
}

/// Some operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// One for each bot of an operator, for each environment of which no bot was granted, and for each administrator, beside
    /// the columns. No password is known, so none stands there.
    pub rows: Vec<[String; 8]>,
    pub operators: usize,
    /// Behind whom others may follow; `None` when nobody does.
    pub next: Option<UserId>,
}

impl Directory {
    /// The operators behind one of them, in the order of their ids, with all that was granted to them.
    pub async fn export_operators(&self, by: &Importer, after: Option<UserId>) -> Result<Exported> {
        let read = move |conn: &Conn<'_>| -> StoreResult<Exported> {
            let operators = stored::walk(conn, after, PAGE)?;
            let granted = |operator: &Operator| match &operator.access {
                Access::Administrator => Vec::new(),
                Access::Environments { environments, .. } => environments.keys().copied().collect(),
            };
            let environments: BTreeSet<Uuid> = operators.iter().flat_map(granted).collect();
            let registry = Registry::read(conn, &Vec::from_iter(environments), &[])?;
            Ok(Exported {
                rows: operators.iter().flat_map(|operator| rows(operator, &registry)).collect(),
                operators: operators.len(),
                next: operators.last().map(|operator| operator.user_id).filter(|_| operators.len() == PAGE),
            })
        };
        Ok(self.stores().scan_recent(by.organization.org, read).await?)
    }
}

fn rows(operator: &Operator, registry: &Registry) -> Vec<[String; 8]> {
    let row = |role: &str, environment: String, name: String, bot: String| {
        let company = operator.company.clone().unwrap_or_default();
        let (email, password) = (operator.email.clone(), String::new());
        [email, operator.name.clone(), company, role.to_uppercase(), password, environment, name, bot]
    };
    let Access::Environments { role, environments } = &operator.access else {
        return vec![row("ADMIN", String::new(), String::new(), String::new())];
    };
    let mut rows = Vec::new();
    for (id, bots) in environments {
        let name = registry.environments.get(id).map_or("", |environment| environment.name.as_str());
        let mut add = |bot: String| rows.push(row(role.as_str(), id.to_string(), name.to_owned(), bot));
        if bots.is_empty() {
            add(String::new());
        }
        for bot in bots {
            add(bot.to_string());
        }
    }
    if rows.is_empty() {
        // Nothing is left of what was granted; the operator is there all the same.
        rows.push(row(role.as_str(), String::new(), String::new(), String::new()));
    }
    rows
}
