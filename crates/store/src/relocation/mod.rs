//! Taking all rows of an organization from one database to another, of whichever engine each is.
//!
//! Rows are read in batches in the order of a key and written in transactions of a batch each, the next batch being read
//! while one is written; neither the number of rows nor their length decides about memory. What both engines hold the same
//! is copied as it is; the search index and the counters are made anew, and of numbers of users `numbers.rs` tells. While
//! rows are read, and again when all of them are read back, each table is counted and summed up, and the sums are compared.
//!
//! It must not know when an organization may be moved, nor who decides where it is: whoever calls sees to it that nobody
//! writes the organization's rows in either database meanwhile, and that there are none in the target before.

mod numbers;
mod plan;
mod rows;
mod write;

use std::sync::Arc;

use denizen_domain::ids::OrgKey;
use denizen_domain::member::Directory;
use futures_util::future::join;

use self::numbers::{Given, PerDirectory, slot};
use self::plan::{Plan, Types};
use self::rows::Rows;
use crate::conn::Tx;
use crate::error::{Result, StoreError};
use crate::holdings::Numbers;
use crate::sql::{Dialect, Sql, Statement, Value};
use crate::store::Store;

pub use self::plan::Batches;
pub use self::rows::Sum;

pub(crate) const STATEMENTS: &[&Sql] = numbers::STATEMENTS;
pub(crate) const COLUMN_STATEMENTS: &[&Sql] = plan::STATEMENTS;

/// Looked at in each transaction that writes, for a mover that was held up may find that its work has been taken from it.
pub type Guard = Arc<dyn Fn(&Tx<'_>) -> Result<()> + Send + Sync>;

/// What is being done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Copying,
    /// The copy is read back.
    Comparing,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub phase: Phase,
    pub table: &'static str,
    /// Rows of the table that are done.
    pub rows: u64,
}

/// A table that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub table: &'static str,
    pub sum: Sum,
}

/// A table whose copy is not what it is a copy of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    pub table: &'static str,
    pub source: Sum,
    pub target: Sum,
}

/// The names of all tables that move, in the order in which they do.
pub fn tables() -> Vec<&'static str> {
    plan::plans().into_iter().map(|plan| plan.name).collect()
}

