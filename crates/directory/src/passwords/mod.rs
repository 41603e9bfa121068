//! Passwords: hashed with argon2id by threads of their own, with a bounded queue before them.
//!
//! A hash takes a core for a few hundredths of a second, and is meant to. So no request's thread makes one, none is begun
//! while as many are under way as there are cores, and what somebody waits for at a prompt goes before what an import brings:
//! it overtakes even an import's hash that has begun, which then stands still. Memory is held for two hashes a core at most.

mod phc;
mod pool;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::oneshot;

use self::phc::{Cost, Kept};
use self::pool::{Pool, Room, Task};
use crate::environment::{Entropy, Environment};
use crate::error::{Error, ErrorCode, Result};

/// What hashing a password costs, and how many may wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordSettings {
    /// The memory that one hash takes, in KiB.
    pub memory_kib: u32,
    /// How often that memory is passed over.
    pub iterations: u32,
    /// Into how many lanes the memory is parted. One thread fills them all, one after the other.
    pub parallelism: u32,
    /// How many may wait at a prompt; who comes then is told at once that the service is busy.
    pub queue: usize,
}

impl PasswordSettings {
    /// The least that OWASP's Password Storage Cheat Sheet recommends for argon2id.
    pub const FLOOR: Self = Self { memory_kib: 19_456, iterations: 2, parallelism: 1, queue: 1 };
    pub const MOST_MEMORY_KIB: u32 = 1 << 20;
    pub const MOST_ITERATIONS: u32 = 64;
    pub const MOST_PARALLELISM: u32 = 16;

    /// As cheap as argon2id can be: for tests, where nobody has to be kept out.
    pub const CHEAPEST: Self = Self { memory_kib: 8, iterations: 1, parallelism: 1, queue: 64 };

    fn cost(&self) -> Cost {
        Cost { memory_kib: self.memory_kib, iterations: self.iterations, parallelism: self.parallelism }
    }
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self { queue: 64, ..Self::FLOOR }
    }
}

/// What is waited for first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits: the queue is short, and when it is full the answer is [`crate::ErrorCode::Busy`] at once.
    Prompt,
    /// An import: it waits for a place in the queue, and for everybody at a prompt.
    Bulk,
}

/// What comparing a password has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    pub is_right: bool,
    /// The hash was made with lesser parameters than are in use now.
    pub is_outdated: bool,
}

/// The threads that hash. Cloning shares them; they end with the last clone.
#[derive(Clone)]
pub struct Passwords {
    pool: Arc<Pool>,
    settings: PasswordSettings,
    entropy: Arc<dyn Entropy>,
    hashes_made: Arc<AtomicU64>,
}

