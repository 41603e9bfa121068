//! Random calls with contacts, against a plain model in memory: few addresses and numbers for many contacts, so that they
//! are in each other's way all the time.

use std::collections::BTreeSet;

use denizen_directory::contacts::{
    ContactFilter, ContactInput, ContactPatch, ContactPlace, ContactProblem, PageFrom, Profile, Refusal,
};
use denizen_domain::ids::Uuid;
use denizen_domain::permission::model::Rng;

use super::Desk;

/// The contacts, in the order of their creation.
#[derive(Default)]
struct Model {
    contacts: Vec<(ContactPlace, Profile)>,
}

/// An outcome without the views: the id and the profile.
type Expected = Result<(Uuid, Profile), ContactProblem>;

/// What is compared of an address or number; `None` when it is none.
fn email_key(text: &str) -> Option<String> {
    (text.matches('@').count() == 1 && text.len() > 2).then(|| text.to_lowercase())
}

fn phone_key(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !" -.()".contains(*c)).collect();
    plain.starts_with('+').then_some(plain)
}

fn distinct(list: &[String], key: impl Fn(&str) -> Option<String>) -> Option<Vec<(String, String)>> {
    let mut kept: Vec<(String, String)> = Vec::new();
    for text in list {
        let key = key(text)?;
        if kept.iter().all(|(known, _)| *known != key) {
            kept.push((key, text.clone()));
        }
    }
    Some(kept)
}

impl Profiled for Profile {
    fn emails(&self) -> BTreeSet<String> {
        self.email.iter().chain(&self.additional_emails).filter_map(|text| email_key(text)).collect()
    }

    fn phones(&self) -> BTreeSet<String> {
        self.phone.iter().chain(&self.additional_phones).filter_map(|text| phone_key(text)).collect()
    }
}

trait Profiled {
    fn emails(&self) -> BTreeSet<String>;
    fn phones(&self) -> BTreeSet<String>;
}

impl Model {
    fn at(&self, id: Uuid) -> Option<usize> {
        self.contacts.iter().position(|(place, _)| place.id == id)
    }

    /// What a patch makes of a profile, or why not.
    fn patched(
        &self,
        id: Option<Uuid>,
        before: &Profile,
        patch: &ContactPatch,
    ) -> Result<Profile, ContactProblem> {
        let mut refusals = BTreeSet::new();
        let mut after = before.clone();
        if let Some(name) = &patch.display_name {
            after.display_name = Some(name.clone());
        }
        if let Some(external_id) = &patch.external_id {
            after.external_id = Some(external_id.clone());
        }
        match patch.email.as_deref().map(|text| (text, email_key(text))) {
            Some((_, None)) => drop(refusals.insert(Refusal::InvalidEmail)),
            Some((text, Some(_))) => after.email = Some(text.to_owned()),
            None => {}
        }
        match patch.additional_emails.as_ref().map(|list| distinct(list, email_key)) {
            Some(None) => drop(refusals.insert(Refusal::InvalidEmail)),
            Some(Some(list)) => after.additional_emails = list.into_iter().map(|(_, text)| text).collect(),
            None => {}
        }
        match patch.phone.as_deref().map(phone_key) {
            Some(None) => drop(refusals.insert(Refusal::InvalidPhoneNumber)),
            Some(Some(number)) => after.phone = Some(number),
            None => {}
        }
        match patch.additional_phones.as_ref().map(|list| distinct(list, phone_key)) {
            Some(None) => drop(refusals.insert(Refusal::InvalidPhoneNumber)),
            Some(Some(list)) => after.additional_phones = list.into_iter().map(|(key, _)| key).collect(),
            None => {}
        }
        let primary = after.email.as_deref().and_then(email_key);
        after.additional_emails.retain(|text| email_key(text) != primary);
        after.additional_phones.retain(|number| Some(number) != after.phone.as_ref());
        for (place, other) in &self.contacts {
            if Some(place.id) != id {
                if !other.emails().is_disjoint(&after.emails()) {
                    refusals.insert(Refusal::EmailExists);
                }
                if !other.phones().is_disjoint(&after.phones()) {
                    refusals.insert(Refusal::PhoneNumberExists);
                }
            }
        }
        if refusals.is_empty() {
            Ok(after)
        } else {
            Err(ContactProblem::Refused(refusals.into_iter().collect()))
        }
    }

    fn change(&mut self, id: Uuid, patch: &ContactPatch, from_nothing: bool) -> Expected {
        let at = self.at(id).ok_or(ContactProblem::NotFound)?;
        if !from_nothing && *patch == ContactPatch::default() {
            return Err(ContactProblem::EmptyPatch);
        }
        let before = if from_nothing { Profile::default() } else { self.contacts[at].1.clone() };
        let after = self.patched(Some(id), &before, patch)?;
        self.contacts[at].1 = after.clone();
        Ok((id, after))
    }
}

fn as_patch(input: &ContactInput) -> ContactPatch {
    ContactPatch {
        display_name: input.display_name.clone(),
        email: input.email.clone(),
        additional_emails: Some(input.additional_emails.clone()),
        phone: input.phone.clone(),
        additional_phones: Some(input.additional_phones.clone()),
        external_id: input.external_id.clone(),
        ..ContactPatch::default()
    }
}

fn email(rng: &mut Rng) -> String {
    let invalid = rng.chance(3);
    let name = rng.below(12);
    match rng.below(3) {
        _ if invalid => "no address".to_owned(),
        0 => format!("A{name}@Example.ORG"),
        _ => format!("a{name}@example.org"),
    }
}

fn phone(rng: &mut Rng) -> String {
    let invalid = rng.chance(3);
    let number = 10 + rng.below(12);
    match rng.below(3) {
        _ if invalid => "12".to_owned(),
        0 => format!("+49 (151) 10-00.{number}"),
        _ => format!("+491511000{number}"),
    }
}

