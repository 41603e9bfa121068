//! Mails as files: whole, private, repeatable, and with headers that nobody can add to.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use denizen_courier::{Courier, CourierError, Delivery, MailSettings};
use denizen_domain::{mail::Mail, time::Timestamp};

use crate::support::{Received, date, deliver_and_read, deliver_with, invitation, magic_link, settings};

const HEADERS: [&str; 8] =
    ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"];

#[tokio::test]
async fn a_mail_becomes_one_private_file_that_a_retry_repeats_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("data").join("mail");
    let courier = Courier::new(&settings(&outbox)).unwrap();
    assert_eq!(fs::metadata(&outbox).unwrap().permissions().mode() & 0o777, 0o700);

    let Delivery::Written(path) = courier.deliver(&magic_link(), "job-1", date()).await.unwrap() else {
        panic!("there is no server")
    };
    assert_eq!(path, outbox.join("job-1@example.com.eml"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::read(&path).unwrap();
    courier.deliver(&magic_link(), "job-1", date()).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), first);
    assert_eq!(fs::read_dir(&outbox).unwrap().count(), 1, "nothing temporary is left");

    let mail = Received::parse(&first);
    assert_eq!(mail.header_names(), HEADERS);
    assert_eq!(mail.header("Message-ID"), "<job-1@example.com>");
    assert_eq!(mail.header("Date"), "Sat, 10 Jan 2026 12:30:00 +0000");
    assert_eq!(mail.header("From"), "Directory <directory@example.com>");
    assert_eq!(mail.header("To"), "\"Ada Lovelace\" <ada@example.org>");
}

#[tokio::test]
async fn a_half_written_mail_is_never_seen() {
    let folder = tempfile::tempdir().unwrap();
    let courier = Courier::new(&settings(folder.path())).unwrap();
    let path = folder.path().to_owned();
    let watcher = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < 50 {
            seen = 0;
            for entry in fs::read_dir(&path).unwrap() {
                let entry = entry.unwrap().path();
                if entry.extension().is_some_and(|extension| extension == "eml") {
                    Received::parse(&fs::read(entry).unwrap());
                    seen += 1;
                }
            }
        }
    });
    for number in 0..50 {
        courier.deliver(&invitation(), &format!("job-{number}"), date()).await.unwrap();
    }
    watcher.join().unwrap();
}

#[tokio::test]
async fn no_name_can_add_a_header_or_a_recipient() {
    for hostile in [
        "Ada\r\nBcc: eve@example.com",
        "Ada\nBcc: eve@example.com\n\nbody",
        "Ada\rBcc: eve@example.com",
        "Ada\u{2028}Bcc: eve@example.com",
        "Ada\" <eve@example.com>, \"",
        "Ada <eve@example.com>, x",
        "Ada\\",
        "=?utf-8?q?Ada=0D=0ABcc:_eve@example.com?=",
        "--=_denizen_0\r\nContent-Type: text/html",
        "Áda\r\n\r\n--=_denizen_0--",
    ] {
        let mail = Mail {
            recipient_name: hostile.to_owned(),
            organization_name: hostile.to_owned(),
            ..invitation()
        };
        let received = deliver_and_read(&mail).await;
        assert_eq!(received.header_names(), HEADERS, "{hostile:?}");
        assert!(received.header("To").ends_with(" <ada@example.org>"), "{hostile:?}");
    }
}

#[tokio::test]
async fn names_and_subjects_in_any_script_arrive_as_they_are() {
    let long = "株式会社ながいなまえのかいしゃ".repeat(8);
    for (name, organization) in [
        ("山田 太郎", "株式会社サンプル"),
        ("Zoë Ñandú", "Ação & Cia."),
        ("Ольга", long.as_str()),
        ("O'Neil, \"Bob\" (x)", "🦊"),
    ] {
        let mail = Mail {
            recipient_name: name.to_owned(),
            organization_name: organization.to_owned(),
            language: Some("ja".to_owned()),
            ..invitation()
        };
        let received = deliver_and_read(&mail).await;
        assert_eq!(received.header("Subject"), format!("【{organization}】ご招待のお知らせ"));
        assert!(received.text.starts_with(&format!("{name} 様\n")), "{}", received.text);
        let to = received.header("To").replace(['\\', '"'], "");
        assert_eq!(to, format!("{} <ada@example.org>", name.replace('"', "")));
    }
}

