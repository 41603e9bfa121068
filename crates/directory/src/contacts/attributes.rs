//! Noting attributes of a contact.

use std::collections::BTreeMap;

use denizen_domain::contact::{AttributeEntity, AttributeValue};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::permission::names;
use denizen_store::contacts;

use crate::attributes::{Attribute, Definitions, Headings};
use crate::context::OpContext;
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;

impl Directory {
    /// Notes attributes of a contact, all or none of them; `None` takes one away. Permission `Directory:WriteContact`.
    /// The answer is all that is then noted.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ContactNotFound`], also when it was anonymized; [`crate::ErrorCode::InvalidField`] when a
    /// definition is not there, not of contacts, archived or deactivated, when a value is not of its type or none of its
    /// options, and when a required one is taken away.
    pub async fn patch_contact_attributes(
        &self,
        ctx: &OpContext,
        id: Uuid,
        changes: BTreeMap<Uuid, Option<AttributeValue>>,
    ) -> Result<Vec<Attribute>> {
        ctx.require(&names::DIRECTORY_WRITE_CONTACT)?;
        let (user, now) = (UserId::from_uuid(id), ctx.now);
        self.write(ctx.org(), move |tx| {
            let found = contacts::find(tx, user)?.filter(|contact| contact.anonymized_at.is_none());
            let before = found.ok_or(ErrorCode::ContactNotFound)?.attributes;
            let mut attributes = before.clone();
            Definitions::read(tx, changes.keys())?.patch(
                AttributeEntity::Contact,
                &mut attributes,
                &changes,
            )?;
            if attributes != before {
                contacts::set_attributes(tx, user, &attributes, now)?;
            }
            Ok(Headings::read(tx, [&attributes])?.shown(&attributes))
        })
        .await
    }
}
