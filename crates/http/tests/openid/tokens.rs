//! What signing in brings.

use denizen_directory::Credentials;
use serde_json::{Value, json};

use super::scene::{ADA, PASSWORD, Scene, TOKEN, form, part, password_grant};

#[tokio::test]
async fn a_password_brings_tokens_that_are_good_below_every_name_of_the_realm() {
    let scene = Scene::set().await;
    let upper = scene.uuid().to_uppercase();
    for (realm, name) in [
        ("/auth/realms/acme", "/auth/realms/acme"),
        ("/realms/acme", "/realms/acme"),
        (&*format!("/auth/realms/{upper}"), &*format!("/auth/realms/{}", scene.uuid())),
        (&*format!("/realms/{}", scene.uuid()), &*format!("/realms/{}", scene.uuid())),
    ] {
        let answer =
            form(&scene.server, &format!("{realm}{TOKEN}"), &password_grant(ADA, PASSWORD), &[]).await;
        let tokens = answer.expect(200).json();
        let issuer = format!("http://127.0.0.1:8080{name}");
        assert_eq!(part(&tokens["access_token"], 1)["iss"], issuer);
        let found = scene.get(&format!("{realm}/.well-known/openid-configuration")).await.expect(200).json();
        assert_eq!(found["issuer"], issuer);
        assert_eq!(found["jwks_uri"], format!("{issuer}/protocol/openid-connect/certs"));
        assert_eq!(found["token_endpoint"], format!("{issuer}{TOKEN}"));
        scene.me(&tokens["access_token"]).await.expect(200);
        // A refresh brings the names of the realm where it was asked for.
        scene.refresh(&tokens["refresh_token"]).await.expect(200);
    }
}

#[tokio::test]
async fn the_answer_is_that_of_the_contract_and_is_kept_by_nobody() {
    let scene = Scene::set().await;
    let answer = scene.sign_in(&ADA.to_uppercase(), PASSWORD).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = answer.json();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!((&tokens["expires_in"], &tokens["refresh_expires_in"]), (&json!(300), &json!(1800)));
    assert_eq!(tokens["scope"], "email profile");
    assert_eq!(tokens.get("id_token"), None);
    assert!(tokens["access_token"].as_str().unwrap().len() <= 800);
}

#[tokio::test]
async fn tokens_say_nothing_personal_but_the_id_token_that_was_asked_for() {
    let scene = Scene::set().await;
    let fields =
        [&password_grant(ADA, PASSWORD)[..], &[("scope", "openid profile email offline_access")]].concat();
    let tokens = scene.ask(&fields).await.expect(200).json();
    assert_eq!(tokens["scope"], "openid email profile");
    for token in ["access_token", "refresh_token"] {
        let claims = part(&tokens[token], 1).to_string();
        assert!(!claims.contains("ada") && !claims.contains("Ada"), "{claims}");
    }
    let access = part(&tokens["access_token"], 1);
    assert_eq!(access["sub"], scene.ada.to_string());
    assert_eq!((&access["typ"], &access["azp"]), (&json!("Bearer"), &json!("eva-cockpit")));
    let id = part(&tokens["id_token"], 1);
    assert_eq!((&id["typ"], &id["aud"], &id["sub"]), (&json!("ID"), &json!("eva-cockpit"), &access["sub"]));
    assert_eq!((&id["name"], &id["email"]), (&json!("Ada Lovelace"), &json!(ADA)));
    // It is none to call with.
    scene.me(&tokens["id_token"]).await.expect(401);

    let userinfo = "/auth/realms/acme/protocol/openid-connect/userinfo";
    let info = scene.bearer(userinfo, tokens["access_token"].as_str().unwrap()).await.expect(200).json();
    assert_eq!(
        info,
        json!({"sub": access["sub"], "name": "Ada Lovelace", "preferred_username": ADA, "email": ADA})
    );
    let fields = [&password_grant(ADA, PASSWORD)[..], &[("scope", "openid")]].concat();
    let bare = scene.ask(&fields).await.expect(200).json();
    assert_eq!(bare["scope"], "openid email profile", "as by the default scopes of a Keycloak's clients");
    let id = part(&bare["id_token"], 1);
    assert_eq!(
        (&id["name"], &id["preferred_username"], &id["email"]),
        (&json!("Ada Lovelace"), &json!(ADA), &json!(ADA))
    );
    for token in ["access_token", "refresh_token"] {
        let claims = part(&bare[token], 1).to_string();
        assert!(!claims.contains("ada") && !claims.contains("Ada"), "{claims}");
    }
    let again = scene.refresh(&bare["refresh_token"]).await.expect(200).json();
    assert_eq!((&again["scope"], part(&again["id_token"], 1)["email"].clone()), (&bare["scope"], json!(ADA)));
    // Of a sign-in without any scope there is no ID token, and userinfo all the same.
    for token in [&bare["access_token"], &scene.tokens().await["access_token"]] {
        assert_eq!(scene.bearer(userinfo, token.as_str().unwrap()).await.expect(200).json(), info);
    }
}

