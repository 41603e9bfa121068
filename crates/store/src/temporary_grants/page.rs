//! Pages of the temporary grants of an organization.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::Directory;
use denizen_domain::permission::{Filter, Scalar};
use denizen_domain::time::Timestamp;

use super::{TemporaryGrant, read_grant, read_tags};
use crate::conn::Conn;
use crate::error::Result;
use crate::keyset::{self, After, Key, Kind, Page, SortColumn, Walk, keys_of};
use crate::sql::{Statement, Value};
use crate::visibility::{Target, USERS, example_filter, push_filter};

/// What temporary grants can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortField {
    UserId,
    ExpiresAt,
    PermissionName,
}

impl SortField {
    pub const ALL: [Self; 3] = [Self::UserId, Self::ExpiresAt, Self::PermissionName];
}

pub type SortKey = keyset::SortKey<SortField>;

impl SortColumn for SortField {
    fn sort_column(self) -> (&'static str, Kind) {
        match self {
            Self::UserId => ("user_id", Kind::Blob),
            Self::ExpiresAt => ("expires_at", Kind::Int),
            Self::PermissionName => ("permission_name", Kind::Text),
        }
    }
}

/// A tag that a grant must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTest {
    pub name: String,
    pub value: TagValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagValue {
    /// Any value, and none too.
    Any,
    /// The tag has no value.
    Absent,
    Is(String),
}

/// Which grants, in which order, from where. Everything that is given must hold.
#[derive(Debug, Clone)]
pub struct GrantQuery {
    pub ids: Option<Vec<ObjectId>>,
    /// To whom they were given.
    pub user_ids: Option<Vec<UserId>>,
    /// By whom.
    pub creators: Option<Vec<UserId>>,
    pub permission_name: Option<String>,
    /// Whether they must have expired, or must not.
    pub is_expired: Option<bool>,
    pub now: Timestamp,
    pub tags: Vec<TagTest>,
    pub visible: Visible,
    pub sort: Vec<SortKey>,
    pub after: Option<After>,
    pub limit: usize,
}

/// Which grants a caller may see: those of certain users with certain roles. Tests of `org_id` are already gone.
#[derive(Debug, Clone)]
pub struct Visible {
    pub users: Filter,
    /// Of the attributes of the user's role.
    pub roles: Filter,
}

impl Visible {
    fn is_never(&self) -> bool {
        self.users.is_never() || self.roles.is_never()
    }
}

/// Roles of users, where a statement reads users.
static ROLES: Target = Target { column: role_column, value: role_value };

fn is_of_a_role(attribute: &str) -> bool {
    matches!(attribute, "role_id" | "role_name")
}

fn role_column(attribute: &str) -> Option<&'static str> {
    if is_of_a_role(attribute) { (USERS.column)(attribute) } else { None }
}

fn role_value(attribute: &str, scalar: &Scalar) -> Option<Value> {
    if is_of_a_role(attribute) { (USERS.value)(attribute, scalar) } else { None }
}

/// One page. Reads one grant more than asked for, to know whether there is more.
pub fn page(conn: &Conn<'_>, query: &GrantQuery) -> Result<Page<TemporaryGrant>> {
    if query.visible.is_never() {
        return Ok(Page::empty());
    }
    let keys = keys_of(&query.sort);
    let walk = Walk { keys: &keys, after: query.after.as_ref(), limit: query.limit };
    let mut page = keyset::page(conn, matching(conn, query, &walk), &walk, read_grant)?;
    if !page.rows.is_empty() {
        read_tags(conn, &mut page.rows)?;
    }
    Ok(page)
}

/// What the grant at `position` is sorted by now; `None` when it is gone, or when the caller may not see it.
pub fn sort_values(
    conn: &Conn<'_>,
    position: i64,
    sort: &[SortKey],
    visible: &Visible,
) -> Result<Option<Vec<Value>>> {
    if visible.is_never() {
        return Ok(None);
    }
    let keys = keys_of(sort);
    keyset::values_of(conn, &sort_values_statement(conn, position, &keys, visible), &keys)
}

/// Everything of a page's statement but where it begins, in which order, and where it ends.
fn matching(conn: &Conn<'_>, query: &GrantQuery, walk: &Walk<'_>) -> Statement {
    let mut statement = walk.select();
    statement.push(", grant_id, user_id, permission_grant, justification, creator_org_id, creator_user_id");
    statement.push(", created_at, expires_at FROM temporary_grant WHERE org_id = ");
    statement.bind(Value::Int(conn.org.0));
    if let Some(ids) = &query.ids {
        let ids = ids.iter().map(|id| Value::Blob(id.0.to_vec()));
        statement.push(" AND grant_id IN ").bind_list(ids.collect());
    }
    for (column, users) in [("user_id", &query.user_ids), ("creator_user_id", &query.creators)] {
        if let Some(users) = users {
            let users = users.iter().map(|id| Value::Blob(id.0.to_vec()));
            statement.push(" AND ").push(column).push(" IN ").bind_list(users.collect());
        }
    }
    if let Some(name) = &query.permission_name {
        statement.push(" AND permission_name = ").bind(Value::Text(name.clone()));
    }
    if let Some(expired) = query.is_expired {
        statement.push(if expired { " AND expires_at <= " } else { " AND expires_at > " });
        statement.bind(Value::Int(query.now.0));
    }
    for tag in &query.tags {
        push_tag(&mut statement, tag);
    }
    push_visible(&mut statement, &query.visible);
    statement
}

