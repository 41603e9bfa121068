//! The words under which PostgreSQL's search index holds the windows of a text, and which of them it is asked for.

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;

use crate::conn::Conn;
use crate::postgres::shares::WordShares;

/// Windows of a needle that the index is asked for, where it is known how frequent they are. It reads in the list of each: what
/// the four rarest leave, twenty hardly narrow down any more, at eight times the cost.
const RAREST: usize = 4;
/// Where it is not known.
const MOST: usize = 24;
/// Stands after the text, so that its last two characters begin a window too.
const PADDING: char = '\u{2}';

/// The windows of a text, each once, as the words under which PostgreSQL's index holds them.
pub(crate) fn windows(org: OrgKey, directory: Directory, search_text: &str) -> Vec<String> {
    let mut letters: Vec<char> = search_text.chars().collect();
    letters.extend([PADDING; 2]);
    let mut words: Vec<String> =
        letters.windows(3).map(|window| window_word(org, directory, window)).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Characters of a word that stand for the organization and the directory, and for each further character of the window.
pub(crate) const PLACE_LENGTH: usize = 4;
const STEP_LENGTH: usize = 2;

/// A word that begins with the place, and goes on with a hash of the first character, of the first two, and of all three:
/// so the word of a shorter window is the beginning of the word of a longer one. Different windows that share a word cost
/// a candidate that is checked in vain.
fn window_word(org: OrgKey, directory: Directory, window: &[char]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut word = String::with_capacity(PLACE_LENGTH + STEP_LENGTH * window.len());
    stir(&mut hash, &org.0.to_le_bytes());
    stir(&mut hash, &directory.number().to_le_bytes());
    push_digits(&mut word, hash, PLACE_LENGTH);
    for letter in window {
        stir(&mut hash, &u32::from(*letter).to_le_bytes());
        push_digits(&mut word, hash, STEP_LENGTH);
    }
    word
}

/// FNV-1a.
fn stir(hash: &mut u64, bytes: &[u8]) {
    for byte in bytes {
        *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

/// Six bits of the hash for each digit, from the middle, where they are mixed best.
fn push_digits(word: &mut String, hash: u64, digits: usize) {
    const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
    let mut bits = hash ^ (hash >> 32);
    for _ in 0..digits {
        word.push(char::from(DIGITS[usize::try_from(bits & 63).unwrap_or_default()]));
        bits >>= 6;
    }
}

/// What PostgreSQL's index is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WindowQuery {
    pub(crate) text: String,
    /// Whether hardly anybody is found, as far as can be told before.
    pub(crate) is_rare: bool,
}

impl WindowQuery {
    /// For a folded needle that is not empty.
    pub(crate) fn new(conn: &Conn<'_>, directory: Directory, needle: &str) -> Self {
        Self::by_shares(conn.org, directory, needle, conn.word_shares().as_deref())
    }

    fn by_shares(org: OrgKey, directory: Directory, needle: &str, shares: Option<&WordShares>) -> Self {
        let letters: Vec<char> = needle.chars().collect();
        if letters.len() < 3 {
            return Self { text: format!("'{}':*", window_word(org, directory, &letters)), is_rare: false };
        }
        let words: Vec<String> =
            letters.windows(3).map(|window| window_word(org, directory, window)).collect();
        // What overlaps comes together: only windows that lie apart know nothing of one another.
        let are_rare =
            |shares: &WordShares| (0..3).any(|offset| shares.are_rare(words.iter().skip(offset).step_by(3)));
        let is_rare = shares.is_some_and(are_rare);
        let asked = asked(words, shares);
        let text = asked.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" & ");
        Self { text, is_rare }
    }
}

/// Those of the words of a needle that the index is asked for.
fn asked(words: Vec<String>, shares: Option<&WordShares>) -> Vec<String> {
    let last = words.len() - 1;
    let Some(shares) = shares else {
        // Windows that lie side by side have every letter between them.
        let apart = words.into_iter().enumerate().filter(|(at, _)| at % 3 == 0 || *at == last);
        return apart.map(|(_, word)| word).take(MOST).collect();
    };
    // Among those of which nothing is known, what overlaps tells least.
    let mut ranked: Vec<(f64, usize, String)> =
        words.into_iter().enumerate().map(|(at, word)| (shares.of(&word), at % 3, word)).collect();
    ranked.sort_by(|(share, offset, _), (other, other_offset, _)| {
        share.total_cmp(other).then(offset.cmp(other_offset))
    });
    let mut asked: Vec<String> = Vec::with_capacity(RAREST);
    for (_, _, word) in ranked {
        if asked.len() < RAREST && !asked.contains(&word) {
            asked.push(word);
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_text_is_found_by_its_windows() {
        let (org, directory) = (OrgKey(7), Directory::Members);
        let text = "jürgen 田中@x";
        let windows = windows(org, directory, text);
        assert!(windows.iter().all(|word| word.len() == PLACE_LENGTH + 3 * STEP_LENGTH));
        let known = WordShares::example(&[(&windows[0], 0.5), (&windows[3], 0.2), (&windows[5], 0.1)]);
        let holds = |query: &WindowQuery| {
            query.text.split(" & ").all(|part| {
                let (word, rest) = part.trim_start_matches('\'').split_once('\'').expect("a quoted word");
                windows.iter().any(|held| if rest == ":*" { held.starts_with(word) } else { held == word })
            })
        };
        let query = |org, needle: &str, shares| WindowQuery::by_shares(org, directory, needle, shares);
        for shares in [None, Some(&known)] {
            let letters: Vec<char> = text.chars().collect();
            for length in 1..=letters.len() {
                for part in letters.windows(length) {
                    let needle: String = part.iter().collect();
                    assert!(holds(&query(org, &needle, shares)), "{needle}");
                }
            }
            for absent in ["ü田", "q", "gej"] {
                assert!(!holds(&query(org, absent, shares)), "{absent}");
            }
            assert!(!holds(&query(OrgKey(8), "jür", shares)), "another organization's words are others");
        }
    }

    #[test]
    fn the_rarest_windows_are_asked_for_and_without_knowledge_those_that_lie_apart() {
        let (org, directory) = (OrgKey(7), Directory::Members);
        let word = |text: &str| window_word(org, directory, &text.chars().collect::<Vec<_>>());
        let words = || -> Vec<String> { ["ada", "da ", "a l", " lo", "lov", "ove"].map(word).into() };
        assert_eq!(asked(words(), None), ["ada", " lo", "ove"].map(word));
        let frequent = [(word("ada"), 0.2), (word(" lo"), 0.1), (word("ove"), 0.01)];
        let shares: Vec<(&str, f64)> = frequent.iter().map(|(word, share)| (word.as_str(), *share)).collect();
        let shares = WordShares::example(&shares);
        assert_eq!(asked(words(), Some(&shares)), ["da ", "lov", "a l", "ove"].map(word));
        assert_eq!(asked(["aaa", "aaa"].map(word).into(), Some(&shares)), ["aaa"].map(word));
        let is_rare = |needle| WindowQuery::by_shares(org, directory, needle, Some(&shares)).is_rare;
        assert!(is_rare("ada lovelace") && !is_rare("ada") && !is_rare("lo"));
        assert!(!is_rare("lovel"), "its windows overlap");
    }
}
