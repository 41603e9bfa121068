//! `denizen import operators` and `denizen export operators` as whoever moves in uses them.

use std::fmt::Write as _;
use std::process::{Output, Stdio};

use denizen_testkit::ProcessHome;

use crate::server::Org;
use crate::{denizen_at, text};

const PLACE: &str = "11111111-1111-4111-8111-111111111111;=Test;22222222-2222-4222-8222-222222222222";

fn run(home: &ProcessHome, arguments: &[&str]) -> Output {
    denizen_at(home).args(arguments).args(["--data", "data", "--org", "acme"]).output().unwrap()
}

fn org_with_a_bot(home: &ProcessHome) {
    Org::create(home, "acme");
    let (environment, bot) = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222");
    let records = format!(
        "{{\"type\":\"environment\",\"environment_id\":\"{environment}\",\"name\":\"=Test\",\"is_active\":true}}\n\
         {{\"type\":\"bot\",\"bot_id\":\"{bot}\",\"environment_id\":\"{environment}\",\"name\":\"Bot\",\"is_active\":true}}\n"
    );
    std::fs::write(home.path().join("records.ndjson"), records).unwrap();
    let output = run(home, &["ingest", "records.ndjson"]);
    assert!(output.status.success(), "{}", text(&output.stdout));
}

/// The rows of the operators that there are, by their addresses; the organization's first one may be among them.
fn exported(home: &ProcessHome) -> Vec<String> {
    let output = run(home, &["export", "operators"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let all = text(&output.stdout);
    let mut rows: Vec<String> =
        all.lines().skip(1).filter(|row| row.contains("@x.org")).map(str::to_owned).collect();
    rows.sort();
    rows
}

#[test]
fn a_file_is_imported_its_errors_are_told_and_what_is_exported_can_be_imported() {
    let home = ProcessHome::new();
    org_with_a_bot(&home);
    let csv = format!(
        "email;name;company;role;password;environmentUuid;environmentName;bot\n\
         a@x.org;=Ann;;VIEWER;Passw0rd;{PLACE}\n=b@x.org;B;;ADMIN;weak\n;C\u{1b}[2J;;ADMIN;Passw0rd\n"
    );
    std::fs::write(home.path().join("people.csv"), &csv).unwrap();
    let tried = run(&home, &["import", "operators", "people.csv", "--dry-run"]);
    assert_eq!(tried.status.code(), Some(1));
    assert_eq!(
        text(&tried.stdout),
        "Line 3 (=b@x.org): The password does not meet the password policy\nLine 4: the email is required\n\
         3 users: 1 would be created, 2 would fail\n"
    );
    assert_eq!(exported(&home), [""; 0]);
    let output = run(&home, &["import", "operators", "people.csv", "--errors", "errors.csv"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "3 users: 1 created, 2 failed\n");
    assert!(text(&output.stderr).contains("error: 2 of 3 users were not made; the others were\nhint: "));
    let errors = std::fs::read_to_string(home.path().join("errors.csv")).unwrap();
    assert_eq!(
        errors,
        "line;email;message\r\n3;'=b@x.org;The password does not meet the password policy\r\n\
         4;;Line 4: the email is required\r\n"
    );
    let row = "a@x.org;'=Ann;;VIEWER;;11111111-1111-4111-8111-111111111111;'=Test;\
               22222222-2222-4222-8222-222222222222";
    assert_eq!(exported(&home), [row]);
    let output = run(&home, &["export", "operators", "given.csv"]);
    assert!(output.status.success());
    let again = run(&home, &["import", "operators", "given.csv", "--quiet"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stdout).contains("The password is required"), "{}", text(&again.stdout));
    assert_eq!(exported(&home), [row]);
}

#[test]
fn a_file_that_cannot_be_read_is_misuse_and_nothing_is_overwritten_that_is_read() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    std::fs::write(home.path().join("people.csv"), "email;name\nx;y\n").unwrap();
    let output = run(&home, &["import", "operators", "people.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).starts_with("error: people.csv: The header lacks the columns role, password\n")
    );
    std::fs::write(home.path().join("people.csv"), "mail;name;role;password\n").unwrap();
    let output = run(&home, &["import", "operators", "people.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("line 1 has no column `email`, so it was read as a user"));
    let good = "a@x.org;A;;ADMIN;Passw0rd\n";
    std::fs::write(home.path().join("people.csv"), good).unwrap();
    let output = run(&home, &["import", "operators", "people.csv", "--errors", "./people.csv"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(home.path().join("people.csv")).unwrap(), good);
    assert_eq!(run(&home, &["import", "operators", "missing.csv"]).status.code(), Some(2));
    let output = run(&home, &["import", "operators", "people.csv"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(0), "1 user: 1 created, 0 failed\n")
    );
}

/// Killed as soon as the file of errors shows that a batch was begun, and again after more of them.
#[test]
fn an_import_that_is_killed_goes_on_and_makes_each_user_once() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    // Most are refused, which costs nothing; the hash of a password is as dear here as it is anywhere.
    let mut csv = String::new();
    for n in 0..900 {
        let password = if n % 18 == 4 { "Passw0rd" } else { "weak" };
        writeln!(csv, "u{n}@x.org;N;;ADMIN;{password}").unwrap();
    }
    std::fs::write(home.path().join("people.csv"), &csv).unwrap();
    let errors = home.path().join("errors.csv");
    let length = || std::fs::metadata(&errors).map_or(0, |found| found.len());
    let import = ["import", "operators", "people.csv", "--errors", "errors.csv"];
    let mut killed = 0;
    for lengths in [100, 20_000] {
        let mut child = denizen_at(&home)
            .args(import)
            .args(["--data", "data", "--org", "acme", "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while length() < lengths && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(killed, 2, "the machine is too quick for this file");
    let output = run(&home, &import);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let told = text(&output.stderr);
    assert!(told.contains("was cut off; it goes on after"), "{told}");
    let silence =
        "warning: from here on, nobody is written to, whatever --mail said before: there is no --mail now\n";
    assert!(told.contains(silence), "{told}");
    assert_eq!(text(&output.stdout), "900 users: 50 created, 850 failed\n");
    let mut expected = "line;email;message\r\n".to_owned();
    for n in (0..900).filter(|n| n % 18 != 4) {
        let message = "The password does not meet the password policy";
        write!(expected, "{};u{n}@x.org;{message}\r\n", n + 1).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&errors).unwrap(), expected);
    let rows = exported(&home);
    assert_eq!(rows.len(), 50);
    assert!(rows.windows(2).all(|pair| pair[0] != pair[1]));
}
