//! Grants compiled for one caller and one permission: what is evaluated for each target, and what
//! the store translates to SQL.

use super::logic::{are_disjoint, is_within, never_holds};
use super::{Condition, Effect, Grant, Grants, Kind, PermissionName, Scalar, ScalarRef, attributes_of};

/// The caller's own values, which stand in for the placeholders in the caller's grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholders {
    /// Stands for [`Placeholders::SELF_ORG_ID`].
    pub org_id: String,
    /// Stands for [`Placeholders::SELF_USER_ID`].
    pub user_id: String,
}

impl Placeholders {
    pub const SELF_ORG_ID: &'static str = "{self_org_id}";
    pub const SELF_USER_ID: &'static str = "{self_user_id}";

    /// Whether a value stands for one of the caller's. Only a whole text does: there is no
    /// substitution within one.
    pub fn is_placeholder(value: &Scalar) -> bool {
        matches!(value, Scalar::Text(text) if [Self::SELF_ORG_ID, Self::SELF_USER_ID].contains(&text.as_str()))
    }

    /// The text, if it looks like a placeholder but is none.
    pub(super) fn unknown(value: &Scalar) -> Option<&str> {
        match value {
            Scalar::Text(text)
                if text.starts_with("{self_") && text.ends_with('}') && !Self::is_placeholder(value) =>
            {
                Some(text)
            }
            _ => None,
        }
    }

    /// The value as a target's attribute of this kind is compared with it.
    fn resolve(&self, kind: Kind, value: &Scalar) -> Scalar {
        match value {
            Scalar::Text(text) if text == Self::SELF_ORG_ID => Scalar::Text(kind.comparable(&self.org_id)),
            Scalar::Text(text) if text == Self::SELF_USER_ID => Scalar::Text(kind.comparable(&self.user_id)),
            Scalar::Text(text) => Scalar::Text(kind.comparable(text)),
            other => other.clone(),
        }
    }
}

/// What one attribute of the target must satisfy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Test {
    pub attribute: String,
    pub op: TestOp,
}

/// A comparison with known values. None of them holds for a missing attribute, `Ne` included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TestOp {
    Eq(Scalar),
    Ne(Scalar),
    /// In a compiled filter: at least two values, in order, each once.
    In(Vec<Scalar>),
}

impl TestOp {
    /// Whether a value (which the target has) passes.
    pub fn holds(&self, value: ScalarRef<'_>) -> bool {
        match self {
            Self::Eq(wanted) => *wanted == value,
            Self::Ne(excluded) => *excluded != value,
            Self::In(wanted) => wanted.iter().any(|wanted| *wanted == value),
        }
    }
}

/// Which targets a caller's grants admit for one permission: those for which **some conjunction of
/// `allow` holds and no conjunction of `deny` does**. A conjunction is a list of tests which must
/// all hold; the empty one always holds.
///
/// A test of a missing attribute is *false*. In SQL a comparison with NULL is *unknown*, and so is
/// its negation: a translation over nullable columns must turn unknown into false before it negates
/// the `deny` part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    pub allow: Vec<Vec<Test>>,
    pub deny: Vec<Vec<Test>>,
}

impl Filter {
    /// The filter that admits nothing.
    pub fn never() -> Self {
        Self::default()
    }

    /// The filter that admits everything.
    pub fn always() -> Self {
        Self { allow: vec![Vec::new()], deny: Vec::new() }
    }

    /// Whether a target is admitted; `attributes` gives the target's value of an attribute, or
    /// `None` where the target has none. Allocates nothing.
    pub fn admits<'a>(&self, attributes: &dyn Fn(&str) -> Option<ScalarRef<'a>>) -> bool {
        let holds = |conjunction: &Vec<Test>| {
            conjunction
                .iter()
                .all(|test| attributes(&test.attribute).is_some_and(|value| test.op.holds(value)))
        };
        self.allow.iter().any(holds) && !self.deny.iter().any(holds)
    }

    /// The filter for targets whose `attribute` is known to have this value: it admits the same of
    /// them and does not mention the attribute any more.
    #[must_use]
    pub fn assume(&self, attribute: &str, value: &Scalar) -> Self {
        let assume = |conjunctions: &[Vec<Test>]| {
            conjunctions
                .iter()
                .filter_map(|conjunction| {
                    let mut rest = Vec::with_capacity(conjunction.len());
                    for test in conjunction {
                        if test.attribute != attribute {
                            rest.push(test.clone());
                        } else if !test.op.holds(value.view()) {
                            return None;
                        }
                    }
                    Some(rest)
                })
                .collect()
        };
        Self { allow: assume(&self.allow), deny: assume(&self.deny) }.simplified()
    }

    /// Whether it is certain that no target is admitted. The answer `false` is not a promise that
    /// there could be one.
    pub fn is_never(&self) -> bool {
        self.allow.is_empty() || self.deny.iter().any(Vec::is_empty)
    }

    /// Whether it is certain that every target is admitted. The answer `false` is not a promise
    /// that there could be an exception.
    pub fn is_always(&self) -> bool {
        self.deny.is_empty() && self.allow.iter().any(Vec::is_empty)
    }

    /// Drops what makes no difference: conjunctions within another one, allowances that are denied
    /// as a whole, and denials of what is not allowed anyway.
    fn simplified(self) -> Self {
        let deny = without_redundant(self.deny);
        let mut allow = without_redundant(self.allow);
        if deny.iter().any(Vec::is_empty) {
            return Self::never();
        }
        if allow.len() + deny.len() > Grants::MAX_PER_PERMISSION {
            return Self { allow, deny };
        }
        allow.retain(|allow| !deny.iter().any(|deny| is_within(allow, deny, Scalar::ne)));
        let mut deny = deny;
        deny.retain(|deny| !allow.iter().all(|allow| are_disjoint(allow, deny, Scalar::ne)));
        Self { allow, deny }
    }
}

