//! Operators who are made by the rules and sign in with a password.

use std::net::IpAddr;

use denizen_directory::operator_sessions::{OperatorTokens, SignIn};
use denizen_directory::operators::{AccessInput, EnvironmentInput, NewOperator, OperatorView, Welcome};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::OperatorRole;
use serde_json::Value;

use crate::answer::Answer;
use crate::org::TestOrg;
use crate::server::TestServer;

/// The password of every operator that a test makes without choosing one.
pub const PASSWORD: &str = "Passw0rd";

/// An operator who has signed in. Paths are what stands after `/eva-user/org/{orgUUID}/users`.
#[derive(Clone)]
pub struct TestOperator {
    pub server: TestServer,
    /// The UUID of the organization in the path.
    pub organization: String,
    pub id: String,
    pub email: String,
    /// The access token.
    pub token: String,
    pub refresh_token: String,
}

impl TestOrg {
    /// The organization's UUID.
    pub fn uuid(&self) -> String {
        self.created.org_uuid.to_string()
    }

    /// An operator made through the command line's door, to whom nobody writes.
    pub async fn make_operator(&self, new: NewOperator) -> OperatorView {
        self.server.directory().create_operator_for(self.slug(), new, Welcome::Silent).await.unwrap()
    }

    /// An administrator of this name and address, with [`PASSWORD`].
    pub fn new_operator(&self, name: &str, email: &str) -> NewOperator {
        NewOperator {
            name: name.to_owned(),
            email: email.to_owned(),
            company: None,
            image: None,
            access: AccessInput { is_admin: true, environments: Vec::new() },
            password: Some(PASSWORD.to_owned()),
        }
    }

    /// A new administrator of the operators, signed in.
    pub async fn operator_admin(&self) -> TestOperator {
        let new = self.new_operator("Ann Admin", &self.new_email());
        self.signed_in(new).await
    }

    /// A new operator with a role for these bots of an environment, signed in.
    pub async fn operator(&self, role: OperatorRole, environment: Uuid, bots: &[Uuid]) -> TestOperator {
        let bots = bots.iter().copied().map(Some).collect();
        let environments = vec![EnvironmentInput { role, environment: Some(environment), bots }];
        let access = AccessInput { is_admin: false, environments };
        let new = self.new_operator("Ed Editor", &self.new_email());
        self.signed_in(NewOperator { access, ..new }).await
    }

    async fn signed_in(&self, new: NewOperator) -> TestOperator {
        let email = new.email.clone();
        let password = new.password.clone().expect("who signs in has a password");
        let id = self.make_operator(new).await.operator.id().to_string();
        let tokens = self.operator_tokens(&email, &password).await.unwrap();
        TestOperator {
            server: self.server.clone(),
            organization: self.uuid(),
            id,
            email,
            token: tokens.access_token,
            refresh_token: tokens.refresh_token,
        }
    }

    /// What signing in brings, or why it brings nothing.
    ///
    /// # Errors
    /// As the rules say.
    pub async fn operator_tokens(
        &self,
        email: &str,
        password: &str,
    ) -> Result<OperatorTokens, denizen_directory::Error> {
        let sign_in = SignIn {
            realm: self.slug().to_owned(),
            user_name: email.to_owned(),
            password: password.to_owned(),
            client_id: "eva-cockpit".to_owned(),
            scope: None,
            address: Some(IpAddr::from([127, 0, 0, 1])),
            issuer: format!("http://127.0.0.1:8080/auth/realms/{}", self.slug()),
        };
        self.server.directory().sign_in_operator(sign_in).await
    }
}

impl TestOperator {
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

    /// The value of the header that says who calls.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// A whole path of what stands after `/eva-user/org/{orgUUID}/users`.
    pub fn path(&self, rest: &str) -> String {
        format!("/eva-user/org/{}/users{rest}", self.organization)
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.call_with(method, path, &[], body).await
    }

    /// As [`TestOperator::call`], with further headers.
    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let authorization = self.authorization();
        let mut all = vec![("authorization", authorization.as_str())];
        all.extend(headers);
        self.server.call(method, &self.path(path), &all, body).await
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
}