/// Our own reader could share a misunderstanding with us; Python's `email` package can't.
#[tokio::test]
async fn another_implementation_reads_the_same_mail() {
    let Ok(python) = std::env::var("DENIZEN_TEST_PYTHON") else {
        println!("skipped: DENIZEN_TEST_PYTHON does not name a Python");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let courier = Courier::new(&MailSettings {
        from: "名簿 <directory@example.com>".to_owned(),
        ..settings(folder.path())
    });
    let mail = Mail {
        recipient_name: "O'Neil, \"Bob\"\r\nBcc: x@example.com".to_owned(),
        organization_name: "株式会社サンプル".to_owned(),
        language: Some("ja".to_owned()),
        ..magic_link()
    };
    let delivery = courier.unwrap().deliver(&mail, "job-1", date()).await.unwrap();
    let Delivery::Written(path) = delivery else { panic!("there is no server") };
    let script = "
import email, email.policy, sys
m = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)
assert not m.defects and not any(p.defects for p in m.walk()), m.defects
[to] = m['to'].addresses
[sender] = m['from'].addresses
text, html = m.iter_parts()
sys.stdout.reconfigure(encoding='utf-8')
print(to.display_name, to.addr_spec, sender.display_name, m['subject'], m['message-id'], m['date'].datetime.isoformat(), sep='|')
print(text.get_content_type(), html.get_content_type())
print(text.get_content().splitlines()[-1])
";
    let output = Command::new(python).args(["-c", script]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "O'Neil, \"Bob\" Bcc: x@example.com|ada@example.org|名簿|\
         【株式会社サンプル】ログイン用リンクのお知らせ|<job-1@example.com>|2026-01-10T12:30:00+00:00\n\
         text/plain text/html\n\
         お心当たりがない場合は、このメールを無視していただいて問題ありません。\n"
    );
}

#[tokio::test]
async fn what_cannot_become_a_mail_is_refused_for_good_without_repeating_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    for to in ["nobody", "eve@example.com\r\nBcc: x@example.com", "a b@example.com", ""] {
        let error = deliver_with(&settings, &Mail { to: to.to_owned(), ..invitation() }).await.unwrap_err();
        assert!(error.permanent, "{to:?}");
        assert_eq!(error.text, "the recipient's address is malformed");
    }
    let courier = Courier::new(&settings).unwrap();
    for date in [Timestamp(-1), Timestamp(253_402_300_800_000_000)] {
        assert!(courier.deliver(&invitation(), "job-1", date).await.unwrap_err().permanent);
    }
    assert!(courier.deliver(&invitation(), "job\r\n1", date()).await.unwrap_err().permanent);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_worth_another_try() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("mail");
    let courier = Courier::new(&settings(&outbox)).unwrap();
    fs::remove_dir(&outbox).unwrap();
    fs::write(&outbox, "in the way").unwrap();
    let error = courier.deliver(&invitation(), "job-1", date()).await.unwrap_err();
    assert!(!error.permanent && error.text.contains("cannot be written"), "{error}");
    fs::remove_file(&outbox).unwrap();
    courier.deliver(&invitation(), "job-1", date()).await.unwrap();
}

#[test]
fn bad_settings_are_refused_at_start_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for from in
        ["", "nobody", "Acme, Inc. <a@example.com>", "a@example.com, b@example.com", "x\r\ny <a@example.com>"]
    {
        let error = Courier::new(&MailSettings { from: from.to_owned(), ..settings(folder.path()) }).err();
        assert!(matches!(error, Some(CourierError::From)), "{from:?}: {error:?}");
    }
    for from in [
        "a@example.com",
        "denizen <denizen@localhost>",
        "Acme <a@example.com>",
        "\"Acme, Inc.\" <a@example.com>",
        "株式会社 <a@例え.example>",
    ] {
        let courier = Courier::new(&MailSettings { from: from.to_owned(), ..settings(folder.path()) });
        assert!(courier.is_ok(), "{from:?}: {:?}", courier.err());
    }
    let settings = MailSettings {
        smtp_url: Some("smtp://user:s3cret@mail.example?tls=maybe".to_owned()),
        ..settings(folder.path())
    };
    assert!(!format!("{settings:?}").contains("s3cret"));
    let error = Courier::new(&settings).err().unwrap().to_string();
    assert!(error.starts_with("mail.smtp_url") && !error.contains("s3cret"), "{error}");
}

#[test]
fn a_courier_can_be_shared_by_workers_on_several_threads() {
    fn assert_shareable<T: Send + Sync + 'static>(_: &T) {}
    fn assert_sendable<T: Send>(_: &T) {}
    let folder = tempfile::tempdir().unwrap();
    let courier = Courier::new(&settings(folder.path())).unwrap();
    assert_shareable(&courier);
    assert_sendable(&courier.deliver(&invitation(), "job-1", date()));
}
