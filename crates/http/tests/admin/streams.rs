//! The stream while it runs: answers come before the end, and what ends it early says so.

use std::time::{Duration, Instant};

use denizen_http::kernel::HttpSettings;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::sockets::{Listening, PATIENCE, send};
use crate::wire::{message, message_id};

#[tokio::test]
async fn each_line_is_answered_before_the_next_one_is_sent() {
    let listening = Listening::start().await;
    let mut stream = listening.begin(&listening.admin, "").await;
    assert_eq!(stream.results.status().await, 200);
    let begun = Instant::now();
    for number in 1..=20 {
        stream.send(&format!("{}\n", message(number, "word"))).await;
        let answer = stream.results.next().await.unwrap();
        let taken = json!({"line": number, "type": "message", "id": message_id(number), "result": "created"});
        assert_eq!(answer, taken);
    }
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    // A line that arrives in pieces, and one without an end.
    let text = message(21, "in pieces").to_string();
    for piece in text.as_bytes().chunks(10) {
        stream.send(std::str::from_utf8(piece).unwrap()).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream.end().await;
    assert_eq!(stream.results.next().await.unwrap()["line"], 21);
    assert_eq!(stream.results.last().await["summary"]["created"], 21);
}

#[tokio::test]
async fn a_refusal_comes_before_anything_of_the_body_is_asked_for() {
    let listening = Listening::start().await;
    let nobody = listening.org.caller("DefaultUserRole").await;
    let mut stream = listening.begin(&nobody, "expect: 100-continue\r\n").await;
    assert_eq!(stream.results.status().await, 403);
    let mut stream = listening.begin(&listening.admin.in_org("globex").naming("acme"), "").await;
    assert_eq!(stream.results.status().await, 404);
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked() {
    let listening = Listening::start().await;
    let mut stream = listening.begin(&listening.admin, "expect: 100-continue\r\n").await;
    assert_eq!(stream.results.status().await, 100);
    assert_eq!(stream.results.status().await, 200);
    stream.send(&format!("{}\n", message(1, "word"))).await;
    assert_eq!(stream.results.next().await.unwrap()["result"], "created");
    stream.end().await;
    assert_eq!(stream.results.last().await["summary"]["lines"], 1);
}

#[tokio::test]
async fn streams_beyond_the_places_for_them_are_told_to_come_again_and_let_other_calls_through() {
    let listening = Listening::with(HttpSettings { ingest_streams: 2, ..HttpSettings::default() }).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = listening.begin(&listening.admin, "").await;
        assert_eq!(stream.results.status().await, 200);
        open.push(stream);
    }
    assert_eq!(listening.begin(&listening.admin, "").await.results.status().await, 503);
    listening.admin.get("/user/").await.expect(200);
    let mut ended = open.remove(0);
    ended.end().await;
    assert_eq!(ended.results.last().await["summary"]["lines"], 0);
    let mut next = listening.begin(&listening.admin, "").await;
    assert_eq!(next.results.status().await, 200);
    // Whoever hangs up makes room, too.
    drop(open);
    drop(next);
    let begun = Instant::now();
    while listening.begin(&listening.admin, "").await.results.status().await == 503 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_revoked_key_ends_the_stream_and_says_where_to_go_on() {
    let listening = Listening::start().await;
    let org = &listening.org;
    let key = org.key("DefaultSuperAdministratorRole").await;
    let caller = org.sign_in(&key, &org.member("DefaultAdministratorRole").await).await;
    let mut stream = listening.begin(&caller, "").await;
    assert_eq!(stream.results.status().await, 200);
    stream.send(&format!("\n{}\n", message(1, "word"))).await;
    assert_eq!(stream.results.next().await.unwrap()["result"], "created");
    listening.admin.delete(&format!("/organization/api_key/{}/", key.key_id)).await.expect(200);
    stream.send(&format!("\n{}\n{}\n", message(2, "word"), message(3, "word"))).await;
    let stopped =
        json!({"stopped": {"code": "invalid_credentials", "message": "Invalid credentials", "line": 4}});
    assert_eq!(stream.results.last().await, stopped);
    // Sent again from there by somebody else, nothing is missing.
    let rest = format!("{}\n{}\n{}\n", message(1, "word"), message(2, "word"), message(3, "word"));
    let again = listening.admin.ingest(rest).await.expect(200).lines();
    let results: Vec<_> = again[..3].iter().map(|line| line["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["unchanged", "created", "created"]);
}

#[tokio::test]
async fn a_role_that_loses_the_permission_ends_the_stream() {
    let listening = Listening::start().await;
    let caller = listening
        .org
        .caller_with(&json!([
            {"permission_name": "Directory:IngestRecords", "conditions": {}},
            {"permission_name": "User:GetUserInfo", "conditions": {}},
        ]))
        .await;
    let mut stream = listening.begin(&caller, "").await;
    assert_eq!(stream.results.status().await, 200);
    stream.send(&format!("{}\n", message(1, "word"))).await;
    assert_eq!(stream.results.next().await.unwrap()["result"], "created");
    let less = json!({"permission_grants": []});
    listening.admin.post(&format!("/role/{}", caller.role_name), &less).await.expect(200);
    stream.send(&format!("{}\n", message(2, "word"))).await;
    let last = stream.results.last().await;
    assert_eq!((&last["stopped"]["code"], &last["stopped"]["line"]), (&json!("forbidden"), &json!(2)));
}

#[tokio::test]
async fn a_stop_of_the_server_ends_the_stream_and_says_where_to_go_on() {
    let listening = Listening::start().await;
    let mut stream = listening.begin(&listening.admin, "").await;
    assert_eq!(stream.results.status().await, 200);
    stream.send(&format!("{}\n", message(1, "word"))).await;
    assert_eq!(stream.results.next().await.unwrap()["result"], "created");
    listening.org.server.app().end_streams();
    let last = stream.results.last().await;
    assert_eq!((&last["stopped"]["code"], &last["stopped"]["line"]), (&json!("stopping"), &json!(2)));
}

#[tokio::test]
async fn a_sender_who_pauses_too_long_is_told_so() {
    let listening = Listening::with(HttpSettings { body_read_seconds: 1, ..HttpSettings::default() }).await;
    let mut stream = listening.begin(&listening.admin, "").await;
    assert_eq!(stream.results.status().await, 200);
    stream.send(&format!("{}\n{{\"type\":", message(1, "word"))).await;
    assert_eq!(stream.results.next().await.unwrap()["result"], "created");
    let last = stream.results.last().await;
    assert_eq!((&last["stopped"]["code"], &last["stopped"]["line"]), (&json!("body_timeout"), &json!(2)));
}

#[tokio::test]
async fn a_line_that_is_too_long_is_passed_over_without_being_kept() {
    let listening =
        Listening::with(HttpSettings { ingest_line_bytes: 1_000, ..HttpSettings::default() }).await;
    let mut stream = listening.begin(&listening.admin, "").await;
    assert_eq!(stream.results.status().await, 200);
    stream.send(&format!("{}\n", message(1, "word"))).await;
    let piece = "x".repeat(1 << 16);
    for _ in 0..64 {
        stream.send(&piece).await;
    }
    // A line of just so many bytes is one, with either end of a line.
    let fits = message(2, "").to_string();
    let fits = message(2, &"y".repeat(1_000 - fits.len())).to_string();
    assert_eq!(fits.len(), 1_000);
    stream.send(&format!("\n{fits}\r\n{fits} \n{}\n", message(3, "word"))).await;
    stream.end().await;
    for (line, result) in [(1, "created"), (2, "refused"), (3, "created"), (4, "refused"), (5, "created")] {
        let answer = stream.results.next().await.unwrap();
        assert_eq!((&answer["line"], &answer["result"]), (&json!(line), &json!(result)), "{answer}");
        if result == "refused" {
            let problem = json!({"code": "line_too_long", "message": "a line must have at most 1000 bytes"});
            assert_eq!(answer["problem"], problem);
        }
    }
    assert_eq!(stream.results.last().await["summary"]["refused"], 2);
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_whole_batches_and_the_server_goes_on() {
    let listening = Listening::start().await;
    for round in 0..5_u64 {
        let mut stream = listening.begin(&listening.admin, "").await;
        for number in 1..=700 {
            let number = round * 1_000 + number;
            if send(&mut stream.writer, &format!("{}\n", message(number, "word"))).await.is_err() {
                break;
            }
        }
        if round % 2 == 0 {
            stream.writer.shutdown().await.unwrap();
        }
        drop(stream);
    }
    // How many requests are worked on, and how many streams have ended. A stream whose sender went away may be noticed
    // first by its missing lines, and then it is answered, or first by the answer that nobody takes.
    let metrics = async || {
        let answer = listening.org.server.anonymous("GET", "/metrics", None).await;
        let text = answer.text();
        let sum = |of: &dyn Fn(&str) -> bool| -> i64 {
            let lines = text.lines().filter(|line| of(line));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<i64>().ok()).sum()
        };
        let ended = |line: &str| {
            line.starts_with("denizen_http_requests_abandoned_total")
                || line.starts_with("denizen_http_requests_total") && line.contains("operation=\"ingest\"")
        };
        (sum(&|line| line.starts_with("denizen_http_requests_in_flight")), sum(&ended))
    };
    let begun = Instant::now();
    // The question itself is worked on, and nothing else any more.
    while metrics().await != (1, 5) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", metrics().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answer = listening.admin.ingest(format!("{}\n", message(9_999, "word"))).await.expect(200);
    assert_eq!(answer.lines()[0]["result"], "created");
    listening.org.server.assert_consistent().await;
}