fn without_redundant(mut conjunctions: Vec<Vec<Test>>) -> Vec<Vec<Test>> {
    if conjunctions.iter().any(Vec::is_empty) {
        return vec![Vec::new()];
    }
    conjunctions.retain(|conjunction| !never_holds(conjunction));
    conjunctions.sort_unstable();
    conjunctions.dedup();
    if conjunctions.len() > Grants::MAX_PER_PERMISSION {
        return conjunctions;
    }
    let mut kept: Vec<Vec<Test>> = Vec::with_capacity(conjunctions.len());
    for conjunction in conjunctions {
        if kept.iter().any(|wide| is_within(&conjunction, wide, Scalar::ne)) {
            continue;
        }
        kept.retain(|narrow| !is_within(narrow, &conjunction, Scalar::ne));
        kept.push(conjunction);
    }
    kept
}

impl Grants {
    /// Compiles what these grants admit for a permission. A session does this once per permission
    /// and keeps the result.
    pub fn filter(&self, permission: &PermissionName, who: &Placeholders) -> Filter {
        let mut filter = Filter::default();
        for grant in self.0.iter().filter(|grant| grant.permission == *permission) {
            let tests = grant.tests(|kind, value| who.resolve(kind, value));
            match grant.effect {
                Effect::Allow => filter.allow.push(tests),
                Effect::Deny => filter.deny.push(tests),
            }
        }
        filter.simplified()
    }
}

