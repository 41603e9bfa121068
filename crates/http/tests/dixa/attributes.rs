//! Custom attributes: what can be noted, and noting it.

use denizen_testkit::{TestProgram, TestServer};
use serde_json::{Value, json};

use super::scene::{closed_conversation, definition, refusal, take_in};

const CONTACT: &str = "00000001-0000-4000-8000-000000000001";

fn id(number: u32) -> String {
    format!("00000001-0000-4000-8000-1000000000{number:02}")
}

/// A text, a choice with nested options, one that is required, one that is archived, one of conversations.
async fn desk() -> (TestServer, TestProgram) {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut required = definition(&id(3), "contact", "required");
    required["is_required"] = true.into();
    let mut archived = definition(&id(4), "contact", "archived");
    archived["is_archived"] = true.into();
    let option = |number: u32, value: &str, nested: Vec<Value>| json!({"id": id(number), "label": value.to_uppercase(), "value": value, "nested_options": nested});
    let options = json!([
        option(21, "eu", vec![option(22, "dk", vec![]), option(23, "se", vec![])]),
        option(24, "us", vec![])
    ]);
    let records = [
        json!({"type": "attribute_definition", "definition_id": id(1), "entity": "contact", "identifier": "note",
            "label": "Note", "description": "What to know", "input": {"type": "text", "placeholder": "…"},
            "created_at": "2021-12-01T12:46:36.5819Z", "updated_at": "2021-12-02T00:00:00Z"}),
        json!({"type": "attribute_definition", "definition_id": id(2), "entity": "contact", "identifier": "region",
            "label": "Region", "input": {"type": "select", "options": options}, "is_deactivated": false,
            "created_at": "2021-12-03T12:46:36Z"}),
        required,
        archived,
        definition(&id(5), "conversation", "topic"),
        json!({"type": "contact", "contact_id": CONTACT}),
        closed_conversation("7", CONTACT),
    ];
    take_in(&org.admin().await, &records).await;
    (server, org.access_token("DefaultAdministratorRole").await)
}

