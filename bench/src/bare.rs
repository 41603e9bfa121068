//! What PostgreSQL does when nothing stands before it: single prepared statements from a pool, by 64 callers in this
//! process. What denizen reaches is compared with this.
//!
//! The role of these statements is one that the walls between organizations do not hold, such as a superuser, so that a
//! comparison shows what the walls cost too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::BytesMut;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use denizen_domain::member::Directory;
use denizen_store::users;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::data::people::Rng;
use crate::load::CONNECTIONS as CALLERS;

/// Connections of the pool: as many as denizen has for such statements by default.
pub(crate) const CONNECTIONS: usize = 16;

/// One database of PostgreSQL, by the two roles that are measured.
#[derive(Clone)]
pub(crate) struct Servers {
    /// denizen's own role.
    pub(crate) store: String,
    /// A role that the walls do not hold.
    pub(crate) bare: String,
    /// The process that all others of the database are children of, where it is known.
    pub(crate) postmaster: Option<u32>,
    /// Whether it goes when the run ends.
    pub(crate) is_temporary: bool,
}

impl Servers {
    /// The same server and roles, with another database.
    pub(crate) fn with_database(&self, name: &str) -> anyhow::Result<Self> {
        let replaced = |url: &str| -> anyhow::Result<String> {
            let (head, query) = url.split_once('?').map_or((url, None), |(head, query)| (head, Some(query)));
            let (server, _) = head.rsplit_once('/').context("a URL with a database")?;
            Ok(query.map_or_else(|| format!("{server}/{name}"), |query| format!("{server}/{name}?{query}")))
        };
        Ok(Self { store: replaced(&self.store)?, bare: replaced(&self.bare)?, ..self.clone() })
    }
}

/// The organization and the id of a user.
pub(crate) type Key = (i64, [u8; 16]);

/// A user as denizen has written it, to be written once more under another id and address.
pub(crate) struct Pattern {
    org_id: i64,
    directory: i16,
    email: String,
    email_key: String,
    texts: [String; 5],
    role_id: Vec<u8>,
    is_verified: bool,
    documents: [String; 4],
    created_at: i64,
    windows: Raw,
}

/// A value as it comes from the server, to be sent back as it is.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// One statement writes the row with its eight indexes and its entry in the search index. It knows of no counter, asks for
/// no role, and leaves an address that is taken to fail.
const INSERT: &str = "WITH made AS (
    INSERT INTO users (org_id, directory, user_id, email, email_key, first_name, last_name, first_key, last_key,
     search_text, role_id, is_verified, preferences, open_variables, secret_variables, additional_context,
     created_at, updated_at, position)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, nextval('user_position'))
    RETURNING position)
  INSERT INTO user_search (org_id, position, windows) SELECT $1, position, $18 FROM made";

/// A pool over one database.
pub(crate) struct Bare {
    runtime: Runtime,
    pool: Pool,
}

impl Bare {
    pub(crate) fn open(url: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(url.parse()?, NoTls, config);
        Ok(Self { runtime, pool: Pool::builder(manager).max_size(CONNECTIONS).build()? })
    }

