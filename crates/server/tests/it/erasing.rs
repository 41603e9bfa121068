//! What an operator is shown of an erasure, and can do about a job that does not get done.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use denizen_testkit::ProcessHome;
use serde_json::{Value, json};

use crate::server::{Org, Server};
use crate::{denizen_at, text};

const USER: &str = "65f000000000000000000001";

fn command(home: &ProcessHome, arguments: &[&str]) -> Command {
    let mut command = denizen_at(home);
    command.args(arguments).args(["--data", "data"]);
    command
}

fn run(home: &ProcessHome, arguments: &[&str]) -> Output {
    command(home, arguments).output().unwrap()
}

fn printed(home: &ProcessHome, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The exit code, the answer and what was said on standard error.
fn erased(home: &ProcessHome) -> (Option<i32>, Value, String) {
    let output = run(home, &["user", "erased", "--org", "acme", USER, "--json"]);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap(), text(&output.stderr))
}

fn ingest(home: &ProcessHome, records: &[Value]) {
    let lines: Vec<String> = records.iter().map(|record| format!("{record}\n")).collect();
    let file = home.path().join("records.ndjson");
    std::fs::write(&file, lines.concat()).unwrap();
    printed(home, &["ingest", "--org", "acme", "--quiet", file.to_str().unwrap()]);
}

#[test]
fn an_operator_sees_what_is_left_of_a_user_and_drops_the_job_that_will_never_be_done() {
    let home = ProcessHome::new();
    let org = Org::create(&home, "acme");
    let user = json!({
        "type": "user", "user_id": USER, "email": "grace@elsewhere.example", "first_name": "Grace",
        "last_name": "Hopper", "is_verified": true, "google_account": {"account_id": "an-account"}
    });
    let conversation = json!({
        "type": "conversation", "conversation_id": "65f0000000000000000000c1", "user_id": USER,
        "started_at": "2024-03-12T09:00:00Z"
    });
    ingest(&home, &[user, conversation]);
    let (code, found, errors) = erased(&home);
    assert_eq!((code, &found["exists"], &found["erased_at"]), (Some(1), &json!(true), &Value::Null));
    assert!(errors.contains("was not deleted"), "{errors}");

    let server = Server::start(&home, &[]);
    let deleted = org.request(server.address, "DELETE", &format!("/user/{USER}"), "");
    assert_eq!(deleted.map(|(status, _)| status), Some(200));
    // Nothing is set up that could delete the account.
    let begun = Instant::now();
    let job = loop {
        let jobs: Value = serde_json::from_str(&printed(&home, &["job", "list", "--json"])).unwrap();
        let [job] = jobs.as_array().unwrap().as_slice() else {
            assert!(begun.elapsed() < Duration::from_secs(30), "{jobs}");
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if !job["last_error"].is_null() {
            break job.clone();
        }
    };
    assert_eq!((&job["kind"], &job["org_id"]), (&json!("identity.delete_account"), &json!("acme")));
    let (code, found, errors) = erased(&home);
    assert_eq!((code, &found["jobs"]["delete_account"]), (Some(1), &json!(1)), "{found}");
    assert!(found["rows"].as_array().unwrap().iter().all(|table| table["rows"] == 0), "{found}");
    assert!(errors.contains("jobs about what is left are not done yet"), "{errors}");

    assert!(printed(&home, &["job", "retry", "--all"]).contains("a running server takes what is due"));
    let id = job["job_id"].as_str().unwrap();
    let asked = run(&home, &["job", "drop", id]);
    assert!(asked.status.code() == Some(2) && text(&asked.stderr).contains("--yes"), "{asked:?}");
    // While it is being tried it is not dropped.
    let dropped = loop {
        let output = run(&home, &["job", "drop", id, "--yes"]);
        if output.status.success() {
            break output;
        }
        assert!(text(&output.stderr).contains("is being worked on"), "{}", text(&output.stderr));
        assert!(begun.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(100));
    };
    let log = text(&dropped.stderr);
    assert!(log.contains("WARN") && log.contains("dropped by an operator"), "{log}");
    assert!(run(&home, &["job", "retry", id]).status.code() == Some(1), "it is gone");
    let left = loop {
        let (code, found, _) = erased(&home);
        if code == Some(0) {
            break found;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "{found}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((&left["exists"], &left["jobs"]["scrub_store"]), (&json!(false), &json!(0)), "{left}");
    assert!(printed(&home, &["job", "list"]).starts_with("no jobs"));
    server.stop();
}

#[test]
fn a_server_without_a_google_project_warns_when_users_carry_accounts() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    let warns = || {
        let child = command(&home, &["serve", "--listen", "127.0.0.1:0"])
            .env("DENIZEN_LOG_FILTER", "warn")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A stop lets what runs in the background come to its end.
        std::thread::sleep(Duration::from_secs(2));
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        text(&child.wait_with_output().unwrap().stderr).contains("[identity] is not set up")
    };
    assert!(!warns());
    let user = json!({
        "type": "user", "user_id": USER, "email": "grace@elsewhere.example", "first_name": "Grace",
        "last_name": "Hopper", "google_account": {"account_id": "an-account"}
    });
    ingest(&home, &[user]);
    assert!(warns());
}

#[test]
fn an_emulator_without_a_project_stops_the_server_before_it_begins() {
    let home = ProcessHome::new();
    for arguments in [&["config"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let output = command(&home, arguments)
            .env("DENIZEN_IDENTITY_GOOGLE_URL", "http://127.0.0.1:9099")
            .output()
            .unwrap();
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(
            errors.contains("identity.google_url leads to 127.0.0.1:9099: set identity.google_project"),
            "{errors}"
        );
    }
}
