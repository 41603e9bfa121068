//! Looking a database over: what `denizen check` reports.
//!
//! What must hold is said once, for both engines: here which kinds of findings there are, in [`rules`] what must hold
//! between rows, in [`declared`] what follows from the declarations of references and of what is held about users, in
//! [`rows`] what a row's own text says of the rest of it. Each engine adds what only it has.
//!
//! It mends nothing, keeps no writer waiting (it reads one snapshot), and takes the memory of a batch of rows and of a set
//! of organizations, however many users there are. A finding names tables, columns, ids and positions, and holds nothing
//! personal.

mod declared;
mod organizations;
mod rows;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use denizen_domain::ids::OrgKey;

use crate::conn::Conn;
use crate::error::{Result, StoreError};

pub use declared::{REFERENCES, Reference, example_statements};
pub(crate) use organizations::STATEMENTS as ORGANIZATION_STATEMENTS;
pub use organizations::mapped;
pub(crate) use rows::STATEMENTS as ROW_STATEMENTS;
pub(crate) use rules::STATEMENTS as RULE_STATEMENTS;

/// After so many findings of one kind the rest is only counted.
pub(crate) const MOST: usize = 20;

/// What can be wrong: `docs/operations.md` says for each what it means and what mends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    pub what: &'static str,
}

const fn kind(name: &'static str, what: &'static str) -> Kind {
    Kind { name, what }
}

pub(crate) const DAMAGE: Kind = kind("damage", "damage");
pub(crate) const OWNER: Kind = kind("owner", "the role does not own what it uses");
pub const UNPLACED: Kind =
    kind("unplaced", "there are rows of an organization that the map does not place here");
pub const UNFINISHED: Kind = kind("unfinished", "an organization that the map places here has no profile");
/// Not of the store, which cannot be looked at then; of whoever opens it.
pub const UNREACHABLE: Kind = kind("unreachable", "the database of a cluster could not be looked at");
/// Of whoever knows the map and which clusters are registered, as [`UNREACHABLE`].
pub const UNREGISTERED: Kind =
    kind("unregistered", "the map places an organization in a cluster that is not registered");
/// Of whoever opens the control store.
pub const SIGNING: Kind = kind("signing", "the signing keys were gone");
pub(crate) const NUMBERS: Kind =
    kind("numbers", "an organization lies behind the last number that was given out");
pub(crate) const COUNTER: Kind = kind("counter", "a counter differs from its users");
pub(crate) const FIGURES: Kind = kind("figures", "the figures of a user differ from what there is of it");
pub(crate) const POSITION: Kind = kind("position", "a row lies behind the last position that was given out");
pub(crate) const PLACE: Kind = kind("place", "a row lies in the place of another directory");
pub(crate) const REFERENCE: Kind = kind("reference", "a row refers to none");
pub(crate) const STRANGER: Kind =
    kind("stranger", "there are rows of a user who is neither there nor awaited");
pub(crate) const ERASED: Kind = kind("erased", "there are rows of a user who was erased");
pub(crate) const LEFT: Kind = kind("left", "something is left of what was made anonymous");
pub(crate) const UNDONE: Kind = kind("undone", "there is no job for what is still to be done");
pub(crate) const HOLDER: Kind = kind("holder", "a message is of another user than its conversation");
pub(crate) const ADMINISTRATOR: Kind =
    kind("administrator", "an administrator has been given what everybody of them reaches");
pub(crate) const KEYS: Kind = kind("keys", "a key does not fit the text that it is made from");
pub(crate) const IDENTIFIERS: Kind =
    kind("identifiers", "the addresses and numbers of a contact do not fit it");
pub(crate) const SEARCH: Kind = kind("search", "the search index does not fit its user");
pub(crate) const NOBODY: Kind = kind("nobody", "the search index holds nobody's words");

/// Every kind of finding.
pub const KINDS: [Kind; 23] = [
    DAMAGE,
    UNREACHABLE,
    UNREGISTERED,
    SIGNING,
    OWNER,
    UNPLACED,
    UNFINISHED,
    NUMBERS,
    COUNTER,
    FIGURES,
    POSITION,
    PLACE,
    REFERENCE,
    STRANGER,
    ERASED,
    LEFT,
    UNDONE,
    HOLDER,
    ADMINISTRATOR,
    KEYS,
    IDENTIFIERS,
    SEARCH,
    NOBODY,
];

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    /// Whose rows it is in; `None` where it is in no organization's.
    pub org: Option<OrgKey>,
    /// Where it is.
    pub place: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(org) = self.org {
            write!(f, "org_id {}: ", org.0)?;
        }
        write!(f, "{}: {}", self.kind.what, self.place)
    }
}

