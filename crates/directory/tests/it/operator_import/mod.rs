//! The operators of a file: each check with its words, what becomes of rows together, races, going on after a cut, and
//! what is given out again.

mod checks;
mod property;
mod racing;
mod resuming;

use std::io;

use denizen_directory::operator_import::{
    Entries, Failure, FailureLog, ImportError, ImportPlan, ImportProgress, Importer, RowWriter, columns,
};
use denizen_directory::operators::{OperatorOrder, OperatorQuery, OperatorView, Welcome};
use denizen_domain::ids::Uuid;
use denizen_store::bots::{self, Bot};
use denizen_store::environments::{self, Environment};
use denizen_testkit::{TestOrg, TestServer};

const HEADER: &str = "email;name;company;role;password;environmentUuid;environmentName;bot\n";

/// Two environments with two bots in the first and one in the second; what is off is of the first, or stands alone.
const TEST: Uuid = Uuid([0x11; 16]);
const LIVE: Uuid = Uuid([0x22; 16]);
const OFF: Uuid = Uuid([0x33; 16]);
const ALPHA: Uuid = Uuid([0xaa; 16]);
const BETA: Uuid = Uuid([0xbb; 16]);
const GAMMA: Uuid = Uuid([0xcc; 16]);
const OFF_BOT: Uuid = Uuid([0xdd; 16]);

struct Team {
    server: TestServer,
    org: TestOrg,
    by: Importer,
}

impl Team {
    async fn new() -> Self {
        Self::at(TestServer::start().await, "acme").await
    }

    async fn at(server: TestServer, slug: &str) -> Self {
        let org = server.org(slug).await;
        let by = Importer::command(server.directory(), slug).await.unwrap();
        let team = Self { server, org, by };
        for (id, name, is_active) in [(TEST, "Test", true), (LIVE, "=Live", true), (OFF, "Off", false)] {
            team.set_environment(id, name, is_active).await;
        }
        for (id, home, is_active) in
            [(ALPHA, TEST, true), (BETA, TEST, true), (GAMMA, LIVE, true), (OFF_BOT, TEST, false)]
        {
            let now = team.server.directory().now();
            let bot = Bot {
                bot_id: id,
                environment_id: home,
                name: "bot".to_owned(),
                image_url: None,
                is_active,
                created_at: now,
                updated_at: now,
            };
            let put = move |tx: &denizen_store::Tx<'_>| bots::put(tx, &bot);
            team.server.store().write(team.org.key_in_store().await, put).await.unwrap();
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

    fn entries(&self, text: &str) -> Entries {
        let mut reading = self.server.directory().read_roster(1 << 20);
        reading.feed(text.as_bytes()).unwrap();
        reading.finish().unwrap()
    }

    async fn run(&self, text: &str, plan: &ImportPlan, log: &mut Log) -> Result<ImportProgress, ImportError> {
        let entries = self.entries(text);
        self.server.directory().import_operators(&self.by, entries, plan, log, &mut |_| {}).await
    }

    /// What is told of a file, and how many are made.
    async fn import(&self, text: &str) -> (u64, Vec<String>) {
        let mut log = Log::default();
        let done = self.run(text, &plan(), &mut log).await.unwrap();
        assert_eq!((done.done, done.failed), (done.entries, log.lines.len() as u64));
        assert_eq!(done.created + done.failed, done.entries);
        (done.created, log.lines)
    }

    async fn dry_run(&self, text: &str) -> (u64, Vec<String>) {
        let mut log = Log::default();
        let done = self.run(text, &ImportPlan { is_dry_run: true, ..plan() }, &mut log).await.unwrap();
        (done.created, log.lines)
    }

    /// The operators, by their addresses.
    async fn operators(&self) -> Vec<OperatorView> {
        let query = OperatorQuery {
            needle: None,
            order: OperatorOrder::Email,
            is_descending: false,
            offset: 0,
            limit: 10_000,
        };
        self.server.directory().list_operators_of(self.org.slug(), query).await.unwrap().views()
    }

    async fn export(&self) -> String {
        let mut out = RowWriter(Vec::new());
        out.row(columns()).unwrap();
        let mut after = None;
        loop {
            let part = self.server.directory().export_operators(&self.by, after).await.unwrap();
            for row in &part.rows {
                out.row(row.iter().map(String::as_str)).unwrap();
            }
            after = part.next;
            if after.is_none() {
                return String::from_utf8(out.0).unwrap();
            }
        }
    }
}

fn plan() -> ImportPlan {
    ImportPlan { welcome: Welcome::Silent, is_dry_run: false, import_id: None, resumed: None }
}

/// `email: message` of each failure, and what of it outlasts the process.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    marked: usize,
    kept: u64,
}

impl FailureLog for Log {
    fn mark(&mut self) -> io::Result<()> {
        self.marked = self.lines.len();
        Ok(())
    }

    fn note(&mut self, failure: &Failure<'_>) -> io::Result<()> {
        self.lines.push(format!("{}: {}", failure.email, failure.message()));
        Ok(())
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.lines.truncate(self.marked);
        Ok(())
    }

    fn keep(&mut self) -> io::Result<u64> {
        self.kept = self.lines.len() as u64;
        Ok(self.kept)
    }
}
