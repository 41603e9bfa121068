//! What is written to a new operator, and the link in it.

use denizen_directory::operators::{NewOperator, OperatorChange, Welcome};
use denizen_directory::{DirectorySettings, ErrorCode};
use denizen_domain::mail::{Mail, MailContent};
use denizen_domain::operator::{MailLanguage, PasswordPolicy};
use denizen_testkit::TestSettings;

use super::{PASSWORD, Team, admin, invalid, keep, plain, refusal};

/// The secret of the link in a mail.
pub(super) fn secret_of(mail: &Mail) -> String {
    let MailContent::OperatorCreated { link: Some(link), .. } = &mail.content else { panic!("{mail:?}") };
    link.strip_prefix("http://127.0.0.1:8080/operators/acme/password/").unwrap().to_owned()
}

async fn invite(team: &Team, new: NewOperator, language: MailLanguage) -> Vec<Mail> {
    team.server.directory().create_operator(&team.ctx, new, Welcome::Mail(language)).await.unwrap();
    team.server.run_jobs().await
}

async fn use_link(team: &Team, secret: &str, password: &str) -> denizen_directory::Result<()> {
    team.server.directory().use_operator_link("acme", secret, password.to_owned(), password).await
}

#[tokio::test]
async fn a_new_operator_is_written_to_in_the_language_that_was_asked_for() {
    let team = Team::new().await;
    for language in MailLanguage::ALL {
        let email = format!("{}@example.org", language.as_str());
        let mails = invite(&team, admin(&email), language).await;
        let [mail] = mails.as_slice() else { panic!("{mails:?}") };
        assert_eq!((mail.to.as_str(), mail.recipient_name.as_str()), (email.as_str(), "Ann Lee"));
        assert_eq!(mail.language.as_deref(), Some(language.as_str()));
        assert_eq!(mail.organization_name, "The acme company");
        assert!(matches!(mail.content, MailContent::OperatorCreated { link: Some(_), link_days: 3 }));
        let link = team.server.directory().open_operator_link("acme", &secret_of(mail)).await.unwrap();
        assert_eq!((link.language, link.organization_name.as_str()), (language, "The acme company"));
    }
}

#[tokio::test]
async fn who_was_given_a_password_is_sent_no_link_and_who_is_made_in_silence_no_mail() {
    let team = Team::new().await;
    let new = NewOperator { password: Some(PASSWORD.to_owned()), ..admin("ann@example.org") };
    let mails = invite(&team, new, MailLanguage::English).await;
    assert!(matches!(&*mails, [Mail { content: MailContent::OperatorCreated { link: None, .. }, .. }]));
    let silent =
        team.server.directory().create_operator(&team.ctx, admin("bob@example.org"), Welcome::Silent);
    silent.await.unwrap();
    assert_eq!(team.server.run_jobs().await, []);
}

#[tokio::test]
async fn a_link_sets_the_password_once() {
    let team = Team::new().await;
    let mails = invite(&team, admin("ann@example.org"), MailLanguage::English).await;
    let secret = secret_of(&mails[0]);
    assert_eq!(refusal(team.token("ann@example.org", PASSWORD).await).0, ErrorCode::InvalidCredentials);
    let directory = team.server.directory();
    // What is refused leaves the link as it is.
    assert_eq!(refusal(use_link(&team, &secret, "short").await), invalid("password"));
    let unlike = directory.use_operator_link("acme", &secret, PASSWORD.to_owned(), "Passw0rt").await;
    assert_eq!(refusal(unlike), invalid("passwordConfirmation"));
    directory.open_operator_link("acme", &secret).await.unwrap();
    assert_eq!(use_link(&team, &secret, PASSWORD).await, Ok(()));
    team.context_of(&team.token("ann@example.org", PASSWORD).await.unwrap()).await.unwrap();
    assert_eq!(refusal(use_link(&team, &secret, "An0ther").await), plain(ErrorCode::LinkNotFound));
    assert_eq!(refusal(directory.open_operator_link("acme", &secret).await), plain(ErrorCode::LinkNotFound));
}

