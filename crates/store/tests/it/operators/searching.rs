//! Finding operators by parts of their names, addresses and companies: everybody who matches, counted exactly.

use denizen_domain::fold::fold;
use denizen_domain::ids::OrgKey;
use denizen_store::operators::{Operator, OperatorOrder, OperatorQuery};

use super::{
    administrator, all_with, delete, expected, find, insert, later, operator_id, page, search, update,
};
use crate::support::{ORG, TestStore};

fn named(number: u64, name: &str, email: &str, company: Option<&str>) -> Operator {
    Operator {
        name: name.to_owned(),
        email: email.to_owned(),
        company: company.map(str::to_owned),
        ..administrator(number)
    }
}

#[tokio::test]
async fn an_operator_is_found_by_any_part_of_name_address_or_company_and_not_across_them() {
    let test = TestStore::empty();
    let operators = vec![
        named(1, "Änne Lee", "anne@Example.org", Some("Straße & Co")),
        named(2, "Bob", "robert@example.com", None),
        named(3, "Łukasz 100%", "luk_asz@x.dev", Some("Q")),
        named(4, "田中太郎", "tanaka@例え.jp", Some("スズ")),
    ];
    insert(&test.store, ORG, operators).await.unwrap();
    insert(&test.store, OrgKey(2), vec![named(9, "Änne Lee", "anne@example.org", None)]).await.unwrap();
    for (needle, wanted) in [
        ("q", vec![3]),
        ("z", vec![3]),
        ("0%", vec![3]),
        ("an", vec![1, 4]),
        ("ann", vec![1]),
        ("anne l", vec![1]),
        ("example", vec![1, 2]),
        ("example.org", vec![1]),
        ("strasse &", vec![1]),
        ("k_a", vec![3]),
        ("kxa", vec![]),
        ("太", vec![4]),
        ("スズ", vec![4]),
        ("leeanne", vec![]),
        ("lee anne", vec![]),
        ("bobr", vec![]),
        ("orgs", vec![]),
        ("w", vec![]),
        ("wq", vec![]),
        ("nobody", vec![]),
        ("a needle that is longer than every text in which it is looked for, and finds nothing", vec![]),
    ] {
        let wanted: Vec<_> = wanted.into_iter().map(operator_id).collect();
        assert_eq!(search(&test.store, ORG, &fold(needle)).await, wanted, "{needle}");
    }
    // Nothing to look for is no filter.
    assert_eq!(search(&test.store, ORG, "").await.len(), 4);
}

#[tokio::test]
async fn the_index_follows_what_is_changed_and_forgets_what_is_deleted() {
    let test = TestStore::empty();
    insert(
        &test.store,
        ORG,
        vec![named(1, "Ann", "ann@x.org", Some("Acme")), named(2, "Bob", "bob@x.org", None)],
    )
    .await
    .unwrap();
    let before = find(&test.store, ORG, operator_id(1)).await.unwrap();
    let after = Operator { company: None, email: "zoe@x.org".to_owned(), ..before.clone() };
    update(&test.store, ORG, before, after).await.unwrap();
    assert_eq!(search(&test.store, ORG, "acme").await, []);
    assert_eq!(search(&test.store, ORG, "ann@").await, []);
    assert_eq!(search(&test.store, ORG, "zoe").await, [operator_id(1)]);
    assert_eq!(search(&test.store, ORG, "nn").await, [operator_id(1)]);
    delete(&test.store, ORG, operator_id(1)).await.unwrap();
    assert_eq!(search(&test.store, ORG, "zoe").await, []);
    assert_eq!(search(&test.store, ORG, "x.org").await, [operator_id(2)]);
    assert_eq!(test.store.check().await, Ok(vec![]));
}

#[tokio::test]
async fn many_and_few_matches_are_counted_and_sorted_alike_in_every_order() {
    let test = TestStore::empty();
    // More than PostgreSQL looks through before it asks its index; the rare ones come last.
    let operators: Vec<Operator> = (0..1_300_u64)
        .map(|number| {
            let rare = if number % 100 == 99 { "Xylo" } else { "Common" };
            Operator {
                created_at: later(i64::try_from(number % 3).unwrap()),
                ..named(
                    number * 7 % 1_300,
                    &format!("{rare} {}", number % 10),
                    &format!("n{number}@example.org"),
                    (number % 2 == 0).then_some("Half"),
                )
            }
        })
        .collect();
    insert(&test.store, ORG, operators.clone()).await.unwrap();
    insert(&test.store, OrgKey(2), operators[..50].to_vec()).await.unwrap();
    for needle in ["x", "m", "xylo", "xy", "ex", "half", "n129", "absent"] {
        for order in OperatorOrder::ALL {
            // Beside the first needles the order is none of the route's business.
            if needle.len() > 1 && order != OperatorOrder::Name {
                continue;
            }
            for (is_descending, offset) in [(true, 5), (false, 640)] {
                let query = OperatorQuery { order, is_descending, offset, limit: 10, ..all_with(needle) };
                assert_eq!(page(&test.store, ORG, &query).await, expected(&operators, &query), "{query:?}");
            }
        }
    }
}
