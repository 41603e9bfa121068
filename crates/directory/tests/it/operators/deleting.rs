//! Deleting operators: nothing is left, and whoever signed in is refused.

use denizen_directory::ErrorCode;
use denizen_directory::erased::Erased;
use denizen_directory::operators::{NewOperator, Welcome};
use denizen_domain::operator::MailLanguage;
use denizen_domain::operator::OperatorRole::Editor;

use super::{ALPHA, GAMMA, LIVE, NOBODY, PASSWORD, TEST, Team, admin, entry, plain, reaching, refusal};

#[tokio::test]
async fn of_a_deleted_operator_nothing_is_left_and_the_address_is_free() {
    let team = Team::new().await;
    let directory = team.server.directory();
    let access = reaching(vec![entry(Editor, TEST, &[ALPHA]), entry(Editor, LIVE, &[GAMMA])]);
    let new = NewOperator { access, company: Some("Acme".to_owned()), ..admin("ann@example.org") };
    let welcome = Welcome::Mail(MailLanguage::Spanish);
    let id = directory.create_operator(&team.ctx, new, welcome).await.unwrap().operator.id();
    // A link in one mail, and another mail that is still to be sent.
    assert_eq!(team.server.run_jobs().await.len(), 1);
    let key = team.org.key_in_store().await;
    let user = denizen_domain::ids::UserId::from_uuid(id);
    let now = directory.now();
    let put = move |tx: &denizen_store::Tx<'_>| {
        denizen_store::operator_configuration::put(tx, user, "theme", Some(ALPHA), "dark", now)
    };
    team.server.store().write(key, put).await.unwrap();
    let whose = directory.whose_erasure("acme", Erased::parse(&id.to_string()).unwrap()).await.unwrap();
    assert_eq!(whose, Erased::Operator(id));
    let report = async || directory.erasure_report("acme", whose).await.unwrap();
    let before = report().await;
    for table in
        ["operator", "operator_environment", "operator_bot", "operator_configuration", "operator_link"]
    {
        let rows = before.rows.iter().find(|of| of.table == table).map(|of| of.rows);
        assert!(rows > Some(0), "{table}: {rows:?}");
    }
    assert!(before.exists && before.erased_at.is_none() && !before.is_done(), "{before:?}");

    assert_eq!(directory.delete_operator(&team.ctx, id).await, Ok(()));
    let after = report().await;
    assert!(!after.exists && after.rows_left() == 0 && after.erased_at == Some(now), "{after:?}");
    assert_eq!((after.jobs.scrub_store, after.is_done()), (1, false));
    team.server.run_jobs().await;
    assert!(report().await.is_done(), "{:?}", report().await);
    assert_eq!(directory.whose_erasure("acme", Erased::Contact(id)).await, Ok(Erased::Operator(id)));
    assert_eq!(directory.list_jobs("acme", 10).await, Ok(vec![]));

    assert_eq!(refusal(team.get(id).await), plain(ErrorCode::UserNotFound));
    assert_eq!(
        refusal(directory.delete_operator(&team.ctx, id).await),
        plain(ErrorCode::UserNotFound),
        "it is gone already"
    );
    let again = team.create(admin("ann@example.org")).await.unwrap();
    assert_ne!(again.operator.id(), id);
    team.server.assert_consistent().await;
}

#[tokio::test]
async fn a_mail_that_waits_or_is_under_way_goes_with_the_operator_it_is_for() {
    let team = Team::new().await;
    let directory = team.server.directory();
    let create = async |email: &str| {
        let welcome = Welcome::Mail(MailLanguage::English);
        directory.create_operator(&team.ctx, admin(email), welcome).await.unwrap().operator.id()
    };
    let under_way = create("ann@example.org").await;
    let job = team.server.lease_jobs().await.remove(0);
    assert_eq!(job.kind(), "mail.operator");
    let waiting = create("bob@example.org").await;
    for id in [under_way, waiting] {
        directory.delete_operator(&team.ctx, id).await.unwrap();
    }
    let kinds: Vec<String> =
        directory.list_jobs("acme", 10).await.unwrap().into_iter().map(|job| job.kind).collect();
    assert!(kinds.iter().all(|kind| kind == "store.scrub"), "{kinds:?}");
    assert_eq!(directory.renew_job(&job).await, Ok(false), "its worker must not send it");
    assert_eq!(team.server.run_jobs().await, []);
}

#[tokio::test]
async fn who_signed_in_as_a_deleted_operator_is_refused_at_once() {
    let team = Team::new().await;
    let id = team.operator("ann@example.org", admin("").access).await;
    let token = team.token("ann@example.org", PASSWORD).await.unwrap();
    team.context_of(&token).await.unwrap();
    team.server.directory().delete_operator(&team.ctx, id).await.unwrap();
    assert_eq!(team.context_of(&token).await.err().unwrap().code, ErrorCode::InvalidCredentials);
    assert_eq!(refusal(team.token("ann@example.org", PASSWORD).await).0, ErrorCode::InvalidCredentials);
}

#[tokio::test]
async fn nobody_deletes_the_own_account_and_others_say_that_it_can_be_deleted() {
    let team = Team::new().await;
    let directory = team.server.directory();
    let id = team.operator("ann@example.org", admin("").access).await;
    let ann = team.sign_in("ann@example.org").await;
    assert_eq!(refusal(directory.delete_operator(&ann, id).await), plain(ErrorCode::Forbidden));
    assert!(!directory.get_operator(&ann, id).await.unwrap().is_deletable);
    assert!(!directory.get_own_operator(&ann).await.unwrap().is_deletable);
    let other = team.operator("bob@example.org", admin("").access).await;
    assert!(directory.get_operator(&ann, other).await.unwrap().is_deletable);
    let bob = team.sign_in("bob@example.org").await;
    assert_eq!(directory.delete_operator(&bob, id).await, Ok(()));
}

#[tokio::test]
async fn another_organizations_operator_is_as_unknown_as_nobody() {
    let team = Team::new().await;
    let other = Team::at(team.server.clone(), "globex").await;
    let theirs = other.create(admin("ann@example.org")).await.unwrap().operator.id();
    for id in [theirs, NOBODY] {
        let deleted = team.server.directory().delete_operator(&team.ctx, id).await;
        assert_eq!(refusal(deleted), plain(ErrorCode::UserNotFound));
    }
    other.get(theirs).await.unwrap();
}
