//! One contact at a time: what is accepted, what it becomes, and what is refused.

use denizen_directory::contacts::{
    ContactFilter, ContactInput, ContactPatch, ContactProblem, MAX_ITEMS, PageFrom, Profile, Refusal,
};
use denizen_directory::{ErrorCode, contacts::ContactView};
use denizen_domain::ids::Uuid;

use super::{Desk, ids, refused, text, texts};

fn ann() -> ContactInput {
    ContactInput {
        display_name: text("Ann"),
        first_name: text("Ann"),
        last_name: text("Lee"),
        middle_names: texts(&["Mae", "Mae"]),
        email: text("Ann@Example.org"),
        additional_emails: texts(&["ann@work.example", "ANN@example.ORG", "Ann@Work.example"]),
        phone: text("+49 (151) 1234-5678"),
        additional_phones: texts(&["+4915112345679", "+49.151.1234.5678", "+49 15112345679"]),
        external_id: text("crm-1"),
        avatar_url: text("https://pictures.example/ann.png"),
    }
}

fn anns_profile() -> Profile {
    Profile {
        display_name: text("Ann"),
        first_name: text("Ann"),
        last_name: text("Lee"),
        middle_names: texts(&["Mae", "Mae"]),
        email: text("Ann@Example.org"),
        additional_emails: texts(&["ann@work.example"]),
        phone: text("+4915112345678"),
        additional_phones: texts(&["+4915112345679"]),
        external_id: text("crm-1"),
        avatar_url: text("https://pictures.example/ann.png"),
    }
}

#[tokio::test]
async fn a_new_contact_is_kept_as_it_was_said_with_each_address_and_number_once() {
    let desk = Desk::new().await;
    let made = desk.create(ann()).await.unwrap();
    assert_eq!(made.contact.profile, anns_profile());
    assert_eq!(made.contact.created_at, desk.ctx.now);
    assert_eq!(made.contact.anonymized_at, None);
    assert_eq!(made.attributes, []);
    let id = made.contact.id();
    assert_eq!(id.to_string().as_bytes()[14], b'7', "ids are of version 7");
    assert_eq!(desk.get(id).await, Some(made.clone()));
    let filters = [
        ContactFilter::All,
        ContactFilter::Email("ann@EXAMPLE.org".to_owned()),
        ContactFilter::Email("ann@work.example".to_owned()),
        ContactFilter::Phone("+49 151 12345678".to_owned()),
        ContactFilter::Phone("+4915112345679".to_owned()),
        ContactFilter::ExternalId("crm-1".to_owned()),
    ];
    for filter in filters {
        let page = desk.list(filter.clone(), PageFrom::Start, 50).await;
        assert_eq!(page.items, std::slice::from_ref(&made), "{filter:?}");
        assert!(!page.has_before && !page.has_after);
    }
}

