//! Many callers at once who want the same: one gets it, the others are told that it is taken, and nothing else happens.

use denizen_directory::contacts::{ContactFilter, ContactInput, ContactPatch, PageFrom, Refusal};
use denizen_domain::ids::Uuid;
use tokio::task::JoinSet;

use super::{Desk, refused, text, texts};

const CALLERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_make_a_contact_with_the_same_number_at_once_one_does() {
    let desk = Desk::new().await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (directory, ctx) = (desk.server.directory().clone(), desk.ctx.clone());
        // In different places and spellings, and each with something of its own.
        let phone = "+49 151 12345678";
        let mut input =
            ContactInput { email: Some(format!("caller{caller}@example.org")), ..ContactInput::default() };
        if caller % 2 == 0 {
            input.phone = text(phone);
        } else {
            input.additional_phones = texts(&["+4915112345678"]);
        }
        callers
            .spawn(async move { directory.create_contacts(&ctx, vec![input]).await.unwrap().pop().unwrap() });
    }
    let outcomes = callers.join_all().await;
    let made: Vec<Uuid> = outcomes.iter().flatten().map(|view| view.contact.id()).collect();
    assert_eq!(made.len(), 1);
    for problem in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(problem, refused(&[Refusal::PhoneNumberExists]));
    }
    let listed = desk.list(ContactFilter::All, PageFrom::Start, 100).await;
    assert_eq!(super::ids(&listed), made);
    let owner = desk.list(ContactFilter::Phone("+4915112345678".to_owned()), PageFrom::Start, 100).await;
    assert_eq!(super::ids(&owner), made);
    assert_eq!(desk.server.directory().check().await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_give_contacts_the_same_address_at_once_one_does() {
    let desk = Desk::new().await;
    let made =
        desk.server.directory().create_contacts(&desk.ctx, vec![ContactInput::default(); CALLERS]).await;
    let made: Vec<Uuid> = made.unwrap().into_iter().map(|outcome| outcome.unwrap().contact.id()).collect();
    let mut callers = JoinSet::new();
    for id in made {
        let (directory, ctx) = (desk.server.directory().clone(), desk.ctx.clone());
        let patch = ContactPatch { email: text("ann@example.org"), ..ContactPatch::default() };
        callers.spawn(async move {
            directory.patch_contacts(&ctx, vec![(id, patch)]).await.unwrap().pop().unwrap()
        });
    }
    let outcomes = callers.join_all().await;
    assert_eq!(outcomes.iter().flatten().count(), 1);
    for problem in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(problem, refused(&[Refusal::EmailExists]));
    }
    assert_eq!(desk.server.directory().check().await, Ok(vec![]));
}
