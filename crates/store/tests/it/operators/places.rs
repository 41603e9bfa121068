//! Environments and bots: what is put, what is listed, and what operators reach of it.

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::operator::{Access, OperatorRole};
use denizen_store::bots::{self, Bot};
use denizen_store::environments::{self, Environment};
use denizen_store::operators::{self, Operator, Place};
use denizen_store::{Conn, StoreError, Tx};

use super::{
    access, administrator, bot, bot_id, environment, environment_id, find, furnish, insert, later,
    operator_id, update,
};
use crate::support::{ORG, TestStore};

async fn put_environment(test: &TestStore, org: OrgKey, environment: Environment) -> bool {
    test.store.write(org, move |tx| environments::put(tx, &environment)).await.unwrap()
}

async fn put_bot(test: &TestStore, bot: Bot) -> bool {
    test.store.write(ORG, move |tx| bots::put(tx, &bot)).await.unwrap()
}

/// What operator 1 reaches: the names of the environments, each with those of its bots.
async fn reached(test: &TestStore, with_bots: bool) -> Vec<(String, Vec<String>)> {
    let read = move |conn: &Conn<'_>| operators::places(conn, &[operator_id(1)], with_bots);
    let mut places = test.store.read(ORG, read).await.unwrap();
    let names = |place: Place| (place.name, place.bots.into_iter().map(|(_, name)| name).collect());
    places.remove(&operator_id(1)).unwrap_or_default().into_iter().map(names).collect()
}

fn named(expected: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let names = |(place, bots): &(&str, &[&str])| {
        ((*place).to_owned(), bots.iter().map(|bot| (*bot).to_owned()).collect())
    };
    expected.iter().map(names).collect()
}

#[tokio::test]
async fn what_is_put_again_changes_what_differs_and_says_whether_something_did() {
    let test = TestStore::empty();
    assert!(put_environment(&test, ORG, environment(1)).await);
    let again = Environment { created_at: later(5), updated_at: later(5), ..environment(1) };
    assert!(!put_environment(&test, ORG, again.clone()).await);
    let other = Environment { name: "Staging".to_owned(), is_active: false, ..again };
    assert!(put_environment(&test, ORG, other.clone()).await);
    let ids = [environment_id(1), environment_id(2)];
    let known = test.store.read(ORG, move |conn| environments::find_many(conn, &ids)).await.unwrap();
    let kept = Environment { created_at: environment(1).created_at, ..other };
    assert_eq!(known.into_values().collect::<Vec<_>>(), [kept]);

    assert!(put_environment(&test, ORG, environment(2)).await);
    assert!(put_bot(&test, bot(1, 1)).await);
    assert!(!put_bot(&test, Bot { updated_at: later(5), ..bot(1, 1) }).await);
    let mut now = bot(1, 1);
    let changes: [fn(&mut Bot); 5] = [
        |bot| bot.name = "Concierge".to_owned(),
        |bot| bot.image_url = Some("https://example.org/a.png".to_owned()),
        |bot| bot.image_url = None,
        |bot| bot.is_active = false,
        |bot| bot.environment_id = environment_id(2),
    ];
    for change in changes {
        change(&mut now);
        now.updated_at = now.updated_at.plus_seconds(1);
        assert!(put_bot(&test, now.clone()).await, "{now:?}");
        let known = test.store.read(ORG, |conn| bots::find_many(conn, &[bot_id(1, 1)])).await.unwrap();
        assert_eq!(known.into_values().collect::<Vec<_>>(), [now.clone()]);
    }
    let nowhere = bot(9, 1);
    let refused = test.store.write(ORG, move |tx| bots::put(tx, &nowhere)).await;
    assert!(matches!(refused, Err(StoreError::Constraint(_))), "{refused:?}");
}

