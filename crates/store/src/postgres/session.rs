//! One connection to PostgreSQL, driven by the thread that owns it.
//!
//! The thread polls the connection itself while it waits for an answer, so a statement costs no hop to another thread,
//! and several statements can be sent before the first answer is waited for. What opens a transaction, and what a
//! closure does not need the answer of, travels with the next statement that is waited for.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use denizen_domain::ids::OrgKey;
use futures_util::TryStreamExt as _;
use futures_util::future::join;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, SimpleQueryMessage, Statement};

use super::ahead::{Ahead, Kind};
use super::failure::Failure;
use super::hosts::{REPLACED, Reached, Standing};
use super::options::PostgresOptions;
use super::setup::{make_room, settings};
use super::shares::{Learnt, WordShares};
use super::wire::Wire;
use crate::changes::Slot;
use crate::conn::Admission;
use crate::error::{Result, StoreError};
use crate::sql::{Many, Param, Sql};

/// The users of a directory are counted in so many rows, so that writers do not wait for one another.
const COUNTER_SLOTS: i64 = 256;
/// What is set for a connection of reads.
///
/// Engine: the planner takes a plan for each value where it hopes that this is cheaper, and for a search it always does: then
/// planning takes longer than searching. Every statement is written so that one plan serves all values, as tests see to.
pub(crate) const ONE_PLAN: &str = "SET plan_cache_mode = force_generic_plan; ";
/// A server that stays silent for so much longer than a statement may take is taken for lost.
pub(crate) const GRACE: std::time::Duration = std::time::Duration::from_secs(10);
/// What the setting `denizen.org_id` says before the first closure: no organization has this key.
pub(crate) const NOBODY: OrgKey = OrgKey(-1);

/// Enters an organization whose gate is looked at. Prepared, for where many write in many organizations it is most of what
/// each costs beside its rows.
static ADMIT: Sql =
    Sql::split("session.admit", "", "SELECT set_config('denizen.org_id', $1, true), denizen_admit($2)");

pub(crate) const STATEMENTS: &[&Sql] = &[&ADMIT];

/// How the statements of a closure belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reads of one snapshot.
    Snapshot,
    /// Writes, as if no other transaction ran at the same time.
    Write,
    /// A step of the schema: its lock has to be waited for before the transaction's snapshot is taken.
    Step,
}

impl Mode {
    /// Engine: conflicts are noted of whole pages, so in a small directory, or without statistics, a long transaction
    /// can meet somebody on every attempt. Who is to go first waits for the writers of users and keeps them waiting;
    /// the snapshot is taken after that, with the first statement.
    ///
    /// Every write holds the table of gates, which whoever has shut one takes alone for a moment: who came before is
    /// waited for, and who comes after sees the gate shut. A lock on a table is taken before the snapshot is. Any other, an
    /// advisory one too, is asked for by a statement that has its snapshot already, from before the gate was shut.
    fn opening(self, goes_first: bool, admission: Admission) -> &'static str {
        match self {
            Self::Write if admission == Admission::Gatekeeper => "BEGIN ISOLATION LEVEL READ COMMITTED; ",
            Self::Write if goes_first => {
                "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE organization_gate IN ROW SHARE MODE; \
                 LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE; "
            }
            Self::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ",
            Self::Write => {
                "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE organization_gate IN ROW SHARE MODE; "
            }
            Self::Step => "BEGIN ISOLATION LEVEL READ COMMITTED; ",
        }
    }

    /// What is set for a connection whose closures are of this mode.
    ///
    /// Engine: SERIALIZABLE locks what a statement looks at, and a sequential scan looks at the whole table: then every
    /// other writer is in conflict. That is how a table is read that the planner takes for small, as it takes all tables
    /// that were never analysed. Every statement of a write has an index to go by, and so has every check of a foreign
    /// key. Reads of a snapshot lock nothing, and the planner has its choice.
    fn settings(self) -> &'static str {
        match self {
            Self::Write => "SET enable_seqscan = off; ",
            Self::Snapshot => ONE_PLAN,
            Self::Step => "",
        }
    }
}

/// How a closure goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// For the first time, in the hope that nothing is in its way: what rarely fails need not be looked at before.
    Hopeful,
    /// It has met something, and looks where it goes.
    Looking,
    /// It has met others too often, and keeps them away.
    First,
}

