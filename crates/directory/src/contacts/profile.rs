//! What is said of a contact: which of it can be accepted, and what it makes of what is known. It asks no store.

use std::collections::BTreeSet;

use denizen_domain::contact::{ContactEmail, MAX_LIST, MAX_NAME, Phone, is_external_id};
use denizen_domain::text::bounded;
use denizen_store::contacts::Profile;

use super::{ContactInput, ContactPatch, Refusal};

impl From<ContactInput> for ContactPatch {
    /// What makes of an empty profile just what was said.
    fn from(input: ContactInput) -> Self {
        Self {
            display_name: input.display_name,
            first_name: input.first_name,
            last_name: input.last_name,
            middle_names: Some(input.middle_names),
            email: input.email,
            additional_emails: Some(input.additional_emails),
            phone: input.phone,
            additional_phones: Some(input.additional_phones),
            external_id: input.external_id,
            avatar_url: input.avatar_url,
        }
    }
}

/// A patch of which everything is as the store keeps it, and what had to be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedPatch {
    patch: ContactPatch,
    pub(crate) refusals: BTreeSet<Refusal>,
}

impl CheckedPatch {
    pub(crate) fn new(mut patch: ContactPatch) -> Self {
        let mut refusals = BTreeSet::new();
        let mut names = |name: &mut Option<String>, refusal| {
            check(name, &mut refusals, refusal, |name| is_line(name, MAX_NAME));
        };
        names(&mut patch.display_name, Refusal::InvalidDisplayName);
        names(&mut patch.first_name, Refusal::InvalidFirstName);
        names(&mut patch.last_name, Refusal::InvalidLastName);
        names(&mut patch.avatar_url, Refusal::InvalidAvatarUrl);
        check(&mut patch.external_id, &mut refusals, Refusal::InvalidExternalId, |id| is_external_id(id));
        check(&mut patch.middle_names, &mut refusals, Refusal::InvalidMiddleNames, |names| {
            names.len() <= MAX_LIST && names.iter().all(|name| is_line(name, MAX_NAME))
        });
        let is_email = |text: &String| ContactEmail::parse(text).is_ok();
        check(&mut patch.email, &mut refusals, Refusal::InvalidEmail, is_email);
        drop_repetitions(&mut patch.additional_emails, ContactEmail::key_of);
        check(&mut patch.additional_emails, &mut refusals, Refusal::InvalidEmail, |emails| {
            emails.len() <= MAX_LIST && emails.iter().all(is_email)
        });
        // A number has one spelling.
        let spelled = |text: &mut String| {
            let phone = Phone::parse(text).ok();
            phone.map(|phone| phone.as_str().clone_into(text)).is_some()
        };
        let are_phones = patch.phone.iter_mut().all(spelled);
        check(&mut patch.phone, &mut refusals, Refusal::InvalidPhoneNumber, |_| are_phones);
        let are_phones = patch.additional_phones.iter_mut().flatten().all(spelled);
        drop_repetitions(&mut patch.additional_phones, str::to_owned);
        check(&mut patch.additional_phones, &mut refusals, Refusal::InvalidPhoneNumber, |phones| {
            are_phones && phones.len() <= MAX_LIST
        });
        Self { patch, refusals }
    }

    /// What the profile becomes. A value that is the primary one is no additional one.
    pub(crate) fn applied_to(&self, profile: &Profile) -> Profile {
        let (said, known) = (&self.patch, profile);
        let new = |said: &Option<Vec<String>>, known: &Vec<String>| said.as_ref().unwrap_or(known).clone();
        let or_known = |said: &Option<String>, known: &Option<String>| said.clone().or_else(|| known.clone());
        let mut after = Profile {
            display_name: or_known(&said.display_name, &known.display_name),
            first_name: or_known(&said.first_name, &known.first_name),
            last_name: or_known(&said.last_name, &known.last_name),
            middle_names: new(&said.middle_names, &known.middle_names),
            email: or_known(&said.email, &known.email),
            additional_emails: new(&said.additional_emails, &known.additional_emails),
            phone: or_known(&said.phone, &known.phone),
            additional_phones: new(&said.additional_phones, &known.additional_phones),
            external_id: or_known(&said.external_id, &known.external_id),
            avatar_url: or_known(&said.avatar_url, &known.avatar_url),
        };
        if let Some(primary) = after.email.as_deref().map(ContactEmail::key_of) {
            after.additional_emails.retain(|address| ContactEmail::key_of(address) != primary);
        }
        if let Some(primary) = &after.phone {
            after.additional_phones.retain(|number| number != primary);
        }
        after
    }
}

/// Leaves a value out that cannot be accepted.
fn check<T>(
    value: &mut Option<T>,
    refusals: &mut BTreeSet<Refusal>,
    refusal: Refusal,
    is_fine: impl FnOnce(&T) -> bool,
) {
    if value.as_ref().is_some_and(|value| !is_fine(value)) {
        *value = None;
        refusals.insert(refusal);
    }
}

fn is_line(text: &str, most: usize) -> bool {
    bounded(text, most).is_ok() && !text.contains(char::is_control)
}

/// Keeps the first of those that are the same by their key.
fn drop_repetitions(list: &mut Option<Vec<String>>, key: impl Fn(&str) -> String) {
    let mut seen = BTreeSet::new();
    if let Some(list) = list {
        list.retain(|text| seen.insert(key(text)));
    }
}
