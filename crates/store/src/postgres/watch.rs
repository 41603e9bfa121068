//! How far a standby has come, told by no clock but this process's own.
//!
//! A few times a second the moment is noted, then the primary is asked how far its log reaches, then the standby how far it
//! has replayed. Where the standby has come as far as the primary said, it holds all that had been acknowledged by that
//! moment, to whichever process. That is a [`Mark`], and the only thing that reads on the standby are allowed by.
//!
//! Engine: positions in the log mean nothing across histories. After a failover, a standby that had received more than the
//! new primary is left with writes that never were, at positions that the new primary reaches as well. So both must show
//! the same proof: a row that is written anew whenever the primary has begun another timeline. What shows it has followed
//! this primary at least to there, and is no other database either, were it a copy.
//!
//! Engine: a standby that crashes may come back with less than it had shown before. Its connections end with it, and a new
//! one is used only if its server is the one that is watched and has come as far as the mark says ([`Watch::admit`]).

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::select;
use tokio::sync::{oneshot, watch};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::failure::Failure;
use super::hosts::{Course, Standing};
use super::options::PostgresOptions;
use super::run::is_due;
use super::setup::settings;
use super::wire::Wire;
use crate::error::{Result, StoreError};
use crate::sql::Sql;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);
/// The same, after one that failed.
const REST: Duration = Duration::from_secs(1);
/// How long a server may take to say how far it is.
pub(super) const LOOK: Duration = Duration::from_secs(2);
/// A standby that cannot be used is told of after so long, so that one which hesitates now and then is not.
const TOLD: Duration = Duration::from_secs(1);

/// Engine: the flushed end of the log, and not the end of what was inserted, which a standby may not have been sent yet. An
/// acknowledged write has been flushed. Position and timeline are taken after the moment that is noted.
static PRIMARY: Sql = Sql::split(
    "watch.primary",
    "",
    "SELECT position, origin, life, (SELECT proof FROM replica_proof WHERE replica_proof.life = here.life) AS proof
     FROM (SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint AS position,
                  system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) AS origin,
                  system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS life
           FROM pg_control_system()) AS here",
);
/// Nothing when another process has done it.
static PROVE: Sql = Sql::split(
    "watch.prove",
    "",
    "INSERT INTO replica_proof (only_row, life, proof)
     SELECT 1, system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), gen_random_uuid()
     FROM pg_control_system()
     ON CONFLICT (only_row) DO UPDATE SET life = excluded.life, proof = excluded.proof
     WHERE replica_proof.life <> excluded.life",
);
/// No position on a server that follows nobody.
static STANDBY: Sql = Sql::split(
    "watch.standby",
    "",
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint END AS position,
            system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) AS origin,
            concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), inet_server_addr(), inet_server_port()) AS server,
            (SELECT proof FROM replica_proof) AS proof
     FROM pg_control_system()",
);

pub(crate) const STATEMENTS: &[&Sql] = &[&PRIMARY, &PROVE, &STANDBY];

/// A moment, and what the standby has come to that holds everything acknowledged before it.
#[derive(Clone)]
pub(super) struct Mark {
    pub(super) at: Instant,
    position: u64,
    server: Arc<str>,
}

/// What is known of a standby.
pub(super) struct Watch {
    /// The oldest mark that allows anything.
    most_lag: Duration,
    mark: RwLock<Option<Mark>>,
    /// Changes when the standby is lost: what reads there is to be read elsewhere at once.
    turn: watch::Sender<Option<Course>>,
    /// Whether a connection has led to another server than the one that is watched.
    is_doubted: AtomicBool,
    since: Instant,
}

impl Watch {
    pub(super) fn new(most_lag: Duration) -> Self {
        Self {
            most_lag,
            mark: RwLock::default(),
            turn: watch::Sender::new(Some(Course::numbered(0))),
            is_doubted: AtomicBool::new(false),
            since: Instant::now(),
        }
    }

