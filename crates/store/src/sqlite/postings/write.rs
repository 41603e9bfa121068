//! Letting the index follow the users' rows, within the writer's transaction.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::texts::Chunk;
use super::windows::Window;
use super::{BLOCK, CHUNK, Mark, POSTED_TOGETHER, Place, STEP, mark, sets};
use crate::conn::IndexChange;
use crate::error::{Result, StoreError};
use crate::sql::Sql;

static SET_MARK: Sql = Sql::split(
    "postings.set_mark",
    "INSERT INTO search_mark (org_id, directory, posted, gathered) VALUES ($1, $2, $3, $4)
     ON CONFLICT (org_id, directory) DO UPDATE SET posted = $3, gathered = $4",
    "",
);
static FIND_SET: Sql = Sql::split(
    "postings.find_set",
    "SELECT users FROM user_window WHERE org_id = $1 AND directory = $2 AND block = $3 AND letters = $4",
    "",
);
static INSERT_SET: Sql = Sql::split(
    "postings.insert_set",
    "INSERT INTO user_window (org_id, directory, block, letters, users) VALUES ($1, $2, $3, $4, $5)",
    "",
);
// Engine: of a row that stays as long as it was, this writes only the pages on which something changes.
static UPDATE_SET: Sql = Sql::split(
    "postings.update_set",
    "UPDATE user_window SET users = $5 WHERE org_id = $1 AND directory = $2 AND block = $3 AND letters = $4",
    "",
);
static DELETE_SET: Sql = Sql::split(
    "postings.delete_set",
    "DELETE FROM user_window WHERE org_id = $1 AND directory = $2 AND block = $3 AND letters = $4",
    "",
);
static DELETE_BLOCKS: Sql = Sql::split(
    "postings.delete_blocks",
    "DELETE FROM user_window WHERE org_id = $1 AND directory = $2 AND block >= $3",
    "",
);
static STAMP_BLOCK: Sql = Sql::split(
    "postings.stamp_block",
    "REPLACE INTO search_block (org_id, directory, block, stamp) VALUES ($1, $2, $3, random())",
    "",
);
static DELETE_STAMPS: Sql = Sql::split(
    "postings.delete_stamps",
    "DELETE FROM search_block WHERE org_id = $1 AND directory = $2 AND block >= $3",
    "",
);
static FIND_TEXTS: Sql = Sql::split(
    "postings.find_texts",
    "SELECT texts FROM user_text WHERE org_id = $1 AND directory = $2 AND chunk = $3",
    "",
);
static PUT_TEXTS: Sql = Sql::split(
    "postings.put_texts",
    "REPLACE INTO user_text (org_id, directory, chunk, texts) VALUES ($1, $2, $3, $4)",
    "",
);
static DELETE_TEXTS: Sql = Sql::split(
    "postings.delete_texts",
    "DELETE FROM user_text WHERE org_id = $1 AND directory = $2 AND chunk >= $3 AND chunk < $4",
    "",
);
// The rows of a directory are in one of these tables only.
static READ_TEXTS: Sql = Sql::split(
    "postings.read_texts",
    "SELECT position, search_text FROM users WHERE position >= $1 AND position < $2
     UNION ALL SELECT position, search_text FROM contact
        WHERE position >= $1 AND position < $2 AND search_text IS NOT NULL
     UNION ALL SELECT position, search_text FROM operator WHERE position >= $1 AND position < $2
     ORDER BY position LIMIT $3",
    "",
);
static LAST_SEQ: Sql = Sql::split(
    "postings.last_seq",
    "SELECT last_seq FROM directory_counter WHERE org_id = $1 AND directory = $2",
    "",
);
static BEHIND: Sql = Sql::split(
    "postings.behind",
    "SELECT counter.org_id, counter.directory, last_seq, coalesce(gathered, 0)
     FROM directory_counter AS counter LEFT JOIN search_mark AS mark
        ON mark.org_id = counter.org_id AND mark.directory = counter.directory
     WHERE (counter.org_id, counter.directory) > ($1, $2) ORDER BY counter.org_id, counter.directory LIMIT $3",
    "",
);

pub(crate) const STATEMENTS: &[&Sql] = &[
    &SET_MARK,
    &FIND_SET,
    &INSERT_SET,
    &UPDATE_SET,
    &DELETE_SET,
    &DELETE_BLOCKS,
    &STAMP_BLOCK,
    &DELETE_STAMPS,
    &FIND_TEXTS,
    &PUT_TEXTS,
    &DELETE_TEXTS,
    &READ_TEXTS,
    &LAST_SEQ,
    &BEHIND,
];

