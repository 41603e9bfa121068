//! Rate limits over several processes on one database.

use std::collections::BTreeMap;

use denizen_directory::DirectorySettings;
use denizen_domain::ids::OrgKey;
use denizen_http::HttpSettings;
use denizen_store::permits;
use denizen_testkit::{Key, TestOrg, TestServer, TestSettings};

const LIMIT: u32 = 160;
/// What a process may keep from the others: an eighth of the limit.
const KEPT: u32 = LIMIT / 8;

fn settings(share: bool, pairs: &[(&str, u32)]) -> TestSettings {
    let limits = pairs.iter().map(|(key, limit)| ((*key).to_owned(), *limit)).collect();
    TestSettings {
        directory: DirectorySettings { share_limits: Some(share), ..DirectorySettings::default() },
        http: HttpSettings {
            rate_limits: Some(BTreeMap::from([("amigo".to_owned(), limits)])),
            ..HttpSettings::default()
        },
        ..TestSettings::default()
    }
}

/// Two processes that share their limits, and an organization.
async fn two(pairs: &[(&str, u32)]) -> (TestServer, TestServer, TestOrg) {
    let first = TestServer::with(settings(true, pairs)).await;
    let org = first.org("acme").await;
    let second = first.another_process().await;
    (first, second, org)
}

async fn sign_in(server: &TestServer, org: &TestOrg, key: &Key) -> u16 {
    let headers =
        [("x-api-key", &*key.secret), ("x-api-key-id", &*key.key_id), ("x-user-id", &*org.created.member_id)];
    server.call("POST", &org.path("/user/signin_with_api_key"), &headers, None).await.status
}

/// How many rows there are of draws; they are gone then.
async fn rows(server: &TestServer) -> usize {
    server.store().write(OrgKey::CONTROL, |tx| permits::delete_past(tx, i64::MAX)).await.unwrap()
}

