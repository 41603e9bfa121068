//! Which role is the greater one (contract section 13, row 23).
//!
//! Assigning a role, inviting with it or making a key of it asks for greater privileges than the role has. The
//! comparison is of what is written, for every caller and every target at once. It must never take a role to be
//! covered that is not; where it does not see that one is, it says no. So nobody hands out what they do not have. The
//! price is that of two roles that are written differently and come to the same, one may pass for the greater.

use std::collections::BTreeMap;

use super::logic::{are_disjoint, is_within, never_holds};
use super::{Effect, Grants, Kind, PermissionName, Placeholders, Scalar, Test};

/// What privileges are compared by. Temporary grants do not belong in it.
#[derive(Debug, Clone, Copy)]
pub struct RoleRank<'a> {
    pub grants: &'a Grants,
    /// Whether it is the super administrator's role.
    pub is_super: bool,
}

/// Whether role `a` has greater privileges than role `b`. The super administrator's is over every
/// role, its own included, and no other role is over it, whatever is written in that.
pub fn is_greater(a: &RoleRank<'_>, b: &RoleRank<'_>) -> bool {
    a.is_super || (!b.is_super && a.grants.covers(b.grants) && !b.grants.covers(a.grants))
}

impl Grants {
    /// Whether everything that `other` allows, these grants allow too, for every target and
    /// whatever the placeholders stand for (the same in both).
    ///
    /// Sound, not complete: each single allowance of `other` must lie within a single one of these, and of a
    /// permission with more than [`Self::MAX_PER_PERMISSION`] grants, nothing is said to be covered.
    pub fn covers(&self, other: &Self) -> bool {
        let ours = by_permission(self);
        let none = Rules::default();
        by_permission(other)
            .iter()
            .all(|(permission, theirs)| ours.get(permission).unwrap_or(&none).cover(theirs))
    }
}

/// The grants of one permission, placeholders left as they are.
#[derive(Default)]
struct Rules {
    allow: Vec<Vec<Test>>,
    deny: Vec<Vec<Test>>,
}

impl Rules {
    fn cover(&self, other: &Self) -> bool {
        if self.len().max(other.len()) > Grants::MAX_PER_PERMISSION {
            return false;
        }
        other.allow.iter().all(|allow| {
            other.never_gives(allow)
                || (self.allow.iter().any(|wide| is_within(allow, wide, certainly_differ))
                    && self.deny.iter().all(|deny| {
                        are_disjoint(deny, allow, certainly_differ) || other.denies_all_of(deny, allow)
                    }))
        })
    }

    fn len(&self) -> usize {
        self.allow.len() + self.deny.len()
    }

    /// Whether an allowance of these rules gives nothing, because nothing satisfies it or because
    /// these rules deny all of it.
    fn never_gives(&self, allow: &[Test]) -> bool {
        never_holds(allow) || self.deny.iter().any(|deny| is_within(allow, deny, certainly_differ))
    }

    /// Whether these rules deny whatever satisfies both conjunctions.
    fn denies_all_of(&self, a: &[Test], b: &[Test]) -> bool {
        let both = [a, b].concat();
        self.deny.iter().any(|deny| is_within(&both, deny, certainly_differ))
    }
}

fn by_permission(grants: &Grants) -> BTreeMap<&PermissionName, Rules> {
    let mut rules = BTreeMap::<_, Rules>::new();
    for grant in &grants.0 {
        let rules = rules.entry(&grant.permission).or_default();
        match grant.effect {
            Effect::Allow => rules.allow.push(grant.tests(symbol)),
            Effect::Deny => rules.deny.push(grant.tests(symbol)),
        }
    }
    rules
}

/// A value as it is compared while nobody knows who the caller is. Placeholders stay what they are. A text whose
/// comparable form is spelt like a placeholder is marked with a character that no text may contain.
fn symbol(kind: Kind, value: &Scalar) -> Scalar {
    match value {
        Scalar::Text(text) if !Placeholders::is_placeholder(value) => {
            let literal = Scalar::Text(kind.comparable(text));
            if Placeholders::is_placeholder(&literal) {
                return Scalar::Text(format!("\0{text}").to_lowercase());
            }
            literal
        }
        other => other.clone(),
    }
}

