//! What a command says to the person at the terminal: answers on standard output, errors on standard error as
//! `error: …` and `hint: …`, and the exit code (0 done, 1 failed, 2 misused).

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

/// An error with what to do next. It may stand anywhere in an [`anyhow::Error`]'s chain.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: String,
    misused: bool,
}

impl Failure {
    /// Something did not work: exit code 1.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), misused: false }
    }

    /// Something was asked for wrongly (arguments, configuration): exit code 2.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), misused: true }
    }

    #[cfg(test)]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

/// Something did not work, and the answer on standard output says it, in the form that was asked for: exit code 1.
#[derive(Debug)]
pub struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer says what is wrong")
    }
}

impl std::error::Error for Silent {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Says on standard error what somebody should know though it worked.
pub fn warn(text: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = io::stderr().write_all(format!("warning: {text}\n").as_bytes());
}

/// Prints the error with its hint, and says with which code to exit.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    if error.is::<Silent>() {
        return ExitCode::FAILURE;
    }
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    let hint = failure.map(|failure| format!("hint: {}\n", failure.hint)).unwrap_or_default();
    let text = format!("error: {error:#}\n{hint}");
    // Nobody is left to be told when standard error is closed; the exit code still says it.
    let _ = io::stderr().write_all(text.as_bytes());
    match failure {
        Some(failure) if failure.misused => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// Prints what the argument parser has to say: help and version on standard output, mistakes on standard error in the
/// same form as every other error.
pub fn parsed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return match error.print() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        };
    }
    let text = error
        .render()
        .to_string()
        .replace("\nFor more information, try ", "\nhint: for more information, try ");
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::from(2)
}

/// A text of one line that may come from anybody: it steers no terminal and makes no other line.
pub fn harmless(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Columns for people: the titles, then the rows, each column as wide as its widest cell. What stands in a cell may come from
/// anybody, and must not steer the terminal or look like another row.
pub fn table(titles: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let mut lines: Vec<Vec<String>> = std::iter::once(titles).chain(rows).collect();
    for cell in lines.iter_mut().flatten() {
        *cell = harmless(cell);
    }
    let mut widths = vec![0; lines[0].len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in &lines {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Prints one JSON value and a line break.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Writes to standard output. A reader that has gone away (`denizen config | head -1`) is no error: it has what it wanted.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output: {error}"), "is the disk full?").into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_cell_steers_no_terminal_and_makes_no_row() {
        let rows = [vec!["a\u{1b}[31m\u{85}".to_owned(), "b\r\nc".to_owned()]];
        let text = table(&["NAME", "EMAIL"], rows.into_iter());
        assert_eq!(text, "NAME     EMAIL\na\u{fffd}[31m\u{fffd}  b\u{fffd}\u{fffd}c\n");
    }
}
