//! A permission filter as SQL over a table: what a caller may not see is gone before paging.
//!
//! A condition on an attribute that the table's rows do not have cannot hold, and so is `FALSE`, in `allow` and in `deny`.
//! Invariant: for every row, this predicate and `Filter::admits` agree; a model test compares them for users.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::permission::{Filter, Scalar, Test, TestOp};

use crate::sql::{Statement, Value};

/// What a filter can test of a table's rows.
pub(crate) struct Target {
    /// The column of an attribute. None of them can be NULL, so a comparison is never unknown.
    pub(crate) column: fn(attribute: &str) -> Option<&'static str>,
    /// The value as the attribute's column holds it; `None` when no row can hold it.
    pub(crate) value: fn(attribute: &str, scalar: &Scalar) -> Option<Value>,
}

pub(crate) static USERS: Target = Target { column: user_column, value: user_value };
pub(crate) static MESSAGES: Target = Target { column: message_column, value: message_value };
/// Messages of which nothing is known but that they stand in a memory's conversation.
pub(crate) static SOURCES: Target = Target { column: source_column, value: message_value };

/// Appends ` AND (…)` unless the filter admits everything.
pub(crate) fn push_filter(statement: &mut Statement, target: &Target, filter: &Filter) {
    if filter.is_always() {
        return;
    }
    statement.push(" AND ");
    push_condition(statement, target, filter);
}

/// Appends what a filter demands, to be joined with AND.
pub(crate) fn push_condition(statement: &mut Statement, target: &Target, filter: &Filter) {
    statement.push("(");
    push_any(statement, target, &filter.allow);
    statement.push(")");
    if !filter.deny.is_empty() {
        statement.push(" AND NOT (");
        push_any(statement, target, &filter.deny);
        statement.push(")");
    }
}

fn push_any(statement: &mut Statement, target: &Target, conjunctions: &[Vec<Test>]) {
    if conjunctions.is_empty() {
        statement.push("1 = 0");
    }
    for (at, conjunction) in conjunctions.iter().enumerate() {
        statement.push(if at > 0 { " OR (" } else { "(" });
        if conjunction.is_empty() {
            statement.push("1 = 1");
        }
        for (at, test) in conjunction.iter().enumerate() {
            statement.push(if at > 0 { " AND " } else { "" });
            push_test(statement, target, test);
        }
        statement.push(")");
    }
}

fn user_column(attribute: &str) -> Option<&'static str> {
    match attribute {
        "user_id" => Some("user_id"),
        "email" => Some("email_key"),
        "role_id" => Some("role_id"),
        "role_name" => Some(
            "(SELECT role.name FROM role WHERE role.org_id = users.org_id AND role.role_id = users.role_id)",
        ),
        "is_verified" => Some("is_verified"),
        _ => None,
    }
}

fn user_value(attribute: &str, scalar: &Scalar) -> Option<Value> {
    match (attribute, scalar) {
        ("user_id", Scalar::Text(text)) => UserId::parse_member(text).map(|id| Value::Blob(id.0.to_vec())),
        ("role_id", Scalar::Text(text)) => ObjectId::parse(text).map(|id| Value::Blob(id.0.to_vec())),
        ("email" | "role_name", Scalar::Text(text)) => Some(Value::Text(text.clone())),
        ("is_verified", Scalar::Bool(value)) => Some(Value::Int((*value).into())),
        _ => None,
    }
}

fn message_column(attribute: &str) -> Option<&'static str> {
    match attribute {
        "user_id" => Some("message.user_id"),
        "conversation_id" => Some("message.conversation_id"),
        "message_id" => Some("message.message_id"),
        _ => None,
    }
}

fn source_column(attribute: &str) -> Option<&'static str> {
    match attribute {
        "user_id" => Some("memory.user_id"),
        "conversation_id" => Some("memory.conversation_id"),
        _ => None,
    }
}

fn message_value(attribute: &str, scalar: &Scalar) -> Option<Value> {
    match (attribute, scalar) {
        ("user_id", Scalar::Text(text)) => UserId::parse_member(text).map(|id| Value::Blob(id.0.to_vec())),
        ("conversation_id" | "message_id", Scalar::Text(text)) => {
            ObjectId::parse(text).map(|id| Value::Blob(id.0.to_vec()))
        }
        _ => None,
    }
}

fn push_test(statement: &mut Statement, target: &Target, test: &Test) {
    let Some(column) = (target.column)(&test.attribute) else {
        statement.push("1 = 0");
        return;
    };
    let attribute = test.attribute.as_str();
    match &test.op {
        TestOp::Eq(scalar) => match (target.value)(attribute, scalar) {
            Some(value) => statement.push(column).push(" = ").bind(value),
            None => statement.push("1 = 0"),
        },
        TestOp::Ne(scalar) => match (target.value)(attribute, scalar) {
            Some(value) => statement.push(column).push(" <> ").bind(value),
            None => statement.push("1 = 1"),
        },
        TestOp::In(scalars) => {
            let values: Vec<Value> =
                scalars.iter().filter_map(|scalar| (target.value)(attribute, scalar)).collect();
            // An empty list is bound as NULL, and then the comparison would be unknown, in `deny` too.
            if values.is_empty() {
                statement.push("1 = 0");
                return;
            }
            statement.push(column).push(" IN ").bind_list(values)
        }
    };
}

/// A filter with every attribute and every comparison, for the test that prepares statements.
pub(crate) fn example_filter() -> Filter {
    let test = |attribute: &str, op| Test { attribute: attribute.to_owned(), op };
    let id = || Scalar::from("65f000000000000000000001");
    Filter {
        allow: vec![
            vec![test("user_id", TestOp::In(vec![id(), id()])), test("is_verified", TestOp::Eq(true.into()))],
            vec![test("role_id", TestOp::Ne(id())), test("email", TestOp::Ne("a@b.c".into()))],
            vec![test("role_name", TestOp::Eq("Agent".into()))],
        ],
        deny: vec![
            vec![test("nothing", TestOp::Eq("x".into()))],
            vec![test("user_id", TestOp::Eq("no id".into()))],
        ],
    }
}

/// A filter of messages with every attribute and every comparison, for the test that prepares statements.
pub(crate) fn example_message_filter() -> Filter {
    let test = |attribute: &str, op| Test { attribute: attribute.to_owned(), op };
    let id = || Scalar::from("65f000000000000000000001");
    Filter {
        allow: vec![
            vec![test("user_id", TestOp::Eq(id())), test("conversation_id", TestOp::In(vec![id(), id()]))],
            vec![test("message_id", TestOp::Ne(id()))],
        ],
        deny: vec![vec![test("message_id", TestOp::Eq("no id".into()))]],
    }
}
