//! The keys that sign, as somebody sees them who verifies tokens elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_directory::signing_keys::{PUBLISHED_BEFORE, SigningKeyState};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use super::scene::{Scene, part};

/// Whether a published key verifies a token, as RFC 7515 and RFC 7518 say and nothing of this project.
fn verifies(keys: &Value, token: &Value) -> bool {
    let (header, token) = (part(token, 0), token.as_str().unwrap());
    assert_eq!(header["alg"], "ES256");
    let Some(key) = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]) else {
        return false;
    };
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&"EC".into(), &"P-256".into(), &"ES256".into()));
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature).is_ok()
}

async fn published(scene: &Scene) -> Value {
    let answer = scene.get("/auth/realms/acme/protocol/openid-connect/certs").await.expect(200);
    answer.json()
}

#[tokio::test]
async fn the_published_keys_verify_every_token_and_nobody_elses() {
    let (scene, other) = (Scene::set().await, Scene::set().await);
    let keys = published(&scene).await;
    let tokens = scene.tokens().await;
    assert!(verifies(&keys, &tokens["access_token"]) && verifies(&keys, &tokens["refresh_token"]));
    let mut forged = part(&tokens["access_token"], 1);
    forged["org"] = "globex".into();
    let parts: Vec<_> = tokens["access_token"].as_str().unwrap().split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(forged.to_string()), parts[2]);
    assert!(!verifies(&keys, &forged.as_str().into()));
    scene.me(&forged.into()).await.expect(401);
    // Another installation's, which has keys of the same names where randomness stands still.
    other.me(&tokens["access_token"]).await.expect(401);
}

#[tokio::test]
async fn keys_change_without_anybody_being_refused() {
    let scene = Scene::set().await;
    let directory = scene.server.directory();
    let before = scene.tokens().await;
    let member = scene.org.admin().await;
    let old = part(&before["access_token"], 0)["kid"].clone();

    directory.rotate_signing_keys(None).await.unwrap();
    let keys = published(&scene).await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "the next is published at once");
    assert_eq!(part(&scene.tokens().await["access_token"], 0)["kid"], old, "and does not sign yet");

    scene.server.advance_seconds(PUBLISHED_BEFORE);
    let after = scene.tokens().await;
    let new = part(&after["access_token"], 0)["kid"].clone();
    assert_ne!(new, old);
    assert!(verifies(&keys, &after["access_token"]), "a key set of ten minutes ago knows it");
    scene.me(&after["access_token"]).await.expect(200);
    let refreshed = scene.refresh(&before["refresh_token"]).await.expect(200).json();
    assert_eq!(part(&refreshed["access_token"], 0)["kid"], new);
    member.sees_itself().await.expect(200);

    let states: Vec<_> = directory.list_signing_keys().await.unwrap().iter().map(|key| key.state).collect();
    let of = |state| states.iter().filter(|found| **found == state).count();
    assert_eq!((of(SigningKeyState::Signing), of(SigningKeyState::Verifying)), (2, 2));
}

#[tokio::test]
async fn a_key_that_got_out_is_retired_and_the_next_signs_at_once() {
    let scene = Scene::set().await;
    let directory = scene.server.directory();
    let before = scene.tokens().await;
    let kid = part(&before["access_token"], 0)["kid"].as_str().unwrap().to_owned();
    assert!(directory.rotate_signing_keys(Some("nobody's")).await.is_err());
    assert_eq!(directory.list_signing_keys().await.unwrap().len(), 2, "nothing was done");
    directory.rotate_signing_keys(Some(&kid)).await.unwrap();
    scene.refresh(&before["refresh_token"]).await.expect(400);
    let keys = published(&scene).await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    let after = scene.tokens().await;
    assert!(verifies(&keys, &after["access_token"]));
    scene.me(&after["access_token"]).await.expect(200);
    // Members' tokens are signed by another key, which nobody retired.
    scene.org.admin().await.sees_itself().await.expect(200);
}

#[tokio::test]
async fn what_a_retired_key_signed_is_refused_at_once_here_and_within_a_second_elsewhere() {
    let scene = Scene::set().await;
    let other = scene.server.another_process().await;
    let elsewhere = Scene { server: other, org: scene.org.clone(), ada: scene.ada };
    let tokens = scene.tokens().await;
    let path = format!("/org/{}/users/me", scene.uuid());
    let access = tokens["access_token"].as_str().unwrap();
    elsewhere.bearer(&path, access).await.expect(200);

    let directory = scene.server.directory();
    let kid = part(&tokens["access_token"], 0)["kid"].as_str().unwrap().to_owned();
    directory.retire_signing_key(&kid).await.unwrap();
    assert!(directory.retire_signing_key(&kid).await.is_err(), "it is retired already");
    scene.refresh(&tokens["refresh_token"]).await.expect(400);
    assert!(!verifies(&published(&scene).await, &tokens["access_token"]));
    // The last key of its kind has an heir at once, whose tokens another process takes when it has not read it yet.
    let after = scene.tokens().await;
    scene.server.clock().advance_micros(200_000);
    elsewhere.bearer(&path, after["access_token"].as_str().unwrap()).await.expect(200);
    scene.server.advance_seconds(1);
    scene.me(&tokens["access_token"]).await.expect(401);
    elsewhere.bearer(&path, access).await.expect(401);
    elsewhere.bearer(&path, after["access_token"].as_str().unwrap()).await.expect(200);
}