/// What looking over has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// What could not be looked at, and how it can be; a sentence each.
    pub unseen: Vec<String>,
}

/// What the map says of a database.
#[derive(Debug, Clone, Default)]
pub enum Placement {
    /// It is not known: every organization that has rows belongs here.
    #[default]
    Unknown,
    /// The map lies in the database itself, whose cluster is `main`.
    Own,
    /// The map lies elsewhere.
    Elsewhere(Mapped),
}

/// What the map says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapped {
    /// The organizations that live in the database.
    pub here: BTreeSet<OrgKey>,
    /// Those that are on the way from one database to another.
    pub moving: BTreeSet<OrgKey>,
    /// No organization has been given a greater number.
    pub last: i64,
}

/// How far looking over has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Step {
    pub doing: Doing,
    /// How many organizations have been begun with, and how many there are.
    pub organization: usize,
    pub organizations: usize,
    /// Users whose rows have been read, or on SQLite entries of the search index.
    pub rows: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Doing {
    /// The engine reads every page, or every index.
    #[default]
    Pages,
    Organizations,
    SearchIndex,
}

/// Is told how far it is, often.
pub type Watch = Arc<dyn Fn(Step) + Send + Sync>;

/// Findings as they come in: the first ones of each kind, and how many more there are.
#[derive(Default)]
pub(crate) struct Findings {
    report: Report,
    found: BTreeMap<&'static str, (Kind, usize)>,
    /// Whether there are not all tables, so that most questions cannot be asked.
    pub(crate) lacks_tables: bool,
}

impl Findings {
    pub(crate) fn push(&mut self, kind: Kind, org: Option<OrgKey>, place: String) {
        let (_, found) = self.found.entry(kind.name).or_insert((kind, 0));
        *found += 1;
        if *found <= MOST {
            self.report.findings.push(Finding { kind, org, place });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.report.findings.is_empty()
    }

    /// Notes what could not be looked at.
    pub(crate) fn unseen(&mut self, sentence: &str) {
        self.report.unseen.push(sentence.to_owned());
    }

    /// Goes on after damage that kept something from being looked at: it is the finding. What a row holds may be personal,
    /// so of a column that cannot be read only the number is told.
    pub(crate) fn note(&mut self, org: Option<OrgKey>, looked: Result<()>) -> Result<()> {
        match looked {
            Err(StoreError::Corrupt(text)) => {
                let told = match text.split_once(": ") {
                    Some((column, _)) if column.starts_with("column ") => format!("{column} cannot be read"),
                    _ => text,
                };
                self.push(DAMAGE, org, told);
                Ok(())
            }
            other => other,
        }
    }

    pub(crate) fn into_report(self) -> Report {
        let Self { mut report, found, .. } = self;
        // A query answers no more than one beyond the most, so there may be more than are counted.
        let more = found.into_values().filter(|(_, found)| *found > MOST).map(|(kind, found)| Finding {
            kind,
            org: None,
            place: format!("and at least {} more", found - MOST),
        });
        report.findings.extend(more);
        report
    }
}

/// Looks over what both engines have: the map, and each organization that belongs here. `conn` is the control store's, in
/// one snapshot.
pub(crate) fn look_over(
    conn: &Conn<'_>,
    placement: &Placement,
    watch: &Watch,
    findings: &mut Findings,
) -> Result<()> {
    let missing = organizations::missing(conn)?;
    for table in &missing {
        findings.push(DAMAGE, None, format!("the table {table} is missing"));
    }
    if !missing.is_empty() {
        findings.lacks_tables = true;
        findings.unseen("the rows of organizations, because tables are missing");
        return Ok(());
    }
    let looked = organizations::check_map(conn, placement, findings);
    findings.note(None, looked)?;
    let mut placed = Vec::new();
    let looked = organizations::placed(conn, placement, findings).map(|found| placed = found);
    findings.note(None, looked)?;
    let mut step =
        Step { doing: Doing::Organizations, organization: 0, organizations: placed.len(), rows: 0 };
    for org in placed {
        step.organization += 1;
        watch(step);
        let conn = Conn::new(conn.engine, org);
        let looked = rules::check(&conn, findings);
        findings.note(Some(org), looked)?;
        let looked = declared::check(&conn, findings);
        findings.note(Some(org), looked)?;
        let looked = rows::check(&conn, watch, &mut step, findings);
        findings.note(Some(org), looked)?;
    }
    Ok(())
}
