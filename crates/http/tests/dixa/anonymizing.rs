//! Anonymization: asked for, answered at once, done by a job.

use axum::body::Body;
use axum::http::Request;
use denizen_testkit::{TestProgram, TestServer};
use serde_json::{Value, json};

use super::scene::{closed_conversation, refusal, take_in};

const CONTACT: &str = "00000001-0000-4000-8000-000000000001";
const MESSAGE: &str = "00000001-0000-4000-8000-000000000002";

/// A contact with a conversation in this state and a message.
async fn desk(state: &str) -> (TestServer, TestProgram) {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut conversation = closed_conversation("10749", CONTACT);
    conversation["state"] = state.into();
    let records = [
        json!({"type": "contact", "contact_id": CONTACT, "display_name": "Ann", "email": "ann@acme.example",
            "phone": "+4520123456", "external_id": "1"}),
        conversation,
        json!({"type": "contact_message", "message_id": MESSAGE, "conversation_id": 10749, "sender": "contact",
            "content": "Hello", "created_at": "2026-01-01T11:00:00Z"}),
    ];
    take_in(&org.admin().await, &records).await;
    server.clock().advance_micros(581_999);
    (server, org.access_token("DefaultAdministratorRole").await)
}

#[tokio::test]
async fn a_request_is_answered_in_the_published_form_and_followed_to_its_end() {
    let (server, program) = desk("Closed").await;
    let path = format!("/v1/endusers/{CONTACT}/anonymize");
    // As the published client sends it: no body, and a header that promises JSON.
    let request = Request::patch(&path)
        .header("authorization", &program.token)
        .header("content-type", "application/json")
        .header("content-length", "0")
        .body(Body::empty())
        .unwrap();
    let answer = server.send(request).await.expect(202);
    let id = answer.str_at("/data/id");
    let expected = format!(
        r#"{{"data":{{"id":"{id}","entityType":"UserAnonymizationType","_type":"User","initiatedAt":"2026-01-01T12:00:00.581Z[GMT]","targetEntityId":"{CONTACT}","requestedBy":"{}"}}}}"#,
        program.token_id
    );
    assert_eq!(answer.text(), expected);
    let status = format!("/v1/anonymization/request/{id}");
    assert_eq!(program.get(&status).await.expect(200).text(), expected);
    // Asked for again, it is the same request.
    assert_eq!(program.call("PATCH", &path, None).await.expect(202).text(), expected);

    server.advance_seconds(1);
    server.run_jobs().await;
    let done = expected.replace(r#""}}"#, r#"","processedAt":"2026-01-01T12:00:01.581Z[GMT]"}}"#);
    assert_eq!(program.get(&status).await.expect(200).text(), done);
    assert_eq!(program.call("PATCH", &path, None).await.expect(202).text(), done);

    let bare = format!(
        r#"{{"data":{{"id":"{CONTACT}","createdAt":"2026-01-01T12:00:00Z","additionalEmails":[],"additionalPhoneNumbers":[],"middleNames":[],"customAttributes":[]}}}}"#
    );
    assert_eq!(program.get(&format!("/v1/endusers/{CONTACT}")).await.expect(200).text(), bare);
    let name = json!({"displayName": "Ann"});
    for answer in [
        program.patch(&format!("/v1/endusers/{CONTACT}"), &name).await,
        program.put(&format!("/v1/endusers/{CONTACT}"), &name).await,
        program.patch(&format!("/v1/endusers/{CONTACT}/custom-attributes"), &json!({})).await,
    ] {
        assert_eq!(refusal(&answer).0, 404, "{answer}");
    }
    for filter in ["email=ann@acme.example", "phone=%2B4520123456", "externalId=1"] {
        let found = program.get(&format!("/v1/endusers?{filter}")).await.expect(200);
        assert_eq!(found.text(), r#"{"data":[]}"#, "{filter}");
    }
    let again = json!({"email": "ann@acme.example", "phoneNumber": "+4520123456"});
    program.post("/v1/endusers", &again).await.expect(201);
}

#[tokio::test]
async fn what_is_not_closed_stands_in_the_way_unless_it_is_forced() {
    for state in ["Open", "Pending", "AwaitingPending"] {
        let (server, program) = desk(state).await;
        let contact = format!("/v1/endusers/{CONTACT}/anonymize");
        let conversation = "/v1/conversations/10749/anonymize".to_owned();
        for path in [&contact, &conversation] {
            for query in ["", "?force=false", "?force=FALSE"] {
                let answer = program.call("PATCH", &format!("{path}{query}"), None).await;
                let (status, text) = refusal(&answer);
                assert_eq!(status, 409);
                assert!(
                    text.starts_with("A conversation is not closed") && text.ends_with("?force=true"),
                    "{text}"
                );
            }
            for query in ["?force=yes", "?force=1", "?force="] {
                let answer = program.call("PATCH", &format!("{path}{query}"), None).await;
                let expected = "Invalid value for: query parameter force (must be true or false)";
                assert_eq!(refusal(&answer), (400, expected.to_owned()));
            }
        }
        server.run_jobs().await;
        let kind = async || program.get("/v1/conversations/10749").await.expect(200).str_at("/data/_type");
        assert_eq!(kind().await, "ChatConversation");
        let path = if state == "Open" { contact } else { conversation };
        program.call("PATCH", &format!("{path}?force=TRUE"), None).await.expect(202);
        server.run_jobs().await;
        assert_eq!(kind().await, "AnonymizedConversation");
    }
}

#[tokio::test]
async fn conversations_and_messages_are_told_apart_from_end_users() {
    let (server, program) = desk("Closed").await;
    let message = format!("/v1/conversations/10749/messages/{MESSAGE}/anonymize");
    let answer = program.call("PATCH", &message, None).await.expect(202);
    assert_eq!(answer.str_at("/data/_type"), "Message");
    assert_eq!(answer.str_at("/data/entityType"), "MessageAnonymizationType");
    assert_eq!(answer.str_at("/data/targetEntityId"), format!("10749_{MESSAGE}"));
    let answer = program.call("PATCH", "/beta/conversations/10749/anonymize", None).await.expect(202);
    assert_eq!(answer.str_at("/data/_type"), "Conversation");
    assert_eq!(answer.str_at("/data/entityType"), "ConversationAnonymizationType");
    assert_eq!(answer.str_at("/data/targetEntityId"), "10749");
    server.run_jobs().await;
    let contact = program.get(&format!("/v1/endusers/{CONTACT}")).await.expect(200);
    assert_eq!(contact.str_at("/data/displayName"), "Ann");
    let path = "/v1/conversations/10749/custom-attributes";
    program.patch(path, &json!({})).await.expect(404);
}

#[tokio::test]
async fn the_older_way_takes_the_kind_in_all_its_spellings() {
    let message = format!("10749_{MESSAGE}");
    for (kind, older, id) in [
        ("User", "UserAnonymizationType", CONTACT),
        ("Conversation", "ConversationAnonymizationType", "10749"),
        ("Message", "MessageAnonymizationType", &message),
    ] {
        let (_, program) = desk("Closed").await;
        let mut answers = Vec::new();
        for body in [
            json!({"entityId": id, "_type": kind}),
            json!({"entityId": id, "entityType": older}),
            json!({"entityId": id, "entityType": kind, "forceAnonymization": null}),
            json!({"entityId": id, "entityType": {"_type": older}}),
            json!({"entityId": id, "entityType": {"_type": kind, "x": 1}, "_type": kind, "forceAnonymization": true}),
        ] {
            answers.push(program.post("/v1/anonymization", &body).await.expect(200).text().to_owned());
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        assert!(answers[0].contains(&format!(r#""entityType":"{older}","_type":"{kind}""#)), "{answers:#?}");
        assert!(answers[0].contains(&format!(r#""targetEntityId":"{id}""#)), "{answers:#?}");
    }
    let (server, program) = desk("Open").await;
    let ask = async |body: Value| refusal(&program.post("/v1/anonymization", &body).await);
    let wrong = |reason: &str| (400, format!("Invalid value for: body ({reason})"));
    for (body, reason) in [
        (json!({"_type": "User"}), "is missing at 'entityId'"),
        (json!({"entityId": CONTACT}), "is missing at '_type'"),
        (json!({"entityId": CONTACT, "_type": null}), "is missing at '_type'"),
        (json!({"entityId": CONTACT, "_type": "Agent"}), "must be User, Conversation or Message at '_type'"),
        (
            json!({"entityId": CONTACT, "entityType": {}}),
            "must be User, Conversation or Message at 'entityType'",
        ),
        (
            json!({"entityId": CONTACT, "_type": "User", "entityType": "Message"}),
            "is not what entityType says at '_type'",
        ),
        (json!({"entityId": "10749", "_type": "User"}), "must be the UUID of an end user at 'entityId'"),
        (
            json!({"entityId": CONTACT, "_type": "Conversation"}),
            "must be the number of a conversation at 'entityId'",
        ),
        (
            json!({"entityId": MESSAGE, "_type": "Message"}),
            "must be the number of a conversation, `_`, and the UUID of a message at 'entityId'",
        ),
        (
            json!({"entityId": 10749, "_type": "Conversation"}),
            "invalid type: integer, expected a string at 'entityId'",
        ),
    ] {
        assert_eq!(ask(body.clone()).await, wrong(reason), "{body}");
    }
    assert_eq!(ask(json!({"entityId": CONTACT, "_type": "User"})).await.0, 409);
    assert_eq!(ask(json!({"entityId": "7", "_type": "Conversation"})).await.0, 404);
    assert_eq!(ask(json!({"entityId": format!("7_{MESSAGE}"), "_type": "Message"})).await.0, 404);
    assert_eq!(server.run_jobs().await, []);
    let forced = json!({"entityId": CONTACT, "_type": "User", "forceAnonymization": true});
    program.post("/v1/anonymization", &forced).await.expect(200);
}
