//! The systems: what each is called, and how each is asked for the same work.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::denizen::{self, Dialect};
use super::http;
use super::ldap::{self, Asked};
use super::population::{self, Population};
use super::process::Running;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Denizen(Dialect),
    OpenLdap,
    Django,
    BetterAuth,
    Scim2Server,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Get,
    FirstPage,
    DeepPage,
    Hit,
    Miss,
    Create,
}

/// What is sent for a kind of work.
pub(super) enum Requests {
    /// Paths of GET.
    Paths(Vec<String>),
    /// One path of POST, and the body.
    Post(String, String),
    Ldap(Asked),
}

/// A server that was started, and what is needed to ask it.
pub(super) struct Started {
    pub(super) running: Running,
    /// Seconds from the start to the first answer.
    pub(super) ready: f64,
    /// Headers of each request, one a line.
    pub(super) headers: String,
    /// Of denizen's organization.
    pub(super) session: Option<denizen::Session>,
}

impl Work {
    pub(super) const READS: [Self; 5] = [Self::Get, Self::FirstPage, Self::DeepPage, Self::Hit, Self::Miss];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Get => "get one person by id",
            Self::FirstPage => "list, first page of 100",
            Self::DeepPage => "list, page of 100 from the second half",
            Self::Hit => "search, part of a name",
            Self::Miss => "search, in nobody's name",
            Self::Create => "create one person, durable",
        }
    }
}

impl System {
    pub(super) const ALL: [Self; 7] = [
        Self::Denizen(Dialect::Amigo),
        Self::Denizen(Dialect::Dixa),
        Self::Denizen(Dialect::Eva),
        Self::OpenLdap,
        Self::Django,
        Self::BetterAuth,
        Self::Scim2Server,
    ];

