//! Two organizations with the same things in each, and the sending of a case with those things in its places.

use std::collections::BTreeMap;

use denizen_domain::permission::KNOWN;
use denizen_testkit::{Answer, FAR, Key, ORIGIN, TestCaller, TestOrg, TestServer};
use serde_json::{Value, json};

use super::cases::{Auth, Case, Expect};

/// What the names in braces stand for.
pub(crate) type Things = BTreeMap<&'static str, String>;

pub(crate) struct Scene {
    pub(crate) server: TestServer,
    pub(crate) ours: Side,
    pub(crate) theirs: Side,
}

/// One organization, its super administrator and its things.
pub(crate) struct Side {
    pub(crate) org: TestOrg,
    pub(crate) admin: TestCaller,
    pub(crate) key: Key,
    pub(crate) things: Things,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let server = TestServer::start().await;
        let org = server.org("acme").await;
        Self::with(server, org).await
    }

    /// The same, with ours in another database than theirs.
    pub(crate) async fn set_far() -> Self {
        let server = TestServer::over_two_clusters().await;
        let org = server.org_in("acme", FAR).await;
        Self::with(server, org).await
    }

    async fn with(server: TestServer, ours: TestOrg) -> Self {
        let ours = Box::pin(Side::of(ours)).await;
        let theirs = Box::pin(Side::of(server.org("globex").await)).await;
        Self { server, ours, theirs }
    }
}

impl Side {
    async fn of(org: TestOrg) -> Self {
        let admin = org.admin().await;
        let role_name = org.role(&json!([])).await;
        let key = org.key("DefaultSuperAdministratorRole").await;
        let user_id = org.member(&role_name).await;
        let email = admin.get(&format!("/user/?user_id={user_id}")).await.str_at("/users/0/email");
        let body = json!({"email": email, "redirect_link": format!("{ORIGIN}/in")});
        admin.post("/user/signin", &body).await.expect(200);
        let secret = secret_of(&org.server.run_jobs().await.remove(0).content);
        let external_event_id = add_event(&admin, &user_id).await;
        super::knowledge::keep_a_little(&org, &user_id, 1).await;
        let pictures = pictures();
        let things = [
            ("{organization}", org.slug().to_owned()),
            ("{requested_user_id}", user_id.clone()),
            ("{user_id}", user_id),
            ("{role_name}", role_name),
            ("{api_key_id}", key.key_id.clone()),
            ("{external_event_id}", external_event_id),
            ("{secret}", secret),
            ("{email}", email),
        ];
        Self { org, admin, key, things: things.into_iter().chain(pictures).collect() }
    }

    /// The things, one of them another one.
    pub(crate) fn things_with(&self, token: &'static str, value: &str) -> Things {
        let mut things = self.things.clone();
        things.insert(token, value.to_owned());
        things
    }

    /// A signed-in user with every known permission but one.
    pub(crate) async fn caller_without(&self, permission: &str) -> TestCaller {
        let grants: Vec<Value> = KNOWN
            .iter()
            .filter(|name| name.as_str() != permission)
            .map(|name| json!({"permission_name": name.as_str(), "conditions": {}}))
            .collect();
        self.org.caller_with(&json!(grants)).await
    }

    /// The credentials of the case's kind that may everything.
    pub(crate) fn strongest(&self, case: &Case) -> Credentials {
        match case.auth {
            Auth::Key => Credentials::key(&self.key, &self.things["{user_id}"]),
            Auth::Token | Auth::Public => Credentials::of(&self.admin),
        }
    }

    /// Everything that an administrator sees, to find out whether something changed.
    pub(crate) async fn state(&self) -> Vec<String> {
        let mut seen = Vec::new();
        let user = format!("/user/{}", self.things["{user_id}"]);
        for path in [
            "/user/",
            "/role/?return_permission_grants=true",
            "/organization/",
            "/organization/api_key/",
            "/organization/user_dimensions/",
            &format!("/user/{}/external_event", self.things["{user_id}"]),
            "/role/temporary_permission_grants/",
            &format!("{user}/memory"),
            &format!("{user}/user_model"),
        ] {
            seen.push(self.admin.get(path).await.expect(200).text().to_owned());
        }
        seen
    }
}

