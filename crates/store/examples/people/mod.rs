//! Made-up members with names of two to four of forty syllables, as `bench` has them, and their role.

use std::sync::Arc;

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::{Directory, Preferences};
use denizen_domain::permission::FrontendView;
use denizen_domain::permission::model::Rng;
use denizen_domain::text::Email;
use denizen_store::roles;
use denizen_store::users::NewUser;

const ROLE: ObjectId = ObjectId([7; 12]);
pub(crate) const SYLLABLES: [&str; 40] = [
    "an", "be", "ca", "do", "el", "fra", "gi", "hel", "is", "jo", "ka", "lu", "ma", "nor", "ol", "pe", "qui",
    "ro", "sa", "ti", "ul", "vi", "wil", "xa", "ya", "zo", "ber", "den", "gar", "ling", "mann", "ner", "ova",
    "ski", "son", "stein", "ton", "vera", "win", "é",
];

pub(crate) fn role() -> roles::Role {
    roles::Role {
        role_id: ROLE,
        name: "Agent".to_owned(),
        description: String::new(),
        frontend_view: FrontendView::Client,
        grants: Arc::default(),
        is_super: false,
    }
}

pub(crate) fn name(rng: &mut Rng) -> String {
    (0..2 + rng.below(3)).map(|_| *rng.pick(&SYLLABLES)).collect()
}

/// The member with this number: the same number is the same member.
pub(crate) fn new_user(number: u64) -> NewUser {
    const HOSTS: [&str; 4] = ["gmail.com", "example.org", "mail.example.com", "denizen.dev"];
    let mut rng = Rng::new(number + 1);
    let (first_name, last_name) = (name(&mut rng), name(&mut rng));
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let email = format!("{first_name}.{last_name}{number}@{}", rng.pick(&HOSTS)).replace('é', "e");
    NewUser {
        directory: Directory::Members,
        user_id: UserId(id),
        email: Email::parse(&email).expect("an address of letters and digits"),
        first_name,
        last_name,
        role_id: ROLE,
        is_verified: rng.chance(80),
        preferences: Preferences::default(),
        open_variables: [("plan".to_owned(), "gold".to_owned())].into(),
        secret_variables: [].into(),
    }
}
