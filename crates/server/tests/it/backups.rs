//! Backups of SQLite at the terminal: what is refused, what is restored, and what is said.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Output;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use tempfile::TempDir;

use crate::{assert_refused, denizen, folder, text};

/// A folder with the data folder `data`, in which the organization acme waits for a mail to be sent, and its backup `b`.
fn backed_up() -> TempDir {
    let home = folder();
    let create = ["org", "create", "acme", "--name", "Acme", "--admin-email", "ada@acme.example"];
    must(home.path(), &[&create[..], &["--data", "data"]].concat());
    let add = ["operator", "add", "ben@acme.example", "--org", "acme", "--name", "Ben", "--role", "admin"];
    must(home.path(), &[&add[..], &["--mail", "en", "--data", "data"]].concat());
    must(home.path(), &["backup", "b", "--data", "data"]);
    home
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    denizen(home).args(arguments).output().unwrap()
}

#[track_caller]
fn must(home: &Path, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn json(home: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&must(home, &[arguments, &["--json"]].concat())).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_for_its_owner_only_and_what_is_restored_from_it_is_what_was_there() {
    let home = backed_up();
    let home = home.path();
    assert_eq!(names(&home.join("b")), ["main.db", "manifest.json"]);
    assert_eq!((mode(&home.join("b")), mode(&home.join("b/main.db"))), (0o700, 0o600));
    assert_eq!(mode(&home.join("b/manifest.json")), 0o600);

    let verified = json(home, &["restore", "b", "--verify-only", "--quiet"]);
    let database = &verified["manifest"]["databases"][0];
    assert_eq!((&database["organizations"], &database["users"]["operators"]), (&1.into(), &2.into()));
    assert_eq!(names(&home.join("b")), ["main.db", "manifest.json"], "looking must not write");

    let said = must(home, &["restore", "b", "--data", "new"]);
    for expected in ["old) is restored:\nnew/denizen.db", "erased since", "signing keys, passwords", "1 mail"]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!((mode(&home.join("new")), mode(&home.join("new/denizen.db"))), (0o700, 0o600));
    assert_eq!(names(&home.join("new")), ["denizen.db"]);
    must(home, &["check", "--data", "new"]);
    for listing in [&["org", "list"][..], &["operator", "list", "--org", "acme"], &["signing-key", "list"]] {
        let of = |data| json(home, &[listing, &["--data", data]].concat());
        assert_eq!(of("new"), of("data"), "{listing:?}");
    }
}

#[test]
fn mails_that_waited_are_held_unless_they_are_wanted() {
    let home = backed_up();
    let home = home.path();
    let mail = |data| {
        let jobs = json(home, &["job", "list", "--data", data]);
        let mails = jobs.as_array().unwrap().iter().filter(|job| job["kind"] == "mail.operator");
        let mails: Vec<_> = mails.cloned().collect();
        assert_eq!(mails.len(), 1, "{jobs}");
        mails[0].clone()
    };
    assert_eq!(json(home, &["restore", "b", "--data", "held"])["held_mails"], 1);
    assert!(mail("held")["last_error"].as_str().unwrap().starts_with("held"), "{}", mail("held"));
    assert_eq!(json(home, &["job", "retry", "--all", "--data", "held"])["made_due"], 1);

    assert_eq!(json(home, &["restore", "b", "--data", "sent", "--send-mails"])["held_mails"], 0);
    assert_eq!(mail("sent"), mail("data"));
    assert_eq!(json(home, &["job", "hold", "--data", "sent"])["held"], 1);
    assert_eq!(json(home, &["job", "hold", "--data", "sent"])["held"], 0);
    assert!(must(home, &["job", "list", "--data", "sent"]).contains("–"));
}

#[test]
fn what_is_not_the_backup_that_was_made_is_refused_and_nothing_is_left_of_the_attempt() {
    let home = backed_up();
    let home = home.path();
    // Of the same size, so that the content alone tells.
    must(home, &["job", "hold", "--data", "data"]);
    must(home, &["backup", "other", "--data", "data"]);
    let file = home.join("b/main.db");
    let manifest = home.join("b/manifest.json");
    let (whole, described) = (fs::read(&file).unwrap(), fs::read(&manifest).unwrap());
    let mut damaged = whole.clone();
    let at = damaged.len() / 2;
    damaged[at] ^= 1;
    let swapped = fs::read(home.join("other/main.db")).unwrap();
    assert_eq!(swapped.len(), whole.len());
    let foreign = String::from_utf8(described.clone()).unwrap().replace("\"members\": 1", "\"members\": 2");
    let newer = String::from_utf8(described.clone())
        .unwrap()
        .replace("\"schema_version\": ", "\"schema_version\": 9");
    for (content, says, expected) in [
        (&damaged[..], &described[..], "is not the file that was written"),
        (&swapped, &described, "is not the file that was written"),
        (&whole[..whole.len() - 4096], &described, "it was cut off or changed"),
        (&[], &described, "it was cut off or changed"),
        (&whole, &described[..described.len() / 2], "manifest.json"),
        (&whole, foreign.as_bytes(), "does not hold what its manifest says"),
        (&whole, newer.as_bytes(), "knows versions up to"),
    ] {
        fs::write(&file, content).unwrap();
        fs::write(&manifest, says).unwrap();
        assert_refused(&run(home, &["restore", "b", "--verify-only"]), 1, expected);
        assert_refused(&run(home, &["restore", "b", "--data", "new"]), 1, expected);
        let left = if home.join("new").exists() { names(&home.join("new")) } else { Vec::new() };
        assert!(left.is_empty(), "{expected}: {left:?}");
    }
    fs::write(&manifest, &described).unwrap();
    fs::remove_file(&file).unwrap();
    assert_refused(&run(home, &["restore", "b", "--verify-only"]), 1, "cannot read main.db");
    fs::remove_file(&manifest).unwrap();
    assert_refused(&run(home, &["restore", "b", "--verify-only"]), 1, "one that was cut off");
    assert_refused(&run(home, &["restore", "nowhere", "--verify-only"]), 1, "there is no folder nowhere");
}

#[test]
fn nothing_is_overwritten() {
    let home = backed_up();
    let home = home.path();
    let before = fs::read(home.join("b/main.db")).unwrap();
    assert_refused(&run(home, &["backup", "b", "--data", "data"]), 1, "a backup overwrites nothing");
    assert_eq!(fs::read(home.join("b/main.db")).unwrap(), before);
    assert_refused(&run(home, &["restore", "b", "--data", "data"]), 1, "a restore overwrites nothing");
    // The log of another database would be read as the restored one's.
    fs::create_dir(home.join("new")).unwrap();
    for ending in ["-wal", "-shm", "-journal"] {
        let left = home.join(format!("new/denizen.db{ending}"));
        fs::write(&left, "x").unwrap();
        assert_refused(&run(home, &["restore", "b", "--data", "new"]), 1, ending);
        fs::remove_file(left).unwrap();
    }
    // An empty folder may have been made for the backup.
    fs::create_dir(home.join("empty")).unwrap();
    must(home, &["backup", "empty", "--data", "data"]);
    assert_eq!(mode(&home.join("empty")), 0o700);
}

#[test]
fn what_a_cut_off_backup_or_restore_has_left_is_in_nobodys_way() {
    let home = backed_up();
    let home = home.path();
    fs::create_dir(home.join("cut.incomplete")).unwrap();
    fs::write(home.join("cut.incomplete/main.db"), "half a page").unwrap();
    assert_refused(&run(home, &["restore", "cut.incomplete", "--verify-only"]), 1, "one that was cut off");
    let output = run(home, &["backup", "cut", "--data", "data"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("cut off has been removed"), "{}", text(&output.stderr));
    must(home, &["restore", "cut", "--verify-only"]);
    assert!(!home.join("cut.incomplete").exists());

    fs::create_dir(home.join("new")).unwrap();
    for left in ["denizen.db.restoring", "denizen.db.restoring-wal", "denizen.db.restoring-shm"] {
        fs::write(home.join("new").join(left), "half a page".repeat(100_000)).unwrap();
    }
    must(home, &["restore", "cut", "--data", "new"]);
    assert_eq!(names(&home.join("new")), ["denizen.db"]);
    must(home, &["check", "--data", "new"]);
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_backup_is_made_neither_by_way_of_a_link_nor_where_others_may_write() {
    let home = backed_up();
    let home = home.path();
    let (victim, draft) = (home.join("victim"), home.join("c.incomplete"));
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("main.db"), "precious").unwrap();
    let refused = |expected: &str| {
        let output = run(home, &["backup", "c", "--data", "data"]);
        assert_refused(&output, 1, expected);
        assert_eq!(names(&victim), ["main.db"], "{expected}");
        assert_eq!(fs::read(victim.join("main.db")).unwrap(), b"precious", "{expected}");
    };
    symlink(&victim, &draft).unwrap();
    refused("c.incomplete is where it would be made, and is not used since it is a symbolic link");
    fs::remove_file(&draft).unwrap();
    symlink(&victim, home.join("c")).unwrap();
    refused("a backup overwrites nothing");
    fs::remove_file(home.join("c")).unwrap();

    fs::create_dir(&draft).unwrap();
    fs::write(draft.join("main.db"), "another's").unwrap();
    set_mode(&draft, 0o777);
    refused("others may write to it");
    assert_eq!(names(&draft), ["main.db"]);
    set_mode(&draft, 0o755);
    fs::remove_file(draft.join("main.db")).unwrap();
    symlink(victim.join("main.db"), draft.join("main.db")).unwrap();
    refused("it holds something that no backup has left");
    fs::remove_file(draft.join("main.db")).unwrap();
    must(home, &["backup", "c", "--data", "data"]);
    assert_eq!((mode(&home.join("c")), mode(&home.join("c/main.db"))), (0o700, 0o600));
}

#[test]
fn a_store_is_restored_by_way_of_no_link_and_for_its_owner_only_whatever_was_there() {
    let home = backed_up();
    let home = home.path();
    let victim = home.join("victim");
    fs::write(&victim, "precious").unwrap();
    set_mode(&victim, 0o644);
    let restore = ["restore", "b", "--store", "sqlite:r.db"];
    for left in ["r.db.restoring", "r.db.restoring-wal", "r.db.restoring-shm", "r.db.restoring-journal"] {
        let left = home.join(left);
        symlink(&victim, &left).unwrap();
        let before = names(home);
        assert_refused(&run(home, &restore), 1, "is not used since it is a symbolic link");
        assert_eq!(
            (names(home), fs::read(&victim).unwrap(), mode(&victim)),
            (before, b"precious".to_vec(), 0o644)
        );
        fs::remove_file(&left).unwrap();
        pipe(&left);
        assert_refused(&run(home, &restore), 1, "is not used since it is no regular file");
        fs::remove_file(&left).unwrap();
        fs::write(&left, "half a page").unwrap();
        set_mode(&left, 0o666);
    }
    must(home, &restore);
    assert_eq!(mode(&home.join("r.db")), 0o600);
    assert!(names(home).iter().all(|name| !name.contains("restoring")), "{:?}", names(home));
}

#[test]
fn what_never_ends_is_not_read_as_a_backup() {
    type Make = fn(&Path);
    let home = backed_up();
    let home = home.path();
    let strange: [(Make, &str); 3] = [
        (|path| pipe(path), "it is no regular file"),
        (|path| symlink("/dev/zero", path).unwrap(), "it is a symbolic link"),
        (|path| fs::write(path, " ".repeat((1 << 20) + 1)).unwrap(), ""),
    ];
    // A pipe has no bytes, and a manifest may say so.
    for (name, of_length) in
        [("manifest.json", "it has more than 1 MiB"), ("main.db", "it was cut off or changed")]
    {
        let (path, kept) = (home.join("b").join(name), home.join("kept"));
        fs::rename(&path, &kept).unwrap();
        for (make, expected) in strange {
            make(&path);
            let expected = if expected.is_empty() { of_length } else { expected };
            assert_refused(&run(home, &["restore", "b", "--verify-only"]), 1, expected);
            assert_refused(&run(home, &["restore", "b", "--store", "sqlite:r.db"]), 1, expected);
            fs::remove_file(&path).unwrap();
        }
        fs::rename(&kept, &path).unwrap();
    }
    must(home, &["restore", "b", "--verify-only"]);
}

#[test]
fn what_a_manifest_says_does_not_steer_the_terminal() {
    let home = backed_up();
    let home = home.path();
    let path = home.join("b/manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["denizen"] = "1\u{1b}]0;x\u{7}".into();
    manifest["not_included"] = vec!["us\u{1b}[2J\nhint: y\u{9b}31m"].into();
    fs::write(&path, manifest.to_string()).unwrap();
    let said = |arguments: &[&str]| {
        let output = run(home, arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
        said
    };
    assert!(said(&["restore", "b", "--verify-only"]).contains("by denizen 1\u{fffd}]0;x\u{fffd}\n"));
    let restored = said(&["restore", "b", "--store", "sqlite:r.db"]);
    assert!(restored.contains("us\u{fffd}[2J\u{fffd}hint: y\u{fffd}31m"), "{restored}");
    manifest["databases"][0]["sha256"] = "\u{1b}[2J".into();
    fs::write(&path, manifest.to_string()).unwrap();
    assert!(said(&["restore", "b", "--verify-only", "--quiet"]).contains("its manifest says \u{fffd}[2J"));
}

#[test]
fn postgresql_is_backed_up_by_its_own_tools() {
    let home = backed_up();
    let home = home.path();
    let store = "postgres://denizen:pa55@db.example.com/denizen";
    let refused = run(home, &["backup", "p", "--store", store]);
    assert_refused(&refused, 2, "pg_dump");
    assert!(text(&refused.stderr).contains("docs/operations.md") && !text(&refused.stderr).contains("pa55"));
    assert_refused(&run(home, &["restore", "b", "--store", store]), 2, "pg_restore");
    assert!(!home.join("p").exists() && !home.join("p.incomplete").exists());
}
