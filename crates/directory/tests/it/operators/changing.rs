//! Changing operators: what is kept, cleared and replaced.

use denizen_directory::ErrorCode;
use denizen_directory::operators::{EnvironmentInput, NewOperator, OperatorChange, OperatorView};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::Access;
use denizen_domain::operator::OperatorRole::{Editor, Supervisor, Viewer};
use denizen_domain::patch::Patch;

use super::{
    ALPHA, BETA, GAMMA, LIVE, NOBODY, PASSWORD, TEST, Team, admin, entry, invalid, keep, plain, reached,
    reaching, refusal,
};

/// Ann, an editor of Alpha and Gamma, with everything that an operator can have.
async fn ann(team: &Team) -> OperatorView {
    let new = NewOperator {
        company: Some("Acme".to_owned()),
        image: Some("https://example.org/ann.png".to_owned()),
        access: reaching(vec![entry(Editor, TEST, &[ALPHA]), entry(Editor, LIVE, &[GAMMA])]),
        ..admin("ann@example.org")
    };
    team.create(new).await.unwrap()
}

fn given(environments: Vec<EnvironmentInput>) -> OperatorChange {
    OperatorChange { environments: Some(environments), ..keep("Ann Lee", "ann@example.org") }
}

fn flagged(is_admin: bool, environments: Option<Vec<EnvironmentInput>>) -> OperatorChange {
    OperatorChange { is_admin: Some(is_admin), environments, ..keep("Ann Lee", "ann@example.org") }
}

#[tokio::test]
async fn what_is_not_said_stays_and_what_is_null_goes() {
    let team = Team::new().await;
    let before = ann(&team).await;
    let id = before.operator.id();
    team.server.advance_seconds(60);
    let renamed = team.update(id, keep(" Ann Smith ", "Ann.Smith@example.org")).await.unwrap();
    let mut expected = before.clone();
    expected.operator.name = "Ann Smith".to_owned();
    expected.operator.email = "Ann.Smith@example.org".to_owned();
    assert_eq!(renamed, expected);
    assert_eq!(team.get(id).await, Ok(expected));

    let set = |company, image| OperatorChange { company, image, ..keep("Ann Lee", "ann@example.org") };
    let text = |text: &str| Patch::Set(text.to_owned());
    for (change, company, image) in [
        (set(Patch::Clear, Patch::Keep), None, Some("https://example.org/ann.png")),
        (set(text("Globex"), Patch::Clear), Some("Globex"), None),
        (set(text(" "), text("data:,x")), None, Some("data:,x")),
    ] {
        let after = team.update(id, change).await.unwrap().operator;
        assert_eq!((after.company.as_deref(), after.image.as_deref()), (company, image));
        assert_eq!(team.get(id).await.unwrap().operator, after);
    }
    team.server.assert_consistent().await;
}

#[tokio::test]
async fn environments_that_are_given_replace_all() {
    let team = Team::new().await;
    let id = ann(&team).await.operator.id();
    let after = team.update(id, given(vec![entry(Viewer, TEST, &[BETA])])).await.unwrap();
    assert_eq!(reached(&after), [("Test", vec!["Beta"])]);
    let Access::Environments { role, .. } = &after.operator.access else { panic!("{after:?}") };
    assert_eq!(*role, Viewer);
    assert_eq!(team.get(id).await, Ok(after));
    for entries in [
        vec![],
        vec![entry(Editor, TEST, &[])],
        vec![entry(Editor, NOBODY, &[ALPHA])],
        vec![entry(Editor, TEST, &[GAMMA])],
        vec![entry(Editor, TEST, &[ALPHA]), entry(Supervisor, LIVE, &[])],
    ] {
        assert_eq!(refusal(team.update(id, given(entries)).await), invalid("environments"));
    }
    assert_eq!(reached(&team.get(id).await.unwrap()), [("Test", vec!["Beta"])]);
}

#[tokio::test]
async fn who_becomes_an_administrator_loses_environments_and_who_ceases_to_be_one_needs_some() {
    let team = Team::new().await;
    let id = ann(&team).await.operator.id();
    let entries = || Some(vec![entry(Supervisor, LIVE, &[])]);
    // Ignored while the operator is or becomes an administrator, even where they make no sense.
    let nonsense = || Some(vec![entry(Editor, NOBODY, &[])]);
    let raised = team.update(id, flagged(true, nonsense())).await.unwrap();
    assert_eq!((raised.operator.access, raised.places), (Access::Administrator, vec![]));
    let same = team.update(id, given(nonsense().unwrap())).await.unwrap();
    assert_eq!(same.operator.access, Access::Administrator);
    for environments in [None, Some(vec![]), nonsense()] {
        assert_eq!(refusal(team.update(id, flagged(false, environments)).await), invalid("environments"));
    }
    assert_eq!(team.get(id).await.unwrap().operator.access, Access::Administrator);
    let lowered = team.update(id, flagged(false, entries())).await.unwrap();
    assert_eq!(reached(&lowered), [("Live", vec![])]);
    // Who is none already and stays none keeps what there is.
    let kept = team.update(id, flagged(false, None)).await.unwrap();
    assert_eq!(reached(&kept), [("Live", vec![])]);
    team.server.assert_consistent().await;
}

