//! Noting attributes of a contact.

use std::collections::BTreeMap;

use denizen_domain::contact::{AttributeEntity, AttributeValue, MAX_CONTACT_BYTES};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::permission::names;
use denizen_store::contacts;

use super::is_too_large;
use crate::attributes::{Attribute, Definitions, Headings};
use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

impl Directory {
    /// Notes attributes of a contact, all or none of them; `None` takes one away. Permission `Directory:WriteContact`.
    /// The answer is all that is then noted.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ContactNotFound`], also when it was anonymized; [`crate::ErrorCode::InvalidField`] when a
    /// definition is not there, not of contacts, archived or deactivated, when a value is not of its type or none of its
    /// options, when a required one is taken away, and when more would be held of the contact than may be.
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
            let before = found.ok_or(ErrorCode::ContactNotFound)?;
            let mut after = before.clone();
            Definitions::read(tx, changes.keys())?.patch(
                AttributeEntity::Contact,
                &mut after.attributes,
                &changes,
            )?;
            if is_too_large(Some(&before), &after) {
                let text = format!("a contact has at most {MAX_CONTACT_BYTES} bytes with its attributes");
                return Err(Error::field(&[], text));
            }
            let attributes = after.attributes;
            if attributes != before.attributes {
                contacts::set_attributes(tx, user, &attributes, now)?;
            }
            Ok(Headings::read(tx, [&attributes])?.shown(&attributes))
        })
        .await
    }
}
