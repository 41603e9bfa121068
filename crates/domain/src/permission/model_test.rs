//! The compiled form and the comparison of roles against the oracle, on random cases.

use super::model::{Rng, Universe, allows, lookup};
use super::{Grants, Placeholders, Scalar, Test, names};

fn universes() -> [Universe; 2] {
    let users = Universe::of(names::USER_GET_USER_INFO).expect("denizen evaluates it");
    [Universe::wild(), users]
}

#[test]
fn a_compiled_filter_admits_what_the_oracle_allows() {
    let mut rng = Rng::new(1);
    let (mut allowed, mut refused, mut never, mut always) = (0, 0, 0, 0);
    for universe in universes() {
        for _ in 0..30_000 {
            let grants = universe.grants(&mut rng);
            let permission = universe.permission(&mut rng);
            let who = universe.who(&mut rng);
            let filter = grants.filter(&permission, &who);
            never += usize::from(filter.is_never());
            always += usize::from(filter.is_always());
            for _ in 0..2 {
                let target = universe.target(&mut rng);
                let expected = allows(&grants, &permission, &who, &target);
                let context = || format!("{grants:?}\n{permission} {who:?}\n{target:?}\n{filter:?}");
                assert_eq!(filter.admits(&lookup(&target)), expected, "{}", context());
                assert!(!(filter.is_never() && expected), "{}", context());
                assert!(!filter.is_always() || expected, "{}", context());
                *if expected { &mut allowed } else { &mut refused } += 1;
            }
        }
    }
    // Otherwise the cases would show little.
    for count in [allowed, refused, never] {
        assert!(count > 10_000, "{allowed} {refused} {never} {always}");
    }
    assert!(always > 1_000, "{allowed} {refused} {never} {always}");
}

#[test]
fn assuming_what_is_known_of_a_target_changes_no_answer() {
    let mut rng = Rng::new(2);
    let mut allowed = 0;
    for universe in universes() {
        for _ in 0..30_000 {
            let grants = universe.grants(&mut rng);
            let permission = universe.permission(&mut rng);
            let who = universe.who(&mut rng);
            let target = universe.target(&mut rng);
            let expected = allows(&grants, &permission, &who, &target);
            allowed += usize::from(expected);
            let mut filter = grants.filter(&permission, &who);
            for (attribute, value) in &target {
                filter = filter.assume(attribute, value);
                let context = || format!("{grants:?}\n{permission} {who:?}\n{target:?}\n{filter:?}");
                assert_eq!(filter.admits(&lookup(&target)), expected, "{}", context());
                let mentions = |test: &Test| test.attribute == *attribute;
                assert!(!filter.allow.iter().chain(&filter.deny).flatten().any(mentions), "{}", context());
            }
            // With every attribute of a complete target known, nothing is left to be found out.
            if target.len() == universe.attributes.len() {
                assert_eq!((filter.is_always(), filter.is_never()), (expected, !expected));
            }
        }
    }
    assert!(allowed > 10_000, "{allowed}");
}

#[test]
fn a_role_that_covers_another_allows_all_that_the_other_allows() {
    let mut rng = Rng::new(3);
    let (mut covered, mut witnessed, mut denials) = (0, 0, 0);
    for universe in universes() {
        for _ in 0..25_000 {
            let a = universe.grants(&mut rng);
            let b = universe.related(&mut rng, &a);
            for (high, low) in [(&a, &b), (&b, &a)] {
                if !high.covers(low) {
                    continue;
                }
                covered += 1;
                denials += usize::from(high.0.iter().any(|g| g.effect == super::Effect::Deny));
                for _ in 0..6 {
                    witnessed += usize::from(both_allow(&universe, &mut rng, high, low));
                }
            }
        }
    }
    assert!(covered > 20_000 && witnessed > 20_000 && denials > 5_000, "{covered} {witnessed} {denials}");
}

/// Fails when the lower role allows a random target that the higher one does not; tells whether
/// both allowed it.
fn both_allow(universe: &Universe, rng: &mut Rng, high: &Grants, low: &Grants) -> bool {
    let permission = universe.permission(rng);
    let target = universe.target(rng);
    let mut who = universe.who(rng);
    // A caller who holds just the values of the target is the hardest one to be right about.
    for (attribute, own) in [("org_id", &mut who.org_id), ("user_id", &mut who.user_id)] {
        if let (Some(Scalar::Text(text)), true) = (target.get(attribute), rng.chance(50)) {
            own.clone_from(text);
        }
    }
    let allowed = allows(low, &permission, &who, &target);
    assert!(
        !allowed || allows(high, &permission, &who, &target),
        "{high:?}\nmust not cover\n{low:?}\n{permission} {who:?} {target:?}"
    );
    allowed
}

#[test]
fn every_role_covers_itself() {
    let mut rng = Rng::new(4);
    for universe in universes() {
        for _ in 0..5_000 {
            let grants = universe.grants(&mut rng);
            assert!(grants.covers(&grants), "{grants:?}");
        }
    }
}

#[test]
fn the_grants_of_a_well_typed_universe_are_acceptable() {
    let mut rng = Rng::new(5);
    let [_, universe] = universes();
    for _ in 0..5_000 {
        assert_eq!(universe.grant(&mut rng).check(), Ok(()));
    }
}

#[test]
fn a_caller_who_is_named_like_a_placeholder_gains_nothing() {
    let grants = super::default_roles()[0].grants.clone();
    let who = Placeholders { org_id: "{self_user_id}".into(), user_id: "u1".into() };
    let filter = grants.filter(&names::USER_GET_USER_INFO, &who);
    assert!(filter.assume("org_id", &"u1".into()).is_never());
    assert!(!filter.assume("org_id", &"{self_user_id}".into()).is_never());
}
