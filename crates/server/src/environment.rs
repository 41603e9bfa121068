//! The clock and the randomness of the process: the only place that reads either.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use denizen_directory::{Clock, Entropy, Environment};
use denizen_domain::time::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The machine's time and the kernel's random numbers.
pub fn system() -> Environment {
    Environment { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy(SystemRandom::new())) }
}

/// The machine's time.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    let now = SystemTime::now();
    // Read without a calendar or a system call, because every request asks for it. A clock before 1970 is told as 1970.
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

struct SystemEntropy(SystemRandom);

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes).expect("the kernel's generator does not fail once the machine has started");
    }
}
