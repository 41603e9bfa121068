//! Definitions of attributes: what is written is what is read, and how much there is of them.

use denizen_domain::contact::{AttributeEntity, AttributeInput, SelectOption};
use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::time::Timestamp;
use denizen_store::attribute_definitions::{self as definitions, AttributeDefinition, Extent, Heading};

use crate::support::{ORG, TestStore};

fn option(number: u8, nested_options: Vec<SelectOption>) -> SelectOption {
    SelectOption {
        id: Uuid([number; 16]),
        label: format!("Option \"{number}\""),
        value: format!("option_{number}"),
        is_deactivated: number.is_multiple_of(2),
        order_index: -i32::from(number),
        nested_options,
    }
}

/// The first is the last one that was created.
fn definition(number: u8) -> AttributeDefinition {
    let is_odd = !number.is_multiple_of(2);
    AttributeDefinition {
        definition_id: Uuid([number; 16]),
        entity: if is_odd { AttributeEntity::Contact } else { AttributeEntity::Conversation },
        identifier: format!("attribute_{number}"),
        label: format!("Attribute {number} 🎉"),
        description: is_odd.then(|| "What it is for".to_owned()),
        input: if is_odd {
            AttributeInput::Select {
                options: vec![option(1, vec![option(2, Vec::new())]), option(3, Vec::new())],
            }
        } else {
            AttributeInput::Text { placeholder: None }
        },
        is_required: is_odd,
        is_archived: number == 2,
        is_deactivated: number == 3,
        created_at: Timestamp(1_000 - i64::from(number)),
        updated_at: is_odd.then_some(Timestamp(2_000)),
    }
}

async fn with(numbers: &[u8]) -> TestStore {
    let test = TestStore::empty();
    for number in numbers.iter().copied() {
        test.store.write(ORG, move |tx| definitions::insert(tx, &definition(number))).await.unwrap();
    }
    test
}

#[tokio::test]
async fn definitions_are_read_as_they_were_written_in_the_order_of_their_creation() {
    let test = with(&[1, 2, 3]).await;
    let listed = test.store.read(ORG, definitions::list).await.unwrap();
    assert_eq!(listed, [3, 2, 1].map(definition));
    for number in 1..=3 {
        let id = Uuid([number; 16]);
        let found = test.store.read(ORG, move |conn| definitions::find(conn, id)).await.unwrap();
        assert_eq!(found, Some(definition(number)));
    }
    let elsewhere = test.store.read(OrgKey(2), definitions::list).await.unwrap();
    assert_eq!(elsewhere, []);
}

#[tokio::test]
async fn many_definitions_and_headings_are_found_by_their_ids() {
    let test = with(&[1, 2, 3]).await;
    let ids = [Uuid([3; 16]), Uuid([9; 16]), Uuid([2; 16])];
    let mut found = test.store.read(ORG, move |conn| definitions::find_many(conn, &ids)).await.unwrap();
    found.sort_by_key(|definition| definition.definition_id);
    assert_eq!(found, [2, 3].map(definition));
    let mut found = test.store.read(ORG, move |conn| definitions::headings(conn, &ids)).await.unwrap();
    found.sort_by_key(|heading| heading.definition_id);
    let heading = |number| {
        let AttributeDefinition { definition_id, identifier, label, is_archived, .. } = definition(number);
        Heading { definition_id, identifier, label, is_archived }
    };
    assert_eq!(found, [2, 3].map(heading));
}

#[tokio::test]
async fn a_definition_is_written_over_as_a_whole_and_the_extent_follows() {
    let test = with(&[1, 2]).await;
    let size = |number| definitions::input_bytes(&definition(number).input);
    let extent = async || test.store.read(ORG, definitions::extent).await.unwrap();
    assert_eq!(extent().await, Extent { definitions: 2, input_bytes: size(1) + size(2) });
    let changed = AttributeDefinition { definition_id: Uuid([1; 16]), ..definition(4) };
    let written = changed.clone();
    test.store.write(ORG, move |tx| definitions::update(tx, &written)).await.unwrap();
    let listed = test.store.read(ORG, definitions::list).await.unwrap();
    assert_eq!(listed, [changed, definition(2)]);
    assert_eq!(extent().await, Extent { definitions: 2, input_bytes: 2 * size(2) });
    let elsewhere = test.store.read(OrgKey(2), definitions::extent).await.unwrap();
    assert_eq!(elsewhere, Extent { definitions: 0, input_bytes: 0 });
}