#[tokio::test]
async fn lists_go_on_behind_an_id_and_are_of_one_organization() {
    let test = TestStore::empty();
    for org in [ORG, OrgKey(2)] {
        furnish(&test.store, org).await;
    }
    put_environment(&test, OrgKey(2), environment(7)).await;
    let of = |after: Option<u8>, limit| {
        let after = after.map(environment_id);
        test.store.read(ORG, move |conn: &Conn<'_>| environments::list(conn, after, limit))
    };
    let ids = |found: Result<Vec<Environment>, StoreError>| {
        found.unwrap().into_iter().map(|environment| environment.environment_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(of(None, 2).await), [1, 2].map(environment_id));
    assert_eq!(ids(of(Some(2), 2).await), [environment_id(3)]);
    assert_eq!(ids(of(Some(3), 2).await), []);
    let of = |environment: Option<u8>, after: Option<Uuid>, limit| {
        let environment = environment.map(environment_id);
        test.store.read(ORG, move |conn: &Conn<'_>| bots::list(conn, environment, after, limit))
    };
    let ids = |found: Result<Vec<Bot>, StoreError>| {
        found.unwrap().into_iter().map(|bot| bot.bot_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(of(None, None, 4).await), [bot_id(1, 1), bot_id(1, 2), bot_id(1, 3), bot_id(2, 1)]);
    assert_eq!(ids(of(None, Some(bot_id(3, 2)), 4).await), [bot_id(3, 3)]);
    assert_eq!(ids(of(Some(2), None, 2).await), [bot_id(2, 1), bot_id(2, 2)]);
    assert_eq!(ids(of(Some(2), Some(bot_id(2, 2)), 9).await), [bot_id(2, 3)]);
    assert_eq!(ids(of(Some(7), None, 9).await), []);
}

#[tokio::test]
async fn what_is_not_active_is_not_reached_and_comes_back_with_its_activation() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    let granted = access(OperatorRole::Editor, [(2, &[1]), (1, &[3, 1])]);
    insert(
        &test.store,
        ORG,
        vec![Operator { access: granted.clone(), ..administrator(1) }, administrator(2)],
    )
    .await
    .unwrap();
    let all = named(&[("Environment 1", &["Bot 1-1", "Bot 1-3"]), ("Environment 2", &["Bot 2-1"])]);
    assert_eq!(reached(&test, true).await, all);
    assert_eq!(reached(&test, false).await, named(&[("Environment 1", &[]), ("Environment 2", &[])]));
    put_environment(&test, ORG, Environment { is_active: false, ..environment(2) }).await;
    put_bot(&test, Bot { is_active: false, ..bot(1, 3) }).await;
    assert_eq!(reached(&test, true).await, named(&[("Environment 1", &["Bot 1-1"])]));
    // What was granted is still granted.
    assert_eq!(find(&test.store, ORG, operator_id(1)).await.unwrap().access, granted);
    put_environment(&test, ORG, environment(2)).await;
    put_bot(&test, bot(1, 3)).await;
    assert_eq!(reached(&test, true).await, all);
}

#[tokio::test]
async fn many_are_asked_for_at_once_and_administrators_reach_nothing_by_themselves() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    let viewer =
        |number| Operator { access: access(OperatorRole::Viewer, [(3, &[2])]), ..administrator(number) };
    insert(&test.store, ORG, vec![administrator(1), viewer(2), viewer(3), viewer(4)]).await.unwrap();
    let ids = [1, 2, 4, 9].map(operator_id);
    let places = test.store.read(ORG, move |conn| operators::places(conn, &ids, true)).await.unwrap();
    let place = Place {
        environment_id: environment_id(3),
        name: "Environment 3".to_owned(),
        bots: vec![(bot_id(3, 2), "Bot 3-2".to_owned())],
    };
    assert_eq!(places, [2, 4].map(|number| (operator_id(number), vec![place.clone()])).into());
    assert_eq!(test.store.read(ORG, |conn| operators::places(conn, &[], true)).await, Ok([].into()));
    let foreign = test.store.read(OrgKey(2), move |conn| operators::places(conn, &ids, true)).await;
    assert_eq!(foreign, Ok([].into()));
}

#[tokio::test]
async fn a_bot_that_moves_away_is_out_of_reach_and_goes_with_the_next_change() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    let before = Operator { access: access(OperatorRole::Editor, [(1, &[1, 2])]), ..administrator(1) };
    insert(&test.store, ORG, vec![before.clone()]).await.unwrap();
    put_bot(&test, Bot { environment_id: environment_id(2), ..bot(1, 1) }).await;
    assert_eq!(reached(&test, true).await, named(&[("Environment 1", &["Bot 1-2"])]));
    let left = access(OperatorRole::Editor, [(1, &[2])]);
    let known = find(&test.store, ORG, operator_id(1)).await.unwrap();
    assert_eq!(known.access, left);
    // Whoever is given the other environment now is not given the bot with it.
    let after = Operator { access: access(OperatorRole::Editor, [(1, &[2]), (2, &[3])]), ..known.clone() };
    update(&test.store, ORG, known, after.clone()).await.unwrap();
    let wanted = named(&[("Environment 1", &["Bot 1-2"]), ("Environment 2", &["Bot 2-3"])]);
    assert_eq!(reached(&test, true).await, wanted);
    // Unless it is named.
    let mut given = after.clone();
    if let Access::Environments { environments, .. } = &mut given.access {
        environments.get_mut(&environment_id(2)).unwrap().insert(bot_id(1, 1));
    }
    update(&test.store, ORG, after, given.clone()).await.unwrap();
    assert_eq!(find(&test.store, ORG, operator_id(1)).await, Some(given));
    assert_eq!(reached(&test, true).await[1].1, ["Bot 1-1", "Bot 2-3"]);
}

#[tokio::test]
async fn what_operators_reach_is_not_deleted_under_them() {
    let test = TestStore::empty();
    furnish(&test.store, ORG).await;
    insert(&test.store, ORG, vec![super::plain_operator(1)]).await.unwrap();
    let erase = |tx: &Tx<'_>| denizen_store::organizations::erase_bots(tx, 100);
    let refused = test.store.write(ORG, erase).await;
    assert!(matches!(refused, Err(StoreError::Constraint(_))), "{refused:?}");
    assert_eq!(reached(&test, true).await, named(&[("Environment 1", &["Bot 1-1"])]));
}
