//! Which of the servers that a URL names is used, and which of them a failover has left behind.
//!
//! PostgreSQL counts timelines: a standby that becomes the primary begins the next one. So of two servers that both say
//! that they take writes, the one of the earlier timeline has been replaced, and does not know it: it was frozen, or cut
//! off, and came back. Whatever it answers may be old, and what it commits is lost. Once any connection of this process has
//! seen the later timeline, no other one is made to such a server, and those that are there are given up.
//!
//! It must not know what is asked over a connection.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use tokio::sync::watch;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::Failure;
use super::session::GRACE;
use super::wire::Wire;
use crate::error::StoreError;

/// How long a server may take to say what it is.
const LOOK: Duration = Duration::from_secs(2);

/// The installation and the timeline that a server writes; no row while it follows another one.
const COURSE: &str = "SELECT (SELECT system_identifier FROM pg_control_system()),
    CASE WHEN NOT pg_is_in_recovery()
    THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint END";

/// Where a server that takes writes stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Course {
    /// The same for a primary and all that were ever copied from it.
    system: i64,
    timeline: i64,
}

impl Course {
    /// Of no server, but of whoever tells connections from those before them.
    pub(super) fn numbered(number: i64) -> Self {
        Self { system: 0, timeline: number }
    }

    pub(super) fn next(self) -> Self {
        Self { timeline: self.timeline + 1, ..self }
    }

    /// Whether a server with this course was replaced by one with the other.
    fn is_before(self, other: Self) -> bool {
        self.system == other.system && self.timeline < other.timeline
    }
}

/// A connection, with its settings made.
pub(crate) struct Reached {
    pub(crate) client: Client,
    pub(crate) wire: Wire,
    pub(crate) standing: Standing,
    /// What the settings answered.
    pub(crate) answered: Vec<SimpleQueryMessage>,
}

/// The servers of one URL, and what this process knows of them.
pub(crate) struct Hosts {
    each: Vec<Config>,
    tls: MakeRustlsConnect,
    /// The latest course that was seen.
    latest: watch::Sender<Option<Course>>,
    /// The server that is tried first: the one that was last found to be the primary.
    first: AtomicUsize,
    /// Whether any server has said what it is.
    has_looked: AtomicBool,
}

/// What a connection knows of its server: whether another one has taken over.
#[derive(Clone)]
pub(crate) struct Standing {
    own: Option<Course>,
    latest: watch::Receiver<Option<Course>>,
}

impl Standing {
    /// With the course that counts for a connection, and the one that counts now.
    pub(super) fn of(own: Option<Course>, latest: watch::Receiver<Option<Course>>) -> Self {
        Self { own, latest }
    }

    /// Whether the server is the latest that was seen, as far as one can tell.
    pub(crate) fn is_latest(&self) -> bool {
        self.own.is_none_or(|own| self.latest.borrow().is_none_or(|latest| latest == own))
    }

    /// Waits until another server has taken over.
    pub(crate) async fn is_lost(&mut self) {
        let Some(own) = self.own else { return std::future::pending().await };
        let replaced = |latest: &Option<Course>| latest.is_some_and(|latest| latest != own);
        if self.latest.wait_for(replaced).await.is_err() {
            // Nobody is there any more who could tell.
            std::future::pending::<()>().await;
        }
    }
}

/// The words for a connection that is given up because of that.
pub(crate) const REPLACED: &str = "another server has taken over";

impl Hosts {
    pub(crate) fn of(config: &Config, tls: MakeRustlsConnect) -> Self {
        let number = config.get_hosts().len().max(config.get_hostaddrs().len());
        let each = (0..number).map(|at| alone(config, at)).collect();
        Self {
            each,
            tls,
            latest: watch::Sender::new(None),
            first: AtomicUsize::new(0),
            has_looked: AtomicBool::new(false),
        }
    }

    /// Whether there is a primary to be found among several.
    pub(crate) fn have_a_choice(&self) -> bool {
        let wanted = |one: &Config| one.get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
        self.each.len() > 1 && self.each.iter().all(wanted)
    }

    pub(crate) fn number(&self) -> usize {
        self.each.len()
    }

