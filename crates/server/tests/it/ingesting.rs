//! `denizen ingest` as whoever moves in uses it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Output, Stdio};
use std::time::Duration;

use denizen_testkit::ProcessHome;
use serde_json::{Value, json};

use crate::server::{Org, Server};
use crate::{assert_refused, denizen_at, text};

const USER: &str = "65f000000000000000000001";

fn user() -> Value {
    json!({
        "type": "user", "user_id": USER, "email": "ada@elsewhere.example", "first_name": "Ada",
        "last_name": "Lovelace", "is_verified": true
    })
}

fn message(number: usize) -> Value {
    json!({
        "type": "message", "message_id": format!("65f1{number:020x}"), "user_id": USER,
        "conversation_id": "65f0000000000000000000c1", "created_at": "2024-03-12T09:00:01Z", "sender": "user",
        "content": format!("Number {number}")
    })
}

fn ingest(home: &ProcessHome, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = denizen_at(home)
        .args(["ingest", "--data", "data"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that fails early does not read it all.
    let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

#[test]
fn a_file_is_taken_in_beside_a_running_server_and_the_same_again_changes_nothing() {
    let home = ProcessHome::new();
    let org = Org::create(&home, "acme");
    let server = Server::start(&home, &[]);
    let mut lines = format!("{}\n", user());
    for number in 0..1_200 {
        writeln!(lines, "{}", message(number)).unwrap();
    }
    let file = home.path().join("records.ndjson");
    std::fs::write(&file, &lines).unwrap();
    for summary in [
        "1201 lines: 1201 created, 0 updated, 0 unchanged, 0 refused\n",
        "1201 lines: 0 created, 0 updated, 1201 unchanged, 0 refused\n",
    ] {
        let output = ingest(&home, &["--org", "acme", "records.ndjson"], b"");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), summary);
    }
    let (status, seen) = org.get(server.address, &format!("/user/?user_id={USER}")).unwrap();
    assert_eq!((status, &seen["users"][0]["email"]), (200, &json!("ada@elsewhere.example")));
    assert_eq!(seen["users"][0]["user_stats"]["num_messages"], 1_200);
    server.stop();
}

#[test]
fn refused_lines_are_told_and_the_others_taken_in() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    let mut wrong = message(2);
    wrong["colour"] = "red\u{1b}[2J".into();
    wrong["\u{1b}]0;x"] = "".into();
    let lines = format!("{}\nnonsense\n{wrong}\n\n{}", message(1), message(3));
    let output = ingest(&home, &["--org", "acme", "-"], lines.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stdout);
    let printed: Vec<&str> = printed.lines().collect();
    assert_eq!(printed[0], "line 2: is not JSON: expected ident, at byte 2");
    assert!(printed[1].starts_with("line 3 (message 65f100000000000000000002), "), "{printed:?}");
    assert_eq!(printed[2], "4 lines: 2 created, 0 updated, 0 unchanged, 2 refused");
    assert!(!text(&output.stdout).contains('\u{1b}'));
    let errors = text(&output.stderr);
    let expected = "error: 2 of 4 lines were refused; the others were taken in\nhint: ";
    assert!(errors.contains(expected), "{errors}");

    let output = ingest(&home, &["--org", "acme", "--json", "-"], lines.as_bytes());
    let printed: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let results: Vec<&Value> = printed.iter().map(|line| &line["result"]).collect();
    assert_eq!(
        results,
        ["unchanged", "refused", "refused", "unchanged"]
            .map(Value::from)
            .iter()
            .chain([&Value::Null])
            .collect::<Vec<_>>()
    );
    assert_eq!(printed[4]["summary"]["refused"], 2);
    assert_eq!((&printed[3]["line"], &printed[3]["type"]), (&json!(5), &json!("message")));
}

#[test]
fn the_last_words_of_a_run_agree_with_its_numbers() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    let good = message(1);
    for (lines, counted, error) in [
        (
            "nonsense".to_owned(),
            "1 line: 0 created, 0 updated, 0 unchanged, 1 refused\n",
            "error: the only line was refused; nothing was taken in\n",
        ),
        (
            "a\nb\nc".to_owned(),
            "3 lines: 0 created, 0 updated, 0 unchanged, 3 refused\n",
            "error: all 3 lines were refused; nothing was taken in\n",
        ),
        (
            format!("{good}\nb"),
            "2 lines: 1 created, 0 updated, 0 unchanged, 1 refused\n",
            "error: 1 of 2 lines was refused; the others were taken in\n",
        ),
        (good.to_string(), "1 line: 0 created, 0 updated, 1 unchanged, 0 refused\n", ""),
    ] {
        let output = ingest(&home, &["--org", "acme", "--quiet", "-"], lines.as_bytes());
        assert!(text(&output.stdout).ends_with(counted), "{}", text(&output.stdout));
        assert!(text(&output.stderr).starts_with(error), "{}", text(&output.stderr));
    }
    let output = ingest(&home, &["--org", "acme", "--json", "-"], b"");
    let summary = "{\"summary\":{\"lines\":0,\"created\":0,\"updated\":0,\"unchanged\":0,\"refused\":0}}\n";
    assert_eq!(text(&output.stdout), summary);
}

