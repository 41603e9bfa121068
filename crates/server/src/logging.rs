//! The log: structured lines on standard error, written by a thread of its own, and panics among them.
//!
//! It does not choose what is logged; that no line holds personal data or secrets is up to who writes the line. Panic
//! messages are the exception: see [`message_of`].

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;

use anyhow::Context as _;
use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};

/// Lines that wait for the writing thread; some 10 MB at most.
const WAITING_LINES: usize = 16_384;

/// Keeps the log being written. Dropping it writes what still waits, for at most about a second.
pub struct Logging {
    dropped: ErrorCounter,
    _writer: WorkerGuard,
}

impl Logging {
    /// Lines that were lost because nobody read standard error fast enough.
    pub fn dropped_lines(&self) -> usize {
        self.dropped.dropped_lines()
    }
}

/// Begins to log to standard error, for the rest of the process.
///
/// # Errors
/// When the filter is not valid, or logging has begun before.
pub fn start(log: &Log) -> anyhow::Result<Logging> {
    let (writer, guard) = unblocking(io::stderr());
    let dropped = writer.error_counter();
    let colours = io::stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(log, writer, colours)?)
        .context("logging has begun before")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Logging { dropped, _writer: guard })
}

/// A writer that never makes its caller wait.
///
/// It is lossy on purpose. Whoever reads our standard error can stall: a full disk behind a log collector, a paused
/// terminal. With a writer that loses nothing, every request would then stop at its first log line. Lost lines are counted.
fn unblocking(target: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES)
        .lossy(true)
        .thread_name("denizen-log")
        .finish(target)
}

fn subscriber<W>(log: &Log, writer: W, colours: bool) -> anyhow::Result<Box<dyn Subscriber + Send + Sync>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(&log.filter).context("log.filter")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match log.format {
        LogFormat::Json => Box::new(
            builder.json().flatten_event(true).with_current_span(true).with_span_list(false).finish(),
        ),
        LogFormat::Text => Box::new(builder.with_ansi(colours).finish()),
    })
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = match backtrace.status() {
        BacktraceStatus::Captured => backtrace.to_string(),
        _ => String::new(),
    };
    tracing::error!(
        location,
        thread = thread.name().unwrap_or("unnamed"),
        message_text = message_of(info),
        backtrace,
        "panic"
    );
}

/// A panic's message, if it is a constant of the source. A composed one can quote what was being worked on (slicing a text
/// at a wrong place quotes the text), which may be somebody's name; it is shown by debug builds only.
fn message_of<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    if let Some(text) = info.payload().downcast_ref::<&'static str>() {
        return text;
    }
    match info.payload_as_str() {
        Some(text) if cfg!(debug_assertions) => text,
        _ => "withheld, it may quote personal data",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;

    fn log(format: LogFormat) -> Log {
        Log { format, filter: "info".to_owned() }
    }

    /// Hands each written piece to the test.
    struct Sent(mpsc::Sender<Vec<u8>>);

    impl io::Write for Sent {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_carries_the_fields_of_the_event_and_its_span() {
        let (sender, lines) = mpsc::channel();
        let (writer, guard) = unblocking(Sent(sender));
        tracing::subscriber::with_default(subscriber(&log(LogFormat::Json), writer, false).unwrap(), || {
            let _span = tracing::info_span!("request", request_id = "r1").entered();
            tracing::debug!("below the level");
            tracing::info!(status = 200, "answered");
        });
        drop(guard);
        let written: Vec<u8> = lines.iter().flatten().collect();
        let line: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(line["message"], "answered");
        assert_eq!(line["status"], 200);
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["span"]["request_id"], "r1");
    }

    /// A log pipe that nobody reads until the test lets go.
    struct Stalled(mpsc::Receiver<()>);

    impl io::Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_log_pipe_stalls_nobody_and_lost_lines_are_counted() {
        let (let_go, wait) = mpsc::channel();
        let (writer, guard) = unblocking(Stalled(wait));
        let dropped = writer.error_counter();
        let begun = Instant::now();
        tracing::subscriber::with_default(subscriber(&log(LogFormat::Text), writer, false).unwrap(), || {
            for n in 0..WAITING_LINES + 1000 {
                tracing::info!(n, "line");
            }
        });
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(dropped.dropped_lines() >= 900, "{} lines dropped", dropped.dropped_lines());
        drop(let_go);
        drop(guard);
    }
}
