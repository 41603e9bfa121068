//! How far a long command is: a line on a terminal that is written over, a line now and then elsewhere.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often the line on a terminal is written, and how often a line of a file.
const ON_TERMINAL: Duration = Duration::from_millis(200);
const IN_FILE: Duration = Duration::from_secs(10);
const BAR: usize = 20;

/// On standard error, so that standard output holds results only.
pub struct Progress {
    /// `None` when nobody wants to know.
    every: Option<Duration>,
    is_terminal: bool,
    begun: Instant,
    shown: Cell<Instant>,
    /// Whether a line stands on the terminal.
    is_drawn: Cell<bool>,
}

impl Progress {
    pub fn start(is_quiet: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let every = (!is_quiet).then_some(if is_terminal { ON_TERMINAL } else { IN_FILE });
        let begun = Instant::now();
        Self { every, is_terminal, begun, shown: Cell::new(begun), is_drawn: Cell::new(false) }
    }

    /// Shows how far it is, if it is time to, in words that are made of the time since the beginning.
    pub fn show(&self, line: impl FnOnce(Duration) -> String) {
        if self.every.is_none_or(|every| self.shown.get().elapsed() < every) {
            return;
        }
        self.shown.set(Instant::now());
        let line = line(self.begun.elapsed());
        let text = if self.is_terminal { format!("\r{line}\u{1b}[K") } else { format!("{line}\n") };
        self.is_drawn.set(self.is_terminal);
        // Nobody is left to be told when standard error is closed.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Says on a terminal what is done now, where it cannot be said how far it is.
    pub fn say(&self, line: &str) {
        if self.every.is_none() || !self.is_terminal {
            return;
        }
        self.is_drawn.set(true);
        let text = format!("\r{line}\u{1b}[K");
        // Nobody is left to be told when standard error is closed.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Takes the line off the terminal.
    pub fn clear(&self) {
        if self.is_drawn.replace(false) {
            clear_line();
        }
    }
}

impl Drop for Progress {
    /// So that an error does not stand behind what was shown.
    fn drop(&mut self) {
        self.clear();
    }
}

/// Takes whatever line stands there off the terminal, if standard error is one.
pub fn clear_line() {
    if io::stderr().is_terminal() {
        let _ = io::stderr().write_all(b"\r\x1b[K");
    }
}

/// How many there were in a second.
pub fn rate(number: u64, elapsed: Duration) -> u64 {
    number.saturating_mul(1_000) / u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// `[#####               ]  25 %  `; nothing where the whole is not known.
pub fn bar(done: u64, total: Option<u64>) -> String {
    let Some(total) = total.filter(|total| *total > 0) else { return String::new() };
    // A file can grow while it is read.
    let share = done.min(total);
    let filled = usize::try_from(share * BAR as u64 / total).unwrap_or(BAR);
    format!("[{}{}] {:3} %  ", "#".repeat(filled), " ".repeat(BAR - filled), share * 100 / total)
}

pub fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{} MiB", grouped(tenths / 10), tenths % 10)
}

/// `1,234,567`
pub fn grouped(number: u64) -> String {
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
    fn numbers_are_told_so_that_people_can_read_them() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(mebibytes(3 << 20), "3.0 MiB");
        assert_eq!(rate(10, Duration::ZERO), 10_000);
        assert_eq!(bar(1, Some(4)), "[#####               ]  25 %  ");
        assert_eq!(bar(1, None), "");
        assert!(bar(200, Some(100)).starts_with("[####################] 100 %"));
    }
}
