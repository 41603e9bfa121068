//! Cells that a spreadsheet would take for formulas.
//!
//! Who opens a file of ours in a spreadsheet must not run what somebody wrote into a name. Such a cell gets an apostrophe
//! in front, which spreadsheets read as "this is text"; where a file comes back, it is taken off. So that both undo each
//! other, a cell that begins with apostrophes and then what begins a formula gets one more.

use std::borrow::Cow;

/// What formulas begin with; some spreadsheets take the full-width forms for the same.
const RISKY: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

fn is_risky(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(RISKY)
}

/// A cell to give out.
pub fn neutralised(cell: &str) -> Cow<'_, str> {
    if is_risky(cell) { format!("'{cell}").into() } else { cell.into() }
}

/// A cell as it was before it was given out.
pub fn restored(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_risky(rest) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_a_formula_is_given_out_as_text_and_comes_back_as_it_was() {
        for (cell, given) in [
            ("=1+1", "'=1+1"),
            ("+x", "'+x"),
            ("-x", "'-x"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("＝1+1", "'＝1+1"),
            ("'=x", "''=x"),
            ("''@", "'''@"),
            ("'x", "'x"),
            ("'", "'"),
            ("", ""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(neutralised(cell), given);
            assert_eq!(restored(given), cell);
        }
        assert_eq!(restored("=1"), "=1");
    }
}
