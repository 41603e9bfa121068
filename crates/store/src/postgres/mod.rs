//! The PostgreSQL engine: threads that each own a connection, transactions that are run again, migrations.

pub(crate) mod ahead;
mod check;
mod failure;
mod group;
mod hosts;
mod lanes;
mod lookout;
mod migrate;
mod options;
mod pooler;
pub(crate) mod readers;
mod replica;
mod run;
mod scrub;
pub(crate) mod session;
mod setup;
pub(crate) mod shares;
mod statistics;
mod watch;
mod wire;

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use denizen_domain::ids::OrgKey;
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

pub(crate) use check::STATEMENTS as CHECK_STATEMENTS;
pub(crate) use migrate::STATEMENTS as MIGRATION_STATEMENTS;
pub use options::PostgresOptions;
pub use replica::ReplicaState;
pub(crate) use session::STATEMENTS as SESSION_STATEMENTS;
pub(crate) use watch::STATEMENTS as WATCH_STATEMENTS;

use self::group::Companion;
use self::lanes::{Lane, Task};
use self::lookout::Lookout;
use self::readers::{Readers, Replay};
use self::replica::{Replica, Written};
use self::run::{Outage, Run};
use self::session::{Mode, Pass, Session};
use crate::changes::Changes;
use crate::check::{Placement, Report, Watch};
use crate::conn::{Admission, Conn, Engine, Tx};
use crate::error::{Result, StoreError};

impl PostgresOptions {
    /// Whether the database has tables of denizen. Makes nothing. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when the database cannot be reached, [`StoreError::Refused`] when it lets nobody look.
    pub fn has_tables(&self) -> Result<bool> {
        on_a_thread(&Arc::new(self.clone()), migrate::has_begun)
    }
}

/// Runs `work` on a thread of its own: the caller may be inside a runtime, which can wait for no other runtime.
fn on_a_thread<T: Send + 'static>(
    options: &Arc<PostgresOptions>,
    work: impl FnOnce(&Arc<PostgresOptions>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let options = Arc::clone(options);
    let thread = std::thread::Builder::new()
        .name("denizen-migrate".to_owned())
        .spawn(move || work(&options))
        .map_err(|error| StoreError::Io(format!("a thread could not be started: {error}")))?;
    thread.join().map_err(|_| StoreError::Internal("a migration panicked".to_owned()))?
}

/// A database of PostgreSQL, with its connections.
pub(crate) struct Database {
    options: Arc<PostgresOptions>,
    outage: Arc<Outage>,
    walls_stand: bool,
    readers: Readers,
    writers: Lane,
    long: Lane,
    replica: Option<Arc<Replica>>,
    /// None where there is one server only.
    lookout: Mutex<Option<Lookout>>,
}

impl Database {
    /// Migrates and starts the threads; each connects when it is first needed. Blocks.
    pub(crate) fn open(mut options: PostgresOptions, now_micros: i64) -> Result<Self> {
        options.changes = Arc::default();
        options.written = options.replica.is_some().then(|| Arc::new(Written::new()));
        let options = Arc::new(options);
        let (walls_stand, writer) = on_a_thread(&options, move |options| migrate::run(options, now_micros))?;
        let outage = Arc::default();
        Ok(Self {
            readers: Readers::new(&options, &outage),
            outage,
            walls_stand,
            writers: Lane::start("pg", Mode::Write, options.write_connections, Some(writer), &options)?,
            long: Lane::start("pg-long", Mode::Snapshot, options.long_read_connections, None, &options)?,
            replica: Replica::start(&options)?.map(Arc::new),
            lookout: Mutex::new(Lookout::start(&options.servers)?),
            options,
        })
    }

    pub(crate) async fn write<T, E, F>(&self, org: OrgKey, admission: Admission, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.run_on(&self.writers, (org, admission), Mode::Write, None, closure).await
    }

    /// As [`Self::write`], where it may share a transaction with others.
    pub(crate) async fn write_together<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let (outage, patience) = (Arc::clone(&self.outage), self.options.patience);
        self.writers
            .send_companion(Box::new(Writing { org, outage, patience, closure, result: None, reply }))
            .await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    pub(crate) async fn read<T, E, F>(&self, org: OrgKey, mut closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.readers.check_open()?;
        let replay = RefCell::new(Replay::default());
        loop {
            let result = closure(&Conn::new(Engine::Replay(&replay), org));
            let Some(question) = replay.borrow_mut().rewind() else { return result };
            let answer = self.readers.ask(&question).await;
            replay.borrow_mut().answer(question, answer);
        }
    }

