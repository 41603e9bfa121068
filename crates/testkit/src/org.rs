//! An organization with its first administrator and first key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use denizen_directory::organizations::{
    CreatedOrganization, FirstAdmin, NewOrganization, OrganizationChanges,
};
use denizen_domain::ids::OrgKey;
use denizen_domain::text::{ClusterName, Email, Origin, Slug};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::caller::{Key, TestCaller, TestProgram};
use crate::server::{TestServer, request};

/// The origin to which the links of every test organization may lead.
pub const ORIGIN: &str = "https://app.example.com";

/// An organization of a test. Cloning shares it.
#[derive(Clone)]
pub struct TestOrg {
    pub server: TestServer,
    pub created: Arc<CreatedOrganization>,
    /// Numbers roles and users, so that their names differ.
    numbers: Arc<AtomicU64>,
}

impl TestServer {
    /// An organization made through the command line's door; links may lead to [`ORIGIN`].
    pub async fn org(&self, slug: &str) -> TestOrg {
        self.org_in(slug, ClusterName::MAIN.as_str()).await
    }

    /// The same in a cluster.
    pub async fn org_in(&self, slug: &str, cluster: &str) -> TestOrg {
        let cluster = ClusterName::parse(cluster).unwrap();
        let mut new = NewOrganization::named(Slug::parse(slug).unwrap(), &format!("The {slug} company"));
        new.profile.allowed_origins = vec![ORIGIN.to_owned()];
        let admin = FirstAdmin {
            first_name: "First".to_owned(),
            last_name: "Admin".to_owned(),
            email: Email::parse(&format!("admin@{slug}.example")).unwrap(),
        };
        let created = self.directory().create_organization(new, admin, &cluster).await.unwrap();
        TestOrg { server: self.clone(), created: Arc::new(created), numbers: Arc::default() }
    }
}

impl TestOrg {
    pub fn slug(&self) -> &str {
        self.created.org_id.as_str()
    }

    /// The organization's key inside the store, for looking at rows that no operation shows.
    pub async fn key_in_store(&self) -> OrgKey {
        self.server.directory().find_organization(self.slug()).await.unwrap().unwrap().org
    }

    /// A whole path of what stands after `/v1/{organization}`.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/{}{rest}", self.slug())
    }

    /// The first key, which may sign in anybody.
    pub fn first_key(&self) -> Key {
        Key { key_id: self.created.api_key_id.to_string(), secret: self.created.api_key.clone() }
    }

    /// The first administrator, signed in.
    pub async fn admin(&self) -> TestCaller {
        self.sign_in(&self.first_key(), &self.created.member_id).await
    }

    /// Signs in over HTTP, whatever comes of it.
    pub async fn try_sign_in(&self, key: &Key, user_id: &str) -> Answer {
        let headers = [("x-api-key", &*key.secret), ("x-api-key-id", &*key.key_id), ("x-user-id", user_id)];
        self.server.send(request("POST", &self.path("/user/signin_with_api_key"), &headers, None)).await
    }

    pub async fn sign_in(&self, key: &Key, user_id: &str) -> TestCaller {
        let answer = self.try_sign_in(key, user_id).await.expect(200);
        TestCaller::new(&self.server, self.slug(), user_id, answer.str_at("/id_token"))
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// An address that nobody has yet.
    pub fn new_email(&self) -> String {
        format!("user{}@{}.example", self.number(), self.slug())
    }

    /// A role with these grants, made by the first administrator; its name.
    pub async fn role(&self, grants: &Value) -> String {
        let name = format!("Role-{}", self.number());
        let body = json!({
            "role_name": name, "description": "of a test", "frontend_view": "admin", "permission_grants": grants
        });
        self.admin().await.post("/role/", &body).await.expect(201);
        name
    }

    /// A user who was invited and verified by the first administrator; the user's id.
    pub async fn member(&self, role_name: &str) -> String {
        let user_id = self.unverified_member(role_name).await;
        self.admin().await.post(&format!("/user/{user_id}/verify"), &json!({})).await.expect(204);
        user_id
    }

    /// A user who was invited and no more.
    pub async fn unverified_member(&self, role_name: &str) -> String {
        let body = self.invitation(role_name);
        self.admin().await.post("/user/", &body).await.expect(201).str_at("/user_id")
    }

    /// A body that invites somebody new.
    pub fn invitation(&self, role_name: &str) -> Value {
        json!({
            "first_name": "Some", "last_name": format!("Body {}", self.number()), "email": self.new_email(),
            "role_name": role_name
        })
    }

    /// A verified user of an existing role, signed in with the first key.
    pub async fn caller(&self, role_name: &str) -> TestCaller {
        let user_id = self.member(role_name).await;
        let caller = self.sign_in(&self.first_key(), &user_id).await;
        TestCaller { role_name: role_name.to_owned(), ..caller }
    }

    /// A verified user of a new role with just these grants, signed in with the first key.
    pub async fn caller_with(&self, grants: &Value) -> TestCaller {
        let role_name = self.role(grants).await;
        self.caller(&role_name).await
    }

    /// An API key made by the first administrator.
    pub async fn key(&self, role_name: &str) -> Key {
        let body = json!({"name": "of a test", "duration": "P30D", "role_name": role_name});
        let made = self.admin().await.post("/organization/api_key/", &body).await.expect(201);
        Key { key_id: made.str_at("/api_key_id"), secret: made.str_at("/api_key") }
    }

    /// A program with a new access token of an existing role, made through the command line's door.
    pub async fn access_token(&self, role_name: &str) -> TestProgram {
        let directory = self.server.directory();
        let made = directory.create_access_token(self.slug(), role_name, None, None).await.unwrap();
        TestProgram::new(&self.server, &made)
    }

    /// A program whose role has just these grants.
    pub async fn access_token_with(&self, grants: &Value) -> TestProgram {
        let role_name = self.role(grants).await;
        self.access_token(&role_name).await
    }

    /// Changes what only the command line can change.
    pub async fn set(&self, changes: OrganizationChanges) {
        self.server.directory().set_organization(self.slug(), changes).await.unwrap();
    }

    pub async fn disallow_origin(&self) {
        let remove_origins = vec![Origin::of(ORIGIN).unwrap()];
        self.set(OrganizationChanges { remove_origins, ..OrganizationChanges::default() }).await;
    }
}
