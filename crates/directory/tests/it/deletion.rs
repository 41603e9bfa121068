//! Deleting a user: everything goes, and of a creator of keys stays that there was one.

use denizen_directory::erased::Erased;
use denizen_directory::ingest::{ConversationRecord, Ingestor, MessageRecord, Outcome, Record};
use denizen_directory::jobs::Task;
use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::time::Timestamp;
use denizen_store::linked_accounts::{LinkedAccount, Provider, link};
use denizen_store::messages;
use denizen_store::users::is_buried;
use denizen_testkit::{ORIGIN, TestOrg, TestServer};
use serde_json::json;

/// The kinds of the jobs that are not done.
async fn kinds(org: &TestOrg) -> Vec<String> {
    let jobs = org.server.directory().list_jobs(org.slug(), 100).await.unwrap();
    jobs.into_iter().map(|job| job.kind).collect()
}

async fn has_tombstone(org: &TestOrg, user_id: &str) -> bool {
    let id = UserId::parse_member(user_id).unwrap();
    org.server.store().read(org.key_in_store().await, move |conn| is_buried(conn, id)).await.unwrap()
}

#[tokio::test]
async fn a_deleted_user_is_absent_from_every_answer_and_the_address_is_free_again() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let mut body = org.invitation("DefaultUserRole");
    body["login_link"] = "https://elsewhere.example/".into();
    let invited = admin.post("/user/", &body).await.expect(201);
    let (user_id, link) = (invited.str_at("/user_id"), invited.str_at("/verify_link"));
    assert_eq!(admin.post("/user/", &body).await.status, 409);

    let deleted = admin.delete(&format!("/user/{user_id}")).await.expect(200);
    assert_eq!(deleted.json(), json!({"not_deletable_reasons": []}));
    assert!(!has_tombstone(&org, &user_id).await);
    let email = body["email"].as_str().unwrap().replace('@', "%40");
    for path in [
        "/user/".to_owned(),
        format!("/user/?user_id={user_id}"),
        format!("/user/?email={email}"),
        format!("/user/search/?query={email}"),
        "/user/search/?query=".to_owned(),
    ] {
        assert!(!admin.get(&path).await.expect(200).text().contains(&user_id), "{path}");
    }
    assert_eq!(admin.delete(&format!("/user/{user_id}")).await.refusal().0, 404);
    // Jobs and links that hold the user's data are gone.
    assert_eq!(kinds(&org).await, ["store.scrub"]);
    assert_eq!(server.run_jobs().await, []);
    assert_eq!(kinds(&org).await, [""; 0]);
    let path = link.strip_prefix("http://127.0.0.1:8080").unwrap();
    server.anonymous("POST", path, None).await.expect(404);
    let again = admin.post("/user/", &body).await.expect(201);
    assert_ne!(again.str_at("/user_id"), user_id);
    server.assert_consistent().await;
}

#[tokio::test]
async fn a_creator_of_a_key_leaves_a_tombstone_and_the_key_goes_on() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let creator = org.caller("DefaultAdministratorRole").await;
    let body = json!({"name": null, "duration": "P1D", "role_name": "DefaultUserRole"});
    let key_id = creator.post("/organization/api_key/", &body).await.expect(201).str_at("/api_key_id");
    let admin = org.admin().await;
    let deleted = admin.delete(&format!("/user/{}", creator.user_id)).await.expect(200).json();
    assert_eq!(deleted["not_deletable_reasons"].as_array().unwrap().len(), 1);
    assert!(has_tombstone(&org, &creator.user_id).await);
    assert_eq!(admin.get(&format!("/user/?user_id={}", creator.user_id)).await.json()["users"], json!([]));
    assert_eq!(admin.delete(&format!("/user/{}", creator.user_id)).await.status, 404);
    let keys = admin.get("/organization/api_key/").await;
    assert!(keys.each("api_keys", "key_id").contains(&key_id));
    server.assert_consistent().await;
}

#[tokio::test]
async fn the_first_administrator_counts_as_the_creator_of_the_first_key() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let other = org.caller("DefaultSuperAdministratorRole").await;
    let deleted = other.delete(&format!("/user/{}", org.created.member_id)).await.expect(200).json();
    assert_eq!(deleted["not_deletable_reasons"].as_array().unwrap().len(), 1);
    // The key itself is not the administrator's: it still signs others in.
    org.sign_in(&org.first_key(), &other.user_id).await;
    assert_eq!(org.try_sign_in(&org.first_key(), &org.created.member_id).await.status, 401);
}