    /// As its folder and `--only` call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Denizen(Dialect::Amigo) => "denizen-amigo",
            Self::Denizen(Dialect::Dixa) => "denizen-dixa",
            Self::Denizen(Dialect::Eva) => "denizen-eva",
            Self::OpenLdap => "openldap",
            Self::Django => "django",
            Self::BetterAuth => "better-auth",
            Self::Scim2Server => "scim2-server",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Denizen(Dialect::Amigo) => "denizen, Amigo",
            Self::Denizen(Dialect::Dixa) => "denizen, Dixa",
            Self::Denizen(Dialect::Eva) => "denizen, eva",
            Self::OpenLdap => "OpenLDAP",
            Self::Django => "Django REST",
            Self::BetterAuth => "better-auth",
            Self::Scim2Server => "scim2-server",
        }
    }

    pub(super) fn is_denizen(self) -> bool {
        matches!(self, Self::Denizen(_))
    }

    /// How many of the people it is given. Of more than this, scim2-server, which looks at all of them for every page and
    /// search, does not answer within the load generator's ten seconds.
    pub(super) fn feasible(self, people: usize) -> usize {
        if self == Self::Scim2Server { people.min(10_000) } else { people }
    }

    /// Whether what it acknowledged is on the disk.
    pub(super) fn is_durable(self) -> bool {
        self != Self::Scim2Server
    }

    /// Whether it is tried with many connections. Each of OpenLDAP's has to pass over half of the list before it can read on
    /// from there, and scim2-server, which answers a few pages or searches a second, one after the other, gains nothing.
    pub(super) fn takes_many(self, work: Work) -> bool {
        match self {
            Self::OpenLdap => work != Work::DeepPage,
            Self::Scim2Server => matches!(work, Work::Get | Work::Create),
            _ => true,
        }
    }

    /// How much longer than the others it is measured, to give some answers.
    pub(super) fn patience(self) -> u32 {
        if self == Self::Scim2Server { 3 } else { 1 }
    }

    /// Its folder in the repository, with its scripts.
    pub(super) fn scripts(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("beside").join(self.name())
    }

    /// Makes it runnable, if it is not.
    pub(super) fn install(self, build: &Path) -> anyhow::Result<()> {
        if self.is_denizen() {
            return Ok(());
        }
        let done = Command::new(self.scripts().join("install")).arg(build).status()?;
        ensure!(done.success(), "its install script failed");
        Ok(())
    }

    /// Puts everybody from `file` into a new database in `data`.
    pub(super) fn load(self, build: &Path, data: &Path, file: &Path) -> anyhow::Result<()> {
        let done = Command::new(self.scripts().join("load")).args([build, data, file]).status()?;
        ensure!(done.success(), "its load script failed");
        Ok(())
    }

    /// Starts it on what lies in `data`, and waits until it answers a get.
    pub(super) fn start(self, program: &Path, data: &Path, log: &Path) -> anyhow::Result<Started> {
        if let Self::Denizen(dialect) = self {
            return denizen::start(dialect, program, data, log);
        }
        let headers = if self == Self::OpenLdap {
            String::new()
        } else {
            std::fs::read_to_string(data.join("headers")).context("the headers that its loader wrote")?
        };
        let port = super::process::free_port()?;
        let mut serve = Command::new(self.scripts().join("serve"));
        serve.args([program, data]).arg(port.to_string());
        let mut running = Running::start(serve, port, log)?;
        let name = ldap::name_of(&Population::person(1).id);
        let path = self.path_of(1).unwrap_or_default();
        let ready = running.ready(|| match self {
            Self::OpenLdap => ldap::answers(port, &name).is_ok(),
            _ => http::call(port, "GET", &path, &headers, "").is_ok_and(|(status, _)| status == 200),
        })?;
        Ok(Started { running, ready, headers, session: None })
    }

    /// Where an HTTP system has a person.
    fn path_of(self, number: usize) -> Option<String> {
        let id = Population::person(number).id;
        match self {
            Self::Django => Some(format!("/people/{}/", number + 1)),
            Self::BetterAuth => Some(format!("/api/auth/admin/get-user?id={id}")),
            Self::Scim2Server => Some(format!("/v2/Users/{id}")),
            Self::Denizen(_) | Self::OpenLdap => None,
        }
    }

    /// How it is asked for this work; `None` where it has no such operation.
    pub(super) fn requests(
        self,
        work: Work,
        population: &Population,
        started: &Started,
        stamp: &str,
    ) -> anyhow::Result<Option<Requests>> {
        if let Self::Denizen(dialect) = self {
            let session = started.session.as_ref().context("a session")?;
            return session.requests(dialect, work, population, started.running.port);
        }
        let needles = if work == Work::Hit { population.needles() } else { population.absent() };
        if self == Self::OpenLdap {
            return Ok(Some(Requests::Ldap(match work {
                Work::Get => {
                    let names = population.some().into_iter();
                    Asked::Get(names.map(|number| ldap::name_of(&Population::person(number).id)).collect())
                }
                Work::FirstPage => Asked::First,
                Work::DeepPage => Asked::Deep(population.people / 2),
                Work::Hit | Work::Miss => Asked::Search(needles, work == Work::Hit),
                Work::Create => Asked::Add(stamp.to_owned()),
            })));
        }
        let list = match self {
            Self::Django => "/people/",
            Self::BetterAuth => "/api/auth/admin/list-users?limit=100",
            _ => "/v2/Users?count=100",
        };
        let page = |from: usize| match self {
            // The framework's cursor: the id before the page.
            Self::Django => {
                let cursor = BASE64_STANDARD.encode(format!("p={from}")).replace('=', "%3D");
                format!("{list}?cursor={cursor}")
            }
            Self::BetterAuth => format!("{list}&offset={from}"),
            _ => format!("{list}&startIndex={}", from + 1),
        };
        let search = |needle: String| match self {
            Self::Django => format!("{list}?search={needle}"),
            Self::BetterAuth => {
                format!("{list}&searchField=name&searchOperator=contains&searchValue={needle}")
            }
            _ => format!("{list}&filter=displayName%20co%20%22{needle}%22"),
        };
        Ok(Some(match work {
            Work::Get => {
                Requests::Paths(population.some().into_iter().filter_map(|at| self.path_of(at)).collect())
            }
            Work::FirstPage => Requests::Paths(vec![list.to_owned()]),
            Work::DeepPage => Requests::Paths(population.deep().into_iter().map(page).collect()),
            Work::Hit | Work::Miss => Requests::Paths(needles.into_iter().map(search).collect()),
            Work::Create => match self {
                Self::Django => Requests::Post(
                    "/people/".to_owned(),
                    json!({"first_name": "{first}", "last_name": "{last}", "email": "{email}"}).to_string(),
                ),
                Self::BetterAuth => Requests::Post(
                    "/api/auth/admin/create-user".to_owned(),
                    json!({"name": "{first} {last}", "email": "{email}"}).to_string(),
                ),
                _ => Requests::Post(
                    "/v2/Users".to_owned(),
                    json!({
                        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "{email}",
                        "displayName": "{first} {last}",
                        "name": {"givenName": "{first}", "familyName": "{last}"},
                        "emails": [{"value": "{email}", "primary": true}], "active": true,
                    })
                    .to_string(),
                ),
            },
        }))
    }

    /// What an answer over HTTP has once for every person.
    pub(super) fn mark(self) -> &'static str {
        if self == Self::Scim2Server { "\"userName\"" } else { "\"email\"" }
    }

    /// Writes what the loader reads.
    pub(super) fn write_people(self, population: &Population, file: &Path) -> anyhow::Result<()> {
        match self {
            Self::Denizen(dialect) => denizen::write_people(dialect, population, file),
            _ => population.write(file, population::plain),
        }
    }
}
