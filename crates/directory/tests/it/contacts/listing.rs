//! Lists of contacts: their order, their filters, and where a page of one begins.

use denizen_directory::contacts::{ContactFilter, ContactInput, ContactPlace, PageFrom};
use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use super::{Desk, ids, text, texts};

async fn made(desk: &Desk, inputs: Vec<ContactInput>) -> Vec<ContactPlace> {
    let made = desk.server.directory().create_contacts(&desk.ctx, inputs).await.unwrap();
    made.into_iter().map(|outcome| outcome.unwrap().contact.place()).collect()
}

fn of(places: &[ContactPlace]) -> Vec<Uuid> {
    places.iter().map(|place| place.id).collect()
}

#[tokio::test]
async fn contacts_are_listed_in_the_order_of_their_creation_and_of_the_call() {
    let mut desk = Desk::new().await;
    let mut places = made(&desk, vec![ContactInput::default(); 30]).await;
    desk.server.advance_seconds(1);
    desk.ctx.now = desk.server.directory().now();
    places.extend(made(&desk, vec![ContactInput::default(); 30]).await);
    let page = desk.list(ContactFilter::All, PageFrom::Start, 100).await;
    assert_eq!(ids(&page), of(&places));
    let page = desk.list(ContactFilter::All, PageFrom::After(places[9]), 30).await;
    assert_eq!((ids(&page), page.has_before, page.has_after), (of(&places[10..40]), true, true));
    let page = desk.list(ContactFilter::All, PageFrom::Before(places[9]), 30).await;
    assert_eq!((ids(&page), page.has_before, page.has_after), (of(&places[..9]), false, true));
    let page = desk.list(ContactFilter::All, PageFrom::Start, 0).await;
    assert_eq!((ids(&page), page.has_after), (of(&places[..1]), true), "a page holds something");
}

#[tokio::test]
async fn several_contacts_may_have_one_external_id_and_are_listed_by_it() {
    let desk = Desk::new().await;
    let with = |external_id: &str| ContactInput { external_id: text(external_id), ..ContactInput::default() };
    let places = made(&desk, ["a", "b", "a", "A", "a"].map(with).to_vec()).await;
    let expected = [places[0].id, places[2].id, places[4].id];
    let filter = ContactFilter::ExternalId("a".to_owned());
    assert_eq!(ids(&desk.list(filter.clone(), PageFrom::Start, 10).await), expected);
    let page = desk.list(filter, PageFrom::After(places[1]), 1).await;
    assert_eq!((ids(&page), page.has_before, page.has_after), (vec![places[2].id], true, true));
}

#[tokio::test]
async fn a_filter_that_is_no_address_or_number_matches_nobody() {
    let desk = Desk::new().await;
    let input = ContactInput { email: text("ann@example.org"), ..ContactInput::default() };
    made(&desk, vec![input, ContactInput { external_id: text("x"), ..ContactInput::default() }]).await;
    for filter in [
        ContactFilter::Email("bob@example.org".to_owned()),
        ContactFilter::Email(String::new()),
        ContactFilter::Email("ann".to_owned()),
        ContactFilter::Phone("ann@example.org".to_owned()),
        ContactFilter::Phone("+4915112345678".to_owned()),
        ContactFilter::ExternalId(String::new()),
        // What a database would not be asked for.
        ContactFilter::Email("a\0@example.org".to_owned()),
        ContactFilter::Phone("+491511234\0".to_owned()),
        ContactFilter::ExternalId("\0".to_owned()),
        ContactFilter::ExternalId("a\0b".to_owned()),
        ContactFilter::ExternalId("a\nb".to_owned()),
        ContactFilter::ExternalId("x".repeat(1_001)),
    ] {
        let page = desk.list(filter.clone(), PageFrom::Start, 10).await;
        assert_eq!((ids(&page), page.has_before, page.has_after), (vec![], false, false), "{filter:?}");
    }
}

#[tokio::test]
async fn a_list_of_one_has_its_pages_like_any_other() {
    let desk = Desk::new().await;
    let input = ContactInput { additional_emails: texts(&["ann@example.org"]), ..ContactInput::default() };
    let place = made(&desk, vec![input]).await[0];
    let (before, after) = (
        ContactPlace { created_at: Timestamp(place.created_at.0 - 1), ..place },
        ContactPlace { created_at: Timestamp(place.created_at.0 + 1), ..place },
    );
    for (from, listed, has_before, has_after) in [
        (PageFrom::Start, true, false, false),
        (PageFrom::After(before), true, false, false),
        (PageFrom::After(place), false, true, false),
        (PageFrom::After(after), false, true, false),
        (PageFrom::Before(before), false, false, true),
        (PageFrom::Before(place), false, false, true),
        (PageFrom::Before(after), true, false, false),
    ] {
        for filter in [ContactFilter::Email("ann@example.org".to_owned()), ContactFilter::All] {
            let page = desk.list(filter.clone(), from, 1).await;
            let found = (page.items.len() == 1, page.has_before, page.has_after);
            assert_eq!(found, (listed, has_before, has_after), "{filter:?} {from:?}");
        }
    }
}
