//! An organization with operators, and how a program asks for tokens.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_directory::operators::{AccessInput, NewOperator, Welcome};
use denizen_domain::ids::Uuid;
use denizen_testkit::{Answer, TestOrg, TestServer, TestSettings};
use serde_json::Value;

pub(crate) const PASSWORD: &str = "Passw0rd & +ä%";
pub(crate) const ADA: &str = "ada@acme.example";
/// The token endpoint below the beginning of a realm.
pub(crate) const TOKEN: &str = "/protocol/openid-connect/token";

pub(crate) struct Scene {
    pub(crate) server: TestServer,
    pub(crate) org: TestOrg,
    /// The administrator of [`ADA`].
    pub(crate) ada: Uuid,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        Self::with(TestSettings::default()).await
    }

    pub(crate) async fn with(settings: TestSettings) -> Self {
        let server = TestServer::with(settings).await;
        let org = server.org("acme").await;
        let ada = add(&server, "acme", ADA, Some(PASSWORD)).await;
        Self { server, org, ada }
    }

    pub(crate) fn uuid(&self) -> String {
        self.org.created.org_uuid.to_string()
    }

    /// Asks acme's token endpoint.
    pub(crate) async fn ask(&self, fields: &[(&str, &str)]) -> Answer {
        form(&self.server, &format!("/auth/realms/acme{TOKEN}"), fields, &[]).await
    }

    pub(crate) async fn sign_in(&self, user_name: &str, password: &str) -> Answer {
        self.ask(&password_grant(user_name, password)).await
    }

    /// Ada's tokens.
    pub(crate) async fn tokens(&self) -> Value {
        self.sign_in(ADA, PASSWORD).await.expect(200).json()
    }

    pub(crate) async fn refresh(&self, token: &Value) -> Answer {
        self.ask(&refresh_grant(token.as_str().unwrap())).await
    }

    /// Asks eva for the operator of a token.
    pub(crate) async fn me(&self, token: &Value) -> Answer {
        self.bearer(&format!("/eva-user/org/{}/users/me", self.uuid()), token.as_str().unwrap()).await
    }

    pub(crate) async fn bearer(&self, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.server.call("GET", path, &[("authorization", &bearer)], None).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.server.anonymous("GET", path, None).await
    }
}

pub(crate) fn password_grant<'f>(user_name: &'f str, password: &'f str) -> [(&'f str, &'f str); 4] {
    [
        ("grant_type", "password"),
        ("client_id", "eva-cockpit"),
        ("username", user_name),
        ("password", password),
    ]
}

pub(crate) fn refresh_grant(token: &str) -> [(&str, &str); 3] {
    [("grant_type", "refresh_token"), ("client_id", "eva-cockpit"), ("refresh_token", token)]
}

/// Adds an administrator.
pub(crate) async fn add(server: &TestServer, slug: &str, email: &str, password: Option<&str>) -> Uuid {
    let new = NewOperator {
        name: "Ada Lovelace".to_owned(),
        email: email.to_owned(),
        company: None,
        image: None,
        access: AccessInput { is_admin: true, environments: Vec::new() },
        password: password.map(str::to_owned),
    };
    server.directory().create_operator_for(slug, new, Welcome::Silent).await.unwrap().operator.id()
}

/// Sends a form.
pub(crate) async fn form(
    server: &TestServer,
    path: &str,
    fields: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    raw(server, path, &body, &[&[("content-type", "application/x-www-form-urlencoded")], headers].concat())
        .await
}

/// Sends a body as it is.
pub(crate) async fn raw(server: &TestServer, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut builder = Request::post(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    server.send(builder.body(Body::from(body.to_owned())).unwrap()).await
}

/// One of the parts of a token: 0 is the header, 1 the claims.
pub(crate) fn part(token: &Value, number: usize) -> Value {
    let encoded = token.as_str().unwrap().split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
}
