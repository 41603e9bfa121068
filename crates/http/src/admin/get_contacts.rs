//! GET `/contacts`.

use denizen_directory::contacts::ContactView;

use super::MOST_CONTACTS;
use super::wire::contacts::{Contact, ContactAttribute, Contacts};
use crate::kernel::caller::authenticate;
use crate::kernel::{Call, Problem, QueryReader, Reply};

/// How many contacts there are when nobody asks for a number.
pub(super) const SOME: i64 = 20;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut query = QueryReader::new(&call);
    let needle = query.required("query");
    let limit = query.int("limit", SOME, 1, MOST_CONTACTS);
    let (needle, limit) = query.finish((needle, limit))?;
    let ctx = authenticated.context(&call).await?;
    let found = call.directory().search_contacts(&ctx, needle, limit).await?;
    Ok(Reply::json(200, &Contacts { contacts: found.into_iter().map(rendered).collect() }))
}

fn rendered(view: ContactView) -> Contact {
    let ContactView { contact, attributes } = view;
    let attribute = |attribute: denizen_directory::attributes::Attribute| ContactAttribute {
        definition_id: attribute.definition_id.to_string(),
        identifier: attribute.identifier,
        label: attribute.label,
        value: attribute.value.into(),
    };
    let contact_id = contact.id().to_string();
    let profile = contact.profile;
    Contact {
        contact_id,
        display_name: profile.display_name,
        first_name: profile.first_name,
        middle_names: profile.middle_names,
        last_name: profile.last_name,
        email: profile.email,
        additional_emails: profile.additional_emails,
        phone: profile.phone,
        additional_phones: profile.additional_phones,
        external_id: profile.external_id,
        avatar_url: profile.avatar_url,
        attributes: attributes.into_iter().map(attribute).collect(),
        created_at: contact.created_at,
    }
}
