//! How often a password is tried.

use axum::http::HeaderName;
use denizen_directory::operator_sessions::Attempts;
use denizen_testkit::{Answer, TestSettings};

use super::scene::{ADA, PASSWORD, Scene, TOKEN, form, password_grant};

fn settings(account: u32, address: u32) -> TestSettings {
    let mut settings = TestSettings::default();
    settings.directory.sign_in.per_account = Attempts { burst: account, every_seconds: 30 };
    settings.directory.sign_in.per_address = Attempts { burst: address, every_seconds: 10 };
    settings.http.address_header = Some(HeaderName::from_static("x-forwarded-for"));
    settings
}

async fn wrong(scene: &Scene, user_name: &str) -> Answer {
    scene.sign_in(user_name, "wrong").await
}

#[tokio::test]
async fn an_account_is_tried_so_often_whether_it_is_there_or_not() {
    let scene = Scene::with(settings(3, 0)).await;
    let mut told = Vec::new();
    for user_name in [ADA, "nobody@acme.example"] {
        for _ in 0..3 {
            wrong(&scene, user_name).await.expect(401);
        }
        let before = scene.server.directory().passwords().hashes_made();
        // The right one as well: else the answer would tell it.
        let answer = scene.sign_in(user_name, PASSWORD).await.expect(429);
        assert_eq!(scene.server.directory().passwords().hashes_made(), before, "it costs no hash");
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
        let seconds: i64 = answer.header("retry-after").unwrap().parse().unwrap();
        told.push((answer.text().to_owned(), seconds));
    }
    assert_eq!(told[0], told[1]);
    assert!((30..=31).contains(&told[0].1));
    scene.server.advance_seconds(told[0].1);
    scene.sign_in(ADA, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn who_knows_the_password_signs_in_as_often_as_needed() {
    let scene = Scene::with(settings(2, 2)).await;
    for _ in 0..10 {
        scene.tokens().await;
    }
}

#[tokio::test]
async fn an_address_tries_so_often_as_the_nearest_proxy_has_seen_it() {
    let scene = Scene::with(settings(0, 3)).await;
    let path = format!("/realms/acme{TOKEN}");
    let from = async |number: usize, address: &str| {
        let user_name = format!("user{number}@acme.example");
        let headers = [("x-forwarded-for", address)];
        form(&scene.server, &path, &password_grant(&user_name, "wrong"), &headers).await.status
    };
    for number in 0..3 {
        // What stands before the last was said by the caller.
        assert_eq!(from(number, &format!("198.51.100.{number}, 203.0.113.7")).await, 401);
    }
    assert_eq!(from(3, "203.0.113.7:4711").await, 429);
    assert_eq!(from(4, "203.0.113.8").await, 401);
}

#[tokio::test]
async fn without_the_setting_nobody_says_where_a_call_comes_from() {
    let mut settings = settings(0, 1);
    settings.http.address_header = None;
    let scene = Scene::with(settings).await;
    let path = format!("/realms/acme{TOKEN}");
    for number in 0..3 {
        let headers = [("x-forwarded-for", "203.0.113.7")];
        let user_name = format!("user{number}@acme.example");
        form(&scene.server, &path, &password_grant(&user_name, "wrong"), &headers).await.expect(401);
    }
}
