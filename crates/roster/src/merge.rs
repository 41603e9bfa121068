//! Rows of one e-mail become one operator (contract section 10).
//!
//! A row that says what the rows before it said, and nothing more, is an entry of its own as long as all of them are in
//! order: the e-mail is repeated. All other rows of an e-mail are one entry, which fails when one of them does.

use std::collections::BTreeMap;
use std::io;

use crate::check::Check;
use crate::entry::{Candidate, Entry, Verdict, Wanted};
use crate::row::{Role, Row};
use crate::scratch::Scratch;
use crate::sort::{InOrder, Sorter};
use crate::{Terms, Unreadable};

/// What rows of one e-mail may name, together. Nobody reaches nearly as much, and it is held in memory.
const MAX_PLACES: usize = 20_000;

/// The entries of a file, in its order.
pub struct Entries {
    sorted: InOrder<Entry>,
    count: u64,
}

impl Entries {
    /// How many there are, those that were taken already among them.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The next entry; `None` behind the last. It blocks where scratch files are used.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        self.sorted.next()
    }
}

pub(crate) fn merge(rows: Sorter<Row>, terms: &Terms) -> Result<Entries, Unreadable> {
    let mut rows = rows.finish()?;
    let scratch = Scratch::new(terms.folder.clone(), &terms.keys[1]);
    let mut out = Out { entries: Sorter::new(terms.memory, scratch), count: 0 };
    let mut group: Option<Group> = None;
    while let Some(row) = rows.next()? {
        match &mut group {
            // Rows without an e-mail have nothing in common.
            Some(group) if group.key == row.key && !row.key.is_empty() => {
                if let Some(repeated) = group.add(row) {
                    out.push(repeated)?;
                }
            }
            _ => {
                if let Some(ended) = group.replace(Group::begin(row)) {
                    out.push(ended.end())?;
                }
            }
        }
    }
    if let Some(ended) = group {
        out.push(ended.end())?;
    }
    Ok(Entries { sorted: out.entries.finish()?, count: out.count })
}

struct Out {
    entries: Sorter<Entry>,
    count: u64,
}

impl Out {
    fn push(&mut self, entry: Entry) -> io::Result<()> {
        self.count += 1;
        self.entries.push(entry)
    }
}

/// The rows of one e-mail, as far as they were read.
struct Group {
    line: u64,
    email: String,
    key: String,
    /// The first breach of a row by itself.
    breach: Option<Check>,
    /// The first row, and what the others add to it.
    candidate: Candidate,
    role: Option<Role>,
    places: usize,
}

impl Group {
    fn begin(row: Row) -> Self {
        let breach = row.check_as_first();
        let mut group = Self {
            line: row.line,
            email: row.email,
            breach,
            role: row.role,
            places: 0,
            candidate: Candidate {
                email_key: row.key.clone(),
                name: row.name,
                company: Some(row.company).filter(|company| !company.is_empty()),
                password: row.password,
                role: match row.role {
                    Some(Role::Of(role)) => Some(role),
                    _ => None,
                },
                environments: BTreeMap::new(),
                then: None,
            },
            key: row.key,
        };
        if breach.is_none() {
            group.add_place(row.role, row.environment, row.environment_name, row.bot);
        }
        group
    }

    /// Takes another row; an entry when the row repeats what is known.
    fn add(&mut self, row: Row) -> Option<Entry> {
        if let Some(check) = row.check {
            self.breach = Some(self.breach.map_or(check, |known| known.min(check)));
            return None;
        }
        if self.breach.is_some() {
            return None;
        }
        let is_same = |text: &str, first: &str| text.is_empty() || text == first;
        let candidate = &self.candidate;
        let agrees = is_same(&row.name, &candidate.name)
            && is_same(&row.company, candidate.company.as_deref().unwrap_or_default())
            && is_same(&row.password, &candidate.password);
        let has_role = row.role == self.role;
        let adds = self.add_place(row.role, row.environment, row.environment_name, row.bot);
        if !has_role {
            self.fail_then(Check::SeveralRoles);
        }
        if !agrees {
            self.fail_then(Check::Conflicting);
        }
        let is_repeated = !adds && self.candidate.then.is_none();
        let (line, email) = (row.line, row.email);
        is_repeated.then_some(Entry { line, email, verdict: Verdict::Failed(Check::Repeated) })
    }

    fn fail_then(&mut self, check: Check) {
        let then = &mut self.candidate.then;
        *then = Some(then.map_or(check, |known| known.min(check)));
    }

    /// Whether this was not known.
    fn add_place(&mut self, role: Option<Role>, environment: String, name: String, bot: String) -> bool {
        if !matches!(role, Some(Role::Of(_))) {
            return false;
        }
        if self.places >= MAX_PLACES {
            self.fail_then(Check::Conflicting);
            return true;
        }
        let environments = &mut self.candidate.environments;
        let is_new = !environments.contains_key(&environment);
        let wanted: &mut Wanted = environments.entry(environment).or_default();
        let has_name = wanted.names.insert(name);
        let has_bot = !bot.is_empty() && wanted.bots.insert(bot);
        let adds = is_new || has_name || has_bot;
        self.places += usize::from(adds);
        adds
    }

