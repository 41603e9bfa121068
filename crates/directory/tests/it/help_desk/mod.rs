//! What a help desk reads and notes: attributes and their definitions, conversations.

mod attributes;
mod conversations;

use std::collections::BTreeMap;

use denizen_directory::attributes::Attribute;
use denizen_directory::ingest::Record;
use denizen_directory::organizations::ADMINISTRATOR_ROLE;
use denizen_directory::{Error, OpContext};
use denizen_domain::contact::AttributeValue;
use denizen_domain::ids::Uuid;
use denizen_testkit::{TestOrg, TestServer};
use serde_json::{Value, json};

use crate::ingest::contact_records::guid;
use crate::ingest::records::ingest;

/// An organization with a help desk, and a program that may do everything with it.
struct Desk {
    server: TestServer,
    org: TestOrg,
    ctx: OpContext,
}

impl Desk {
    async fn with(records: Vec<Record>) -> Self {
        let server = TestServer::start().await;
        let org = server.org("acme").await;
        let ctx = org.access_token(ADMINISTRATOR_ROLE).await.context().await;
        let desk = Self { server, org, ctx };
        desk.take_in(records).await;
        desk
    }

    /// Takes records in that all bring something new.
    async fn take_in(&self, records: Vec<Record>) {
        for (number, outcome) in ingest(&self.org, records).await.into_iter().enumerate() {
            assert!(["created", "updated"].contains(&outcome.as_str()), "record {number}: {outcome}");
        }
    }

    /// A program that may do just this in its organization.
    async fn program(&self, permission: &str) -> OpContext {
        let here = json!({"org_id": {"type": "Equals", "value": "{self_org_id}"}});
        let grants = json!([{"permission_name": permission, "conditions": here}]);
        self.org.access_token_with(&grants).await.context().await
    }
}

type Changes = BTreeMap<Uuid, Option<AttributeValue>>;

fn changes<const N: usize>(changes: [(u64, Option<AttributeValue>); N]) -> Changes {
    changes.into_iter().map(|(number, value)| (guid(number), value)).collect()
}

/// What is shown, in a form that can be compared at a glance.
fn shown(attributes: &[Attribute]) -> Vec<(u64, Value)> {
    let number = |id: Uuid| u64::from_be_bytes(id.0[8..].try_into().unwrap());
    let one = |attribute: &Attribute| {
        (number(attribute.definition_id), serde_json::to_value(&attribute.value).unwrap())
    };
    attributes.iter().map(one).collect()
}

/// What is wrong with which definition, without the words that are the same for all.
fn wrong(error: &Error) -> String {
    let [id] = error.field.as_slice() else { panic!("{error:?}") };
    let (before, after) = error.text.split_once(id.as_str()).unwrap();
    assert_eq!(before, "the attribute ");
    after.trim().to_owned()
}
