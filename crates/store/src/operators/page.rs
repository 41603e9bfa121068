//! Pages of operators in any order, by number, and what their names begin with.
//!
//! A page that lies behind many operators is come to by walking past them in an index that has all that this takes, from the
//! nearer end of the list. Then its operators are looked up. Where few are passed over, they are read as they come.

use std::collections::HashMap;

use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;

use super::search::found;
use super::write::MOST_SORT_KEY;
use super::{COLUMNS, ListedOperator, count, find_many, keep_operator};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::{Param, Sql, Statement, Value};
use crate::texts::{Gathered, Listed, listed_with, room_for};

/// By what operators are sorted; among equals by their ids, rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorOrder {
    CreatedAt,
    /// Letter case and accents aside, and then as the names are written.
    Name,
    Email,
    Company,
    Admin,
    Id,
}

impl OperatorOrder {
    pub const ALL: [Self; 6] =
        [Self::CreatedAt, Self::Name, Self::Email, Self::Company, Self::Admin, Self::Id];

    /// The columns that are compared before the id.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::CreatedAt => &["created_at"],
            Self::Name => &["name_key", "name"],
            Self::Email => &["email_key"],
            Self::Company => &["company_key"],
            Self::Admin => &["is_admin"],
            Self::Id => &[],
        }
    }
}

/// Which operators, in which order, and which part of them.
#[derive(Debug, Clone)]
pub struct OperatorQuery {
    /// Folded; what has it in name, address or company. `None`, or nothing: everybody.
    pub needle: Option<String>,
    pub order: OperatorOrder,
    pub is_descending: bool,
    /// How many come before.
    pub offset: u64,
    pub limit: usize,
}

impl OperatorQuery {
    /// Whether the page is a short range, and not a search or a walk past many.
    pub fn is_short(&self) -> bool {
        self.needle.is_none() && self.offset <= FEW && self.limit <= 100
    }
}

/// A part of a list, and how long the list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorPage {
    /// What they reach is not read ([`super::places`] does): who is no administrator has no environments here.
    pub operators: Listed<ListedOperator>,
    pub total: u64,
}

static COUNT_ADMINISTRATORS: Sql = Sql::new(
    "operator.count_administrators",
    "SELECT count(*) FROM operator WHERE org_id = $1 AND is_admin = 1",
);
// From one name to the next one behind it, so that a name which many have is one step.
// Engine: SQLite enters its index where a row begins that is not less, and then looks at each of those that are equal: so the
// place behind all ids is asked for. It enters by more than the first column only what is compared with no column, hence the
// plus, and only without a second bound, so the end is looked at outside.
static SUGGEST: Sql = Sql::split(
    "operator.suggest",
    "WITH RECURSIVE name (name_key, name, number) AS (
        SELECT * FROM (SELECT name_key, name, 1 FROM operator
            WHERE org_id = $1 AND name_key >= $2 AND name_key < $3 ORDER BY name_key, name LIMIT 1)
        UNION ALL
        SELECT next.name_key, next.name, known.number + 1 FROM name AS known
        JOIN operator AS next ON next.position = (SELECT position FROM operator
            WHERE org_id = $1 AND (name_key, name, user_id)
                > (+known.name_key, +known.name, x'ffffffffffffffffffffffffffffffffff')
            ORDER BY name_key, name LIMIT 1)
        WHERE known.number < $4 AND next.name_key < $3)
     SELECT name FROM name ORDER BY number LIMIT $4",
    "WITH RECURSIVE name (name_key, name, number) AS (
        SELECT * FROM (SELECT name_key, name, CAST(1 AS BIGINT) FROM operator
            WHERE org_id = $1 AND name_key >= $2 AND name_key < $3 ORDER BY name_key, name LIMIT 1) AS first
        UNION ALL
        SELECT next.name_key, next.name, known.number + 1 FROM name AS known
        CROSS JOIN LATERAL (SELECT name_key, name FROM operator
            WHERE org_id = $1 AND (name_key, name) > (known.name_key, known.name) AND name_key < $3
            ORDER BY name_key, name LIMIT 1) AS next
        WHERE known.number < $4)
     SELECT name FROM name ORDER BY number LIMIT $4",
);

pub(crate) const STATEMENTS: &[&Sql] = &[&COUNT_ADMINISTRATORS, &SUGGEST];