fn object_id(number: u64) -> ObjectId {
    let mut id = [0; 12];
    id[4..].copy_from_slice(&number.to_be_bytes());
    ObjectId(id)
}

/// A conversation of a user with so many messages, their ids from `first` on, taken in.
async fn converse(org: &TestOrg, user_id: UserId, first: u64, messages: u64) -> Vec<Outcome> {
    let conversation = ConversationRecord {
        conversation_id: object_id(first),
        user_id,
        started_at: Timestamp(1_760_000_000_000_000),
        ended_at: None,
        title: None,
    };
    let message = |number| MessageRecord {
        message_id: object_id(number),
        conversation_id: object_id(first),
        user_id,
        created_at: Timestamp(1_760_000_000_000_000),
        sender: "user".to_owned(),
        content: format!("message {number}"),
    };
    let mut records = vec![Record::Conversation(conversation)];
    records.extend((first..first + messages).map(|number| Record::Message(message(number))));
    let directory = org.server.directory();
    let operator = Ingestor::operator(directory, org.slug()).await.unwrap();
    let all = directory.ingest(&operator, records).await.unwrap();
    all.into_iter().map(|taken| taken.outcome).collect()
}

/// How many of the messages with these ids are there.
async fn messages(org: &TestOrg, key: OrgKey, ids: std::ops::Range<u64>) -> usize {
    let ids: Vec<ObjectId> = ids.map(object_id).collect();
    org.server.store().read(key, move |conn| messages::find_many(conn, &ids)).await.unwrap().len()
}

#[tokio::test]
async fn what_is_too_much_for_the_answer_is_erased_by_a_job_and_what_arrives_meanwhile_is_refused() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.key_in_store().await;
    let [gone, stays] = [org.member("DefaultUserRole").await, org.member("DefaultUserRole").await];
    let [gone, stays] = [gone, stays].map(|id| UserId::parse_member(&id).unwrap());
    converse(&org, gone, 1, 4_000).await;
    converse(&org, stays, 10_000, 100).await;
    let admin = org.admin().await;
    admin.delete(&format!("/user/{}", gone.as_member())).await.expect(200);
    let left = messages(&org, key, 1..4_001).await;
    assert!((1..4_000).contains(&left), "{left} are left to the job");
    assert_eq!(kinds(&org).await, ["user.erase"], "the scrub follows it");
    let refused = converse(&org, gone, 20_000, 2).await;
    assert!(refused.iter().all(|outcome| matches!(outcome, Outcome::Refused(_))), "{refused:?}");

    server.run_jobs().await;
    assert_eq!(messages(&org, key, 1..4_001).await, 0);
    assert_eq!(messages(&org, key, 10_000..10_100).await, 100);
    assert_eq!(kinds(&org).await, [""; 0]);
    server.assert_consistent().await;
}

#[tokio::test]
async fn one_scrub_serves_the_deletions_that_wait_for_it() {
    let server = TestServer::start().await;
    let (org, other) = (server.org("acme").await, server.org("globex").await);
    for org in [&org, &other] {
        let admin = org.admin().await;
        for _ in 0..3 {
            let user_id = org.member("DefaultUserRole").await;
            admin.delete(&format!("/user/{user_id}")).await.expect(200);
        }
    }
    let mut leased = server.directory().lease_jobs(10).await.unwrap();
    assert_eq!(leased.len(), 1, "several at a time would only be in each other's way");
    let scrub = leased.remove(0);
    assert_eq!(scrub.kind(), "store.scrub");
    assert!(matches!(server.directory().prepare_job(&scrub).await, Ok(Task::Nothing)));
    assert!(server.directory().finish_job(&scrub).await.unwrap());
    assert_eq!(kinds(&org).await.len() + kinds(&other).await.len(), 0);
    // One that begins after that is not served by it.
    let user_id = org.member("DefaultUserRole").await;
    org.admin().await.delete(&format!("/user/{user_id}")).await.expect(200);
    assert_eq!(kinds(&org).await, ["store.scrub"]);
}

