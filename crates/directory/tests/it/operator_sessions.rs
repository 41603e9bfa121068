//! Signing in, below HTTP: what it costs, and what it writes.

use denizen_directory::ErrorCode;
use denizen_directory::operator_sessions::SignIn;
use denizen_directory::operators::{AccessInput, NewOperator, Welcome};
use denizen_directory::passwords::{Lane, PasswordSettings, Passwords};
use denizen_domain::ids::UserId;
use denizen_store::operators;
use denizen_store::operators::Credentials;
use denizen_testkit::{TestOrg, TestServer, TestSettings};

const ADA: &str = "ada@acme.example";
const PASSWORD: &str = "Passw0rd";

fn sign_in(password: &str) -> SignIn {
    SignIn {
        realm: "acme".to_owned(),
        user_name: ADA.to_owned(),
        password: password.to_owned(),
        client_id: "eva-cockpit".to_owned(),
        scope: None,
        address: None,
        issuer: "http://127.0.0.1:8080/realms/acme".to_owned(),
    }
}

async fn credentials(server: &TestServer, org: &TestOrg, user: UserId) -> Credentials {
    let find = move |conn: &denizen_store::Conn<'_>| operators::find_credentials(conn, user);
    server
        .store()
        .read::<_, denizen_store::StoreError, _>(org.key_in_store().await, find)
        .await
        .unwrap()
        .unwrap()
}

/// Ada, whose password was hashed when that cost less than it does now.
async fn with_lesser_hash() -> (TestServer, TestOrg, UserId) {
    let mut settings = TestSettings::default();
    settings.passwords.iterations = 2;
    let server = TestServer::with(settings).await;
    let org = server.org("acme").await;
    let new = NewOperator {
        name: "Ada".to_owned(),
        email: ADA.to_owned(),
        company: None,
        image: None,
        access: AccessInput { is_admin: true, environments: Vec::new() },
        password: None,
    };
    let made = server.directory().create_operator_for("acme", new, Welcome::Silent).await.unwrap();
    let user = made.operator.user_id;
    let lesser = Passwords::start(PasswordSettings::CHEAPEST, server.directory().environment()).unwrap();
    let hash = lesser.hash(PASSWORD.to_owned(), Lane::Prompt).await.unwrap();
    let now = server.directory().now();
    let set = move |tx: &denizen_store::Tx<'_>| operators::set_password(tx, user, &hash, true, now);
    let set = server.store().write::<_, denizen_store::StoreError, _>(org.key_in_store().await, set);
    assert!(set.await.unwrap());
    (server, org, user)
}

#[tokio::test]
async fn a_password_that_was_hashed_with_less_is_hashed_again_when_it_is_shown() {
    let (server, org, user) = with_lesser_hash().await;
    let directory = server.directory();
    let before = credentials(&server, &org, user).await;
    let early = directory.sign_in_operator(sign_in("wrong")).await.map(drop);
    assert_eq!(early.unwrap_err().code, ErrorCode::InvalidCredentials);
    assert_eq!(credentials(&server, &org, user).await, before, "whoever guesses changes nothing");

    let tokens = directory.sign_in_operator(sign_in(PASSWORD)).await.unwrap();
    let after = credentials(&server, &org, user).await;
    assert!(after.password_hash.as_ref().unwrap().starts_with("$argon2id$v=19$m=8,t=2,p=1$"));
    assert_eq!(after.version, before.version, "it is the same password");
    directory.authenticate_operator(&tokens.access_token).await.unwrap();

    let hashes = directory.passwords().hashes_made();
    directory.sign_in_operator(sign_in(PASSWORD)).await.unwrap();
    assert_eq!(directory.passwords().hashes_made(), hashes + 1);
    assert_eq!(credentials(&server, &org, user).await, after);
    server.assert_consistent().await;
}

#[tokio::test]
async fn what_others_have_read_of_an_operator_is_trusted_for_a_second() {
    let (server, org, user) = with_lesser_hash().await;
    let other = server.another_process().await;
    let token = server.directory().sign_in_operator(sign_in(PASSWORD)).await.unwrap().access_token;
    assert!(other.directory().authenticate_operator(&token).await.is_ok());
    server.directory().set_operator_password_of("acme", ADA, "An0ther".to_owned()).await.unwrap();
    assert!(server.directory().authenticate_operator(&token).await.is_err());
    server.advance_seconds(1);
    assert!(other.directory().authenticate_operator(&token).await.is_err());
    assert_eq!(credentials(&server, &org, user).await.version, 3);
}