    /// The latest mark, unless it is too old.
    pub(super) fn mark(&self) -> Option<Mark> {
        let mark = self.mark.read().unwrap_or_else(PoisonError::into_inner);
        mark.as_ref().filter(|mark| mark.at.elapsed() <= self.most_lag).cloned()
    }

    /// How old what the standby holds may be; as old as the watch when nothing is known.
    pub(super) fn staleness(&self) -> Duration {
        let mark = self.mark.read().unwrap_or_else(PoisonError::into_inner);
        mark.as_ref().map_or(self.since, |mark| mark.at).elapsed()
    }

    /// Whether reads may go over a new connection: only to the server that is watched, and only if it has come as far as
    /// the mark says. From then on it can only come further, for as long as the connection lasts.
    ///
    /// # Errors
    /// Whatever it is, the read is for the primary.
    pub(super) async fn admit(&self, client: &Client, wire: &mut Wire) -> Result<Standing, Failure> {
        let turn = self.turn.subscribe();
        let own = *turn.borrow();
        let lost = |text: &str| Failure::Lost(text.to_owned());
        let Some(mark) = self.mark() else { return Err(lost("it is not known how far the standby is")) };
        let asked = wire.wait_for(client.simple_query(STANDBY.postgres())).await;
        let answered = asked.map_err(|error| Failure::of(&error))?;
        let there = Standby::of(&answered).ok_or_else(|| lost("a standby without an answer"))?;
        if there.server != *mark.server || there.position.is_none_or(|position| position < mark.position) {
            self.is_doubted.store(true, Ordering::Relaxed);
            return Err(lost("the connection leads to another server than the one that is watched"));
        }
        Ok(Standing::of(own, turn))
    }

    /// Nothing is known of the standby any more, and nobody waits for it.
    fn lose(&self) {
        let was_known = self.mark.write().unwrap_or_else(PoisonError::into_inner).take().is_some();
        if was_known {
            self.turn.send_modify(|turn| *turn = turn.map(Course::next));
        }
    }
}

/// What the standby answers.
struct Standby {
    position: Option<u64>,
    origin: String,
    server: String,
    proof: Option<String>,
}

/// What the primary answers.
struct Primary {
    position: u64,
    origin: String,
    proof: Option<String>,
}

