//! The log: structured lines on standard error, written by a thread of its own, and panics among them.
//!
//! It does not choose what is logged; that no line holds personal data or secrets is up to who writes the line. Panic
//! messages are the exception: see [`message_of`].

mod lines;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;
use std::sync::Arc;

use anyhow::Context as _;
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use self::lines::{Lines, Writing};
use crate::config::{Log, LogFormat};

/// Keeps the log being written. Dropping it writes what still waits, for at most about a second.
pub struct Logging {
    lines: Arc<Lines>,
    _writing: Writing,
}

impl Logging {
    /// Lines that were lost because nobody read standard error fast enough.
    pub fn dropped_lines(&self) -> usize {
        self.lines.lost()
    }
}

/// Begins to log to standard error, for the rest of the process.
///
/// # Errors
/// When the filter is not valid, or logging has begun before.
pub fn start(log: &Log) -> anyhow::Result<Logging> {
    let (lines, writing) = lines::start(io::stderr()).context("the log cannot be written")?;
    let terminal = io::stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(log, Arc::clone(&lines), terminal)?)
        .context("logging has begun before")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Logging { lines, _writing: writing })
}

fn subscriber<W>(log: &Log, writer: W, terminal: bool) -> anyhow::Result<Box<dyn Subscriber + Send + Sync>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter: Targets = log.filter.parse().context("log.filter")?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let is_text = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Json => false,
        LogFormat::Text => true,
    };
    Ok(if is_text {
        Box::new(registry.with(layer.with_ansi(terminal)))
    } else {
        let layer = layer.json().flatten_event(true).with_current_span(true).with_span_list(false);
        Box::new(registry.with(layer))
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

    /// What one event is written as.
    fn written(format: LogFormat, terminal: bool) -> String {
        let (sender, lines) = mpsc::channel();
        let (writer, guard) = lines::start(Sent(sender)).unwrap();
        tracing::subscriber::with_default(subscriber(&log(format), writer, terminal).unwrap(), || {
            tracing::info!("answered");
        });
        drop(guard);
        String::from_utf8(lines.iter().flatten().collect()).unwrap()
    }

    #[test]
    fn people_at_a_terminal_get_text_and_programs_json_unless_somebody_chose() {
        for (format, terminal, is_json) in [
            (LogFormat::Auto, true, false),
            (LogFormat::Auto, false, true),
            (LogFormat::Json, true, true),
            (LogFormat::Text, false, false),
        ] {
            let line = written(format, terminal);
            assert_eq!(line.starts_with('{'), is_json, "{format:?} {terminal}: {line}");
        }
    }

    #[test]
    fn a_json_line_carries_the_fields_of_the_event_and_its_span() {
        let (sender, lines) = mpsc::channel();
        let (writer, guard) = lines::start(Sent(sender)).unwrap();
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
}
