//! Pages of operators: every order, either direction, from both ends of the list.

use denizen_domain::ids::OrgKey;
use denizen_domain::operator::{Access, OperatorRole};
use denizen_store::Conn;
use denizen_store::operators::{self, Operator, OperatorOrder, OperatorQuery};

use super::{access, administrator, delete, expected, furnish, insert, later, operator_id, page, search};
use crate::support::{ORG, TestStore};

/// Operators of whom many have the same of everything but the address; their ids rise in another order than they come.
fn alike() -> Vec<Operator> {
    const NAMES: [&str; 6] = ["Ann", "ann", "Änn", "Bob", "bob Ω", "Ζωή"];
    let alike = |number: usize| {
        let id = number as u64;
        Operator {
            user_id: operator_id(id * 19 % 47),
            email: format!("{}{number}@example.org", ["Z", "a", "m"][number % 3]),
            name: NAMES[number * 7 % 6].to_owned(),
            company: [None, Some("Acme"), Some("acme"), Some("Zeta")][number % 4].map(str::to_owned),
            access: if number.is_multiple_of(5) {
                Access::Administrator
            } else {
                access(OperatorRole::Viewer, [(1, &[2])])
            },
            created_at: later(i64::try_from(number % 4).unwrap()),
            ..administrator(id)
        }
    };
    (0..47).map(alike).collect()
}

/// Every order, in either direction.
fn orders() -> impl Iterator<Item = (OperatorOrder, bool)> {
    OperatorOrder::ALL.into_iter().flat_map(|order| [(order, false), (order, true)])
}

#[tokio::test]
async fn a_list_is_the_same_however_it_is_cut_into_pages() {
    let test = TestStore::empty();
    let mut all = alike();
    for org in [ORG, OrgKey(2)] {
        furnish(&test.store, org).await;
    }
    insert(&test.store, ORG, all.clone()).await.unwrap();
    insert(&test.store, OrgKey(2), all.drain(40..).collect()).await.unwrap();
    insert(&test.store, OrgKey(2), vec![administrator(900)]).await.unwrap();
    for user in alike().drain(40..).map(|operator| operator.user_id) {
        delete(&test.store, ORG, user).await.unwrap();
    }
    assert_eq!(all.len(), 40);
    for (order, is_descending) in orders() {
        for limit in [1, 7, 40, 50] {
            // Pages of one are many; the rest of them is like those that are looked at.
            let offsets = (0..=42).step_by(limit).filter(|offset| limit > 1 || offset % 6 == 0);
            for offset in offsets.chain([39, 40, 1_000_000, usize::MAX]) {
                let offset = offset as u64;
                let query = OperatorQuery { needle: None, order, is_descending, offset, limit };
                let shown = page(&test.store, ORG, &query).await;
                let wanted = if offset > 1_000_000 {
                    expected(&all, &OperatorQuery { offset: 1_000_000, ..query.clone() })
                } else {
                    expected(&all, &query)
                };
                assert_eq!(shown, wanted, "{query:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_first_pages_of_each_order_are_read_at_once_where_an_index_has_them_in_one_piece() {
    let test = TestStore::empty();
    insert(&test.store, ORG, (0..3).map(administrator).collect()).await.unwrap();
    for (order, is_descending) in orders() {
        for (offset, is_there) in [(0, true), (2, true), (3, false), (1_000_000, false)] {
            let query = OperatorQuery { needle: None, order, is_descending, offset, limit: 10 };
            let read = move |conn: &Conn<'_>| operators::page_at_once(conn, &query);
            let found = test.store.read(ORG, read).await.unwrap();
            let is_in_one_piece = !(order == OperatorOrder::Admin && is_descending);
            assert_eq!(found.is_some(), is_there && is_in_one_piece, "{order:?} {is_descending} {offset}");
            assert!(found.is_none_or(|page| page.total == 3));
        }
    }
}

#[tokio::test]
async fn a_page_of_nobody_and_a_page_of_no_length_are_empty() {
    let test = TestStore::empty();
    let query = |limit| OperatorQuery {
        needle: None,
        order: OperatorOrder::Admin,
        is_descending: true,
        offset: 0,
        limit,
    };
    let none = page(&test.store, ORG, &query(10)).await;
    assert_eq!((none.items.len(), none.total), (0, 0));
    insert(&test.store, ORG, vec![administrator(1)]).await.unwrap();
    let none = page(&test.store, ORG, &query(0)).await;
    assert_eq!((none.items.len(), none.total), (0, 1));
}

#[tokio::test]
async fn names_that_are_longer_than_a_key_are_sorted_and_found() {
    let test = TestStore::empty();
    // Each of these letters is eighteen when it is folded.
    let long = |end: &str| format!("{}{end}", "\u{fdfa}".repeat(250));
    let named =
        |number, name: String| Operator { name: name.clone(), company: Some(name), ..administrator(number) };
    let all = vec![named(1, long("b")), named(2, long("a")), named(3, "Zoe".to_owned())];
    insert(&test.store, ORG, all.clone()).await.unwrap();
    for order in [OperatorOrder::Name, OperatorOrder::Company] {
        let query = OperatorQuery { needle: None, order, is_descending: false, offset: 0, limit: 10 };
        let shown: Vec<_> =
            page(&test.store, ORG, &query).await.items.iter().map(|shown| shown.user_id).collect();
        // By the company alone the two are equals, for so much of a key is all that is compared.
        let order = if order == OperatorOrder::Name { [3, 2, 1] } else { [3, 1, 2] };
        assert_eq!(shown, order.map(operator_id));
    }
    let letter = denizen_domain::fold::fold("\u{fdfa}");
    assert_eq!(search(&test.store, ORG, &letter).await, [1, 2].map(operator_id));
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn a_walk_comes_by_everybody_once_with_all_that_was_granted() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    let mut all = alike();
    for operator in all.iter_mut().step_by(3) {
        operator.access = access(OperatorRole::Editor, [(1, &[1, 2]), (3, &[3])]);
    }
    insert(&test.store, ORG, all.clone()).await.unwrap();
    insert(&test.store, OrgKey(2), vec![administrator(900)]).await.unwrap();
    all.sort_by_key(|operator| operator.user_id);
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let part = test.store.read(ORG, move |conn| operators::walk(conn, after, 10)).await.unwrap();
        let Some(last) = part.last() else { break };
        after = Some(last.user_id);
        walked.extend(part);
    }
    assert_eq!(walked, all);
}
