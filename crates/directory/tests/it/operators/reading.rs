//! Lists of operators, and what their names begin with.

use denizen_directory::operators::{NewOperator, OperatorList, OperatorOrder, OperatorQuery, OperatorView};
use denizen_domain::operator::OperatorRole::{Editor, Viewer};

use super::{ALPHA, BETA, GAMMA, LIVE, TEST, Team, admin, entry, reaching};

const ALL: OperatorQuery =
    OperatorQuery { needle: None, order: OperatorOrder::Email, is_descending: false, offset: 0, limit: 100 };

async fn list(team: &Team, query: OperatorQuery) -> OperatorList {
    team.server.directory().list_operators(&team.ctx, query).await.unwrap()
}

fn emails(list: &OperatorList) -> Vec<&str> {
    let texts = &list.operators.texts;
    list.operators.rows.iter().map(|operator| texts.get(operator.email)).collect()
}

/// Four operators, made a second apart.
async fn team() -> Team {
    let team = Team::new().await;
    let both = vec![entry(Editor, TEST, &[ALPHA, BETA]), entry(Editor, LIVE, &[GAMMA])];
    for (name, email, company, access) in [
        ("Zoë", "b@example.org", Some("Globex"), admin("").access),
        ("Ann", "d@example.org", None, reaching(both)),
        ("ann", "a@example.org", Some("acme"), reaching(vec![entry(Viewer, TEST, &[ALPHA])])),
        ("Bob", "c@zoe.example", Some("Initech"), admin("").access),
    ] {
        let (name, company) = (name.to_owned(), company.map(str::to_owned));
        let new = NewOperator { name, company, access, ..admin(email) };
        let ctx = denizen_directory::OpContext { now: team.server.directory().now(), ..team.ctx.clone() };
        let welcome = denizen_directory::operators::Welcome::Silent;
        team.server.directory().create_operator(&ctx, new, welcome).await.unwrap();
        team.server.advance_seconds(1);
    }
    team
}

#[tokio::test]
async fn a_list_is_in_the_order_that_was_asked_for_and_among_equals_in_that_of_the_ids() {
    use OperatorOrder::{Admin, Company, CreatedAt, Email, Id, Name};
    let team = team().await;
    for (order, rising, falling) in [
        (CreatedAt, ["b", "d", "a", "c"], ["c", "a", "d", "b"]),
        (Id, ["b", "d", "a", "c"], ["c", "a", "d", "b"]),
        (Email, ["a", "b", "c", "d"], ["d", "c", "b", "a"]),
        (Company, ["d", "a", "b", "c"], ["c", "b", "a", "d"]),
        (Admin, ["d", "a", "b", "c"], ["b", "c", "d", "a"]),
        (Name, ["d", "a", "c", "b"], ["b", "c", "a", "d"]),
    ] {
        for (is_descending, expected) in [(false, rising), (true, falling)] {
            let found = list(&team, OperatorQuery { order, is_descending, ..ALL }).await;
            let first: Vec<&str> = emails(&found).iter().map(|email| &email[..1]).collect();
            // Names that differ in their letter case alone are beside each other, whichever comes first.
            if order == Name {
                let sorted = |mut pair: Vec<String>| {
                    pair.sort();
                    pair
                };
                let texts = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
                let at = if is_descending { 2..4 } else { 0..2 };
                assert_eq!(sorted(texts(&first[at.clone()])), ["a", "d"], "{first:?}");
                let rest = if is_descending { 0..2 } else { 2..4 };
                assert_eq!(first[rest.clone()], expected[rest]);
            } else {
                assert_eq!(first, expected, "{order:?} {is_descending}");
            }
            assert_eq!(found.total, 4);
        }
    }
}

#[tokio::test]
async fn a_part_of_a_list_says_how_long_the_whole_is() {
    let team = team().await;
    for (offset, expected) in
        [(0, &["a@example.org", "b@example.org"][..]), (2, &["c@zoe.example", "d@example.org"]), (4, &[])]
    {
        let found = list(&team, OperatorQuery { offset, limit: 2, ..ALL }).await;
        assert_eq!((emails(&found), found.total), (expected.to_vec(), 4));
    }
}

#[tokio::test]
async fn a_needle_is_looked_for_in_names_addresses_and_companies_in_any_letter_case() {
    let team = team().await;
    for (needle, expected) in [
        ("ZOE", &["b@example.org", "c@zoe.example"][..]),
        (" zoë ", &["b@example.org", "c@zoe.example"]),
        ("an", &["a@example.org", "d@example.org"]),
        ("CME", &["a@example.org"]),
        ("@example", &["a@example.org", "b@example.org", "d@example.org"]),
        ("nobody", &[]),
        ("  ", &["a@example.org", "b@example.org", "c@zoe.example", "d@example.org"]),
    ] {
        let found = list(&team, OperatorQuery { needle: Some(needle.to_owned()), ..ALL }).await;
        assert_eq!(emails(&found), expected, "{needle:?}");
        assert_eq!(found.total, expected.len() as u64);
    }
}

#[tokio::test]
async fn a_list_shows_environments_without_bots() {
    let team = team().await;
    team.set_environment(LIVE, "Live", false).await;
    let found = list(&team, ALL).await.views();
    let places: Vec<Vec<(&str, usize)>> = found
        .iter()
        .map(|OperatorView { places, .. }| {
            places.iter().map(|place| (place.name.as_str(), place.bots.len())).collect()
        })
        .collect();
    assert_eq!(places, [vec![("Test", 0)], vec![], vec![], vec![("Test", 0)]]);
    assert!(found.iter().all(|view| view.is_deletable));
}

#[tokio::test]
async fn names_are_suggested_once_each_in_their_order_and_by_their_beginning() {
    let team = team().await;
    for (email, name) in [("e@example.org", "Anna"), ("f@example.org", "Bob"), ("g@example.org", "Mc Ann")] {
        team.create(NewOperator { name: name.to_owned(), ..admin(email) }).await.unwrap();
    }
    let suggest = async |beginning: &str, limit| {
        team.server.directory().suggest_operator_names(&team.ctx, beginning, limit).await.unwrap()
    };
    let found = suggest("AN", 6).await;
    let folded: Vec<String> = found.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded, ["ann", "ann", "anna"], "names of another letter case are other names");
    assert_eq!(suggest("an", 2).await, found[..2]);
    assert_eq!(suggest("bo", 6).await, ["Bob"]);
    assert_eq!(suggest("zoe", 6).await, ["Zoë"]);
    assert_eq!(suggest(" mc a", 6).await, ["Mc Ann"]);
    for none in ["", "  ", "nn", "%", "_"] {
        assert_eq!(suggest(none, 6).await, [""; 0], "{none:?}");
    }
}
