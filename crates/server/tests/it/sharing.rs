//! One Google project and several organizations.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use denizen_testkit::ProcessHome;

use crate::server::Org;
use crate::{denizen_at, text};

const LISTED: &str = "DENIZEN_IDENTITY_ORGANIZATIONS";

/// What a server with a project says until it is ready and stopped, and whether it warns.
fn warns(home: &ProcessHome, project: Option<&str>, listed: Option<&str>) -> bool {
    let log = home.path().join("serve.log");
    let mut child = denizen_at(home)
        .args(["serve", "--listen", "127.0.0.1:0", "--data", "data"])
        .envs(project.map(|project| ("DENIZEN_IDENTITY_GOOGLE_PROJECT", project)))
        .envs(project.map(|_| ("DENIZEN_IDENTITY_GOOGLE_URL", "http://127.0.0.1:9/identity")))
        .envs(listed.map(|listed| (LISTED, listed)))
        .env("DENIZEN_LOG_FORMAT", "json")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !std::fs::read_to_string(&log).unwrap().contains("\"listening\"") {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", std::fs::read_to_string(&log).unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let log = std::fs::read_to_string(&log).unwrap();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("identity.organizations")).collect();
    assert!(warnings.len() <= 1 && warnings.iter().all(|line| line.contains("WARN")), "{warnings:?}");
    !warnings.is_empty()
}

#[test]
fn a_server_warns_of_a_project_that_every_one_of_several_organizations_reaches() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    assert!(!warns(&home, Some("demo-users"), None), "one organization shares with nobody");
    Org::create(&home, "globex");
    assert!(warns(&home, Some("demo-users"), None));
    assert!(!warns(&home, Some("demo-users"), Some("acme")));
    assert!(!warns(&home, None, None), "there is nothing to reach");
}

#[test]
fn the_organizations_that_reach_the_project_are_printed_checked_and_heeded() {
    let home = ProcessHome::new();
    let run = |arguments: &[&str], listed: &str| {
        denizen_at(&home).args(arguments).args(["--data", "data"]).env(LISTED, listed).output().unwrap()
    };
    let printed = text(&run(&["config"], "globex,acme").stdout);
    assert!(printed.contains("organizations = [\"acme\",\"globex\"]"), "{printed}");
    let refused = run(&["config"], "Acme");
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("names no organization"), "{}", text(&refused.stderr));

    Org::create(&home, "acme");
    let file = home.path().join("records.ndjson");
    let record = serde_json::json!({
        "type": "user", "user_id": "65f000000000000000000001", "email": "grace@elsewhere.example",
        "first_name": "Grace", "last_name": "Hopper", "google_account": {"account_id": "an-account"}
    });
    std::fs::write(&file, format!("{record}\n")).unwrap();
    let arguments = ["ingest", "--org", "acme", file.to_str().unwrap()];
    let refused = run(&arguments, "globex");
    let said = text(&refused.stdout) + &text(&refused.stderr);
    assert!(!refused.status.success() && said.contains("identity.organizations"), "{said}");
    let taken = run(&arguments, "acme");
    assert!(taken.status.success(), "{}", text(&taken.stderr));
}
