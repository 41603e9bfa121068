//! What paths mean: fixed words before ids, methods that are not there, and whose form a strange path is answered in.

use denizen_testkit::TestServer;

use super::scene::{Scene, refusal};

#[tokio::test]
async fn fixed_words_are_no_ids_and_methods_that_a_path_lacks_are_not_allowed() {
    let server = TestServer::start().await;
    for prefix in ["/eva-user/org/x/users", "/org/x/users"] {
        for (method, path, allow) in [
            ("DELETE", "", "GET, HEAD, POST"),
            ("PATCH", "/01234567-89ab-4def-8123-456789abcdef", "DELETE, GET, HEAD, PUT"),
            ("POST", "/someone", "DELETE, GET, HEAD, PUT"),
            ("DELETE", "/me", "GET, HEAD"),
            ("PUT", "/me/", "GET, HEAD"),
            ("DELETE", "/quicksearch", "GET, HEAD"),
            ("PUT", "/quicksearch", "GET, HEAD"),
            ("DELETE", "/configuration", "GET, HEAD, PUT"),
            ("GET", "/password", "POST"),
            ("DELETE", "/password", "POST"),
            ("GET", "/csv", "POST"),
            ("DELETE", "/csv", "POST"),
            ("PUT", "/csv/silent/validate", "POST"),
        ] {
            let answer = server.anonymous(method, &format!("{prefix}{path}"), None).await;
            assert_eq!(refusal(&answer), (405, "Method Not Allowed".to_owned()), "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn what_means_no_operation_is_answered_in_the_form_of_the_dialect() {
    let server = TestServer::start().await;
    for path in [
        "/eva-user",
        "/eva-user/",
        "/eva-user/users",
        "/eva-user/org",
        "/eva-user/org/x",
        "/eva-user/org//users",
        "/eva-user/org/x/users/a/b",
        "/eva-user/org/x/env/y/bot/z",
        "/org",
        "/org/x/bots",
        "/org/x/users//",
    ] {
        let answer = server.anonymous("GET", path, None).await;
        assert_eq!(refusal(&answer), (404, "Not Found".to_owned()), "{path}");
    }
    for path in ["/eva-users/x", "/organization", "/v1/org/nothing"] {
        let answer = server.anonymous("GET", path, None).await.expect(404);
        assert!(answer.json().get("timestamp").is_none(), "{answer}");
    }
}

#[tokio::test]
async fn an_organization_with_the_name_of_a_path_is_used_in_all_dialects() {
    let server = TestServer::start().await;
    for slug in ["org", "eva-user"] {
        let org = server.org(slug).await;
        org.admin().await.get("/user/").await.expect(200);
        let admin = org.operator_admin().await;
        assert_eq!(admin.get("/me").await.expect(200).str_at("/orgUUID"), org.uuid());
    }
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let scene = Scene::set().await;
    let admin = &scene.ours.admin;
    let (get, head) = (admin.get("/me").await.expect(200), admin.call("HEAD", "/me", None).await.expect(200));
    assert!(head.body.is_empty());
    let length = get.body.len().to_string();
    assert_eq!(head.header("content-length"), Some(&*length));
}