    /// The server that was last found to be the primary.
    pub(crate) fn first(&self) -> usize {
        self.first.load(Ordering::Relaxed)
    }

    /// Connects to the server that takes writes and that no other one has replaced, and makes the settings there.
    pub(crate) async fn connect(&self, settings: &str) -> Result<Reached, Failure> {
        if self.have_a_choice() && !self.has_looked.load(Ordering::Relaxed) {
            self.look_around().await;
        }
        let mut failures = Vec::new();
        let first = self.first();
        for at in (first..self.each.len()).chain(0..first) {
            match self.connect_to(at, settings).await {
                Ok(reached) => return Ok(reached),
                Err(failure) => failures.push((at, failure)),
            }
        }
        Err(self.join(failures))
    }

    async fn connect_to(&self, at: usize, settings: &str) -> Result<Reached, Failure> {
        let config = &self.each[at];
        let limit = config.get_connect_timeout().copied().unwrap_or(GRACE) * 2;
        let connecting = async {
            let (client, connection) = config.connect(self.tls.clone()).await?;
            let mut wire = Wire::new(connection);
            let own = wire.wait_for(course(&client)).await?;
            let answered = wire.wait_for(client.simple_query(settings)).await?;
            Ok::<_, Error>((client, wire, own, answered))
        };
        // Where a server is frozen, the system below it goes on taking connections.
        let mut latest = self.latest.subscribe();
        let elsewhere = async {
            loop {
                if latest.changed().await.is_err() {
                    return std::future::pending().await;
                }
                if self.first() != at {
                    return;
                }
            }
        };
        let reached = tokio::time::timeout(limit, async {
            match select(std::pin::pin!(connecting), std::pin::pin!(elsewhere)).await {
                Either::Left((reached, _)) => reached.map_err(|error| Failure::of(&error)),
                Either::Right(((), _)) => Err(Failure::Lost(REPLACED.to_owned())),
            }
        });
        let (client, wire, own, answered) =
            reached.await.unwrap_or_else(|_| Err(Failure::Lost("the server does not answer".to_owned())))?;
        match own {
            Some(own) if !self.admits(at, own) => {
                return Err(Failure::Lost("the server was left behind by a failover".to_owned()));
            }
            Some(_) => {}
            None => self.first.store(at, Ordering::Relaxed),
        }
        Ok(Reached { client, wire, standing: Standing { own, latest: self.latest.subscribe() }, answered })
    }

    /// Notes where a server stands that takes writes, and whether it may be used.
    fn admits(&self, at: usize, found: Course) -> bool {
        let mut is_admitted = true;
        self.latest.send_if_modified(|latest| {
            is_admitted = !latest.is_some_and(|latest| found.is_before(latest));
            // Another installation at the same place: one that was upgraded, or restored elsewhere.
            is_admitted && self.moves(latest, at, found)
        });
        is_admitted
    }

    /// Notes a server that takes writes, if it is later than what is known.
    pub(crate) fn note(&self, at: usize, found: Course) {
        self.latest.send_if_modified(|latest| {
            latest.is_none_or(|latest| latest.is_before(found)) && self.moves(latest, at, found)
        });
    }

    /// Whether that is another course than the one before. Whoever waits for a change finds the server that is to be used.
    fn moves(&self, latest: &mut Option<Course>, at: usize, found: Course) -> bool {
        self.first.store(at, Ordering::Relaxed);
        match latest.replace(found) {
            Some(before) if before == found => return false,
            Some(before) => {
                let (host, before, timeline) = (name(&self.each[at]), before.timeline, found.timeline);
                tracing::warn!(host, before, timeline, "another PostgreSQL has taken over");
            }
            None => {}
        }
        true
    }

    /// Asks every server what it is: the first one that takes writes need not be the one that should.
    async fn look_around(&self) {
        let mut views: Vec<View> = (0..self.each.len()).map(View::new).collect();
        let looks = join_all(views.iter_mut().map(|view| view.look(self))).await;
        for (at, course) in looks.into_iter().enumerate() {
            if let Some(course) = course {
                self.note(at, course);
            }
        }
        if views.iter().any(|view| view.open.is_some()) {
            self.has_looked.store(true, Ordering::Relaxed);
        }
    }

