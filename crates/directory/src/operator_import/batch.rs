//! A batch of entries: what the store says of each, its password hashed, and all of it written in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use denizen_domain::ids::{ObjectId, UserId, Uuid};
use denizen_domain::operator::{Access, MailLanguage};
use denizen_domain::time::Timestamp;
use denizen_roster::{Candidate, Check, Entries, Entry, Verdict};
use denizen_store::operators::{self as stored, Operator};
use denizen_store::{Conn, Result as StoreResult, Tx, organizations};
use futures_util::future::try_join_all;

use super::resume::Note;
use super::{Failure, FailureLog, Importer};
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;
use crate::operators::{AccessProblem, Registry, Welcome, insert_checked};
use crate::passwords::Lane;

/// Entries of a batch at most, and what they may take of memory. More make writing no faster, hold other writers up, and
/// let whoever wants the import to end wait.
const MOST: usize = 256;
const MOST_BYTES: usize = 1 << 20;

/// What has to be known of a candidate to ask the store, and to make the operator.
struct Draft {
    candidate: Candidate,
    user_id: UserId,
    email: String,
    job: ObjectId,
    created_at: Timestamp,
}

/// An entry, as far as it is decided.
struct Item {
    line: u64,
    email: String,
    decision: Decision,
}

enum Decision {
    Failed(Check),
    /// The place of its draft.
    Make(usize),
}

/// What is made of the entries of a batch.
pub(super) struct Batch {
    items: Vec<Item>,
    drafts: Arc<Vec<Draft>>,
    /// Beside the drafts; empty in a dry run.
    hashes: Arc<Vec<Option<String>>>,
}

/// The next entries of a file; empty at its end.
pub(super) fn take(entries: &mut Entries) -> io::Result<Vec<Entry>> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while batch.len() < MOST && bytes < MOST_BYTES {
        let Some(entry) = entries.next_entry()? else { break };
        bytes += entry.weight();
        batch.push(entry);
    }
    Ok(batch)
}

/// What the store says of a candidate: what it may reach, or the first check in the contract's order that it does not pass.
fn judge(conn: &Conn<'_>, drafts: &[Draft], which: &[usize]) -> StoreResult<Vec<Result<Access, Check>>> {
    let asked = || which.iter().map(|at| &drafts[*at]);
    let wanted = || asked().flat_map(|draft| &draft.candidate.environments);
    let environments: BTreeSet<Uuid> = wanted().filter_map(|(id, _)| Uuid::parse(id)).collect();
    let bots: BTreeSet<Uuid> =
        wanted().flat_map(|(_, wanted)| &wanted.bots).filter_map(|id| Uuid::parse(id)).collect();
    let registry = Registry::read(conn, &Vec::from_iter(environments), &Vec::from_iter(bots))?;
    let keys: Vec<&str> = asked().map(|draft| draft.candidate.email_key.as_str()).collect();
    let taken = stored::find_taken(conn, &keys)?;
    let judged = asked().map(|draft| {
        let access = reach(&registry, &draft.candidate)?;
        match draft.candidate.then {
            Some(check) => Err(check),
            None if taken.contains(&draft.candidate.email_key) => Err(Check::EmailTaken),
            None => Ok(access),
        }
    });
    Ok(judged.collect())
}

fn reach(registry: &Registry, candidate: &Candidate) -> Result<Access, Check> {
    let Some(role) = candidate.role else { return Ok(Access::Administrator) };
    let mut breach: Option<Check> = None;
    let mut fail = |check: Check| breach = Some(breach.map_or(check, |known| known.min(check)));
    let mut environments = BTreeMap::new();
    for (id, wanted) in &candidate.environments {
        let Some(environment) = Uuid::parse(id).and_then(|id| registry.environment(id)) else {
            fail(Check::EnvironmentUnknown);
            continue;
        };
        if wanted.names.iter().any(|name| *name != environment.name) {
            fail(Check::EnvironmentNameWrong);
        }
        let mut given = BTreeSet::new();
        for id in &wanted.bots {
            let bot = Uuid::parse(id).ok_or(AccessProblem::UnknownBot);
            match bot.and_then(|id| registry.bot(environment.environment_id, id)) {
                Ok(bot) => {
                    given.insert(bot.bot_id);
                }
                Err(AccessProblem::BotElsewhere) => fail(Check::BotElsewhere),
                Err(_) => fail(Check::BotUnknown),
            }
        }
        environments.insert(environment.environment_id, given);
    }
    breach.map_or(Ok(Access::Environments { role, environments }), Err)
}

