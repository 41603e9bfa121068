//! Files of users, uploaded in a form (contract section 10): statuses, errors, limits, and what of a form counts.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use denizen_http::{EvaSettings, HttpSettings};
use denizen_testkit::{Answer, TestServer, TestSettings};
use http_body::Frame;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt as _;

use super::scene::{Scene, Side, refusal};

const FORM: &str = "multipart/form-data; boundary=\"b o\"";

/// A form of parts, each a name and a content.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!(
            "--b o\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x.bin\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b o--\r\n");
    body
}

async fn send(
    server: &TestServer,
    side: &Side,
    operation: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::post(format!("/org/{}/users/{operation}", side.id("{orgUUID}")))
        .header("authorization", format!("Bearer {}", side.admin.token));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body.into()).unwrap()).await
}

async fn upload(scene: &Scene, operation: &str, csv: impl AsRef<[u8]>) -> Answer {
    let body = form(&[("file", csv.as_ref())]);
    send(&scene.server, &scene.ours, operation, &[("content-type", FORM)], body).await
}

/// Holds the answer against the order of the contract: the members of an error, and the list behind them.
fn refused_in_order(answer: &Answer) {
    let text = answer.text();
    let members = [
        "{\"timestamp\":\"",
        ",\"status\":400,\"error\":\"Bad Request\",\"message\":\"",
        ",\"path\":\"/org/",
    ];
    let mut rest = text;
    for member in members.into_iter().chain([",\"errors\":["]) {
        let (before, behind) =
            rest.split_once(member).unwrap_or_else(|| panic!("no {member} in its place: {text}"));
        assert!(!before.contains("\":"), "another member is before {member}: {text}");
        rest = behind;
    }
    assert!(text.starts_with(members[0]) && text.ends_with("]}"), "{text}");
}

