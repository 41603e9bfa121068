//! Looking a PostgreSQL database over: what both engines have (see `check/`), and what only PostgreSQL has: tables that
//! belong to somebody else, and indexes that the extension `amcheck` compares with their tables.
//!
//! It must not mend anything. It has a connection of its own, reads one snapshot, and sees one organization after the
//! other, each behind its wall. Damage of the files is for PostgreSQL's own tools to find: data checksums, `pg_amcheck`.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use denizen_domain::ids::OrgKey;
use tokio::sync::oneshot;

use super::options::PostgresOptions;
use super::session::{Mode, Pass, Session};
use crate::check::{self, DAMAGE, Findings, OWNER, Placement, Report, Step, Watch};
use crate::conn::{Admission, Conn, Engine};
use crate::error::{Result, StoreError};
use crate::sql::Sql;

/// A role that is a member of the owner has the owner's rights.
static FOREIGN: Sql = Sql::split(
    "check.foreign",
    "",
    "SELECT CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || relname || ' belongs to '
         || pg_get_userbyid(relowner)
     FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'p', 'S')
     AND NOT pg_has_role(relowner, 'USAGE') ORDER BY relkind, relname",
);
/// An index whose making was broken off.
static INVALID: Sql = Sql::split(
    "check.invalid",
    "",
    "SELECT CAST(relname AS TEXT) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
     WHERE relnamespace = to_regnamespace(current_schema()) AND NOT (indisvalid AND indisready) ORDER BY relname",
);

pub(crate) const STATEMENTS: &[&Sql] = &[&FOREIGN, &INVALID];

/// The function of the extension, as the role may call it: empty where there is none.
const AMCHECK: &str = "SELECT coalesce((SELECT CASE
        WHEN NOT has_schema_privilege(nspname, 'USAGE')
            OR NOT has_function_privilege(pg_proc.oid, 'EXECUTE') THEN 'refused'
        ELSE CAST(CAST(pg_proc.oid AS regproc) AS TEXT) END
    FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
    JOIN pg_proc ON pronamespace = pg_namespace.oid
        AND pg_proc.oid = to_regprocedure(quote_ident(nspname) || '.bt_index_check(regclass,boolean)')
    WHERE extname = 'amcheck'), '')";
/// The indexes of the tables, in one text, each as it is named in a statement.
const BTREES: &str = "SELECT coalesce(string_agg(CAST(CAST(pg_class.oid AS regclass) AS TEXT), chr(10) ORDER BY relname), '')
    FROM pg_class JOIN pg_am ON pg_am.oid = relam JOIN pg_index ON indexrelid = pg_class.oid
    WHERE relnamespace = to_regnamespace(current_schema()) AND amname = 'btree' AND relkind = 'i' AND indisvalid";
const GRANT: &str = "GRANT EXECUTE ON FUNCTION bt_index_check(regclass, boolean) TO the role of denizen";

pub(crate) async fn run(options: &PostgresOptions, placement: Placement, watch: Watch) -> Result<Report> {
    // It takes as long as it takes.
    let patient = PostgresOptions { statement_timeout: Duration::from_hours(24), ..options.clone() };
    let (reply, answer) = oneshot::channel();
    std::thread::Builder::new()
        .name("denizen-check".to_owned())
        .spawn(move || {
            // Whoever asked may have gone meanwhile.
            let _ = reply.send(look_over(&Arc::new(patient), &placement, &watch));
        })
        .map_err(|error| StoreError::Io(format!("a thread could not be started: {error}")))?;
    answer.await.map_err(|_| StoreError::Internal("a check panicked".to_owned()))?
}

fn look_over(options: &Arc<PostgresOptions>, placement: &Placement, watch: &Watch) -> Result<Report> {
    let mut findings = Findings::default();
    let mut session = Session::new(Arc::clone(options), Mode::Snapshot)?;
    session.connect().map_err(|failure| failure.error())?;
    session.begin(Pass::Hopeful, Admission::Given, None);
    let session = RefCell::new(session);
    let conn = Conn::new(Engine::Postgres(&session), OrgKey::CONTROL);
    for foreign in conn.all(&FOREIGN, &[], |row| row.text(0))? {
        findings.push(OWNER, None, foreign);
    }
    for index in conn.all(&INVALID, &[], |row| row.text(0))? {
        findings.push(DAMAGE, None, format!("the index {index} is not valid"));
    }
    match check::look_over(&conn, placement, watch, &mut findings) {
        // What was found already is why.
        Err(StoreError::Refused(_)) if !findings.is_empty() => return Ok(findings.into_report()),
        looked => looked?,
    }
    let mut session = session.into_inner();
    // After the snapshot: the index is compared with what the table holds by now.
    session.roll_back();
    check_btrees(&mut session, watch, &mut findings)?;
    Ok(findings.into_report())
}

/// Compares each index with its table, both ways: that it is in order, and that every row is in it. Writers go on.
fn check_btrees(session: &mut Session, watch: &Watch, findings: &mut Findings) -> Result<()> {
    let function = match session.ask_alone(AMCHECK)?.as_str() {
        "" => {
            findings.unseen(&format!(
                "whether the b-tree indexes fit their tables, because the extension amcheck is not there: as a superuser, \
                 CREATE EXTENSION amcheck; {GRANT}"
            ));
            return Ok(());
        }
        "refused" => {
            findings.unseen(&format!(
                "whether the b-tree indexes fit their tables, because the role may not use the extension amcheck: as a \
                 superuser, {GRANT}"
            ));
            return Ok(());
        }
        function => function.to_owned(),
    };
    let indexes = session.ask_alone(BTREES)?;
    for index in indexes.lines() {
        watch(Step::default());
        let quoted = index.replace('\'', "''");
        let looked = session.run_alone(&format!("SELECT {function}('{quoted}', true)"));
        findings.note(None, looked)?;
    }
    Ok(())
}
