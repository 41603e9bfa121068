//! Operators: made, changed, read and deleted, what they may be given to reach, what is written to them, and the values
//! that programs keep for them.

mod changing;
mod configuration;
mod creating;
mod deleting;
mod mailing;
mod permissions;
mod racing;
mod random;
mod reading;

use std::sync::Arc;

use denizen_directory::operator_sessions::SignIn;
use denizen_directory::operators::{
    AccessInput, EnvironmentInput, NewOperator, OperatorChange, OperatorView, Welcome,
};
use denizen_directory::organizations::ADMINISTRATOR_ROLE;
use denizen_directory::{Error, ErrorCode, OpContext, Result};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::OperatorRole;
use denizen_domain::patch::Patch;
use denizen_store::bots::{self, Bot};
use denizen_store::environments::{self, Environment};
use denizen_testkit::{TestOrg, TestServer, TestSettings};

const PASSWORD: &str = "Passw0rd";

/// Two environments with two bots in the first and one in the second.
const TEST: Uuid = Uuid([1; 16]);
const LIVE: Uuid = Uuid([2; 16]);
const ALPHA: Uuid = Uuid([0xa; 16]);
const BETA: Uuid = Uuid([0xb; 16]);
const GAMMA: Uuid = Uuid([0xc; 16]);
const NOBODY: Uuid = Uuid([0xff; 16]);

/// An organization with operators, and a program that may do everything with them.
struct Team {
    server: TestServer,
    org: TestOrg,
    ctx: OpContext,
}

impl Team {
    async fn new() -> Self {
        Self::with(TestSettings::default()).await
    }

    async fn with(settings: TestSettings) -> Self {
        let server = TestServer::with(settings).await;
        Self::at(server, "acme").await
    }

    async fn at(server: TestServer, slug: &str) -> Self {
        let org = server.org(slug).await;
        let ctx = org.access_token(ADMINISTRATOR_ROLE).await.context().await;
        let team = Self { server, org, ctx };
        for (id, name) in [(TEST, "Test"), (LIVE, "Live")] {
            team.set_environment(id, name, true).await;
        }
        for (id, home, name) in [(ALPHA, TEST, "Alpha"), (BETA, TEST, "Beta"), (GAMMA, LIVE, "Gamma")] {
            team.set_bot(id, home, name, true).await;
        }
        team
    }

    async fn set_environment(&self, environment_id: Uuid, name: &str, is_active: bool) {
        let now = self.server.directory().now();
        let name = name.to_owned();
        let environment = Environment { environment_id, name, is_active, created_at: now, updated_at: now };
        let put = move |tx: &denizen_store::Tx<'_>| environments::put(tx, &environment);
        self.server.store().write(self.org.key_in_store().await, put).await.unwrap();
    }

    async fn set_bot(&self, bot_id: Uuid, environment_id: Uuid, name: &str, is_active: bool) {
        let now = self.server.directory().now();
        let (name, image_url) = (name.to_owned(), None);
        let bot =
            Bot { bot_id, environment_id, name, image_url, is_active, created_at: now, updated_at: now };
        let put = move |tx: &denizen_store::Tx<'_>| bots::put(tx, &bot);
        self.server.store().write(self.org.key_in_store().await, put).await.unwrap();
    }

    async fn create(&self, new: NewOperator) -> Result<OperatorView> {
        self.server.directory().create_operator(&self.ctx, new, Welcome::Silent).await
    }

    /// An operator who is there and signs in with [`PASSWORD`].
    async fn operator(&self, email: &str, access: AccessInput) -> Uuid {
        let new = NewOperator { access, password: Some(PASSWORD.to_owned()), ..admin(email) };
        self.create(new).await.unwrap().operator.id()
    }

    async fn update(&self, id: Uuid, change: OperatorChange) -> Result<OperatorView> {
        self.server.directory().update_operator(&self.ctx, id, change).await
    }

    async fn get(&self, id: Uuid) -> Result<OperatorView> {
        self.server.directory().get_operator(&self.ctx, id).await
    }

    async fn token(&self, email: &str, password: &str) -> Result<String> {
        let sign_in = SignIn {
            realm: self.org.slug().to_owned(),
            user_name: email.to_owned(),
            password: password.to_owned(),
            client_id: "eva-cockpit".to_owned(),
            scope: None,
            address: None,
            issuer: "http://127.0.0.1:8080/auth/realms/acme".to_owned(),
        };
        Ok(self.server.directory().sign_in_operator(sign_in).await?.access_token)
    }

    async fn context_of(&self, token: &str) -> Result<OpContext> {
        let caller = self.server.directory().authenticate_operator(token).await?;
        self.server.directory().context(&caller, &Arc::from("test")).await
    }

    /// What an operator brings to an operation who signed in with [`PASSWORD`].
    async fn sign_in(&self, email: &str) -> OpContext {
        self.context_of(&self.token(email, PASSWORD).await.unwrap()).await.unwrap()
    }
}

/// A new administrator without a password.
fn admin(email: &str) -> NewOperator {
    NewOperator {
        name: "Ann Lee".to_owned(),
        email: email.to_owned(),
        company: None,
        image: None,
        access: AccessInput { is_admin: true, environments: Vec::new() },
        password: None,
    }
}

fn entry(role: OperatorRole, environment: Uuid, bots: &[Uuid]) -> EnvironmentInput {
    let bots = bots.iter().map(|bot| Some(*bot)).collect();
    EnvironmentInput { role, environment: Some(environment), bots }
}

fn reaching(environments: Vec<EnvironmentInput>) -> AccessInput {
    AccessInput { is_admin: false, environments }
}

/// A change that keeps everything that can be kept.
fn keep(name: &str, email: &str) -> OperatorChange {
    OperatorChange {
        name: name.to_owned(),
        email: email.to_owned(),
        company: Patch::Keep,
        image: Patch::Keep,
        is_admin: None,
        environments: None,
        password: None,
    }
}

/// What an operator is shown to reach: environments, each with its bots, by name.
fn reached(view: &OperatorView) -> Vec<(&str, Vec<&str>)> {
    view.places
        .iter()
        .map(|place| (place.name.as_str(), place.bots.iter().map(|(_, name)| name.as_str()).collect()))
        .collect()
}

/// The code and the field of what was refused.
fn refusal<T: std::fmt::Debug>(answer: Result<T>) -> (ErrorCode, String) {
    let Error { code, field, .. } = answer.unwrap_err();
    (code, field.join("."))
}

fn invalid(field: &str) -> (ErrorCode, String) {
    (ErrorCode::InvalidField, field.to_owned())
}

fn plain(code: ErrorCode) -> (ErrorCode, String) {
    (code, String::new())
}
