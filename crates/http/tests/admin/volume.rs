//! Any volume in bounded memory, at the pace of the slower side.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;

use crate::sockets::{Listening, Results, send};
use crate::wire::{USER, message, records};

/// What this process occupies of memory, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// Sends lines in pieces of about 64 KiB, then ends the body.
async fn send_all(mut writer: OwnedWriteHalf, lines: impl Iterator<Item = String>) -> OwnedWriteHalf {
    let mut piece = String::new();
    for line in lines {
        piece.push_str(&line);
        piece.push('\n');
        if piece.len() > 64 << 10 {
            send(&mut writer, &piece).await.unwrap();
            piece.clear();
        }
    }
    if !piece.is_empty() {
        send(&mut writer, &piece).await.unwrap();
    }
    writer.write_all(b"0\r\n\r\n").await.unwrap();
    writer
}

/// Reads all results, which have to come in order; the last line, and the most memory that was occupied meanwhile.
async fn read_all(mut results: Results) -> (Value, usize) {
    let mut most = 0;
    let mut line = 0;
    loop {
        let answer = results.next().await.expect("a last line");
        if answer["summary"].is_object() {
            assert_eq!(results.next().await, None);
            return (answer["summary"].clone(), most);
        }
        line += 1;
        assert_eq!(answer["line"], line);
        if line % 1_000 == 0 {
            most = most.max(resident());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_thousand_lines_take_no_more_memory_than_ten_thousand() {
    let listening = Listening::start().await;
    let run = async |lines: std::ops::Range<u64>| {
        let mut stream = listening.begin(&listening.admin, "").await;
        assert_eq!(stream.results.status().await, 200);
        let sending =
            tokio::spawn(send_all(stream.writer, lines.map(|number| message(number, "word").to_string())));
        let read = read_all(stream.results).await;
        sending.await.unwrap();
        read
    };
    let (summary, small) = run(0..10_000).await;
    assert_eq!(summary["created"], 10_000);
    // Of these, half are there already.
    let (summary, large) = run(0..200_000).await;
    assert_eq!((&summary["unchanged"], &summary["created"]), (&json!(10_000), &json!(190_000)));
    // What the store keeps of pages is bounded, too, and fills up at first.
    assert!(large < small + (48 << 20), "{small} bytes before, {large} now");
}

#[tokio::test]
async fn a_slow_reader_holds_the_sender_back_and_loses_nothing() {
    let listening = Listening::start().await;
    let mut stream = listening.begin(&listening.admin, "").await;
    assert_eq!(stream.results.status().await, 200);
    // Refused lines are quick. Both ways are longer than the buffers that lie between.
    let count = 200_000;
    let line = "?".repeat(200);
    let sending = tokio::spawn(send_all(stream.writer, (0..count).map(move |_| line.clone())));
    let before = resident();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!sending.is_finished(), "the whole answer lies somewhere");
    let after = resident();
    assert!(after < before + (32 << 20), "{before} bytes before, {after} now");
    let (summary, _) = read_all(stream.results).await;
    assert_eq!((&summary["lines"], &summary["refused"]), (&json!(count), &json!(count)));
    sending.await.unwrap();
}

#[tokio::test]
async fn records_of_all_types_in_any_order_come_out_the_same_again() {
    let listening = Listening::start().await;
    let mut all: Vec<Value> = (100..2_100).map(|number| message(number, "word")).collect();
    all.extend(records());
    // Neighbours are torn apart: memories stand before their messages, and all before their user.
    all.reverse();
    let lines: Vec<String> = all.iter().map(Value::to_string).collect();
    for result in ["created", "unchanged"] {
        let mut stream = listening.begin(&listening.admin, "").await;
        assert_eq!(stream.results.status().await, 200);
        let sending = tokio::spawn(send_all(stream.writer, lines.clone().into_iter()));
        let (summary, _) = read_all(stream.results).await;
        assert_eq!(summary[result].as_u64().unwrap(), lines.len() as u64, "{summary}");
        sending.await.unwrap();
    }
    let seen = listening.admin.get(&format!("/user/?user_id={USER}")).await;
    assert_eq!(seen.json()["users"][0]["user_stats"]["num_messages"], 2_001);
    listening.org.server.assert_consistent().await;
}