#[tokio::test]
async fn using_one_link_makes_the_others_useless() {
    let team = Team::new().await;
    let directory = team.server.directory();
    let welcome = Welcome::Mail(MailLanguage::English);
    directory.create_operator(&team.ctx, admin("ann@example.org"), welcome).await.unwrap();
    // A worker that sends the mail and cannot report it sends another one later, with another link.
    let job = team.server.lease_jobs().await.remove(0);
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let task = directory.prepare_job(&job).await.unwrap();
        let denizen_directory::jobs::Task::Send(mail) = task else { panic!("{task:?}") };
        secrets.push(secret_of(&mail));
    }
    assert_eq!(use_link(&team, &secrets[1], PASSWORD).await, Ok(()));
    assert_eq!(refusal(use_link(&team, &secrets[0], PASSWORD).await), plain(ErrorCode::LinkNotFound));
    // The account is in use, so no further mail opens it.
    let task = directory.prepare_job(&job).await.unwrap();
    let denizen_directory::jobs::Task::Send(mail) = task else { panic!("{task:?}") };
    assert!(matches!(mail.content, MailContent::OperatorCreated { link: None, .. }));
}

#[tokio::test]
async fn a_link_ends_with_its_days_with_another_password_and_with_its_operator() {
    let directory = DirectorySettings { operator_link_days: 2, ..DirectorySettings::default() };
    let team = Team::with(TestSettings { directory, ..TestSettings::default() }).await;
    let mut secrets = Vec::new();
    let mut ids = Vec::new();
    for name in ["ann", "bob", "cleo"] {
        let email = format!("{name}@example.org");
        let new = team
            .server
            .directory()
            .create_operator(&team.ctx, admin(&email), Welcome::Mail(MailLanguage::English))
            .await;
        ids.push(new.unwrap().operator.id());
        secrets.push(secret_of(&team.server.run_jobs().await[0]));
    }
    let opens = async |secret: &str| {
        team.server.directory().open_operator_link("acme", secret).await.map(drop).map_err(|error| error.code)
    };
    let change = OperatorChange { password: Some(PASSWORD.to_owned()), ..keep("Ann Lee", "ann@example.org") };
    team.update(ids[0], change).await.unwrap();
    team.server.directory().delete_operator(&team.ctx, ids[1]).await.unwrap();
    assert_eq!(opens(&secrets[0]).await, Err(ErrorCode::LinkNotFound));
    assert_eq!(opens(&secrets[1]).await, Err(ErrorCode::LinkNotFound));
    team.server.advance_seconds(2 * 86_400 - 1);
    assert_eq!(opens(&secrets[2]).await, Ok(()));
    team.server.advance_seconds(1);
    assert_eq!(opens(&secrets[2]).await, Err(ErrorCode::LinkNotFound));
    assert_eq!(refusal(use_link(&team, &secrets[2], PASSWORD).await), plain(ErrorCode::LinkNotFound));
}

#[tokio::test]
async fn a_link_in_the_mail_of_another_address_opens_nothing_and_the_new_address_is_sent_one() {
    let team = Team::new().await;
    let directory = team.server.directory();
    let welcome = Welcome::Mail(MailLanguage::Japanese);
    let made = directory.create_operator(&team.ctx, admin("amn@example.org"), welcome).await.unwrap();
    let wrong = secret_of(&team.server.run_jobs().await[0]);
    // Another spelling of the same address is no other address.
    team.update(made.operator.id(), keep("Ann Lee", "AMN@example.org")).await.unwrap();
    assert_eq!(team.server.run_jobs().await, []);
    directory.open_operator_link("acme", &wrong).await.unwrap();
    team.update(made.operator.id(), keep("Ann Lee", "ann@example.org")).await.unwrap();
    assert_eq!(refusal(use_link(&team, &wrong, PASSWORD).await), plain(ErrorCode::LinkNotFound));
    let mails = team.server.run_jobs().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!((mail.to.as_str(), mail.language.as_deref()), ("ann@example.org", Some("ja")));
    assert_eq!(use_link(&team, &secret_of(mail), PASSWORD).await, Ok(()));
    // Who has a password needs no link.
    team.update(made.operator.id(), keep("Ann Lee", "lee@example.org")).await.unwrap();
    assert_eq!(team.server.run_jobs().await, []);
}