fn push_tag(statement: &mut Statement, tag: &TagTest) {
    statement.push(
        " AND EXISTS (SELECT 1 FROM temporary_grant_tag AS tag WHERE tag.org_id = temporary_grant.org_id \
         AND tag.grant_id = temporary_grant.grant_id AND tag.name = ",
    );
    statement.bind(Value::Text(tag.name.clone()));
    match &tag.value {
        TagValue::Any => {}
        TagValue::Absent => {
            statement.push(" AND tag.value IS NULL");
        }
        TagValue::Is(value) => {
            statement.push(" AND tag.value = ").bind(Value::Text(value.clone()));
        }
    }
    statement.push(")");
}

/// Appends that the caller may see the user and, by the user's role, the grant.
///
/// Engine: `LIMIT 1 OFFSET 0` says nothing, and keeps PostgreSQL from joining all users of an organization before it
/// looks at one grant.
fn push_visible(statement: &mut Statement, visible: &Visible) {
    if visible.users.is_always() && visible.roles.is_always() {
        return;
    }
    statement.push(
        " AND EXISTS (SELECT 1 FROM users WHERE users.org_id = temporary_grant.org_id \
         AND users.user_id = temporary_grant.user_id AND users.directory = ",
    );
    statement.bind(Value::Int(Directory::Members.number()));
    push_filter(statement, &USERS, &visible.users);
    push_filter(statement, &ROLES, &visible.roles);
    statement.push(" LIMIT 1 OFFSET 0)");
}

fn sort_values_statement(conn: &Conn<'_>, position: i64, keys: &[Key], visible: &Visible) -> Statement {
    let mut statement = keyset::select_keys(keys);
    statement.push(" FROM temporary_grant WHERE org_id = ");
    statement.bind(Value::Int(conn.org.0)).push(" AND position = ").bind(Value::Int(position));
    push_visible(&mut statement, visible);
    statement
}

/// The statement of [`page`]; public for the tests that read query plans.
pub fn page_statement(conn: &Conn<'_>, query: &GrantQuery) -> Result<Statement> {
    let keys = keys_of(&query.sort);
    let walk = Walk { keys: &keys, after: query.after.as_ref(), limit: query.limit };
    let mut statement = matching(conn, query, &walk);
    keyset::push_rest(&mut statement, conn.dialect(), &walk)?;
    Ok(statement)
}

/// Every shape of statement that [`page`] and [`sort_values`] can make, for the test that prepares them.
pub fn example_statements(conn: &Conn<'_>) -> Result<Vec<Statement>> {
    let plain = GrantQuery {
        ids: None,
        user_ids: None,
        creators: None,
        permission_name: None,
        is_expired: None,
        now: Timestamp(1),
        tags: Vec::new(),
        visible: Visible { users: Filter::always(), roles: Filter::always() },
        sort: Vec::new(),
        after: None,
        limit: 10,
    };
    let value = |key: &SortKey| match key.field {
        SortField::UserId => Value::Blob(vec![1; 16]),
        SortField::ExpiresAt => Value::Int(1),
        SortField::PermissionName => Value::Text("x".to_owned()),
    };
    let tag = |value| TagTest { name: "x".to_owned(), value };
    let some = || Visible { users: example_filter(), roles: example_filter() };
    let mut sorts = vec![Vec::new()];
    for descending in [false, true] {
        let [user, end, name] = SortField::ALL.map(|field| SortKey { field, descending });
        sorts.extend([vec![user], vec![end], vec![name], vec![name, end, user]]);
    }
    let mut statements = Vec::new();
    for sort in sorts {
        let after = Some(After { position: 1, values: sort.iter().map(value).collect() });
        for visible in [plain.visible.clone(), some()] {
            let first = GrantQuery { sort: sort.clone(), visible: visible.clone(), ..plain.clone() };
            let next = GrantQuery { after: after.clone(), ..first.clone() };
            let narrow = GrantQuery {
                ids: Some(vec![ObjectId([1; 12]); 3]),
                user_ids: Some(vec![UserId([1; 16])]),
                creators: Some(vec![UserId([1; 16]); 2]),
                permission_name: Some("x".to_owned()),
                is_expired: Some(first.sort.len() > 1),
                tags: [TagValue::Any, TagValue::Absent, TagValue::Is("x".to_owned())].map(tag).to_vec(),
                ..next.clone()
            };
            for query in [first, next, narrow] {
                statements.push(page_statement(conn, &query)?);
            }
            if !sort.is_empty() {
                statements.push(sort_values_statement(conn, 1, &keys_of(&sort), &visible));
            }
        }
    }
    Ok(statements)
}
