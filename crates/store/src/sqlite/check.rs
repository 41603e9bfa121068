//! Looking a SQLite file over: what both engines have (see `check/`), and what only SQLite has: the engine's own check of
//! every page and index, and a search index that has to be compared as a whole.
//!
//! It must not mend anything, and it must not keep writers waiting: it reads one snapshot.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hasher as _;

use denizen_domain::ids::OrgKey;
use rusqlite::Connection;

use super::{SqliteOptions, open_reader};
use crate::check::{self, DAMAGE, Doing, Findings, MOST, NOBODY, Placement, Report, SEARCH, Step, Watch};
use crate::conn::{Conn, Engine};
use crate::error::Result;
use crate::users::grams;

/// Steps of SQLite's machine between two signs of life: some ten milliseconds.
const SIGN_STEPS: i32 = 1_000_000;
/// Rows of the search index between two signs.
const SIGN_ROWS: u64 = 100_000;
/// Every user who has a search text, and it.
const TEXTS: &str =
    "SELECT position, search_text FROM users UNION ALL SELECT position, search_text FROM contact
    WHERE search_text IS NOT NULL UNION ALL SELECT position, search_text FROM operator";

pub(crate) fn run(options: &SqliteOptions, placement: &Placement, watch: &Watch) -> Result<Report> {
    let mut connection = open_reader(options)?;
    let mut findings = Findings::default();
    let looked = check_pages(&mut connection, watch, &mut findings);
    findings.note(None, looked)?;
    // The file is open for reading only; a temporary table over the search index is wanted none the less.
    connection.pragma_update(None, "query_only", false)?;
    let snapshot = connection.unchecked_transaction()?;
    let conn = Conn::new(Engine::Sqlite(&snapshot), OrgKey::CONTROL);
    check::look_over(&conn, placement, watch, &mut findings)?;
    if findings.lacks_tables {
        return Ok(findings.into_report());
    }
    let looked = check_search(&snapshot, watch, &mut findings);
    findings.note(None, looked)?;
    Ok(findings.into_report())
}

/// The engine's own check reads every page, and compares each index with its table, both ways.
fn check_pages(connection: &mut Connection, watch: &Watch, findings: &mut Findings) -> Result<()> {
    let sign = std::sync::Arc::clone(watch);
    let tell = move || {
        sign(Step::default());
        false
    };
    connection.progress_handler(SIGN_STEPS, Some(tell))?;
    let looked = read_pages(connection, findings);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    looked
}

fn read_pages(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({})", MOST + 1))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            findings.push(DAMAGE, None, line);
        }
    }
    Ok(())
}

/// How many sums are kept of the search index.
const BUCKETS: usize = 1 << 16;

/// The number of words of some users, and the sum of the hashes of each word with its user.
type Sums = (u32, u64);

/// The index holds for each user, contact and operator just the words of its search text, and nothing for anybody else.
///
/// It cannot be asked for the words of a user, and tells them in the order of the words. So sums over a part of all users
/// are compared first, and only of the parts that differ each user's own: the memory that it takes does not grow with the
/// users, unless many differ, of whom only the first parts are looked at.
fn check_search(connection: &Connection, watch: &Watch, findings: &mut Findings) -> Result<()> {
    connection
        .execute_batch("CREATE VIRTUAL TABLE temp.word USING fts5vocab('main', 'user_search', 'instance')")?;
    let mut held = vec![Sums::default(); BUCKETS];
    let mut wanted = vec![Sums::default(); BUCKETS];
    each_held(connection, watch, |position, word| add(&mut held[bucket_of(position)], position, word))?;
    each_wanted(connection, watch, |position, word| add(&mut wanted[bucket_of(position)], position, word))?;
    let unequal = (0..BUCKETS).filter(|bucket| held[*bucket] != wanted[*bucket]);
    let suspects: BTreeSet<usize> = unequal.take(MOST + 1).collect();
    if suspects.is_empty() {
        return Ok(());
    }
    let is_suspect = |position| suspects.contains(&bucket_of(position));
    let (mut held, mut wanted) = (HashMap::<i64, Sums>::new(), HashMap::<i64, Sums>::new());
    each_held(connection, watch, |position, word| {
        if is_suspect(position) {
            add(held.entry(position).or_default(), position, word);
        }
    })?;
    each_wanted(connection, watch, |position, word| {
        if is_suspect(position) {
            add(wanted.entry(position).or_default(), position, word);
        }
    })?;
    let all: BTreeSet<i64> = held.keys().chain(wanted.keys()).copied().collect();
    for position in all {
        let place = || format!("user_search: position {position}");
        match (held.get(&position), wanted.get(&position)) {
            (Some(_), None) => findings.push(NOBODY, None, place()),
            (held, wanted) if held != wanted => findings.push(SEARCH, None, place()),
            _ => {}
        }
    }
    Ok(())
}

/// Each word that the index holds, with the user's position.
fn each_held(connection: &Connection, watch: &Watch, mut take: impl FnMut(i64, &[u8])) -> Result<()> {
    let mut words = connection.prepare("SELECT doc, term FROM temp.word")?;
    let mut rows = words.query([])?;
    let mut read = 0;
    while let Some(row) = rows.next()? {
        take(row.get(0)?, row.get_ref(1)?.as_bytes().unwrap_or_default());
        sign(watch, &mut read);
    }
    Ok(())
}

/// Each word that the index has to hold, with the user's position.
fn each_wanted(connection: &Connection, watch: &Watch, mut take: impl FnMut(i64, &[u8])) -> Result<()> {
    let mut users = connection.prepare(TEXTS)?;
    let mut rows = users.query([])?;
    let mut read = 0;
    while let Some(row) = rows.next()? {
        let position = row.get(0)?;
        let text = grams(row.get_ref(1)?.as_str().unwrap_or_default());
        let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            take(position, word.as_bytes());
        }
        sign(watch, &mut read);
    }
    Ok(())
}

fn sign(watch: &Watch, read: &mut u64) {
    *read += 1;
    if read.is_multiple_of(SIGN_ROWS) {
        watch(Step { doing: Doing::SearchIndex, rows: *read, ..Step::default() });
    }
}

/// Users who follow one another are of different parts.
fn bucket_of(position: i64) -> usize {
    let low = usize::try_from(position & 0xffff_ffff).unwrap_or_default();
    let high = usize::try_from(position >> 32).unwrap_or_default();
    (low ^ high.wrapping_mul(0x9e37)) % BUCKETS
}

/// A difference has to be noticed, nobody makes one on purpose.
fn add(sums: &mut Sums, position: i64, word: &[u8]) {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.write(&position.to_le_bytes());
    hash.write(word);
    *sums = (sums.0.wrapping_add(1), sums.1.wrapping_add(hash.finish()));
}

/// FNV-1a.
struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
