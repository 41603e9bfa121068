//! What the documentation says can be done as it says.

use denizen_http::amigo::dialect;
use denizen_testkit::TestServer;

#[tokio::test]
async fn the_bare_address_leads_to_the_documentation() {
    let server = TestServer::start().await;
    let answer = server.anonymous("GET", "/", None).await.expect(303);
    assert_eq!(answer.header("location"), Some("/docs"));
}

#[tokio::test]
async fn the_example_that_makes_an_organization_can_be_pasted() {
    let operations = (dialect().operations)();
    let create = operations.iter().find(|operation| operation.id == "create-organization").unwrap();
    let example = create.body_example.as_ref().expect("pictures cannot be made up from a schema");
    let server = TestServer::start().await;
    let admin = server.org("acme").await.admin().await;
    admin.in_org("new").naming("acme").put("/organization/", example).await.expect(201);
}

#[tokio::test]
async fn the_page_says_how_to_get_a_token_and_which_forms_a_condition_has() {
    let server = TestServer::start().await;
    let page = server.anonymous("GET", "/docs/amigo", None).await.expect(200);
    let page = page.text().replace("&quot;", "\"").replace("&#39;", "'");
    let exports = "export AMIGO_API_KEY=…\nexport AMIGO_API_KEY_ID=…\nexport AMIGO_USER_ID=…\nexport AMIGO_ORGANIZATION_ID=…";
    assert!(page.contains(&format!("<pre>{exports}</pre>")));
    let [sign_in, headers] = [
        "/v1/$AMIGO_ORGANIZATION_ID/user/signin_with_api_key\" \\\n",
        "  -H \"X-API-KEY: $AMIGO_API_KEY\" \\\n  -H \"X-API-KEY-ID: $AMIGO_API_KEY_ID\" \\\n  -H \"X-USER-ID: $AMIGO_USER_ID\"",
    ];
    assert!(
        page.contains("TOKEN=$(curl -sS -X POST \"http") && page.contains(&format!("{sign_in}{headers}")),
        "{page}"
    );
    assert!(page.contains(&format!("/v1/$AMIGO_ORGANIZATION_ID/user/\" \\\n{headers}")), "{page}");
    assert!(page.contains("/$REQUESTED_USER_ID"), "{page}");
    assert!(page.contains(r#"| sed 's/.*"id_token": *"\([^"]*\)".*/\1/')"#));
    let condition = page.split("<section id=\"schema-Condition\">").nth(1).unwrap();
    let condition = condition.split("</section>").next().unwrap();
    for text in ["<code>Equals</code>", "<code>NotEquals</code>", "<code>In</code>", "<code>values</code>"] {
        assert!(condition.contains(text), "{text} in {condition}");
    }
}
