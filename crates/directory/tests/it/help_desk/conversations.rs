//! Reading conversations: one, and those of a contact in either direction.

use denizen_directory::contact_conversations::{ConversationState, Direction};
use denizen_directory::contacts::PageFrom;
use denizen_directory::ingest::{ContactConversationRecord, Record};
use denizen_directory::{Error, ErrorCode};
use denizen_domain::permission::model::Rng;

use super::Desk;
use crate::ingest::contact_records::{
    contact, contact_id, definition, guid, held, noted, of_contact, of_conversations, of_definition, of_held,
    text,
};
use crate::ingest::records::time;

/// Two contacts with conversations of these ids, which are even for the second one, and a third one with none.
async fn desk(ids: &[i64]) -> Desk {
    let contacts = (1..=3).map(|number| of_contact(contact(number)));
    let holder = |id: i64| if id % 2 == 0 { 2 } else { 1 };
    let conversations = ids.iter().map(|id| of_held(held(*id, holder(*id))));
    Desk::with(contacts.chain(conversations).collect()).await
}

impl Desk {
    /// The ids on a page, and whether there is more before and after them.
    async fn page(&self, contact: u64, from: PageFrom<i64>, limit: usize) -> (bool, Vec<i64>, bool) {
        let directory = self.server.directory();
        let page = directory.list_contact_conversations(&self.ctx, guid(contact), from, limit).await.unwrap();
        assert!(page.items.iter().all(|one| one.user_id == contact_id(contact)));
        (page.has_before, page.items.iter().map(|one| one.conversation_id).collect(), page.has_after)
    }
}

#[tokio::test]
async fn a_page_says_exactly_whether_something_is_before_and_after_it() {
    let ids = [0, 1, 3, 5, 7, 8, i64::MAX];
    let desk = desk(&ids).await;
    for (from, limit, expected) in [
        (PageFrom::Start, 2, (false, vec![1, 3], true)),
        (PageFrom::Start, 5, (false, vec![1, 3, 5, 7, i64::MAX], false)),
        (PageFrom::Start, 0, (false, vec![1], true)),
        (PageFrom::After(3), 2, (true, vec![5, 7], true)),
        (PageFrom::After(4), 3, (true, vec![5, 7, i64::MAX], false)),
        (PageFrom::After(0), 1, (false, vec![1], true)),
        (PageFrom::After(i64::MIN), 1, (false, vec![1], true)),
        (PageFrom::After(i64::MAX), 1, (true, vec![], false)),
        (PageFrom::Before(7), 2, (true, vec![3, 5], true)),
        (PageFrom::Before(6), 3, (false, vec![1, 3, 5], true)),
        (PageFrom::Before(1), 3, (false, vec![], true)),
        (PageFrom::Before(i64::MIN), 3, (false, vec![], true)),
        (PageFrom::Before(i64::MAX), 9, (false, vec![1, 3, 5, 7], true)),
    ] {
        assert_eq!(desk.page(1, from, limit).await, expected, "{limit} {from:?}");
    }
    assert_eq!(desk.page(2, PageFrom::Start, 9).await, (false, vec![0, 8], false));
    assert_eq!(desk.page(3, PageFrom::Start, 9).await, (false, vec![], false));
    assert_eq!(desk.page(3, PageFrom::After(5), 9).await, (false, vec![], false));
}

#[tokio::test]
async fn pages_lead_through_all_conversations_once_forwards_and_backwards() {
    let mut rng = Rng::new(1_299_709);
    let mut ids: Vec<i64> = (0..70).map(|_| i64::try_from(rng.next_u64() >> 1).unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    let desk = desk(&ids).await;
    let own: Vec<i64> = ids.into_iter().filter(|id| id % 2 != 0).collect();
    for limit in [1, 2, 7, 100] {
        let (mut from, mut forwards) = (PageFrom::Start, Vec::new());
        loop {
            let (has_before, page, has_after) = desk.page(1, from, limit).await;
            assert_eq!(has_before, !forwards.is_empty());
            forwards.extend(page);
            assert_eq!(has_after, forwards.len() < own.len());
            if !has_after {
                break;
            }
            from = PageFrom::After(*forwards.last().unwrap());
        }
        assert_eq!(forwards, own);
        let mut backwards = Vec::new();
        let mut from = PageFrom::Before(i64::MAX);
        loop {
            let (has_before, mut page, _) = desk.page(1, from, limit).await;
            page.extend(backwards);
            backwards = page;
            if !has_before {
                break;
            }
            from = PageFrom::Before(backwards[0]);
        }
        assert_eq!(backwards, own);
    }
}

#[tokio::test]
async fn a_conversation_is_read_with_its_attributes_as_they_are_shown() {
    let record = ContactConversationRecord {
        direction: Some(Direction::Internal),
        state: Some(ConversationState::Pending),
        state_changed_at: Some(time(5)),
        attributes: Some(noted([(1, text("urgent"))])),
        ..held(7, 1)
    };
    let records: Vec<Record> =
        vec![of_definition(of_conversations(definition(1))), of_contact(contact(1)), of_held(record)];
    let desk = Desk::with(records).await;
    let view = desk.server.directory().get_contact_conversation(&desk.ctx, 7).await.unwrap();
    assert_eq!(super::shown(&view.attributes), [(1, serde_json::json!("urgent"))]);
    assert_eq!(view.conversation.direction, Some(Direction::Internal));
    assert_eq!(view.conversation.state_changed_at, Some(time(5)));
    assert_eq!(view.conversation.created_at, time(1));
    let listed = desk.server.directory();
    let listed = listed.list_contact_conversations(&desk.ctx, guid(1), PageFrom::Start, 1).await.unwrap();
    assert_eq!(listed.items, [view.conversation]);
}

#[tokio::test]
async fn conversations_of_nobody_and_for_who_may_not_read_are_refused() {
    let desk = desk(&[1]).await;
    let directory = desk.server.directory();
    let code = |error: Error| error.code;
    let list = directory.list_contact_conversations(&desk.ctx, guid(9), PageFrom::Start, 1).await;
    assert_eq!(list.map_err(code).map(drop), Err(ErrorCode::ContactNotFound));
    let one = directory.get_contact_conversation(&desk.ctx, 2).await;
    assert_eq!(one.map_err(code).map(drop), Err(ErrorCode::ConversationNotFound));
    let writer = desk.program("Directory:WriteContact").await;
    let list = directory.list_contact_conversations(&writer, guid(1), PageFrom::Start, 1).await;
    assert_eq!(list.map_err(code).map(drop), Err(ErrorCode::Forbidden));
    let one = directory.get_contact_conversation(&writer, 1).await;
    assert_eq!(one.map_err(code).map(drop), Err(ErrorCode::Forbidden));
    // Another organization has none of this.
    let elsewhere = desk.server.org("globex").await;
    let elsewhere = elsewhere.access_token("DefaultAdministratorRole").await.context().await;
    let one = directory.get_contact_conversation(&elsewhere, 1).await;
    assert_eq!(one.map_err(code).map(drop), Err(ErrorCode::ConversationNotFound));
    let list = directory.list_contact_conversations(&elsewhere, guid(1), PageFrom::Start, 1).await;
    assert_eq!(list.map_err(code).map(drop), Err(ErrorCode::ContactNotFound));
}
