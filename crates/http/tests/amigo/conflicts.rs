//! Many who want the same thing at once.

use denizen_testkit::TestServer;
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_who_invite_the_same_address_at_once_one_succeeds() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    let mut tasks = JoinSet::new();
    for number in 0..64 {
        let admin = admin.clone();
        // The same address in other letters is the same address.
        let email = if number % 2 == 0 { "same@acme.example" } else { "SAME@Acme.Example" };
        let body = json!({
            "first_name": "N", "last_name": number.to_string(), "email": email, "role_name": "DefaultUserRole",
            "login_link": "https://app.example.com/in"
        });
        tasks.spawn(async move { admin.post("/user/", &body).await });
    }
    let answers = tasks.join_all().await;
    let with = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((with(201), with(409)), (1, 63));
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        assert_eq!(answer.refusal().1, "A user with this email already exists");
    }
    assert_eq!(admin.get("/user/?email=same%40acme.example").await.each("users", "email").len(), 1);
    assert_eq!(server.run_jobs().await.len(), 1, "those who were refused must not send a mail");
    server.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_16_who_use_a_link_at_once_one_is_signed_in() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let body = json!({"email": "admin@acme.example", "redirect_link": "https://app.example.com/in"});
    server.anonymous("POST", "/v1/acme/user/signin", Some(&body)).await.expect(200);
    let mail = server.run_jobs().await.remove(0);
    let path = format!("/v1/{}/user/link/{}", org.slug(), super::scene::secret_of(&mail.content));
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let (server, path) = (server.clone(), path.clone());
        tasks.spawn(async move { server.anonymous("POST", &path, None).await.status });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (303, &[404; 15][..]));
}
