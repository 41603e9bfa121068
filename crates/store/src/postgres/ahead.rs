//! What is sent ahead of the next statement that is waited for.

use futures_util::future::join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use crate::sql::{Many, Param, Value};

/// The most rows that travel in one statement, and about the most bytes.
const MOST_ROWS: usize = 1_000;
const MOST_BYTES: usize = 1 << 20;

/// What a statement does with its rows, and so which of them may travel together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It adds them, and they refer to no other rows that are added, or only to those of the same statement.
    Parents,
    /// It adds them, and they may refer to such parents: they travel behind all of them.
    Children,
    /// It changes them: only those that follow one another travel together.
    Changes,
}

type Values = Vec<Option<Value>>;

enum Piece {
    Text(String),
    Statement(Statement, Values),
    Rows(Rows),
}

/// Rows that travel in one statement: it takes the organization, and an array for each column.
struct Rows {
    kind: Kind,
    text: &'static str,
    statement: Statement,
    org: Option<Value>,
    values: Vec<Values>,
    bytes: usize,
}

/// What waits, in the order in which it is to be run.
#[derive(Default)]
pub(super) struct Ahead(Vec<Piece>);

fn owned(params: &[Param<'_>]) -> Values {
    params.iter().map(|param| param.to_value()).collect()
}

fn borrowed(value: Option<&Value>) -> Param<'_> {
    value.map_or(Param::Null, Value::as_param)
}

fn size(params: &[Param<'_>]) -> usize {
    let size = |param: &Param<'_>| match param {
        Param::Text(text) => text.len(),
        Param::Blob(bytes) => bytes.len(),
        Param::Words(words) => words.iter().map(String::len).sum(),
        Param::Null | Param::Int(_) => size_of::<i64>(),
    };
    params.iter().map(size).sum()
}

impl Ahead {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn push_text(&mut self, text: String) {
        self.0.push(Piece::Text(text));
    }

    pub(super) fn push(&mut self, statement: Statement, params: &[Param<'_>]) {
        self.0.push(Piece::Statement(statement, owned(params)));
    }

    /// Puts a row beside others of its statement that wait, with nothing between them but rows that are added; `false` when
    /// there are none, or too many.
    pub(super) fn join_row(&mut self, kind: Kind, text: &'static str, params: &[Param<'_>]) -> bool {
        for piece in self.0.iter_mut().rev() {
            let Piece::Rows(rows) = piece else { return false };
            if std::ptr::eq(rows.text, text) {
                let has_room = rows.values.len() < MOST_ROWS && rows.bytes < MOST_BYTES;
                if has_room {
                    rows.add(params);
                }
                return has_room;
            }
            if kind == Kind::Changes || rows.kind == Kind::Changes {
                return false;
            }
        }
        false
    }

    /// The first row of a statement.
    pub(super) fn push_row(
        &mut self,
        kind: Kind,
        text: &'static str,
        statement: Statement,
        params: &[Param<'_>],
    ) {
        let org = params.first().and_then(|org| org.to_value());
        let mut rows = Rows { kind, text, statement, org, values: Vec::new(), bytes: 0 };
        rows.add(params);
        let is_child = |piece: &&Piece| matches!(piece, Piece::Rows(Rows { kind: Kind::Children, .. }));
        let behind = match kind {
            Kind::Parents => self.0.iter().rev().take_while(is_child).count(),
            Kind::Children | Kind::Changes => 0,
        };
        self.0.insert(self.0.len() - behind, Piece::Rows(rows));
    }

    /// Each is sent when it is first polled, and they are polled in their order. The first failure is the one that counts:
    /// the others only say that the transaction is over.
    pub(super) async fn send(&self, client: &Client) -> Result<(), Error> {
        join_all(self.0.iter().map(|piece| piece.send(client))).await.into_iter().collect()
    }
}

impl Piece {
    async fn send(&self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Text(text) => client.batch_execute(text).await,
            Self::Statement(statement, values) => {
                let params = values.iter().map(|value| borrowed(value.as_ref()));
                client.execute_raw(statement, params).await.map(drop)
            }
            Self::Rows(rows) => {
                let (org, columns) = (borrowed(rows.org.as_ref()), rows.columns());
                let columns = columns.iter().map(|column| -> &(dyn ToSql + Sync) { column });
                let params: Vec<&(dyn ToSql + Sync)> = std::iter::once(&org as _).chain(columns).collect();
                client.execute_raw(&rows.statement, params).await.map(drop)
            }
        }
    }
}

impl Rows {
    /// `params` begin with the organization.
    fn add(&mut self, params: &[Param<'_>]) {
        let own = params.get(1..).unwrap_or_default();
        self.bytes += size(own);
        self.values.push(owned(own));
    }

    fn columns(&self) -> Vec<Many<'_>> {
        let width = self.values.first().map_or(0, Vec::len);
        let column = |at: usize| Many(self.values.iter().map(|row| borrowed(row[at].as_ref())).collect());
        (0..width).map(column).collect()
    }
}
