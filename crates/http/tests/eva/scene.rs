//! Two organizations with the same things in each, and the sending of a case with those things in its places.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request;
use denizen_domain::ids::Uuid;
use denizen_domain::operator::OperatorRole;
use denizen_testkit::{Answer, FAR, TestCaller, TestOperator, TestOrg, TestServer};
use serde_json::{Value, json};

use super::cases::Case;

/// What the names in braces stand for.
pub(crate) type Things = BTreeMap<&'static str, String>;

/// An id of the right form that names nothing.
pub(crate) const UNKNOWN: &str = "01234567-89ab-4def-8123-456789abcdef";

pub(crate) struct Scene {
    pub(crate) server: TestServer,
    pub(crate) ours: Side,
    pub(crate) theirs: Side,
}

/// One organization, two environments with bots, an administrator, an editor who is none, and another user.
pub(crate) struct Side {
    pub(crate) org: TestOrg,
    /// A member, who fills the registry.
    pub(crate) member: TestCaller,
    pub(crate) admin: TestOperator,
    pub(crate) editor: TestOperator,
    pub(crate) things: Things,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let server = TestServer::start().await;
        let org = server.org("acme").await;
        Self::with(server, org).await
    }

    /// The same, with ours in another database than theirs.
    pub(crate) async fn set_far() -> Self {
        let server = TestServer::over_two_clusters().await;
        let org = server.org_in("acme", FAR).await;
        Self::with(server, org).await
    }

    async fn with(server: TestServer, ours: TestOrg) -> Self {
        let ours = Box::pin(Side::of(ours, 1)).await;
        let theirs = Box::pin(Side::of(server.org("globex").await, 2)).await;
        Self { server, ours, theirs }
    }
}

impl Side {
    pub(crate) async fn of(org: TestOrg, number: u32) -> Self {
        let id = |kind: u32| format!("0000000{number}-0000-4000-8000-00000000000{kind}");
        let member = org.admin().await;
        let side = [
            environment(&id(1), "Live", true),
            environment(&id(2), "Test", true),
            bot(&id(3), &id(1), "Alpha", true),
            bot(&id(4), &id(1), "Beta", true),
            bot(&id(5), &id(2), "Gamma", true),
        ];
        take_in(&member, &side).await;
        let admin = org.operator_admin().await;
        let uuid = |text: &str| Uuid::parse(text).unwrap();
        let editor = org.operator(OperatorRole::Editor, uuid(&id(1)), &[uuid(&id(3))]).await;
        let mut other = org.new_operator("Spare User", &format!("spare@{}.example", org.slug()));
        other.password = None;
        let other = org.make_operator(other).await.operator.id().to_string();
        for operator in [&admin, &editor] {
            operator.put("/configuration", &json!({"key": "theme", "value": "dark"})).await.expect(200);
        }
        let things = Things::from([
            ("{orgUUID}", org.uuid()),
            ("{userUUID}", other),
            ("{environment}", id(1)),
            ("{second}", id(2)),
            ("{bot}", id(3)),
            ("{beta}", id(4)),
            ("{gamma}", id(5)),
            // Nobody has it.
            ("{email}", format!("new@{}.example", org.slug())),
        ]);
        Self { org, member, admin, editor, things }
    }

    pub(crate) fn id(&self, name: &str) -> &str {
        &self.things[name]
    }

    /// The things, one of them another one.
    pub(crate) fn things_with(&self, token: &'static str, value: &str) -> Things {
        let mut things = self.things.clone();
        things.insert(token, value.to_owned());
        things
    }

    /// Everything that operators see, to find out whether something changed.
    pub(crate) async fn state(&self) -> Vec<String> {
        let list = self.admin.get("?linesPerPage=1000&orderBy=uuid").await.expect(200);
        let mut seen = vec![list.text().to_owned()];
        for user in list.each("content", "uuid") {
            seen.push(self.admin.get(&format!("/{user}")).await.expect(200).text().to_owned());
        }
        for operator in [&self.admin, &self.editor] {
            seen.push(operator.get("/configuration?key=theme").await.expect(200).text().to_owned());
        }
        seen
    }

    /// A body that creates an editor of one bot.
    pub(crate) fn new_user(&self, name: &str, email: &str) -> Value {
        json!({"name": name, "email": email, "environments": [{"role": "EDITOR",
            "environment": {"uuid": self.id("{environment}")}, "bots": [{"uuid": self.id("{bot}")}]}]})
    }
}

pub(crate) fn environment(id: &str, name: &str, is_active: bool) -> Value {
    json!({"type": "environment", "environment_id": id, "name": name, "is_active": is_active})
}

pub(crate) fn bot(id: &str, environment: &str, name: &str, is_active: bool) -> Value {
    json!({"type": "bot", "bot_id": id, "environment_id": environment, "name": name, "is_active": is_active})
}

/// Takes records in, all of which have to be taken.
pub(crate) async fn take_in(member: &TestCaller, records: &[Value]) {
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let answer = member.ingest(lines.join("\n")).await.expect(200);
    let summary = answer.lines().pop().unwrap();
    assert_eq!(summary["summary"]["refused"], 0, "{answer}");
    assert_eq!(answer.lines().len(), records.len() + 1, "{answer}");
}

/// The status and the message of a `StandardError`, all of whose members are looked at.
#[track_caller]
pub(crate) fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    let members = body.as_object().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(
        members.keys().map(String::as_str).collect::<Vec<_>>(),
        ["error", "message", "path", "status", "timestamp"],
        "{answer}"
    );
    assert_eq!(body["status"], answer.status, "{answer}");
    assert!(answer.asked.contains(body["path"].as_str().unwrap()), "{answer}");
    let challenge = (answer.status == 401).then_some("Bearer");
    assert_eq!(answer.header("www-authenticate"), challenge, "{answer}");
    (answer.status, body["message"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned())
}

pub(crate) fn filled(text: &str, things: &Things) -> String {
    things.iter().fold(text.to_owned(), |text, (token, value)| text.replace(token, value))
}

/// Sends a case to one of its places with these things in it.
pub(crate) async fn send(
    server: &TestServer,
    case: &Case,
    (method, path): (&str, &str),
    things: &Things,
    authorization: Option<&str>,
) -> Answer {
    let path = format!("{}{}", filled(path, things), case.query);
    let mut request = Request::builder().method(method).uri(path);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    if !case.content_type.is_empty() {
        request = request.header("content-type", case.content_type);
    }
    server.send(request.body(Body::from(filled(case.body, things))).unwrap()).await
}