/// Whether the database has rows of the organization.
pub fn has_rows(conn: &crate::Conn<'_>) -> Result<bool> {
    for plan in plan::plans() {
        if plan.has_rows(conn)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An organization on its way.
pub struct Relocation {
    source: Arc<Place>,
    target: Arc<Place>,
    guard: Guard,
    plans: Vec<Arc<Plan>>,
    given: Given,
    keeps: bool,
}

/// One of the two databases.
struct Place {
    store: Store,
    org: OrgKey,
    dialect: Dialect,
    types: Types,
    batches: Batches,
}

impl Place {
    async fn of(store: &Store, org: OrgKey, batches: Batches) -> Result<Self> {
        let read = |conn: &crate::Conn<'_>| Ok::<_, StoreError>((conn.dialect(), plan::types(conn)?));
        let (dialect, types) = store.scan(org, read).await?;
        Ok(Self { store: store.clone(), org, dialect, types, batches })
    }

    /// The rows behind a key, or the first ones.
    async fn read(self: &Arc<Self>, plan: &Arc<Plan>, after: Option<Vec<Value>>) -> Result<Rows> {
        let (place, plan) = (Arc::clone(self), Arc::clone(plan));
        self.store
            .scan(self.org, move |conn| plan.read(conn, &place.types, after.as_deref(), place.batches))
            .await
    }

    /// Reads a table through, and tells of each batch.
    async fn each_batch(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        mut with: impl AsyncFnMut(Arc<Rows>) -> Result<()>,
    ) -> Result<()> {
        let mut batch = Arc::new(self.read(plan, None).await?);
        while let Some(after) = batch.last(&plan.key) {
            let (done, next) = join(with(Arc::clone(&batch)), self.read(plan, Some(after))).await;
            done?;
            batch = Arc::new(next?);
        }
        Ok(())
    }
}

impl Relocation {
    /// Looks at both databases; writes nothing.
    pub async fn prepare(
        (source, target): (&Store, &Store),
        org: OrgKey,
        guard: Guard,
        batches: Batches,
    ) -> Result<Self> {
        let (source, target) = join(Place::of(source, org, batches), Place::of(target, org, batches)).await;
        let (source, target) = (source?, target?);
        let given = source.store.scan(org, Given::read).await?;
        let keeps = given.fits(target.dialect);
        let plans = plan::plans().into_iter().map(Arc::new).collect();
        Ok(Self { source: Arc::new(source), target: Arc::new(target), guard, plans, given, keeps })
    }

    /// Whether continuation tokens of members from before go on after it. Only of PostgreSQL's numbers some are too great
    /// for SQLite.
    pub fn keeps_tokens(&self) -> bool {
        self.keeps
    }

    /// How many rows each table has where the organization comes from.
    pub async fn count(&self) -> Result<Vec<(&'static str, u64)>> {
        let mut counts = Vec::new();
        for plan in &self.plans {
            let one = Arc::clone(plan);
            let rows = self.source.store.scan(self.source.org, move |conn| one.count(conn)).await?;
            counts.push((plan.name, rows));
        }
        Ok(counts)
    }

    /// Copies everything.
    ///
    /// # Errors
    /// What the guard says, and errors of either store; a part is copied then, and has to be erased before another attempt.
    pub async fn copy(&self, progress: &(dyn Fn(Step) + Sync)) -> Result<Vec<Moved>> {
        let (mut moved, mut record) = (Vec::new(), self.given.record);
        let (mut users, mut last): (PerDirectory, PerDirectory) = Default::default();
        for plan in &self.plans {
            if matches!(plan.numbers, Numbers::Fresh(_)) {
                // Beyond those of members, who are there already: an entry of the search index is named by its number.
                self.raise(last[slot(Directory::Members)].max(self.given.member), 0).await?;
            }
            let mut sum = Sum::default();
            self.source
                .each_batch(plan, async |rows| {
                    sum.add(&rows, self.renumbered(plan));
                    count_users(plan, &rows, &mut users);
                    record = record.max(greatest_record(plan, &rows));
                    last = self.write(plan, rows, last).await?;
                    progress(Step { phase: Phase::Copying, table: plan.name, rows: sum.rows });
                    Ok(())
                })
                .await?;
            moved.push(Moved { table: plan.name, sum });
        }
        if self.keeps {
            let member = &mut last[slot(Directory::Members)];
            *member = self.given.member.max(*member);
        }
        self.raise(last[slot(Directory::Members)], record).await?;
        let guard = Arc::clone(&self.guard);
        self.target
            .store
            .write_barred(self.target.org, move |tx| {
                guard(tx)?;
                numbers::set_counters(tx, users, last)
            })
            .await?;
        Ok(moved)
    }

    /// Reads the copy back; the tables in which it is not what was copied.
    pub async fn compare(
        &self,
        moved: &[Moved],
        progress: &(dyn Fn(Step) + Sync),
    ) -> Result<Vec<Difference>> {
        let mut differences = Vec::new();
        for (plan, moved) in self.plans.iter().zip(moved) {
            let mut sum = Sum::default();
            self.target
                .each_batch(plan, async |rows| {
                    sum.add(&rows, self.renumbered(plan));
                    progress(Step { phase: Phase::Comparing, table: plan.name, rows: sum.rows });
                    Ok(())
                })
                .await?;
            if sum != moved.sum {
                differences.push(Difference { table: plan.name, source: moved.sum, target: sum });
            }
        }
        Ok(differences)
    }

    /// The column that has other numbers afterwards.
    fn renumbered(&self, plan: &Plan) -> Option<usize> {
        match plan.numbers {
            Numbers::Fresh(_) => plan.position,
            Numbers::Kept if !self.keeps => plan.position,
            _ => None,
        }
    }

    async fn write(&self, plan: &Arc<Plan>, rows: Arc<Rows>, last: PerDirectory) -> Result<PerDirectory> {
        let (plan, target, guard) = (Arc::clone(plan), Arc::clone(&self.target), Arc::clone(&self.guard));
        let keeps = self.keeps;
        self.target
            .store
            .write_barred(self.target.org, move |tx| {
                guard(tx)?;
                write::insert(tx, &plan, &target.types, &rows, last, keeps)
            })
            .await
    }

    /// Sees to it that the numbers up to these are not drawn in the target.
    async fn raise(&self, member: i64, record: i64) -> Result<()> {
        let raise = move |tx: &Tx<'_>| {
            numbers::raise_users(tx, member)?;
            numbers::raise_records(tx, record)
        };
        self.target.store.write_barred(self.target.org, raise).await
    }
}

fn count_users(plan: &Plan, rows: &Rows, users: &mut PerDirectory) {
    match plan.numbers {
        Numbers::Fresh(directory) => {
            users[slot(directory)] += i64::try_from(rows.len()).unwrap_or(i64::MAX);
        }
        Numbers::Kept => {
            for row in 0..rows.len() {
                let number = plan.directory.and_then(|column| rows.int(row, column));
                if let Some(directory) = number.and_then(Directory::from_number) {
                    users[slot(directory)] += 1;
                }
            }
        }
        Numbers::None | Numbers::Records => {}
    }
}

fn greatest_record(plan: &Plan, rows: &Rows) -> i64 {
    match (plan.numbers, plan.position) {
        (Numbers::Records, Some(column)) => {
            (0..rows.len()).filter_map(|row| rows.int(row, column)).max().unwrap_or_default()
        }
        _ => 0,
    }
}

/// One statement of each shape, for the test that prepares them.
pub fn example_statements(conn: &crate::Conn<'_>) -> Result<Vec<Statement>> {
    let (dialect, types) = (conn.dialect(), plan::types(conn)?);
    let mut statements = Vec::new();
    for plan in plan::plans() {
        statements.push(plan.page(dialect, conn.org, &types, None, Batches::default()));
        let after: Vec<Value> = plan.key.iter().map(|_| Value::Int(1)).collect();
        statements.push(plan.page(dialect, conn.org, &types, Some(&after), Batches::default()));
        statements.push(Statement::new(&plan.insert(dialect, &types)));
    }
    Ok(statements)
}
