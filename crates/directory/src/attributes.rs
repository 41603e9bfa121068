//! What can be noted of contacts and conversations, how it is shown, and what may be noted.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::contact::{
    AttributeEntity, AttributeInput, AttributeValue, Attributes, MAX_LIST, MAX_NAME,
};
use denizen_domain::ids::Uuid;
use denizen_domain::permission::names;
use denizen_domain::text::bounded;
use denizen_store::Conn;
use denizen_store::attribute_definitions::{self as stored, Heading};

pub use denizen_store::attribute_definitions::AttributeDefinition;

use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::option_tree::{Choosable, OptionTree};

/// Something that is noted, with the words of its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub definition_id: Uuid,
    pub label: String,
    pub identifier: String,
    pub value: AttributeValue,
}

impl Directory {
    /// All definitions, archived ones too, in the order of their creation: permission `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`].
    pub async fn attribute_definitions(&self, ctx: &OpContext) -> Result<Vec<AttributeDefinition>> {
        ctx.require(&names::DIRECTORY_READ_CONTACT)?;
        Ok(self.stores().scan_recent(ctx.org(), stored::list).await?)
    }

    /// One definition: permission `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::AttributeDefinitionNotFound`].
    pub async fn attribute_definition(&self, ctx: &OpContext, id: Uuid) -> Result<AttributeDefinition> {
        ctx.require(&names::DIRECTORY_READ_CONTACT)?;
        let found = self.query_recent(ctx.org(), move |conn| stored::find(conn, id)).await?;
        found.ok_or_else(|| ErrorCode::AttributeDefinitionNotFound.into())
    }
}

/// The words with which attributes are shown: those of all definitions under which something is noted.
#[derive(Default)]
pub(crate) struct Headings(BTreeMap<Uuid, Heading>);

impl Headings {
    /// Reads what is needed to show these attributes; nothing is asked where nothing is noted.
    pub(crate) fn read<'a>(
        conn: &Conn<'_>,
        all: impl IntoIterator<Item = &'a Attributes>,
    ) -> denizen_store::Result<Self> {
        let ids = Self::wanted(all);
        if ids.is_empty() { Ok(Self::default()) } else { Self::find(conn, &ids) }
    }

    /// The definitions of what is noted, each once.
    pub(crate) fn wanted<'a>(all: impl IntoIterator<Item = &'a Attributes>) -> Vec<Uuid> {
        let ids: BTreeSet<Uuid> = all.into_iter().flat_map(BTreeMap::keys).copied().collect();
        ids.into_iter().collect()
    }

    /// The words of these definitions.
    pub(crate) fn find(conn: &Conn<'_>, definitions: &[Uuid]) -> denizen_store::Result<Self> {
        let headings = stored::headings(conn, definitions)?;
        Ok(Self(headings.into_iter().map(|heading| (heading.definition_id, heading)).collect()))
    }

    /// The attributes in the order of their labels, then of their identifiers, then of their ids. Those whose
    /// definition is archived are left out.
    pub(crate) fn shown(&self, attributes: &Attributes) -> Vec<Attribute> {
        let mut shown: Vec<Attribute> = attributes
            .iter()
            .filter_map(|(id, value)| {
                let heading = self.0.get(id).filter(|heading| !heading.is_archived)?;
                Some(Attribute {
                    definition_id: *id,
                    label: heading.label.clone(),
                    identifier: heading.identifier.clone(),
                    value: value.clone(),
                })
            })
            .collect();
        // Stable, and they come in the order of their ids.
        shown.sort_by(|one, other| (&one.label, &one.identifier).cmp(&(&other.label, &other.identifier)));
        shown
    }
}

/// The definitions by which values are judged.
pub(crate) struct Definitions(BTreeMap<Uuid, Judge>);

/// A definition with its options as they are looked up.
struct Judge {
    definition: AttributeDefinition,
    /// Empty where nothing is chosen.
    options: OptionTree,
}

impl Judge {
    fn new(definition: AttributeDefinition) -> Self {
        let options = match &definition.input {
            AttributeInput::Select { options } => OptionTree::new(options),
            AttributeInput::Text { .. } => OptionTree::default(),
        };
        Self { definition, options }
    }