/// Puts an order: of the columns, and of the ids among equals. `is_reversed` says that the list is read from its end.
pub(super) fn push_order(statement: &mut Statement, query: &OperatorQuery, is_reversed: bool) {
    let direction = |is_descending: bool| if is_descending { " DESC" } else { "" };
    statement.push(" ORDER BY ");
    for (at, column) in query.order.columns().iter().enumerate() {
        statement.push(if at > 0 { ", " } else { "" });
        statement.push(column).push(direction(query.is_descending != is_reversed));
    }
    match query.order {
        // No two have the same.
        OperatorOrder::Email => {}
        OperatorOrder::Id => {
            statement.push("user_id").push(direction(query.is_descending != is_reversed));
        }
        _ => {
            statement.push(", user_id").push(direction(is_reversed));
        }
    }
}

/// Puts the columns that the order compares, each behind a comma.
pub(super) fn push_columns(statement: &mut Statement, query: &OperatorQuery) {
    for column in query.order.columns() {
        statement.push(", ").push(column);
    }
}

/// A number that a statement bounds its rows by.
pub(super) fn bound(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The most operators that are passed over with their rows. A walk in an index alone is cheaper for each, but whoever is come
/// to has to be looked up then.
const FEW: u64 = 1_000;

/// A part of the list that an index has in one piece.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Only administrators, or only the others.
    is_admin: Option<bool>,
    length: u64,
}

/// Some rows of a stretch, counted from its beginning or from its end.
#[derive(Debug, Clone, Copy)]
struct Cut {
    skipped: u64,
    taken: u64,
    from_end: bool,
}

impl Stretch {
    /// `taken` rows behind `skipped` ones, from the nearer end; all of them are there.
    fn cut(self, skipped: u64, taken: u64) -> Cut {
        let behind = self.length.saturating_sub(skipped).saturating_sub(taken);
        if behind < skipped {
            Cut { skipped: behind, taken, from_end: true }
        } else {
            Cut { skipped, taken, from_end: false }
        }
    }
}

/// The statement that reads these columns of a cut.
fn cut_statement(
    conn: &Conn<'_>,
    query: &OperatorQuery,
    columns: &str,
    is_admin: Option<bool>,
    cut: Cut,
) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement.push(columns);
    push_cut(&mut statement, conn, query, is_admin, cut);
    statement
}

fn push_cut(
    statement: &mut Statement,
    conn: &Conn<'_>,
    query: &OperatorQuery,
    is_admin: Option<bool>,
    cut: Cut,
) {
    statement.push(" FROM operator WHERE org_id = ").bind(Value::Int(conn.org.0));
    if let Some(is_admin) = is_admin {
        statement.push(" AND is_admin = ").bind(Value::Int(is_admin.into()));
    }
    push_order(statement, query, cut.from_end);
    statement.push(" LIMIT ").bind(bound(cut.taken)).push(" OFFSET ").bind(bound(cut.skipped));
}

/// Behind [`COLUMNS`]: how long the list is.
const TOTAL: usize = 8;

/// The statement that reads a part of everybody from the beginning, and tells with each operator how long the list is.
fn counted_statement(conn: &Conn<'_>, query: &OperatorQuery) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement.push(COLUMNS);
    statement
        .push(", (SELECT CAST(coalesce(sum(users), 0) AS BIGINT) FROM directory_counter WHERE org_id = ");
    statement.bind(Value::Int(conn.org.0));
    statement.push(" AND directory = ").bind(Value::Int(Directory::Operators.number())).push(")");
    let taken = u64::try_from(query.limit).unwrap_or(u64::MAX);
    push_cut(&mut statement, conn, query, None, Cut { skipped: query.offset, taken, from_end: false });
    statement
}

/// The parts of the list that an index has in one piece: only administrators, only the others, or everybody. The ids rise among
/// administrators and among the others, so an index that is read backward has neither part as it is wanted, and the parts are read
/// one after the other.
fn parts(query: &OperatorQuery) -> &'static [Option<bool>] {
    if query.order == OperatorOrder::Admin && query.is_descending {
        &[Some(true), Some(false)]
    } else {
        &[None]
    }
}

/// The parts, with how long each is.
fn stretches(conn: &Conn<'_>, query: &OperatorQuery, total: u64) -> Result<Vec<Stretch>> {
    if parts(query).len() == 1 {
        return Ok(vec![Stretch { is_admin: None, length: total }]);
    }
    let administrators = conn.optional(&COUNT_ADMINISTRATORS, &[conn.org_param()], |row| row.int(0))?;
    let administrators = u64::try_from(administrators.unwrap_or(0)).unwrap_or(0);
    Ok(vec![
        Stretch { is_admin: Some(true), length: administrators },
        Stretch { is_admin: Some(false), length: total.saturating_sub(administrators) },
    ])
}

/// One page.
pub fn page(conn: &Conn<'_>, query: &OperatorQuery) -> Result<OperatorPage> {
    match query.needle.as_deref() {
        Some(needle) if !needle.is_empty() => found(conn, query, needle),
        _ => conn.in_snapshot(|| everybody(conn, query)),
    }
}

