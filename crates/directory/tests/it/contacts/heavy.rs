//! Calls about contacts of whom there is much: they are cut into transactions, which nobody notices but those who would
//! have had to wait.

use denizen_directory::ErrorCode;
use denizen_directory::contacts::{
    ContactFilter, ContactInput, ContactOutcome, ContactPatch, ContactProblem, PageFrom, Profile,
};
use denizen_domain::ids::Uuid;
use denizen_store::Sql;

use super::{Desk, ids};

/// With a hundred addresses and numbers, of which the one before has some where `overlaps`.
fn heavy(number: usize, overlaps: bool) -> ContactInput {
    let first = number * 100 - if overlaps { 3 } else { 0 };
    ContactInput {
        display_name: Some(format!("Ann {number}")),
        additional_emails: (first..first + 100).map(|at| format!("a{at}@example.org")).collect(),
        additional_phones: (first..first + 100).map(|at| format!("+49151{at:07}")).collect(),
        ..ContactInput::default()
    }
}

fn as_patch(input: ContactInput) -> ContactPatch {
    ContactPatch {
        display_name: input.display_name,
        additional_emails: Some(input.additional_emails),
        additional_phones: Some(input.additional_phones),
        ..ContactPatch::default()
    }
}

/// What became of each, but for the ids, which are others in each organization.
fn plainly(outcomes: Vec<ContactOutcome>) -> Vec<Result<Profile, ContactProblem>> {
    outcomes.into_iter().map(|outcome| outcome.map(|view| view.contact.profile)).collect()
}

fn made(outcomes: &[ContactOutcome]) -> Vec<Uuid> {
    outcomes.iter().flatten().map(|view| view.contact.id()).collect()
}

#[tokio::test]
async fn what_becomes_of_heavy_contacts_is_what_becomes_of_them_one_by_one() {
    let desk = Desk::new().await;
    let directory = desk.server.directory();
    let other = desk.server.org("other").await;
    let ctx = other.access_token(denizen_directory::organizations::ADMINISTRATOR_ROLE).await.context().await;
    let inputs: Vec<ContactInput> = (1..=60).map(|number| heavy(number, number % 7 == 3)).collect();
    let together = directory.create_contacts(&desk.ctx, inputs.clone()).await.unwrap();
    let mut alone = Vec::new();
    for input in inputs {
        alone.extend(directory.create_contacts(&ctx, vec![input]).await.unwrap());
    }
    let (here, there) = (made(&together), made(&alone));
    assert_eq!(here.len(), 60 - 9, "those that overlap are refused");
    assert_eq!(plainly(together), plainly(alone));
    assert_eq!(ids(&desk.list(ContactFilter::All, PageFrom::Start, 100).await), here, "in their order");

    // Each takes what the one before has given up, and some come twice; the last ones want what another has.
    let changes: Vec<(usize, ContactInput)> = (0..here.len())
        .rev()
        .map(|at| (at, heavy(at + 101, at % 5 == 1)))
        .chain((0..here.len()).map(|at| (at, heavy(at + 1, at % 5 == 2))))
        .collect();
    let of = |ids: &[Uuid]| -> Vec<(Uuid, ContactInput)> {
        changes.iter().map(|(at, input)| (ids[*at], input.clone())).collect()
    };
    let patches = |ids: &[Uuid]| -> Vec<(Uuid, ContactPatch)> {
        of(ids).into_iter().map(|(id, input)| (id, as_patch(input))).collect()
    };
    let together = directory.patch_contacts(&desk.ctx, patches(&here)).await.unwrap();
    let mut alone = Vec::new();
    for item in patches(&there) {
        alone.extend(directory.patch_contacts(&ctx, vec![item]).await.unwrap());
    }
    assert!(together.iter().any(Result::is_err) && together.iter().filter(|one| one.is_ok()).count() > 60);
    assert_eq!(plainly(together), plainly(alone));
    let together = directory.replace_contacts(&desk.ctx, of(&here)).await.unwrap();
    let mut alone = Vec::new();
    for item in of(&there) {
        alone.extend(directory.replace_contacts(&ctx, vec![item]).await.unwrap());
    }
    assert_eq!(plainly(together), plainly(alone));
    assert_eq!(directory.check().await, Ok(vec![]));
}

/// What is nobody's fault: the database fails at contacts of the name `poison`.
static FAILING: Sql = Sql::split(
    "test.failing",
    "CREATE TRIGGER failing BEFORE INSERT ON contact WHEN NEW.display_name = 'poison' BEGIN SELECT json('x'); END",
    "ALTER TABLE contact ADD CONSTRAINT failing
     CHECK (CASE WHEN display_name = 'poison' THEN 1 / (length(display_name) - 6) > 0 ELSE TRUE END)",
);

async fn failing() -> Desk {
    let desk = Desk::new().await;
    let key = desk.org.key_in_store().await;
    desk.server.store().write(key, |tx| tx.execute(&FAILING, &[])).await.unwrap();
    desk
}

fn poison() -> ContactInput {
    ContactInput { display_name: Some("poison".to_owned()), ..ContactInput::default() }
}

#[tokio::test]
async fn what_was_made_before_the_database_failed_is_told_and_what_was_to_follow_is_not_made() {
    let desk = failing().await;
    let directory = desk.server.directory();
    let mut inputs: Vec<ContactInput> = (1..=60).map(|number| heavy(number, false)).collect();
    inputs[50] = poison();
    let outcomes = directory.create_contacts(&desk.ctx, inputs.clone()).await.unwrap();
    assert_eq!(outcomes.len(), 60);
    let here = made(&outcomes);
    assert!((10..50).contains(&here.len()), "{} were made", here.len());
    let (kept, failed) = outcomes.split_at(here.len());
    assert!(kept.iter().all(Result::is_ok));
    for outcome in failed {
        let Err(ContactProblem::Failed(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.code, ErrorCode::Unavailable);
    }
    assert_eq!(ids(&desk.list(ContactFilter::All, PageFrom::Start, 100).await), here);
    // Where nothing was made, it is an error.
    inputs[0] = poison();
    let error = directory.create_contacts(&desk.ctx, inputs).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal);
    assert_eq!(ids(&desk.list(ContactFilter::All, PageFrom::Start, 100).await), here);
}

#[tokio::test]
async fn a_thousand_ordinary_contacts_are_made_and_changed_together_or_not_at_all() {
    let desk = failing().await;
    let directory = desk.server.directory();
    let ordinary = |number: usize| ContactInput {
        display_name: Some(format!("Adelaide Montgomery {number}")),
        first_name: Some("Adelaide".to_owned()),
        last_name: Some("Montgomery".to_owned()),
        email: Some(format!("adelaide.montgomery.{number}@company.example.org")),
        phone: Some(format!("+49151{number:07}")),
        additional_phones: vec![format!("+49152{number:07}")],
        external_id: Some(format!("6f1c2a50-0d3e-4c8e-9d0a-5f2b7c1e{number:04}")),
        avatar_url: Some(format!("https://pictures.example.org/of/contacts/of/acme/{number}/small.png")),
        ..ContactInput::default()
    };
    let mut inputs: Vec<ContactInput> = (0..1_000).map(ordinary).collect();
    inputs[999] = poison();
    let error = directory.create_contacts(&desk.ctx, inputs.clone()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal);
    assert!(ids(&desk.list(ContactFilter::All, PageFrom::Start, 1).await).is_empty(), "nothing was made");
    inputs[999] = ordinary(999);
    let here = made(&directory.create_contacts(&desk.ctx, inputs).await.unwrap());
    assert_eq!(here.len(), 1_000);
}