    /// Whether the value is of the type that the definition asks for, and within the bounds.
    fn fits(&self, value: &AttributeValue, choosable: Choosable) -> Result<()> {
        let id = self.definition.definition_id;
        match (&self.definition.input, value) {
            (AttributeInput::Text { .. }, AttributeValue::Text(text)) => {
                bounded(text, MAX_NAME).map(drop).map_err(|error| refused(id, &error.to_string()))
            }
            (AttributeInput::Select { .. }, AttributeValue::Options(chosen)) => {
                if chosen.len() > MAX_LIST {
                    return Err(refused(id, &format!("must have at most {MAX_LIST} options")));
                }
                self.options.follow(chosen, choosable).map_err(|what| refused(id, &what))
            }
            (AttributeInput::Text { .. }, AttributeValue::Options(_)) => Err(refused(id, "must be a text")),
            (AttributeInput::Select { .. }, AttributeValue::Text(_)) => {
                Err(refused(id, "must be a list of options"))
            }
        }
    }
}

impl Definitions {
    pub(crate) fn read<'a>(
        conn: &Conn<'_>,
        ids: impl IntoIterator<Item = &'a Uuid>,
    ) -> denizen_store::Result<Self> {
        let ids: BTreeSet<Uuid> = ids.into_iter().copied().collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let found = if ids.is_empty() { Vec::new() } else { stored::find_many(conn, &ids)? };
        let judge = |definition: AttributeDefinition| (definition.definition_id, Judge::new(definition));
        Ok(Self(found.into_iter().map(judge).collect()))
    }

    pub(crate) fn find(&self, id: Uuid) -> Option<&AttributeDefinition> {
        self.0.get(&id).map(|judge| &judge.definition)
    }

    /// From now on, values are judged by this definition, too.
    pub(crate) fn put(&mut self, definition: AttributeDefinition) {
        self.0.insert(definition.definition_id, Judge::new(definition));
    }

    /// A definition of attributes of such a thing.
    fn get(&self, id: Uuid, entity: AttributeEntity) -> Result<&Judge> {
        let judge = self.0.get(&id).ok_or_else(|| refused(id, "is not defined"))?;
        if judge.definition.entity == entity {
            return Ok(judge);
        }
        Err(refused(
            id,
            match entity {
                AttributeEntity::Contact => "is one of conversations, not of contacts",
                AttributeEntity::Conversation => "is one of contacts, not of conversations",
            },
        ))
    }

    /// Changes what is noted, all of it or nothing (contract section 4.3). `None` takes away, and so does the choice
    /// of none. A value that is noted already may be said again whatever has become of its definition, unless that is
    /// archived.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidField`] with the definition's id and what is wrong; never with a value.
    pub(crate) fn patch(
        &self,
        entity: AttributeEntity,
        attributes: &mut Attributes,
        changes: &BTreeMap<Uuid, Option<AttributeValue>>,
    ) -> Result<()> {
        let mut changed = attributes.clone();
        for (id, change) in changes {
            let judge = self.get(*id, entity)?;
            let definition = &judge.definition;
            if definition.is_archived {
                return Err(refused(*id, "is archived"));
            }
            // Choosing none; to a text a list is of the wrong type, whatever it holds.
            let is_choice = matches!(definition.input, AttributeInput::Select { .. });
            let is_nothing =
                |value: &AttributeValue| is_choice && *value == AttributeValue::Options(Vec::new());
            let Some(value) = change.as_ref().filter(|value| !is_nothing(value)) else {
                if definition.is_required {
                    return Err(refused(*id, "is required"));
                }
                changed.remove(id);
                continue;
            };
            if attributes.get(id) == Some(value) {
                continue;
            }
            if definition.is_deactivated {
                return Err(refused(*id, "is deactivated"));
            }
            if definition.is_required && *value == AttributeValue::Text(String::new()) {
                return Err(refused(*id, "is required"));
            }
            judge.fits(value, Choosable::Active)?;
            changed.insert(*id, value.clone());
        }
        *attributes = changed;
        Ok(())
    }

    /// Whether all of this may have been noted at some time: what is taken in from elsewhere may be older than the
    /// archiving or deactivation of its definition, and than the wish that there be a value.
    ///
    /// # Errors
    /// As [`Self::patch`].
    pub(crate) fn check(&self, entity: AttributeEntity, attributes: &Attributes) -> Result<()> {
        attributes.iter().try_for_each(|(id, value)| self.get(*id, entity)?.fits(value, Choosable::All))
    }
}

fn refused(id: Uuid, what: &str) -> Error {
    let id = id.to_string();
    Error::field(&[&id], format!("the attribute {id} {what}"))
}
