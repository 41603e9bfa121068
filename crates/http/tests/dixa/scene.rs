//! Two organizations with the same things in each, and the sending of a case with those things in its places.

use std::collections::BTreeMap;

use denizen_directory::organizations::ADMINISTRATOR_ROLE;
use denizen_domain::permission::KNOWN;
use denizen_testkit::{Answer, FAR, TestCaller, TestOrg, TestProgram, TestServer, TestSettings};
use serde_json::{Value, json};

use super::cases::Case;

/// What the names in braces stand for.
pub(crate) type Things = BTreeMap<&'static str, String>;

pub(crate) struct Scene {
    pub(crate) server: TestServer,
    pub(crate) ours: Side,
    pub(crate) theirs: Side,
}

/// One organization, a program that may do everything in it, and its things.
pub(crate) struct Side {
    pub(crate) org: TestOrg,
    pub(crate) admin: TestCaller,
    pub(crate) program: TestProgram,
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
    async fn of(org: TestOrg, number: u32) -> Self {
        let admin = org.admin().await;
        let program = org.access_token(ADMINISTRATOR_ROLE).await;
        let id = |kind: u32| format!("0000000{number}-0000-4000-8000-00000000000{kind}");
        let conversation_id = (1_000 * number).to_string();
        let things = Things::from([
            ("{userId}", id(1)),
            ("{customAttributeId}", id(2)),
            ("{conversationAttributeId}", id(3)),
            ("{messageId}", id(4)),
            ("{conversationId}", conversation_id.clone()),
        ]);
        take_in(
            &admin,
            &[
                definition(&things["{customAttributeId}"], "contact", "plan"),
                definition(&things["{conversationAttributeId}"], "conversation", "topic"),
                json!({"type": "contact", "contact_id": things["{userId}"], "display_name": "Ann",
                    "email": format!("ann@{}.example", org.slug()), "external_id": "a1"}),
                closed_conversation(&conversation_id, &things["{userId}"]),
                json!({"type": "contact_message", "message_id": things["{messageId}"],
                    "conversation_id": conversation_id.parse::<i64>().unwrap(), "sender": "contact",
                    "content": "Hello", "created_at": "2026-01-01T11:00:00Z"}),
                json!({"type": "contact", "contact_id": id(5), "display_name": "Forgotten"}),
            ],
        )
        .await;
        let path = format!("/v1/endusers/{}/anonymize", id(5));
        let request = program.call("PATCH", &path, None).await.expect(202).str_at("/data/id");
        org.server.run_jobs().await;
        let mut things = things;
        things.insert("{requestId}", request);
        Self { org, admin, program, things }
    }

    /// The things, one of them another one.
    pub(crate) fn things_with(&self, token: &'static str, value: &str) -> Things {
        let mut things = self.things.clone();
        things.insert(token, value.to_owned());
        things
    }

    /// A program with every known permission but one.
    pub(crate) async fn program_without(&self, permission: &str) -> TestProgram {
        let grants: Vec<Value> = KNOWN
            .iter()
            .filter(|name| name.as_str() != permission)
            .map(|name| json!({"permission_name": name.as_str(), "conditions": {}}))
            .collect();
        self.org.access_token_with(&json!(grants)).await
    }

    /// Everything that a program sees, to find out whether something changed.
    pub(crate) async fn state(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for path in [
            "/v1/endusers?pageLimit=1000",
            &format!("/v1/endusers/{}/conversations", self.things["{userId}"]),
            &format!("/v1/conversations/{}", self.things["{conversationId}"]),
            &format!("/v1/anonymization/request/{}", self.things["{requestId}"]),
            "/v1/custom-attributes",
            "/v1/organization",
        ] {
            seen.push(self.program.get(path).await.expect(200).text().to_owned());
        }
        seen
    }
}

/// A server with other settings of this dialect.
pub(crate) async fn server_with(change: impl FnOnce(&mut denizen_http::DixaSettings)) -> TestServer {
    let mut settings = TestSettings::default();
    change(&mut settings.http.dixa);
    TestServer::with(settings).await
}

/// An organization's program that may do everything with contacts.
pub(crate) async fn program(server: &TestServer, slug: &str) -> TestProgram {
    server.org(slug).await.access_token(ADMINISTRATOR_ROLE).await
}

/// Takes records in, all of which have to be taken.
pub(crate) async fn take_in(admin: &TestCaller, records: &[Value]) {
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let answer = admin.ingest(lines.join("\n")).await.expect(200);
    let summary = answer.lines().pop().unwrap();
    assert_eq!(summary["summary"]["refused"], 0, "{answer}");
    assert_eq!(answer.lines().len(), records.len() + 1, "{answer}");
}

pub(crate) fn definition(id: &str, entity: &str, identifier: &str) -> Value {
    json!({"type": "attribute_definition", "definition_id": id, "entity": entity, "identifier": identifier,
        "label": format!("The {identifier}"), "input": {"type": "text"}})
}

pub(crate) fn closed_conversation(id: &str, contact: &str) -> Value {
    json!({"type": "contact_conversation", "conversation_id": id.parse::<i64>().unwrap(), "contact_id": contact,
        "kind": "Chat", "channel": "WidgetChat", "state": "Closed", "created_at": "2026-01-01T10:00:00Z"})
}

/// A token that differs from this one in its last character only.
pub(crate) fn guess(token: &str) -> String {
    let (beginning, last) = token.split_at(token.len() - 1);
    format!("{beginning}{}", if last == "A" { "E" } else { "A" })
}

/// The status and the one member of a refusal.
#[track_caller]
pub(crate) fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    let members = body.as_object().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(members.len(), 1, "{answer}");
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
    headers: &[(&str, &str)],
) -> Answer {
    let path = format!("{}{}", filled(path, things), case.query);
    let body = (!case.body.is_empty()).then(|| serde_json::from_str(&filled(case.body, things)).unwrap());
    server.call(method, &path, headers, body.as_ref()).await
}