/// An event of a user; its id.
pub(crate) async fn add_event(caller: &TestCaller, user_id: &str) -> String {
    let body = json!({
        "type": "visit", "starts_at": "2026-01-01T12:00:00Z", "ends_at": "2026-01-01T12:30:00Z",
        "description": "A visit"
    });
    let path = format!("/user/{user_id}/external_event");
    caller.post(&path, &body).await.expect(201).str_at("/external_event_id")
}

/// A temporary grant to a user; its id.
pub(crate) async fn add_grant(caller: &TestCaller, user_id: &str) -> String {
    let body = json!({
        "user_id": user_id, "duration": "P1D", "justification": "because of a test", "tags": {"a": "b"},
        "permission_grant": {"permission_name": "User:DeleteUser", "conditions": {}}
    });
    let path = "/role/temporary_permission_grant/";
    caller.post(path, &body).await.expect(201).str_at("/temporary_permission_grant_id")
}

/// The secret at the end of a mailed link.
pub(crate) fn secret_of(content: &denizen_domain::mail::MailContent) -> String {
    let denizen_domain::mail::MailContent::MagicLink { link, .. } = content else {
        panic!("not a link that signs in: {content:?}")
    };
    link.rsplit('/').next().unwrap().to_owned()
}

/// Headers that say who calls.
#[derive(Clone, Default)]
pub(crate) struct Credentials(Vec<(&'static str, String)>);

impl Credentials {
    pub(crate) fn of(caller: &TestCaller) -> Self {
        Self(vec![("authorization", format!("Bearer {}", caller.token))])
    }

    pub(crate) fn key(key: &Key, user_id: &str) -> Self {
        Self(vec![
            ("x-api-key", key.secret.clone()),
            ("x-api-key-id", key.key_id.clone()),
            ("x-user-id", user_id.to_owned()),
        ])
    }

    pub(crate) fn naming(mut self, issuer: &str) -> Self {
        self.0.push(("x-org-id", issuer.to_owned()));
        self
    }

    pub(crate) fn header(name: &'static str, value: &str) -> Self {
        Self(vec![(name, value.to_owned())])
    }
}

fn filled(text: &str, things: &Things) -> String {
    things.iter().fold(text.to_owned(), |text, (token, value)| text.replace(token, value))
}

/// Sends a case with these things in its places.
pub(crate) async fn send(
    server: &TestServer,
    case: &Case,
    things: &Things,
    credentials: &Credentials,
) -> Answer {
    let mut path = filled(case.path, things);
    if !case.query.is_empty() {
        path = format!("{path}?{}", case.query);
    }
    let body = (!case.body.is_empty()).then(|| serde_json::from_str(&filled(case.body, things)).unwrap());
    let headers: Vec<(&str, &str)> =
        credentials.0.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.call(case.method, &path, &headers, body.as_ref()).await
}

impl Expect {
    /// What is wrong with an answer, if anything is.
    pub(crate) fn fault(self, answer: &Answer) -> Option<String> {
        let fits = match self {
            Self::Refused(status, detail) => {
                answer.status == status && answer.json() == json!({"detail": detail})
            }
            Self::Answers(status, body) => {
                answer.status == status && answer.json() == serde_json::from_str::<Value>(body).unwrap()
            }
            Self::Page(status, text) => answer.status == status && answer.text().contains(text),
            Self::Skip(_) => true,
        };
        (!fits).then(|| answer.to_string())
    }
}

/// The smallest pictures that an organization may have: what is measured of them is their head.
fn pictures() -> [(&'static str, String); 4] {
    [
        ("{logo}", png(400, 160)),
        ("{square_logo}", png(40, 40)),
        (
            "{favicon}",
            base64(&[0, 0, 1, 0, 1, 0, 40, 40, 0, 0, 1, 0, 32, 0, 4, 0, 0, 0, 22, 0, 0, 0, 0, 0, 0, 0]),
        ),
        ("{headshot}", png(292, 400)),
    ]
}

fn png(width: u32, height: u32) -> String {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
    base64(&bytes)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
