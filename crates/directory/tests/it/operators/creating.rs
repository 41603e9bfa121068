//! Making operators: what is taken, and what is refused and why.

use denizen_directory::ErrorCode;
use denizen_directory::operators::{AccessInput, EnvironmentInput, NewOperator, OperatorView};
use denizen_domain::operator::Access;
use denizen_domain::operator::OperatorRole::{Editor, Supervisor, Viewer};

use super::{
    ALPHA, BETA, GAMMA, LIVE, NOBODY, TEST, Team, admin, entry, invalid, plain, reached, reaching, refusal,
};

#[tokio::test]
async fn a_new_operator_is_as_was_said() {
    let team = Team::new().await;
    let new = NewOperator {
        name: "  Ann Lee ".to_owned(),
        email: " Ann.Lee@Example.org ".to_owned(),
        company: Some(" Acme ".to_owned()),
        image: Some("data:image/png;base64,AAAA".to_owned()),
        access: reaching(vec![entry(Editor, LIVE, &[GAMMA]), entry(Editor, TEST, &[BETA, ALPHA, BETA])]),
        password: None,
    };
    let made = team.create(new).await.unwrap();
    let operator = &made.operator;
    assert_eq!((operator.name.as_str(), operator.email.as_str()), ("Ann Lee", "Ann.Lee@Example.org"));
    assert_eq!(operator.company.as_deref(), Some("Acme"));
    assert_eq!(operator.image.as_deref(), Some("data:image/png;base64,AAAA"));
    assert_eq!(operator.created_at, team.ctx.now);
    assert_eq!(reached(&made), [("Test", vec!["Alpha", "Beta"]), ("Live", vec!["Gamma"])]);
    assert!(made.is_deletable);
    assert_eq!(team.get(operator.id()).await, Ok(made));
    team.server.assert_consistent().await;
}

#[tokio::test]
async fn an_administrator_is_stored_without_environments_whatever_was_sent() {
    let team = Team::new().await;
    let environments = vec![entry(Editor, NOBODY, &[]), entry(Viewer, TEST, &[GAMMA])];
    let access = AccessInput { is_admin: true, environments };
    let made = team.create(NewOperator { access, ..admin("ann@example.org") }).await.unwrap();
    assert_eq!(made.operator.access, Access::Administrator);
    assert_eq!(made.places, []);
    assert_eq!(team.get(made.operator.id()).await, Ok(made));
}

#[tokio::test]
async fn entries_of_one_environment_are_merged() {
    let team = Team::new().await;
    let entries = vec![entry(Viewer, TEST, &[]), entry(Viewer, LIVE, &[GAMMA]), entry(Viewer, TEST, &[BETA])];
    let made =
        team.create(NewOperator { access: reaching(entries), ..admin("ann@example.org") }).await.unwrap();
    assert_eq!(reached(&made), [("Test", vec!["Beta"]), ("Live", vec!["Gamma"])]);
}

#[tokio::test]
async fn bots_are_needed_but_by_a_supervisor() {
    let team = Team::new().await;
    let create = async |role, bots: &[_], email: &str| {
        team.create(NewOperator { access: reaching(vec![entry(role, TEST, bots)]), ..admin(email) }).await
    };
    let all = create(Supervisor, &[], "sue@example.org").await.unwrap();
    assert_eq!(reached(&all), [("Test", vec![])]);
    let named = create(Supervisor, &[ALPHA], "sam@example.org").await.unwrap();
    assert_eq!(reached(&named), [("Test", vec!["Alpha"])]);
    for role in [Editor, Viewer] {
        assert_eq!(refusal(create(role, &[], "eve@example.org").await), invalid("environments"));
    }
}

#[tokio::test]
async fn what_cannot_be_reached_cannot_be_given() {
    let team = Team::new().await;
    let other = Team::at(team.server.clone(), "globex").await;
    let (theirs, their_bot) = (denizen_domain::ids::Uuid([3; 16]), denizen_domain::ids::Uuid([0xd; 16]));
    other.set_environment(theirs, "Theirs", true).await;
    other.set_bot(their_bot, theirs, "Delta", true).await;
    team.set_bot(BETA, TEST, "Beta", false).await;
    let no_id = EnvironmentInput { environment: None, ..entry(Supervisor, TEST, &[]) };
    let no_bot_id = EnvironmentInput { bots: vec![None], ..entry(Supervisor, TEST, &[]) };
    for entries in [
        vec![],
        vec![entry(Editor, TEST, &[ALPHA]), entry(Viewer, LIVE, &[GAMMA])],
        vec![entry(Supervisor, NOBODY, &[])],
        vec![entry(Supervisor, theirs, &[])],
        vec![no_id],
        vec![entry(Editor, TEST, &[ALPHA, NOBODY])],
        vec![entry(Editor, TEST, &[ALPHA, their_bot])],
        vec![entry(Editor, TEST, &[ALPHA, BETA])],
        vec![entry(Supervisor, TEST, &[GAMMA])],
        vec![no_bot_id],
    ] {
        let new = NewOperator { access: reaching(entries.clone()), ..admin("ann@example.org") };
        assert_eq!(refusal(team.create(new).await), invalid("environments"), "{entries:?}");
    }
    team.set_environment(LIVE, "Live", false).await;
    let into_inactive =
        NewOperator { access: reaching(vec![entry(Editor, LIVE, &[GAMMA])]), ..admin("ann@example.org") };
    assert_eq!(refusal(team.create(into_inactive.clone()).await), invalid("environments"));
    team.set_environment(LIVE, "Live", true).await;
    assert_eq!(reached(&team.create(into_inactive).await.unwrap()), [("Live", vec!["Gamma"])]);
}