#[tokio::test]
async fn a_process_alone_admits_the_whole_limit_and_says_so_exactly() {
    for share in [true, false] {
        let server = TestServer::with(settings(share, &[("get_users", LIMIT)])).await;
        let admin = server.org("acme").await.admin().await;
        for minute in 0..2 {
            for remaining in (0..LIMIT).rev() {
                let answer = admin.get("/user/?limit=1").await.expect(200);
                assert_eq!(answer.header("x-ratelimit-limit"), Some(&*LIMIT.to_string()));
                assert_eq!(answer.header("x-ratelimit-remaining"), Some(&*remaining.to_string()), "{minute}");
            }
            let refused = admin.get("/user/?limit=1").await.expect(429);
            assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
            server.advance_seconds(60);
        }
        assert_eq!(rows(&server).await > 0, share, "nothing is drawn where nobody shares");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_processes_together_admit_the_limit_and_no_more() {
    let (first, second, org) = two(&[("get_users", LIMIT)]).await;
    let admin = org.admin().await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..2 * LIMIT {
        let caller = admin.at(if number % 2 == 0 { &first } else { &second });
        calls.spawn(async move { caller.get("/user/?limit=1").await.status });
    }
    let statuses = calls.join_all().await;
    let admitted = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(admitted, usize::try_from(LIMIT).unwrap());
    assert!(statuses.iter().all(|status| [200, 429].contains(status)));
}

#[tokio::test]
async fn a_process_that_is_idle_keeps_no_more_from_the_others_than_is_documented() {
    let (first, second, org) = two(&[("get_users", LIMIT)]).await;
    let admin = org.admin().await;
    admin.at(&first).get("/user/?limit=1").await.expect(200);
    let mut admitted = 1;
    while admin.at(&second).get("/user/?limit=1").await.status == 200 {
        admitted += 1;
    }
    assert!((LIMIT - KEPT..LIMIT).contains(&admitted), "{admitted}");
    // What it keeps it can use, and then the limit is reached exactly.
    while admin.at(&first).get("/user/?limit=1").await.status == 200 {
        admitted += 1;
    }
    assert_eq!(admitted, LIMIT);
    first.advance_seconds(60);
    admin.at(&second).get("/user/?limit=1").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_without_credentials_gather_no_permits_in_one_process() {
    let (first, second, org) = two(&[("get_users", LIMIT)]).await;
    let admin = org.admin().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..4 * LIMIT {
        let (server, path) = (first.clone(), org.path("/user/"));
        calls.spawn(async move {
            server.call("GET", &path, &[("authorization", "Bearer wrong")], None).await.status
        });
    }
    let statuses = calls.join_all().await;
    assert!(statuses.iter().all(|status| [401, 429].contains(status)));
    let mut admitted = 0;
    while admin.at(&second).get("/user/?limit=1").await.status == 200 {
        admitted += 1;
    }
    assert!((LIMIT - KEPT..=LIMIT).contains(&admitted), "{admitted}");
}

#[tokio::test]
async fn callers_who_hang_up_lose_no_permits() {
    let (_, _, org) = two(&[("get_users", LIMIT)]).await;
    let admin = org.admin().await;
    // It has sent for permits, and is not there when they come.
    tokio::select! {
        biased;
        _ = admin.get("/user/?limit=1") => panic!("nothing is drawn from a database at once"),
        () = async {} => {}
    }
    for remaining in (0..LIMIT).rev() {
        let answer = admin.get("/user/?limit=1").await.expect(200);
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(&*remaining.to_string()));
    }
    admin.get("/user/?limit=1").await.expect(429);
}

#[tokio::test]
async fn who_hangs_up_before_being_known_does_not_use_the_organizations_share_up() {
    for share in [true, false] {
        let server = TestServer::with(settings(share, &[("get_users", 8)])).await;
        let org = server.org("acme").await;
        let admin = org.admin().await;
        // Permits are drawn, so that the calls below are counted without waiting.
        admin.get("/user/?limit=1").await.expect(200);
        let path = org.path("/user/");
        for guess in 0..20_u32 {
            let key = org.first_key();
            let secret = format!("wrong{guess}");
            let headers = [
                ("x-api-key", &*secret),
                ("x-api-key-id", &*key.key_id),
                ("x-user-id", &*org.created.member_id),
            ];
            tokio::select! {
                biased;
                answer = server.call("GET", &path, &headers, None) => assert_eq!(answer.status, 401),
                () = async {} => {}
            }
        }
        let answer = admin.get("/user/?limit=1").await.expect(200);
        assert_eq!(answer.header("x-ratelimit-remaining"), Some("6"));
    }
}

#[tokio::test]
async fn guesses_at_a_key_are_counted_over_all_processes() {
    let (first, second, org) = two(&[("sign_in_with_api_key", 5)]).await;
    let wrong = Key { secret: "wrong".to_owned(), ..org.first_key() };
    let upper = Key { key_id: wrong.key_id.to_uppercase(), ..wrong.clone() };
    for (at, key) in
        [(&first, &wrong), (&second, &wrong), (&first, &upper), (&second, &upper), (&second, &wrong)]
    {
        assert_eq!(sign_in(at, &org, key).await, 401);
    }
    for at in [&first, &second] {
        assert_eq!(sign_in(at, &org, &org.first_key()).await, 429);
    }
    first.advance_seconds(60);
    assert_eq!(sign_in(&second, &org, &org.first_key()).await, 200);
}

#[tokio::test]
async fn invented_names_cost_no_rows_and_are_limited_in_each_process() {
    let (first, second, org) = two(&[("get_users", 3), ("sign_in_with_api_key", 3)]).await;
    let invented = Key { key_id: "0a0a0a0a-0b0b-4c0c-8d0d-0e0e0e0e0e0e".to_owned(), ..org.first_key() };
    let nonsense = Key { key_id: "nonsense".to_owned(), ..org.first_key() };
    for server in [&first, &second] {
        for key in [&invented, &nonsense] {
            for status in [401, 401, 401, 429] {
                assert_eq!(sign_in(server, &org, key).await, status);
            }
        }
        for _ in 0..10 {
            server.anonymous("GET", "/v1/nobody/user/", None).await.expect(401);
            let issuer = [("x-org-id", "nobody"), ("authorization", "Bearer wrong")];
            server.call("GET", &org.path("/user/"), &issuer, None).await.expect(401);
        }
    }
    assert_eq!(rows(&first).await, 0);
}

#[tokio::test]
async fn while_the_database_is_away_each_process_counts_by_itself() {
    let (first, _, org) = two(&[("get_users", 4)]).await;
    let admin = org.admin().await;
    admin.get("/user/?limit=1").await.expect(200);
    first.directory().close();
    for _ in 1..4 {
        admin.get("/user/?limit=1").await.expect(503);
    }
    admin.get("/user/?limit=1").await.expect(429);
}
