//! Numbered migrations with checksums, on PostgreSQL.

use std::cell::RefCell;
use std::sync::Arc;

use denizen_domain::ids::OrgKey;

use super::options::PostgresOptions;
use super::pooler::must_keep_sessions;
use super::run::{Outage, Run};
use super::session::{Mode, Pass, Session};
use crate::conn::{Admission, Engine, Tx};
use crate::error::{Result, StoreError};
use crate::migration::{MIGRATIONS, Migration, checksum, newest};
use crate::sql::{Param, Sql};

/// Held by whoever migrates: of two processes that start at once, one waits. Any number does that nobody else uses.
const LOCK: i64 = 0x0064_656e_697a_656e;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum BYTEA NOT NULL, applied_at BIGINT NOT NULL
)";

static NEWEST: Sql =
    Sql::split("migration.newest", "", "SELECT coalesce(max(version), 0) FROM schema_migration");
static APPLIED: Sql =
    Sql::split("migration.applied", "", "SELECT checksum FROM schema_migration WHERE version = $1");
static NOTE: Sql = Sql::split(
    "migration.note",
    "",
    "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
);
static BYPASSES_WALLS: Sql = Sql::split(
    "migration.bypasses_walls",
    "",
    "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user",
);
static ENCODING: Sql = Sql::split("migration.encoding", "", "SELECT current_setting('server_encoding')");

static HAS_BEGUN: Sql =
    Sql::split("migration.has_begun", "", "SELECT to_regclass('schema_migration') IS NOT NULL");

pub(crate) const STATEMENTS: &[&Sql] = &[&NEWEST, &APPLIED, &NOTE, &BYPASSES_WALLS, &ENCODING, &HAS_BEGUN];

/// Whether a denizen has begun to use this database.
pub(crate) fn has_begun(options: &Arc<PostgresOptions>) -> Result<bool> {
    let session = RefCell::new(Session::new(Arc::clone(options), Mode::Snapshot)?);
    let outage = Outage::default();
    let run = Run {
        admission: Admission::Given,
        session: &session,
        outage: &outage,
        patience: options.patience,
        org: OrgKey::CONTROL,
        has_gone: &|| false,
    };
    let found = run.until_done(Pass::Hopeful, None, &mut |tx: &Tx<'_>| {
        tx.optional(&HAS_BEGUN, &[], |row| row.bool(0))
    })?;
    Ok(found == Some(true))
}

/// Brings the schema up to date, and answers whether the walls between organizations stand for this role, and a session
/// for writes. Each step is a transaction; a step that fails leaves the ones before it.
pub(crate) fn run(options: &Arc<PostgresOptions>, now_micros: i64) -> Result<(bool, Session)> {
    // A step on a large table takes as long as it takes.
    let patient =
        PostgresOptions { statement_timeout: std::time::Duration::from_hours(24), ..(**options).clone() };
    let session = RefCell::new(Session::new(Arc::new(patient), Mode::Step)?);
    let outage = Outage::default();
    let run = Run {
        admission: Admission::Given,
        session: &session,
        outage: &outage,
        patience: options.patience,
        org: OrgKey::CONTROL,
        has_gone: &|| false,
    };
    // Who finds everything done asks for no lock, which somebody else may hold for long.
    if !run.until_done(Pass::Hopeful, None, &mut |tx: &Tx<'_>| is_current(tx))? {
        tracing::info!("bringing the schema up to date; another process that does so is waited for");
        run.until_done(Pass::Hopeful, None, &mut |tx: &Tx<'_>| {
            lock(tx)?;
            batch(tx, TABLE)
        })?;
        for step in MIGRATIONS {
            run.until_done(Pass::Hopeful, None, &mut |tx: &Tx<'_>| {
                lock(tx)?;
                apply(tx, step, now_micros)
            })?;
        }
    }
    let known = newest();
    let (found, bypasses) = run.until_done(Pass::Hopeful, None, &mut |tx: &Tx<'_>| {
        let found = tx.optional(&NEWEST, &[], |row| row.int(0))?;
        // Superusers, and roles that may bypass it, stand outside the wall between organizations.
        let bypasses = tx.optional(&BYPASSES_WALLS, &[], |row| row.bool(0))?;
        Ok::<_, StoreError>((found.unwrap_or_default(), bypasses))
    })?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    let mut writer = Session::new(Arc::clone(options), Mode::Write)?;
    // Where there is room for one connection only, it tries again when it has something to do.
    if writer.connect().is_ok() {
        must_keep_sessions(&mut session.borrow_mut(), &mut writer)?;
    }
    Ok((bypasses != Some(true), writer))
}

fn lock(tx: &Tx<'_>) -> Result<()> {
    // As text: the lock has to be waited for before the transaction sees anything of the schema.
    batch(tx, &format!("SELECT pg_advisory_xact_lock({LOCK})"))
}

fn batch(tx: &Tx<'_>, text: &str) -> Result<()> {
    let Engine::Postgres(session) = tx.engine else {
        return Err(StoreError::Internal("a migration of another engine".to_owned()));
    };
    session.borrow_mut().batch(tx.org, text)
}

/// Whether every step was applied.
fn is_current(tx: &Tx<'_>) -> Result<bool> {
    must_hold_every_text(tx)?;
    if tx.optional(&HAS_BEGUN, &[], |row| row.bool(0))? != Some(true) {
        return Ok(false);
    }
    for step in MIGRATIONS {
        if !is_applied(tx, step)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_applied(tx: &Tx<'_>, step: &Migration) -> Result<bool> {
    let applied =
        tx.optional(&APPLIED, &[Param::Int(step.version)], |row| row.blob(0).map(<[u8]>::to_vec))?;
    applied.map_or(Ok(false), |found| step.must_match(&found, &checksum(step.postgres)).map(|()| true))
}

fn apply(tx: &Tx<'_>, step: &Migration, now_micros: i64) -> Result<()> {
    if is_applied(tx, step)? {
        return Ok(());
    }
    batch(tx, step.postgres)?;
    let checksum = checksum(step.postgres);
    let params =
        [Param::Int(step.version), Param::Text(step.name), Param::Blob(&checksum), Param::Int(now_micros)];
    tx.write(&NOTE, &params)
}

/// In another encoding names could not be kept, and that would show only when somebody has one.
fn must_hold_every_text(tx: &Tx<'_>) -> Result<()> {
    match tx.optional(&ENCODING, &[], |row| row.text(0))? {
        Some(encoding) if encoding != "UTF8" => {
            Err(StoreError::Refused(format!("its encoding is {encoding}, and denizen needs UTF8")))
        }
        _ => Ok(()),
    }
}
