//! What the data takes on disk: users of each kind and what is known of them, brought in by the commands that operators of
//! the service use, and then asked of the database, table by table and index by index.
//!
//! Each kind comes by itself, so that what it adds is told apart from what was there, also in the tables that all kinds
//! share. Nothing is packed afterwards: pages are as full as they get when rows come one after the other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use rusqlite::{Connection, OpenFlags};

use crate::bare::Bare;
use crate::data;
use crate::data::people::{As, Person, person};
use crate::data::records::{self, Line};
use crate::place::Place;

/// Of so many members, and of so many contacts, one has talked.
const TALKERS: usize = 10;
/// Conversations of each of those.
const CONVERSATIONS: usize = 2;
/// Operators are staff: there are few, and each costs a slow hash.
const OPERATORS: usize = 1_000;
/// What takes less than this of a kind, in bytes, is counted with the others.
const SHOWN: f64 = 0.5;

/// One table without its indexes, or one index.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Relation {
    table: String,
    /// `None`: the table itself.
    index: Option<String>,
}

/// What is in a database, and how much room it takes, in bytes.
#[derive(Default)]
struct Measured {
    bytes: BTreeMap<Relation, i64>,
    rows: BTreeMap<String, i64>,
}

/// Makes a database of `users` members and as many contacts, and says what each kind of row adds to it.
pub(crate) fn measure(program: &Path, place: &Place, users: usize) -> anyhow::Result<String> {
    place.empty()?;
    let bare = place.servers.as_ref().map(|servers| Bare::open(&servers.bare)).transpose()?;
    let look = || match &bare {
        Some(bare) => in_postgres(bare),
        None => in_sqlite(&place.folder.join("denizen.db")),
    };
    let org = data::create_organization(program, place, 0)?.org_id;
    let mut before = look()?;
    let mut text = String::new();
    let mut summary =
        String::from("| | rows of all tables | bytes, tables | bytes, indexes | bytes | records/s |\n");
    summary.push_str("| --- | --: | --: | --: | --: | --: |\n");
    let talkers = users.div_ceil(TALKERS);
    let kinds: [(&str, &str, usize, Records<'_>); 4] = [
        ("a member", "members", users, &|write| {
            (0..users).try_for_each(|number| write(records::member(0, number)))
        }),
        ("a contact", "contacts", users, &|write| {
            (0..users).try_for_each(|number| write(records::contact(0, number)))
        }),
        (
            "a member's conversation",
            "conversations of members, 10 messages each, and a memory",
            talkers * CONVERSATIONS,
            &|write| talks(talkers, &mut |number, talk| records::talk_of_member(0, number, talk, write)),
        ),
        (
            "a contact's conversation",
            "conversations of contacts, 5 messages each",
            talkers * CONVERSATIONS,
            &|write| talks(talkers, &mut |number, talk| records::talk_of_contact(0, number, talk, write)),
        ),
    ];
    for (one, many, count, records) in kinds {
        let rate = data::ingest(program, place, &org, many, &mut |write| records(write))?.rate();
        let after = look()?;
        tell(&mut text, &mut summary, (one, many, count, rate), &before, &after)?;
        before = after;
    }
    let rate = import(program, place, &org)?;
    let after = look()?;
    tell(&mut text, &mut summary, ("an operator", "operators", OPERATORS, rate), &before, &after)?;
    let all: i64 = after.bytes.values().sum();
    place.remove()?;
    Ok(format!("{text}\n{summary}\n{:.1} MiB in all.\n", mebibytes(all)))
}

fn mebibytes(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Adds what a kind has brought: a table of its own, and a line of the table of all kinds.
fn tell(
    text: &mut String,
    summary: &mut String,
    (one, many, count, rate): (&str, &str, usize, f64),
    before: &Measured,
    after: &Measured,
) -> anyhow::Result<()> {
    let each = |bytes: i64| bytes as f64 / count as f64;
    let mut grown: Vec<(&Relation, i64)> = after
        .bytes
        .iter()
        .map(|(relation, bytes)| (relation, bytes - before.bytes.get(relation).copied().unwrap_or(0)))
        .collect();
    grown.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let rows = |table: &str| {
        after.rows.get(table).copied().unwrap_or(0) - before.rows.get(table).copied().unwrap_or(0)
    };
    writeln!(text, "\n{count} {many}:\n")?;
    writeln!(text, "| table or index | rows | MiB | bytes for {one} |\n| --- | --: | --: | --: |")?;
    let (mut tables, mut indexes, mut others) = (0, 0, 0);
    for (relation, bytes) in grown {
        *(if relation.index.is_some() { &mut indexes } else { &mut tables }) += bytes;
        if each(bytes) < SHOWN {
            others += bytes;
            continue;
        }
        let (name, rows) = match &relation.index {
            None if after.rows.contains_key(&relation.table) => {
                (format!("**{}**", relation.table), rows(&relation.table).to_string())
            }
            None => (format!("**{}**", relation.table), String::new()),
            Some(index) => (format!("{index} ({})", relation.table), String::new()),
        };
        writeln!(text, "| {name} | {rows} | {:.1} | {:.0} |", mebibytes(bytes), each(bytes))?;
    }
    writeln!(text, "| others | | {:.1} | {:.0} |", mebibytes(others), each(others))?;
    let total: i64 = after.rows.keys().map(|table| rows(table)).sum();
    writeln!(
        summary,
        "| {one} | {:.1} | {:.0} | {:.0} | {:.0} | {rate:.0} |",
        total as f64 / count as f64,
        each(tables),
        each(indexes),
        each(tables + indexes)
    )?;
    Ok(())
}

// ---- What is brought in ----------------------------------------------------------------------

/// Makes all records of a kind.
type Records<'a> = &'a dyn Fn(&mut Line<'_>) -> anyhow::Result<()>;

/// Each of those who talk, with the number of each of their conversations.
fn talks(talkers: usize, talk: &mut dyn FnMut(usize, usize) -> anyhow::Result<()>) -> anyhow::Result<()> {
    (0..talkers * CONVERSATIONS).try_for_each(|number| talk(number / CONVERSATIONS * TALKERS, number))
}

/// `denizen import operators`. Returns operators a second.
fn import(program: &Path, place: &Place, org: &str) -> anyhow::Result<f64> {
    let file = place.folder.join("operators.csv");
    let mut text = String::from("email;name;company;role;password\n");
    for number in 0..OPERATORS {
        let Person { first_name, last_name, email } = person(As::Operator, 0, number);
        let company = number % 7;
        writeln!(text, "{email};{first_name} {last_name};Company {company};ADMIN;Passw0rd{number}")?;
    }
    fs::write(&file, text)?;
    let started = Instant::now();
    let imported = place.command(program).args(["import", "operators", "--org", org]).arg(&file).output()?;
    ensure!(imported.status.success(), "denizen import: {}", String::from_utf8_lossy(&imported.stderr));
    Ok(OPERATORS as f64 / started.elapsed().as_secs_f64())
}

// ---- What it takes ---------------------------------------------------------------------------

fn in_sqlite(file: &Path) -> anyhow::Result<Measured> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut measured = Measured::default();
    // Pages that hold nothing any more are counted as a table, so that everything is in the sum.
    let mut sizes = conn.prepare(
        "SELECT coalesce(m.tbl_name, s.name), CASE m.type WHEN 'index' THEN m.name END, s.pgsize
         FROM dbstat s LEFT JOIN sqlite_master m ON m.name = s.name WHERE s.aggregate = 1
         UNION ALL SELECT 'free pages', NULL, freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
    )?;
    let mut found = sizes.query([])?;
    while let Some(row) = found.next()? {
        measured.bytes.insert(Relation { table: row.get(0)?, index: row.get(1)? }, row.get(2)?);
    }
    let mut names =
        conn.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    for name in names.query_map([], |row| row.get::<_, String>(0))? {
        let name = name?;
        let rows = conn.query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get(0))?;
        measured.rows.insert(name, rows);
    }
    Ok(measured)
}

fn in_postgres(bare: &Bare) -> anyhow::Result<Measured> {
    // What updates left behind can be used again; it is not given back, and so it counts.
    bare.batch("VACUUM ANALYZE")?;
    let mut measured = Measured::default();
    for (table, index, bytes) in bare.relations()? {
        measured.bytes.insert(Relation { table: table.clone(), index: index.clone() }, bytes);
        if index.is_none() {
            measured.rows.insert(table.clone(), bare.count(&table)?);
        }
    }
    Ok(measured)
}