    fn end(self) -> Entry {
        let Self { line, email, breach, candidate, .. } = self;
        let verdict = match breach {
            Some(check) => Verdict::Failed(check),
            None => Verdict::Candidate(Box::new(candidate)),
        };
        Entry { line, email, verdict }
    }
}

#[cfg(test)]
mod tests {
    use denizen_domain::operator::PasswordPolicy;

    use crate::{Check, Reading, Terms, Verdict};

    const A: &str = "00000000-0000-4000-8000-00000000000a";
    const B: &str = "00000000-0000-4000-8000-00000000000b";

    /// Line, e-mail, what is wrong, what is wrong with the rows together, and how many bots there are.
    type Found<'t> = (u64, &'t str, Option<Check>, Option<Check>, usize);

    #[track_caller]
    fn assert_entries(text: &str, expected: &[Found<'_>]) {
        let terms =
            Terms { policy: PasswordPolicy::default(), memory: 400, folder: None, keys: [[1; 32], [2; 32]] };
        let mut reading = Reading::new(terms);
        reading.feed(text.as_bytes()).unwrap();
        let mut entries = reading.finish().unwrap();
        let mut expected = expected.iter();
        while let Some(entry) = entries.next_entry().unwrap() {
            let (failed, then, places) = match entry.verdict {
                Verdict::Failed(check) => (Some(check), None, 0),
                Verdict::Candidate(candidate) => {
                    let places = candidate.environments.values().map(|wanted| wanted.bots.len());
                    (None, candidate.then, places.sum())
                }
            };
            let found = (entry.line, entry.email.as_str(), failed, then, places);
            assert_eq!(Some(&found), expected.next());
        }
        assert_eq!(expected.next(), None);
    }

    #[test]
    fn rows_of_one_email_are_one_operator_in_the_place_of_the_first() {
        assert_entries(
            &format!(
                "z@x.org;Z;;admin;Abcde1\nb@x.org;B;;editor;Abcde1;{A};e;1\n a@x.org;A;;admin;Abcde1\n\
                 B@X.org;;;EDITOR;;{A};e;2\nb@x.org;B;;editor;Abcde1;{B};e;2\n"
            ),
            &[(1, "z@x.org", None, None, 0), (2, "b@x.org", None, None, 3), (3, "a@x.org", None, None, 0)],
        );
    }

    #[test]
    fn a_row_that_adds_nothing_is_told_apart() {
        let repeated = Some(Check::Repeated);
        assert_entries(
            &format!(
                "a@x.org;A;;admin;Abcde1\na@x.org;A;;admin;Abcde1;{A};e;1\nb@x.org;B;C;supervisor;Abcde1;{A};e;1\n\
                 A@x.org;;;admin\nb@x.org;;;supervisor;;{A};e;\n"
            ),
            &[
                (1, "a@x.org", None, None, 0),
                (2, "a@x.org", repeated, None, 0),
                (3, "b@x.org", None, None, 1),
                (4, "A@x.org", repeated, None, 0),
                (5, "b@x.org", repeated, None, 0),
            ],
        );
    }

    #[test]
    fn one_row_that_is_wrong_fails_the_operator_once_with_the_first_check() {
        let first = format!("a@x.org;A;;editor;Abcde1;{A};e;1\n");
        for (second, failed, then) in [
            ("a@x.org;A;;owner;Abcde1\na@x.org;A;;editor;weak", Some(Check::RoleUnknown), None),
            ("a@x.org;A;;editor;weak\na@x.org;A;;owner;Abcde1", Some(Check::RoleUnknown), None),
            ("a@x.org;A;;admin\na@x.org;Z;;admin", None, Some(Check::SeveralRoles)),
            ("a@x.org;Z;;admin", None, Some(Check::SeveralRoles)),
        ] {
            let text = format!("{first}{second}\n");
            let places = usize::from(failed.is_none());
            assert_entries(&text, &[(1, "a@x.org", failed, then, places)]);
        }
        for second in ["a@x.org;Z;;editor", "a@x.org;A;Z;editor", "a@x.org;A;;editor;Abcde2"] {
            let cells = second.matches(';').count();
            let text = format!("{first}{second}{}{A};e;1\n", ";".repeat(5 - cells));
            assert_entries(&text, &[(1, "a@x.org", None, Some(Check::Conflicting), 1)]);
        }
    }

    #[test]
    fn rows_without_an_email_have_nothing_in_common() {
        let missing = Some(Check::EmailMissing);
        assert_entries(
            "email;name;role;password\n;A;admin;x\n\n;A;admin;x\n",
            &[(2, "", missing, None, 0), (4, "", missing, None, 0)],
        );
    }
}
