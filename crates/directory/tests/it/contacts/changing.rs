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
        assert_eq!(page.items, [made.clone()], "{filter:?}");
        assert!(!page.has_before && !page.has_after);
    }
}