impl Passwords {
    /// Starts the threads: for each core one for prompts and one for imports.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the parameters contradict each other, or no thread can be started.
    pub fn start(settings: PasswordSettings, environment: &Environment) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::start_on(cores, settings, environment)
    }

    fn start_on(cores: usize, settings: PasswordSettings, environment: &Environment) -> Result<Self> {
        let PasswordSettings { memory_kib, iterations, parallelism, .. } = settings;
        // Else every hash would fail, one after the other.
        argon2::Params::new(memory_kib, iterations, parallelism, None).map_err(|error| {
            Error::with_text(ErrorCode::Internal, format!("the parameters of passwords: {error}"))
        })?;
        let pool = Arc::new(Pool::start(cores, settings.queue)?);
        Ok(Self { pool, settings, entropy: Arc::clone(&environment.entropy), hashes_made: Arc::default() })
    }

    /// How many hashes at once use every core: so many are worth having under way.
    pub fn cores(&self) -> usize {
        self.pool.cores()
    }

    /// How many hashes have been made, whatever came of them.
    pub fn hashes_made(&self) -> u64 {
        self.hashes_made.load(Ordering::Relaxed)
    }

    /// The hash of a password in PHC form.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Busy`] when too many wait already.
    pub async fn hash(&self, password: String, lane: Lane) -> Result<String> {
        let mut salt = [0; phc::SALT];
        self.entropy.fill(&mut salt);
        let cost = self.settings.cost();
        self.run(lane, move |room| phc::make(cost, &password, salt, room)).await
    }

    /// Compares a password with a hash. Where there is none, it takes as long, and the answer is no.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Busy`] when too many wait already.
    pub async fn compare(&self, password: String, hash: Option<String>) -> Result<Comparison> {
        let cost = self.settings.cost();
        let kept = hash.and_then(|text| {
            let kept = Kept::parse(&text);
            if kept.is_none() {
                tracing::error!("the hash of a password that is stored cannot be read");
            }
            kept
        });
        self.run(Lane::Prompt, move |room| {
            let Some(kept) = kept else {
                phc::make(cost, &password, [0; phc::SALT], room)?;
                return Ok(Comparison { is_right: false, is_outdated: false });
            };
            Ok(Comparison { is_right: kept.is_of(&password, room)?, is_outdated: kept.is_outdated(cost) })
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&mut Room) -> Result<T, argon2::Error> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let made = Arc::clone(&self.hashes_made);
        let task: Task = Box::new(move |room| {
            // Whoever has gone away needs no hash, and others wait.
            if answer.is_closed() {
                return;
            }
            let result = work(room);
            made.fetch_add(1, Ordering::Relaxed);
            // Nobody may wait for the answer any more by now, and that is no fault.
            let _ = answer.send(result);
        });
        match lane {
            Lane::Prompt => self.pool.send_prompt(task)?,
            Lane::Bulk => self.pool.send_bulk(task).await?,
        }
        // The sender is dropped without an answer only by a pool that ends.
        answered.await.map_err(|_| ErrorCode::Busy)?.map_err(|error| {
            tracing::error!(%error, "a password cannot be hashed");
            ErrorCode::Internal.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};

    use denizen_domain::time::Timestamp;

    use super::*;
    use crate::environment::Clock;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
    }

    struct Counting(AtomicUsize);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(u8::try_from(self.0.fetch_add(1, Ordering::SeqCst)).unwrap());
        }
    }

    fn start(cores: usize, settings: PasswordSettings) -> Passwords {
        let entropy = Arc::new(Counting(AtomicUsize::new(1)));
        Passwords::start_on(cores, settings, &Environment { clock: Arc::new(Still), entropy }).unwrap()
    }

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    /// Asks once, which puts a task into the queue.
    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    /// Holds a core until it is let go.
    fn occupy(passwords: &Passwords) -> mpsc::Sender<()> {
        let (began, begun) = mpsc::channel();
        let (go, held) = mpsc::channel::<()>();
        let task: Task = Box::new(move |_| {
            began.send(()).unwrap();
            // The other end is dropped to let go.
            let _ = held.recv();
        });
        passwords.pool.send_prompt(task).unwrap();
        begun.recv().unwrap();
        go
    }

    #[test]
    fn a_password_is_right_by_its_own_hash_only() {
        let passwords = start(2, PasswordSettings::CHEAPEST);
        block(async {
            for lane in [Lane::Prompt, Lane::Bulk] {
                let hash = passwords.hash("Passw0rd".to_owned(), lane).await.unwrap();
                let again = passwords.hash("Passw0rd".to_owned(), lane).await.unwrap();
                assert_ne!(hash, again, "each has a salt of its own");
                for (password, is_right) in [("Passw0rd", true), ("passw0rd", false), ("", false)] {
                    let found = passwords.compare(password.to_owned(), Some(hash.clone())).await.unwrap();
                    assert_eq!(found, Comparison { is_right, is_outdated: false });
                }
            }
        });
    }

    #[test]
    fn an_account_that_is_not_there_costs_as_many_hashes_as_one_that_is() {
        let passwords = start(1, PasswordSettings::CHEAPEST);
        block(async {
            let hash = passwords.hash("Passw0rd".to_owned(), Lane::Prompt).await.unwrap();
            let outdated = "$argon2id$v=19$m=8,t=1,p=1$AQEBAQEBAQE$AQEBAQEBAQEBAQEBAQEBAQ".to_owned();
            for hash in [Some(hash), None, Some(outdated), Some("unreadable".to_owned())] {
                let before = passwords.hashes_made();
                let found = passwords.compare("wrong".to_owned(), hash).await.unwrap();
                assert!(!found.is_right);
                assert_eq!(passwords.hashes_made(), before + 1);
            }
        });
    }

    #[test]
    fn a_hash_of_lesser_parameters_is_outdated() {
        let low = start(1, PasswordSettings::CHEAPEST);
        let high = start(1, PasswordSettings { iterations: 2, ..PasswordSettings::CHEAPEST });
        block(async {
            let hash = low.hash("Passw0rd".to_owned(), Lane::Prompt).await.unwrap();
            let found = high.compare("Passw0rd".to_owned(), Some(hash)).await.unwrap();
            assert_eq!(found, Comparison { is_right: true, is_outdated: true });
            let hash = high.hash("Passw0rd".to_owned(), Lane::Prompt).await.unwrap();
            let found = low.compare("Passw0rd".to_owned(), Some(hash)).await.unwrap();
            assert_eq!(found, Comparison { is_right: true, is_outdated: false });
        });
    }

    #[test]
    fn who_comes_to_a_full_queue_is_told_at_once() {
        let passwords = start(1, PasswordSettings { queue: 2, ..PasswordSettings::CHEAPEST });
        let held = occupy(&passwords);
        let ask = || passwords.compare("x".to_owned(), None);
        let (mut first, mut second) = (Box::pin(ask()), Box::pin(ask()));
        assert_eq!((poll(first.as_mut()), poll(second.as_mut())), (None, None));
        assert_eq!(poll(pin!(ask())), Some(Err(ErrorCode::Busy.into())));
        // An import waits instead.
        let mut import = Box::pin(passwords.hash("x".to_owned(), Lane::Bulk));
        assert_eq!(poll(import.as_mut()), None);
        drop(held);
        block(async {
            assert!(first.await.is_ok() && second.await.is_ok() && import.await.is_ok());
        });
    }

    #[test]
    fn an_import_waits_for_everybody_at_a_prompt_and_nobody_waits_for_an_import() {
        let passwords = start(1, PasswordSettings { queue: 8, ..PasswordSettings::CHEAPEST });
        let held = occupy(&passwords);
        let mut imports: Vec<_> =
            (0..4).map(|_| Box::pin(passwords.hash("x".to_owned(), Lane::Bulk))).collect();
        let mut prompts: Vec<_> =
            (0..4).map(|_| Box::pin(passwords.hash("x".to_owned(), Lane::Prompt))).collect();
        for waiting in imports.iter_mut().chain(&mut prompts) {
            assert!(poll(waiting.as_mut()).is_none());
        }
        drop(held);
        block(async {
            for prompt in prompts {
                prompt.await.unwrap();
            }
            for import in imports {
                import.await.unwrap();
            }
        });
        let order = passwords.pool.order();
        assert_eq!(order, [&[Lane::Prompt; 5][..], &[Lane::Bulk; 4]].concat());
    }

    #[test]
    fn no_more_is_hashed_at_once_than_there_are_cores_and_each_thread_holds_memory_for_one() {
        let settings = PasswordSettings { memory_kib: 64, queue: 64, ..PasswordSettings::CHEAPEST };
        let passwords = start(2, settings);
        let mut waiting = Vec::new();
        for number in 0..40 {
            let lane = if number % 2 == 0 { Lane::Prompt } else { Lane::Bulk };
            let mut hash = Box::pin(passwords.hash("x".to_owned(), lane));
            // So cheap a hash may be there already.
            match poll(hash.as_mut()) {
                Some(made) => drop(made.unwrap()),
                None => waiting.push(hash),
            }
        }
        block(async {
            for hash in waiting {
                hash.await.unwrap();
            }
        });
        let (prompts, imports, blocks) = passwords.pool.peaks();
        assert!((1..=2).contains(&prompts) && (1..=2).contains(&imports), "{prompts}, {imports}");
        assert_eq!(blocks, 64, "one KiB each");
    }

    #[test]
    fn who_has_gone_away_costs_no_hash() {
        let passwords = start(1, PasswordSettings::CHEAPEST);
        let held = occupy(&passwords);
        let mut gone = Box::pin(passwords.compare("x".to_owned(), None));
        assert!(poll(gone.as_mut()).is_none());
        drop(gone);
        drop(held);
        block(passwords.compare("x".to_owned(), None)).unwrap();
        assert_eq!(passwords.hashes_made(), 1);
    }

    #[test]
    fn parameters_that_contradict_each_other_are_refused_at_the_start() {
        let settings = PasswordSettings { parallelism: 2, ..PasswordSettings::CHEAPEST };
        let environment =
            Environment { clock: Arc::new(Still), entropy: Arc::new(Counting(AtomicUsize::new(0))) };
        assert!(Passwords::start_on(1, settings, &environment).is_err());
    }
}