/// Two values that differ whoever the caller is. A placeholder may stand for any text, that of the
/// other placeholder included; it never stands for a boolean or a number.
fn certainly_differ(a: &Scalar, b: &Scalar) -> bool {
    let may_be_any_text = Placeholders::is_placeholder(a) || Placeholders::is_placeholder(b);
    let both_text = matches!((a, b), (Scalar::Text(_), Scalar::Text(_)));
    a != b && !(may_be_any_text && both_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::names::{USER_DELETE_USER, USER_GET_USER_INFO};
    use crate::permission::{Condition, Grant};

    fn allow(conditions: &[(&str, Condition)]) -> Grant {
        with(Grant::allow(USER_GET_USER_INFO), conditions)
    }

    fn deny(conditions: &[(&str, Condition)]) -> Grant {
        with(Grant::deny(USER_GET_USER_INFO), conditions)
    }

    fn with(grant: Grant, conditions: &[(&str, Condition)]) -> Grant {
        conditions.iter().fold(grant, |grant, (name, condition)| grant.when(name, condition.clone()))
    }

    fn is(value: impl Into<Scalar>) -> Condition {
        Condition::Equals(value.into())
    }

    fn not(value: impl Into<Scalar>) -> Condition {
        Condition::NotEquals(value.into())
    }

    fn one_of(values: &[&str]) -> Condition {
        Condition::In(values.iter().map(|value| Scalar::from(*value)).collect())
    }

    fn covers(a: &[Grant], b: &[Grant]) -> bool {
        Grants(a.to_vec()).covers(&Grants(b.to_vec()))
    }

    #[test]
    fn an_allowance_is_covered_by_a_wider_one() {
        for (wide, narrow) in [
            (not("a"), is("b")),
            (not("a"), one_of(&["b", "c"])),
            (one_of(&["a", "b"]), is("a")),
            (one_of(&["a", "b", "c"]), one_of(&["c", "a"])),
            (is("a"), one_of(&["a", "a"])),
            (not("{self_org_id}"), is(true)),
        ] {
            let wide = [allow(&[("x", wide)])];
            let narrow = [allow(&[("x", narrow), ("y", is("z"))])];
            assert!(covers(&wide, &narrow), "{wide:?} {narrow:?}");
            assert!(!covers(&narrow, &wide), "{wide:?} {narrow:?}");
            assert!(covers(&[allow(&[])], &wide) && !covers(&wide, &[allow(&[])]));
        }
    }

    #[test]
    fn a_placeholder_is_not_taken_to_differ_from_any_text() {
        for (wide, narrow) in [
            (not("{self_org_id}"), is("acme")),
            (not("acme"), is("{self_org_id}")),
            (not("{self_user_id}"), is("{self_org_id}")),
            (is("{self_org_id}"), is("{self_user_id}")),
        ] {
            assert!(!covers(&[allow(&[("x", wide)])], &[allow(&[("x", narrow)])]));
        }
        let denied = [allow(&[]), deny(&[("x", is("acme"))])];
        assert!(!covers(&denied, &[allow(&[("x", is("{self_org_id}"))])]));
    }

    #[test]
    fn an_address_is_the_same_one_in_any_letter_case() {
        let of = |text: &str| [allow(&[("email", is(text))])];
        let not = |text: &str| [allow(&[("email", not(text))])];
        assert!(covers(&of("a@x.org"), &of("A@X.org")));
        assert!(!covers(&not("a@x.org"), &of("A@X.org")) && covers(&not("a@x.org"), &of("B@X.org")));
        // Literals, however much they look like a placeholder in the wrong case.
        assert!(!covers(&of("{self_org_id}"), &of("{SELF_ORG_ID}")));
        assert!(!covers(&not("{Self_Org_Id}"), &of("{SELF_ORG_ID}")));
    }

    #[test]
    fn a_denial_matters_unless_it_is_shared_or_about_something_else() {
        let denied = [allow(&[]), deny(&[("x", is("a"))])];
        assert!(!covers(&denied, &[allow(&[])]));
        assert!(covers(&denied, &[allow(&[("x", is("b"))])]));
        assert!(covers(&denied, &[allow(&[("x", not("a"))])]));
        assert!(covers(&denied, &[allow(&[]), deny(&[("x", one_of(&["a", "b"]))])]));
        assert!(covers(&denied, &denied));
        assert!(!covers(&denied, &[allow(&[]), deny(&[("x", is("a")), ("y", is("b"))])]));
        // What the narrower role allows at all has y = b, so the two denials meet.
        let narrow = [allow(&[("y", is("b"))]), deny(&[("x", is("a")), ("y", is("b"))])];
        assert!(covers(&denied, &narrow));
    }

    #[test]
    fn too_many_grants_to_compare_are_not_covered() {
        let most = vec![allow(&[]); Grants::MAX_PER_PERMISSION];
        assert!(covers(&most, &most));
        let too_many = [most.as_slice(), &[allow(&[])]].concat();
        assert!(!covers(&most, &too_many) && !covers(&too_many, &most));
    }

    #[test]
    fn what_a_role_denies_itself_need_not_be_covered() {
        assert!(covers(&[], &[allow(&[("x", is("a"))]), deny(&[])]));
        assert!(covers(&[], &[allow(&[("x", Condition::In(vec![]))])]));
        assert!(covers(&[], &[deny(&[])]) && covers(&[], &[]));
        assert!(!covers(&[Grant::allow(USER_DELETE_USER)], &[allow(&[])]));
    }

    #[test]
    fn a_role_is_not_greater_than_itself_or_one_that_it_merely_differs_from() {
        let a = Grants(vec![allow(&[])]);
        let b = Grants(vec![Grant::allow(USER_DELETE_USER)]);
        let both = Grants([a.0.clone(), b.0.clone()].concat());
        let rank = |grants| RoleRank { grants, is_super: false };
        assert!(!is_greater(&rank(&a), &rank(&a)));
        assert!(!is_greater(&rank(&a), &rank(&b)) && !is_greater(&rank(&b), &rank(&a)));
        assert!(is_greater(&rank(&both), &rank(&a)) && !is_greater(&rank(&a), &rank(&both)));
    }

    #[test]
    fn the_super_administrators_role_is_over_every_role_and_only_itself_is_over_it() {
        let none = Grants::default();
        let all = Grants(vec![allow(&[])]);
        let top = RoleRank { grants: &none, is_super: true };
        let rank = RoleRank { grants: &all, is_super: false };
        assert!(is_greater(&top, &rank) && is_greater(&top, &top));
        assert!(!is_greater(&rank, &top));
    }
}