#[tokio::test]
async fn a_contact_of_whom_nothing_is_said_is_made_all_the_same() {
    let desk = Desk::new().await;
    let one = desk.create(ContactInput::default()).await.unwrap();
    let other = desk.create(ContactInput::default()).await.unwrap();
    assert_eq!(one.contact.profile, Profile::default());
    assert_ne!(one.contact.id(), other.contact.id());
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_a_list_replaces_the_list() {
    let desk = Desk::new().await;
    let made = desk.create(ann()).await.unwrap().contact;
    let id = made.id();
    let patch = ContactPatch { display_name: text("Annie"), ..ContactPatch::default() };
    let mut expected = Profile { display_name: text("Annie"), ..anns_profile() };
    assert_eq!(desk.patch(id, patch).await.unwrap().contact.profile, expected);

    // A new primary address is no additional one any more, in whatever spelling; the old one is gone.
    let patch = ContactPatch { email: text("ANN@work.example"), ..ContactPatch::default() };
    expected = Profile { email: text("ANN@work.example"), additional_emails: vec![], ..expected };
    assert_eq!(desk.patch(id, patch).await.unwrap().contact.profile, expected);
    assert_eq!(
        desk.list(ContactFilter::Email("ann@example.org".to_owned()), PageFrom::Start, 5).await.items,
        []
    );

    let patch = ContactPatch {
        additional_phones: Some(vec![]),
        middle_names: Some(vec![]),
        additional_emails: Some(texts(&["a@b", "ann@work.example", "A@B", "c@d"])),
        ..ContactPatch::default()
    };
    expected = Profile {
        additional_phones: vec![],
        middle_names: vec![],
        additional_emails: texts(&["a@b", "c@d"]),
        ..expected
    };
    assert_eq!(desk.patch(id, patch).await.unwrap().contact.profile, expected);

    // What it was before may be said again.
    let patch = ContactPatch {
        email: expected.email.clone(),
        phone: expected.phone.clone(),
        ..ContactPatch::default()
    };
    let patched = desk.patch(id, patch).await.unwrap();
    assert_eq!(patched.contact.profile, expected);
    assert_eq!(patched.contact.created_at, made.created_at);
    assert_eq!(desk.get(id).await, Some(patched));
}

#[tokio::test]
async fn a_patch_that_says_nothing_is_told_so_and_one_with_an_empty_list_says_something() {
    let desk = Desk::new().await;
    let id = desk.create(ann()).await.unwrap().contact.id();
    assert_eq!(desk.patch(id, ContactPatch::default()).await, Err(ContactProblem::EmptyPatch));
    let patch = ContactPatch { additional_emails: Some(vec![]), ..ContactPatch::default() };
    assert!(desk.patch(id, patch).await.is_ok());
}

#[tokio::test]
async fn a_contact_that_is_replaced_keeps_its_id_and_its_time_only() {
    let desk = Desk::new().await;
    let made = desk.create(ann()).await.unwrap().contact;
    desk.server.advance_seconds(5);
    let input =
        ContactInput { display_name: text("Bob"), email: text("bob@example.org"), ..ContactInput::default() };
    let replaced = desk.replace(made.id(), input).await.unwrap();
    let profile = Profile { display_name: text("Bob"), email: text("bob@example.org"), ..Profile::default() };
    assert_eq!(replaced.contact.profile, profile);
    assert_eq!((replaced.contact.id(), replaced.contact.created_at), (made.id(), made.created_at));
    assert_eq!(desk.get(made.id()).await, Some(replaced));
    assert!(desk.create(ann()).await.is_ok(), "what it had is free");
}

#[tokio::test]
async fn who_is_not_there_cannot_be_changed_whatever_is_said() {
    let desk = Desk::new().await;
    let nobody = Uuid([7; 16]);
    let invalid = ContactPatch { email: text(""), ..ContactPatch::default() };
    for patch in [
        ContactPatch::default(),
        invalid,
        ContactPatch { display_name: text("x"), ..ContactPatch::default() },
    ] {
        assert_eq!(desk.patch(nobody, patch).await, Err(ContactProblem::NotFound));
    }
    assert_eq!(desk.replace(nobody, ann()).await, Err(ContactProblem::NotFound));
    let error = desk.server.directory().get_contact(&desk.ctx, nobody).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ContactNotFound);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_contact_is_told_once() {
    let desk = Desk::new().await;
    desk.create(ann()).await.unwrap();
    let long = |most: usize| "x".repeat(most + 1);
    let many = |what: &dyn Fn(usize) -> String| (0..101).map(what).collect::<Vec<_>>();
    let all = ContactInput {
        display_name: text("a\u{7}b"),
        first_name: Some(long(1_000)),
        last_name: text("\0"),
        middle_names: vec!["fine".to_owned(), long(1_000)],
        email: text("ann@example.org"),
        additional_emails: texts(&["ann@work.example", "no address", "neither"]),
        phone: text("+4915112345678"),
        additional_phones: texts(&["12", "+4915112345679"]),
        external_id: Some("é".repeat(501)),
        avatar_url: text("https://a\nb"),
    };
    // In the order in which they are declared.
    let every = [
        Refusal::EmailExists,
        Refusal::PhoneNumberExists,
        Refusal::InvalidEmail,
        Refusal::InvalidPhoneNumber,
        Refusal::InvalidDisplayName,
        Refusal::InvalidFirstName,
        Refusal::InvalidLastName,
        Refusal::InvalidMiddleNames,
        Refusal::InvalidExternalId,
        Refusal::InvalidAvatarUrl,
    ];
    assert_eq!(desk.create(all).await, Err(refused(&every)));

    let plain = ContactInput::default;
    let cases = [
        (ContactInput { email: text(""), ..plain() }, Refusal::InvalidEmail),
        (ContactInput { email: text("a@b@c"), ..plain() }, Refusal::InvalidEmail),
        (ContactInput { additional_emails: texts(&["a@b", ""]), ..plain() }, Refusal::InvalidEmail),
        (ContactInput { additional_emails: many(&|n| format!("{n}@b")), ..plain() }, Refusal::InvalidEmail),
        (ContactInput { phone: text(""), ..plain() }, Refusal::InvalidPhoneNumber),
        (ContactInput { phone: text("00491511234567"), ..plain() }, Refusal::InvalidPhoneNumber),
        (ContactInput { additional_phones: texts(&[""]), ..plain() }, Refusal::InvalidPhoneNumber),
        (
            ContactInput { additional_phones: many(&|n| format!("+49151{n:08}")), ..plain() },
            Refusal::InvalidPhoneNumber,
        ),
        (ContactInput { middle_names: many(&|_| "Mae".to_owned()), ..plain() }, Refusal::InvalidMiddleNames),
    ];
    for (input, refusal) in cases {
        assert_eq!(desk.create(input.clone()).await, Err(refused(&[refusal])), "{input:?}");
    }
    // As much as there may be.
    let most = ContactInput {
        display_name: Some("ä".repeat(1_000)),
        first_name: text(""),
        middle_names: vec!["m".repeat(250); 100],
        additional_emails: (0..200).map(|n| format!("{}@b", n / 2)).collect(),
        additional_phones: (0..200).map(|n| format!("+49151{:08}", n / 2)).collect(),
        external_id: Some("é".repeat(500)),
        ..plain()
    };
    assert!(desk.create(most).await.is_ok());
}

#[tokio::test]
async fn an_address_or_number_belongs_to_one_contact_wherever_it_stands() {
    let desk = Desk::new().await;
    let first = desk.create(ann()).await.unwrap().contact.id();
    let second = desk
        .create(ContactInput { email: text("bob@example.org"), ..ContactInput::default() })
        .await
        .unwrap();
    for (email, additional) in [(text("ANN@example.org"), vec![]), (None, texts(&["ann@WORK.example"]))] {
        let input = ContactInput {
            email: email.clone(),
            additional_emails: additional.clone(),
            ..ContactInput::default()
        };
        assert_eq!(desk.create(input.clone()).await, Err(refused(&[Refusal::EmailExists])));
        assert_eq!(desk.replace(second.contact.id(), input).await, Err(refused(&[Refusal::EmailExists])));
        let patch = ContactPatch { email, additional_emails: Some(additional), ..ContactPatch::default() };
        assert_eq!(desk.patch(second.contact.id(), patch).await, Err(refused(&[Refusal::EmailExists])));
    }
    for (phone, additional) in [(text("+49 15112345679"), vec![]), (None, texts(&["+49-151-1234-5678"]))] {
        let patch = ContactPatch { phone, additional_phones: Some(additional), ..ContactPatch::default() };
        assert_eq!(desk.patch(second.contact.id(), patch).await, Err(refused(&[Refusal::PhoneNumberExists])));
    }
    assert_eq!(desk.get(second.contact.id()).await, Some(second.clone()), "nothing of it was done");
    let patch = ContactPatch { email: text("ann@work.example"), ..ContactPatch::default() };
    assert!(desk.patch(first, patch).await.is_ok(), "it may be moved within a contact");
}

#[tokio::test]
async fn contacts_of_one_call_stand_for_themselves_and_later_ones_see_earlier_ones() {
    let desk = Desk::new().await;
    let directory = desk.server.directory();
    let with = |email: &str| ContactInput { email: text(email), ..ContactInput::default() };
    let inputs = ["a@b", "no address", "A@B", "c@d"].map(with).to_vec();
    let made = directory.create_contacts(&desk.ctx, inputs).await.unwrap();
    let outcomes: Vec<_> = made.iter().map(|outcome| outcome.as_ref().err().cloned()).collect();
    let expected =
        [None, Some(refused(&[Refusal::InvalidEmail])), Some(refused(&[Refusal::EmailExists])), None];
    assert_eq!(outcomes, expected);
    let [a, c] = [0, 3].map(|at| made[at].as_ref().unwrap().contact.id());
    assert_eq!(ids(&desk.list(ContactFilter::All, PageFrom::Start, 10).await), [a, c]);

    // What one gives up another takes, in the order of the call, and one may be named twice.
    let email = |email: &str| ContactPatch { email: text(email), ..ContactPatch::default() };
    let patches = vec![
        (c, email("a@b")),
        (a, email("x@y")),
        (c, email("a@b")),
        (Uuid([7; 16]), email("e@f")),
        (a, email("c@d")),
        (a, ContactPatch::default()),
    ];
    let patched = directory.patch_contacts(&desk.ctx, patches).await.unwrap();
    let emails: Vec<Result<Option<String>, ContactProblem>> = patched
        .into_iter()
        .map(|outcome| outcome.map(|view: ContactView| view.contact.profile.email))
        .collect();
    let expected = [
        Err(refused(&[Refusal::EmailExists])),
        Ok(text("x@y")),
        Ok(text("a@b")),
        Err(ContactProblem::NotFound),
        Ok(text("c@d")),
        Err(ContactProblem::EmptyPatch),
    ];
    assert_eq!(emails, expected);
    assert_eq!(desk.get(a).await.unwrap().contact.profile.email, text("c@d"));
    assert_eq!(directory.check().await, Ok(vec![]));
}

#[tokio::test]
async fn a_call_has_at_most_a_thousand_contacts_and_may_have_none() {
    let desk = Desk::new().await;
    let directory = desk.server.directory();
    assert_eq!(directory.create_contacts(&desk.ctx, vec![]).await, Ok(vec![]));
    let most = vec![ContactInput::default(); MAX_ITEMS];
    let made = directory.create_contacts(&desk.ctx, most).await.unwrap();
    let made: Vec<Uuid> = made.into_iter().map(|outcome| outcome.unwrap().contact.id()).collect();
    assert_eq!(ids(&desk.list(ContactFilter::All, PageFrom::Start, MAX_ITEMS).await), made);
    let more = vec![ContactInput::default(); MAX_ITEMS + 1];
    let refused = directory.create_contacts(&desk.ctx, more).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidField);
}

