//! The OpenAPI document and the pages.

use denizen_http::kernel::{Operation, openapi, openapi_text};
use serde_json::{Value, json};

use crate::support::{Server, dialect};

#[test]
fn the_document_names_every_place_once_with_an_id_of_its_own() {
    let document = openapi(&dialect());
    let mut ids = Vec::new();
    let mut places = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
            places.push(format!("{method} {path}"));
        }
    }
    let operations = (dialect().operations)();
    for (method, path) in operations.iter().flat_map(Operation::places) {
        assert!(places.contains(&format!("{} {path}", method.as_str().to_lowercase())), "{path}");
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), count), (count, 14));
    assert!(ids.contains(&"create-thing-2".to_owned()));
}

#[test]
fn what_a_type_accepts_and_what_it_answers_are_told_apart() {
    let document = openapi(&dialect());
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["PartInput"]["required"], json!(["name"]));
    assert_eq!(schemas["Part"]["required"], json!(["name", "size"]));
    let create = &document["paths"]["/v1/{organization}/thing/"]["post"];
    let body = &create["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(*body, json!({"$ref": "#/components/schemas/NewThing"}));
    assert!(schemas["NewThing"].to_string().contains("#/components/schemas/PartInput"));
    assert!(schemas["Thing"].to_string().contains(r##""#/components/schemas/Part""##));
    assert_eq!(
        create["responses"]["409"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/Wrong"
    );
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn check(value: &Value, schemas: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref") {
                    let name = reference.as_str().unwrap().strip_prefix("#/components/schemas/").unwrap();
                    assert!(schemas[name].is_object() || schemas[name].is_boolean(), "{name}");
                }
                members.values().for_each(|value| check(value, schemas));
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, schemas)),
            _ => {}
        }
    }
    let document = openapi(&dialect());
    check(&document, &document["components"]["schemas"]);
}

#[test]
fn security_and_parameters_are_described() {
    let document = openapi(&dialect());
    let list = &document["paths"]["/v1/{organization}/thing/"]["get"];
    assert_eq!(list["security"], json!([{"bearer": []}, {"key": []}]));
    assert_eq!(document["paths"]["/v1/{organization}/signin"]["post"]["security"], json!([]));
    assert_eq!(document["components"]["securitySchemes"]["key"]["name"], "x-api-key");
    let names: Vec<_> =
        list["parameters"].as_array().unwrap().iter().map(|param| param["name"].clone()).collect();
    assert_eq!(names, ["organization", "id", "limit", "x-cluster"]);
    assert!(list["responses"]["429"]["headers"]["Retry-After"].is_object());
    assert!(list["responses"]["200"]["headers"]["X-RateLimit-Limit"].is_object());
}

#[tokio::test]
async fn the_document_is_the_same_at_every_making_and_is_served() {
    let text = openapi_text(&dialect());
    assert_eq!(text, openapi_text(&dialect()));
    assert!(text.ends_with("}\n"));
    let served = Server::start().await.get("/docs/test/openapi.json").await;
    assert_eq!((served.status, served.text()), (200, text.as_str()));
    assert_eq!(served.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn the_pages_load_nothing_and_take_no_text_for_markup() {
    let server = Server::start().await;
    for path in ["/docs", "/docs/", "/docs/test"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'"), "{policy}");
        for foreign in ["<script", "src=", "@import", "url(", "<link"] {
            assert!(!answer.text().contains(foreign), "{foreign} in {path}");
        }
        assert!(answer.text().contains("Things &amp; &lt;parts&gt;."));
    }
    assert_eq!(server.get("/docs/nothing").await.status, 404);
}

#[tokio::test]
async fn the_page_shows_every_operation_with_a_call_to_paste() {
    let page = Server::start().await.get("/docs/test").await;
    for operation in (dialect().operations)() {
        assert!(page.text().contains(&format!("<section id=\"{}\">", operation.id)), "{}", operation.id);
        for (_, path) in operation.places() {
            let shown = path.replace('{', "<b>{").replace('}', "}</b>");
            assert!(page.text().contains(&format!("<code>{shown}</code>")), "{path}");
        }
    }
    let create = "curl -X POST &quot;http://127.0.0.1:8080/v1/$TEST_ORGANIZATION/thing/&quot; \\\n  \
                  -H &quot;x-api-key: $TEST_KEY&quot; \\\n  \
                  -H &quot;Content-Type: application/json&quot; \\\n  \
                  -d &#39;{&quot;email&quot;:&quot;ada@example.com&quot;,&quot;name&quot;:&quot;it&#39;\\&#39;&#39;s&quot;}&#39;";
    assert!(page.text().contains(create), "{create} in {}", page.text());
    assert!(page.text().contains("<pre>export TEST_KEY=…\nexport TEST_ORGANIZATION=…</pre>"));
    assert!(page.text().contains("Makes &lt;one&gt; thing &amp; its parts."));
    assert!(page.text().contains("What it is called."));
}

#[test]
fn no_document_shows_a_reader_the_links_of_comments_in_the_code() {
    fn check(value: &Value, at: &str) {
        match value {
            Value::String(text) => assert!(!text.contains("[`"), "{at}: {text}"),
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| check(value, &format!("{at}/{name}")));
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, at)),
            _ => {}
        }
    }
    for served in
        [denizen_http::amigo::dialect(), denizen_http::dixa::dialect(), denizen_http::admin::dialect()]
    {
        check(&openapi(&served), served.name);
    }
}
