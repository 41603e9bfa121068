//! Finding contacts by parts of their names, and by what their addresses and numbers begin with.

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;
use denizen_store::contacts::{self, Contact, Profile};
use denizen_store::{Tx, holdings};

use super::{contact_id, insert, later, nobody, search, text};
use crate::support::{ORG, TestStore};

fn named(number: u64, display_name: &str, first_name: &str, last_name: &str) -> Contact {
    let profile = Profile {
        display_name: text(display_name),
        first_name: text(first_name),
        last_name: text(last_name),
        ..Profile::default()
    };
    Contact { profile, ..nobody(number) }
}

async fn found(test: &TestStore, needle: &str) -> Vec<u64> {
    let ids = search(&test.store, ORG, needle).await;
    ids.into_iter().map(|id| u64::from_be_bytes(id.0[8..].try_into().unwrap())).collect()
}

#[tokio::test]
async fn a_name_is_found_by_any_part_of_it_and_not_across_names() {
    let test = TestStore::empty();
    let mut contacts = vec![
        named(1, "Annie", "Änne Marie", "Lee"),
        named(2, "Bob", "Robert", "Lee-Smith"),
        named(3, "", "", ""),
    ];
    contacts[1].profile.middle_names = vec!["James".to_owned(), "Tiberius".to_owned()];
    insert(&test.store, ORG, contacts).await.unwrap();
    insert(&test.store, OrgKey(2), vec![named(1, "Annie", "", "")]).await.unwrap();
    for (needle, expected) in [
        ("anne m", vec![1]),
        ("ANNIE", vec![1]),
        ("lee", vec![1, 2]),
        ("e lee", vec![1]),
        ("robert lee", vec![2]),
        ("james tib", vec![2]),
        ("tiberius lee", vec![2]),
        ("annie anne", vec![]),
        ("annieanne", vec![]),
        ("bobrobert", vec![]),
        ("\u{1}", vec![1, 2, 3]),
        ("e", vec![1, 2]),
        ("ie", vec![1]),
        ("", vec![1, 2, 3]),
    ] {
        assert_eq!(found(&test, needle).await, expected, "{needle:?}");
    }
}

#[tokio::test]
async fn addresses_and_numbers_are_found_by_what_they_begin_with() {
    let test = TestStore::empty();
    let mut contacts = vec![named(1, "Zoe", "", ""), named(2, "ann@work", "", ""), named(3, "Änne", "", "")];
    contacts[0].profile.email = text("Ann.Lee@Example.org");
    contacts[0].profile.additional_emails = vec!["ANNIE@example.org".to_owned()];
    contacts[0].profile.phone = text("+4915112345678");
    contacts[2].profile.email = text("änne@example.org");
    contacts[2].profile.additional_phones = vec!["+4915112340000".to_owned()];
    insert(&test.store, ORG, contacts).await.unwrap();
    for (needle, expected) in [
        // An address before a name, and each contact once.
        ("ann", vec![1, 2, 3]),
        (" ANN.lee@ex ", vec![1]),
        ("lee@example", vec![]),
        ("änne@", vec![3]),
        ("+49 (151) 1234", vec![3, 1]),
        ("0049151", vec![3, 1]),
        ("4915112345678", vec![1]),
        ("112345678", vec![]),
        ("an%", vec![]),
        ("a\0nn", vec![2, 3]),
        ("\0", vec![1, 2, 3]),
    ] {
        assert_eq!(found(&test, needle).await, expected, "{needle:?}");
    }
}

#[tokio::test]
async fn as_many_are_answered_as_were_asked_for_and_no_contact_twice() {
    let test = TestStore::empty();
    let mut contacts: Vec<Contact> = (0..30).map(|number| named(number, "ann", "", "")).collect();
    for contact in &mut contacts[20..] {
        contact.profile.email = Some(format!("ann{}@b", contact.user_id.0[15]));
        contact.profile.additional_emails = vec![format!("ann-{}@b", contact.user_id.0[15])];
    }
    insert(&test.store, ORG, contacts).await.unwrap();
    let reached: Vec<u64> = (20..30).collect();
    let all: Vec<u64> = reached.iter().copied().chain(0..20).collect();
    for limit in [0, 1, 9, 10, 11, 29, 30, 100] {
        let search = move |conn: &denizen_store::Conn<'_>| contacts::search(conn, "ann", limit);
        let ids = test.store.read(ORG, search).await.unwrap();
        let ids: Vec<_> = ids.into_iter().map(|contact| contact.user_id).collect();
        let expected = all.iter().take(usize::try_from(limit).unwrap()).map(|number| contact_id(*number));
        assert_eq!(ids, expected.collect::<Vec<_>>(), "{limit}");
    }
}

#[tokio::test]
async fn those_who_are_left_are_found_when_most_were_cleared() {
    let test = TestStore::empty();
    // So many that the lists of the index take several pages, which empty one after the other.
    let contacts: Vec<Contact> =
        (0..3_000).map(|number| named(number, &format!("Ann {:03}", number % 700), "", "")).collect();
    insert(&test.store, ORG, contacts).await.unwrap();
    let left: Vec<u64> = (0..100).chain(1_490..1_510).chain(2_990..3_000).collect();
    let cleared: Vec<u64> = (0..3_000).filter(|number| !left.contains(number)).collect();
    for part in cleared.chunks(97) {
        let part = part.to_vec();
        let clear = move |tx: &Tx<'_>| {
            part.iter().try_for_each(|number| {
                contacts::clear(tx, contact_id(*number), later(1))?;
                holdings::erase_small(tx, Directory::Contacts, contact_id(*number))
            })
        };
        test.store.write(ORG, clear).await.unwrap();
    }
    for needle in ["a", "an", "ann", "ann 0"] {
        let expected: Vec<u64> = left
            .iter()
            .copied()
            .filter(|number| format!("ann {:03}", number % 700).contains(needle))
            .collect();
        assert_eq!(found(&test, needle).await, expected, "{needle}");
    }
    assert_eq!(test.store.check().await, Ok(vec![]));
}
