//! What can be noted of contacts and conversations.

use denizen_domain::contact::{AttributeEntity, AttributeInput};
use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::records::id_list;
use crate::sql::{Param, Row, Sql, to_json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeDefinition {
    pub definition_id: Uuid,
    pub entity: AttributeEntity,
    /// The word by which programs know it.
    pub identifier: String,
    /// For people.
    pub label: String,
    pub description: Option<String>,
    pub input: AttributeInput,
    /// It cannot be taken away from what has it.
    pub is_required: bool,
    /// Nothing is noted under it any more, and it is not shown.
    pub is_archived: bool,
    /// Nothing new is noted under it.
    pub is_deactivated: bool,
    pub created_at: Timestamp,
    /// `None` when it was never changed.
    pub updated_at: Option<Timestamp>,
}

/// What is shown of a definition beside a value that is noted under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    pub definition_id: Uuid,
    pub identifier: String,
    pub label: String,
    pub is_archived: bool,
}

/// The word by which programs know an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    pub definition_id: Uuid,
    pub entity: AttributeEntity,
    pub identifier: String,
}

/// How much there is of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub definitions: usize,
    /// The sum of [`input_bytes`].
    pub input_bytes: usize,
}

/// The bytes that the choices of a definition take in the store.
pub fn input_bytes(input: &AttributeInput) -> usize {
    to_json(input).len()
}

static LIST: Sql = Sql::new(
    "attribute_definition.list",
    "SELECT definition_id, entity, identifier, label, description, input, is_required, is_archived, is_deactivated,
        created_at, updated_at FROM attribute_definition WHERE org_id = $1 ORDER BY created_at, definition_id",
);
static FIND: Sql = Sql::new(
    "attribute_definition.find",
    "SELECT definition_id, entity, identifier, label, description, input, is_required, is_archived, is_deactivated,
        created_at, updated_at FROM attribute_definition WHERE org_id = $1 AND definition_id = $2",
);
static FIND_MANY: Sql = Sql::split(
    "attribute_definition.find_many",
    "SELECT definition_id, entity, identifier, label, description, input, is_required, is_archived, is_deactivated,
        created_at, updated_at FROM attribute_definition
     WHERE org_id = $1 AND definition_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT definition_id, entity, identifier, label, description, input, is_required, is_archived, is_deactivated,
        created_at, updated_at FROM attribute_definition
     WHERE org_id = $1 AND definition_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static HEADINGS: Sql = Sql::split(
    "attribute_definition.headings",
    "SELECT definition_id, identifier, label, is_archived FROM attribute_definition
     WHERE org_id = $1 AND definition_id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT definition_id, identifier, label, is_archived FROM attribute_definition
     WHERE org_id = $1 AND definition_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS id))",
);
static IDENTIFIERS: Sql = Sql::new(
    "attribute_definition.identifiers",
    "SELECT definition_id, entity, identifier, is_archived FROM attribute_definition WHERE org_id = $1",
);
static EXTENT: Sql = Sql::new(
    "attribute_definition.extent",
    "SELECT count(*), CAST(coalesce(sum(octet_length(input)), 0) AS BIGINT) FROM attribute_definition WHERE org_id = $1",
);
static INSERT: Sql = Sql::new(
    "attribute_definition.insert",
    "INSERT INTO attribute_definition (org_id, definition_id, entity, identifier, label, description, input,
     is_required, is_archived, is_deactivated, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
);
static UPDATE: Sql = Sql::new(
    "attribute_definition.update",
    "UPDATE attribute_definition SET entity = $3, identifier = $4, label = $5, description = $6, input = $7,
     is_required = $8, is_archived = $9, is_deactivated = $10, created_at = $11, updated_at = $12
     WHERE org_id = $1 AND definition_id = $2",
);

pub const STATEMENTS: &[&Sql] =
    &[&LIST, &FIND, &FIND_MANY, &HEADINGS, &IDENTIFIERS, &EXTENT, &INSERT, &UPDATE];

fn entity(row: &Row<'_>, column: usize) -> Result<AttributeEntity> {
    AttributeEntity::parse(row.str(column)?)
        .ok_or_else(|| StoreError::Corrupt("an attribute of an unknown entity".to_owned()))
}

