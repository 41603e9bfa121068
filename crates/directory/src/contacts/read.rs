//! Reading contacts: one, and lists.

use denizen_domain::contact::{Attributes, ContactEmail, Phone, is_external_id};
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::permission::names;
use denizen_store::contacts::{
    self, Contact, ContactPage, ContactPlace, ContactQuery, Identifier, ListedContact, PageFrom,
};
use denizen_store::{Conn, Listed};

use super::{ContactFilter, ContactList, ContactView};
use crate::attributes::Headings;
use crate::context::OpContext;
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;

/// Contacts with their attributes, which are read in the same transaction.
fn views(conn: &Conn<'_>, contacts: Vec<Contact>) -> denizen_store::Result<Vec<ContactView>> {
    let headings = Headings::read(conn, contacts.iter().map(|contact| &contact.attributes))?;
    let view = |contact: Contact| ContactView { attributes: headings.shown(&contact.attributes), contact };
    Ok(contacts.into_iter().map(view).collect())
}

/// What is noted of each contact of a page.
fn noted(page: &ContactPage) -> impl Iterator<Item = &Attributes> {
    page.contacts.rows.iter().map(|contact| &contact.attributes)
}

/// The page of a list that holds no more than this one contact.
fn page_of_one(found: Listed<ListedContact>, from: PageFrom<ContactPlace>) -> ContactPage {
    let Some(place) = found.rows.first().map(ListedContact::place) else { return ContactPage::default() };
    match from {
        PageFrom::After(from) if place <= from => ContactPage { has_before: true, ..ContactPage::default() },
        PageFrom::Before(from) if place >= from => ContactPage { has_after: true, ..ContactPage::default() },
        _ => ContactPage { contacts: found, ..ContactPage::default() },
    }
}

fn find(
    conn: &Conn<'_>,
    filter: &ContactFilter,
    from: PageFrom<ContactPlace>,
    limit: usize,
) -> denizen_store::Result<ContactPage> {
    let external_id = match filter {
        ContactFilter::All => None,
        ContactFilter::ExternalId(external_id) if is_external_id(external_id) => Some(external_id.clone()),
        ContactFilter::ExternalId(_) => return Ok(ContactPage::default()),
        ContactFilter::Email(text) => {
            let identifier = ContactEmail::parse(text).ok().map(|email| Identifier::email(email.as_str()));
            return find_one(conn, identifier, from);
        }
        ContactFilter::Phone(text) => {
            let identifier = Phone::parse(text).ok().map(|phone| Identifier::phone(phone.as_str()));
            return find_one(conn, identifier, from);
        }
    };
    contacts::page(conn, &ContactQuery { external_id, from, limit })
}

fn find_one(
    conn: &Conn<'_>,
    identifier: Option<Identifier>,
    from: PageFrom<ContactPlace>,
) -> denizen_store::Result<ContactPage> {
    let found = match identifier {
        Some(identifier) => contacts::find_by_identifier(conn, &identifier)?,
        None => Listed::default(),
    };
    Ok(page_of_one(found, from))
}

impl Directory {
    /// A contact: permission `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ContactNotFound`].
    pub async fn get_contact(&self, ctx: &OpContext, id: Uuid) -> Result<ContactView> {
        ctx.require(&names::DIRECTORY_READ_CONTACT)?;
        let find = move |conn: &Conn<'_>| {
            let found = contacts::find(conn, UserId::from_uuid(id))?;
            views(conn, found.into_iter().collect())
        };
        let found = self.query_recent(ctx.org(), find).await?.pop();
        found.ok_or_else(|| ErrorCode::ContactNotFound.into())
    }

    /// A page of at most `limit` contacts, and at least one where there is one, in the order of their creation, then of
    /// their ids: permission `Directory:ReadContact`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`].
    pub async fn list_contacts(
        &self,
        ctx: &OpContext,
        filter: ContactFilter,
        from: PageFrom<ContactPlace>,
        limit: usize,
    ) -> Result<ContactList> {
        ctx.require(&names::DIRECTORY_READ_CONTACT)?;
        let limit = limit.max(1);
        let read = move |conn: &Conn<'_>| {
            let page = find(conn, &filter, from, limit)?;
            // Where each statement sees a state of its own, another read does as well, and the page is not read again for it.
            let headings = if conn.has_snapshot() { Some(Headings::read(conn, noted(&page))?) } else { None };
            Ok((page, headings))
        };
        let (page, headings) = self.query_recent(ctx.org(), read).await?;
        let headings = match headings {
            Some(headings) => headings,
            None => self.headings(ctx, noted(&page)).await?,
        };
        let attributes = noted(&page).map(|attributes| headings.shown(attributes)).collect();
        let ContactPage { contacts, has_before, has_after } = page;
        Ok(ContactList { contacts, attributes, has_before, has_after })
    }

    async fn headings<'a>(
        &self,
        ctx: &OpContext,
        noted: impl Iterator<Item = &'a Attributes>,
    ) -> Result<Headings> {
        let ids = Headings::wanted(noted);
        if ids.is_empty() {
            return Ok(Headings::default());
        }
        self.query_recent(ctx.org(), move |conn| Headings::find(conn, &ids)).await
    }

    /// Up to `limit` contacts who are meant by a text, which names, addresses or numbers have: permission
    /// `Directory:ReadContact`. An empty text means every contact that was not anonymized.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`].
    pub async fn search_contacts(
        &self,
        ctx: &OpContext,
        needle: String,
        limit: i64,
    ) -> Result<Vec<ContactView>> {
        ctx.require(&names::DIRECTORY_READ_CONTACT)?;
        let search = move |conn: &Conn<'_>| {
            let found = contacts::search(conn, &needle, limit)?;
            views(conn, found)
        };
        Ok(self.stores().scan_recent(ctx.org(), search).await?)
    }
}
