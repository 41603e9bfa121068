//! Pages of contacts against a plain list: in either direction, with every size, and what is said of what lies beyond.

use denizen_domain::ids::OrgKey;
use denizen_domain::permission::model::Rng;
use denizen_store::contacts::{self, Contact, ContactPage, ContactPlace, ContactQuery, Page, PageFrom};

use super::{contact_id, insert, later, nobody};
use crate::support::{ORG, TestStore};

async fn page(test: &TestStore, query: &ContactQuery) -> Page<Contact> {
    let query = query.clone();
    let ContactPage { contacts, has_before, has_after } =
        test.store.read(ORG, move |conn| contacts::page(conn, &query)).await.unwrap();
    Page { items: contacts.apart(), has_before, has_after }
}

/// The page by the definition.
fn expected(all: &[Contact], query: &ContactQuery) -> Page<Contact> {
    let listed: Vec<&Contact> = all
        .iter()
        .filter(|contact| query.external_id.is_none() || contact.profile.external_id == query.external_id)
        .collect();
    let count = listed.len();
    let (first, end) = match query.from {
        PageFrom::Start => (0, query.limit.min(count)),
        PageFrom::After(place) => {
            let first = listed.iter().filter(|contact| contact.place() <= place).count();
            (first, (first + query.limit).min(count))
        }
        PageFrom::Before(place) => {
            let end = listed.iter().filter(|contact| contact.place() < place).count();
            (end.saturating_sub(query.limit), end)
        }
    };
    let items = listed[first..end].iter().map(|contact| (*contact).clone()).collect();
    Page { items, has_before: first > 0, has_after: end < count }
}

#[tokio::test]
async fn every_page_is_the_part_of_the_list_that_it_says_it_is() {
    let test = TestStore::empty();
    let mut rng = Rng::new(11);
    let mut all: Vec<Contact> = (0..60)
        .map(|number| {
            // Times that several share, and ids in another order.
            let mut contact = nobody(number * 7_919 % 60);
            contact.created_at = later(i64::try_from(rng.below(12)).unwrap());
            contact.profile.external_id =
                rng.pick(&[None, Some("a".to_owned()), Some("b".to_owned())]).clone();
            contact
        })
        .collect();
    insert(&test.store, ORG, all.clone()).await.unwrap();
    insert(&test.store, OrgKey(2), (0..5).map(nobody).collect()).await.unwrap();
    all.sort_by_key(Contact::place);
    let mut places: Vec<ContactPlace> = all.iter().map(Contact::place).collect();
    // Places of nobody: before all, between some, behind all.
    places.extend(
        [-1, 3, 100]
            .map(|seconds| ContactPlace { created_at: later(seconds), id: contact_id(30_000).as_uuid() }),
    );
    let mut froms = vec![PageFrom::Start];
    froms.extend(places.iter().flat_map(|place| [PageFrom::After(*place), PageFrom::Before(*place)]));
    for external_id in [None, Some("a".to_owned()), Some("nobody's".to_owned())] {
        for from in &froms {
            let limit = 1 + rng.below(30);
            let query = ContactQuery { external_id: external_id.clone(), from: *from, limit };
            assert_eq!(page(&test, &query).await, expected(&all, &query), "{query:?}");
        }
    }
}

#[tokio::test]
async fn who_walks_through_the_list_meets_each_once_in_either_direction() {
    let test = TestStore::empty();
    insert(&test.store, ORG, (0..23).map(nobody).collect()).await.unwrap();
    let mut query = ContactQuery { external_id: None, from: PageFrom::Start, limit: 5 };
    let mut forward = Vec::new();
    loop {
        let found = page(&test, &query).await;
        forward.extend(found.items.iter().map(|contact| contact.user_id));
        if !found.has_after {
            break;
        }
        query.from = PageFrom::After(found.items.last().unwrap().place());
    }
    assert_eq!(forward, (0..23).map(contact_id).collect::<Vec<_>>());
    let mut backward = Vec::new();
    query.from = PageFrom::Before(ContactPlace { created_at: later(1), id: contact_id(0).as_uuid() });
    loop {
        let found = page(&test, &query).await;
        backward.extend(found.items.iter().rev().map(|contact| contact.user_id));
        if !found.has_before {
            break;
        }
        query.from = PageFrom::Before(found.items[0].place());
    }
    backward.reverse();
    assert_eq!(backward, forward);
}