#[tokio::test]
async fn a_mail_that_waits_or_is_under_way_goes_with_the_user_it_is_for() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let body = org.invitation("DefaultUserRole");
    let email = body["email"].as_str().unwrap();
    let ask = json!({"email": email, "redirect_link": ORIGIN});
    // Nobody has the address yet when this mail is asked for.
    server.anonymous("POST", "/v1/acme/user/signin", Some(&ask)).await.expect(200);
    let user_id = admin.post("/user/", &body).await.expect(201).str_at("/user_id");
    admin.post(&format!("/user/{user_id}/verify"), &json!({})).await.expect(204);
    let under_way = server.lease_jobs().await.remove(0);
    assert!(matches!(server.directory().prepare_job(&under_way).await, Ok(Task::Send(_))));
    server.anonymous("POST", "/v1/acme/user/signin", Some(&ask)).await.expect(200);
    assert_eq!(kinds(&org).await, ["mail.magic_link"; 2]);

    admin.delete(&format!("/user/{user_id}")).await.expect(200);
    assert_eq!(kinds(&org).await, ["store.scrub"]);
    assert_eq!(server.directory().renew_job(&under_way).await, Ok(false), "its worker must not send it");
    assert_eq!(server.run_jobs().await, []);
}

async fn link_account(org: &TestOrg, user_id: &str, account_id: String) {
    let user = UserId::parse_member(user_id).unwrap();
    let account = LinkedAccount { provider: Provider::Google, tenant: None, account_id };
    let now = org.server.directory().now();
    let linked = org.server.store().write(org.key_in_store().await, move |tx| link(tx, user, &account, now));
    assert!(linked.await.unwrap());
}

#[tokio::test]
async fn the_accounts_of_an_organizations_users_are_deleted_though_nothing_else_is_left_of_it() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.key_in_store().await;
    let mut wanted = Vec::new();
    for number in 0..5 {
        let user_id = org.member("DefaultUserRole").await;
        link_account(&org, &user_id, format!("account {number}")).await;
        converse(&org, UserId::parse_member(&user_id).unwrap(), 1 + number * 1_000, 300).await;
        wanted.push(format!("account {number}"));
    }
    org.admin().await.delete("/organization/").await.expect(204);
    let erasing = server.lease_jobs().await.remove(0);
    server.directory().prepare_job(&erasing).await.unwrap();
    server.directory().finish_job(&erasing).await.unwrap();
    assert_eq!(messages(&org, key, 1..5_000).await, 0);
    let mut accounts = Vec::new();
    for job in server.lease_jobs().await {
        match server.directory().prepare_job(&job).await.unwrap() {
            Task::DeleteGoogleAccount { account_id, .. } => accounts.push(account_id),
            other => assert_eq!((format!("{other:?}"), job.kind()), ("Nothing".to_owned(), "store.scrub")),
        }
        assert!(server.directory().finish_job(&job).await.unwrap());
    }
    accounts.sort();
    assert_eq!(accounts, wanted);
    server.run_jobs().await;
    assert_eq!(server.directory().job_counts().await, Ok(Vec::new()));
    server.assert_consistent().await;
}

#[tokio::test]
async fn who_does_not_come_in_time_is_erased_and_who_comes_is_not() {
    const DAY: i64 = 86_400;
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.key_in_store().await;
    let [never, late] = [7, 8].map(|number| UserId::from_object_id(object_id(number)));
    converse(&org, never, 1, 600).await;
    server.advance_seconds(DAY);
    converse(&org, late, 10_000, 3).await;
    assert_eq!(kinds(&org).await, ["awaited.erase"], "an organization has one");
    server.advance_seconds(29 * DAY - 1);
    server.run_jobs().await;
    assert_eq!(messages(&org, key, 1..601).await, 600);

    server.advance_seconds(1);
    server.run_jobs().await;
    assert_eq!(messages(&org, key, 1..601).await, 0);
    assert_eq!(messages(&org, key, 10_000..10_003).await, 3);
    assert_eq!(kinds(&org).await, ["awaited.erase"], "somebody is awaited still");
    let job = server.directory().list_jobs("acme", 1).await.unwrap().remove(0);
    assert_eq!(job.run_at, server.directory().now().plus_seconds(DAY));
    assert_eq!(job.waits_for, Some("due when the wait of the first user ends"));

    // Who was not erased by request may come later, and whatever is known then is taken in again.
    assert_eq!(converse(&org, never, 1, 1).await, [Outcome::Created, Outcome::Created]);
    server.advance_seconds(30 * DAY);
    server.run_jobs().await;
    assert_eq!((messages(&org, key, 1..601).await, kinds(&org).await), (0, Vec::new()));
}

