//! denizen itself, in each of its dialects, as it is released and on SQLite; each with data of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::operator::Access;
use denizen_domain::time::Timestamp;
use denizen_store::operators::{self, Operator};
use denizen_store::{SqliteOptions, Store, StoreError, Tx, control};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::http;
use super::population::Population;
use super::process::{Running, free_port};
use super::system::{Requests, Started, Work};

const NOW: Timestamp = Timestamp(1_760_000_000_000_000);
/// Operators of one transaction.
const BATCH: usize = 2_000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Amigo,
    Dixa,
    Eva,
}

/// The organization, and the credentials of its administrators, as `denizen org create --json` prints them.
#[derive(Clone, Serialize, Deserialize)]
struct Organization {
    org_id: String,
    org_uuid: String,
    member_id: String,
    api_key_id: String,
    api_key: String,
    operator_email: String,
    operator_password: String,
    dixa_token: String,
}

pub(super) struct Session {
    organization: Organization,
    headers: String,
}

/// Writes everybody as `denizen ingest` reads them. Operators do not come this way.
pub(super) fn write_people(dialect: Dialect, population: &Population, file: &Path) -> anyhow::Result<()> {
    population.write(file, |number| {
        let person = Population::person(number);
        let (first, last, email) = (&person.first_name, &person.last_name, &person.email);
        match dialect {
            Dialect::Amigo => json!({
                "type": "user", "user_id": person.id, "email": email, "first_name": first, "last_name": last,
                "is_verified": true,
            }),
            Dialect::Dixa => json!({
                "type": "contact", "contact_id": Population::uuid(number).to_string(),
                "display_name": format!("{first} {last}"), "first_name": first, "last_name": last,
                "email": email, "created_at": "2025-10-09T08:53:20Z",
            }),
            Dialect::Eva => Value::Null,
        }
    })
}

pub(super) fn load(dialect: Dialect, program: &Path, data: &Path, people: &Path) -> anyhow::Result<()> {
    let made = Command::new(program)
        .args(["org", "create", "beside", "--json", "--verify-new-members", "--name", "Beside"])
        .args(["--admin-email", "admin@beside.example", "--data"])
        .arg(data)
        .output()?;
    ensure!(made.status.success(), "denizen org create: {}", String::from_utf8_lossy(&made.stderr));
    fs::write(data.join("organization.json"), &made.stdout)?;
    if dialect == Dialect::Eva {
        return insert_operators(data, fs::read_to_string(people)?.lines().count());
    }
    let ingest = Command::new(program)
        .args(["ingest", "--org", "beside", "--quiet", "--data"])
        .args([data, people])
        .stdout(std::process::Stdio::null())
        .status()?;
    ensure!(ingest.success(), "denizen ingest refused a record; it says above which");
    Ok(())
}

/// Through the store's own door: every other one hashes a password for each.
fn insert_operators(data: &Path, count: usize) -> anyhow::Result<()> {
    let store = Store::open(SqliteOptions::new(data.join("denizen.db")), NOW)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let found = store.read(OrgKey::CONTROL, |conn| control::find_by_slug(conn, "beside")).await?;
        let org = found.context("an organization that was just made")?.org;
        for first in (0..count).step_by(BATCH) {
            let batch: Vec<_> =
                (first..(first + BATCH).min(count)).map(|number| (operator(number), None)).collect();
            store.write::<(), StoreError, _>(org, move |tx: &Tx<'_>| operators::insert(tx, &batch)).await?;
        }
        anyhow::Ok(())
    })?;
    store.close();
    Ok(())
}

fn operator(number: usize) -> Operator {
    let person = Population::person(number);
    Operator {
        user_id: UserId::from_uuid(Population::uuid(number)),
        name: format!("{} {}", person.first_name, person.last_name),
        email: person.email,
        company: None,
        image: None,
        access: Access::Administrator,
        created_at: Timestamp(NOW.0 + number as i64 * 1_000_000),
    }
}