    /// One failure for all: that of the only server, or what each of them said.
    fn join(&self, mut failures: Vec<(usize, Failure)>) -> Failure {
        if failures.len() == 1
            && let Some((_, failure)) = failures.pop()
        {
            return failure;
        }
        let may_pass =
            failures.iter().any(|(_, failure)| matches!(failure.error(), StoreError::Unreachable(_)));
        let text = |(at, failure): &(usize, Failure)| {
            let said = match failure.error() {
                StoreError::Unreachable(said) | StoreError::Io(said) | StoreError::Refused(said) => said,
                other => other.to_string(),
            };
            format!("{}: {said}", name(&self.each[*at]))
        };
        let texts = failures.iter().map(text).collect::<Vec<_>>().join("; ");
        match failures.pop() {
            Some((_, Failure::Refused(StoreError::Refused(_)))) if !may_pass => {
                Failure::Refused(StoreError::Refused(texts))
            }
            _ if !may_pass => Failure::Refused(StoreError::Io(texts)),
            _ => Failure::Lost(texts),
        }
    }
}

/// A connection to one server that lasts, to ask it now and then what it is.
pub(crate) struct View {
    at: usize,
    open: Option<(Client, Wire)>,
}

impl View {
    pub(crate) fn new(at: usize) -> Self {
        Self { at, open: None }
    }

    /// The course of the server if it takes writes.
    pub(crate) async fn look(&mut self, hosts: &Hosts) -> Option<Course> {
        let looking = async {
            let (client, mut wire) = match self.open.take() {
                Some(open) if !open.1.is_over() => open,
                _ => {
                    let mut config = hosts.each[self.at].clone();
                    config.target_session_attrs(TargetSessionAttrs::Any);
                    let (client, connection) = config.connect(hosts.tls.clone()).await?;
                    (client, Wire::new(connection))
                }
            };
            let course = wire.wait_for(course(&client)).await?;
            self.open = Some((client, wire));
            Ok::<_, Error>(course)
        };
        match tokio::time::timeout(LOOK, looking).await {
            Ok(Ok(course)) => course,
            Ok(Err(error)) => {
                tracing::debug!(%error, host = name(&hosts.each[self.at]), "a server cannot be looked at");
                None
            }
            Err(_) => None,
        }
    }
}

/// Where a server stands. None of a standby, and of an engine that speaks the protocol and counts no timelines.
async fn course(client: &Client) -> Result<Option<Course>, Error> {
    let answered = match client.simple_query(COURSE).await {
        Ok(answered) => answered,
        Err(error) if error.as_db_error().is_some() => {
            tracing::debug!(%error, "the server tells no timeline");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(answered.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let number = |at| row.try_get(at).ok().flatten()?.parse().ok();
            Some(Course { system: number(0)?, timeline: number(1)? })
        }
        _ => None,
    }))
}

/// The same for one of the hosts only.
fn alone(all: &Config, at: usize) -> Config {
    let mut one = Config::new();
    match all.get_hosts().get(at) {
        Some(Host::Tcp(name)) => one.host(name),
        #[cfg(unix)]
        Some(Host::Unix(path)) => one.host_path(path),
        None => &mut one,
    };
    if let Some(address) = all.get_hostaddrs().get(at) {
        one.hostaddr(*address);
    }
    if let Some(port) = all.get_ports().get(at).or(all.get_ports().first()) {
        one.port(*port);
    }
    if let Some(user) = all.get_user() {
        one.user(user);
    }
    if let Some(password) = all.get_password() {
        one.password(password);
    }
    if let Some(database) = all.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = all.get_options() {
        one.options(options);
    }
    if let Some(name) = all.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = all.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = all.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = all.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = all.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .target_session_attrs(all.get_target_session_attrs())
        .channel_binding(all.get_channel_binding())
        .load_balance_hosts(all.get_load_balance_hosts());
    one
}

/// The host of a configuration for one, with its port.
fn name(one: &Config) -> String {
    let host = match one.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => return path.display().to_string(),
        None => one.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
    };
    format!("{host}:{}", one.get_ports().first().copied().unwrap_or(5432))
}
