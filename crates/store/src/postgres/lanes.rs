//! Threads that each own a connection, and the queue of closures that they take from.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::options::PostgresOptions;
use super::session::{Mode, Session};
use crate::error::{Result, StoreError};

/// Closures that may wait for a connection before callers wait for a place.
const QUEUE: usize = 4_096;
/// How long a closing store waits for what is queued.
const FINISH: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(2);

pub(crate) type Task = Box<dyn FnOnce(&RefCell<Session>) + Send>;

#[derive(Default)]
struct Queue {
    tasks: VecDeque<(Task, OwnedSemaphorePermit)>,
    is_closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
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
        let shared = Arc::new(Shared { queue: Mutex::default(), ready: Condvar::new() });
        let mut threads = Vec::new();
        for number in 0..connections.max(1) {
            let shared = Arc::clone(&shared);
            let session = match first.take() {
                Some(session) => session,
                None => Session::new(Arc::clone(options), mode)?,
            };
            let session = RefCell::new(session);
            let thread = std::thread::Builder::new()
                .name(format!("denizen-{name}-{number}"))
                .spawn(move || {
                    while let Some(task) = shared.next() {
                        task(&session);
                    }
                })
                .map_err(|error| StoreError::Io(format!("a thread could not be started: {error}")))?;
            threads.push(thread);
        }
        Ok(Self { shared, places: Arc::new(Semaphore::new(QUEUE)), threads: Mutex::new(threads) })
    }

    pub(crate) async fn send(&self, task: Task) -> Result<()> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed {
            return Err(StoreError::Closed);
        }
        queue.tasks.push_back((task, place));
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
    fn next(&self) -> Option<Task> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some((task, _place)) = queue.tasks.pop_front() {
                return Some(task);
            }
            if queue.is_closed {
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
