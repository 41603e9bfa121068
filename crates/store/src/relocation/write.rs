//! Writing a batch of rows in its new place, and what goes with users: their numbers and their entries in the search index.

use denizen_domain::member::Directory;

use super::numbers::{self, PerDirectory};
use super::plan::{Plan, Types};
use super::rows::Rows;
use crate::conn::{IndexChange, Tx};
use crate::error::{Result, StoreError};
use crate::holdings::Numbers;
use crate::sql::{Dialect, Many, Param};
use crate::users::{Position, windows};

const INSERT_WINDOWS: &str = "INSERT INTO user_search (org_id, position, windows)
     SELECT CAST($1 AS BIGINT), * FROM unnest(CAST($2 AS BIGINT[]), CAST($3 AS TSVECTOR[]))";

/// Adds the rows. `last` is the greatest number of each directory that was written before; the greatest one after it is
/// answered. `keeps` says whether members keep their numbers.
pub(super) fn insert(
    tx: &Tx<'_>,
    plan: &Plan,
    types: &Types,
    rows: &Rows,
    mut last: PerDirectory,
    keeps: bool,
) -> Result<PerDirectory> {
    let positions = if plan.is_of_users() { number(tx, plan, rows, &mut last, keeps)? } else { Vec::new() };
    let columns: Vec<i64> = positions
        .iter()
        .map(|(position, directory)| match tx.dialect() {
            Dialect::Sqlite => position.sqlite_row(tx.org, *directory),
            Dialect::Postgres => Ok(position.0),
        })
        .collect::<Result<_>>()?;
    let value = |row: usize, column: usize| {
        if plan.position == Some(column) && plan.is_of_users() {
            Param::Int(columns[row])
        } else {
            rows.get(row, column)
        }
    };
    let text = plan.insert(tx.dialect(), types);
    let width = plan.columns.len();
    match tx.dialect() {
        Dialect::Sqlite => {
            let row = |row| {
                let mut params = Vec::with_capacity(width + 1);
                params.push(tx.org_param());
                params.extend((0..width).map(|column| value(row, column)));
                params
            };
            tx.execute_each(&text, (0..rows.len()).map(row))?;
        }
        Dialect::Postgres => {
            let column = |column| Many((0..rows.len()).map(|row| value(row, column)).collect());
            tx.insert_many(&text, &(0..width).map(column).collect::<Vec<_>>())?;
        }
    }
    if let Some(column) = plan.search_text {
        index(tx, rows, column, &columns, &positions)?;
    }
    Ok(last)
}

/// The number of each row, and its directory.
fn number(
    tx: &Tx<'_>,
    plan: &Plan,
    rows: &Rows,
    last: &mut PerDirectory,
    keeps: bool,
) -> Result<Vec<(Position, Directory)>> {
    let directory_of = |row: usize| match (plan.numbers, plan.directory) {
        (Numbers::Fresh(directory), _) => Ok(directory),
        (_, column) => column
            .and_then(|column| rows.int(row, column))
            .and_then(Directory::from_number)
            .ok_or_else(|| StoreError::Corrupt(format!("{}.directory", plan.name))),
    };
    let directories = (0..rows.len()).map(directory_of).collect::<Result<Vec<_>>>()?;
    let mut positions = if plan.numbers == Numbers::Kept && keeps {
        let kept = |row| plan.position.and_then(|column| rows.int(row, column)).map(Position);
        let kept: Option<Vec<Position>> = (0..rows.len()).map(kept).collect();
        kept.ok_or_else(|| StoreError::Corrupt(format!("{}.position", plan.name)))?
    } else if tx.dialect() == Dialect::Postgres {
        numbers::draw(tx, rows.len())?
    } else {
        Vec::new()
    };
    for (row, directory) in directories.iter().enumerate() {
        let greatest = &mut last[numbers::slot(*directory)];
        if positions.len() == row {
            positions.push(Position(*greatest + 1));
        }
        *greatest = positions[row].0.max(*greatest);
    }
    Ok(positions.into_iter().zip(directories).collect())
}

/// Makes the entries of users in the search index; who has no text has none.
fn index(
    tx: &Tx<'_>,
    rows: &Rows,
    column: usize,
    columns: &[i64],
    places: &[(Position, Directory)],
) -> Result<()> {
    let texts = (0..rows.len()).filter_map(|row| Some((row, rows.text(row, column)?)));
    if tx.dialect() == Dialect::Sqlite {
        for (row, text) in texts {
            tx.index(IndexChange { row: columns[row], before: None, after: Some(text.to_owned()) });
        }
        return Ok(());
    }
    let entries: Vec<(i64, Vec<String>)> =
        texts.map(|(row, text)| (columns[row], windows(tx.org, places[row].1, text))).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let rows = Many(entries.iter().map(|(row, _)| Param::Int(*row)).collect());
    let words = Many(entries.iter().map(|(_, words)| Param::Words(words)).collect());
    tx.insert_many(INSERT_WINDOWS, &[rows, words])
}
