//! Pages of the memories of one user, and which of them a caller may read.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::permission::Filter;
use denizen_domain::time::Timestamp;

use super::Memory;
use crate::conn::Conn;
use crate::error::{Result, StoreError};
use crate::keyset::{self, After, Key, Kind, Page, SortColumn, Walk, keys_of};
use crate::sql::{Dialect, Row, Statement, Value};
use crate::visibility::{MESSAGES, SOURCES, push_condition, push_filter};

/// What memories can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortField {
    Conversation,
    CreatedAt,
}

impl SortField {
    pub const ALL: [Self; 2] = [Self::Conversation, Self::CreatedAt];
}

pub type SortKey = keyset::SortKey<SortField>;

impl SortColumn for SortField {
    fn sort_column(self) -> (&'static str, Kind) {
        match self {
            Self::Conversation => ("conversation_id", Kind::Blob),
            Self::CreatedAt => ("created_at", Kind::Int),
        }
    }
}

/// Which memories of a user, in which order, from where.
#[derive(Debug, Clone)]
pub struct MemoryQuery {
    pub user_id: UserId,
    pub ids: Option<Vec<ObjectId>>,
    pub conversation_ids: Option<Vec<ObjectId>>,
    /// The messages that the caller may read; tests of `org_id` are already gone from it. A memory is shown when it admits
    /// every message that the memory refers to: one that has not arrived is admitted only by a filter that admits
    /// everything, and a filter that admits nothing shows nothing. A memory that refers to no message is shown when the
    /// filter admits a message of which only the memory's user and conversation are known.
    pub readable: Filter,
    pub sort: Vec<SortKey>,
    pub after: Option<After>,
    pub limit: usize,
}

impl MemoryQuery {
    /// Whether the page is a look-up or a short range, and not a walk through all that is known about the user.
    pub fn is_short(&self) -> bool {
        let looks_up = self.ids.as_ref().is_some_and(|ids| ids.len() <= 64);
        let plain = self.sort.len() <= 1 && self.conversation_ids.is_none() && self.readable.is_always();
        looks_up || plain
    }
}

/// One page. Reads one memory more than asked for, to know whether there is more.
pub fn page(conn: &Conn<'_>, query: &MemoryQuery) -> Result<Page<Memory>> {
    if query.readable.is_never() {
        return Ok(Page::empty());
    }
    let (keys, user_id) = (keys_of(&query.sort), query.user_id);
    let walk = walk(query, &keys);
    keyset::page(conn, matching(conn, query, &walk), &walk, |row, first| read_memory(row, first, user_id))
}

/// What the memory at `position` is sorted by now; `None` when it is gone, or when the caller may not read it.
pub fn sort_values(
    conn: &Conn<'_>,
    user: UserId,
    position: i64,
    sort: &[SortKey],
    readable: &Filter,
) -> Result<Option<Vec<Value>>> {
    if readable.is_never() {
        return Ok(None);
    }
    let keys = keys_of(sort);
    keyset::values_of(conn, &sort_values_statement(conn, user, position, &keys, readable), &keys)
}

fn walk<'q>(query: &'q MemoryQuery, keys: &'q [Key]) -> Walk<'q> {
    Walk { keys, after: query.after.as_ref(), limit: query.limit }
}

/// Everything of a page's statement but where it begins, in which order, and where it ends.
fn matching(conn: &Conn<'_>, query: &MemoryQuery, walk: &Walk<'_>) -> Statement {
    let mut statement = walk.select();
    statement.push(", memory_id, conversation_id, created_at, content, context, ");
    statement.push(match conn.dialect() {
        Dialect::Sqlite => {
            "(SELECT group_concat(hex(listed.message_id), '' ORDER BY listed.ordinal) \
             FROM memory_reference AS listed WHERE listed.org_id = memory.org_id AND listed.memory_id = memory.memory_id)"
        }
        Dialect::Postgres => {
            "(SELECT string_agg(encode(listed.message_id, 'hex'), '' ORDER BY listed.ordinal) \
             FROM memory_reference AS listed WHERE listed.org_id = memory.org_id AND listed.memory_id = memory.memory_id)"
        }
    });
    // Engine: without statistics SQLite's planner walks in order past all other conversations.
    let by_conversation = conn.dialect() == Dialect::Sqlite
        && query.ids.is_none()
        && query.conversation_ids.as_ref().is_some_and(|ids| !ids.is_empty());
    statement.push(" FROM memory").push(if by_conversation {
        " INDEXED BY memory_by_conversation"
    } else {
        ""
    });
    statement.push(" WHERE org_id = ").bind(Value::Int(conn.org.0));
    match &query.ids {
        None => {
            statement.push(" AND user_id = ").bind(Value::Blob(query.user_id.0.to_vec()));
        }
        // Engine: the look-up goes by id. An expression keeps SQLite's planner from walking in order instead.
        Some(ids) => {
            statement.push(match conn.dialect() {
                Dialect::Sqlite => " AND +user_id = ",
                Dialect::Postgres => " AND user_id = ",
            });
            statement.bind(Value::Blob(query.user_id.0.to_vec())).push(" AND memory_id IN ");
            statement.bind_list(ids.iter().map(blob).collect());
        }
    }
    if let Some(ids) = &query.conversation_ids {
        statement.push(" AND conversation_id IN ").bind_list(ids.iter().map(blob).collect());
    }
    push_readable(&mut statement, &query.readable);
    statement
}

