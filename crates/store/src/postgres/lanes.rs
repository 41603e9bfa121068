//! Threads that each own a connection, and the queue of closures that they take from.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::group::{self, Companion};
use super::options::PostgresOptions;
use super::session::{Mode, Session};
use super::shares::Learnt;
use super::statistics::Statistics;
use crate::error::{Result, StoreError};

/// Closures that may wait for a connection before callers wait for a place.
const QUEUE: usize = 4_096;
/// How long a closing store waits for what is queued.
const FINISH: Duration = Duration::from_secs(10);
/// How many closures share a transaction at most.
const MOST_TOGETHER: usize = 32;
/// So many connections stay for closures by themselves, for each one on which several share a transaction at the same time:
/// those who come meanwhile gather.
const CONNECTIONS_TO_A_GROUP: usize = 4;
/// How often it looks.
const LOOK: Duration = Duration::from_millis(2);

pub(crate) type Task = Box<dyn FnOnce(&RefCell<Session>) + Send>;

#[derive(Default)]
struct Queue {
    tasks: VecDeque<(Task, OwnedSemaphorePermit)>,
    companions: VecDeque<(Box<dyn Companion>, OwnedSemaphorePermit)>,
    /// Threads that run closures which share a transaction.
    groups: usize,
    /// Whether closures that share were the last to be taken: then it is the others' turn.
    took_companions: bool,
    is_closed: bool,
}

/// What a thread does next.
enum Work {
    Alone(Task),
    Together(Vec<Box<dyn Companion>>),
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    most_groups: usize,
    /// Of the tables that are written here.
    statistics: Option<Statistics>,
    /// Of the words that are searched for here.
    learnt: Option<Arc<Learnt>>,
}

/// A queue and the threads that serve it.
pub(crate) struct Lane {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Lane {
    /// Threads for closures of a mode, the first of which is given a session that there is already.
    pub(crate) fn start(
        name: &str,
        mode: Mode,
        connections: usize,
        mut first: Option<Session>,
        options: &Arc<PostgresOptions>,
    ) -> Result<Self> {
        let most_groups = connections.div_ceil(CONNECTIONS_TO_A_GROUP).max(1);
        let statistics = (mode == Mode::Write).then(Statistics::default);
        let learnt = (mode == Mode::Snapshot).then(Arc::<Learnt>::default);
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            ready: Condvar::new(),
            most_groups,
            statistics,
            learnt: learnt.clone(),
        });
        let mut threads = Vec::new();
        for number in 0..connections.max(1) {
            let shared = Arc::clone(&shared);
            let mut session = match first.take() {
                Some(session) => session,
                None => Session::new(Arc::clone(options), mode)?,
            };
            if let Some(learnt) = &learnt {
                session.learn(Arc::clone(learnt));
            }
            let session = RefCell::new(session);
            let thread = std::thread::Builder::new()
                .name(format!("denizen-{name}-{number}"))
                .spawn(move || shared.serve(&session))
                .map_err(|error| StoreError::Io(format!("a thread could not be started: {error}")))?;
            threads.push(thread);
        }
        Ok(Self { shared, places: Arc::new(Semaphore::new(QUEUE)), threads: Mutex::new(threads) })
    }

    pub(crate) async fn send(&self, task: Task) -> Result<()> {
        self.put(|queue, place| queue.tasks.push_back((task, place))).await
    }

    /// Sends a closure that may share its transaction with others.
    pub(crate) async fn send_companion(&self, companion: Box<dyn Companion>) -> Result<()> {
        self.put(|queue, place| queue.companions.push_back((companion, place))).await
    }

    async fn put(&self, put: impl FnOnce(&mut Queue, OwnedSemaphorePermit)) -> Result<()> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed {
            return Err(StoreError::Closed);
        }
        put(&mut queue, place);
        drop(queue);
        self.shared.ready.notify_one();
        Ok(())
    }

    /// Lets the threads finish what is queued, and waits for them, but not long: the server may have fallen silent.
    pub(crate) fn close(&self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.places.close();
        self.shared.ready.notify_all();
        let deadline = Instant::now() + FINISH;
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A closure that held the last handle of its store closes it from its own thread.
            if thread.thread().id() == std::thread::current().id() {
                continue;
            }
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(LOOK);
            }
            if !thread.is_finished() {
                // Its transaction ends with the connection, so at the end of the process at the latest.
                tracing::warn!("a closure still waits for PostgreSQL and is left behind");
            } else if thread.join().is_err() {
                tracing::error!("a thread with a connection panicked");
            }
        }
    }
}

impl Shared {
    /// Works until the lane is closed and nothing is left.
    fn serve(&self, session: &RefCell<Session>) {
        // Whoever cannot share costs the others of the group a transaction: after that fewer are put together for a while.
        let mut room = MOST_TOGETHER;
        while let Some(work) = self.next(room) {
            match work {
                Work::Alone(task) => task(session),
                Work::Together(group) => {
                    let went_well = group::run(session, group);
                    room = if went_well { (2 * room).min(MOST_TOGETHER) } else { 1 };
                    self.end_group();
                }
            }
            if let Some(statistics) = &self.statistics {
                statistics.keep_up(&mut session.borrow_mut());
            }
            if let Some(learnt) = &self.learnt {
                learnt.keep_up(&mut session.borrow_mut());
            }
        }
    }

    fn end_group(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.groups -= 1;
        // Who was woken for them may have found that too many were sharing.
        if !queue.companions.is_empty() {
            self.ready.notify_one();
        }
    }

    /// What is to be done, with up to `room` closures that share a transaction.
    fn next(&self, room: usize) -> Option<Work> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let may_share = queue.groups < self.most_groups || queue.is_closed;
            let are_due = !queue.took_companions || queue.tasks.is_empty();
            if may_share && are_due && !queue.companions.is_empty() {
                let count = queue.companions.len().min(room);
                queue.took_companions = true;
                queue.groups += 1;
                let taken = queue.companions.drain(..count).map(|(companion, _place)| companion);
                return Some(Work::Together(taken.collect()));
            }
            queue.took_companions = false;
            if let Some((task, _place)) = queue.tasks.pop_front() {
                return Some(Work::Alone(task));
            }
            if queue.is_closed && queue.companions.is_empty() {
                return None;
            }
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.close();
    }
}