    /// Statements without parameters, each by itself.
    pub(crate) fn batch(&self, text: &str) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let client = self.pool.get().await?;
            for statement in text.split(';').filter(|statement| !statement.trim().is_empty()) {
                client.batch_execute(statement).await?;
            }
            Ok(())
        })
    }

    /// What the database takes on disk.
    pub(crate) fn bytes(&self) -> anyhow::Result<f64> {
        self.runtime.block_on(async {
            let client = self.pool.get().await?;
            let text = "SELECT pg_database_size(current_database())::float8";
            Ok(client.query_one(text, &[]).await?.get(0))
        })
    }

    pub(crate) fn version(&self) -> anyhow::Result<String> {
        self.runtime.block_on(async {
            let client = self.pool.get().await?;
            Ok(client.query_one("SHOW server_version", &[]).await?.get(0))
        })
    }

    /// Every table and index with the bytes that it takes, what is stored beside the table's rows being the table's: the
    /// table, the index if it is one, and the bytes.
    pub(crate) fn relations(&self) -> anyhow::Result<Vec<(String, Option<String>, i64)>> {
        let text = "SELECT t.relname::text, NULL, pg_table_size(t.oid)
            FROM pg_class t WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace
            UNION ALL
            SELECT t.relname::text, i.relname::text, pg_relation_size(i.oid)
            FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
            WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace";
        self.runtime.block_on(async {
            let client = self.pool.get().await?;
            let rows = client.query(text, &[]).await?;
            Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
        })
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &str) -> anyhow::Result<i64> {
        self.runtime.block_on(async {
            let client = self.pool.get().await?;
            Ok(client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await?.get(0))
        })
    }

    /// The keys of organizations, in the order in which they are named.
    pub(crate) fn keys(&self, slugs: &[&str]) -> anyhow::Result<Vec<i64>> {
        self.runtime.block_on(async {
            let client = self.pool.get().await?;
            let mut keys = Vec::new();
            for slug in slugs {
                let row =
                    client.query_one("SELECT org_id FROM organization WHERE slug = $1", &[slug]).await?;
                keys.push(row.get(0));
            }
            Ok(keys)
        })
    }

    /// Users that were made last in some organizations.
    pub(crate) fn patterns(&self, organizations: &[i64]) -> anyhow::Result<Vec<Pattern>> {
        let text = "SELECT u.org_id, directory, email, email_key, first_name, last_name, first_key, last_key, search_text,
            role_id, is_verified, preferences, open_variables, secret_variables, additional_context, created_at, windows
            FROM users u JOIN user_search USING (org_id, position) WHERE u.org_id = $1 ORDER BY position DESC LIMIT $2";
        let each = i64::try_from(2_000 / organizations.len())?;
        self.runtime.block_on(async {
            let client = self.pool.get().await?;
            let mut found = Vec::new();
            for organization in organizations {
                let rows = client.query(text, &[organization, &each]).await?;
                found.extend(rows.iter().map(|row| Pattern {
                    org_id: row.get(0),
                    directory: row.get(1),
                    email: row.get(2),
                    email_key: row.get(3),
                    texts: [4, 5, 6, 7, 8].map(|at| row.get(at)),
                    role_id: row.get(9),
                    is_verified: row.get(10),
                    documents: [11, 12, 13, 14].map(|at| row.get(at)),
                    created_at: row.get(15),
                    windows: row.get(16),
                }));
            }
            ensure!(!found.is_empty(), "no users to take as patterns");
            Ok(found)
        })
    }

    /// Gets per second: all columns that denizen reads of a user, by the primary key.
    pub(crate) fn gets(&self, keys: &Arc<Vec<Key>>, time: Duration) -> anyhow::Result<f64> {
        let find = users::STATEMENTS.iter().find(|sql| sql.name == "user.find").context("the statement")?;
        let text = find.postgres();
        let directory = i16::try_from(Directory::Members.number())?;
        self.runtime.block_on(async {
            let answered = Arc::new(AtomicU64::new(0));
            let mut callers = JoinSet::new();
            let started = Instant::now();
            for caller in 0..CALLERS {
                let (pool, keys, answered) = (self.pool.clone(), Arc::clone(keys), Arc::clone(&answered));
                callers.spawn(async move {
                    let mut rng = Rng(caller as u64);
                    while started.elapsed() < time {
                        let (org, id) = rng.pick(&keys);
                        let client = pool.get().await?;
                        let statement = client.prepare_cached(text).await?;
                        let row = client.query_one(&statement, &[org, &id.as_slice(), &directory]).await?;
                        ensure!(row.get::<_, &[u8]>(1) == id, "another user was answered");
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                });
            }
            ended(callers).await?;
            Ok(answered.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
        })
    }

    /// Inserts per second. `stamp` makes the addresses new.
    pub(crate) fn inserts(
        &self,
        patterns: &Arc<Vec<Pattern>>,
        stamp: &str,
        time: Duration,
    ) -> anyhow::Result<f64> {
        self.runtime.block_on(async {
            let inserted = Arc::new(AtomicU64::new(0));
            let mut callers = JoinSet::new();
            let started = Instant::now();
            for caller in 0..CALLERS {
                let (pool, patterns, inserted) =
                    (self.pool.clone(), Arc::clone(patterns), Arc::clone(&inserted));
                let stamp = format!("+{stamp}-{caller}");
                // Different in each run, as ids must be.
                let mut rng =
                    Rng(stamp.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(257) + u64::from(byte)));
                callers.spawn(async move {
                    let mut made = 0;
                    while started.elapsed() < time {
                        made += 1;
                        let id = new_id(&mut rng, started);
                        insert(&pool, id, rng.pick(&patterns), &format!("{stamp}-{made}@")).await?;
                        inserted.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                });
            }
            ended(callers).await?;
            Ok(inserted.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
        })
    }
}

async fn insert(pool: &Pool, id: [u8; 16], of: &Pattern, tag: &str) -> anyhow::Result<()> {
    // Before the host, so that the addresses lie scattered in their index as those of the patterns do.
    let (email, key) = (of.email.replacen('@', tag, 1), of.email_key.replacen('@', tag, 1));
    let [first_name, last_name, first_key, last_key, search_text] = &of.texts;
    let [preferences, open, secret, context] = &of.documents;
    let client = pool.get().await?;
    let statement = client.prepare_cached(INSERT).await?;
    let params: [&(dyn ToSql + Sync); 18] = [
        &of.org_id,
        &of.directory,
        &id.as_slice(),
        &email,
        &key,
        first_name,
        last_name,
        first_key,
        last_key,
        search_text,
        &of.role_id,
        &of.is_verified,
        preferences,
        open,
        secret,
        context,
        &of.created_at,
        &of.windows,
    ];
    ensure!(client.execute(&statement, &params).await? == 1, "a user was not inserted");
    Ok(())
}

/// An id as members have them: seconds, later than any that are taken, and random bytes.
fn new_id(rng: &mut Rng, started: Instant) -> [u8; 16] {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&(0x7a00_0000 + started.elapsed().as_secs() as u32).to_be_bytes());
    id[4..12].copy_from_slice(&rng.next().to_be_bytes());
    id
}

async fn ended(mut callers: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    Ok(())
}
