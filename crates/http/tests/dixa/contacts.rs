//! One end user at a time, byte for byte as the published examples have it.

use denizen_testkit::{TestProgram, TestServer};
use serde_json::{Value, json};

use super::scene::{definition, program, refusal, take_in};

const ATTRIBUTE: &str = "01234567-89ab-4def-8123-456789abcdef";

async fn desk() -> (TestServer, TestProgram) {
    let server = TestServer::start().await;
    let program = program(&server, "acme").await;
    (server, program)
}

async fn create(program: &TestProgram, body: &Value) -> String {
    program.post("/v1/endusers", body).await.expect(201).str_at("/data/id")
}

#[tokio::test]
async fn an_answer_has_its_members_in_the_order_of_the_examples_and_none_that_is_not_set() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let program = org.access_token("DefaultAdministratorRole").await;
    take_in(&org.admin().await, &[definition(ATTRIBUTE, "contact", "plan")]).await;
    server.clock().advance_micros(987_654);
    let body = json!({
        "externalId": "#12345678", "lastName": "Brown", "firstName": "Alice", "middleNames": ["J.", "J."],
        "additionalPhoneNumbers": ["+55 66-77.88 (99)", "+5566778899", "+551155256325"], "email": "Alice@brown.com",
        "additionalEmails": ["alice@secondary.email", "ALICE@secondary.email", "alice@brown.com"],
        "phoneNumber": "+551155256325", "displayName": "Alice Brown", "avatarUrl": "https://x.example/a.png",
        "givenName": "ignored", "id": 5
    });
    let answer = program.post("/v1/endusers", &body).await.expect(201);
    let id = answer.str_at("/data/id");
    let expected = format!(
        r##"{{"data":{{"id":"{id}","createdAt":"2026-01-01T12:00:00Z","displayName":"Alice Brown","email":"Alice@brown.com","phoneNumber":"+551155256325","additionalEmails":["alice@secondary.email"],"additionalPhoneNumbers":["+5566778899"],"firstName":"Alice","lastName":"Brown","middleNames":["J.","J."],"avatarUrl":"https://x.example/a.png","externalId":"#12345678","customAttributes":[]}}}}"##
    );
    assert_eq!(answer.text(), expected);
    let path = format!("/v1/endusers/{id}");
    assert_eq!(program.get(&path).await.expect(200).text(), expected);
    let upper = format!("/v1/endusers/{}", id.to_uppercase());
    assert_eq!(program.get(&upper).await.expect(200).text(), expected);
    let listed = expected.replacen(r#""data":{"#, r#""data":[{"#, 1).replace("[]}}", "[]}]}");
    assert_eq!(program.get("/v1/endusers").await.expect(200).text(), listed);

    program.patch(&format!("{path}/custom-attributes"), &json!({ATTRIBUTE: "gold"})).await.expect(200);
    let noted = format!(
        r#""customAttributes":[{{"id":"{ATTRIBUTE}","name":"The plan","identifier":"plan","value":"gold"}}]"#
    );
    let expected = expected.replace(r#""customAttributes":[]"#, &noted);
    assert_eq!(program.get(&path).await.expect(200).text(), expected);

    let bare = program.post("/beta/endusers/", &json!({})).await.expect(201);
    let id = bare.str_at("/data/id");
    let expected = format!(
        r#"{{"data":{{"id":"{id}","createdAt":"2026-01-01T12:00:00Z","additionalEmails":[],"additionalPhoneNumbers":[],"middleNames":[],"customAttributes":[]}}}}"#
    );
    assert_eq!(bare.text(), expected);
}

#[tokio::test]
async fn a_patch_changes_what_is_there_and_a_put_replaces_everything_else() {
    let (_, program) = desk().await;
    let id = create(
        &program,
        &json!({"displayName": "Ann", "firstName": "Ann", "email": "ann@acme.example",
            "additionalEmails": ["a@acme.example", "b@acme.example"], "externalId": "1"}),
    )
    .await;
    let path = format!("/v1/endusers/{id}");
    let patch = json!({"firstName": null, "lastName": "Lee", "additionalEmails": ["c@acme.example"]});
    let patched = program.patch(&path, &patch).await.expect(200).json();
    assert_eq!(
        patched["data"],
        json!({"id": id, "createdAt": "2026-01-01T12:00:00Z", "displayName": "Ann", "email": "ann@acme.example",
            "additionalEmails": ["c@acme.example"], "additionalPhoneNumbers": [], "firstName": "Ann",
            "lastName": "Lee", "middleNames": [], "externalId": "1", "customAttributes": []})
    );
    let again = program.patch(&path, &json!({"lastName": "Lee"})).await.expect(200).json();
    assert_eq!(again, patched, "equal values are a change that changes nothing");
    let cleared = program.patch(&path, &json!({"additionalEmails": []})).await.expect(200).json();
    assert_eq!(cleared["data"]["additionalEmails"], json!([]));
    let replaced = program.put(&path, &json!({"displayName": "Bea", "email": null})).await.expect(200).json();
    assert_eq!(
        replaced["data"],
        json!({"id": id, "createdAt": "2026-01-01T12:00:00Z", "displayName": "Bea", "additionalEmails": [],
            "additionalPhoneNumbers": [], "middleNames": [], "customAttributes": []})
    );
    // What was given up is free for others.
    create(&program, &json!({"email": "ANN@acme.example", "additionalEmails": ["c@acme.example"]})).await;
}

#[tokio::test]
async fn what_is_refused_is_told_in_the_published_words() {
    let (server, program) = desk().await;
    let ann = json!({"email": "ann@acme.example", "phoneNumber": "+4520123456"});
    create(&program, &ann).await;
    let bea = create(&program, &json!({"displayName": "Bea"})).await;
    let path = format!("/v1/endusers/{bea}");
    let org = program.get("/v1/organization").await.str_at("/data/id");
    let patch = |errors: &str| {
        (400, format!("Updating EndUser [id={bea}] in [org={org}] failed with [errors={errors}]"))
    };
    let put = |errors: &str| (400, format!("Updating EndUser [id:{bea}] failed with [errors:{errors}]"));
    let post = |errors: &str| (400, format!("Create EndUser [id:None] failed with [errors:{errors}]"));
    for (said, errors) in [
        (json!({"email": "ANN@acme.example"}), "EmailExists"),
        (json!({"additionalEmails": ["ann@acme.example"]}), "EmailExists"),
        (json!({"phoneNumber": "+45 20 12 34 56"}), "PhoneNumberExists"),
        (json!({"additionalPhoneNumbers": ["+4520123456"]}), "PhoneNumberExists"),
        (ann.clone(), "EmailExists, PhoneNumberExists"),
        (json!({"email": ""}), "InvalidEmail"),
        (json!({"email": "a b@acme.example"}), "InvalidEmail"),
        (json!({"phoneNumber": ""}), "InvalidPhoneNumber"),
        (json!({"phoneNumber": "004520123456"}), "InvalidPhoneNumber"),
        (json!({"displayName": "x".repeat(1_001)}), "InvalidDisplayName"),
        (json!({"externalId": "x".repeat(1_001)}), "InvalidExternalId"),
    ] {
        assert_eq!(refusal(&program.post("/v1/endusers", &said).await), post(errors), "{said}");
        assert_eq!(refusal(&program.patch(&path, &said).await), patch(errors), "{said}");
        let mut whole = said.clone();
        whole["displayName"] = said.get("displayName").cloned().unwrap_or_else(|| "Bea".into());
        assert_eq!(refusal(&program.put(&path, &whole).await), put(errors), "{said}");
    }
    for nothing in [json!({}), json!({"email": null, "additionalEmails": null}), json!({"givenName": "x"})] {
        assert_eq!(refusal(&program.patch(&path, &nothing).await), patch("EmptyPatchSet"), "{nothing}");
    }
    assert_eq!(program.get("/v1/endusers").await.each("data", "id").len(), 2);
    server.assert_consistent().await;
}

#[tokio::test]
async fn one_filter_finds_primary_and_additional_values_and_two_are_refused() {
    let (server, program) = desk().await;
    let ann = create(
        &program,
        &json!({"email": "Ann@acme.example", "additionalPhoneNumbers": ["+4520123456"], "externalId": "1"}),
    )
    .await;
    server.advance_seconds(1);
    let bea = create(&program, &json!({"additionalEmails": ["bea@acme.example"], "externalId": "1"})).await;
    for (query, found) in [
        ("email=ann%40ACME.example", vec![&ann]),
        ("email=bea@acme.example", vec![&bea]),
        ("email=bea@acme.example&email=bea@acme.example", vec![&bea]),
        ("email=nobody@acme.example&email=bea@acme.example", vec![&bea]),
        ("email=none", vec![]),
        ("email=", vec![]),
        ("phone=%2B45%2020%2012%2034%2056", vec![&ann]),
        ("phone=+4520123456", vec![&ann]),
        ("phone=%204520123456", vec![&ann]),
        ("phone=4520123456", vec![]),
        ("phone=%2B4520123457", vec![]),
        ("phoneNumber=%2B4520123457", vec![&ann, &bea]),
        ("externalId=1", vec![&ann, &bea]),
        ("externalId=2", vec![]),
    ] {
        let answer = program.get(&format!("/v1/endusers?{query}")).await.expect(200);
        assert_eq!(answer.each("data", "id").iter().collect::<Vec<_>>(), found, "{query}");
        assert!(answer.json().get("meta").is_none(), "{answer}");
    }
    for query in
        ["email=a&phone=b", "email=a&externalId=b", "phone=&externalId=", "email=a&phone=b&externalId=c"]
    {
        let answer = program.get(&format!("/v1/endusers?{query}")).await;
        let expected = (400, "Invalid filters: Cannot provide more than one filter".to_owned());
        assert_eq!(refusal(&answer), expected, "{query}");
    }
}