#[tokio::test]
async fn a_program_may_name_itself_by_http_basic() {
    let scene = Scene::set().await;
    let path = format!("/auth/realms/acme{TOKEN}");
    let fields = [("grant_type", "password"), ("username", ADA), ("password", PASSWORD)];
    let headers = [("authorization", "Basic ZXZhLWFwaTo=")];
    let tokens = form(&scene.server, &path, &fields, &headers).await.expect(200).json();
    assert_eq!(part(&tokens["access_token"], 1)["azp"], "eva-api");
    let both = [&fields[..], &[("client_id", "eva-api")]].concat();
    form(&scene.server, &path, &both, &headers).await.expect(200);
    let other = [&fields[..], &[("client_id", "eva-cockpit")]].concat();
    form(&scene.server, &path, &other, &headers).await.expect(400);
}

#[tokio::test]
async fn an_operator_is_nobody_in_the_other_apis_and_others_are_nobody_here() {
    let scene = Scene::set().await;
    let token = scene.tokens().await["access_token"].as_str().unwrap().to_owned();
    let member = scene.org.admin().await;
    let program = scene.org.access_token("DefaultSuperAdministratorRole").await;
    for path in ["/v1/acme/user/", "/v1/acme/organization/api_key/", "/admin/v1/acme/jobs", "/v1/endusers"] {
        scene.bearer(path, &token).await.expect(401);
        let bare = scene.server.call("GET", path, &[("authorization", &token)], None).await;
        bare.expect(401);
    }
    let own = format!("acme_{}", scene.ada);
    let basic = Credentials::Basic { user_name: &own, token: &token };
    assert!(scene.server.directory().authenticate(basic, "acme", None).await.is_err());
    for stranger in [&member.token, &program.token] {
        scene.me(&Value::from(stranger.as_str())).await.expect(401);
        scene.bearer("/realms/acme/protocol/openid-connect/userinfo", stranger).await.expect(401);
    }
    // Once more, now that each is remembered where it is good.
    member.sees_itself().await.expect(200);
    scene.me(&Value::from(token.as_str())).await.expect(200);
    scene.bearer("/v1/acme/user/", &token).await.expect(401);
    scene.me(&Value::from(member.token.as_str())).await.expect(401);
}

#[tokio::test]
async fn a_token_ends_with_its_time_its_operator_its_password_and_its_organization() {
    let scene = Scene::set().await;
    let directory = scene.server.directory();
    let tokens = scene.tokens().await;
    scene.me(&tokens["access_token"]).await.expect(200);
    scene.server.advance_seconds(299);
    scene.me(&tokens["access_token"]).await.expect(200);
    scene.server.advance_seconds(1);
    scene.me(&tokens["access_token"]).await.expect(401);

    let tokens = scene.tokens().await;
    scene.me(&tokens["access_token"]).await.expect(200);
    directory.set_operator_password_of("acme", ADA, "An0ther".to_owned()).await.unwrap();
    scene.me(&tokens["access_token"]).await.expect(401);
    scene.refresh(&tokens["refresh_token"]).await.expect(400);
    scene.sign_in(ADA, PASSWORD).await.expect(401);

    let admin = scene.sign_in(ADA, "An0ther").await.expect(200).json();
    super::scene::add(&scene.server, "acme", "bob@acme.example", Some(PASSWORD)).await;
    let bob = scene.sign_in("bob@acme.example", PASSWORD).await.expect(200).json();
    let path =
        format!("/org/{}/users/{}", scene.uuid(), part(&bob["access_token"], 1)["sub"].as_str().unwrap());
    let bearer = format!("Bearer {}", admin["access_token"].as_str().unwrap());
    scene.me(&bob["access_token"]).await.expect(200);
    scene.server.call("DELETE", &path, &[("authorization", &bearer)], None).await.expect(204);
    scene.me(&bob["access_token"]).await.expect(401);
    scene.refresh(&bob["refresh_token"]).await.expect(400);

    let member = scene.org.admin().await;
    member.delete("/organization/").await.expect(204);
    scene.me(&admin["access_token"]).await.expect(401);
    scene.refresh(&admin["refresh_token"]).await.expect(404);
}