#[tokio::test]
async fn contacts_are_read_and_written_by_those_who_may() {
    let desk = Desk::new().await;
    let directory = desk.server.directory();
    let id = desk.create(ann()).await.unwrap().contact.id();
    let may = async |permission: &str| {
        let grants = serde_json::json!([{"permission_name": permission, "conditions": {}}]);
        let ctx = desk.org.access_token_with(&grants).await.context().await;
        let patch = ContactPatch { display_name: text("Annie"), ..ContactPatch::default() };
        let input = ContactInput { display_name: text("Annie"), ..ContactInput::default() };
        [
            directory.get_contact(&ctx, id).await.map(drop),
            directory.list_contacts(&ctx, ContactFilter::All, PageFrom::Start, 5).await.map(drop),
            directory.create_contacts(&ctx, vec![input.clone()]).await.map(drop),
            directory.patch_contacts(&ctx, vec![(id, patch)]).await.map(drop),
            directory.replace_contacts(&ctx, vec![(id, input)]).await.map(drop),
        ]
        .map(|answer| answer.map_err(|error| error.code))
    };
    let forbidden = Err(ErrorCode::Forbidden);
    let reads = [Ok(()), Ok(()), forbidden, forbidden, forbidden];
    assert_eq!(may("Directory:ReadContact").await, reads);
    assert_eq!(may("Directory:WriteContact").await, [forbidden, forbidden, Ok(()), Ok(()), Ok(())]);
    assert_eq!(may("User:GetUserInfo").await, [forbidden; 5]);
}

#[tokio::test]
async fn an_organization_knows_nothing_of_the_contacts_of_another() {
    let desk = Desk::new().await;
    let id = desk.create(ann()).await.unwrap().contact.id();
    let org = desk.server.org("globex").await;
    let ctx = org.access_token(denizen_directory::organizations::ADMINISTRATOR_ROLE).await.context().await;
    let other = Desk { server: desk.server.clone(), org, ctx };
    assert_eq!(other.get(id).await, None);
    assert_eq!(other.replace(id, ann()).await, Err(ContactProblem::NotFound));
    for filter in [ContactFilter::All, ContactFilter::Email("ann@example.org".to_owned())] {
        assert_eq!(other.list(filter, PageFrom::Start, 5).await.items, []);
    }
    assert!(other.create(ann()).await.is_ok(), "and may have the same ones");
}
