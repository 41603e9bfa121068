//! External events as they stand on the wire, what is refused of them and where, their filters and pages.

use denizen_http::kernel::HttpSettings;
use denizen_testkit::{TestCaller, TestServer, TestSettings};
use serde_json::{Value, json};

use super::scene::add_event;

async fn scene() -> (TestCaller, String) {
    let org = TestServer::start().await.org("acme").await;
    let user_id = org.member("DefaultUserRole").await;
    (org.admin().await, user_id)
}

fn event(event_type: &str, starts_at: &str, ends_at: &str) -> Value {
    json!({"type": event_type, "starts_at": starts_at, "ends_at": ends_at, "description": "D"})
}

/// Where a request was refused.
fn places(answer: &denizen_testkit::Answer) -> Vec<Value> {
    let detail = answer.json()["detail"].clone();
    detail.as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(|one| one["loc"].clone()).collect()
}

#[tokio::test]
async fn an_event_is_shown_as_it_was_sent_with_its_times_in_utc() {
    let (admin, user_id) = scene().await;
    let path = format!("/user/{user_id}/external_event");
    let body = json!({
        "type": "  Visit ", "starts_at": "2026-03-01T10:00:00.5+02:00", "ends_at": "2026-03-01T09:00:00",
        "description": " At the practice\n", "transcript": " Hello.\nHello! "
    });
    let id = admin.post(&path, &body).await.expect(201).json();
    let id = id["external_event_id"].as_str().unwrap();
    let expected = json!({
        "id": id, "user_id": user_id, "org_id": "acme", "type": "Visit",
        "starts_at": "2026-03-01T08:00:00.5Z", "ends_at": "2026-03-01T09:00:00Z",
        "description": "At the practice", "transcript": " Hello.\nHello! "
    });
    let page = admin.get(&path).await.expect(200).json();
    let whole = json!({"external_events": [expected], "has_more": false, "continuation_token": null});
    assert_eq!(page, whole);

    let body = event("instant", "2026-03-01T10:00:00Z", "2026-03-01T12:00:00+02:00");
    let id = admin.post(&path, &body).await.expect(201).str_at("/external_event_id");
    let shown = admin.get(&format!("{path}?id={id}")).await.expect(200).json();
    assert_eq!(shown["external_events"][0]["transcript"], Value::Null);
    assert_eq!(shown["external_events"][0]["ends_at"], "2026-03-01T10:00:00Z");

    admin.delete(&format!("{path}/{id}")).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200).json(), whole);
}

