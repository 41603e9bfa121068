//! Contacts: made, changed and listed, and what keeps two of them from having the same address or number.

mod bounds;
mod changing;
mod heavy;
mod listing;
mod racing;
mod random;

use denizen_directory::OpContext;
use denizen_directory::contacts::{
    ContactFilter, ContactInput, ContactPatch, ContactPlace, ContactProblem, ContactView, Page, PageFrom,
    Refusal,
};
use denizen_directory::organizations::ADMINISTRATOR_ROLE;
use denizen_domain::ids::Uuid;
use denizen_testkit::{TestOrg, TestServer};

/// An organization with contacts, and a program that may do everything with them.
struct Desk {
    server: TestServer,
    org: TestOrg,
    ctx: OpContext,
}

impl Desk {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let org = server.org("acme").await;
        let ctx = org.access_token(ADMINISTRATOR_ROLE).await.context().await;
        Self { server, org, ctx }
    }

    async fn create(&self, input: ContactInput) -> Result<ContactView, ContactProblem> {
        self.server.directory().create_contacts(&self.ctx, vec![input]).await.unwrap().pop().unwrap()
    }

    async fn patch(&self, id: Uuid, patch: ContactPatch) -> Result<ContactView, ContactProblem> {
        self.server.directory().patch_contacts(&self.ctx, vec![(id, patch)]).await.unwrap().pop().unwrap()
    }

    async fn replace(&self, id: Uuid, input: ContactInput) -> Result<ContactView, ContactProblem> {
        self.server.directory().replace_contacts(&self.ctx, vec![(id, input)]).await.unwrap().pop().unwrap()
    }

    async fn get(&self, id: Uuid) -> Option<ContactView> {
        self.server.directory().get_contact(&self.ctx, id).await.ok()
    }

    async fn list(
        &self,
        filter: ContactFilter,
        from: PageFrom<ContactPlace>,
        limit: usize,
    ) -> Page<ContactView> {
        self.server.directory().list_contacts(&self.ctx, filter, from, limit).await.unwrap().views()
    }
}

#[allow(clippy::unnecessary_wraps, reason = "an input takes it so")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn refused(refusals: &[Refusal]) -> ContactProblem {
    ContactProblem::Refused(refusals.to_vec())
}

fn ids(page: &Page<ContactView>) -> Vec<Uuid> {
    page.items.iter().map(|view| view.contact.id()).collect()
}
