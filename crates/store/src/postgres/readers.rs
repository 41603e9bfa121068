//! Reads of a few rows: many at once over few connections, without a thread for each.
//!
//! A closure is synchronous, but it may be run again, and that is what makes it wait: it runs until it asks something that
//! has no answer yet, the question is sent, and when the answer has come, the closure runs again from its beginning and is
//! given the answers so far. A look-up by id thus runs twice, for about a microsecond each, and never leaves the caller's
//! thread. Questions of different closures share a connection and travel behind one another.
//!
//! Invariant: on each connection, a question stands directly behind the setting of its organization, or behind a question
//! of the same one. Both are put into the connection's queue under one lock.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use denizen_domain::ids::OrgKey;
use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, Row, Statement};

use super::failure::Failure;
use super::hosts::{REPLACED, Reached, Standing};
use super::options::PostgresOptions;
use super::run::{KNOCK, MOST_LOSSES, Outage};
use super::session::{GRACE, NOBODY, ONE_PLAN};
use super::setup::{make_room, settings};
use crate::error::{Result, StoreError};
use crate::sql::{Param, Value};

/// A connection that an organization prefers is passed over when so many questions wait on it. Each takes the server about
/// 20 µs, and one of another organization than the last half as many more.
const CROWD: usize = 16;

/// What a closure asks.
#[derive(PartialEq, Eq)]
pub(crate) struct Question {
    org: OrgKey,
    text: Cow<'static, str>,
    params: Vec<Option<Value>>,
}

/// What was asked, and the rows that were answered.
type Answer = (Question, Result<Arc<Vec<Row>>>);

/// A closure's questions so far, with their answers.
#[derive(Default)]
pub(crate) struct Replay {
    answers: Vec<Answer>,
    /// Which of the answers the closure is given next.
    next: usize,
    question: Option<Question>,
}

impl Replay {
    /// The answer, when it has come. Otherwise the question is noted, and the error that is answered means nothing.
    pub(crate) fn ask(
        &mut self,
        org: OrgKey,
        text: Cow<'static, str>,
        params: &[Param<'_>],
    ) -> Result<Arc<Vec<Row>>> {
        let params = params.iter().map(|param| param.to_value()).collect();
        let question = Question { org, text, params };
        if let Some((asked, answer)) = self.answers.get(self.next) {
            if *asked != question {
                let text = "a read asked something else when it was run again".to_owned();
                return Err(StoreError::Internal(text));
            }
            self.next += 1;
            return answer.clone();
        }
        // A closure that goes on after an error may ask more; the first question is the one that counts.
        self.question.get_or_insert(question);
        Err(StoreError::Interrupted)
    }

    /// Starts the closure over; what it was waiting for is taken out.
    pub(crate) fn rewind(&mut self) -> Option<Question> {
        self.next = 0;
        self.question.take()
    }

    pub(crate) fn answer(&mut self, question: Question, answer: Result<Vec<Row>>) {
        self.answers.push((question, answer.map(Arc::new)));
    }
}

/// A connection that several closures use at once. It is driven by a task of the runtime that made it.
struct Link {
    client: Client,
    standing: Standing,
    /// The organization that the last message in the queue sets.
    org: Mutex<OrgKey>,
    statements: Mutex<HashMap<Cow<'static, str>, Statement>>,
    /// Questions that wait for their answers.
    waiting: AtomicUsize,
    /// Given up, though the socket may not know it.
    is_over: AtomicBool,
}

/// Counts a question as long as it waits, also when its caller goes away.
struct Waiting<'l>(&'l Link);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One of the connections, or the place of one.
#[derive(Default)]
struct Place {
    link: Mutex<Option<Arc<Link>>>,
    /// Held by whoever connects, so that nobody else does.
    connecting: tokio::sync::Mutex<()>,
}

impl Place {
    fn open_link(&self) -> Option<Arc<Link>> {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.as_ref().filter(|link| link.is_open()).cloned()
    }

