//! The binary as its user meets it: a process with arguments, an environment, streams and an exit code.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's own exception covers functions marked as tests only, not their helpers"
)]
#![allow(unreachable_pub, reason = "a test binary has no public interface")]

mod backups;
mod erasing;
mod importing;
mod ingesting;
mod keys;
mod server;
mod serving;
mod sharing;

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use denizen_testkit::ProcessHome;

/// The binary in the folder of a home, over its store.
fn denizen_at(home: &ProcessHome) -> Command {
    let mut command = denizen(home.path());
    // Few connections, because many tests run at once.
    command
        .envs(home.store().map(|url| ("DENIZEN_STORE", url)))
        .env("DENIZEN_POSTGRES_WRITE_CONNECTIONS", "4");
    command
}

/// The binary in an empty folder, without any `DENIZEN_` variable of whoever runs the tests.
fn denizen(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denizen"));
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DENIZEN_") {
            command.env_remove(name);
        }
    }
    command
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn assert_refused(output: &Output, code: i32, message: &str) {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(output.stdout.is_empty());
    assert!(errors.starts_with("error: "), "{errors}");
    assert!(errors.contains(message), "{errors}");
    assert!(errors.lines().any(|line| line.starts_with("hint: ")), "{errors}");
}

#[test]
fn the_effective_configuration_is_printed_and_can_be_used_as_a_file() {
    let folder = folder();
    let first = denizen(folder.path())
        .args(["config", "--data", "d"])
        .env("DENIZEN_LOG_FORMAT", "text")
        .output()
        .unwrap();
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("# flag --data"));
    assert!(text(&first.stdout).contains("# environment DENIZEN_LOG_FORMAT"));
    assert!(!folder.path().join("d").exists(), "showing the configuration must not create anything");

    std::fs::write(folder.path().join("c.toml"), &first.stdout).unwrap();
    let second = denizen(folder.path()).args(["--config", "c.toml", "config"]).output().unwrap();
    let third = denizen(folder.path()).arg("config").env("DENIZEN_CONFIG", "c.toml").output().unwrap();
    assert_eq!(text(&second.stdout), text(&third.stdout));
    let parsed = |output: &Output| text(&output.stdout).parse::<toml::Table>().unwrap();
    assert_eq!(parsed(&second), parsed(&first));
    assert_eq!(parsed(&first)["log"]["format"].as_str(), Some("text"));
}

#[test]
fn a_password_from_the_environment_is_not_printed() {
    let folder = folder();
    let output = denizen(folder.path())
        .arg("config")
        .env("DENIZEN_MAIL_SMTP_URL", "smtp://ada:pa55@mail.example")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("smtp://ada:********@mail.example"));
    assert!(!text(&output.stdout).contains("pa55"));
}

#[test]
fn misuse_ends_with_code_2_and_says_what_to_do() {
    let folder = folder();
    let run = |arguments: &[&str]| denizen(folder.path()).args(arguments).output().unwrap();
    assert_refused(&run(&["config", "--config", "absent.toml"]), 2, "absent.toml");
    assert_refused(&run(&["srve"]), 2, "serve");
    assert_refused(&run(&["org", "create", "acme"]), 2, "--admin-email");
    assert_refused(&run(&["serve", "--listen", "here"]), 2, "flag --listen: `listen` must be ADDRESS:PORT");
    let output = denizen(folder.path()).arg("config").env("DENIZEN_LISTN", "x").output().unwrap();
    assert_refused(&output, 2, "DENIZEN_LISTEN");
}

#[test]
fn a_mail_template_that_would_stop_the_server_is_refused_by_config() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("texts")).unwrap();
    std::fs::write(folder.path().join("texts/magic_link.en.txt"), "Subject: x\n\n{{ nothing }}").unwrap();
    let output =
        denizen(folder.path()).arg("config").env("DENIZEN_MAIL_TEMPLATES", "texts").output().unwrap();
    assert_refused(&output, 1, "magic_link.en.txt");
    assert!(!folder.path().join("denizen-data").exists(), "looking must not create anything");
}

#[test]
fn the_file_found_in_the_default_folder_cannot_move_it() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("denizen-data")).unwrap();
    let file = folder.path().join("denizen-data/denizen.toml");
    std::fs::write(&file, "data = './elsewhere'\n").unwrap();
    assert_refused(&denizen(folder.path()).arg("config").output().unwrap(), 2, "--config");
    std::fs::write(&file, "data = './denizen-data'\nlisten = '127.0.0.1:9'\n").unwrap();
    let output = denizen(folder.path()).arg("config").output().unwrap();
    assert!(text(&output.stdout).contains("127.0.0.1:9"), "{}", text(&output.stderr));
}

#[test]
fn help_version_and_completions_need_no_configuration() {
    let folder = folder();
    for (arguments, expected) in [
        (vec!["--help"], "Example:"),
        (vec!["--help"], "Dixa's end users and eva's users"),
        (vec!["help", "org", "create"], "--admin-email"),
        (vec!["org", "set", "--help"], "--remove-origin"),
        (vec!["--version"], concat!("denizen ", env!("CARGO_PKG_VERSION"))),
        (vec!["completions", "bash"], "_denizen"),
        (vec!["completions", "fish"], "org"),
        (vec!["completions", "zsh"], "#compdef denizen"),
    ] {
        let output = denizen(folder.path()).args(&arguments).env("DENIZEN_NONSENSE", "1").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains(expected), "{arguments:?}");
    }
}

#[test]
fn a_closed_standard_output_is_no_panic() {
    let folder = folder();
    for arguments in [&["config"][..], &["completions", "bash"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child =
            denizen(folder.path()).args(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}: {errors}");
        assert_eq!(errors, "", "{arguments:?}");
    }
}