#[tokio::test]
async fn each_field_has_its_bounds() {
    let team = Team::new().await;
    let long = "x".repeat(256);
    let named = |name: &str| NewOperator { name: name.to_owned(), ..admin("ann@example.org") };
    let company = |text: &str| NewOperator { company: Some(text.to_owned()), ..admin("ann@example.org") };
    let image = |text: String| NewOperator { image: Some(text), ..admin("ann@example.org") };
    let password = |text: &str| NewOperator { password: Some(text.to_owned()), ..admin("ann@example.org") };
    for (new, field) in [
        (named(""), "name"),
        (named(" \t"), "name"),
        (named(&long), "name"),
        (named("a\0b"), "name"),
        (admin(""), "email"),
        (admin("ann"), "email"),
        (admin("ann@localhost"), "email"),
        (admin(&format!("ann@{}.org", "x".repeat(255))), "email"),
        (company(&long), "company"),
        (company("a\0b"), "company"),
        (image("x".repeat((256 << 10) + 1)), "image"),
        (image("a\0b".to_owned()), "image"),
        (password(""), "password"),
        (password("Abcd1"), "password"),
        (password("abcdef1"), "password"),
        (password("ABCDEF1"), "password"),
        (password("Abcdef"), "password"),
    ] {
        assert_eq!(refusal(team.create(new.clone()).await), invalid(field), "{new:?}");
    }
    let widest = NewOperator {
        name: "é".repeat(255),
        company: Some("ü".repeat(255)),
        image: Some("x".repeat(256 << 10)),
        password: Some("Abcde!".to_owned()),
        ..admin("ann@example.org")
    };
    let made = team.create(widest.clone()).await.unwrap().operator;
    assert_eq!((made.name, made.company, made.image), (widest.name, widest.company, widest.image));
    let blank = NewOperator { company: Some("  ".to_owned()), ..admin("bob@example.org") };
    assert_eq!(team.create(blank).await.unwrap().operator.company, None);
}

#[tokio::test]
async fn an_address_belongs_to_one_operator_of_an_organization_in_any_letter_case() {
    let team = Team::new().await;
    team.create(admin("ann@example.org")).await.unwrap();
    for email in ["ann@example.org", "ANN@Example.ORG"] {
        assert_eq!(refusal(team.create(admin(email)).await), plain(ErrorCode::EmailTaken));
        let with_password = NewOperator { password: Some(super::PASSWORD.to_owned()), ..admin(email) };
        assert_eq!(refusal(team.create(with_password).await), plain(ErrorCode::EmailTaken));
    }
    // Neither are members and contacts operators, nor is another organization this one.
    team.create(admin("admin@acme.example")).await.unwrap();
    let other = Team::at(team.server.clone(), "globex").await;
    let OperatorView { operator, .. } = other.create(admin("ann@example.org")).await.unwrap();
    assert_eq!(refusal(team.get(operator.id()).await), plain(ErrorCode::UserNotFound));
    team.server.assert_consistent().await;
}

#[tokio::test]
async fn who_is_refused_costs_no_hash() {
    let team = Team::new().await;
    team.create(admin("ann@example.org")).await.unwrap();
    let hashes = || team.server.directory().passwords().hashes_made();
    let before = hashes();
    let with_password = |new: NewOperator| NewOperator { password: Some(super::PASSWORD.to_owned()), ..new };
    for new in [
        admin("ann@example.org"),
        admin("nobody"),
        NewOperator { access: reaching(vec![entry(Editor, NOBODY, &[])]), ..admin("bob@example.org") },
    ] {
        team.create(with_password(new)).await.unwrap_err();
    }
    assert_eq!(hashes(), before);
    team.create(with_password(admin("bob@example.org"))).await.unwrap();
    assert_eq!(hashes(), before + 1);
}