    fn fill(&self, link: Link) -> Arc<Link> {
        let link = Arc::new(link);
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&link));
        link
    }
}

/// The connections for reads of a few rows.
pub(crate) struct Readers {
    options: Arc<PostgresOptions>,
    outage: Arc<Outage>,
    places: Vec<Place>,
    is_closed: AtomicBool,
}

impl Readers {
    pub(crate) fn new(options: &Arc<PostgresOptions>, outage: &Arc<Outage>) -> Self {
        Self {
            options: Arc::clone(options),
            outage: Arc::clone(outage),
            places: (0..options.read_connections.max(1)).map(|_| Place::default()).collect(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Asks until there is an answer, or the server has refused, or cannot be reached.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Vec<Row>> {
        let mut losses = 0;
        loop {
            let link = self.link_for(question.org).await?;
            let failure = match link.ask(question, self.options.statement_timeout + GRACE).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => failure,
            };
            match failure {
                Failure::Lost(error) if losses < MOST_LOSSES => {
                    losses += 1;
                    self.outage.note_loss(&error);
                    link.is_over.store(true, Ordering::Relaxed);
                }
                // A standby may cancel a read in favour of what it follows; it is asked again.
                Failure::Conflict(StoreError::Busy) if losses < MOST_LOSSES => losses += 1,
                other => return Err(other.error()),
            }
        }
    }

    /// Asks once, where another server can be asked instead: nobody waits for somebody else's attempt to connect.
    pub(crate) async fn ask_at_once(&self, question: &Question) -> Result<Vec<Row>, Failure> {
        // Where there is one to fall back on, looking for the best one waits for nobody either.
        let link = if self.places.iter().any(|place| place.open_link().is_some()) {
            self.link_for(question.org).await.map_err(Failure::Refused)?
        } else {
            let place = &self.places[0];
            let Ok(_turn) = place.connecting.try_lock() else {
                return Err(Failure::Lost("there is no connection yet".to_owned()));
            };
            place.fill(Link::open(&self.options).await?)
        };
        let answer = link.ask(question, self.options.statement_timeout + GRACE).await;
        if let Err(Failure::Lost(_)) = &answer {
            link.is_over.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// The organization's own connection, or the one on which the least waits when that is crowded.
    async fn link_for(&self, org: OrgKey) -> Result<Arc<Link>> {
        let own = usize::try_from(org.0.unsigned_abs()).unwrap_or_default() % self.places.len();
        if let Some(link) = self.places[own].open_link()
            && link.waiting.load(Ordering::Relaxed) < CROWD
        {
            return Ok(link);
        }
        // A place without a connection has nobody waiting.
        let waiting =
            |place: &Place| place.open_link().map_or(0, |link| link.waiting.load(Ordering::Relaxed));
        let place = self.places.iter().min_by_key(|place| waiting(place)).unwrap_or(&self.places[own]);
        if let Some(link) = place.open_link() {
            return Ok(link);
        }
        // Who could ask on another connection waits for nobody's attempt, and for no second one: the server may have no
        // room for another connection, or not answer new ones, and serve those that it has.
        let crowded = self.places.iter().filter_map(Place::open_link);
        let Some(open) = crowded.min_by_key(|link| link.waiting.load(Ordering::Relaxed)) else {
            return self.connect(place).await;
        };
        let Ok(_turn) = place.connecting.try_lock() else { return Ok(open) };
        match Link::open(&self.options).await {
            Ok(link) => Ok(place.fill(link)),
            Err(failure) => {
                tracing::debug!(error = %failure.error(), "there is no further connection to PostgreSQL");
                Ok(open)
            }
        }
    }

    async fn connect(&self, place: &Place) -> Result<Arc<Link>> {
        let (failed_before, patience) = (self.outage.failed(), self.options.patience);
        // Who has to wait for somebody else's attempt may not have to wait at all.
        drop(self.outage.knock(failed_before, patience)?);
        let _turn = place.connecting.lock().await;
        loop {
            if self.is_closed.load(Ordering::Relaxed) {
                return Err(StoreError::Closed);
            }
            if let Some(link) = place.open_link() {
                return Ok(link);
            }
            let knock = self.outage.knock(failed_before, patience)?;
            let opened = Link::open(&self.options).await;
            drop(knock);
            match opened {
                Ok(link) => {
                    self.outage.end();
                    return Ok(place.fill(link));
                }
                Err(failure) => self.outage.must_wait(&failure, patience)?,
            }
            tokio::time::sleep(KNOCK).await;
        }
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Relaxed) { Err(StoreError::Closed) } else { Ok(()) }
    }

    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        for place in &self.places {
            // What still waits for an answer holds the connection until it has come.
            place.link.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

impl Link {
    async fn open(options: &PostgresOptions) -> Result<Self, Failure> {
        let Reached { client, mut wire, standing, .. } =
            options.reach(&format!("{ONE_PLAN}{}", settings(options))).await?;
        let mut watched = standing.clone();
        #[allow(
            clippy::disallowed_methods,
            reason = "the connection is driven where its callers wait; it ends with its client"
        )]
        tokio::spawn(async move {
            let mut replaced = pin!(watched.is_lost());
            poll_fn(|cx| {
                // Whoever waits for an answer of a server that was replaced is told that the connection is over.
                if replaced.as_mut().poll(cx).is_ready() {
                    wire.end();
                }
                wire.poll(cx)
            })
            .await;
        });
        Ok(Self {
            client,
            standing,
            org: Mutex::new(NOBODY),
            statements: Mutex::default(),
            waiting: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        })
    }

    fn is_open(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed) && !self.client.is_closed() && self.standing.is_latest()
    }

    async fn ask(&self, question: &Question, limit: Duration) -> Result<Vec<Row>, Failure> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(self);
        let asking = async {
            let statement = self.prepare(question).await?;
            self.send(question, &statement).await
        };
        match tokio::time::timeout(limit, asking).await {
            Ok(Err(Failure::Lost(_))) if !self.standing.is_latest() => {
                Err(Failure::Lost(REPLACED.to_owned()))
            }
            Ok(answer) => answer,
            Err(_) => Err(Failure::Lost("the server does not answer".to_owned())),
        }
    }

    async fn prepare(&self, question: &Question) -> Result<Statement, Failure> {
        let text = &question.text;
        if let Some(found) = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(found.clone());
        }
        let statement = self.client.prepare(text).await.map_err(|error| Failure::of(&error))?;
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut statements, text);
        statements.insert(text.clone(), statement.clone());
        Ok(statement)
    }

    async fn send(&self, question: &Question, statement: &Statement) -> Result<Vec<Row>, Failure> {
        let params = question.params.iter().map(|value| value.as_ref().map_or(Param::Null, Value::as_param));
        let mut asking =
            pin!(async { self.client.query_raw(statement, params).await?.try_collect::<Vec<Row>>().await });
        let set = format!("SET denizen.org_id = '{}'", question.org.0);
        let mut setting = pin!(self.client.batch_execute(&set));
        let mut set = Poll::Ready(Ok(()));
        // A message is put into the queue when its future is first polled, so both stand side by side in it.
        let asked = poll_fn(|cx| {
            let mut org = self.org.lock().unwrap_or_else(PoisonError::into_inner);
            if *org != question.org {
                *org = question.org;
                set = setting.as_mut().poll(cx);
            }
            Poll::Ready(asking.as_mut().poll(cx))
        })
        .await;
        let set = match set {
            Poll::Ready(set) => set,
            Poll::Pending => setting.await,
        };
        // Behind which wall this connection stands is not known any more.
        set.map_err(|error| Failure::Lost(error.to_string()))?;
        let answer = match asked {
            Poll::Ready(answer) => answer,
            Poll::Pending => asking.await,
        };
        answer.map_err(|error| Failure::of(&error))
    }
}
