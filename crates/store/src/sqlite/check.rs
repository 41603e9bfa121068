//! Looking a SQLite file over: what both engines have (see `check/`), and what only SQLite has: the engine's own check of
//! every page and index, and a search index that has to be compared as a whole.
//!
//! It must not mend anything, and it must not keep writers waiting: it reads one snapshot.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hasher as _;

use denizen_domain::ids::OrgKey;
use rusqlite::Connection;

use super::postings::{Mark, Place, Window, decode, mark, split};
use super::{SqliteOptions, open_reader};
use crate::check::{self, DAMAGE, Doing, Findings, MOST, NOBODY, Placement, Report, SEARCH, Step, Watch};
use crate::conn::{Conn, Engine};
use crate::error::{Result, StoreError};

/// Steps of SQLite's machine between two signs of life: some ten milliseconds.
const SIGN_STEPS: i32 = 1_000_000;
/// Rows of the search index between two signs.
const SIGN_ROWS: u64 = 100_000;
/// Every user who has a search text, and it.
const TEXTS: &str =
    "SELECT position, search_text FROM users UNION ALL SELECT position, search_text FROM contact
    WHERE search_text IS NOT NULL UNION ALL SELECT position, search_text FROM operator";

// The number of the first user whom a row is about, and what it holds.
const WINDOWS: &str = "SELECT org_id, directory, block << 16, letters, users FROM user_window";
const GATHERED: &str = "SELECT org_id, directory, chunk << 8, texts FROM user_text";

pub(crate) fn run(options: &SqliteOptions, placement: &Placement, watch: &Watch) -> Result<Report> {
    let mut connection = open_reader(options)?;
    let mut findings = Findings::default();
    let looked = check_pages(&mut connection, watch, &mut findings);
    findings.note(None, looked)?;
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

/// The index holds of each user, contact and operator just what the marks say: the windows of the search text, or the text
/// itself, or nothing; and nothing of anybody else.
///
/// It is in the order of the windows. So sums over a part of all users are compared first, and only of the parts that differ
/// each user's own: the memory that it takes does not grow with the users, unless many differ, of whom only the first parts are
/// looked at.
fn check_search(connection: &Connection, watch: &Watch, findings: &mut Findings) -> Result<()> {
    let mut held = vec![Sums::default(); BUCKETS];
    let mut wanted = vec![Sums::default(); BUCKETS];
    each_held(connection, watch, |_, position, word| add(&mut held[bucket_of(position)], position, word))?;
    each_wanted(connection, watch, |position, words| {
        for word in words {
            add(&mut wanted[bucket_of(position)], position, word);
        }
    })?;
    let unequal = (0..BUCKETS).filter(|bucket| held[*bucket] != wanted[*bucket]);
    let suspects: BTreeSet<usize> = unequal.take(MOST + 1).collect();
    if suspects.is_empty() {
        return Ok(());
    }
    let is_suspect = |position| suspects.contains(&bucket_of(position));
    let (mut held, mut wanted) = (HashMap::<i64, Sums>::new(), HashMap::<i64, Sums>::new());
    let mut tables = HashMap::new();
    each_held(connection, watch, |table, position, word| {
        if is_suspect(position) {
            add(held.entry(position).or_default(), position, word);
            tables.insert(position, table);
        }
    })?;
    each_wanted(connection, watch, |position, words| {
        if is_suspect(position) {
            let sums = wanted.entry(position).or_default();
            for word in words {
                add(sums, position, word);
            }
        }
    })?;
    let all: BTreeSet<i64> = held.keys().chain(wanted.keys()).copied().collect();
    for position in all {
        let (place, seq) = Place::of_row(position);
        let is_posted = seq < mark(connection, place)?.posted;
        let table = if is_posted { "user_window" } else { "user_text" };
        let table = tables.get(&position).unwrap_or(&table);
        let kind = match (held.get(&position).copied().unwrap_or_default(), wanted.get(&position)) {
            (_, None) => NOBODY,
            (held, Some(wanted)) if held != *wanted => SEARCH,
            _ => continue,
        };
        findings.push(kind, Some(OrgKey(place.org())), format!("{table}: position {position}"));
    }
    Ok(())
}

/// What the index holds of a user besides windows: the text, which no window is like.
fn whole(text: &[u8]) -> Vec<u8> {
    [&[0], text].concat()
}

/// Each word that the index holds, with its table and the user's position.
fn each_held(
    connection: &Connection,
    watch: &Watch,
    mut take: impl FnMut(&'static str, i64, &[u8]),
) -> Result<()> {
    let (in_windows, in_texts) = ("user_window", "user_text");
    let place = |row: &rusqlite::Row<'_>| {
        Ok::<_, rusqlite::Error>(Place::of(row.get(0)?, row.get(1)?).row(row.get(2)?))
    };
    let mut read = 0;
    let mut windows = connection.prepare(WINDOWS)?;
    let mut rows = windows.query([])?;
    while let Some(row) = rows.next()? {
        let (first, letters) = (place(row)?, row.get_ref(3)?.as_bytes().unwrap_or_default());
        let numbers = row.get_ref(4)?.as_blob().ok().and_then(decode);
        let numbers = numbers.filter(|numbers| !numbers.is_empty()).ok_or_else(|| no_entry(in_windows))?;
        for number in numbers {
            take(in_windows, first + i64::from(number), letters);
        }
        sign(watch, &mut read);
    }
    let mut texts = connection.prepare(GATHERED)?;
    let mut rows = texts.query([])?;
    while let Some(row) = rows.next()? {
        let first = place(row)?;
        let texts = row.get_ref(3)?.as_blob().ok().and_then(split).ok_or_else(|| no_entry(in_texts))?;
        for (number, text) in (first..).zip(texts).filter(|(_, text)| !text.is_empty()) {
            take(in_texts, number, &whole(text));
        }
        sign(watch, &mut read);
    }
    Ok(())
}

fn no_entry(table: &str) -> StoreError {
    StoreError::Corrupt(format!("{table}: a row cannot be read"))
}

/// The words that the index has to hold of each user who has a text, with the user's position.
fn each_wanted(connection: &Connection, watch: &Watch, mut take: impl FnMut(i64, &[Vec<u8>])) -> Result<()> {
    let mut users = connection.prepare(TEXTS)?;
    let mut rows = users.query([])?;
    let (mut read, mut marked) = (0, None::<(Place, Mark)>);
    while let Some(row) = rows.next()? {
        let position = row.get(0)?;
        let (place, seq) = Place::of_row(position);
        let known = marked.filter(|(known, _)| *known == place);
        let (_, mark) = known.map_or_else(|| Ok::<_, StoreError>((place, mark(connection, place)?)), Ok)?;
        marked = Some((place, mark));
        let text = row.get_ref(1)?.as_str().unwrap_or_default();
        let words = if seq < mark.posted {
            let windows: BTreeSet<Window> = Window::of_text(text).collect();
            windows.into_iter().map(|window| window.text().into_bytes()).collect()
        } else if seq < mark.gathered && !text.is_empty() {
            vec![whole(text.as_bytes())]
        } else {
            Vec::new()
        };
        take(position, &words);
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
