//! Substring search over the folded search text, within one organization.
//!
//! The index holds every window of three characters, padded at the end of the text, so that each character begins a
//! window. A needle of three or more characters is the conjunction of its windows; a needle of one or two is a prefix
//! of a window. Candidates are checked against the text itself, for windows can come from different places.
//! Row ids carry the organization in their high bits, so the index never looks at another organization's part.

use denizen_domain::fold::fold;
use denizen_domain::ids::UserId;
use denizen_domain::member::Directory;
use denizen_domain::permission::Filter;

use super::page::users_named_by;
use super::{COLUMNS, Position, User, read_user};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::{Statement, Value};
use crate::visibility::push_filter;

/// Windows of the needle that the index is asked for; more do not narrow the candidates down in practice.
const MAX_WINDOWS: usize = 24;
/// Stands after the text, so that its last two characters begin a window too.
const PADDING: char = '\u{2}';

/// A search over one directory.
#[derive(Debug, Clone)]
pub struct UserSearch {
    pub directory: Directory,
    /// As the caller sent it; folded here. An empty needle matches every user.
    pub needle: String,
    /// Only these users.
    pub ids: Option<Vec<UserId>>,
    pub is_verified: Option<bool>,
    /// What the caller may see; tests of `org_id` are already gone from it.
    pub visible: Filter,
    /// The most users to answer, in the order of their creation.
    pub limit: i64,
}

/// A token of the index: letters and digits stay, other ASCII characters, which the tokenizer would split at, become
/// private-use characters.
fn indexed(c: char) -> char {
    if c.is_ascii() && !c.is_ascii_alphanumeric() {
        char::from_u32(0xE000 + u32::from(c)).unwrap_or(c)
    } else {
        c
    }
}

/// Every window of the text, as the words of the index.
pub(crate) fn grams(search_text: &str) -> String {
    let mut letters: Vec<char> = search_text.chars().map(indexed).collect();
    letters.extend([indexed(PADDING); 2]);
    let mut words = String::with_capacity(letters.len() * 8);
    for window in letters.windows(3) {
        words.extend(window);
        words.push(' ');
    }
    words
}

/// The index query for a folded needle that is not empty.
fn match_expression(needle: &str) -> String {
    let letters: Vec<char> = needle.chars().map(indexed).collect();
    if letters.len() < 3 {
        return format!("\"{}\" *", letters.iter().collect::<String>());
    }
    let windows: Vec<String> = letters
        .windows(3)
        .take(MAX_WINDOWS)
        .map(|window| format!("\"{}\"", window.iter().collect::<String>()))
        .collect();
    windows.join(" AND ")
}

/// The only users that can be answered, when the caller or the caller's grants name them.
fn named_users(search: &UserSearch) -> Option<Vec<UserId>> {
    match (&search.ids, users_named_by(&search.visible)) {
        (Some(ids), Some(named)) => Some(ids.iter().filter(|id| named.contains(id)).copied().collect()),
        (Some(ids), None) => Some(ids.clone()),
        (None, named) => named,
    }
}

/// The statement of [`search`]; public for the test that reads query plans.
pub fn search_statement(conn: &Conn<'_>, search: &UserSearch) -> Statement {
    let (base, end) = (Position::base(conn.org, search.directory), Position::end(conn.org, search.directory));
    // Control characters are dropped by folding, as they are from the text.
    let needle = fold(&search.needle);
    let ids = named_users(search);
    // A few named users are looked up; walking through the organization's part of the index would cost more.
    let by_index = ids.is_none() && !needle.is_empty();
    let mut statement = Statement::new("SELECT ");
    statement.push(COLUMNS);
    if by_index {
        statement.push(
            " FROM user_search JOIN users ON users.position = user_search.rowid WHERE user_search MATCH ",
        );
        statement.bind(Value::Text(match_expression(&needle)));
        statement.push(" AND user_search.rowid > ").bind(Value::Int(base));
        statement.push(" AND user_search.rowid <= ").bind(Value::Int(end));
        statement.push(" AND +org_id = ").bind(Value::Int(conn.org.0));
    } else if let Some(ids) = &ids {
        statement.push(" FROM users WHERE org_id = ").bind(Value::Int(conn.org.0));
        statement.push(" AND directory = ").bind(Value::Int(search.directory.number()));
        statement
            .push(" AND user_id IN ")
            .bind_list(ids.iter().map(|id| Value::Blob(id.0.to_vec())).collect());
    } else {
        statement.push(" FROM users WHERE position > ").bind(Value::Int(base));
        statement.push(" AND position <= ").bind(Value::Int(end));
        statement.push(" AND +org_id = ").bind(Value::Int(conn.org.0));
    }
    if !needle.is_empty() {
        // Engine: unlike LIKE this knows no wildcards, and takes needles of any length.
        statement.push(" AND instr(search_text, ").bind(Value::Text(needle)).push(") > 0");
    }
    if let Some(verified) = search.is_verified {
        statement.push(" AND is_verified = ").bind(Value::Int(verified.into()));
    }
    push_filter(&mut statement, &search.visible);
    statement.push(match (by_index, ids) {
        (true, _) => " ORDER BY user_search.rowid LIMIT ",
        // The plus keeps the order from luring the planner into a walk.
        (false, Some(_)) => " ORDER BY +position LIMIT ",
        (false, None) => " ORDER BY position LIMIT ",
    });
    statement.bind(Value::Int(search.limit));
    statement
}

/// The users whose first name, last name, "first last" or address contains the needle, case and accents aside.
pub fn search(conn: &Conn<'_>, search: &UserSearch) -> Result<Vec<User>> {
    if search.visible.is_never() {
        return Ok(Vec::new());
    }
    conn.all_of(&search_statement(conn, search), read_user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_begins_a_window() {
        let text = "ab\u{1}c@x";
        let words = grams(text);
        assert_eq!(words.split(' ').filter(|word| !word.is_empty()).count(), text.chars().count());
        assert!(words.split(' ').all(|word| word.is_empty() || word.chars().count() == 3));
    }

    #[test]
    fn a_short_needle_is_a_prefix_and_a_long_one_a_conjunction() {
        assert_eq!(match_expression("ad"), "\"ad\" *");
        assert_eq!(match_expression("adal"), "\"ada\" AND \"dal\"");
        assert!(!match_expression("a\"b").contains("a\"b"), "quotes never reach the query language");
    }
}