/// As [`page`], by one statement, so that no two have to see the same state. `None` where that takes several, or where there is
/// nobody on the page who would tell how long the list is.
pub fn page_at_once(conn: &Conn<'_>, query: &OperatorQuery) -> Result<Option<OperatorPage>> {
    if !query.is_short() || parts(query).len() > 1 {
        return Ok(None);
    }
    let (mut rows, mut texts) = (room_for(query.limit), Gathered::with_room(query.limit));
    let mut total = None;
    conn.all_of(&counted_statement(conn, query), |row| {
        if total.is_none() {
            total = Some(u64::try_from(row.int(TOTAL)?).unwrap_or(0));
        }
        rows.push(keep_operator(row, &mut texts)?);
        Ok(())
    })?;
    let Some(total) = total else { return Ok(None) };
    Ok(Some(OperatorPage { operators: listed_with(rows, texts)?, total }))
}

/// Those of these operators that are there, in this order.
pub(super) fn in_order(conn: &Conn<'_>, ids: &[UserId], texts: &mut Gathered) -> Result<Vec<ListedOperator>> {
    let mut operators: HashMap<UserId, ListedOperator> =
        find_many(conn, ids, texts)?.into_iter().map(|operator| (operator.user_id, operator)).collect();
    Ok(ids.iter().filter_map(|id| operators.remove(id)).collect())
}

/// The statements that tell, one after the other, the rows of all operators in the order that is wanted, or from its end.
pub(super) fn in_their_order(conn: &Conn<'_>, query: &OperatorQuery, from_end: bool) -> Vec<Statement> {
    let all = Cut { skipped: 0, taken: u64::MAX, from_end };
    let mut statements: Vec<Statement> =
        parts(query).iter().map(|part| cut_statement(conn, query, "position", *part, all)).collect();
    if from_end {
        statements.reverse();
    }
    statements
}

/// A page of all operators.
fn everybody(conn: &Conn<'_>, query: &OperatorQuery) -> Result<OperatorPage> {
    let total = u64::try_from(count(conn)?).unwrap_or(0);
    if query.offset >= total {
        return Ok(OperatorPage { operators: Listed::default(), total });
    }
    let (mut rows, mut texts) = (Vec::new(), Gathered::with_room(query.limit));
    // What is to be passed over and what is to be taken, from this stretch on.
    let mut skipped = query.offset;
    let mut wanted = u64::try_from(query.limit).unwrap_or(u64::MAX);
    for stretch in stretches(conn, query, total)? {
        let taken = wanted.min(stretch.length.saturating_sub(skipped));
        if taken > 0 {
            let cut = stretch.cut(skipped, taken);
            let mut part = if cut.skipped <= FEW {
                let statement = cut_statement(conn, query, COLUMNS, stretch.is_admin, cut);
                conn.all_of(&statement, |row| keep_operator(row, &mut texts))?
            } else {
                let statement = cut_statement(conn, query, "user_id", stretch.is_admin, cut);
                let ids = conn.all_of(&statement, |row| row.id(0, UserId::from_column))?;
                in_order(conn, &ids, &mut texts)?
            };
            if cut.from_end {
                part.reverse();
            }
            rows.append(&mut part);
        }
        wanted -= taken;
        skipped = skipped.saturating_sub(stretch.length);
    }
    Ok(OperatorPage { operators: listed_with(rows, texts)?, total })
}

/// Up to `limit` different names that begin with what is folded here, in their order.
pub fn suggest_names(conn: &Conn<'_>, folded: &str, limit: usize) -> Result<Vec<String>> {
    // No key is longer, so nothing is known to begin with it.
    if limit == 0 || folded.len() > MOST_SORT_KEY {
        return Ok(Vec::new());
    }
    // The last of all characters, behind which nothing is.
    let end = format!("{folded}\u{10ffff}");
    let limit = Param::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let params = [conn.org_param(), Param::Text(folded), Param::Text(&end), limit];
    conn.all(&SUGGEST, &params, |row| row.text(0))
}

/// The statements that read a page, or its ids, from the beginning and from the end, for the tests that prepare them and read
/// query plans.
pub fn page_statements(conn: &Conn<'_>, query: &OperatorQuery) -> Vec<Statement> {
    let cuts = [false, true].map(|from_end| Cut { skipped: query.offset, taken: 10, from_end });
    let statements = |columns| {
        parts(query)
            .iter()
            .flat_map(move |part| cuts.map(|cut| cut_statement(conn, query, columns, *part, cut)))
    };
    let counted = (parts(query).len() == 1).then(|| counted_statement(conn, query));
    statements("user_id").chain(statements("position")).chain(statements(COLUMNS)).chain(counted).collect()
}