    pub(crate) async fn scan<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        // Dropped with this future, which tells the thread that nobody waits any more.
        let (_waiting, abandoned) = oneshot::channel();
        self.run_on(&self.long, (org, Admission::Given), Mode::Snapshot, Some(abandoned), closure).await
    }

    /// As [`Self::read`], on the replica if that makes no difference that matters.
    pub(crate) async fn read_recent<T, E, F>(&self, org: OrgKey, mut closure: F) -> Result<T, E>
    where
        F: FnMut(&Conn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        // Boxed: most have no replica, and it would make every read's future larger.
        if let Some(replica) = self.replica_for(org)
            && let Some(result) = replica.read(org, &mut closure).boxed().await
        {
            return result;
        }
        self.read(org, closure).await
    }

    /// As [`Self::scan`], on the replica if that makes no difference that matters.
    pub(crate) async fn scan_recent<T, E, F>(&self, org: OrgKey, closure: F) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let Some(replica) = self.replica_for(org) else { return self.scan(org, closure).await };
        // Two may run it, one after the other.
        let closure = Arc::new(Mutex::new(closure));
        let again = Arc::clone(&closure);
        let run = |closure: Arc<Mutex<F>>| {
            move |tx: &Tx<'_>| (closure.lock().unwrap_or_else(PoisonError::into_inner))(tx)
        };
        match replica.scan(org, run(closure)).boxed().await {
            Some(result) => result,
            None => self.scan(org, run(again)).await,
        }
    }

    fn replica_for(&self, org: OrgKey) -> Option<&Arc<Replica>> {
        self.replica.as_ref().filter(|replica| replica.is_fresh(org))
    }

    /// Takes all that is there of an organization for what this process has just written.
    pub(crate) fn note_arrival(&self, org: OrgKey) {
        if let Some(written) = &self.options.written {
            written.note(&[org]);
        }
    }

    pub(crate) fn changes(&self) -> &Arc<Changes> {
        &self.options.changes
    }

    /// None where none is named.
    pub(crate) fn replica_state(&self) -> Option<ReplicaState> {
        self.replica.as_ref().map(|replica| replica.state())
    }

    /// Runs a closure on one of a lane's connections, unless its caller has gone before that.
    async fn run_on<T, E, F>(
        &self,
        lane: &Lane,
        (org, admission): (OrgKey, Admission),
        mode: Mode,
        abandoned: Option<oneshot::Receiver<()>>,
        mut closure: F,
    ) -> Result<T, E>
    where
        F: FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let outage = Arc::clone(&self.outage);
        let patience = self.options.patience;
        let task: Task = Box::new(move |session: &RefCell<Session>| {
            let has_gone = || reply.is_closed();
            let run = Run { session, outage: &outage, patience, org, admission, has_gone: &has_gone };
            let result = run.until_done(Pass::Hopeful, abandoned, &mut closure);
            // The caller may have gone meanwhile; a write stands all the same.
            let _ = reply.send(result);
            if mode == Mode::Snapshot {
                session.borrow_mut().roll_back();
            }
        });
        lane.send(task).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Whether PostgreSQL keeps organizations apart for the role that is used.
    pub(crate) fn walls_stand(&self) -> bool {
        self.walls_stand
    }

    /// Looks the database over.
    pub(crate) async fn look_over(&self, placement: Placement, watch: Watch) -> Result<Report> {
        check::run(&self.options, placement, watch).await
    }

    /// Makes the place of what was erased free to be written over.
    pub(crate) async fn scrub(&self) -> Result<()> {
        scrub::run(&self.options).await
    }

    /// Finishes what was queued. Blocks until then.
    pub(crate) fn close(&self) {
        if let Some(replica) = &self.replica {
            replica.close();
        }
        self.lookout.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.readers.close();
        self.writers.close();
        self.long.close();
    }
}

/// A write that may share a transaction, and whoever waits for it.
struct Writing<T, E, F> {
    org: OrgKey,
    outage: Arc<Outage>,
    patience: std::time::Duration,
    closure: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Companion for Writing<T, E, F>
where
    F: FnMut(&Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn org(&self) -> OrgKey {
        self.org
    }

    fn join(&mut self, session: &RefCell<Session>) -> bool {
        group::join(session, self.org, &mut self.closure, &mut self.result)
    }

    fn end(self: Box<Self>, unknown: Option<&StoreError>) {
        let result = match (unknown, self.result) {
            (None, Some(result)) => result,
            // A refusal has changed nothing, whatever became of the others.
            (Some(_), Some(Err(refusal))) => Err(refusal),
            (Some(unknown), _) => Err(unknown.clone().into()),
            (None, None) => Err(StoreError::Internal("a write that was not run has ended".to_owned()).into()),
        };
        // The caller may have gone meanwhile; the write stands all the same.
        let _ = self.reply.send(result);
    }

    fn alone(mut self: Box<Self>, session: &RefCell<Session>, pass: Pass) {
        let has_gone = || self.reply.is_closed();
        let run = Run {
            session,
            outage: &self.outage,
            patience: self.patience,
            org: self.org,
            admission: Admission::Asked,
            has_gone: &has_gone,
        };
        let result = run.until_done(pass, None, &mut self.closure);
        let _ = self.reply.send(result);
    }
}