fn blob(id: &ObjectId) -> Value {
    Value::Blob(id.0.to_vec())
}

/// Appends that the caller may read every message that the memory refers to; what refers to none was drawn from its
/// conversation, from messages that nobody has named.
///
/// Engine: `LIMIT 1 OFFSET 0` says nothing, and keeps PostgreSQL from joining all references and messages of an
/// organization before it looks at one memory.
fn push_readable(statement: &mut Statement, readable: &Filter) {
    if readable.is_always() {
        return;
    }
    statement.push(
        " AND NOT EXISTS (SELECT 1 FROM memory_reference AS reference WHERE reference.org_id = memory.org_id \
         AND reference.memory_id = memory.memory_id AND NOT EXISTS (SELECT 1 FROM message \
         WHERE message.org_id = reference.org_id AND message.message_id = reference.message_id",
    );
    push_filter(statement, &MESSAGES, readable);
    statement.push(
        " LIMIT 1 OFFSET 0) LIMIT 1 OFFSET 0) \
         AND (EXISTS (SELECT 1 FROM memory_reference AS named WHERE named.org_id = memory.org_id \
         AND named.memory_id = memory.memory_id LIMIT 1 OFFSET 0) OR (",
    );
    push_condition(statement, &SOURCES, readable);
    statement.push("))");
}

fn sort_values_statement(
    conn: &Conn<'_>,
    user: UserId,
    position: i64,
    keys: &[Key],
    readable: &Filter,
) -> Statement {
    let mut statement = keyset::select_keys(keys);
    statement.push(" FROM memory WHERE org_id = ").bind(Value::Int(conn.org.0));
    statement.push(" AND user_id = ").bind(Value::Blob(user.0.to_vec()));
    statement.push(" AND position = ").bind(Value::Int(position));
    push_readable(&mut statement, readable);
    statement
}

fn read_memory(row: &Row<'_>, first: usize, user_id: UserId) -> Result<Memory> {
    Ok(Memory {
        memory_id: row.id(first, ObjectId::from_column)?,
        user_id,
        conversation_id: row.id(first + 1, ObjectId::from_column)?,
        created_at: Timestamp(row.int(first + 2)?),
        content: row.text(first + 3)?,
        context: row.text(first + 4)?,
        references: read_references(row.optional_text(first + 5)?.unwrap_or_default())?,
    })
}

/// Ids written one after the other, in the order in which they are listed.
fn read_references(mut digits: String) -> Result<Vec<ObjectId>> {
    digits.make_ascii_lowercase();
    let texts = digits.as_bytes().chunks(24);
    let ids = texts.map(|text| std::str::from_utf8(text).ok().and_then(ObjectId::parse));
    ids.collect::<Option<_>>().ok_or_else(|| StoreError::Corrupt("a reference is no id".to_owned()))
}

/// The statement of [`page`]; public for the tests that read query plans.
pub fn page_statement(conn: &Conn<'_>, query: &MemoryQuery) -> Result<Statement> {
    let keys = keys_of(&query.sort);
    let walk = walk(query, &keys);
    let mut statement = matching(conn, query, &walk);
    keyset::push_rest(&mut statement, conn.dialect(), &walk)?;
    Ok(statement)
}

/// Every shape of statement that [`page`] and [`sort_values`] can make, for the test that prepares them.
pub fn example_statements(conn: &Conn<'_>) -> Result<Vec<Statement>> {
    let plain = MemoryQuery {
        user_id: UserId([1; 16]),
        ids: None,
        conversation_ids: None,
        readable: Filter::always(),
        sort: Vec::new(),
        after: None,
        limit: 10,
    };
    let value = |key: &SortKey| match key.field {
        SortField::Conversation => Value::Blob(vec![1; 12]),
        SortField::CreatedAt => Value::Int(1),
    };
    let key = |field, descending| SortKey { field, descending };
    let mut sorts = vec![Vec::new()];
    for descending in [false, true] {
        let [conversation, time] = SortField::ALL.map(|field| key(field, descending));
        sorts.extend([vec![conversation], vec![time], vec![conversation, time], vec![time, conversation]]);
    }
    let mut statements = Vec::new();
    for sort in sorts {
        let after = Some(After { position: 1, values: sort.iter().map(value).collect() });
        for readable in [Filter::always(), crate::visibility::example_message_filter()] {
            let first = MemoryQuery { sort: sort.clone(), readable: readable.clone(), ..plain.clone() };
            let next = MemoryQuery { after: after.clone(), ..first.clone() };
            let named = MemoryQuery {
                ids: Some(vec![ObjectId([1; 12]); 3]),
                conversation_ids: Some(vec![ObjectId([2; 12])]),
                ..next.clone()
            };
            for query in [first, next, named] {
                statements.push(page_statement(conn, &query)?);
            }
            if !sort.is_empty() {
                let keys = keys_of(&sort);
                statements.push(sort_values_statement(conn, plain.user_id, 1, &keys, &readable));
            }
        }
    }
    Ok(statements)
}
