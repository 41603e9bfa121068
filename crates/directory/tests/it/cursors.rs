//! Where a sorted list goes on when its last user has changed meanwhile.

use denizen_testkit::{TestCaller, TestOrg, TestServer};
use serde_json::json;

/// Ten users with the first names `n0` to `n9`; the administrator's name sorts before all of them.
async fn ten(server: &TestServer) -> (TestOrg, TestCaller, Vec<String>) {
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        let mut body = org.invitation("DefaultUserRole");
        body["first_name"] = format!("n{number}").into();
        ids.push(admin.post("/user/", &body).await.expect(201).str_at("/user_id"));
    }
    (org, admin, ids)
}

/// The first names of a page, and where the next one begins.
async fn page(caller: &TestCaller, token: i64) -> (Vec<String>, Option<i64>) {
    let path = format!("/user/?limit=4&sort_by=%2Bfirst_name&continuation_token={token}");
    let answer = caller.get(&path).await.expect(200);
    (answer.each("users", "first_name"), answer.json()["continuation_token"].as_i64())
}

#[tokio::test]
async fn a_list_goes_on_where_it_stopped_though_the_last_user_was_renamed() {
    let server = TestServer::start().await;
    let (_, admin, ids) = ten(&server).await;
    let (first, token) = page(&admin, 0).await;
    assert_eq!(first, ["First", "n0", "n1", "n2"]);
    admin.post(&format!("/user/{}", ids[2]), &json!({"first_name": "zzz"})).await.expect(204);
    let (second, token) = page(&admin, token.unwrap()).await;
    assert_eq!(second, ["n3", "n4", "n5", "n6"]);
    // The renamed one appears where it belongs now.
    assert_eq!(
        page(&admin, token.unwrap()).await,
        (["n7", "n8", "n9", "zzz"].map(str::to_owned).to_vec(), None)
    );
}

#[tokio::test]
async fn a_list_goes_on_where_it_stopped_though_the_last_user_was_deleted() {
    let server = TestServer::start().await;
    let (_, admin, ids) = ten(&server).await;
    let token = page(&admin, 0).await.1.unwrap();
    admin.delete(&format!("/user/{}", ids[2])).await.expect(200);
    assert_eq!(page(&admin, token).await.0, ["n3", "n4", "n5", "n6"]);
}

#[tokio::test]
async fn another_process_goes_on_from_the_present_values_of_the_last_user() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let (_, admin, ids) = ten(&server).await;
    let there = admin.at(&other);
    let token = page(&admin, 0).await.1.unwrap();
    assert_eq!(page(&there, token).await.0, ["n3", "n4", "n5", "n6"]);
    admin.post(&format!("/user/{}", ids[2]), &json!({"first_name": "n6x"})).await.expect(204);
    assert_eq!(page(&there, token).await.0, ["n7", "n8", "n9"]);
}

#[tokio::test]
async fn a_list_that_cannot_go_on_says_so() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let (_, admin, ids) = ten(&server).await;
    let token = page(&admin, 0).await.1.unwrap();
    admin.delete(&format!("/user/{}", ids[2])).await.expect(200);
    let path = format!("/user/?limit=4&sort_by=%2Bfirst_name&continuation_token={token}");
    let refused = admin.at(&other).get(&path).await.expect(422);
    assert_eq!(refused.json()["detail"][0]["loc"], json!(["query", "continuation_token"]));
    // Here it is known for ten minutes.
    server.advance_seconds(599);
    admin.get(&path).await.expect(200);
    server.advance_seconds(1);
    admin.get(&path).await.expect(422);
}

#[tokio::test]
async fn an_unsorted_list_goes_on_in_any_process_though_the_last_user_was_deleted() {
    let server = TestServer::start().await;
    let other = server.another_process().await;
    let (_, admin, ids) = ten(&server).await;
    let first = admin.get("/user/?limit=4").await;
    let token = first.json()["continuation_token"].as_i64().unwrap();
    admin.delete(&format!("/user/{}", ids[2])).await.expect(200);
    let rest = admin.at(&other).get(&format!("/user/?continuation_token={token}")).await;
    assert_eq!(rest.each("users", "user_id"), ids[3..]);
    // A token beyond all users is the end and no error.
    let end = admin.get("/user/?continuation_token=9007199254740991").await.expect(200).json();
    assert_eq!(end, json!({"users": [], "has_more": false, "continuation_token": null}));
}

#[tokio::test]
async fn a_page_of_nobody_goes_on_where_it_began() {
    let server = TestServer::start().await;
    let (_, admin, _) = ten(&server).await;
    let empty = admin.get("/user/?limit=0").await.expect(200).json();
    assert_eq!(empty, json!({"users": [], "has_more": true, "continuation_token": 0}));
    let token = page(&admin, 0).await.1.unwrap();
    let path = format!("/user/?limit=0&sort_by=%2Bfirst_name&continuation_token={token}");
    assert_eq!(admin.get(&path).await.json()["continuation_token"], token);
}

#[tokio::test]
async fn a_token_tells_nothing_of_a_user_whom_its_bearer_may_not_see() {
    let server = TestServer::start().await;
    let (org, admin, ids) = ten(&server).await;
    let own = json!([{
        "permission_name": "User:GetUserInfo",
        "conditions": {"user_id": {"type": "Equals", "value": "{self_user_id}"}}
    }]);
    let caller = org.caller_with(&own).await;
    // The administrator's page has ended at a user; tokens are small numbers, so anybody can write one.
    let seen = page(&admin, 0).await.1.unwrap();
    admin.delete(&format!("/user/{}", ids[7])).await.expect(200);
    let gone = seen + 5;
    let mut answers = Vec::new();
    for token in [seen, gone, gone + 1_000] {
        let path = format!("/user/?sort_by=%2Bfirst_name&continuation_token={token}");
        let answer = caller.get(&path).await;
        answers.push((answer.status, answer.body));
    }
    assert_eq!(answers[0].0, 422);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test]
async fn a_list_does_not_go_on_behind_somebody_whom_the_caller_may_not_see() {
    let server = TestServer::start().await;
    let (org, admin, _) = ten(&server).await;
    // Somebody who sees and renames only themselves could otherwise find out, letter by letter, how others are called.
    let own = org.caller("DefaultUserRole").await;
    // The administrator's page stops at one of them, which must not be remembered for anybody else.
    let hidden = page(&admin, 0).await.1.unwrap();
    for field in ["first_name", "last_name", "email", "user_stats.num_messages"] {
        for token in (1..=11).chain([hidden, 9_999]) {
            let path = format!("/user/?sort_by=%2B{field}&continuation_token={token}");
            own.get(&path).await.expect(422);
        }
    }
    let path = "/user/?sort_by=%2Bfirst_name&continuation_token=12";
    assert_eq!(
        own.get(path).await.expect(200).json()["users"],
        json!([]),
        "the own record is a place like any"
    );
}