impl Grant {
    /// The conditions as a conjunction, one test for each attribute, in the attributes' order.
    pub(super) fn tests(&self, value_of: impl Fn(Kind, &Scalar) -> Scalar) -> Vec<Test> {
        let known = attributes_of(&self.permission).unwrap_or_default();
        self.conditions
            .iter()
            .map(|(attribute, condition)| {
                let kind =
                    known.iter().find(|known| known.name == attribute).map_or(Kind::Text, |known| known.kind);
                let value_of = |value| value_of(kind, value);
                let op = match condition {
                    Condition::Equals(value) => TestOp::Eq(value_of(value)),
                    Condition::NotEquals(value) => TestOp::Ne(value_of(value)),
                    Condition::In(values) => {
                        let mut values: Vec<_> = values.iter().map(value_of).collect();
                        values.sort_unstable();
                        values.dedup();
                        if values.len() == 1 { TestOp::Eq(values.swap_remove(0)) } else { TestOp::In(values) }
                    }
                };
                Test { attribute: attribute.clone(), op }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::names::{USER_DELETE_USER, USER_GET_USER_INFO};

    fn who() -> Placeholders {
        Placeholders { org_id: "acme".into(), user_id: "u1".into() }
    }

    fn filter(grants: Vec<Grant>) -> Filter {
        Grants(grants).filter(&USER_GET_USER_INFO, &who())
    }

    fn allow() -> Grant {
        Grant::allow(USER_GET_USER_INFO)
    }

    fn deny() -> Grant {
        Grant::deny(USER_GET_USER_INFO)
    }

    fn is(value: impl Into<Scalar>) -> Condition {
        Condition::Equals(value.into())
    }

    fn test(attribute: &str, op: TestOp) -> Test {
        Test { attribute: attribute.to_owned(), op }
    }

    #[test]
    fn nothing_is_admitted_without_a_grant_of_that_permission() {
        assert!(filter(vec![]).is_never());
        assert!(filter(vec![Grant::allow(USER_DELETE_USER), deny()]).is_never());
        assert!(!filter(vec![Grant::allow(USER_DELETE_USER)]).admits(&|_| None));
    }

    #[test]
    fn an_unconditional_grant_admits_everything_and_an_unconditional_denial_beats_it() {
        assert_eq!(filter(vec![allow().when("org_id", is("acme")), allow()]), Filter::always());
        assert!(filter(vec![allow()]).is_always());
        assert_eq!(filter(vec![allow(), deny()]), Filter::never());
    }

    #[test]
    fn placeholders_stand_for_the_callers_own_values() {
        let filter = filter(vec![
            allow()
                .when("org_id", is("{self_org_id}"))
                .when("user_id", Condition::In(vec!["{self_user_id}".into(), "u2".into()])),
        ]);
        let in_list = TestOp::In(vec!["u1".into(), "u2".into()]);
        assert_eq!(filter.allow, [[test("org_id", TestOp::Eq("acme".into())), test("user_id", in_list)]]);
    }

    #[test]
    fn a_placeholder_within_a_longer_text_stands_for_itself() {
        let filter = filter(vec![allow().when("email", is("x{self_org_id}"))]);
        assert_eq!(filter.allow, [[test("email", TestOp::Eq("x{self_org_id}".into()))]]);
    }

    #[test]
    fn an_address_in_a_condition_is_compared_by_its_key() {
        let filter = filter(vec![allow(), deny().when("email", is("Ada@Example.com"))]);
        assert_eq!(filter.deny, [[test("email", TestOp::Eq("ada@example.com".into()))]]);
    }

    #[test]
    fn a_missing_attribute_satisfies_no_condition() {
        for condition in
            [is("x"), Condition::NotEquals("x".into()), Condition::In(vec!["x".into(), "y".into()])]
        {
            assert!(!filter(vec![allow().when("email", condition.clone())]).admits(&|_| None));
            assert!(filter(vec![allow(), deny().when("email", condition)]).admits(&|_| None));
        }
    }

    #[test]
    fn a_self_organization_filter_is_always_within_the_organization_and_never_elsewhere() {
        let filter = filter(vec![
            allow().when("org_id", is("{self_org_id}")),
            allow().when("org_id", is("{self_org_id}")).when("user_id", is("{self_user_id}")),
            deny().when("org_id", is("other")),
        ]);
        assert_eq!(filter.allow, [[test("org_id", TestOp::Eq("acme".into()))]]);
        assert_eq!(filter.deny, Vec::<Vec<Test>>::new());
        assert_eq!(filter.assume("org_id", &"acme".into()), Filter::always());
        assert_eq!(filter.assume("org_id", &"other".into()), Filter::never());
    }

    #[test]
    fn an_allowance_that_is_denied_as_a_whole_disappears() {
        let filter = filter(vec![
            allow().when("role_name", is("A")).when("is_verified", is(true)),
            deny().when("role_name", Condition::NotEquals("B".into())),
        ]);
        assert_eq!(filter, Filter::never());
    }

    #[test]
    fn a_hand_written_filter_with_an_empty_denial_admits_nothing() {
        let filter = Filter { allow: vec![vec![]], deny: vec![vec![]] };
        assert!(filter.is_never() && !filter.is_always() && !filter.admits(&|_| None));
    }

    #[test]
    fn the_values_of_a_list_are_in_order_and_each_once() {
        let list = |values: &[&str]| {
            let values = values.iter().map(|value| Scalar::from(*value)).collect();
            filter(vec![allow().when("user_id", Condition::In(values))]).allow
        };
        assert_eq!(list(&["{self_user_id}", "u1", "u1"]), [[test("user_id", TestOp::Eq("u1".into()))]]);
        let two = TestOp::In(vec!["a".into(), "b".into()]);
        assert_eq!(list(&["b", "a", "b"]), [[test("user_id", two)]]);
    }

    #[test]
    fn an_unconditional_grant_among_very_many_is_noticed() {
        let many = |grant: Grant| (0..1000).map(move |n| grant.clone().when("user_id", is(format!("u{n}"))));
        assert_eq!(filter(many(allow()).chain([allow()]).collect()), Filter::always());
        assert_eq!(filter(many(allow()).chain(many(deny())).chain([deny()]).collect()), Filter::never());
    }

    #[test]
    fn a_role_of_very_many_grants_is_compiled_and_evaluated_all_the_same() {
        let number = |n: i64| Scalar::from(format!("u{n}"));
        let mut grants: Vec<_> =
            (0..1000).map(|n| allow().when("user_id", Condition::Equals(number(n)))).collect();
        grants.push(deny().when("user_id", is("u7")));
        let filter = filter(grants);
        let admits = |id: &str| filter.admits(&|_| Some(ScalarRef::Text(id)));
        assert!(admits("u0") && admits("u999"));
        assert!(!admits("u7") && !admits("u1000"));
        assert!(filter.assume("user_id", &"u7".into()).is_never());
        assert!(filter.assume("user_id", &"u8".into()).is_always());
    }
}