fn patch(rng: &mut Rng) -> ContactPatch {
    fn maybe<T>(rng: &mut Rng, percent: usize, value: impl FnOnce(&mut Rng) -> T) -> Option<T> {
        rng.chance(percent).then(|| value(rng))
    }
    fn some(rng: &mut Rng, value: fn(&mut Rng) -> String) -> Vec<String> {
        (0..rng.below(3)).map(|_| value(rng)).collect()
    }
    ContactPatch {
        display_name: maybe(rng, 30, |rng| format!("Ann {}", rng.below(5))),
        email: maybe(rng, 40, email),
        additional_emails: maybe(rng, 40, |rng| some(rng, email)),
        phone: maybe(rng, 40, phone),
        additional_phones: maybe(rng, 40, |rng| some(rng, phone)),
        external_id: maybe(rng, 30, |rng| format!("crm-{}", rng.below(3))),
        ..ContactPatch::default()
    }
}

fn input(rng: &mut Rng) -> ContactInput {
    let patch = patch(rng);
    ContactInput {
        display_name: patch.display_name,
        email: patch.email,
        additional_emails: patch.additional_emails.unwrap_or_default(),
        phone: patch.phone,
        additional_phones: patch.additional_phones.unwrap_or_default(),
        external_id: patch.external_id,
        ..ContactInput::default()
    }
}

fn some_id(rng: &mut Rng, model: &Model) -> Uuid {
    if model.contacts.is_empty() || rng.chance(5) { Uuid([7; 16]) } else { rng.pick(&model.contacts).0.id }
}

/// One call with some contacts, against the model.
async fn call(desk: &Desk, rng: &mut Rng, model: &mut Model) {
    let directory = desk.server.directory();
    let items = rng.below(6);
    let what = rng.below(3);
    let (outcomes, expected): (Vec<_>, Vec<Expected>) = match what {
        0 if model.contacts.len() < 30 => {
            let inputs: Vec<ContactInput> = (0..items).map(|_| input(rng)).collect();
            let outcomes = directory.create_contacts(&desk.ctx, inputs.clone()).await.unwrap();
            let mut expected = Vec::new();
            for (input, outcome) in inputs.iter().zip(&outcomes) {
                let made = model.patched(None, &Profile::default(), &as_patch(input));
                // The id is not for the model to know.
                expected.push(made.map(|profile| {
                    let place = outcome.as_ref().expect("the model has made it").contact.place();
                    model.contacts.push((place, profile.clone()));
                    (place.id, profile)
                }));
            }
            (outcomes, expected)
        }
        1 => {
            let items: Vec<_> = (0..items).map(|_| (some_id(rng, model), input(rng))).collect();
            let outcomes = directory.replace_contacts(&desk.ctx, items.clone()).await.unwrap();
            (outcomes, items.iter().map(|(id, input)| model.change(*id, &as_patch(input), true)).collect())
        }
        _ => {
            let items: Vec<_> = (0..items).map(|_| (some_id(rng, model), patch(rng))).collect();
            let outcomes = directory.patch_contacts(&desk.ctx, items.clone()).await.unwrap();
            (outcomes, items.iter().map(|(id, patch)| model.change(*id, patch, false)).collect())
        }
    };
    let outcomes: Vec<Expected> = outcomes
        .into_iter()
        .map(|outcome| outcome.map(|view| (view.contact.id(), view.contact.profile)))
        .collect();
    assert_eq!(outcomes, expected);
}

async fn agrees(desk: &Desk, model: &Model) {
    let listed = desk.list(ContactFilter::All, PageFrom::Start, 100).await;
    let listed: Vec<_> =
        listed.items.into_iter().map(|view| (view.contact.place(), view.contact.profile)).collect();
    // Calls at the same time are listed in an order that only the ids know.
    let mut expected = model.contacts.clone();
    expected.sort_by_key(|(place, _)| *place);
    assert_eq!(listed, expected);
    for name in 0..12 {
        let owner = |keys: fn(&Profile) -> BTreeSet<String>, key: &str| {
            let owners = model.contacts.iter().filter(|(_, profile)| keys(profile).contains(key));
            owners.map(|(place, _)| place.id).collect::<Vec<_>>()
        };
        let key = format!("a{name}@example.org");
        let found = desk.list(ContactFilter::Email(key.to_uppercase()), PageFrom::Start, 5).await;
        assert_eq!(super::ids(&found), owner(Profile::emails, &key));
        let key = format!("+491511000{}", 10 + name);
        let found = desk.list(ContactFilter::Phone(key.clone()), PageFrom::Start, 5).await;
        assert_eq!(super::ids(&found), owner(Profile::phones, &key));
    }
    assert_eq!(desk.server.directory().check().await, Ok(vec![]));
}

async fn random_calls_agree_with_a_plain_model(seed: u64) {
    let mut desk = Desk::new().await;
    let mut rng = Rng::new(seed);
    let mut model = Model::default();
    for step in 0..300 {
        if rng.chance(30) {
            desk.server.advance_seconds(1);
        }
        desk.ctx.now = desk.server.directory().now();
        call(&desk, &mut rng, &mut model).await;
        if step % 60 == 59 {
            agrees(&desk, &model).await;
        }
    }
    assert!(model.contacts.len() >= 5, "{} contacts", model.contacts.len());
}

#[tokio::test]
async fn random_calls_with_contacts_agree_with_a_plain_model() {
    random_calls_agree_with_a_plain_model(1).await;
}

#[tokio::test]
async fn other_random_calls_with_contacts_agree_with_a_plain_model() {
    random_calls_agree_with_a_plain_model(2).await;
}
