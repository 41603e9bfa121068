//! Pages of contacts in the order of their creation, forward and backward.

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use super::{COLUMNS, ListedContact, keep_contact};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::{Statement, Value};
use crate::texts::{Gathered, Listed, listed_with, room_for};

/// The place of a contact in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContactPlace {
    pub created_at: Timestamp,
    pub id: Uuid,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFrom<P> {
    Start,
    /// Right after this place.
    After(P),
    /// So that the page ends right before this place.
    Before(P),
}

/// A page, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether something comes before the first item, and after the last.
    pub has_before: bool,
    pub has_after: bool,
}

/// A page of contacts, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactPage {
    pub contacts: Listed<ListedContact>,
    pub has_before: bool,
    pub has_after: bool,
}

/// Which contacts, from where, and how many.
#[derive(Debug, Clone)]
pub struct ContactQuery {
    /// Only those with this id elsewhere.
    pub external_id: Option<String>,
    pub from: PageFrom<ContactPlace>,
    pub limit: usize,
}

/// Looking from a place: at what comes after it, or before it; with the place itself or without.
#[derive(Debug, Clone, Copy)]
struct Look {
    place: ContactPlace,
    backward: bool,
    inclusive: bool,
}

fn push_matching(statement: &mut Statement, conn: &Conn<'_>, query: &ContactQuery, look: Option<Look>) {
    statement.push(" FROM contact WHERE org_id = ").bind(Value::Int(conn.org.0));
    if let Some(external_id) = &query.external_id {
        statement.push(" AND external_id = ").bind(Value::Text(external_id.clone()));
    }
    if let Some(Look { place, backward, inclusive }) = look {
        statement.push(" AND (created_at, user_id) ").push(if backward { "<" } else { ">" });
        statement.push(if inclusive { "= (" } else { " (" }).bind(Value::Int(place.created_at.0));
        statement.push(", ").bind(Value::Blob(place.id.0.to_vec())).push(")");
    }
}

fn push_order(statement: &mut Statement, backward: bool) {
    statement.push(if backward {
        " ORDER BY created_at DESC, user_id DESC"
    } else {
        " ORDER BY created_at, user_id"
    });
}

/// Behind [`COLUMNS`]: whether there is something on the other side of the place from which the page is read.
const HAS_OTHER_SIDE: usize = 14;

/// The statement of a page; public for the tests that read query plans. Unless the page begins at the start it tells with each
/// contact what lies on the other side, for on PostgreSQL another question costs as much as a third of the page.
pub fn page_statement(conn: &Conn<'_>, query: &ContactQuery) -> Statement {
    let look = match query.from {
        PageFrom::Start => None,
        PageFrom::After(place) => Some(Look { place, backward: false, inclusive: false }),
        PageFrom::Before(place) => Some(Look { place, backward: true, inclusive: false }),
    };
    let mut statement = Statement::new("SELECT ");
    statement.push(COLUMNS);
    if let Some(Look { place, backward, .. }) = look {
        statement.push(", (");
        push_other_side(&mut statement, conn, query, place, !backward);
        statement.push(") IS NOT NULL");
    }
    push_matching(&mut statement, conn, query, look);
    push_order(&mut statement, look.is_some_and(|look| look.backward));
    statement
        .push(" LIMIT ")
        .bind(Value::Int(i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX)));
    statement
}

/// Puts what finds something on the other side of the place from which the page is read: the place itself counts.
fn push_other_side(
    statement: &mut Statement,
    conn: &Conn<'_>,
    query: &ContactQuery,
    place: ContactPlace,
    backward: bool,
) {
    statement.push("SELECT 1");
    push_matching(statement, conn, query, Some(Look { place, backward, inclusive: true }));
    // Engine: which one it is does not matter, but without an order PostgreSQL's planner would read the table.
    push_order(statement, backward);
    statement.push(" LIMIT 1");
}

/// What finds something on the other side where the page itself is empty, so that none of its rows can tell.
fn other_side_statement(
    conn: &Conn<'_>,
    query: &ContactQuery,
    place: ContactPlace,
    backward: bool,
) -> Statement {
    let mut statement = Statement::new("");
    push_other_side(&mut statement, conn, query, place, backward);
    statement
}

/// One page. Reads one contact more than asked for, to know whether there is more.
pub fn page(conn: &Conn<'_>, query: &ContactQuery) -> Result<ContactPage> {
    let most = query.limit.saturating_add(1);
    let (mut rows, mut texts) = (room_for(most), Gathered::with_room(most));
    let mut is_told = None;
    conn.all_of(&page_statement(conn, query), |row| {
        if rows.is_empty() && query.from != PageFrom::Start {
            is_told = Some(row.bool(HAS_OTHER_SIDE)?);
        }
        rows.push(keep_contact(row, 0, &mut texts)?);
        Ok(())
    })?;
    let has_other_side = match (is_told, query.from) {
        (Some(is_told), _) => is_told,
        (None, PageFrom::Start) => false,
        (None, PageFrom::After(place)) => is_there(conn, query, place, true)?,
        (None, PageFrom::Before(place)) => is_there(conn, query, place, false)?,
    };
    let has_more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let is_backward = matches!(query.from, PageFrom::Before(_));
    if is_backward {
        rows.reverse();
    }
    let (has_before, has_after) =
        if is_backward { (has_more, has_other_side) } else { (has_other_side, has_more) };
    Ok(ContactPage { contacts: listed_with(rows, texts)?, has_before, has_after })
}

fn is_there(conn: &Conn<'_>, query: &ContactQuery, place: ContactPlace, backward: bool) -> Result<bool> {
    let statement = other_side_statement(conn, query, place, backward);
    Ok(!conn.all_of(&statement, |_| Ok(()))?.is_empty())
}

/// Every shape of statement that [`page`] can make, for the test that prepares them.
pub fn example_statements(conn: &Conn<'_>) -> Vec<Statement> {
    let place = ContactPlace { created_at: Timestamp(1), id: Uuid([1; 16]) };
    let mut statements = Vec::new();
    for external_id in [None, Some("crm-1".to_owned())] {
        for from in [PageFrom::Start, PageFrom::After(place), PageFrom::Before(place)] {
            let query = ContactQuery { external_id: external_id.clone(), from, limit: 10 };
            statements.push(page_statement(conn, &query));
            statements
                .extend([false, true].map(|backward| other_side_statement(conn, &query, place, backward)));
        }
    }
    statements
}
