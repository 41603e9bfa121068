//! Who calls with a token: a user who is signed in, or a program.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use denizen_directory::access_tokens::NewAccessToken;
use denizen_directory::{Caller, OpContext};
use serde_json::Value;

use crate::answer::Answer;
use crate::server::{TestServer, request};

/// An API key as its creator saw it.
#[derive(Debug, Clone)]
pub struct Key {
    pub key_id: String,
    pub secret: String,
}

/// A signed-in user. Paths are what stands after `/v1/{organization}`.
#[derive(Clone)]
pub struct TestCaller {
    pub server: TestServer,
    /// The organization in the path.
    pub organization: String,
    pub user_id: String,
    pub token: String,
    /// Empty where the test did not choose it.
    pub role_name: String,
    /// The value of `X-ORG-ID`, when it is sent.
    pub issuer: Option<String>,
}

impl TestCaller {
    pub(crate) fn new(server: &TestServer, organization: &str, user_id: &str, token: String) -> Self {
        Self {
            server: server.clone(),
            organization: organization.to_owned(),
            user_id: user_id.to_owned(),
            token,
            role_name: String::new(),
            issuer: None,
        }
    }

    /// The same credentials at another process.
    #[must_use]
    pub fn at(&self, server: &TestServer) -> Self {
        Self { server: server.clone(), ..self.clone() }
    }

    /// The same credentials at another organization's paths.
    #[must_use]
    pub fn in_org(&self, organization: &str) -> Self {
        Self { organization: organization.to_owned(), ..self.clone() }
    }

    /// The same credentials, with the header that names the organization that issued them.
    #[must_use]
    pub fn naming(&self, issuer: &str) -> Self {
        Self { issuer: Some(issuer.to_owned()), ..self.clone() }
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, &format!("/v1/{}{path}", self.organization), body).await
    }

    /// Calls the native API: the path is what stands after `/admin/v1/{organization}`.
    pub async fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, &format!("/admin/v1/{}{path}", self.organization), body).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers = self.headers();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.server.send(request(method, path, &headers, body)).await
    }

    /// The headers that say who calls.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("authorization", format!("Bearer {}", self.token))];
        headers.extend(self.issuer.clone().map(|issuer| ("x-org-id", issuer)));
        headers
    }

    /// Sends lines to be taken in, and waits for all that is answered.
    pub async fn ingest(&self, lines: impl Into<Body>) -> Answer {
        let mut builder = Request::post(format!("/admin/v1/{}/ingest", self.organization));
        for (name, value) in self.headers() {
            builder = builder.header(name, value);
        }
        let request = builder.header("content-type", "application/x-ndjson").body(lines.into());
        self.server.send(request.expect("the paths and headers of tests are well formed")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, None).await
    }

    /// Whether the credentials are good for a look at the own record.
    pub async fn sees_itself(&self) -> Answer {
        self.get(&format!("/user/?user_id={}", self.user_id)).await
    }
}

/// A program that calls with an access token in its own name. Paths are whole: the token names the organization.
#[derive(Clone)]
pub struct TestProgram {
    pub server: TestServer,
    /// The id of the token, which is that of the actor.
    pub token_id: String,
    pub token: String,
}

impl TestProgram {
    pub(crate) fn new(server: &TestServer, made: &NewAccessToken) -> Self {
        Self { server: server.clone(), token_id: made.token_id.to_string(), token: made.token.clone() }
    }

    /// The same token at another process.
    #[must_use]
    pub fn at(&self, server: &TestServer) -> Self {
        Self { server: server.clone(), ..self.clone() }
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.server.call(method, path, &[("authorization", &self.token)], body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call("PATCH", path, Some(body)).await
    }

    /// Establishes by the rules alone who calls.
    ///
    /// # Errors
    /// When the token is not accepted.
    pub async fn authenticate(&self) -> Result<Caller, denizen_directory::Error> {
        self.server.directory().authenticate_access_token(&self.token).await
    }

    /// What the program brings to an operation of the rules in its own organization.
    ///
    /// # Panics
    /// When the token is not accepted.
    pub async fn context(&self) -> OpContext {
        let caller = self.authenticate().await.unwrap();
        self.server.directory().context(&caller, &Arc::from("test")).await.unwrap()
    }
}