fn no_set(place: Place) -> StoreError {
    StoreError::Corrupt(format!("user_window: a set of org_id {} is none", place.org()))
}

fn no_texts(place: Place) -> StoreError {
    StoreError::Corrupt(format!("user_text: texts of org_id {} are none", place.org()))
}

fn block_of(seq: i64) -> (i64, u16) {
    (seq / BLOCK, u16::try_from(seq % BLOCK).unwrap_or_default())
}

fn chunk_of(seq: i64) -> (i64, usize) {
    (seq / CHUNK, usize::try_from(seq % CHUNK).unwrap_or_default())
}

/// Applies the changes of a group of closures: several of one user become one, and each set is written once. Answers the
/// directories whose index has fallen behind.
pub(crate) fn apply(connection: &Connection, changes: Vec<IndexChange>) -> Result<Vec<Place>> {
    let mut by_place = BTreeMap::<Place, BTreeMap<i64, IndexChange>>::new();
    for change in changes {
        let (place, seq) = Place::of_row(change.row);
        let of_place = by_place.entry(place).or_default();
        match of_place.get_mut(&seq) {
            Some(earlier) => earlier.after = change.after,
            None => drop(of_place.insert(seq, change)),
        }
    }
    let mut behind = Vec::new();
    for (place, changes) in by_place {
        let mark = mark(connection, place)?;
        post_changes(connection, place, changes.range(..mark.posted))?;
        gather_changes(connection, place, changes.range(mark.posted..mark.gathered))?;
        let added = changes.range(mark.gathered..).rev().find(|(_, change)| change.before.is_none());
        if let Some((last, _)) = added
            && advance(connection, place, *last)?
        {
            behind.push(place);
        }
    }
    Ok(behind)
}

/// What is to be done to a set.
#[derive(Default)]
struct Edit {
    add: Vec<u16>,
    remove: Vec<u16>,
}

fn post_changes<'c>(
    connection: &Connection,
    place: Place,
    changes: impl Iterator<Item = (&'c i64, &'c IndexChange)>,
) -> Result<()> {
    let mut edits = BTreeMap::<(i64, Window), Edit>::new();
    let mut changed = BTreeSet::new();
    for (seq, change) in changes {
        let (block, number) = block_of(*seq);
        // Also when it is the same windows in another order.
        changed.insert(block);
        let windows = |text: &Option<String>| {
            text.iter().flat_map(|text| Window::of_text(text)).collect::<BTreeSet<Window>>()
        };
        let (before, after) = (windows(&change.before), windows(&change.after));
        for window in before.difference(&after) {
            edits.entry((block, *window)).or_default().remove.push(number);
        }
        for window in after.difference(&before) {
            edits.entry((block, *window)).or_default().add.push(number);
        }
    }
    let mut sets = Sets::of(connection, place)?;
    edits.into_iter().try_for_each(|((block, window), edit)| sets.change(block, window, &edit))?;
    stamp(connection, place, &changed)
}

/// Says that blocks are no longer what they were.
fn stamp(connection: &Connection, place: Place, blocks: &BTreeSet<i64>) -> Result<()> {
    let mut stamp = connection.prepare_cached(STAMP_BLOCK.sqlite())?;
    for block in blocks {
        stamp.execute([place.org(), place.directory(), *block])?;
    }
    Ok(())
}

/// The statements by which sets are changed.
struct Sets<'c> {
    place: Place,
    find: rusqlite::CachedStatement<'c>,
    insert: rusqlite::CachedStatement<'c>,
    update: rusqlite::CachedStatement<'c>,
    delete: rusqlite::CachedStatement<'c>,
}

impl<'c> Sets<'c> {
    fn of(connection: &'c Connection, place: Place) -> Result<Self> {
        Ok(Self {
            place,
            find: connection.prepare_cached(FIND_SET.sqlite())?,
            insert: connection.prepare_cached(INSERT_SET.sqlite())?,
            update: connection.prepare_cached(UPDATE_SET.sqlite())?,
            delete: connection.prepare_cached(DELETE_SET.sqlite())?,
        })
    }