/// Why a commit did not succeed.
pub(crate) enum CommitFailure {
    /// Nothing was committed.
    Failed(Failure),
    /// The connection was lost while the commit was under way.
    Unknown(String),
}

/// A request to cancel, under way.
type Asking = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

struct Link {
    client: Client,
    wire: Wire,
    standing: Standing,
    statements: HashMap<String, Statement>,
    slot: i64,
}

/// The connection of one thread. It connects when it is first needed, and again after it was lost.
pub(crate) struct Session {
    runtime: Runtime,
    options: Arc<PostgresOptions>,
    link: Option<Link>,
    /// The same for all of its closures.
    mode: Mode,
    /// Whether a write of this closure lets no other one beside it.
    goes_first: bool,
    /// Whether this closure was run before, or with others, in vain.
    looks_first: bool,
    admission: Admission,
    /// Whether `BEGIN` has been sent, or stands in `ahead`.
    is_open: bool,
    /// The organization behind whose wall the transaction stands.
    org: Option<OrgKey>,
    ahead: Ahead,
    /// Whether the closure has written something.
    wrote: bool,
    /// The organizations behind whose walls it has been, where somebody asks what was written.
    been: Vec<OrgKey>,
    /// What the transaction alters of what is remembered.
    altered: Vec<Slot>,
    /// The first failure of the closure, which poisons what follows.
    failure: Option<Failure>,
    /// Ends when nobody waits for the closure any more.
    abandoned: Option<oneshot::Receiver<()>>,
    /// Whether a statement was to be cancelled.
    is_cancelled: bool,
    learnt: Option<Arc<Learnt>>,
}

