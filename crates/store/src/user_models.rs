//! User models: what a conversation platform has concluded about a user.

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::UserDimension;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::Result;
use crate::records::{Digest, Stored, id_list, read_stored};
use crate::sql::{Param, Sql, to_json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserModel {
    pub user_model_id: ObjectId,
    pub user_id: UserId,
    pub content: String,
    pub insight_ids: Vec<String>,
    pub dimensions: Vec<UserDimension>,
    /// When it was concluded; `None` in a record that does not say: a new one is of the time at which it arrives, and one
    /// that is there keeps its time.
    pub created_at: Option<Timestamp>,
}

static FIND_MANY: Sql = Sql::split(
    "user_model.find_many",
    "SELECT user_model_id, user_id, digest FROM user_model
     WHERE org_id = $1 AND user_model_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT user_model_id, user_id, digest FROM user_model
     WHERE org_id = $1 AND user_model_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static INSERT: Sql = Sql::split(
    "user_model.insert",
    "INSERT INTO user_model (org_id, user_model_id, user_id, content, insight_ids, dimensions, digest, updated_at,
     created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    "INSERT INTO user_model (org_id, user_model_id, user_id, content, insight_ids, dimensions, digest, updated_at,
     created_at)
     SELECT CAST($1 AS BIGINT), row.* FROM unnest(CAST($2 AS BYTEA[]), CAST($3 AS BYTEA[]), CAST($4 AS TEXT[]),
        CAST($5 AS TEXT[]), CAST($6 AS TEXT[]), CAST($7 AS BYTEA[]), CAST($8 AS BIGINT[]), CAST($9 AS BIGINT[])) AS row",
);
static UPDATE: Sql = Sql::new(
    "user_model.update",
    "UPDATE user_model SET user_id = $3, content = $4, insight_ids = $5, dimensions = $6, digest = $7, updated_at = $8,
     created_at = coalesce($9, created_at) WHERE org_id = $1 AND user_model_id = $2",
);
static LIST_BY_USER: Sql = Sql::new(
    "user_model.list_by_user",
    "SELECT user_model_id, content, insight_ids, dimensions, created_at FROM user_model
     WHERE org_id = $1 AND user_id = $2 ORDER BY created_at, user_model_id",
);

pub const STATEMENTS: &[&Sql] = &[&FIND_MANY, &INSERT, &UPDATE, &LIST_BY_USER];

/// Which of these models are there, with their users and digests.
pub fn find_many(conn: &Conn<'_>, ids: &[ObjectId]) -> Result<Vec<Stored>> {
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(ids))], read_stored)
}

/// Adds a model that is not there.
pub fn insert(tx: &Tx<'_>, model: &UserModel, digest: &Digest, now: Timestamp) -> Result<()> {
    let created_at = Some(model.created_at.unwrap_or(now));
    write(tx, model, digest, now, created_at, |params| tx.add_row(&INSERT, params))
}

/// Writes over a model that is there.
pub fn update(tx: &Tx<'_>, model: &UserModel, digest: &Digest, now: Timestamp) -> Result<()> {
    write(tx, model, digest, now, model.created_at, |params| tx.write(&UPDATE, params))
}

/// All models of a user, oldest first.
pub fn list_by_user(conn: &Conn<'_>, user: UserId) -> Result<Vec<UserModel>> {
    conn.all(&LIST_BY_USER, &[conn.org_param(), Param::Blob(&user.0)], |row| {
        Ok(UserModel {
            user_model_id: row.id(0, ObjectId::from_column)?,
            user_id: user,
            content: row.text(1)?,
            insight_ids: row.json(2)?,
            dimensions: row.json(3)?,
            created_at: Some(Timestamp(row.int(4)?)),
        })
    })
}

fn write(
    tx: &Tx<'_>,
    model: &UserModel,
    digest: &Digest,
    now: Timestamp,
    created_at: Option<Timestamp>,
    run: impl FnOnce(&[Param<'_>]) -> Result<()>,
) -> Result<()> {
    let (insights, dimensions) = (to_json(&model.insight_ids), to_json(&model.dimensions));
    let params = [
        tx.org_param(),
        Param::Blob(&model.user_model_id.0),
        Param::Blob(&model.user_id.0),
        Param::Text(&model.content),
        Param::Text(&insights),
        Param::Text(&dimensions),
        Param::Blob(digest),
        Param::Int(now.0),
        Param::optional_int(created_at.map(|time| time.0)),
    ];
    run(&params)
}
