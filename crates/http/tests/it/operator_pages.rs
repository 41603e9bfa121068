//! The pages on which operators choose their passwords, over the real rules and store.

use axum::body::Body;
use axum::http::Request;
use denizen_directory::operators::{AccessInput, NewOperator, Welcome};
use denizen_domain::mail::MailContent;
use denizen_domain::operator::MailLanguage;
use denizen_testkit::{Answer, TestServer};

const LANGUAGES: [&str; 4] = ["en", "es", "ja", "pt"];
const GONE: [&str; 4] = [
    "This link is no longer valid",
    "Este enlace ya no es válido",
    "このリンクは無効です",
    "Este link não é mais válido",
];
const DAY: i64 = 86_400;

/// The path of the link that a new operator is mailed in this language.
async fn link(server: &TestServer, language: MailLanguage) -> String {
    let new = NewOperator {
        name: "Ada".to_owned(),
        email: format!("ada.{}@acme.example", language.as_str()),
        company: None,
        image: None,
        access: AccessInput { is_admin: true, environments: Vec::new() },
        password: None,
    };
    server.directory().create_operator_for("acme", new, Welcome::Mail(language)).await.unwrap();
    let mail = server.run_jobs().await.pop().unwrap();
    let MailContent::OperatorCreated { link: Some(link), link_days: 3 } = mail.content else {
        panic!("{mail:?}")
    };
    link.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned()
}

async fn start() -> TestServer {
    let server = TestServer::start().await;
    server.org("acme").await;
    server
}

async fn submit(server: &TestServer, path: &str, password: &str, confirmation: &str) -> Answer {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("password", password).append_pair("confirmation", confirmation);
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    server.send(request.body(Body::from(form.finish())).unwrap()).await
}

async fn signs_in(server: &TestServer, user_name: &str, password: &str) -> bool {
    let path = "/auth/realms/acme/protocol/openid-connect/token";
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "password").append_pair("client_id", "eva-cockpit");
    form.append_pair("username", user_name).append_pair("password", password);
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    let answer = server.send(request.body(Body::from(form.finish())).unwrap()).await;
    assert!([200, 401].contains(&answer.status), "{answer}");
    answer.status == 200
}

#[track_caller]
fn assert_page(answer: &Answer, status: u16, language: &str) -> String {
    assert_eq!(answer.status, status, "{answer}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name} {answer}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("script-src"), "{policy}");
    let page = String::from_utf8(answer.body.clone()).unwrap();
    assert!(page.contains(&format!("<html lang=\"{language}\">")), "{page}");
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("://"), "{page}");
    page
}