impl Session {
    /// For closures of this mode.
    pub(crate) fn new(options: Arc<PostgresOptions>, mode: Mode) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StoreError::Io(format!("no runtime for a connection: {error}")))?;
        Ok(Self {
            runtime,
            options,
            link: None,
            mode,
            goes_first: false,
            admission: Admission::Given,
            is_open: false,
            org: None,
            ahead: Ahead::default(),
            looks_first: false,
            wrote: false,
            been: Vec::new(),
            altered: Vec::new(),
            failure: None,
            abandoned: None,
            is_cancelled: false,
            learnt: None,
        })
    }

    /// Lets its closures know what its lane has learnt.
    pub(crate) fn learn(&mut self, learnt: Arc<Learnt>) {
        self.learnt = Some(learnt);
    }

    pub(crate) fn word_shares(&self) -> Option<Arc<WordShares>> {
        self.learnt.as_ref()?.shares()
    }

    /// Connects, unless there is a connection.
    pub(crate) fn connect(&mut self) -> Result<(), Failure> {
        if self.is_connected() {
            return Ok(());
        }
        self.disconnect();
        self.link = Some(self.runtime.block_on(Link::open(&self.options, self.mode))?);
        Ok(())
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.link.as_ref().is_some_and(Link::is_open)
    }

    pub(crate) fn disconnect(&mut self) {
        self.link = None;
        self.is_cancelled = false;
        self.forget_transaction();
    }

    /// Whether the closure has to look before it writes, because it did not get through without that.
    pub(crate) fn looks_first(&self) -> bool {
        self.looks_first
    }

    /// Whether anything was written since this was last asked; `has_written` says so of the transaction.
    pub(crate) fn take_wrote(&mut self) -> bool {
        std::mem::take(&mut self.wrote)
    }

    pub(crate) fn note_wrote(&mut self, wrote: bool) {
        self.wrote |= wrote;
    }

    pub(crate) fn note_altered(&mut self, slot: Slot) {
        self.altered.push(slot);
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// The row of a spread counter that this connection changes.
    pub(crate) fn slot(&self) -> i64 {
        self.link.as_ref().map_or(0, |link| link.slot)
    }

    /// Begins a closure. `BEGIN` itself is sent with the first statement. The statements are cancelled when the other
    /// end of `abandoned` goes away. A write that `goes_first` lets no other writer of users run beside it.
    pub(crate) fn begin(
        &mut self,
        pass: Pass,
        admission: Admission,
        abandoned: Option<oneshot::Receiver<()>>,
    ) {
        self.forget_transaction();
        self.goes_first = pass == Pass::First;
        self.looks_first = pass != Pass::Hopeful;
        self.admission = admission;
        self.abandoned = abandoned;
        self.failure = None;
        self.wrote = false;
        self.been.clear();
        self.altered.clear();
    }

    fn forget_transaction(&mut self) {
        self.is_open = false;
        self.org = None;
        self.ahead.clear();
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Runs a statement and answers its rows.
    pub(crate) fn query(&mut self, org: OrgKey, text: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        // What answers rows may have written them.
        self.wrote |= !text.starts_with("SELECT");
        let statement = self.prepare(text)?;
        self.enter(org)?;
        self.send(async |client| {
            client.query_raw(&statement, params.iter().copied()).await?.try_collect().await
        })
    }

    /// Runs a statement and answers how many rows it changed.
    pub(crate) fn execute(&mut self, org: OrgKey, text: &str, params: &[Param<'_>]) -> Result<u64> {
        self.wrote = true;
        let statement = self.prepare(text)?;
        self.enter(org)?;
        self.send(async |client| client.execute_raw(&statement, params.iter().copied()).await)
    }

    /// Runs a statement that takes the organization and then arrays.
    pub(crate) fn insert_many(&mut self, org: OrgKey, text: &str, columns: &[Many<'_>]) -> Result<()> {
        self.wrote = true;
        let statement = self.prepare(text)?;
        self.enter(org)?;
        let org = Param::Int(org.0);
        let arrays = columns.iter().map(|column| -> &(dyn ToSql + Sync) { column });
        let params: Vec<&(dyn ToSql + Sync)> = std::iter::once(&org as _).chain(arrays).collect();
        self.send(async |client| client.execute_raw(&statement, params).await.map(drop))
    }

    /// Leaves a statement for the next one, or the commit, to take along; its failure shows there.
    pub(crate) fn defer(&mut self, org: OrgKey, text: &str, params: &[Param<'_>]) -> Result<()> {
        self.wrote = true;
        let statement = self.prepare(text)?;
        self.enter(org)?;
        self.ahead.push(statement, params);
        Ok(())
    }

    /// As [`Self::defer`], a row of a statement that takes the organization and then arrays: it travels with others of its
    /// statement where its `kind` allows it.
    pub(crate) fn defer_row(
        &mut self,
        org: OrgKey,
        kind: Kind,
        text: &'static str,
        params: &[Param<'_>],
    ) -> Result<()> {
        self.wrote = true;
        self.must_go_on()?;
        if self.org == Some(org) && self.ahead.join_row(kind, text, params) {
            return Ok(());
        }
        let statement = self.prepare(text)?;
        self.enter(org)?;
        self.ahead.push_row(kind, text, statement, params);
        Ok(())
    }

    /// Several statements without parameters, such as a step of the schema.
    pub(crate) fn batch(&mut self, org: OrgKey, text: &str) -> Result<()> {
        self.wrote = true;
        self.enter(org)?;
        self.send(async |client| client.batch_execute(text).await)
    }

    /// Runs a statement in no transaction of a closure.
    pub(crate) fn run_alone(&mut self, text: &str) -> Result<()> {
        self.drive(async |client| client.batch_execute(text).await).map_err(|failure| failure.error())
    }

    /// Runs a query in no transaction of a closure, and answers the first column of its first row.
    pub(crate) fn ask_alone(&mut self, text: &str) -> Result<String> {
        let answered = self.drive(async |client| client.simple_query(text).await);
        let answered = answered.map_err(|failure| failure.error())?;
        let found = answered.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
            _ => None,
        });
        found.ok_or_else(|| StoreError::Corrupt("a query without an answer".to_owned()))
    }

    /// Sends what waits, and the commit with it.
    pub(crate) fn commit(&mut self) -> Result<(), CommitFailure> {
        let committed = self.try_commit();
        // Before anybody hears of it, whatever the outcome.
        self.options.changes.note(&self.altered);
        if self.wrote
            && let Some(written) = &self.options.written
        {
            match &committed {
                Ok(()) => written.note(&self.been),
                Err(CommitFailure::Unknown(_)) => written.note_unknown(&self.been),
                Err(CommitFailure::Failed(_)) => {}
            }
        }
        committed
    }

    fn try_commit(&mut self) -> Result<(), CommitFailure> {
        if !self.is_open {
            return Ok(());
        }
        let ahead = std::mem::take(&mut self.ahead);
        let wrote = self.wrote;
        // A commit is not cancelled, whoever has gone.
        self.abandoned = None;
        self.take_warning();
        let committed = self.drive(async |client| {
            let (before, committed) = join(ahead.send(client), client.batch_execute("COMMIT")).await;
            Ok((before, committed))
        });
        self.forget_transaction();
        let lost = |text| {
            if wrote { CommitFailure::Unknown(text) } else { CommitFailure::Failed(Failure::Lost(text)) }
        };
        let (before, committed) = committed.map_err(|failure| lost(failure.error().to_string()))?;
        // A statement that failed has undone the transaction, whatever became of the commit behind it.
        let failure = match (before, committed) {
            // Engine: when the wait for a synchronous standby is cancelled, the server says that it has committed, and
            // warns that the standby may not have it. Who heard of a success could see it lost in a failover.
            (Ok(()), Ok(())) => return self.take_warning().map_or(Ok(()), |text| Err(lost(text))),
            (Err(error), _) if error.as_db_error().is_some() => Failure::of(&error),
            (Err(error), _) | (Ok(()), Err(error)) => match Failure::of(&error) {
                definite @ (Failure::Conflict(_) | Failure::Refused(StoreError::Constraint(_))) => definite,
                other => return Err(lost(other.error().to_string())),
            },
        };
        Err(CommitFailure::Failed(failure))
    }

    fn take_warning(&mut self) -> Option<String> {
        self.link.as_mut().and_then(|link| link.wire.take_warning())
    }

    /// Ends the transaction without its changes. When even that fails, the connection is dropped, which undoes as much.
    pub(crate) fn roll_back(&mut self) {
        let must_tell = self.is_open;
        self.forget_transaction();
        self.abandoned = None;
        if self.is_cancelled {
            // A cancellation that is still on its way would hit the next closure's statement.
            self.disconnect();
        } else if must_tell && self.drive(async |client| client.batch_execute("ROLLBACK").await).is_err() {
            self.disconnect();
        }
    }

    /// What the next statement needs before it: the transaction, and the organization behind whose wall it runs.
    fn enter(&mut self, org: OrgKey) -> Result<()> {
        if self.org == Some(org) {
            return Ok(());
        }
        // Nobody is shut out of the control store.
        let asks = self.admission == Admission::Asked && org != OrgKey::CONTROL;
        let admit = if asks { Some(self.prepare(ADMIT.postgres())?) } else { None };
        let opening = if self.is_open { "" } else { self.mode.opening(self.goes_first, self.admission) };
        self.is_open = true;
        let key = org.0.to_string();
        match admit {
            None => self.ahead.push_text(format!("{opening}SET LOCAL denizen.org_id = '{key}'")),
            Some(admit) => {
                if !opening.is_empty() {
                    self.ahead.push_text(opening.to_owned());
                }
                self.ahead.push(admit, &[Param::Text(&key), Param::Int(org.0)]);
            }
        }
        self.org = Some(org);
        if self.options.written.is_some() && !self.been.contains(&org) {
            self.been.push(org);
        }
        Ok(())
    }

    /// A failure poisons what follows, and so does the end of whoever waits.
    fn must_go_on(&mut self) -> Result<()> {
        let has_gone = |waiting: &mut oneshot::Receiver<()>| {
            matches!(waiting.try_recv(), Err(oneshot::error::TryRecvError::Closed))
        };
        if self.failure.is_none() && self.abandoned.as_mut().is_some_and(has_gone) {
            self.failure = Some(Failure::Refused(StoreError::Interrupted));
        }
        self.failure.as_ref().map_or(Ok(()), |failure| Err(failure.error()))
    }

    fn prepare(&mut self, text: &str) -> Result<Statement> {
        self.must_go_on()?;
        if let Some(found) = self.link.as_ref().and_then(|link| link.statements.get(text)) {
            return Ok(found.clone());
        }
        let prepared = self.drive(async |client| client.prepare(text).await);
        let statement = self.note(prepared)?;
        if let Some(link) = self.link.as_mut() {
            make_room(&mut link.statements, text);
            link.statements.insert(text.to_owned(), statement.clone());
        }
        Ok(statement)
    }

    /// Sends what waits and `work` behind it, and waits for both.
    fn send<T>(&mut self, work: impl AsyncFnOnce(&Client) -> Result<T, Error>) -> Result<T> {
        self.must_go_on()?;
        let ahead = std::mem::take(&mut self.ahead);
        let sent = self.drive(async |client| {
            let (before, answer) = join(ahead.send(client), work(client)).await;
            before?;
            answer
        });
        self.note(sent)
    }

    /// Keeps the first failure of the closure, for whoever decides whether it is run again.
    fn note<T>(&mut self, result: Result<T, Failure>) -> Result<T> {
        result.map_err(|failure| {
            let error = failure.error();
            self.failure.get_or_insert(failure);
            error
        })
    }

    fn drive<T>(&mut self, work: impl AsyncFnOnce(&Client) -> Result<T, Error>) -> Result<T, Failure> {
        let Some(Link { client, wire, standing, .. }) = self.link.as_mut() else {
            return Err(Failure::Lost("there is no connection".to_owned()));
        };
        let client = &*client;
        let mut answer = None;
        let watched = Watched {
            client,
            wire,
            standing,
            abandoned: &mut self.abandoned,
            is_cancelled: &mut self.is_cancelled,
            options: &self.options,
        };
        watched.drive(&self.runtime, pin!(async { answer = Some(work(client).await) }))?;
        // Whoever has come to the end has left an answer.
        answer.map_or(Err(Failure::Lost(String::new())), |answer| answer.map_err(|error| Failure::of(&error)))
    }
}

/// What is looked after while a connection works.
struct Watched<'s> {
    client: &'s Client,
    wire: &'s mut Wire,
    standing: &'s mut Standing,
    abandoned: &'s mut Option<oneshot::Receiver<()>>,
    is_cancelled: &'s mut bool,
    options: &'s PostgresOptions,
}

impl Watched<'_> {
    /// By a pointer to the work: the code is the same for all.
    fn drive(self, runtime: &Runtime, mut work: Pin<&mut dyn Future<Output = ()>>) -> Result<(), Failure> {
        let Self { client, wire, standing, abandoned, is_cancelled, options } = self;
        let limit = options.statement_timeout + GRACE;
        runtime.block_on(async {
            let mut deadline = pin!(tokio::time::sleep(limit));
            let mut replaced = pin!(standing.is_lost());
            let mut cancel: Option<Asking> = None;
            poll_fn(|cx| {
                // Once to send, and once more when the connection has brought something.
                if work.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ok(()));
                }
                let _ = wire.poll(cx);
                if work.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ok(()));
                }
                if replaced.as_mut().poll(cx).is_ready() {
                    wire.end();
                    return Poll::Ready(Err(Failure::Lost(REPLACED.to_owned())));
                }
                if deadline.as_mut().poll(cx).is_ready() {
                    wire.end();
                    return Poll::Ready(Err(Failure::Lost("the server does not answer".to_owned())));
                }
                if !*is_cancelled
                    && abandoned.as_mut().is_some_and(|waiting| Pin::new(waiting).poll(cx).is_ready())
                {
                    *is_cancelled = true;
                    let token = client.cancel_token();
                    let tls = options.tls.clone();
                    cancel = Some(Box::pin(async move { token.cancel_query(tls).await }));
                }
                if let Some(asking) = cancel.as_mut()
                    && let Poll::Ready(asked) = asking.as_mut().poll(cx)
                {
                    cancel = None;
                    if let Err(error) = asked {
                        tracing::debug!(%error, "a statement that nobody waits for could not be cancelled");
                    }
                }
                Poll::Pending
            })
            .await
        })
    }
}

impl Link {
    async fn open(options: &PostgresOptions, mode: Mode) -> Result<Self, Failure> {
        let (common, own) = (settings(options), mode.settings());
        let settings = format!("{common}; {own}SELECT pg_backend_pid() % {COUNTER_SLOTS} AS slot");
        let Reached { client, wire, standing, answered } = options.reach(&settings).await?;
        let slot = answered.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.try_get("slot").ok().flatten()?.parse().ok(),
            _ => None,
        });
        Ok(Self { client, wire, standing, statements: HashMap::new(), slot: slot.unwrap_or_default() })
    }

    fn is_open(&self) -> bool {
        !self.wire.is_over() && !self.client.is_closed() && self.standing.is_latest()
    }
}