/// Starts `denizen serve` without rate limits and everything else as it is by default; it is ready when it has let somebody
/// in who then got an answer.
pub(super) fn start(dialect: Dialect, program: &Path, data: &Path, log: &Path) -> anyhow::Result<Started> {
    let organization = serde_json::from_slice(&fs::read(data.join("organization.json"))?)?;
    let port = free_port()?;
    let mut serve = Command::new(program);
    serve
        .args(["serve", "--no-rate-limits", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(data)
        // A line for each request.
        .env("DENIZEN_LOG_FILTER", "info,denizen::access=debug");
    let mut running = Running::start(serve, port, log)?;
    let mut session = Session { organization, headers: String::new() };
    let ready = running.ready(|| {
        session.sign_in(dialect, port).is_ok() && {
            let path = session.path_of(dialect, 1);
            http::call(port, "GET", &path, &session.headers, "").is_ok_and(|(status, _)| status == 200)
        }
    })?;
    Ok(Started { running, ready, headers: session.headers.clone(), session: Some(session) })
}

impl Session {
    fn sign_in(&mut self, dialect: Dialect, port: u16) -> anyhow::Result<()> {
        let Organization { org_id, api_key, api_key_id, member_id, .. } = &self.organization;
        let (path, headers, body) = match dialect {
            Dialect::Dixa => {
                self.headers = format!("Authorization: {}", self.organization.dixa_token);
                return Ok(());
            }
            Dialect::Amigo => (
                format!("/v1/{org_id}/user/signin_with_api_key"),
                format!("X-API-Key: {api_key}\nX-API-Key-Id: {api_key_id}\nX-User-Id: {member_id}"),
                String::new(),
            ),
            Dialect::Eva => (
                format!("/auth/realms/{org_id}/protocol/openid-connect/token"),
                "Content-Type: application/x-www-form-urlencoded".to_owned(),
                format!(
                    "grant_type=password&client_id=eva-cockpit&username={}&password={}",
                    self.organization.operator_email, self.organization.operator_password
                ),
            ),
        };
        let (status, answer) = http::call(port, "POST", &path, &headers, &body)?;
        ensure!(status == 200, "signing in: {status} {answer}");
        let answer: Value = serde_json::from_str(&answer)?;
        let token = answer["id_token"].as_str().filter(|_| dialect == Dialect::Amigo);
        let token = token.or(answer["access_token"].as_str()).context("a token")?;
        self.headers = format!("Authorization: Bearer {token}");
        Ok(())
    }

    fn path_of(&self, dialect: Dialect, number: usize) -> String {
        let Organization { org_id, org_uuid, .. } = &self.organization;
        match dialect {
            Dialect::Amigo => format!("/v1/{org_id}/user/?user_id={}", Population::person(number).id),
            Dialect::Dixa => format!("/v1/endusers/{}", Population::uuid(number)),
            Dialect::Eva => format!("/eva-user/org/{org_uuid}/users/{}", Population::uuid(number)),
        }
    }

    /// How this work is asked for; `None` where the dialect has no such operation.
    pub(super) fn requests(
        &self,
        dialect: Dialect,
        work: Work,
        population: &Population,
        port: u16,
    ) -> anyhow::Result<Option<Requests>> {
        let Organization { org_id, org_uuid, .. } = &self.organization;
        let list = match dialect {
            Dialect::Amigo => format!("/v1/{org_id}/user/?limit=100"),
            Dialect::Dixa => "/v1/endusers?pageLimit=100".to_owned(),
            Dialect::Eva => format!("/eva-user/org/{org_uuid}/users?linesPerPage=100"),
        };
        let search = |needle: String| match dialect {
            Dialect::Eva => format!("{list}&searchTerms={needle}"),
            _ => format!("/v1/{org_id}/user/search/?query={needle}"),
        };
        Ok(Some(match work {
            Work::Get => {
                let some = population.some().into_iter();
                Requests::Paths(some.map(|number| self.path_of(dialect, number)).collect())
            }
            Work::FirstPage => Requests::Paths(vec![list]),
            Work::DeepPage => Requests::Paths(match dialect {
                Dialect::Amigo => {
                    let deep = population.deep().into_iter();
                    deep.map(|from| format!("{list}&continuation_token={from}")).collect()
                }
                Dialect::Dixa => self.deep_keys(population, port)?,
                Dialect::Eva => {
                    population.deep().into_iter().map(|from| format!("{list}&page={}", from / 100)).collect()
                }
            }),
            Work::Hit | Work::Miss if dialect == Dialect::Dixa => return Ok(None),
            Work::Hit => Requests::Paths(population.needles().into_iter().map(search).collect()),
            Work::Miss => Requests::Paths(population.absent().into_iter().map(search).collect()),
            Work::Create => match dialect {
                Dialect::Amigo => Requests::Post(
                    format!("/v1/{org_id}/user/"),
                    json!({
                        "first_name": "{first}", "last_name": "{last}", "email": "{email}",
                        "role_name": "DefaultUserRole",
                    })
                    .to_string(),
                ),
                Dialect::Dixa => Requests::Post(
                    "/v1/endusers".to_owned(),
                    json!({
                        "displayName": "{first} {last}", "firstName": "{first}", "lastName": "{last}",
                        "email": "{email}",
                    })
                    .to_string(),
                ),
                Dialect::Eva => Requests::Post(
                    format!("/eva-user/org/{org_uuid}/users"),
                    json!({"name": "{first} {last}", "email": "{email}", "admin": true}).to_string(),
                ),
            },
        }))
    }

    /// Pages of contacts are known by keys, which the server gives out page by page.
    fn deep_keys(&self, population: &Population, port: u16) -> anyhow::Result<Vec<String>> {
        let mut paths = Vec::new();
        let mut path = "/v1/endusers?pageLimit=100".to_owned();
        for page in 0.. {
            let (status, answer) = http::call(port, "GET", &path, &self.headers, "")?;
            ensure!(status == 200, "a page: {status} {answer}");
            let answer: Value = serde_json::from_str(&answer)?;
            let Some(next) = answer["meta"]["next"].as_str() else { break };
            let (_, key) = next.split_once("pageKey=").context("a key")?;
            path = format!("/v1/endusers?pageLimit=100&pageKey={key}");
            if page >= population.people / 200 {
                paths.push(path.clone());
            }
        }
        // The last page may be shorter.
        paths.pop();
        Ok(paths)
    }
}