#[tokio::test]
async fn a_mailed_link_opens_a_form_in_its_language_as_often_as_one_likes_and_sets_the_password_once() {
    let server = start().await;
    for (language, title, done) in [
        (MailLanguage::English, "Choose a password", "Your password is saved"),
        (MailLanguage::Spanish, "Elige una contraseña", "Tu contraseña se ha guardado"),
        (MailLanguage::Japanese, "パスワードの設定", "パスワードを設定しました"),
        (MailLanguage::Portuguese, "Escolha uma senha", "Sua senha foi salva"),
    ] {
        let tag = language.as_str();
        let path = link(&server, language).await;
        for _ in 0..2 {
            let page = assert_page(&server.anonymous("GET", &path, None).await, 200, tag);
            assert!(page.contains(&format!("<h1>{title}</h1>")), "{page}");
            assert!(page.contains("<form method=\"post\"") && page.contains("The acme company"), "{page}");
            assert!(!page.contains("role=\"alert\""), "{page}");
        }
        let page = assert_page(&submit(&server, &path, "Chosen-1", "Chosen-1").await, 200, tag);
        assert!(page.contains(done) && !page.contains("<form"), "{page}");
        let email = format!("ada.{tag}@acme.example");
        assert!(signs_in(&server, &email, "Chosen-1").await);
        // Used up, in the language of nobody in particular.
        assert_page(&submit(&server, &path, "Chosen-2", "Chosen-2").await, 404, "en");
        assert_page(&server.anonymous("GET", &path, None).await, 404, "en");
        assert!(!signs_in(&server, &email, "Chosen-2").await);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_password_is_said_on_the_form_and_the_link_stays_good() {
    let server = start().await;
    let path = link(&server, MailLanguage::Spanish).await;
    let long = format!("Aa1{}", "x".repeat(1_024));
    for (password, confirmation, alert, unmet) in [
        ("", "", "no cumple todos los requisitos", 4),
        ("Ab1", "Ab1", "no cumple todos los requisitos", 1),
        ("abcdef", "abcdef", "no cumple todos los requisitos", 2),
        ("ABCDEF1", "ABCDEF1", "no cumple todos los requisitos", 1),
        (long.as_str(), long.as_str(), "demasiado larga", 0),
        ("Chosen-1", "Chosen-2", "no coinciden", 0),
        ("Chosen-1", "", "no coinciden", 0),
    ] {
        let page = assert_page(&submit(&server, &path, password, confirmation).await, 422, "es");
        let (_, rest) = page.split_once("<p role=\"alert\">").unwrap();
        assert!(rest.split_once("</p>").unwrap().0.contains(alert), "{password} {page}");
        assert_eq!(page.matches("class=\"unmet\"").count(), unmet, "{password} {page}");
        assert!(password.is_empty() || !page.contains(password), "what was entered is not repeated: {page}");
    }
    // Not a form at all.
    let answer = server.send(Request::post(&path).body(Body::from(vec![0xff; 100])).unwrap()).await;
    assert_page(&answer, 422, "es");
    // No password is set that is not the one which was entered.
    for body in [
        "password=Chosen-%ff1&confirmation=Chosen-%ff1",
        "password=Chosen-1&password=Other-1&confirmation=Other-1",
    ] {
        let request = Request::post(&path).header("content-type", "application/x-www-form-urlencoded");
        assert_page(&server.send(request.body(Body::from(body)).unwrap()).await, 422, "es");
    }
    assert_page(&submit(&server, &path, "Chosen-1", "Chosen-1").await, 200, "es");
}

#[tokio::test]
async fn the_switch_goes_before_the_language_of_the_link_and_stays_after_a_mistake() {
    let server = start().await;
    let path = link(&server, MailLanguage::English).await;
    let page = assert_page(&server.anonymous("GET", &path, None).await, 200, "en");
    for language in ["es", "ja", "pt"] {
        assert!(page.contains(&format!("href=\"?language={language}\"")), "{page}");
        let switched = format!("{path}?language={language}");
        assert_page(&server.anonymous("GET", &switched, None).await, 200, language);
        assert_page(&submit(&server, &switched, "x", "x").await, 422, language);
    }
    assert_page(&server.anonymous("GET", &format!("{path}?language=fr"), None).await, 200, "en");
}

#[tokio::test]
async fn a_link_that_is_gone_says_so_in_the_language_of_the_link_the_switch_or_the_browser() {
    let server = start().await;
    let path = link(&server, MailLanguage::Japanese).await;
    server.advance_seconds(3 * DAY + 1);
    for answer in [
        server.anonymous("GET", &path, None).await,
        submit(&server, &path, "Chosen-1", "Chosen-1").await,
        server.call("GET", &path, &[("accept-language", "es")], None).await,
    ] {
        let page = assert_page(&answer, 404, "ja");
        assert!(page.contains(GONE[2]), "{page}");
    }
    for place in ["/operators/acme/password/unknown", "/operators/nowhere/password/unknown"] {
        for (language, gone) in LANGUAGES.iter().zip(GONE) {
            let switched = server.anonymous("GET", &format!("{place}?language={language}"), None).await;
            let header = format!("fr, {language}-XX;q=0.8, en;q=0.1");
            let browser = server.call("GET", place, &[("accept-language", &header)], None).await;
            for answer in [switched, browser] {
                assert!(assert_page(&answer, 404, language).contains(gone), "{answer}");
            }
        }
        assert_page(&server.anonymous("GET", place, None).await, 404, "en");
    }
}

#[tokio::test]
async fn the_page_of_a_magic_link_that_is_gone_speaks_the_browsers_language_too() {
    let server = start().await;
    for (language, words) in LANGUAGES.iter().zip([
        "This link has expired",
        "Este enlace ha caducado",
        "このリンクは期限切れ",
        "Este link expirou",
    ]) {
        let header = format!("fr, {language}-XX;q=0.8, en;q=0.1");
        let answer =
            server.call("GET", "/v1/acme/user/link/unknown", &[("accept-language", &header)], None).await;
        let page = String::from_utf8(answer.body.clone()).unwrap();
        assert!(page.contains(words) && page.contains(&format!("lang=\"{language}\"")), "{page}");
    }
}

#[tokio::test]
async fn what_is_met_before_the_page_is_a_page_too_in_every_language() {
    let server = start().await;
    let secret = "/operators/acme/password/unknown";
    for (method, path, status) in [("GET", "/operators/acme", 404), ("PUT", secret, 405)] {
        let page = assert_page(&server.anonymous(method, path, None).await, status, "en");
        for language in LANGUAGES {
            assert!(page.contains(&format!("<p lang=\"{language}\">")), "{page}");
        }
    }
    let request = Request::post(secret).body(Body::from(vec![b'x'; 2 << 20])).unwrap();
    assert_page(&server.send(request).await, 413, "en");
}

#[tokio::test]
async fn an_organizations_name_is_shown_and_not_executed() {
    let server = start().await;
    let changes = denizen_directory::organizations::OrganizationChanges {
        name: Some("<img onerror=x> & \"Sons\"".to_owned()),
        ..denizen_directory::organizations::OrganizationChanges::default()
    };
    server.directory().set_organization("acme", changes).await.unwrap();
    let path = link(&server, MailLanguage::English).await;
    let page = assert_page(&server.anonymous("GET", &path, None).await, 200, "en");
    assert!(
        page.contains("&lt;img onerror=x&gt; &amp; &quot;Sons&quot;") && !page.contains("<img"),
        "{page}"
    );
}