impl Directory {
    /// Asks the store, and hashes the passwords of those whom nothing speaks against.
    pub(super) async fn prepare_import(
        &self,
        by: Importer,
        entries: Vec<Entry>,
        hashes: bool,
    ) -> Result<Batch> {
        let (environment, now) = (self.environment(), self.now());
        let (mut items, mut drafts) = (Vec::with_capacity(entries.len()), Vec::new());
        for (nth, Entry { line, email, verdict }) in (0..).zip(entries) {
            let decision = match verdict {
                Verdict::Failed(check) => Decision::Failed(check),
                Verdict::Candidate(candidate) => {
                    // So that ids rise in the order of the file.
                    let user_id = UserId::from_uuid(environment.ordered_uuid(now.plus_micros(nth)));
                    let job = environment.object_id(now);
                    drafts.push(Draft {
                        candidate: *candidate,
                        user_id,
                        email: email.clone(),
                        job,
                        created_at: now,
                    });
                    Decision::Make(drafts.len() - 1)
                }
            };
            items.push(Item { line, email, decision });
        }
        let drafts = Arc::new(drafts);
        let mut batch = Batch { items, drafts, hashes: Arc::default() };
        let (drafts, which) = (Arc::clone(&batch.drafts), batch.to_make());
        let judged = self.query(by.organization.org, {
            let which = which.clone();
            move |conn| judge(conn, &drafts, &which)
        });
        let judged = judged.await?;
        batch.fail(which.iter().copied().zip(judged).filter_map(|(at, judged)| Some((at, judged.err()?))));
        if hashes {
            let mut made = vec![None; batch.drafts.len()];
            let which = batch.to_make();
            let each = which.iter().map(|at| {
                let password = batch.drafts[*at].candidate.password.clone();
                self.passwords().hash(password, Lane::Bulk)
            });
            for (at, hash) in which.iter().zip(try_join_all(each).await?) {
                made[*at] = Some(hash);
            }
            batch.hashes = Arc::new(made);
        }
        Ok(batch)
    }

    /// Writes a batch; those of whom the store says something else by now fail.
    ///
    /// # Errors
    /// Those of the store; then nothing of the batch is made, unless it is [`ErrorCode::OutcomeUnknown`].
    pub(super) async fn write_import(
        &self,
        by: &Importer,
        batch: &mut Batch,
        welcome: Welcome,
        note: Option<Note>,
    ) -> Result<Written> {
        let which = batch.to_make();
        if which.is_empty() && note.is_none() {
            return Ok(Written::Done);
        }
        let (drafts, hashes) = (Arc::clone(&batch.drafts), Arc::clone(&batch.hashes));
        let (actor, wakes) = (by.actor, matches!(welcome, Welcome::Mail(_)) && !which.is_empty());
        let language = match welcome {
            Welcome::Mail(language) => Some(language),
            Welcome::Silent => None,
        };
        let asked = which.clone();
        let found = self
            .write(by.organization.org, move |tx| {
                require_still(tx, actor)?;
                let judged = judge(tx, &drafts, &asked)?;
                let all: Result<Vec<Access>, Check> = judged.iter().cloned().collect();
                let Ok(accesses) = all else {
                    return Ok(Some(judged));
                };
                insert(tx, &drafts, &hashes, &asked, accesses, language)?;
                if let Some(note) = &note {
                    note.write(tx)?;
                }
                Ok(None)
            })
            .await?;
        let Some(judged) = found else {
            if wakes {
                self.inner.job_signal.wake();
            }
            return Ok(Written::Done);
        };
        batch.fail(which.into_iter().zip(judged).filter_map(|(at, judged)| Some((at, judged.err()?))));
        Ok(Written::Changed)
    }
}

/// What came of writing a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    /// Nothing was written: more entries fail than did before.
    Changed,
}

/// Whether the organization is there and who imports may still do so.
fn require_still(tx: &Tx<'_>, actor: Option<UserId>) -> Result<()> {
    organizations::find_profile(tx)?.ok_or(ErrorCode::OrganizationNotFound)?;
    let Some(actor) = actor else { return Ok(()) };
    if stored::find_credentials(tx, actor)?.is_some_and(|known| known.is_admin) {
        Ok(())
    } else {
        Err(ErrorCode::Forbidden.into())
    }
}

fn insert(
    tx: &Tx<'_>,
    drafts: &[Draft],
    hashes: &[Option<String>],
    which: &[usize],
    accesses: Vec<Access>,
    language: Option<MailLanguage>,
) -> Result<()> {
    let Some(now) = which.first().map(|at| drafts[*at].created_at) else { return Ok(()) };
    let mut made = Vec::with_capacity(which.len());
    let mut jobs = Vec::with_capacity(which.len());
    for (at, access) in which.iter().zip(accesses) {
        let draft = &drafts[*at];
        let operator = Operator {
            user_id: draft.user_id,
            email: draft.email.clone(),
            name: draft.candidate.name.clone(),
            company: draft.candidate.company.clone(),
            image: None,
            access,
            created_at: draft.created_at,
        };
        made.push((operator, hashes[*at].clone()));
        jobs.push(draft.job);
    }
    insert_checked(tx, &made, language.map(|language| (language, jobs.as_slice())), now)
}

impl Batch {
    /// The drafts of those who are to be made.
    fn to_make(&self) -> Vec<usize> {
        let makes = |item: &Item| match item.decision {
            Decision::Make(at) => Some(at),
            Decision::Failed(_) => None,
        };
        self.items.iter().filter_map(makes).collect()
    }

    fn fail(&mut self, found: impl Iterator<Item = (usize, Check)>) {
        let found: BTreeMap<usize, Check> = found.collect();
        for item in &mut self.items {
            if let Decision::Make(at) = item.decision
                && let Some(check) = found.get(&at)
            {
                item.decision = Decision::Failed(*check);
            }
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.items.len() as u64
    }

    pub(super) fn failed(&self) -> u64 {
        self.items.iter().filter(|item| matches!(item.decision, Decision::Failed(_))).count() as u64
    }

    /// Notes those that fail, in the order of the file.
    pub(super) fn note_failures(&self, log: &mut dyn FailureLog) -> io::Result<()> {
        for item in &self.items {
            if let Decision::Failed(check) = item.decision {
                log.note(&Failure { line: item.line, email: &item.email, check })?;
            }
        }
        Ok(())
    }
}