    fn change(&mut self, block: i64, window: Window, edit: &Edit) -> Result<()> {
        let (org, directory, window) = (self.place.org(), self.place.directory(), window.text());
        let mut rows = self.find.query(params![org, directory, block, window])?;
        let (is_there, set) = match rows.next()? {
            None => (false, sets::encode(&edit.add)),
            Some(row) => {
                let set = row.get_ref(0)?.as_blob().unwrap_or_default();
                (true, sets::edit(set, &edit.remove, &edit.add).ok_or_else(|| no_set(self.place))?)
            }
        };
        drop(rows);
        let change = match (is_there, set.is_empty()) {
            (true, true) => {
                return self
                    .delete
                    .execute(params![org, directory, block, window])
                    .map(drop)
                    .map_err(Into::into);
            }
            (true, false) => &mut self.update,
            (false, true) => return Ok(()),
            (false, false) => &mut self.insert,
        };
        change.execute(params![org, directory, block, window, set])?;
        Ok(())
    }
}

fn gather_changes<'c>(
    connection: &Connection,
    place: Place,
    changes: impl Iterator<Item = (&'c i64, &'c IndexChange)>,
) -> Result<()> {
    let mut chunks = BTreeMap::<i64, Vec<(usize, &str)>>::new();
    for (seq, change) in changes {
        let (chunk, slot) = chunk_of(*seq);
        chunks.entry(chunk).or_default().push((slot, change.after.as_deref().unwrap_or_default()));
    }
    for (chunk, texts) in chunks {
        let mut find = connection.prepare_cached(FIND_TEXTS.sqlite())?;
        let known: Option<Vec<u8>> =
            find.query_row([place.org(), place.directory(), chunk], |row| row.get(0)).optional()?;
        let mut gathered = match known {
            None => Chunk::empty(),
            Some(bytes) => Chunk::decode(&bytes).ok_or_else(|| no_texts(place))?,
        };
        for (slot, text) in texts {
            gathered.set(slot, text);
        }
        put_texts(connection, place, chunk, &gathered)?;
    }
    Ok(())
}

fn put_texts(connection: &Connection, place: Place, chunk: i64, texts: &Chunk) -> Result<()> {
    let (org, directory) = (place.org(), place.directory());
    if texts.is_empty() {
        connection.prepare_cached(DELETE_TEXTS.sqlite())?.execute([org, directory, chunk, chunk + 1])?;
    } else {
        let bytes = texts.encode();
        connection.prepare_cached(PUT_TEXTS.sqlite())?.execute(params![org, directory, chunk, bytes])?;
    }
    Ok(())
}

/// Takes in users up to the number `last`, and no more than one step's. Every number up to it must have been given out. Says
/// whether there are more.
fn advance(connection: &Connection, place: Place, last: i64) -> Result<bool> {
    let Mark { mut posted, mut gathered } = mark(connection, place)?;
    let goal = (last + 1) / CHUNK * CHUNK;
    if goal <= gathered {
        return Ok(false);
    }
    if goal - posted >= POSTED_TOGETHER {
        let mut users = read_texts(connection, place, posted, goal)?;
        let mut end = goal;
        if users.len() == STEP
            && let Some((last, _)) = users.last()
        {
            end = last / CHUNK * CHUNK;
            users.retain(|(seq, _)| *seq < end);
        }
        post(connection, place, &users)?;
        let (org, directory) = (place.org(), place.directory());
        let chunks = [org, directory, posted / CHUNK, end / CHUNK];
        connection.prepare_cached(DELETE_TEXTS.sqlite())?.execute(chunks)?;
        posted = end;
        gathered = end.max(gathered);
    }
    if goal - posted < POSTED_TOGETHER && gathered < goal {
        let users = read_texts(connection, place, gathered, goal)?;
        gather(connection, place, &users)?;
        gathered = goal;
    }
    set_mark(connection, place, Mark { posted, gathered })?;
    Ok(gathered < goal)
}

fn set_mark(connection: &Connection, place: Place, mark: Mark) -> Result<()> {
    let values = [place.org(), place.directory(), mark.posted, mark.gathered];
    connection.prepare_cached(SET_MARK.sqlite())?.execute(values)?;
    Ok(())
}

/// The users from one number to before another one, and no more than one step's, in their order.
fn read_texts(connection: &Connection, place: Place, from: i64, to: i64) -> Result<Vec<(i64, String)>> {
    let mut statement = connection.prepare_cached(READ_TEXTS.sqlite())?;
    let most = i64::try_from(STEP).unwrap_or(i64::MAX);
    let mut rows = statement.query([place.row(from), place.row(to), most])?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push((Place::of_row(row.get(0)?).1, row.get(1)?));
    }
    Ok(users)
}

