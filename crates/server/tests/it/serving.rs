//! The server as its operator meets it: started, stopped, killed, and worked on by commands beside it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use denizen_testkit::ProcessHome;
use serde_json::Value;

use crate::server::{Org, Server, get_with_token, load_until_gone};
use crate::{denizen, denizen_at, folder, text};

fn json(home: &ProcessHome, arguments: &[&str]) -> Value {
    let output = denizen_at(home).args(arguments).args(["--json", "--data", "data"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_sound(home: &ProcessHome) {
    let output = denizen_at(home).args(["check", "--data", "data"]).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).starts_with("no problems"));
}

#[test]
fn a_stop_under_load_ends_well_and_keeps_exactly_what_was_acknowledged() {
    let home = ProcessHome::new();
    let server = Server::start(&home, &[]);
    let org = Org::create(&home, "acme");
    let address = server.address;
    let acknowledged = load_until_gone(&org, address, || {
        server.terminate();
        assert_eq!(server.wait().code(), Some(0));
    });
    let members = json(&home, &["org", "show", "acme"])["members"].as_u64().unwrap();
    assert_eq!(members, acknowledged.len() as u64 + 1);
}

#[test]
fn a_server_that_leaves_says_so_at_once_and_answers_every_request_until_the_drain_is_over() {
    let home = ProcessHome::new();
    std::fs::write(home.path().join("c.toml"), "[shutdown]\ndrain_seconds = 2\n").unwrap();
    let server = Server::start(&home, &["--config", "c.toml"]);
    let org = Org::create(&home, "acme");
    assert_eq!(server.status("/readyz"), Some(200));
    let signalled = Instant::now();
    server.terminate();
    while server.status("/readyz") != Some(503) {
        assert!(signalled.elapsed() < Duration::from_millis(1500), "the server still counts as ready");
    }
    // Each request is a new connection.
    let mut invited = 0;
    while signalled.elapsed() < Duration::from_millis(1500) {
        assert_eq!(org.invite(server.address, &format!("person.{invited}@example.com")), Some(201));
        assert_eq!(org.get(server.address, "/user/").unwrap().0, 200);
        invited += 1;
    }
    assert_eq!(server.status("/livez"), Some(200));
    assert_eq!(server.wait().code(), Some(0));
    assert!(signalled.elapsed() >= Duration::from_secs(2));
    assert_eq!(json(&home, &["org", "show", "acme"])["members"].as_u64(), Some(invited + 1));
}

#[test]
fn a_second_signal_during_the_drain_ends_the_server_at_once() {
    let home = ProcessHome::new();
    std::fs::write(home.path().join("c.toml"), "[shutdown]\ndrain_seconds = 600\n").unwrap();
    let server = Server::start(&home, &["--config", "c.toml"]);
    server.terminate();
    while server.status("/readyz") != Some(503) {}
    server.terminate();
    assert_eq!(server.wait().code(), Some(1));
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let home = ProcessHome::new();
    let server = Server::start(&home, &[]);
    let org = Org::create(&home, "acme");
    let address = server.address;
    let acknowledged = load_until_gone(&org, address, || server.kill());

    let again = Server::start(&home, &[]);
    assert_sound(&home);
    for email in &acknowledged {
        assert_eq!(org.invite(again.address, email), Some(409), "{email} is lost");
    }
    again.stop();
}

#[test]
fn an_organization_made_beside_a_running_server_is_served_at_once_and_a_revoked_key_soon_refused() {
    let home = ProcessHome::new();
    let server = Server::start(&home, &[]);
    let org = Org::create(&home, "acme");
    let (status, page) = org.get(server.address, "/user/").unwrap();
    assert_eq!((status, page["users"][0]["email"].as_str()), (200, Some("ada@acme.example")));

    let made = json(
        &home,
        &[
            "key",
            "create",
            "--org",
            "acme",
            "--role",
            "DefaultSuperAdministratorRole",
            "--name",
            "n",
            "--days",
            "1",
        ],
    );
    let second = Org::with_keys("acme", &made["api_key"], &made["api_key_id"], &made["member_id"]);
    assert_eq!(second.get(server.address, "/user/").unwrap().0, 200);
    let key_id = made["api_key_id"].as_str().unwrap();
    assert_eq!(json(&home, &["key", "revoke", "--org", "acme", key_id])["revoked"], true);
    sleep(Duration::from_millis(1100));
    assert_eq!(second.get(server.address, "/user/").unwrap().0, 401);
    assert_eq!(json(&home, &["key", "list", "--org", "acme"]).as_array().unwrap().len(), 1);
    assert_sound(&home);
    server.stop();
}

#[test]
fn the_demonstration_shows_its_credentials_once() {
    let home = ProcessHome::new();
    let first = Server::start(&home, &["--demo"]);
    let value = |name: &str| {
        let marker = format!("export {name}=");
        let line = first.printed.lines().find_map(|line| line.trim().strip_prefix(&marker)).unwrap();
        Value::from(line)
    };
    let secret = value("AMIGO_API_KEY");
    let org = Org::with_keys("demo", &secret, &value("AMIGO_API_KEY_ID"), &value("AMIGO_USER_ID"));
    let (status, page) = org.get(first.address, "/user/search/?query=garcia").unwrap();
    assert_eq!(status, 200);
    assert!(page["users"].as_array().unwrap().iter().any(|user| user["last_name"] == "García"));
    let token = value("DENIZEN_DIXA_TOKEN");
    let token = token.as_str().unwrap();
    let (status, page) = get_with_token(first.address, token, "/v1/endusers?pageLimit=1000").unwrap();
    assert_eq!((status, page["data"].as_array().unwrap().len()), (200, 360));
    first.stop();

    let second = Server::start(&home, &["--demo"]);
    assert!(second.printed.contains("found its data"), "{}", second.printed);
    assert!(!second.printed.contains(secret.as_str().unwrap()) && !second.printed.contains("AMIGO_"));
    assert!(!second.printed.contains(token) && !second.printed.contains("DENIZEN_DIXA_TOKEN"));
    assert!(second.printed.contains("denizen key create --org demo --dialect dixa"), "{}", second.printed);
    assert!(second.printed.contains("with 361 users, 360 contacts and 40 operators"), "{}", second.printed);
    let shown = json(&home, &["org", "show", "demo"]);
    assert_eq!((&shown["members"], &shown["contacts"]), (&Value::from(361), &Value::from(360)));
    assert_eq!(shown["operators"], 40);
    assert_eq!(json(&home, &["org", "list"])[0]["contacts"], 360);
    assert_eq!(org.get(second.address, "/user/?limit=1").unwrap().0, 200);
    second.stop();
}

#[test]
fn a_demonstration_that_was_killed_while_it_was_filled_is_completed_by_the_next_start() {
    // On a busy machine the kill can come too late, then there is nothing to complete.
    let (home, again) = (0..20)
        .find_map(|_| {
            let home = ProcessHome::new();
            Server::start_and_kill_at(&home, &["--demo"], "Its credentials");
            let again = Server::start(&home, &["--demo"]);
            again.printed.contains("An earlier start was interrupted").then_some((home, again))
        })
        .expect("one of twenty kills comes in time");
    assert!(again.printed.contains("denizen key create --org demo"), "{}", again.printed);
    let made = json(&home, &["key", "create", "--org", "demo", "--dialect", "dixa"]);
    let token = made["dixa_token"].as_str().unwrap();
    let (_, page) = get_with_token(again.address, token, "/v1/endusers?pageLimit=1000").unwrap();
    let contacts = page["data"].as_array().unwrap();
    assert_eq!(contacts.len(), 360);
    // The last one, so that what comes before is there as well.
    let path = format!("/v1/endusers/{}/conversations", contacts[359]["id"].as_str().unwrap());
    let (_, page) = get_with_token(again.address, token, &path).unwrap();
    assert_eq!(page["data"].as_array().unwrap().len(), 4);
    again.stop();
    assert_eq!(json(&home, &["org", "show", "demo"])["members"], 361);
    let keys = json(&home, &["key", "list", "--org", "demo"]);
    assert_eq!(keys.as_array().unwrap().len(), 1, "the key that completed it must be gone: {keys}");
    assert_sound(&home);
}

#[test]
fn a_demonstration_keeps_out_of_a_store_that_is_in_use() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    let output = denizen_at(&home)
        .args(["serve", "--demo", "--data", "data", "--listen", "127.0.0.1:0"])
        .env("DENIZEN_LOG_FILTER", "warn")
        .output()
        .unwrap();
    crate::assert_refused(&output, 1, "holds the organization acme");
    assert!(text(&output.stderr).contains("without --demo"), "{}", text(&output.stderr));
    assert_eq!(json(&home, &["org", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn commands_about_a_store_that_is_not_there_make_none() {
    let folder = folder();
    for arguments in [
        &["org", "list"][..],
        &["org", "show", "acme"],
        &["key", "list", "--org", "acme"],
        &["job", "list"],
        &["check"],
    ] {
        let output = denizen(folder.path()).args(arguments).args(["--data", "data"]).output().unwrap();
        crate::assert_refused(&output, 1, "no store");
        assert!(!folder.path().join("data").exists(), "{arguments:?}");
    }
    let slip = denizen(folder.path())
        .args(["org", "create", "acme", "--name", "A", "--admin-email", "nowhere", "--data", "data"])
        .output()
        .unwrap();
    crate::assert_refused(&slip, 2, "--admin-email");
    assert!(!folder.path().join("data").exists());
}

/// What a command prints for people.
fn printed(home: &ProcessHome, arguments: &[&str]) -> String {
    let output = denizen_at(home).args(arguments).args(["--data", "data"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The organization of the `export` lines in a text.
fn exported(shown: &str) -> Org {
    let value = |name: &str| {
        let marker = format!("export AMIGO_{name}=");
        Value::from(shown.lines().find_map(|line| line.trim().strip_prefix(&marker)).expect(name))
    };
    let slug = value("ORGANIZATION_ID");
    Org::with_keys(slug.as_str().unwrap(), &value("API_KEY"), &value("API_KEY_ID"), &value("USER_ID"))
}

#[test]
fn a_first_start_says_how_an_organization_is_made_and_that_says_how_it_is_used() {
    let home = ProcessHome::new();
    let server = Server::start(&home, &[]);
    let hint = server.next_line();
    assert!(hint.contains("denizen org create SLUG"), "{hint}");
    // A variable that names the store is there for the next command as well.
    assert_eq!(hint.contains("--data data"), home.store().is_none(), "{hint}");
    assert!(!hint.contains("--store") && !hint.contains("***"), "{hint}");
    let create = ["org", "create", "acme", "--name", "Acme", "--admin-email", "ada@acme.example"];
    let shown = printed(&home, &create);
    assert!(shown.contains("expires at    20") && shown.contains("curl "), "{shown}");
    assert!(shown.contains("when neither `listen` nor `public_url` is set"), "{shown}");
    assert_eq!(exported(&shown).get(server.address, "/user/").unwrap().0, 200);
    server.stop();
    let again = Server::start(&home, &[]);
    again.terminate();
    assert_eq!(again.rest(), "", "nothing is missing any more");
}

#[test]
fn a_key_of_the_command_line_leads_to_a_working_call_or_says_whose_it_is() {
    let home = ProcessHome::new();
    let server = Server::start(&home, &[]);
    Org::create(&home, "acme");
    let create = |role: &str| {
        printed(&home, &["key", "create", "--org", "acme", "--role", role, "--name", "n", "--days", "1"])
    };
    let shown = create("DefaultSuperAdministratorRole");
    assert_eq!(exported(&shown).get(server.address, "/user/").unwrap().0, 200);
    let lesser = create("DefaultAdministratorRole");
    assert!(lesser.contains("signs in users whose role is below DefaultAdministratorRole"), "{lesser}");
    assert!(!lesser.contains("export"), "{lesser}");
    server.stop();
}

#[test]
fn an_organization_that_nobody_can_administer_is_recovered_beside_the_running_server() {
    let home = ProcessHome::new();
    let server = Server::start(&home, &[]);
    let org = Org::create(&home, "acme");
    assert_eq!(org.delete_itself(server.address), Some(200));
    let create = ["key", "create", "--org", "acme", "--role", "DefaultSuperAdministratorRole"];
    let refused = denizen_at(&home)
        .args(create)
        .args(["--name", "n", "--days", "1", "--data", "data"])
        .output()
        .unwrap();
    crate::assert_refused(&refused, 1, "no super administrator");
    assert!(text(&refused.stderr).contains("denizen org recover acme"), "{}", text(&refused.stderr));
    let check = || printed(&home, &["check"]);
    assert!(check().contains("acme has no super administrator"), "{}", check());
    let shown = printed(&home, &["org", "recover", "acme", "--admin-email", "grace@acme.example"]);
    let page = exported(&shown).get(server.address, "/user/").unwrap().1;
    assert_eq!(page["users"][0]["email"], "grace@acme.example");
    assert!(!check().contains("super administrator"), "{}", check());
    server.stop();
}

#[test]
fn an_origin_that_means_less_than_it_says_is_refused() {
    let home = ProcessHome::new();
    Org::create(&home, "acme");
    let set = |flag: &str, origin: &str| {
        denizen_at(&home).args(["org", "set", "acme", "--data", "data", flag, origin]).output().unwrap()
    };
    assert!(set("--allow-origin", "https://app.example.com/").status.success());
    crate::assert_refused(&set("--allow-origin", "https://app.example.com/in"), 2, "more than an origin");
    crate::assert_refused(&set("--remove-origin", "https://other.example.com"), 1, "was not among");
    assert!(set("--remove-origin", "https://app.example.com").status.success());
}

#[test]
fn a_data_folder_that_is_none_or_cannot_be_written_to_is_what_is_blamed() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "no database").unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data"];
    let create = ["org", "create", "a", "--name", "A", "--admin-email", "a@b.example", "--data"];
    let list = ["org", "list", "--data"];
    let run =
        |arguments: &[&str], data: &str| denizen(folder.path()).args(arguments).arg(data).output().unwrap();
    for arguments in [&serve[..], &create, &list] {
        crate::assert_refused(&run(arguments, "file"), 1, "file is a file and not a data folder");
    }
    // No user can make a file there, not even the one who may do everything.
    for arguments in [&serve[..], &create] {
        crate::assert_refused(&run(arguments, "/proc/self"), 1, "cannot write to the data folder /proc/self");
    }
    let foreign = denizen(folder.path()).args(["org", "list", "--store", "sqlite:file"]).output().unwrap();
    crate::assert_refused(&foreign, 1, "cannot open the store file: file is not a database");
}
