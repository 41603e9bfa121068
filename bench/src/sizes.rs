//! What the data takes on disk: users of each kind and what is known of them, brought in by the commands that operators of
//! the service use, and then asked of the database, table by table and index by index.
//!
//! Each kind comes by itself, so that what it adds is told apart from what was there, also in the tables that all kinds
//! share. Nothing is packed afterwards: pages are as full as they get when rows come one after the other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use denizen_domain::ids::Uuid;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::bare::{Bare, Servers};
use crate::data::{self, Rng, person};

/// Of so many members, and of so many contacts, one has talked.
const TALKERS: usize = 10;
/// Conversations of each of those, and the messages of each conversation.
const CONVERSATIONS: usize = 2;
const MEMBER_MESSAGES: usize = 10;
const CONTACT_MESSAGES: usize = 5;
/// Messages that a memory was drawn from.
const REFERENCES: usize = 4;
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
pub(crate) fn measure(
    program: &Path,
    folder: &Path,
    users: usize,
    servers: Option<&Servers>,
) -> anyhow::Result<String> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let bare = servers.map(|servers| Bare::open(&servers.bare)).transpose()?;
    let store: Vec<(&str, &str)> =
        servers.iter().map(|servers| ("DENIZEN_STORE", servers.store.as_str())).collect();
    let look = || match &bare {
        Some(bare) => in_postgres(bare),
        None => in_sqlite(&folder.join("denizen.db")),
    };
    data::create_organization(program, folder, store.clone(), 0)?;
    let mut before = look()?;
    let mut text = String::new();
    let mut summary =
        String::from("| | rows of all tables | bytes, tables | bytes, indexes | bytes | records/s |\n");
    summary.push_str("| --- | --: | --: | --: | --: | --: |\n");
    let talkers = users.div_ceil(TALKERS);
    let kinds: [(&str, &str, usize, Records<'_>); 4] = [
        ("a member", "members", users, &|write| (0..users).try_for_each(|number| write(member(number)))),
        ("a contact", "contacts", users, &|write| (0..users).try_for_each(|number| write(contact(number)))),
        (
            "a member's conversation",
            "conversations of members, 10 messages each, and a memory",
            talkers * CONVERSATIONS,
            &|write| (0..talkers).try_for_each(|number| talk_of_member(number, write)),
        ),
        (
            "a contact's conversation",
            "conversations of contacts, 5 messages each",
            talkers * CONVERSATIONS,
            &|write| (0..talkers).try_for_each(|number| talk_of_contact(number, write)),
        ),
    ];
    for (one, many, count, records) in kinds {
        let rate = ingest(program, folder, &store, records)?;
        let after = look()?;
        tell(&mut text, &mut summary, (one, many, count, rate), &before, &after)?;
        before = after;
    }
    let rate = import(program, folder, &store)?;
    let after = look()?;
    tell(&mut text, &mut summary, ("an operator", "operators", OPERATORS, rate), &before, &after)?;
    let all: i64 = after.bytes.values().sum();
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

/// Takes one record after the other.
type Line<'a> = dyn FnMut(Value) -> anyhow::Result<()> + 'a;
/// Makes all records of a kind.
type Records<'a> = &'a dyn Fn(&mut Line<'_>) -> anyhow::Result<()>;

/// `denizen ingest`, which is given the records while it reads. Returns records a second.
fn ingest(
    program: &Path,
    folder: &Path,
    store: &[(&str, &str)],
    records: Records<'_>,
) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut ingest = Command::new(program)
        .args(["ingest", "--org", "org-000", "-", "--quiet", "--data"])
        .arg(folder)
        .envs(store.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut lines = BufWriter::new(ingest.stdin.take().context("the command's input")?);
    let mut count = 0_usize;
    records(&mut |record| {
        count += 1;
        serde_json::to_writer(&mut lines, &record)?;
        Ok(lines.write_all(b"\n")?)
    })?;
    lines.flush()?;
    drop(lines);
    ensure!(ingest.wait()?.success(), "denizen ingest refused a record; it says above which");
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// `denizen import operators`. Returns operators a second.
fn import(program: &Path, folder: &Path, store: &[(&str, &str)]) -> anyhow::Result<f64> {
    let file = folder.join("operators.csv");
    let mut text = String::from("email;name;company;role;password\n");
    for number in 0..OPERATORS {
        let person = person(2, number);
        writeln!(
            text,
            "{};{} {};Company {};ADMIN;Passw0rd{number}",
            person.email,
            person.first_name,
            person.last_name,
            number % 7
        )?;
    }
    fs::write(&file, text)?;
    let started = Instant::now();
    let imported = Command::new(program)
        .args(["import", "operators", "--org", "org-000", "--data"])
        .arg(folder)
        .arg(&file)
        .envs(store.iter().copied())
        .output()?;
    ensure!(imported.status.success(), "denizen import: {}", String::from_utf8_lossy(&imported.stderr));
    Ok(OPERATORS as f64 / started.elapsed().as_secs_f64())
}

/// Ids of members and of what they said rise with time, as those of the platforms do.
fn rising(kind: u8, number: usize) -> String {
    let mut rng = Rng(u64::from(kind) << 56 | number as u64);
    format!("{:08x}{kind:02x}{:014x}", 0x6800_0000 + number, rng.next() >> 8)
}

/// Ids of contacts are random.
fn random(kind: u8, number: usize) -> Uuid {
    let mut rng = Rng(u64::from(kind) << 56 | number as u64);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&rng.next().to_be_bytes());
    bytes[8..].copy_from_slice(&rng.next().to_be_bytes());
    Uuid::from_random(bytes)
}

/// A time in the year 2024.
fn time(number: usize) -> String {
    let seconds = number % (28 * 86_400);
    let (day, rest) = (seconds / 86_400, seconds % 86_400);
    let month = number / (28 * 86_400) % 12;
    format!("2024-{:02}-{:02}T{:02}:{:02}:{:02}Z", month + 1, day + 1, rest / 3600, rest / 60 % 60, rest % 60)
}

/// Two hundred characters of made-up words.
fn said(number: usize) -> String {
    let mut text = String::new();
    for at in 0.. {
        let person = person(3, number * 64 + at);
        let _ = write!(text, "{} {} ", person.first_name, person.last_name);
        if text.chars().count() >= 200 {
            break;
        }
    }
    text.chars().take(200).collect()
}

fn member(number: usize) -> Value {
    let person = person(0, number);
    json!({
        "type": "user", "user_id": rising(1, number), "email": person.email, "first_name": person.first_name,
        "last_name": person.last_name, "is_verified": !number.is_multiple_of(5),
        "nonsensitive_variables": {"plan": "gold"},
    })
}

fn contact(number: usize) -> Value {
    let person = person(1, number);
    json!({
        "type": "contact", "contact_id": random(2, number).to_string(),
        "external_id": format!("crm-{number}"),
        "display_name": format!("{} {}", person.first_name, person.last_name),
        "first_name": person.first_name, "last_name": person.last_name, "email": person.email,
        "phone": format!("+49{number:010}"), "created_at": time(number),
    })
}

fn talk_of_member(talker: usize, write: &mut Line<'_>) -> anyhow::Result<()> {
    let user = rising(1, talker * TALKERS);
    for number in talker * CONVERSATIONS..(talker + 1) * CONVERSATIONS {
        let conversation = rising(3, number);
        write(json!({
            "type": "conversation", "conversation_id": conversation, "user_id": user,
            "started_at": time(number), "ended_at": time(number + 1), "title": "How was the week?",
        }))?;
        let messages: Vec<String> =
            (0..MEMBER_MESSAGES).map(|at| rising(4, number * MEMBER_MESSAGES + at)).collect();
        for (at, message) in messages.iter().enumerate() {
            write(json!({
                "type": "message", "message_id": message, "conversation_id": conversation, "user_id": user,
                "created_at": time(number), "sender": if at % 2 == 0 { "user" } else { "agent" },
                "content": said(number * MEMBER_MESSAGES + at),
            }))?;
        }
        write(json!({
            "type": "memory", "memory_id": rising(5, number), "user_id": user, "conversation_id": conversation,
            "created_at": time(number), "references": &messages[..REFERENCES], "content": said(number),
            "context": "from a conversation",
        }))?;
    }
    Ok(())
}

fn talk_of_contact(talker: usize, write: &mut Line<'_>) -> anyhow::Result<()> {
    let contact = talker * TALKERS;
    for number in talker * CONVERSATIONS..(talker + 1) * CONVERSATIONS {
        write(json!({
            "type": "contact_conversation", "conversation_id": number,
            "contact_id": random(2, contact).to_string(), "kind": "Email", "channel": "Email",
            "direction": "Inbound", "state": "Closed", "state_changed_at": time(number),
            "details": {
                "from_email": person(1, contact).email, "to_email": "help@example.net",
                "integration_email": "inbox@example.net", "subject": "A question about a bill",
            },
            "created_at": time(number),
        }))?;
        for at in 0..CONTACT_MESSAGES {
            let message = number * CONTACT_MESSAGES + at;
            write(json!({
                "type": "contact_message", "message_id": random(6, message).to_string(),
                "conversation_id": number, "sender": if at % 2 == 0 { "contact" } else { "agent" },
                "content": said(message), "created_at": time(number),
            }))?;
        }
    }
    Ok(())
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
    let mut names = conn.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'user_search%' AND name NOT LIKE 'sqlite_%'",
    )?;
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