#[tokio::test]
async fn definitions_are_shown_whole_in_one_list_and_one_by_one() {
    let (_, program) = desk().await;
    let listed = program.get("/v1/custom-attributes").await.expect(200);
    assert!(listed.json().get("meta").is_none());
    let text = format!(
        r#"{{"id":"{}","entityType":"Contact","identifier":"note","label":"Note","inputDefinition":{{"_type":"Text","placeholder":"…"}},"description":"What to know","createdAt":"2021-12-01T12:46:36.581Z[GMT]","updatedAt":"2021-12-02T00:00:00.000Z[GMT]","isRequired":false,"isArchived":false,"isDeactivated":false}}"#,
        id(1)
    );
    let leaf = |number: u32, value: &str, order: u32| {
        format!(
            r#"{{"id":"{}","label":"{}","value":"{value}","nestedOptions":[],"isDeactivated":false,"orderIndex":{order}}}"#,
            id(number),
            value.to_uppercase()
        )
    };
    let select = format!(
        r#"{{"id":"{}","entityType":"Contact","identifier":"region","label":"Region","inputDefinition":{{"_type":"Select","options":[{{"id":"{}","label":"EU","value":"eu","nestedOptions":[{},{}],"isDeactivated":false,"orderIndex":0}},{}]}},"createdAt":"2021-12-03T12:46:36.000Z[GMT]","isRequired":false,"isArchived":false,"isDeactivated":false}}"#,
        id(2),
        id(21),
        leaf(22, "dk", 0),
        leaf(23, "se", 1),
        leaf(24, "us", 1)
    );
    assert!(listed.text().starts_with(&format!(r#"{{"data":[{text},{select},{{"#)), "{listed}");
    assert_eq!(listed.each("data", "identifier"), ["note", "region", "required", "archived", "topic"]);
    let flags: Vec<Value> = listed.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["entityType"], one["isRequired"], one["isArchived"]]))
        .collect();
    assert_eq!(
        flags[2..],
        [
            json!(["Contact", true, false]),
            json!(["Contact", false, true]),
            json!(["Conversation", false, false])
        ]
    );
    let alone = program.get(&format!("/v1/custom-attributes/{}", id(2))).await.expect(200);
    assert_eq!(alone.text(), format!(r#"{{"data":{select}}}"#));
}

#[tokio::test]
async fn what_is_noted_is_answered_in_whole_and_null_takes_away() {
    let (_, program) = desk().await;
    let path = format!("/v1/endusers/{CONTACT}/custom-attributes");
    assert_eq!(program.patch(&path, &json!({})).await.expect(200).text(), r#"{"data":[]}"#);
    let answer = program.patch(&path, &json!({id(1): "gold", id(2): ["eu", "dk"]})).await.expect(200);
    let expected = format!(
        r#"{{"data":[{{"id":"{}","name":"Note","identifier":"note","value":"gold"}},{{"id":"{}","name":"Region","identifier":"region","value":["eu","dk"]}}]}}"#,
        id(1),
        id(2)
    );
    assert_eq!(answer.text(), expected);
    let answer =
        program.patch(&path, &json!({id(1): null, id(2).to_uppercase(): ["us"]})).await.expect(200).json();
    assert_eq!(
        answer["data"],
        json!([{"id": id(2), "name": "Region", "identifier": "region", "value": ["us"]}])
    );
    assert_eq!(
        program.patch(&path, &json!({})).await.expect(200).json(),
        answer,
        "nothing is said, nothing changes"
    );
    let shown = program.get(&format!("/v1/endusers/{CONTACT}")).await.expect(200).json();
    assert_eq!(shown["data"]["customAttributes"], answer["data"]);
    let of_conversation =
        program.patch("/v1/conversations/7/custom-attributes", &json!({id(5): "prices"})).await;
    assert_eq!(of_conversation.expect(200).each("data", "value"), ["prices"]);
}

#[tokio::test]
async fn what_cannot_be_noted_is_refused_with_all_that_came_with_it() {
    let (_, program) = desk().await;
    let path = format!("/v1/endusers/{CONTACT}/custom-attributes");
    program.patch(&path, &json!({id(3): "kept"})).await.expect(200);
    for wrong in [
        json!({id(9): "unknown"}),
        json!({id(4): "archived"}),
        json!({id(5): "of conversations"}),
        json!({id(1): ["a", "list"]}),
        json!({id(2): "text"}),
        json!({id(2): ["dk"]}),
        json!({id(2): ["EU"]}),
        json!({id(3): null}),
        json!({id(1): "x".repeat(1_001)}),
    ] {
        let mut all = wrong.clone();
        all[id(1)] = all.get(id(1)).cloned().unwrap_or_else(|| "gold".into());
        let (status, message) = refusal(&program.patch(&path, &all).await);
        assert_eq!(status, 400, "{wrong}");
        assert!(message.starts_with("Invalid input for patching ("), "{wrong}: {message}");
    }
    for (body, reason) in [
        (json!({id(1): 5}), format!("must be a text or a list of texts at '{}'", id(1))),
        (json!({id(1): [5]}), format!("must be a text or a list of texts at '{}'", id(1))),
        (json!({id(1): {}}), format!("must be a text or a list of texts at '{}'", id(1))),
        (json!([]), "invalid type: sequence, expected a JSON object".to_owned()),
    ] {
        let told = refusal(&program.patch(&path, &body).await);
        assert_eq!(told, (400, format!("Invalid value for: body ({reason})")), "{body}");
    }
    assert_eq!(refusal(&program.patch(&path, &json!({"note": "gold"})).await).0, 400);
    assert_eq!(program.patch(&path, &json!({})).await.expect(200).each("data", "value"), ["kept"]);
}
