//! Random changes of contacts, undone ones among them, against a plain model: every contact, every owner, every search.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::contact::Phone;
use denizen_domain::fold::fold;
use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::member::Directory;
use denizen_domain::permission::model::Rng;
use denizen_store::contacts::{self, Change, Contact, Identifier, Profile};
use denizen_store::{StoreError, holdings};

use super::{contact_id, find, later, nobody, search};
use crate::support::{NOW, ORG, TestStore, name};

const ORGS: [OrgKey; 2] = [ORG, OrgKey(2)];

/// The contacts of an organization, in the order in which they were added.
#[derive(Default, Clone)]
struct Model(Vec<Contact>);

impl Model {
    fn owners(&self) -> BTreeMap<Identifier, UserId> {
        let own = |contact: &Contact| {
            let user = contact.user_id;
            contact.profile.identifiers().into_iter().map(move |identifier| (identifier, user))
        };
        self.0.iter().flat_map(own).collect()
    }

    /// Those who are reached by what begins with the needle, then those whose names contain it.
    fn found(&self, needle: &str) -> Vec<UserId> {
        let (folded, trimmed) = (fold(needle), needle.trim());
        let owners = self.owners();
        let mut found: Vec<UserId> = Vec::new();
        let mut add = |user| {
            if !found.contains(&user) {
                found.push(user);
            }
        };
        let beginnings = [
            (!trimmed.is_empty()).then(|| Identifier::email(trimmed)),
            Phone::beginning(trimmed).map(|number| Identifier::phone(&number)),
        ];
        for beginning in beginnings.iter().flatten() {
            let begins =
                |known: &Identifier| known.kind == beginning.kind && known.key.starts_with(&beginning.key);
            owners.iter().filter(|(known, _)| begins(known)).for_each(|(_, user)| add(*user));
        }
        let named = |contact: &&Contact| {
            let profile = &contact.profile;
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            let (first, last) = (part(&profile.first_name), part(&profile.last_name));
            let mut names = vec![part(&profile.display_name), format!("{first} {last}")];
            if !profile.middle_names.is_empty() {
                names.push(format!("{first} {} {last}", profile.middle_names.join(" ")));
            }
            contact.anonymized_at.is_none() && names.iter().any(|name| fold(name.trim()).contains(&folded))
        };
        self.0.iter().filter(named).for_each(|contact| add(contact.user_id));
        found
    }
}

fn maybe<T>(rng: &mut Rng, value: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    rng.chance(60).then(|| value(rng))
}

/// A profile with identifiers that nobody has, in spellings that differ in case.
fn random_profile(rng: &mut Rng, numbers: &mut u64) -> Profile {
    let mut next = || {
        *numbers += 1;
        *numbers
    };
    let mut email = |rng: &mut Rng| {
        format!(
            "{}{}@{}",
            rng.pick(&["Ann", "jürgen", "O'Brien"]),
            next(),
            rng.pick(&["example.org", "B.dev"])
        )
    };
    let emails = (0..rng.below(3)).map(|_| email(rng)).collect();
    let email = maybe(rng, email);
    let mut phone = |_: &mut Rng| format!("+49{:09}", next());
    let phones = (0..rng.below(3)).map(|_| phone(rng)).collect();
    Profile {
        display_name: maybe(rng, name),
        first_name: maybe(rng, name),
        last_name: maybe(rng, name),
        middle_names: (0..rng.below(3)).map(|_| name(rng)).collect(),
        email,
        additional_emails: emails,
        phone: maybe(rng, phone),
        additional_phones: phones,
        external_id: maybe(rng, |rng| format!("crm-{}", rng.below(5))),
        avatar_url: maybe(rng, name),
    }
}

/// Changes of some contacts, between which addresses may go over.
fn random_changes(rng: &mut Rng, model: &Model, numbers: &mut u64) -> Vec<Change> {
    let mut chosen = BTreeSet::new();
    for _ in 0..rng.below(5) {
        chosen.insert(rng.below(model.0.len()));
    }
    let before: Vec<Contact> = chosen
        .into_iter()
        .map(|at| model.0[at].clone())
        .filter(|contact| contact.anonymized_at.is_none())
        .collect();
    let mut after = before.clone();
    for at in 0..after.len() {
        if rng.chance(70) {
            let other = (at + 1) % after.len();
            let (one, two) = (after[at].profile.clone(), after[other].profile.clone());
            after[at].profile.email = two.email;
            after[other].profile.email = one.email;
        } else {
            after[at].profile = random_profile(rng, numbers);
        }
    }
    before.into_iter().zip(after).map(|(before, after)| Change { before, after }).collect()
}