fn first_row(answered: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    answered.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

fn text(row: &SimpleQueryRow, name: &str) -> Option<String> {
    row.try_get(name).ok().flatten().map(str::to_owned)
}

impl Standby {
    fn of(answered: &[SimpleQueryMessage]) -> Option<Self> {
        let row = first_row(answered)?;
        Some(Self {
            position: text(row, "position").and_then(|position| position.parse().ok()),
            origin: text(row, "origin")?,
            server: text(row, "server")?,
            proof: text(row, "proof"),
        })
    }
}

impl Primary {
    fn of(answered: &[SimpleQueryMessage]) -> Option<Self> {
        let row = first_row(answered)?;
        Some(Self {
            position: text(row, "position")?.parse().ok()?,
            origin: text(row, "origin")?,
            proof: text(row, "proof"),
        })
    }
}

/// Why a look has brought no mark.
#[derive(Debug, PartialEq, Eq)]
enum Miss {
    /// The standby has still to come there; what it had is not lost.
    Behind,
    /// The primary was not there to be asked.
    NoPrimary(String),
    /// The standby cannot be asked, or is none.
    NoStandby(String),
}

/// Whether the standby holds all that the primary had when it was asked. `before` is where the standby was before that.
fn judge(primary: &Primary, standby: &Standby, before: Option<u64>) -> Result<u64, Miss> {
    let unfit = |text: &str| Miss::NoStandby(text.to_owned());
    if standby.origin != primary.origin {
        return Err(unfit("it is no copy of the store's database"));
    }
    let Some(position) = standby.position else {
        return Err(unfit("it is no standby, or was promoted"));
    };
    // A standby is sent what the primary has flushed, and no more.
    if before.is_some_and(|before| before > primary.position) {
        return Err(unfit("it has what the primary does not have, so it follows another one"));
    }
    let is_proven = primary.proof.is_some() && standby.proof == primary.proof;
    if is_proven && before.is_some() && position >= primary.position {
        Ok(position)
    } else {
        Err(Miss::Behind)
    }
}

/// A connection of the watcher's own.
struct Side {
    options: PostgresOptions,
    open: Option<(Client, Wire, Standing)>,
}

impl Side {
    fn new(options: PostgresOptions) -> Self {
        Self { options: PostgresOptions { guard: None, ..options }, open: None }
    }

    async fn ask(&mut self, sql: &Sql) -> Result<Vec<SimpleQueryMessage>, String> {
        let (client, mut wire, standing) = match self.open.take() {
            Some(open) if !open.1.is_over() && open.2.is_latest() => open,
            _ => {
                let reached = self.options.reach(&settings(&self.options)).await;
                let reached = reached.map_err(|failure| failure.error().to_string())?;
                (reached.client, reached.wire, reached.standing)
            }
        };
        let asking = async {
            let asked = wire.wait_for(client.simple_query(sql.postgres())).await;
            let answered = asked.map_err(|error| Failure::of(&error))?;
            self.open = Some((client, wire, standing));
            Ok::<_, Failure>(answered)
        };
        match tokio::time::timeout(LOOK, asking).await {
            Ok(answered) => answered.map_err(|failure| failure.error().to_string()),
            Err(_) => Err("the server does not answer".to_owned()),
        }
    }
}

struct Watcher {
    watch: Arc<Watch>,
    primary: Side,
    standby: Side,
    /// Which server the standby was at the last look, and where it was.
    before: Option<(String, u64)>,
    /// When it was last told that the address leads to several servers.
    doubt_told: Option<Instant>,
    /// When the standby was last of use, and whether its loss has been told since.
    used: Instant,
    has_told: bool,
    hosts: String,
}

impl Watcher {
    async fn look(&mut self) -> Result<(), Miss> {
        if self.watch.is_doubted.swap(false, Ordering::Relaxed) {
            let reason = "its address leads to several servers";
            if is_due(&mut self.doubt_told, Instant::now()) {
                tracing::warn!(replica = self.hosts, reason, "the replica is not used for a moment");
            }
            return Err(Miss::NoStandby(reason.to_owned()));
        }
        let at = Instant::now();
        let answered = self.primary.ask(&PRIMARY).await.map_err(Miss::NoPrimary)?;
        let unusual = || Miss::NoPrimary("the server says nothing of its log".to_owned());
        let primary = Primary::of(&answered).ok_or_else(unusual)?;
        if primary.proof.is_none() {
            self.primary.ask(&PROVE).await.map_err(Miss::NoPrimary)?;
        }
        let answered = self.standby.ask(&STANDBY).await.map_err(Miss::NoStandby)?;
        let unusual = || Miss::NoStandby("the server says nothing of its log".to_owned());
        let standby = Standby::of(&answered).ok_or_else(unusual)?;
        let before = self.before.take().filter(|(server, _)| *server == standby.server);
        self.before = standby.position.map(|position| (standby.server.clone(), position));
        let position = judge(&primary, &standby, before.map(|(_, position)| position))?;
        let mut mark = self.watch.mark.write().unwrap_or_else(PoisonError::into_inner);
        let server = match mark.take() {
            Some(mark) if *mark.server == standby.server => mark.server,
            // Connections to the one before know nothing of this one, and are not known to be behind it.
            Some(_) => {
                self.watch.turn.send_modify(|turn| *turn = turn.map(Course::next));
                standby.server.into()
            }
            None => standby.server.into(),
        };
        *mark = Some(Mark { at, position, server });
        Ok(())
    }

    async fn run(mut self) {
        loop {
            let looked = self.look().await;
            if let Err(Miss::NoStandby(_)) = looked {
                self.watch.lose();
                self.standby.open = None;
                self.before = None;
            }
            self.tell(&looked);
            let pause = if matches!(looked, Ok(()) | Err(Miss::Behind)) { EVERY } else { REST };
            tokio::time::sleep(pause).await;
        }
    }

    fn tell(&mut self, looked: &Result<(), Miss>) {
        let replica = self.hosts.as_str();
        if self.watch.mark().is_some() {
            if std::mem::take(&mut self.has_told) {
                let seconds = self.used.elapsed().as_secs();
                tracing::info!(replica, seconds, "the replica can be read again");
            }
            self.used = Instant::now();
        } else if !self.has_told && self.used.elapsed() >= self.watch.most_lag + TOLD {
            self.has_told = true;
            let reason = match looked {
                Err(Miss::NoPrimary(text)) => format!("the primary cannot be asked: {text}"),
                Err(Miss::NoStandby(text)) => text.clone(),
                Ok(()) | Err(Miss::Behind) => "it is too far behind".to_owned(),
            };
            tracing::warn!(replica, reason, "the replica is not used, all reads go to the primary");
        }
    }
}

/// The thread that looks; it ends soon after this is dropped.
pub(super) struct Watching(
    #[allow(dead_code, reason = "its end is what the thread waits for")] oneshot::Sender<()>,
);

impl Watching {
    pub(super) fn start(
        watch: &Arc<Watch>,
        primary: &PostgresOptions,
        standby: &PostgresOptions,
    ) -> Result<Self> {
        let failed = |error: std::io::Error| StoreError::Io(format!("no replica could be watched: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let watcher = Watcher {
            watch: Arc::clone(watch),
            primary: Side::new(primary.clone()),
            standby: Side::new(standby.clone()),
            before: None,
            doubt_told: None,
            used: Instant::now(),
            has_told: false,
            hosts: standby.hosts(),
        };
        let (keeper, end) = oneshot::channel();
        std::thread::Builder::new()
            .name("denizen-watch".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    select(pin!(watcher.run()), end).await;
                });
            })
            .map_err(failed)?;
        Ok(Self(keeper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary() -> Primary {
        Primary { position: 1_000, origin: "1/5".to_owned(), proof: Some("a".to_owned()) }
    }

    fn standby(position: u64) -> Standby {
        Standby {
            position: Some(position),
            origin: "1/5".to_owned(),
            server: "here".to_owned(),
            proof: Some("a".to_owned()),
        }
    }

    #[test]
    fn a_standby_counts_once_it_has_come_as_far_as_the_primary_said() {
        assert_eq!(judge(&primary(), &standby(999), Some(900)), Err(Miss::Behind));
        assert_eq!(judge(&primary(), &standby(1_000), Some(900)), Ok(1_000));
        assert_eq!(judge(&primary(), &standby(1_200), Some(1_000)), Ok(1_200));
    }

    #[test]
    fn positions_count_only_within_one_history() {
        let unproven = Standby { proof: Some("b".to_owned()), ..standby(2_000) };
        assert_eq!(judge(&primary(), &unproven, Some(900)), Err(Miss::Behind));
        let silent = Standby { proof: None, ..standby(2_000) };
        assert_eq!(judge(&Primary { proof: None, ..primary() }, &silent, Some(900)), Err(Miss::Behind));
        assert!(matches!(judge(&primary(), &standby(1_200), Some(1_001)), Err(Miss::NoStandby(_))));
        assert_eq!(judge(&primary(), &standby(1_000), None), Err(Miss::Behind), "it may have been ahead");
    }

    #[test]
    fn what_follows_nobody_or_another_database_is_no_replica() {
        let promoted = Standby { position: None, ..standby(0) };
        assert!(matches!(judge(&primary(), &promoted, Some(900)), Err(Miss::NoStandby(_))));
        let other = Standby { origin: "1/6".to_owned(), ..standby(1_000) };
        assert!(matches!(judge(&primary(), &other, Some(900)), Err(Miss::NoStandby(_))));
    }
}
