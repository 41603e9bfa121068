//! Random changes of operators, undone ones among them, against a plain model: every operator, every list, every search.

use std::collections::BTreeMap;

use denizen_domain::fold::fold;
use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;
use denizen_domain::operator::{Access, OperatorRole};
use denizen_domain::permission::model::Rng;
use denizen_store::operators::{self, Operator, OperatorOrder, OperatorQuery};
use denizen_store::{StoreError, Tx, holdings};

use super::{bot_id, environment_id, expected, find, furnish, later, operator_id, page};
use crate::support::{ORG, TestStore, name};

const ORGS: [OrgKey; 2] = [ORG, OrgKey(2)];

fn random_access(rng: &mut Rng) -> Access {
    if rng.chance(30) {
        return Access::Administrator;
    }
    let mut environments = BTreeMap::new();
    for _ in 0..=rng.below(3) {
        let of = u8::try_from(1 + rng.below(3)).unwrap();
        let bots = (0..rng.below(4)).map(|_| bot_id(of, u8::try_from(1 + rng.below(3)).unwrap())).collect();
        environments.insert(environment_id(of), bots);
    }
    Access::Environments { role: *rng.pick(&OperatorRole::ALL), environments }
}

fn random_operator(rng: &mut Rng, number: u64) -> Operator {
    Operator {
        user_id: operator_id(number * 31 % 1_009),
        email: format!("{}{number}@{}", rng.pick(&["Ann", "jürgen", "O'B"]), rng.pick(&["x.org", "B.dev"])),
        name: name(rng),
        company: rng.chance(60).then(|| name(rng)),
        image: rng.chance(30).then(|| name(rng)),
        access: random_access(rng),
        created_at: later(i64::try_from(rng.below(5)).unwrap()),
    }
}

/// Some changes of an organization, and its operators after them.
fn random_changes(
    rng: &mut Rng,
    mut model: Vec<Operator>,
    numbers: &mut u64,
) -> (Vec<Change>, Vec<Operator>) {
    let mut changes = Vec::new();
    for _ in 0..=rng.below(3) {
        let chance = rng.below(100);
        if model.len() < 4 || chance < 40 {
            let added: Vec<Operator> = (0..=rng.below(4))
                .map(|_| {
                    *numbers += 1;
                    random_operator(rng, *numbers)
                })
                .collect();
            model.extend(added.clone());
            changes.push(Change::Insert(added));
        } else if chance < 80 {
            let at = rng.below(model.len());
            *numbers += 1;
            let before = model[at].clone();
            let other = random_operator(rng, *numbers);
            let after = Operator {
                user_id: before.user_id,
                created_at: before.created_at,
                access: if rng.chance(50) { before.access.clone() } else { other.access.clone() },
                ..other
            };
            model[at] = after.clone();
            changes.push(Change::Update(before, after));
        } else {
            changes.push(Change::Delete(model.swap_remove(rng.below(model.len()))));
        }
    }
    (changes, model)
}

#[derive(Debug, Clone)]
enum Change {
    Insert(Vec<Operator>),
    Update(Operator, Operator),
    Delete(Operator),
}

impl Change {
    fn apply(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        match self {
            Self::Insert(operators) => {
                let hashed: Vec<_> = operators.iter().cloned().map(|operator| (operator, None)).collect();
                operators::insert(tx, &hashed)
            }
            Self::Update(before, after) => operators::update(tx, before, after, later(1)),
            Self::Delete(operator) => {
                holdings::erase_small(tx, Directory::Operators, operator.user_id)?;
                operators::delete(tx, operator.user_id)
            }
        }
    }
}

/// A part of something that somebody has, or what hardly anybody has.
fn random_needle(rng: &mut Rng, model: &[Operator]) -> String {
    if model.is_empty() || rng.chance(20) {
        return fold(&name(rng));
    }
    let operator = &model[rng.below(model.len())];
    let text = fold(if rng.chance(50) { &operator.name } else { &operator.email });
    let letters: Vec<char> = text.chars().collect();
    let start = rng.below(letters.len().max(1));
    letters[start.min(letters.len())..].iter().take(1 + rng.below(5)).collect()
}

#[tokio::test]
async fn random_changes_agree_with_a_plain_model() {
    let test = TestStore::empty();
    for org in ORGS {
        furnish(&test.store, org).await;
    }
    let mut models: [Vec<Operator>; 2] = Default::default();
    let (mut rng, mut numbers) = (Rng::new(6), 0);
    for round in 0..40 {
        let at = rng.below(2);
        let org = ORGS[at];
        let (changes, after) = random_changes(&mut rng, models[at].clone(), &mut numbers);
        let is_undone = rng.chance(20);
        let apply = move |tx: &Tx<'_>| {
            changes.iter().try_for_each(|change| change.apply(tx))?;
            if is_undone { Err(StoreError::Busy) } else { Ok(()) }
        };
        let written = test.store.write(org, apply).await;
        assert_eq!(written.is_err(), is_undone, "round {round}: {written:?}");
        if !is_undone {
            models[at] = after;
        }
        for (org, model) in ORGS.iter().zip(&models) {
            let needle = rng.chance(60).then(|| random_needle(&mut rng, model));
            let query = OperatorQuery {
                needle,
                order: *rng.pick(&OperatorOrder::ALL),
                is_descending: rng.chance(50),
                offset: rng.below(model.len() + 2) as u64,
                limit: 1 + rng.below(9),
            };
            assert_eq!(
                page(&test.store, *org, &query).await,
                expected(model, &query),
                "round {round}: {query:?}"
            );
            if let Some(operator) = model.last() {
                assert_eq!(find(&test.store, *org, operator.user_id).await.as_ref(), Some(operator));
            }
        }
    }
    assert!(models.iter().all(|model| model.len() > 10), "this test has to leave some");
    assert_eq!(test.store.check().await, Ok(vec![]));
}
