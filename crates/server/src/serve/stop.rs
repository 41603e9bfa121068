//! The request to stop: first it is said that this process leaves, then it finishes gracefully, or at once.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a forced stop may take before the process ends itself.
const FORCED: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    Draining,
    Requested,
    Forced,
}

/// Whether the process is asked to stop. Cheap to clone; everything that loops holds one.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Phase>);

impl Stop {
    /// A stop that nobody has requested yet, and what requests it.
    pub fn channel() -> (Switch, Stop) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (Switch(sender), Stop(receiver))
    }

    /// Ready once the process is about to stop: tell whoever sends requests to send them elsewhere, and answer them.
    pub async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Ready once a stop is requested: finish what is begun and begin nothing.
    pub async fn requested(&self) {
        self.reached(Phase::Requested).await;
    }

    /// Ready once the stop is forced: drop everything.
    pub async fn forced(&self) {
        self.reached(Phase::Forced).await;
    }

    /// Whether a stop is requested or forced.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() >= Phase::Requested
    }

    async fn reached(&self, phase: Phase) {
        if self.0.clone().wait_for(|current| *current >= phase).await.is_err() {
            // Whoever could have asked is gone, so nobody will.
            std::future::pending::<()>().await;
        }
    }
}

/// The other end of a [`Stop`].
#[derive(Debug)]
pub struct Switch(watch::Sender<Phase>);

impl Switch {
    /// The process is about to stop.
    pub fn drain(&self) {
        self.reach(Phase::Draining);
    }

    /// The stop begins.
    pub fn request(&self) {
        self.reach(Phase::Requested);
    }

    /// Everything ends at once.
    pub fn force(&self) {
        self.reach(Phase::Forced);
    }

    fn reach(&self, phase: Phase) {
        self.0.send_modify(|current| *current = phase.max(*current));
    }
}

/// Listens for SIGTERM and SIGINT as long as it lives: the first begins to drain, which becomes a stop after some time; the
/// second forces the stop.
#[derive(Debug)]
pub struct Signals {
    stop: Stop,
    listener: JoinHandle<()>,
}

impl Signals {
    /// Between the first signal and the stop lies `drain`. Must be called in a tokio runtime.
    pub fn listen(drain: Duration) -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let (switch, stop) = Stop::channel();
        #[expect(
            clippy::disallowed_methods,
            reason = "`server` starts tasks; this one is ended by the drop of `Signals`"
        )]
        let listener = tokio::spawn(pass_on(terminate, interrupt, switch, drain));
        Ok(Self { stop, listener })
    }

    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn pass_on(mut terminate: Signal, mut interrupt: Signal, switch: Switch, drain: Duration) {
    let mut signal = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    signal().await;
    switch.drain();
    let is_forced = if drain.is_zero() {
        false
    } else {
        tracing::info!(
            seconds = drain.as_secs(),
            "signal received: not ready any more, requests are answered for a while; a second signal ends at once"
        );
        tokio::select! {
            () = signal() => true,
            () = tokio::time::sleep(drain) => false,
        }
    };
    if !is_forced {
        tracing::info!("stopping: finishing in-flight requests; a further signal ends at once");
        switch.request();
        signal().await;
    }
    tracing::info!("signal received: ending at once");
    switch.force();
    // Everything acknowledged is on disk already, so an end in the middle of whatever still runs loses nothing.
    tokio::time::sleep(FORCED).await;
    std::process::exit(1);
}
