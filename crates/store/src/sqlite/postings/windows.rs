//! Windows of three characters.

use rusqlite::types::{ToSql, ToSqlOutput};

/// Stands after the text, so that its last two characters begin a window too. No text and no needle has it.
const PADDING: char = '\u{2}';
const LETTER_BITS: u32 = 21;

/// Three characters, in the order of their texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Window(u64);

impl Window {
    fn new(letters: [char; 3]) -> Self {
        Self(letters.into_iter().fold(0, |packed, letter| (packed << LETTER_BITS) | u64::from(letter)))
    }

    /// Every window of a search text, some perhaps more than once.
    pub(crate) fn of_text(text: &str) -> impl Iterator<Item = Self> {
        Self::all(text.chars().chain([PADDING; 2]))
    }

    /// The windows of a needle.
    pub(super) fn of_needle(needle: &str) -> impl Iterator<Item = Self> {
        Self::all(needle.chars())
    }

    fn all(mut letters: impl Iterator<Item = char>) -> impl Iterator<Item = Self> {
        let mut last = [letters.next(), letters.next()];
        letters.map_while(move |letter| {
            let [Some(first), Some(second)] = last else { return None };
            last = [Some(second), Some(letter)];
            Some(Self::new([first, second, letter]))
        })
    }

    pub(crate) fn text(self) -> String {
        let letter = |place: u32| {
            let bits = (self.0 >> (place * LETTER_BITS)) & ((1 << LETTER_BITS) - 1);
            u32::try_from(bits).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        [letter(2), letter(1), letter(0)].into_iter().collect()
    }
}

/// As the index writes it down.
impl ToSql for Window {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(windows: impl Iterator<Item = Window>) -> Vec<String> {
        windows.map(Window::text).collect()
    }

    #[test]
    fn every_character_of_a_text_begins_a_window() {
        assert_eq!(texts(Window::of_text("ä田b")), ["ä田b", "田b\u{2}", "b\u{2}\u{2}"]);
        assert_eq!(texts(Window::of_text("x")), ["x\u{2}\u{2}"]);
        assert_eq!(texts(Window::of_text("")), [""; 0]);
    }

    #[test]
    fn a_needle_has_the_windows_that_are_whole() {
        assert_eq!(texts(Window::of_needle("a\u{1f600}cd")), ["a\u{1f600}c", "\u{1f600}cd"]);
        assert_eq!(texts(Window::of_needle("ab")), [""; 0]);
    }

    #[test]
    fn windows_are_in_the_order_of_their_texts() {
        let mut windows: Vec<Window> = Window::of_text("zürich \u{1}田中\u{10ffff}@x.yz ab").collect();
        windows.sort_unstable();
        let texts = texts(windows.into_iter());
        assert!(texts.is_sorted(), "{texts:?}");
    }
}