#[test]
fn a_file_of_contacts_tells_their_ids_and_what_sending_it_again_would_do() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    let contact = json!({"type": "contact", "external_id": "crm-1", "email": "ann@example.org"});
    let lines = format!("{contact}\n{contact}\nnonsense");
    let output = ingest(&home, &["--org", "acme", "--json", "--quiet", "-"], lines.as_bytes());
    let printed: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&printed[0]["result"], &printed[1]["result"]), (&json!("created"), &json!("unchanged")));
    assert_eq!(printed[0]["id"].as_str().map(str::len), Some(36));
    assert_eq!(printed[0]["id"], printed[1]["id"]);
    let warning = "a contact without `contact_id` who was anonymized since would come back";
    assert!(text(&output.stderr).contains(warning), "{}", text(&output.stderr));
    // Of other files nothing of this is said.
    let other = format!("{}\nnonsense", message(1));
    let output = ingest(&home, &["--org", "acme", "--quiet", "-"], other.as_bytes());
    assert!(text(&output.stderr).ends_with("is not changed by that\n"), "{}", text(&output.stderr));
}

#[test]
fn transcripts_longer_than_the_setting_are_refused() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    let event = |number: u64, length: usize| {
        json!({
            "type": "external_event", "external_event_id": format!("65f2{number:020x}"), "user_id": USER,
            "event_type": "call", "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z",
            "description": "Called", "transcript": "é".repeat(length / 2)
        })
    };
    let lines = format!("{}\n{}", event(1, 2_000), event(2, 2_002));
    let limited = ["--org", "acme", "--quiet", "-", "--config", "limit.toml"];
    std::fs::write(home.path().join("limit.toml"), "[amigo]\ntranscript_bytes = 2000\n").unwrap();
    let output = ingest(&home, &limited, lines.as_bytes());
    let expected =
        "line 2 (external_event 65f200000000000000000002), transcript: must have at most 2000 bytes\n";
    assert!(text(&output.stdout).starts_with(expected), "{}{}", text(&output.stdout), text(&output.stderr));
    std::fs::write(home.path().join("limit.toml"), "[amigo]\ntranscript_bytes = 2002\n").unwrap();
    assert_eq!(ingest(&home, &limited, lines.as_bytes()).status.code(), Some(0));
}

#[test]
fn lines_longer_than_the_setting_are_refused() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    let mut long = message(1);
    long["content"] = "x".repeat(3_000_000).into();
    let lines = format!("{long}\n{}\n{long}", message(2));
    let output = ingest(&home, &["--org", "acme", "-", "--quiet"], lines.as_bytes());
    let printed = text(&output.stdout);
    assert!(
        printed.starts_with("line 1: a line must have at most 1048576 bytes\nline 3: a line"),
        "{printed}"
    );
    assert!(printed.ends_with("3 lines: 1 created, 0 updated, 0 unchanged, 2 refused\n"), "{printed}");
}

#[test]
fn what_cannot_be_begun_is_refused_before_anything_is_read() {
    let home = ProcessHome::new();
    assert_refused(&ingest(&home, &["--org", "acme", "absent.ndjson"], b""), 2, "absent.ndjson");
    Org::create(&home, "acme");
    assert_refused(&ingest(&home, &["--org", "acme", "."], b""), 2, "is a folder");
    assert_refused(&ingest(&home, &["--org", "globex", "-"], b""), 1, "globex");
    assert_refused(&ingest(&home, &["-"], b""), 2, "--org");
}

#[test]
fn what_has_come_over_a_pipe_is_taken_in_while_more_is_waited_for() {
    use std::io::{BufRead as _, BufReader};
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    let mut child = denizen_at(&home)
        .args(["ingest", "--data", "data", "--org", "acme", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut results = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 1..=3 {
        writeln!(stdin, "{}", message(number)).unwrap();
        stdin.flush().unwrap();
        let result: Value = serde_json::from_str(&results.next().unwrap().unwrap()).unwrap();
        assert_eq!((&result["line"], &result["result"]), (&json!(number), &json!("created")));
    }
    drop(stdin);
    assert!(results.next().unwrap().unwrap().contains("summary"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_stop_ends_a_stream_with_a_line_that_says_where_to_go_on() {
    use std::io::{BufRead as _, BufReader};
    let home = ProcessHome::new();
    let org = Org::create(&home, "acme");
    let server = Server::start(&home, &[]);
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "POST /admin/v1/acme/ingest HTTP/1.1\r\nhost: localhost\r\n{}transfer-encoding: chunked\r\n\r\n",
        org.headers
    );
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = BufReader::new(socket.try_clone().unwrap());
    let mut next = |marker: &str| {
        let mut line = String::new();
        while !line.contains(marker) {
            line.clear();
            assert!(answer.read_line(&mut line).unwrap() > 0, "the answer ends before {marker}");
        }
        line
    };
    let chunk = |number| {
        let line = format!("{}\n", message(number));
        format!("{:x}\r\n{line}\r\n", line.len())
    };
    for number in 1..=3 {
        socket.write_all(chunk(number).as_bytes()).unwrap();
        next("\"result\":\"created\"");
    }
    server.terminate();
    let last: Value = serde_json::from_str(&next("stopped")).unwrap();
    assert_eq!((&last["stopped"]["code"], &last["stopped"]["line"]), (&json!("stopping"), &json!(4)));
    // Whoever is still sending can send on for a moment, and is heard to no effect.
    socket.write_all(chunk(4).as_bytes()).unwrap();
    assert_eq!(next("0\r\n"), "0\r\n");
    drop((socket, answer));
    assert_eq!(server.wait().code(), Some(0));
}
