//! Staying signed in.

use serde_json::Value;

use super::scene::{ADA, PASSWORD, Scene, TOKEN, add, form, part, refresh_grant};

const REFUSED: &str = r#"{"error":"invalid_grant","error_description":"Invalid refresh token"}"#;

#[tokio::test]
async fn a_refresh_token_brings_new_ones_until_the_sign_in_is_over() {
    let scene = Scene::set().await;
    let mut tokens = scene.tokens().await;
    let session = tokens["session_state"].clone();
    let mut left = 36_000;
    while left > 1_700 {
        scene.server.advance_seconds(1_700);
        left -= 1_700;
        tokens = scene.refresh(&tokens["refresh_token"]).await.expect(200).json();
        assert_eq!(tokens["session_state"], session);
        assert_eq!(tokens["refresh_expires_in"], left.min(1_800));
        scene.me(&tokens["access_token"]).await.expect(200);
    }
    scene.server.advance_seconds(left);
    assert_eq!(scene.refresh(&tokens["refresh_token"]).await.expect(400).text(), REFUSED);
}

#[tokio::test]
async fn a_refresh_token_expires_by_itself() {
    let scene = Scene::set().await;
    let tokens = scene.tokens().await;
    scene.server.advance_seconds(1_799);
    // Twice: an answer may get lost.
    scene.refresh(&tokens["refresh_token"]).await.expect(200);
    scene.refresh(&tokens["refresh_token"]).await.expect(200);
    scene.server.advance_seconds(1);
    assert_eq!(scene.refresh(&tokens["refresh_token"]).await.expect(400).text(), REFUSED);
}

#[tokio::test]
async fn only_a_refresh_token_of_the_same_realm_and_program_refreshes_and_it_does_nothing_else() {
    let scene = Scene::set().await;
    scene.server.org("globex").await;
    add(&scene.server, "globex", ADA, Some(PASSWORD)).await;
    let tokens = scene.tokens().await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let mut changed = refresh.to_owned();
    changed.replace_range(refresh.len() - 4.., "AAAA");
    let member = scene.org.admin().await;
    for other in [tokens["access_token"].as_str().unwrap(), &changed, &member.token, "x", "a.b.c"] {
        assert_eq!(scene.refresh(&Value::from(other)).await.expect(400).text(), REFUSED);
    }
    let path = format!("/realms/globex{TOKEN}");
    let answer = form(&scene.server, &path, &refresh_grant(refresh), &[]).await;
    assert_eq!(answer.expect(400).text(), REFUSED);
    let other = [("grant_type", "refresh_token"), ("client_id", "eva-api"), ("refresh_token", refresh)];
    assert_eq!(scene.ask(&other).await.expect(400).text(), REFUSED);
    scene.me(&tokens["refresh_token"]).await.expect(401);
    assert_eq!(part(&tokens["refresh_token"], 1)["typ"], "Refresh");
}
