//! The account at an identity provider that goes with its user: a job of its own, which nothing ends but success.

use denizen_directory::jobs::{AfterFailure, LEASE_SECONDS, LeasedJob, Task};
use denizen_domain::ids::UserId;
use denizen_store::linked_accounts::{LinkedAccount, Provider, link};
use denizen_testkit::{TestOrg, TestServer};

const KIND: &str = "identity.delete_account";
const ACCOUNT: &str = "aGoogleAccountsId";

/// A user who is linked and then deleted.
async fn delete_linked(server: &TestServer, org: &TestOrg, tenant: Option<&str>) {
    let admin = org.admin().await;
    let user_id =
        admin.post("/user/", &org.invitation("DefaultUserRole")).await.expect(201).str_at("/user_id");
    let user = UserId::parse_member(&user_id).unwrap();
    let account = LinkedAccount {
        provider: Provider::Google,
        tenant: tenant.map(str::to_owned),
        account_id: ACCOUNT.to_owned(),
    };
    let now = server.directory().now();
    let outcome =
        server.store().write(org.key_in_store().await, move |tx| link(tx, user, &account, now)).await;
    assert!(outcome.unwrap());
    admin.delete(&format!("/user/{user_id}")).await.expect(200);
}

async fn lease(server: &TestServer, kind: &str) -> Option<LeasedJob> {
    server.lease_jobs().await.into_iter().find(|job| job.kind() == kind)
}

#[tokio::test]
async fn the_deletion_of_a_user_asks_for_the_deletion_of_the_account() {
    for wanted in [None, Some("aTenantsId")] {
        let server = TestServer::start().await;
        let org = server.org("acme").await;
        delete_linked(&server, &org, wanted).await;
        let job = lease(&server, KIND).await.expect("a job");
        let task = server.directory().prepare_job(&job).await.unwrap();
        let Task::DeleteGoogleAccount { tenant, account_id } = task else { panic!("{task:?}") };
        assert_eq!((tenant.as_deref(), account_id.as_str()), (wanted, ACCOUNT));
    }
}

#[tokio::test]
async fn a_deletion_is_never_given_up_whatever_fails_and_says_why_it_waits() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    delete_linked(&server, &org, None).await;
    for attempt in 1..40 {
        let job = lease(&server, KIND).await.expect("the job is due again");
        assert_eq!(job.attempts(), attempt);
        if attempt % 2 == 0 {
            // Its worker dies.
            server.advance_seconds(LEASE_SECONDS.into());
            continue;
        }
        let failed = server.directory().fail_job(&job, format!("reason {attempt}"), true).await;
        assert_eq!(failed, Ok(AfterFailure::TriedAgain));
        let listed = server.directory().list_jobs("acme", 10).await.unwrap();
        let listed = listed.iter().find(|job| job.kind == KIND).expect("it is visible");
        assert_eq!((listed.state, listed.attempts), ("waiting", attempt));
        assert_eq!(listed.last_error, Some(format!("reason {attempt}")));
        server.advance_seconds(7_200);
    }
}

#[tokio::test]
async fn a_deletion_that_is_done_leaves_no_job_and_has_the_files_scrubbed_of_it() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    delete_linked(&server, &org, None).await;
    // The scrub that belongs to the user is done before the account is.
    let leased = server.lease_jobs().await;
    let (accounts, others): (Vec<_>, Vec<_>) = leased.into_iter().partition(|job| job.kind() == KIND);
    for job in others {
        server.directory().prepare_job(&job).await.unwrap();
        server.directory().finish_job(&job).await.unwrap();
    }
    assert!(server.directory().finish_job(&accounts[0]).await.unwrap());
    server.advance_seconds(60);
    let scrub = lease(&server, "store.scrub").await.expect("another scrub");
    assert!(!server.directory().finish_job(&accounts[0]).await.unwrap(), "a second report changes nothing");
    server.directory().finish_job(&scrub).await.unwrap();
    assert!(server.directory().list_jobs("acme", 10).await.unwrap().is_empty());
    server.advance_seconds(60);
    assert!(server.lease_jobs().await.is_empty());
}