#[tokio::test]
async fn a_link_is_of_one_organization() {
    let team = Team::new().await;
    team.server.org("globex").await;
    let mails = invite(&team, admin("ann@example.org"), MailLanguage::English).await;
    let secret = secret_of(&mails[0]);
    let directory = team.server.directory();
    for (organization, code) in
        [("globex", ErrorCode::LinkNotFound), ("nowhere", ErrorCode::OrganizationNotFound)]
    {
        assert_eq!(refusal(directory.open_operator_link(organization, &secret).await), plain(code));
        let used = directory.use_operator_link(organization, &secret, PASSWORD.to_owned(), PASSWORD).await;
        assert_eq!(refusal(used), plain(code));
    }
    assert_eq!(use_link(&team, &secret, PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn the_installation_sets_the_policy() {
    let policy = PasswordPolicy { min_length: 10, needs_upper: false, ..PasswordPolicy::default() };
    let directory = DirectorySettings {
        password_policy: policy,
        operator_image_bytes: 4,
        ..DirectorySettings::default()
    };
    let team = Team::with(TestSettings { directory, ..TestSettings::default() }).await;
    let with =
        |password: &str| NewOperator { password: Some(password.to_owned()), ..admin("ann@example.org") };
    assert_eq!(refusal(team.create(with("Passw0rd")).await), invalid("password"));
    let image = NewOperator { image: Some("data:".to_owned()), ..admin("ann@example.org") };
    assert_eq!(refusal(team.create(image).await), invalid("image"));
    team.create(with("passw0rd-passw0rd")).await.unwrap();
}

#[tokio::test]
async fn whoever_holds_the_store_makes_lists_and_recovers_operators_without_calling() {
    let team = Team::new().await;
    let directory = team.server.directory();
    let new = NewOperator { password: Some(PASSWORD.to_owned()), ..admin("ann@example.org") };
    let made = directory.create_operator_for("acme", new.clone(), Welcome::Silent).await.unwrap();
    assert!(made.is_deletable);
    let again = directory.create_operator_for("acme", new.clone(), Welcome::Silent).await;
    assert_eq!(refusal(again), plain(ErrorCode::EmailTaken));
    let nowhere = directory.create_operator_for("nowhere", new, Welcome::Silent).await;
    assert_eq!(refusal(nowhere), plain(ErrorCode::OrganizationNotFound));
    let query = denizen_directory::operators::OperatorQuery {
        needle: None,
        order: denizen_directory::operators::OperatorOrder::Email,
        is_descending: false,
        offset: 0,
        limit: 10,
    };
    let list = directory.list_operators_of("acme", query).await.unwrap();
    assert_eq!((list.total, list.views()), (1, vec![made]));

    let token = team.token("ann@example.org", PASSWORD).await.unwrap();
    let set = async |email: &str, password: &str| {
        directory.set_operator_password_of("acme", email, password.to_owned()).await
    };
    assert_eq!(refusal(set("ann@example.org", "short").await), invalid("password"));
    assert_eq!(refusal(set("bob@example.org", "0ther-Password").await), plain(ErrorCode::UserNotFound));
    assert_eq!(set(" ANN@example.org", "0ther-Password").await, Ok("ann@example.org".to_owned()));
    assert_eq!(team.context_of(&token).await.err().unwrap().code, ErrorCode::InvalidCredentials);
    team.token("ann@example.org", "0ther-Password").await.unwrap();
}