fn read(row: &Row<'_>) -> Result<AttributeDefinition> {
    Ok(AttributeDefinition {
        definition_id: row.id(0, Uuid::from_column)?,
        entity: entity(row, 1)?,
        identifier: row.text(2)?,
        label: row.text(3)?,
        description: row.optional_text(4)?,
        input: row.json(5)?,
        is_required: row.bool(6)?,
        is_archived: row.bool(7)?,
        is_deactivated: row.bool(8)?,
        created_at: Timestamp(row.int(9)?),
        updated_at: row.optional_int(10)?.map(Timestamp),
    })
}

/// All definitions, archived ones too, in the order of their creation, then of their ids.
pub fn list(conn: &Conn<'_>) -> Result<Vec<AttributeDefinition>> {
    conn.all(&LIST, &[conn.org_param()], read)
}

pub fn find(conn: &Conn<'_>, id: Uuid) -> Result<Option<AttributeDefinition>> {
    conn.optional(&FIND, &[conn.org_param(), Param::Blob(&id.0)], read)
}

/// Those of these definitions that are there, in any order.
pub fn find_many(conn: &Conn<'_>, ids: &[Uuid]) -> Result<Vec<AttributeDefinition>> {
    conn.all(&FIND_MANY, &[conn.org_param(), Param::Text(&id_list(ids))], read)
}

/// The headings of those of these definitions that are there, in any order.
pub fn headings(conn: &Conn<'_>, ids: &[Uuid]) -> Result<Vec<Heading>> {
    conn.all(&HEADINGS, &[conn.org_param(), Param::Text(&id_list(ids))], |row| {
        Ok(Heading {
            definition_id: row.id(0, Uuid::from_column)?,
            identifier: row.text(1)?,
            label: row.text(2)?,
            is_archived: row.bool(3)?,
        })
    })
}

/// The identifiers of all definitions that are not archived, in any order.
pub fn identifiers(conn: &Conn<'_>) -> Result<Vec<Identifier>> {
    let all = conn.all(&IDENTIFIERS, &[conn.org_param()], |row| {
        let identifier = Identifier {
            definition_id: row.id(0, Uuid::from_column)?,
            entity: entity(row, 1)?,
            identifier: row.text(2)?,
        };
        Ok((identifier, row.bool(3)?))
    })?;
    Ok(all.into_iter().filter(|(_, is_archived)| !is_archived).map(|(identifier, _)| identifier).collect())
}

/// How much there is of all definitions of the organization.
pub fn extent(conn: &Conn<'_>) -> Result<Extent> {
    let extent = conn.optional(&EXTENT, &[conn.org_param()], |row| Ok((row.int(0)?, row.int(1)?)))?;
    let (definitions, input_bytes) = extent.unwrap_or_default();
    let size = |number: i64| usize::try_from(number).unwrap_or_default();
    Ok(Extent { definitions: size(definitions), input_bytes: size(input_bytes) })
}

/// Adds a definition that is not there.
pub fn insert(tx: &Tx<'_>, definition: &AttributeDefinition) -> Result<()> {
    write(tx, &INSERT, definition)
}

/// Writes over a definition that is there.
pub fn update(tx: &Tx<'_>, definition: &AttributeDefinition) -> Result<()> {
    write(tx, &UPDATE, definition)
}

fn write(tx: &Tx<'_>, sql: &Sql, definition: &AttributeDefinition) -> Result<()> {
    let input = to_json(&definition.input);
    let params = [
        tx.org_param(),
        Param::Blob(&definition.definition_id.0),
        Param::Text(definition.entity.as_str()),
        Param::Text(&definition.identifier),
        Param::Text(&definition.label),
        Param::optional_text(definition.description.as_deref()),
        Param::Text(&input),
        Param::bool(definition.is_required),
        Param::bool(definition.is_archived),
        Param::bool(definition.is_deactivated),
        Param::Int(definition.created_at.0),
        Param::optional_int(definition.updated_at.map(|time| time.0)),
    ];
    tx.write(sql, &params)
}