#[tokio::test]
async fn who_can_be_created_is_and_the_others_are_told_in_the_order_of_the_file() {
    let scene = Scene::set().await;
    let (environment, bot) = (scene.ours.id("{environment}"), scene.ours.id("{bot}"));
    let csv = format!(
        "email;name;company;role;password;environmentUuid;environmentName;bot\n\
         a@x.org;A;;ADMIN;weak\n;B;;ADMIN;Passw0rd\nc@x.org;C;;EDITOR;Passw0rd;{environment};Live;{bot}\n\
         spare@acme.example;S;;ADMIN;Passw0rd\n"
    );
    let errors = json!({"errors": [
        {"email": "a@x.org", "message": "The password does not meet the password policy"},
        {"email": "", "message": "Line 3: the email is required"},
        {"email": "spare@acme.example", "message": "The email is already in use"},
    ]});
    let before = scene.ours.state().await;
    for operation in ["csv/validate", "csv/silent/validate"] {
        assert_eq!(upload(&scene, operation, &csv).await.expect(200).json(), errors);
    }
    assert_eq!(scene.ours.state().await, before);
    assert_eq!(upload(&scene, "csv", &csv).await.expect(200).json(), errors);
    let made = scene.ours.admin.get("?searchTerms=c@x.org").await.expect(200).json();
    assert_eq!((&made["content"][0]["name"], &made["totalElements"]), (&json!("C"), &json!(1)));
    // A file of which nobody is created is refused, with the same errors; to try it is not.
    let again = upload(&scene, "csv/silent", &csv).await;
    let body = again.json();
    assert_eq!((again.status, body["errors"].as_array().unwrap().len()), (400, 4));
    refused_in_order(&again);
    let tried = upload(&scene, "csv/silent/validate", &csv).await.expect(200).json();
    assert_eq!(tried["errors"], body["errors"]);
    let all = upload(&scene, "csv/silent", "d@x.org,D,,admin,Passw0rd").await.expect(200);
    assert_eq!(all.text(), r#"{"errors":[]}"#);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_with_an_empty_list() {
    let scene = Scene::set().await;
    for (csv, message) in [
        (&b""[..], "The file has no rows"),
        (b"email;name;company;role;password\n", "The file has no rows"),
        (b"email;name\nx;y\n", "The header lacks the columns role, password"),
        (b"a@x.org;\xff\n", "The file is not encoded in UTF-8"),
        (b"a@x.org;\"A;;admin\n", "Line 1: a quotation mark is not closed"),
    ] {
        for operation in ["csv", "csv/validate", "csv/silent", "csv/silent/validate"] {
            let answer = upload(&scene, operation, csv).await.expect(400);
            refused_in_order(&answer);
            let body = answer.json();
            assert_eq!((&body["message"], &body["errors"]), (&json!(message), &json!([])));
            assert_eq!(body["status"], 400);
        }
    }
    let body = form(&[("users", b"a@x.org;A;;admin;Passw0rd")]);
    let answer = send(&scene.server, &scene.ours, "csv", &[("content-type", FORM)], body).await.expect(400);
    assert_eq!(answer.json()["message"], "The form has no part `file`");
    refused_in_order(&answer);
}

#[tokio::test]
async fn the_first_part_named_file_counts_whatever_its_type_and_others_are_skipped() {
    let scene = Scene::set().await;
    let parts: &[(&str, &[u8])] = &[
        ("language", b"xx"),
        ("files", b"\xff\xfe"),
        ("file", b"a@x.org;A;;admin;Passw0rd"),
        ("file", b"b@x.org;B;;admin;Passw0rd"),
    ];
    let body = form(parts);
    send(&scene.server, &scene.ours, "csv", &[("content-type", FORM)], body).await.expect(200);
    let found = scene.ours.admin.get("?searchTerms=@x.org&orderBy=email").await.expect(200).json();
    assert_eq!((&found["totalElements"], &found["content"][0]["name"]), (&json!(1), &json!("A")));
}

#[tokio::test]
async fn what_is_no_form_or_not_in_order_or_too_large_is_refused() {
    let settings = TestSettings {
        http: HttpSettings {
            body_bytes: 2_000,
            eva: EvaSettings { csv_bytes: 1_000, csv_uploads: 1 },
            ..HttpSettings::default()
        },
        ..TestSettings::default()
    };
    let server = TestServer::with(settings).await;
    let side = Side::of(server.org("acme").await, 1).await;
    let csv = b"a@x.org;A;;admin;Passw0rd";
    for kind in ["text/csv", "application/json", "multipart/form-data", "multipart/mixed; boundary=x"] {
        let answer = send(&server, &side, "csv", &[("content-type", kind)], csv.to_vec()).await;
        assert_eq!(refusal(&answer), (415, "The body must be multipart/form-data".to_owned()), "{kind}");
    }
    let mut cut = form(&[("file", csv)]);
    cut.truncate(cut.len() - 12);
    let answer = send(&server, &side, "csv", &[("content-type", FORM)], cut).await;
    assert_eq!(refusal(&answer).0, 400);
    let long = [&csv[..], &[b' '; 1_000]].concat();
    let junk = vec![b'x'; 3_000];
    for parts in [&[("file", &long[..])][..], &[("junk", &junk[..]), ("file", csv)]] {
        let answer = send(&server, &side, "csv", &[("content-type", FORM)], form(parts)).await;
        assert_eq!(refusal(&answer), (413, "The body must have at most 1000 bytes".to_owned()));
    }
    let language = [("content-type", FORM), ("language", "xx")];
    let answer = send(&server, &side, "csv", &language, form(&[("file", csv)])).await;
    assert_eq!(refusal(&answer).0, 400);
    // Only where mails are sent.
    send(&server, &side, "csv/validate", &language, form(&[("file", csv)])).await.expect(200);
}

/// A body of which nothing comes; it tells when it is asked for.
struct Silence(Arc<Notify>);

impl http_body::Body for Silence {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.notify_one();
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn as_many_files_as_are_admitted_are_worked_on_at_once_and_none_of_who_is_no_administrator() {
    let settings = TestSettings {
        http: HttpSettings {
            eva: EvaSettings { csv_uploads: 1, ..EvaSettings::default() },
            ..HttpSettings::default()
        },
        ..TestSettings::default()
    };
    let server = TestServer::with(settings).await;
    let side = Side::of(server.org("acme").await, 1).await;
    let asked = Arc::new(Notify::new());
    let silent = |token: &str| {
        let path = format!("/eva-user/org/{}/users/csv/silent", side.id("{orgUUID}"));
        let request = Request::post(path).header("authorization", format!("Bearer {token}"));
        request.header("content-type", FORM).body(Body::new(Silence(Arc::clone(&asked)))).unwrap()
    };
    // Nothing of the body is waited for.
    let refused = server.router().oneshot(silent(&side.editor.token)).await.unwrap();
    assert_eq!(refused.status(), 403);
    let csv = form(&[("file", b"a@x.org;A;;admin;Passw0rd")]);
    {
        let mut first = pin!(server.router().oneshot(silent(&side.admin.token)));
        tokio::select! {
            answer = &mut first => panic!("{answer:?}"),
            () = asked.notified() => {}
        }
        let busy = send(&server, &side, "csv", &[("content-type", FORM)], csv.clone()).await;
        assert_eq!((busy.status, busy.header("retry-after")), (503, Some("1")));
    }
    // The first has hung up.
    send(&server, &side, "csv", &[("content-type", FORM)], csv).await.expect(200);
}

#[tokio::test]
async fn headers_of_a_part_that_do_not_end_are_not_waited_for() {
    let scene = Scene::set().await;
    let piece = Bytes::from(vec![b'a'; 10_000]);
    let answer = async |start: &'static [u8]| {
        let end = &b"\r\n--b o\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b o--\r\n"[..];
        let mut pieces = vec![Bytes::from(start)];
        pieces.extend(std::iter::repeat_n(piece.clone(), 20));
        pieces.push(end.into());
        let pieces = futures_util::stream::iter(pieces.into_iter().map(Ok::<_, Infallible>));
        let path = format!("/org/{}/users/csv", scene.ours.id("{orgUUID}"));
        let request =
            Request::post(path).header("authorization", format!("Bearer {}", scene.ours.admin.token));
        let request = request.header("content-type", FORM).body(Body::from_stream(pieces)).unwrap();
        let answer = scene.server.router().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    // As much as that may be in a part that is skipped.
    let skipped = answer(b"--b o\r\nContent-Disposition: form-data; name=\"junk\"\r\n\r\n").await;
    assert_eq!(skipped["errors"], json!([{"email": "x", "message": "The email is not valid"}]));
    for start in [&b"--b o\r\nContent-Disposition: "[..], b"x"] {
        assert_eq!(answer(start).await["message"], "The body could not be read to its end");
    }
}

#[tokio::test]
async fn errors_of_any_number_are_one_list() {
    let scene = Scene::set().await;
    let rows = (0..6_000).map(|n| format!("u{n}@x.org;\"N \"\"{n}\"\"\";;admin;weak\n"));
    let csv = rows.collect::<Vec<_>>().concat();
    let body: Value = upload(&scene, "csv/validate", &csv).await.expect(200).json();
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 6_000);
    assert!(errors.iter().enumerate().all(|(n, error)| error["email"] == format!("u{n}@x.org")));
    let refused: Value = upload(&scene, "csv", &csv).await.expect(400).json();
    assert_eq!((&refused["errors"], &refused["message"]), (&body["errors"], &json!("No user was created")));
}
