//! What follows from what among tests, for simplifying filters and comparing roles.
//!
//! The same rules serve two readings of a value. In a compiled filter every value is known, and two
//! values differ when they are not the same. In a grant, a placeholder may turn out to equal any
//! text; there, two values differ only if they do so whoever the caller is. The caller of these
//! functions says which by passing `differ`. Values that are the same are equal in both readings.
//!
//! Every answer is sound rather than complete: "yes" is always true, "no" may mean "not seen".

use super::{Scalar, Test, TestOp};

/// Whether two values are certainly different.
pub(super) type Differ = fn(&Scalar, &Scalar) -> bool;

/// Whether everything that satisfies all of `narrow` satisfies all of `wide`.
pub(super) fn is_within(narrow: &[Test], wide: &[Test], differ: Differ) -> bool {
    never_holds(narrow)
        || wide.iter().all(|wide| {
            narrow
                .iter()
                .any(|narrow| narrow.attribute == wide.attribute && implies(&narrow.op, &wide.op, differ))
        })
}

/// Whether nothing satisfies both conjunctions.
pub(super) fn are_disjoint(a: &[Test], b: &[Test], differ: Differ) -> bool {
    never_holds(a)
        || never_holds(b)
        || a.iter().any(|a| b.iter().any(|b| a.attribute == b.attribute && excludes(&a.op, &b.op, differ)))
}

/// Whether nothing can satisfy the conjunction: a list without values contains nothing.
pub(super) fn never_holds(tests: &[Test]) -> bool {
    tests.iter().any(|test| matches!(&test.op, TestOp::In(values) if values.is_empty()))
}

fn implies(narrow: &TestOp, wide: &TestOp, differ: Differ) -> bool {
    match (candidates(narrow), wide) {
        (Some(values), TestOp::Eq(wanted)) => values.iter().all(|value| value == wanted),
        (Some(values), TestOp::In(wanted)) => values.iter().all(|value| wanted.contains(value)),
        (Some(values), TestOp::Ne(other)) => values.iter().all(|value| differ(value, other)),
        (None, wide) => narrow == wide,
    }
}

fn excludes(a: &TestOp, b: &TestOp, differ: Differ) -> bool {
    let (values, other) = match (candidates(a), candidates(b)) {
        (Some(values), _) => (values, b),
        (None, Some(values)) => (values, a),
        // There is always a third value.
        (None, None) => return false,
    };
    values.iter().all(|value| match other {
        TestOp::Eq(wanted) => differ(value, wanted),
        TestOp::In(wanted) => wanted.iter().all(|wanted| differ(value, wanted)),
        TestOp::Ne(excluded) => value == excluded,
    })
}

/// The finitely many values that satisfy the test; none if only finitely many do not.
fn candidates(op: &TestOp) -> Option<&[Scalar]> {
    match op {
        TestOp::Eq(value) => Some(std::slice::from_ref(value)),
        TestOp::In(values) => Some(values),
        TestOp::Ne(_) => None,
    }
}
