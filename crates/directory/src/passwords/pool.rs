//! The threads that hash: for each core one for prompts and one for imports.
//!
//! Those for imports run at the lowest priority that the system has, and start nothing while a prompt is served or waits
//! and needs the core. So a prompt never waits for an import, whose hash stands still meanwhile; and a thread cannot be
//! for both, since a process may lower a priority and not raise it again.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use argon2::Block;
use denizen_store::give_way;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Lane;
use crate::error::{Error, ErrorCode, Result};

/// What a thread hashes in. It is kept for the next hash.
pub(super) type Room = Vec<Block>;
pub(super) type Task = Box<dyn FnOnce(&mut Room) + Send>;

/// How long a thread that has nothing to do keeps its memory.
const KEPT: Duration = Duration::from_secs(10);

pub(super) struct Pool {
    shared: Arc<Shared>,
    /// Places in the queue of imports.
    places: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    for_prompts: Condvar,
    for_imports: Condvar,
    cores: usize,
    most_prompts: usize,
}

#[derive(Default)]
struct State {
    prompts: VecDeque<Task>,
    imports: VecDeque<(Task, OwnedSemaphorePermit)>,
    prompts_running: usize,
    imports_running: usize,
    is_closed: bool,
    #[cfg(test)]
    seen: Seen,
}

/// What a test wants to know afterwards.
#[cfg(test)]
#[derive(Default)]
struct Seen {
    order: Vec<Lane>,
    most_prompts: usize,
    most_imports: usize,
    most_blocks: usize,
}

impl Pool {
    pub(super) fn start(cores: usize, most_prompts: usize) -> Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            for_prompts: Condvar::new(),
            for_imports: Condvar::new(),
            cores,
            most_prompts,
        });
        // Enough that no core waits while a batch is put together.
        let places = Arc::new(Semaphore::new(8 * cores));
        let mut pool = Self { shared, places, threads: Vec::new() };
        for number in 0..cores {
            for lane in [Lane::Prompt, Lane::Bulk] {
                let shared = Arc::clone(&pool.shared);
                let name = if lane == Lane::Prompt { "hash" } else { "bulk-hash" };
                let thread = std::thread::Builder::new()
                    .name(format!("denizen-{name}-{number}"))
                    .spawn(move || shared.work(lane))
                    .map_err(|error| {
                        Error::with_text(
                            ErrorCode::Internal,
                            format!("a thread could not be started: {error}"),
                        )
                    })?;
                pool.threads.push(thread);
            }
        }
        Ok(pool)
    }

    pub(super) fn cores(&self) -> usize {
        self.shared.cores
    }

    pub(super) fn send_prompt(&self, task: Task) -> Result<()> {
        let mut state = self.shared.lock();
        if state.prompts.len() >= self.shared.most_prompts {
            return Err(ErrorCode::Busy.into());
        }
        state.prompts.push_back(task);
        drop(state);
        self.shared.for_prompts.notify_one();
        Ok(())
    }

    pub(super) async fn send_bulk(&self, task: Task) -> Result<()> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| ErrorCode::Busy)?;
        self.shared.lock().imports.push_back((task, place));
        self.shared.for_imports.notify_one();
        Ok(())
    }
}

#[cfg(test)]
impl Pool {
    /// In which order tasks were begun.
    pub(super) fn order(&self) -> Vec<Lane> {
        self.shared.lock().seen.order.clone()
    }

    /// How many tasks of each lane were done at once at most, and how many blocks of memory one thread held.
    pub(super) fn peaks(&self) -> (usize, usize, usize) {
        let state = self.shared.lock();
        (state.seen.most_prompts, state.seen.most_imports, state.seen.most_blocks)
    }
}

impl Drop for Pool {
    /// What waits is dropped, which tells whoever waits for it; what is begun is finished.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        let waiting = (std::mem::take(&mut state.prompts), std::mem::take(&mut state.imports));
        drop(state);
        drop(waiting);
        self.shared.for_prompts.notify_all();
        self.shared.for_imports.notify_all();
        for thread in self.threads.drain(..) {
            // A task may hold the last handle of its pool, which then ends in a thread of the pool.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread that hashes passwords panicked");
            }
        }
    }
}

impl State {
    /// Takes a task of this lane, if there is one that may begin.
    fn take(&mut self, lane: Lane, cores: usize) -> Option<Task> {
        let task = match lane {
            Lane::Prompt => self.prompts.pop_front()?,
            Lane::Bulk => {
                let busy = self.prompts_running + self.prompts.len() + self.imports_running;
                if busy >= cores {
                    return None;
                }
                self.imports.pop_front()?.0
            }
        };
        let running = self.running(lane);
        *running += 1;
        #[cfg(test)]
        {
            self.seen.order.push(lane);
            self.seen.most_prompts = self.seen.most_prompts.max(self.prompts_running);
            self.seen.most_imports = self.seen.most_imports.max(self.imports_running);
        }
        Some(task)
    }

    fn running(&mut self, lane: Lane) -> &mut usize {
        match lane {
            Lane::Prompt => &mut self.prompts_running,
            Lane::Bulk => &mut self.imports_running,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, lane: Lane) {
        if lane == Lane::Bulk {
            // The lowest there is.
            give_way(19);
        }
        let mut room = Room::new();
        while let Some(task) = self.next(lane, &mut room) {
            task(&mut room);
            let mut state = self.lock();
            *state.running(lane) -= 1;
            #[cfg(test)]
            {
                state.seen.most_blocks = state.seen.most_blocks.max(room.len());
            }
            drop(state);
            // A core is free, for this lane and perhaps for the other.
            self.for_imports.notify_one();
        }
    }

    /// The next task; `None` at the end.
    fn next(&self, lane: Lane, room: &mut Room) -> Option<Task> {
        let ready = if lane == Lane::Prompt { &self.for_prompts } else { &self.for_imports };
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(task) = state.take(lane, self.cores) {
                return Some(task);
            }
            if room.is_empty() {
                state = ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                let waited = ready.wait_timeout(state, KEPT).unwrap_or_else(PoisonError::into_inner);
                state = waited.0;
                if waited.1.timed_out() {
                    *room = Room::new();
                }
            }
        }
    }
}