#[tokio::test]
async fn who_is_awaited_is_erased_at_the_request_of_those_who_need_know_no_more_than_the_id() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let key = org.key_in_store().await;
    let awaited = UserId::from_object_id(object_id(7));
    let path = format!("/user/{}", awaited.as_member());
    let admin = org.admin().await;
    assert_eq!(admin.delete(&path).await.refusal().0, 404, "nobody speaks of this one yet");
    converse(&org, awaited, 1, 3_000).await;

    let everything = json!([
        {"permission_name": "User:GetUserInfo", "conditions": {}},
        {"permission_name": "User:DeleteUser", "conditions": {}}
    ]);
    let of_some = |condition: serde_json::Value| {
        let own = json!({"user_id": {"type": "Equals", "value": "{self_user_id}"}});
        json!([
            {"permission_name": "User:GetUserInfo", "conditions": own},
            {"permission_name": "User:GetUserInfo", "conditions": condition},
            {"permission_name": "User:DeleteUser", "conditions": {}}
        ])
    };
    let others = [
        of_some(json!({"is_verified": {"type": "Equals", "value": true}})),
        of_some(json!({"user_id": {"type": "Equals", "value": "0123456789abcdef01234567"}})),
        json!([{"permission_name": "User:GetUserInfo", "conditions": {}}]),
    ];
    for grants in &others {
        let caller = org.caller_with(grants).await;
        assert_eq!(caller.delete(&path).await.status, 404, "{grants}");
    }
    assert_eq!(messages(&org, key, 1..3_001).await, 3_000);
    let report = async || server.directory().erasure_report("acme", Erased::Member(awaited)).await.unwrap();
    assert!(report().await.awaited && report().await.rows_left() == 3_002 && !report().await.is_done());

    let deleted = org.caller_with(&everything).await.delete(&path).await.expect(200).json();
    assert_eq!(deleted, json!({"not_deletable_reasons": []}));
    let left = report().await;
    assert!(left.erased_at.is_some() && !left.awaited && left.rows_left() > 0, "{left:?}");
    assert_eq!((left.jobs.erase_user, left.jobs.scrub_store, left.is_done()), (1, 0, false));
    assert_eq!(admin.delete(&path).await.status, 404);
    server.run_jobs().await;
    assert!(report().await.is_done(), "{:?}", report().await);
    let again = converse(&org, awaited, 1, 1).await;
    assert!(again.iter().all(|outcome| matches!(outcome, Outcome::Refused(_))), "{again:?}");
    server.assert_consistent().await;
}

#[tokio::test]
async fn the_proof_of_an_erasure_counts_every_table_and_every_job_that_is_left() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let user_id = org.member("DefaultUserRole").await;
    let user = UserId::parse_member(&user_id).unwrap();
    link_account(&org, &user_id, "an account".to_owned()).await;
    converse(&org, user, 1, 5).await;
    let report = async || server.directory().erasure_report("acme", Erased::Member(user)).await.unwrap();
    let before = report().await;
    let rows = |table: &str| before.rows.iter().find(|found| found.table == table).map(|found| found.rows);
    assert_eq!((rows("users"), rows("message"), rows("linked_account")), (Some(1), Some(5), Some(1)));
    assert!(before.exists && before.erased_at.is_none() && !before.is_done(), "{before:?}");

    // Another one's account stays at Google for long, which says nothing about this user.
    let other = org.member("DefaultUserRole").await;
    link_account(&org, &other, "another account".to_owned()).await;
    for user_id in [&other, &user_id] {
        server.advance_seconds(1);
        org.admin().await.delete(&format!("/user/{user_id}")).await.expect(200);
    }
    let after = report().await;
    assert!(!after.exists && after.rows_left() == 0 && !after.is_done(), "{after:?}");
    assert_eq!((after.jobs.erase_user, after.jobs.scrub_store, after.jobs.delete_account), (0, 1, 1));
    // The scrubs first: one that runs after the account was deleted would serve the scrub that follows that.
    let mut jobs = server.lease_jobs().await;
    jobs.sort_by(|job, other| other.kind().cmp(job.kind()));
    for job in jobs {
        let named = match server.directory().prepare_job(&job).await.unwrap() {
            Task::DeleteGoogleAccount { account_id, .. } => account_id,
            _ => String::new(),
        };
        if named == "another account" {
            server.directory().fail_job(&job, "no route".to_owned(), false).await.unwrap();
        } else {
            server.directory().finish_job(&job).await.unwrap();
        }
    }
    let scrubs = server.lease_jobs().await;
    assert!(!scrubs.is_empty() && !report().await.is_done(), "the job of the account named it");
    for scrub in scrubs {
        server.directory().prepare_job(&scrub).await.unwrap();
        server.directory().finish_job(&scrub).await.unwrap();
    }
    assert!(report().await.is_done(), "{:?}", report().await);
}
