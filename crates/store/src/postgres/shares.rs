//! How many search entries have each of the most frequent words, as PostgreSQL's own statistics tell.
//!
//! Engine: whatever a query of the search index asks for, GIN reads in the list of each of its words, and nobody can ask it
//! how long a list is. What ANALYZE has sampled says which are long; autovacuum keeps it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::session::Session;
use crate::users::PLACE_LENGTH;

/// How often the statistics are read, where there are searches. They change with a tenth of all entries.
const LOOK: Duration = Duration::from_secs(30);
/// The share of what is rare: fifty of a million.
const RARE: f64 = 5e-5;

/// Each word with its share. Behind the shares of words there are others, of no word.
const TOLD: &str = "SELECT coalesce(string_agg(word || ' ' || share, ' '), '') FROM pg_stats
    CROSS JOIN LATERAL unnest(most_common_elems::text::text[], most_common_elem_freqs) AS told (word, share)
    WHERE schemaname = current_schema() AND tablename = 'user_search' AND attname = 'windows' AND word IS NOT NULL";

/// What part of all search entries, of all organizations, has a word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WordShares {
    shares: HashMap<String, f64>,
    /// No word that is not among these has a greater share.
    rest: f64,
    /// The beginnings of words, which stand for an organization and a directory, where words that are not among the most
    /// frequent are rare in that directory, too, and not only because it is small.
    places: HashSet<String>,
}

impl WordShares {
    /// From words that have their shares behind them; nothing where nothing was analysed yet.
    fn read(told: &str) -> Option<Self> {
        let mut parts = told.split(' ');
        let mut shares = HashMap::new();
        while let (Some(word), Some(share)) = (parts.next(), parts.next()) {
            shares.insert(word.to_owned(), share.parse().ok()?);
        }
        let rest = shares.values().copied().reduce(f64::min)?;
        let large = shares.iter().filter(|(_, share)| **share >= 2.0 * rest);
        let places = large.filter_map(|(word, _)| word.get(..PLACE_LENGTH)).map(str::to_owned).collect();
        Some(Self { shares, rest, places })
    }

    /// The share of a word; of one that is not among the most frequent the most that it can be.
    pub(crate) fn of(&self, word: &str) -> f64 {
        self.shares.get(word).copied().unwrap_or(self.rest)
    }

    /// Whether hardly any entry has all of these words of one directory, as far as can be told: if they know nothing of one
    /// another.
    pub(crate) fn are_rare<'w>(&self, words: impl Iterator<Item = &'w String>) -> bool {
        let (mut is_known, mut share) = (false, 1.0);
        for word in words {
            is_known = word.get(..PLACE_LENGTH).is_some_and(|place| self.places.contains(place));
            share *= self.of(word);
        }
        is_known && share < RARE
    }
}

/// The shares that the sessions of a lane know.
#[derive(Default)]
pub(crate) struct Learnt {
    shares: RwLock<Option<Arc<WordShares>>>,
    /// When it was looked last.
    looked: Mutex<Option<Instant>>,
}

impl Learnt {
    pub(crate) fn shares(&self) -> Option<Arc<WordShares>> {
        self.shares.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the statistics, unless they were read a moment ago.
    pub(super) fn keep_up(&self, session: &mut Session) {
        let now = Instant::now();
        // Somebody else looks at this moment.
        let Ok(mut looked) = self.looked.try_lock() else { return };
        if !session.is_connected() || looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return;
        }
        *looked = Some(now);
        match session.ask_alone(TOLD) {
            Ok(told) => {
                *self.shares.write().unwrap_or_else(PoisonError::into_inner) =
                    WordShares::read(&told).map(Arc::new);
            }
            Err(error) => tracing::debug!(%error, "the statistics of the search index could not be read"),
        }
    }
}

#[cfg(test)]
impl WordShares {
    pub(crate) fn example(shares: &[(&str, f64)]) -> Self {
        let told: Vec<String> = shares.iter().map(|(word, share)| format!("{word} {share}")).collect();
        Self::read(&told.join(" ")).expect("words")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_and_what_was_never_analysed_is_not_known() {
        let shares = WordShares::read("abcdx 0.25 abcdy 5e-03 efghz 0.006").expect("words");
        assert_eq!((shares.of("abcdx"), shares.of("abcdy"), shares.of("never")), (0.25, 0.005, 0.005));
        assert_eq!(WordShares::read(""), None);
    }

    #[test]
    fn words_are_rare_together_where_the_directory_is_known() {
        let shares = WordShares::example(&[("abcdx", 0.25), ("abcdy", 0.005), ("efghz", 0.006)]);
        let are_rare = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            shares.are_rare(words.iter())
        };
        assert!(are_rare(&["abcdy", "abcdv"]) && are_rare(&["abcdu", "abcdv", "abcdx"]));
        assert!(!are_rare(&["abcdx", "abcdx"]) && !are_rare(&["abcdu"]) && !are_rare(&[]));
        assert!(!are_rare(&["efghu", "efghv"]), "everything in a small directory is rare among all");
    }
}