/// Does something to an organization, and to its model unless it is undone.
async fn do_something(test: &TestStore, rng: &mut Rng, org: OrgKey, model: &mut Model, numbers: &mut u64) {
    let is_undone = rng.chance(20);
    let outcome = |is_undone| if is_undone { Err(StoreError::Internal("undone".to_owned())) } else { Ok(()) };
    let mut next = model.clone();
    let written = match rng.below(4) {
        0 | 1 if next.0.len() < 40 => {
            let added: Vec<Contact> = (0..=rng.below(3))
                .map(|_| {
                    *numbers += 1;
                    Contact { profile: random_profile(rng, numbers), ..nobody(*numbers) }
                })
                .collect();
            next.0.extend(added.clone());
            test.store
                .write(org, move |tx| {
                    contacts::insert(tx, &added, NOW)?;
                    outcome(is_undone)
                })
                .await
        }
        2 if !next.0.is_empty() => {
            let at = rng.below(next.0.len());
            let user = next.0[at].user_id;
            let anonymized_at = next.0[at].anonymized_at.or(Some(later(1)));
            next.0[at] = Contact { anonymized_at, user_id: user, ..nobody(0) };
            test.store
                .write(org, move |tx| {
                    contacts::clear(tx, user, later(1))?;
                    holdings::erase_small(tx, Directory::Contacts, user)?;
                    outcome(is_undone)
                })
                .await
        }
        _ if !next.0.is_empty() => {
            let changes = random_changes(rng, &next, numbers);
            for change in &changes {
                let known = next.0.iter_mut().find(|contact| contact.user_id == change.after.user_id);
                *known.unwrap() = change.after.clone();
            }
            test.store
                .write(org, move |tx| {
                    contacts::update(tx, &changes, NOW)?;
                    outcome(is_undone)
                })
                .await
        }
        _ => return,
    };
    assert_eq!(written, outcome(is_undone));
    if !is_undone {
        *model = next;
    }
}

fn random_needle(rng: &mut Rng, model: &Model) -> String {
    let contact = rng.pick(&model.0);
    let profile = &contact.profile;
    let source = match rng.below(4) {
        0 => profile.email.clone(),
        1 => profile.additional_phones.first().cloned(),
        2 => profile
            .middle_names
            .first()
            .map(|middle| format!("{} {middle}", profile.first_name.clone().unwrap_or_default())),
        _ => profile.display_name.clone(),
    };
    let letters: Vec<char> = source.unwrap_or_else(|| name(rng)).chars().collect();
    let from = rng.below(letters.len());
    let text: String = letters[from..].iter().take(rng.below(9)).collect();
    if rng.chance(20) { text.to_uppercase() } else { text }
}

async fn random_changes_agree_with_a_plain_model(seed: u64, steps: usize) {
    let test = TestStore::empty();
    let mut rng = Rng::new(seed);
    let mut models = [Model::default(), Model::default()];
    let mut numbers = 0;
    for step in 0..steps {
        let which = rng.below(2);
        let (org, model) = (ORGS[which], &mut models[which]);
        do_something(&test, &mut rng, org, model, &mut numbers).await;
        if model.0.is_empty() {
            continue;
        }
        let needle = random_needle(&mut rng, model);
        assert_eq!(search(&test.store, org, &needle).await, model.found(&needle), "step {step}: {needle:?}");
        if step % 25 == 0 || step + 1 == steps {
            for contact in &model.0 {
                assert_eq!(find(&test.store, org, contact.user_id).await.as_ref(), Some(contact));
            }
            assert_eq!(find(&test.store, org, contact_id(0)).await, None);
            let asked: BTreeSet<Identifier> =
                models.iter().flat_map(|model| model.owners().into_keys()).collect();
            let expected = models[which].owners();
            let owners = test.store.read(org, move |conn| contacts::find_owners(conn, &asked)).await.unwrap();
            assert_eq!(owners, expected);
        }
    }
    for (org, model) in ORGS.into_iter().zip(&models) {
        let rows = i64::try_from(model.0.len()).unwrap();
        assert_eq!(test.store.read(org, contacts::count).await, Ok(rows));
    }
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn random_changes_of_contacts_agree_with_a_plain_model() {
    random_changes_agree_with_a_plain_model(1, 250).await;
}

#[tokio::test]
async fn other_random_changes_of_contacts_agree_with_a_plain_model() {
    random_changes_agree_with_a_plain_model(2, 250).await;
}
