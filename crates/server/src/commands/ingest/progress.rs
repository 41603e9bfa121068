//! How far a long command is: a line on a terminal that is written over, a line now and then elsewhere.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use denizen_http::admin::ingest::Summary;

/// How often the line on a terminal is written, and how often a line of a file.
const ON_TERMINAL: Duration = Duration::from_millis(200);
const IN_FILE: Duration = Duration::from_secs(10);
const BAR: usize = 20;

/// On standard error, so that standard output holds results only.
pub(super) struct Progress {
    /// `None` when nobody wants to know.
    every: Option<Duration>,
    is_terminal: bool,
    total: Option<u64>,
    bytes: u64,
    begun: Instant,
    shown: Cell<Instant>,
    /// Whether a line stands on the terminal.
    is_drawn: Cell<bool>,
}

impl Progress {
    pub(super) fn start(total: Option<u64>, is_quiet: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let every = (!is_quiet).then_some(if is_terminal { ON_TERMINAL } else { IN_FILE });
        let begun = Instant::now();
        Self {
            every,
            is_terminal,
            total,
            bytes: 0,
            begun,
            shown: Cell::new(begun),
            is_drawn: Cell::new(false),
        }
    }

    pub(super) fn add_bytes(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Shows how far it is, if it is time to.
    pub(super) fn set_summary(&self, summary: &Summary) {
        if self.every.is_none_or(|every| self.shown.get().elapsed() < every) {
            return;
        }
        self.shown.set(Instant::now());
        let line = line(summary.lines, summary.refused, self.bytes, self.total, self.begun.elapsed());
        let text = if self.is_terminal { format!("\r{line}\u{1b}[K") } else { format!("{line}\n") };
        self.is_drawn.set(self.is_terminal);
        // Nobody is left to be told when standard error is closed.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Takes the line off the terminal.
    pub(super) fn clear(&self) {
        if self.is_drawn.replace(false) {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }

    pub(super) fn finish(&self) {
        self.clear();
    }
}

fn line(lines: u64, refused: u64, bytes: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = lines.saturating_mul(1_000) / u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let bar = total.filter(|total| *total > 0).map(|total| {
        // A file can grow while it is read.
        let share = bytes.min(total);
        let filled = usize::try_from(share * BAR as u64 / total).unwrap_or(BAR);
        format!("[{}{}] {:3} %  ", "#".repeat(filled), " ".repeat(BAR - filled), share * 100 / total)
    });
    let of = total.map(|total| format!(" of {}", mebibytes(total))).unwrap_or_default();
    let refused = if refused > 0 { format!(", {} refused", grouped(refused)) } else { String::new() };
    let (bar, bytes) = (bar.unwrap_or_default(), mebibytes(bytes));
    format!("{bar}{} lines, {}/s, {bytes}{of}{refused}", grouped(lines), grouped(rate))
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{} MiB", grouped(tenths / 10), tenths % 10)
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_and_how_fast() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line(1_234_567, 3, 3 << 20, Some(12 << 20), second * 2),
            "[#####               ]  25 %  1,234,567 lines, 617,283/s, 3.0 MiB of 12.0 MiB, 3 refused"
        );
        assert_eq!(line(0, 0, 0, None, Duration::ZERO), "0 lines, 0/s, 0.0 MiB");
        assert_eq!(line(10, 0, 512 << 10, Some(0), second), "10 lines, 10/s, 0.5 MiB of 0.0 MiB");
        assert!(line(10, 0, 200, Some(100), second).starts_with("[####################] 100 %"));
    }
}