#[tokio::test]
async fn every_refused_part_of_an_event_is_named_at_once_and_nothing_is_kept() {
    let (admin, user_id) = scene().await;
    let path = format!("/user/{user_id}/external_event");
    let wrong = json!({
        "type": " ", "starts_at": "yesterday", "ends_at": 5, "description": "", "transcript": ["x"]
    });
    let fields = ["type", "starts_at", "ends_at", "description", "transcript"];
    let refused = admin.post(&path, &wrong).await.expect(422);
    assert_eq!(places(&refused), fields.map(|field| json!(["body", field])));
    let missing = admin.post(&path, &json!({})).await.expect(422);
    assert_eq!(places(&missing), fields[..4].iter().map(|field| json!(["body", field])).collect::<Vec<_>>());

    let backwards = event("x", "2026-03-01T10:00:00Z", "2026-03-01T11:59:59.999999+02:00");
    assert_eq!(places(&admin.post(&path, &backwards).await.expect(422)), [json!(["body", "ends_at"])]);
    for (field, value) in [
        ("type", "x".repeat(257)),
        ("type", "a\0b".to_owned()),
        ("description", "x".repeat(10_001)),
        ("transcript", "a\0b".to_owned()),
        ("starts_at", "2026-02-30T00:00:00Z".to_owned()),
        ("ends_at", "10000-01-01T00:00:00Z".to_owned()),
    ] {
        let mut body = event("x", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z");
        body[field] = value.into();
        assert_eq!(places(&admin.post(&path, &body).await.expect(422)), [json!(["body", field])]);
    }
    let empty = json!({"external_events": [], "has_more": false, "continuation_token": null});
    assert_eq!(admin.get(&path).await.json(), empty);

    let malformed = admin.delete(&format!("{path}/65F000000000000000000001")).await.expect(422);
    assert_eq!(places(&malformed), [json!(["path", "external_event_id"])]);
    let query = "id=x&external_event_id=y&sort_by=type&sort_by=%2Bdescription&limit=21&continuation_token=-1";
    assert_eq!(places(&admin.get(&format!("{path}?{query}")).await.expect(422)).len(), 6);
}

#[tokio::test]
async fn events_are_filtered_by_id_and_paged_in_any_order() {
    let (admin, user_id) = scene().await;
    let path = format!("/user/{user_id}/external_event");
    let mut ids = Vec::new();
    for (kind, day, length) in [("b", 3, 2), ("a", 1, 9), ("c", 2, 1), ("a", 4, 1)] {
        let (start, end) = (format!("2026-01-0{day}T00:00:00Z"), format!("2026-02-0{length}T00:00:00Z"));
        ids.push(
            admin.post(&path, &event(kind, &start, &end)).await.expect(201).str_at("/external_event_id"),
        );
    }
    let walk = async |query: &str| {
        let (mut seen, mut token) = (Vec::new(), 0);
        loop {
            let page =
                admin.get(&format!("{path}?limit=1&continuation_token={token}{query}")).await.expect(200);
            seen.extend(page.each("external_events", "id"));
            let page = page.json();
            assert_eq!(page["has_more"].as_bool(), Some(!page["continuation_token"].is_null()));
            match page["continuation_token"].as_i64() {
                Some(next) => token = next,
                None => return seen,
            }
        }
    };
    for (query, order) in [
        ("", vec![0, 1, 2, 3]),
        ("&sort_by=%2Btype", vec![1, 3, 0, 2]),
        ("&sort_by=-type", vec![2, 0, 3, 1]),
        ("&sort_by=%2Btype&sort_by=-starts_at", vec![3, 1, 0, 2]),
        ("&sort_by=-starts_at", vec![3, 0, 2, 1]),
        ("&sort_by=+ends_at", vec![2, 3, 0, 1]),
        ("&sort_by=-ends_at&sort_by=%2Bends_at&sort_by=%2Btype", vec![1, 0, 3, 2]),
    ] {
        assert_eq!(walk(query).await, order.iter().map(|at| ids[*at].clone()).collect::<Vec<_>>(), "{query}");
        let some = format!("{query}&id={}&id={}&id={}&external_event_id={}", ids[0], ids[0], user_id, ids[2]);
        let named = order.iter().filter(|at| [0, 2].contains(*at)).map(|at| ids[*at].clone());
        assert_eq!(walk(&some).await, named.collect::<Vec<_>>(), "{some}");
    }
    let none = admin.get(&format!("{path}?limit=0")).await.expect(200).json();
    assert_eq!(none, json!({"external_events": [], "has_more": true, "continuation_token": 0}));
}

#[tokio::test]
async fn a_page_holds_twenty_events_and_says_that_there_are_more() {
    let (admin, user_id) = scene().await;
    for _ in 0..21 {
        add_event(&admin, &user_id).await;
    }
    let path = format!("/user/{user_id}/external_event");
    let first = admin.get(&path).await.expect(200);
    assert_eq!(first.each("external_events", "id").len(), 20);
    let token = first.json()["continuation_token"].as_i64().unwrap();
    assert!((1..1 << 53).contains(&token));
    let rest = admin.get(&format!("{path}?continuation_token={token}")).await.expect(200);
    assert_eq!((rest.each("external_events", "id").len(), &rest.json()["has_more"]), (1, &json!(false)));
}

#[tokio::test]
async fn a_transcript_may_be_as_long_as_the_settings_say_however_it_is_spelt() {
    let http = HttpSettings { body_bytes: 2_000, transcript_bytes: 5_000, ..HttpSettings::default() };
    let server = TestServer::with(TestSettings { http, ..TestSettings::default() }).await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let path = format!("/v1/acme/user/{}/external_event", admin.user_id);
    let authorization = format!("Bearer {}", admin.token);
    let send = async |transcript: String| {
        let plain = event("x", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z").to_string();
        let body = format!("{},\"transcript\":\"{transcript}\"}}", plain.trim_end_matches('}'));
        let request = axum::http::Request::post(&path)
            .header("authorization", &authorization)
            .header("content-type", "application/json")
            .body(axum::body::Body::from(body));
        server.send(request.unwrap()).await
    };
    send("\\u0061".repeat(5_000)).await.expect(201);
    send("ä".repeat(2_500)).await.expect(201);
    for longer in ["\\u0061".repeat(5_001), "ä".repeat(2_501)] {
        assert_eq!(places(&send(longer).await.expect(422)), [json!(["body", "transcript"])]);
    }
}
