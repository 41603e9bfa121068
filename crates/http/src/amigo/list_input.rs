//! What the lists read alike of their queries: ids, the order, where it goes on, and how much is wanted.

use denizen_domain::ids::ObjectId;

use crate::kernel::{FieldProblem, QueryReader};

/// Tokens are whole numbers below 2^53, which every JSON reader holds exactly.
pub(super) const MAX_TOKEN: i64 = (1 << 53) - 1;

/// Where a list goes on.
pub(super) fn continuation_token(query: &mut QueryReader<'_>) -> i64 {
    query.int("continuation_token", 0, 0, MAX_TOKEN)
}

/// How many of a list are wanted: at most, and when nothing is said, `most`.
pub(super) fn limit(query: &mut QueryReader<'_>, most: usize) -> usize {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    usize::try_from(query.int("limit", limit, 0, limit)).unwrap_or(most)
}

/// `sort_by`: the fields to sort by, each with whether it descends. `known` are the names of all fields.
///
/// A field that was sorted by already breaks no ties, and a thousand of them would make a statement of a million terms.
pub(super) fn sort_keys<F: Copy + PartialEq>(
    query: &mut QueryReader<'_>,
    known: &[(&str, F)],
) -> Vec<(F, bool)> {
    let keys = query.customs("sort_by", |text| sort_key(text, known));
    let mut kept: Vec<(F, bool)> = Vec::with_capacity(keys.len().min(known.len()));
    for key in keys {
        if !kept.iter().any(|before| before.0 == key.0) {
            kept.push(key);
        }
    }
    kept
}

/// `+field` or `-field`. A raw `+` in a query means a space, so a leading space counts as one.
fn sort_key<F: Copy>(text: &str, known: &[(&str, F)]) -> Result<(F, bool), FieldProblem> {
    let descends = match text.as_bytes().first() {
        Some(b'+' | b' ') => false,
        Some(b'-') => true,
        _ => return Err(FieldProblem::value_error("a sort field must begin with + or -")),
    };
    let field = known.iter().find(|(name, _)| *name == &text[1..]);
    let unknown = || {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        FieldProblem::value_error(format!("unknown sort field; known are {}", names.join(", ")))
    };
    field.map(|(_, field)| (*field, descends)).ok_or_else(unknown)
}

/// 24 lower-case hexadecimal digits.
pub(super) fn object_id(text: &str) -> Result<ObjectId, FieldProblem> {
    ObjectId::parse(text).ok_or_else(|| FieldProblem::pattern("^[a-f0-9]{24}$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[(&str, char)] = &[("email", 'e'), ("name", 'n')];

    #[test]
    fn a_space_sorts_like_the_plus_that_it_was() {
        assert_eq!(sort_key(" email", FIELDS), Ok(('e', false)));
        assert_eq!(sort_key("+email", FIELDS), Ok(('e', false)));
        assert_eq!(sort_key("-name", FIELDS), Ok(('n', true)));
        for wrong in ["email", "+role", "", "éemail", "+", "++email"] {
            assert!(sort_key(wrong, FIELDS).is_err(), "{wrong}");
        }
    }
}