#[tokio::test]
async fn what_is_deactivated_is_not_seen_and_comes_back_with_all_who_reached_it() {
    let team = Team::new().await;
    let before = ann(&team).await;
    let id = before.operator.id();
    team.set_bot(ALPHA, TEST, "Alpha", false).await;
    assert_eq!(reached(&team.get(id).await.unwrap()), [("Test", vec![]), ("Live", vec!["Gamma"])]);
    team.set_environment(LIVE, "Live", false).await;
    assert_eq!(reached(&team.get(id).await.unwrap()), [("Test", vec![])]);
    // A change of something else does not take away what is inactive, nor ask for it again.
    team.update(id, keep("Ann Lee", "ann@example.org")).await.unwrap();
    team.set_bot(ALPHA, TEST, "Alpha", true).await;
    team.set_environment(LIVE, "Live", true).await;
    assert_eq!(team.get(id).await, Ok(before));
}

#[tokio::test]
async fn the_address_may_change_its_letter_case_and_may_not_be_another_operators() {
    let team = Team::new().await;
    let id = ann(&team).await.operator.id();
    team.create(admin("bob@example.org")).await.unwrap();
    let recased = team.update(id, keep("Ann Lee", "ANN@example.org")).await.unwrap();
    assert_eq!(recased.operator.email, "ANN@example.org");
    let taken = || keep("Ann Lee", "Bob@Example.org");
    assert_eq!(refusal(team.update(id, taken()).await), plain(ErrorCode::EmailTaken));
    let with_password = OperatorChange { password: Some(PASSWORD.to_owned()), ..taken() };
    assert_eq!(refusal(team.update(id, with_password).await), plain(ErrorCode::EmailTaken));
    team.update(id, keep("Ann Lee", "ann.lee@example.org")).await.unwrap();
    team.create(admin("ann@example.org")).await.unwrap();
}

#[tokio::test]
async fn what_a_new_operator_may_not_have_a_changed_one_may_not_either() {
    let team = Team::new().await;
    let before = ann(&team).await;
    let id = before.operator.id();
    let base = || keep("Ann Lee", "ann@example.org");
    let long = || Patch::Set("x".repeat(256));
    for (change, field) in [
        (keep(" ", "ann@example.org"), "name"),
        (keep("Ann Lee", "ann"), "email"),
        (OperatorChange { company: long(), ..base() }, "company"),
        (OperatorChange { image: Patch::Set("x".repeat((256 << 10) + 1)), ..base() }, "image"),
        (OperatorChange { password: Some("short".to_owned()), ..base() }, "password"),
    ] {
        assert_eq!(refusal(team.update(id, change).await), invalid(field));
    }
    assert_eq!(team.get(id).await, Ok(before));
    assert_eq!(refusal(team.update(NOBODY, base()).await), plain(ErrorCode::UserNotFound));
    let elsewhere = Team::at(team.server.clone(), "globex").await;
    let theirs = elsewhere.create(admin("ann@example.org")).await.unwrap().operator.id();
    assert_eq!(refusal(team.update(theirs, base()).await), plain(ErrorCode::UserNotFound));
    assert_eq!(elsewhere.get(theirs).await.unwrap().operator.name, "Ann Lee");
}

#[tokio::test]
async fn a_changed_password_ends_what_was_signed_with_the_old_one() {
    let team = Team::new().await;
    let id: Uuid = team.operator("ann@example.org", admin("").access).await;
    let token = team.token("ann@example.org", PASSWORD).await.unwrap();
    team.context_of(&token).await.unwrap();
    team.update(id, keep("Ann Smith", "ann@example.org")).await.unwrap();
    team.context_of(&token).await.unwrap();
    let other = "0ther-Password";
    let change = OperatorChange { password: Some(other.to_owned()), ..keep("Ann Lee", "ann@example.org") };
    team.update(id, change).await.unwrap();
    assert_eq!(team.context_of(&token).await.err().unwrap().code, ErrorCode::InvalidCredentials);
    assert_eq!(refusal(team.token("ann@example.org", PASSWORD).await).0, ErrorCode::InvalidCredentials);
    let token = team.token("ann@example.org", other).await.unwrap();
    team.context_of(&token).await.unwrap();
}