/// Makes postings of users behind all that are posted.
fn post(connection: &Connection, place: Place, users: &[(i64, String)]) -> Result<()> {
    let mut all: Vec<(i64, Window, u16)> = Vec::with_capacity(users.len() * 40);
    for (seq, text) in users {
        let (block, number) = block_of(*seq);
        all.extend(Window::of_text(text).map(|window| (block, window, number)));
    }
    all.sort_unstable();
    all.dedup();
    let mut sets = Sets::of(connection, place)?;
    let mut edit = Edit::default();
    for same in all.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
        let (block, window, _) = same[0];
        edit.add.clear();
        edit.add.extend(same.iter().map(|(_, _, number)| *number));
        sets.change(block, window, &edit)?;
    }
    stamp(connection, place, &users.iter().map(|(seq, _)| block_of(*seq).0).collect())
}

fn gather(connection: &Connection, place: Place, users: &[(i64, String)]) -> Result<()> {
    for same in users.chunk_by(|one, next| chunk_of(one.0).0 == chunk_of(next.0).0) {
        let mut texts = Chunk::empty();
        for (seq, text) in same {
            texts.set(chunk_of(*seq).1, text);
        }
        put_texts(connection, place, chunk_of(same[0].0).0, &texts)?;
    }
    Ok(())
}

/// Takes the last block of a directory out of the index, and all behind it: for users who are all about to be deleted, of whom
/// each alone would cost more. `false` when nobody is posted any more.
pub(crate) fn recede(connection: &Connection, place: Place) -> Result<bool> {
    let mark = mark(connection, place)?;
    if mark.posted == 0 {
        return Ok(false);
    }
    let (org, directory, block) = (place.org(), place.directory(), (mark.posted - 1) / BLOCK);
    let from = block * BLOCK;
    connection.prepare_cached(DELETE_BLOCKS.sqlite())?.execute([org, directory, block])?;
    connection.prepare_cached(DELETE_STAMPS.sqlite())?.execute([org, directory, block])?;
    let chunks = [org, directory, from / CHUNK, i64::MAX];
    connection.prepare_cached(DELETE_TEXTS.sqlite())?.execute(chunks)?;
    set_mark(connection, place, Mark { posted: from, gathered: from })?;
    Ok(true)
}

/// What is left to be done for users of before this process: the index of an older database begins with nobody.
pub(crate) struct CatchUp {
    behind: BTreeSet<Place>,
    /// The last directory that was looked at; `None` when all were.
    looked_at: Option<(i64, i64)>,
}

impl CatchUp {
    /// Directories that are looked at in one go.
    const LOOKED_AT: i64 = 1_000;

    /// Every directory has to be looked at.
    pub(crate) fn begin() -> Self {
        Self { behind: BTreeSet::new(), looked_at: Some((0, 0)) }
    }

    pub(crate) fn add(&mut self, behind: Vec<Place>) {
        self.behind.extend(behind);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.behind.is_empty() && self.looked_at.is_none()
    }

    /// Does some of it, in a transaction of its own, at whose beginning `begun` is called. A directory for which that failed is
    /// left until it has more users.
    pub(crate) fn step(
        &mut self,
        connection: &Connection,
        begun: impl FnOnce(&Connection) -> Result<()>,
    ) -> Result<()> {
        if let Some(place) = self.behind.pop_first() {
            let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
            begun(&transaction)?;
            let last = LAST_SEQ.sqlite();
            let last: Option<i64> = transaction
                .prepare_cached(last)?
                .query_row([place.org(), place.directory()], |row| row.get(0))
                .optional()?;
            // Who was behind may be gone altogether.
            let more = last.map_or(Ok(false), |last| advance(&transaction, place, last))?;
            transaction.commit()?;
            if more {
                self.behind.insert(place);
            }
        } else if let Some(after) = self.looked_at.take() {
            self.look(connection, after)?;
        }
        Ok(())
    }

    fn look(&mut self, connection: &Connection, after: (i64, i64)) -> Result<()> {
        let mut statement = connection.prepare_cached(BEHIND.sqlite())?;
        let mut rows = statement.query([after.0, after.1, Self::LOOKED_AT])?;
        let (mut seen, mut last) = (0, after);
        while let Some(row) = rows.next()? {
            last = (row.get(0)?, row.get(1)?);
            let (given, gathered): (i64, i64) = (row.get(2)?, row.get(3)?);
            if given + 1 - gathered >= CHUNK {
                self.behind.insert(Place::of(last.0, last.1));
            }
            seen += 1;
        }
        self.looked_at = (seen == Self::LOOKED_AT).then_some(last);
        Ok(())
    }
}
