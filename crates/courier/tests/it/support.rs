//! Sample mails, and a reader of MIME messages that shares no code with what writes them.

use std::{path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use denizen_courier::{Courier, Delivery, DeliveryError, MailSettings};
use denizen_domain::{
    mail::{Mail, MailContent},
    time::Timestamp,
};

pub(crate) const LOGIN_LINK: &str = "https://app.example.com/login?org=acme&user=7#start";
pub(crate) const VERIFY_LINK: &str = "https://directory.example.com/verify/abc?x=1&y=2";
pub(crate) const MAGIC_LINK: &str = "https://directory.example.com/l/s3cr3t-t0ken?a=b&c=d";

/// Saturday, 2026-01-10 12:30:00 UTC.
pub(crate) fn date() -> Timestamp {
    Timestamp(1_768_048_200_000_000)
}

pub(crate) fn settings(outbox: &Path) -> MailSettings {
    MailSettings {
        from: "Directory <directory@example.com>".to_owned(),
        smtp_url: None,
        outbox: outbox.to_owned(),
        templates: None,
        language: None,
        timeout: Duration::from_secs(10),
    }
}

pub(crate) fn invitation() -> Mail {
    Mail {
        to: "ada@example.org".to_owned(),
        recipient_name: "Ada Lovelace".to_owned(),
        language: None,
        organization_name: "Acme".to_owned(),
        content: MailContent::Invitation {
            login_link: LOGIN_LINK.to_owned(),
            verify_link: Some(VERIFY_LINK.to_owned()),
            verify_days: 7,
        },
    }
}

pub(crate) fn magic_link() -> Mail {
    Mail { content: MailContent::MagicLink { link: MAGIC_LINK.to_owned(), minutes: 15 }, ..invitation() }
}

pub(crate) const PASSWORD_LINK: &str = "https://directory.example.com/operators/acme/password/s3cr3t?a=b&c=d";

pub(crate) fn operator_created() -> Mail {
    let content = MailContent::OperatorCreated { link: Some(PASSWORD_LINK.to_owned()), link_days: 3 };
    Mail { content, ..invitation() }
}

pub(crate) fn in_language(mail: Mail, language: &str) -> Mail {
    Mail { language: Some(language.to_owned()), ..mail }
}

/// Delivers into a fresh folder and reads the file back.
pub(crate) async fn deliver_and_read(mail: &Mail) -> Received {
    let folder = tempfile::tempdir().unwrap();
    deliver_with(&settings(folder.path()), mail).await.unwrap()
}

pub(crate) async fn deliver_with(settings: &MailSettings, mail: &Mail) -> Result<Received, DeliveryError> {
    let courier = Courier::new(settings).unwrap();
    match courier.deliver(mail, "job-1", date()).await? {
        Delivery::Written(path) => Ok(Received::parse(&std::fs::read(path).unwrap())),
        Delivery::Sent => panic!("there is no server to send to"),
    }
}

/// A message taken apart by the letter of RFC 5322, 2045 and 2047.
#[derive(Debug)]
pub(crate) struct Received {
    pub headers: Vec<(String, String)>,
    pub text: String,
    pub html: String,
}

impl Received {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let message = std::str::from_utf8(bytes).expect("a message is ASCII");
        assert!(message.is_ascii(), "a message is ASCII");
        assert!(!message.replace("\r\n", "").contains(['\r', '\n']), "every line ends with CR LF");
        assert!(message.lines().all(|line| line.len() <= 998), "no line is longer than 998 bytes");
        let (headers, body) = split_headers(message);
        let content_type = one(&headers, "Content-Type");
        assert!(content_type.starts_with("multipart/alternative;"), "{content_type}");
        let boundary = content_type.split('"').nth(1).expect("the boundary is quoted");
        let delimiter = format!("--{boundary}\r\n");
        let mut sections = body.split(&delimiter);
        assert_eq!(sections.next(), Some(""), "there is nothing before the first part");
        let text = part(sections.next().unwrap(), "text/plain; charset=utf-8");
        let last = sections.next().unwrap();
        // SMTP ends a message with one more line break than a file has.
        let last = last.trim_end_matches("\r\n");
        let closing = format!("--{boundary}--");
        let html = part(last.strip_suffix(&closing).unwrap(), "text/html; charset=utf-8");
        assert_eq!(sections.next(), None, "there are two parts");
        Self { headers, text, html }
    }

    /// A header's value, unfolded and decoded; panics unless there is exactly one.
    pub(crate) fn header(&self, name: &str) -> String {
        decode_words(&one(&self.headers, name))
    }

    pub(crate) fn header_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

fn split_headers(message: &str) -> (Vec<(String, String)>, &str) {
    let (head, body) = message.split_once("\r\n\r\n").expect("an empty line ends the headers");
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", "\t");
    let headers = unfolded
        .split("\r\n")
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no header"));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    (headers, body)
}

fn one(headers: &[(String, String)], name: &str) -> String {
    let mut values = headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
    let value = values.next().unwrap_or_else(|| panic!("{name} is missing"));
    assert!(values.next().is_none(), "{name} is there twice");
    value.1.clone()
}

fn part(section: &str, content_type: &str) -> String {
    let (headers, body) = split_headers(section);
    assert_eq!(one(&headers, "Content-Type"), content_type);
    let body = body.strip_suffix("\r\n").expect("a part ends with a line break");
    let decoded = match one(&headers, "Content-Transfer-Encoding").as_str() {
        "7bit" => body.as_bytes().to_vec(),
        "base64" => STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        "quoted-printable" => decode_quoted_printable(body),
        other => panic!("{other} is not expected"),
    };
    String::from_utf8(decoded).unwrap().replace("\r\n", "\n")
}

fn decode_quoted_printable(body: &str) -> Vec<u8> {
    let joined = body.replace("=\r\n", "");
    let mut bytes = joined.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'=' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            decoded.push(byte);
        }
    }
    decoded
}

/// Decodes `=?utf-8?b?…?=`, the one form that our messages use; blanks between two such words don't count.
fn decode_words(value: &str) -> String {
    let mut decoded = String::new();
    let mut rest = value.replace("?= =?", "?==?");
    while let Some((before, word)) = rest.split_once("=?utf-8?b?") {
        decoded.push_str(before);
        let (encoded, after) = word.split_once("?=").unwrap();
        decoded.push_str(std::str::from_utf8(&STANDARD.decode(encoded).unwrap()).unwrap());
        rest = after.to_owned();
    }
    decoded + &rest
}
