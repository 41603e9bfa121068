//! Temporary grants: what a user has now, and pages against a sorted and filtered model.

use std::cmp::Ordering;

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::permission::model::Rng;
use denizen_domain::permission::{Condition, Filter, Grant, PermissionName, Scalar, Test, TestOp, names};
use denizen_domain::time::Timestamp;
use denizen_store::keyset::Page;
use denizen_store::temporary_grants::{
    self, GrantQuery, SortField, SortKey, TagTest, TagValue, Tags, TemporaryGrant, Visible,
};
use denizen_store::{Conn, StoreError, Tx, roles, users};

use crate::support::{NOW, ORG, TestStore, add, delete, find, plain_user, role};

const ROLES: [(&str, [u8; 12]); 2] = [("Agent", [1; 12]), ("Boss", [2; 12])];
const PERMISSIONS: [PermissionName; 3] =
    [names::USER_DELETE_USER, names::USER_GET_USER_INFO, names::ROLE_GET_ROLE];

fn id(number: u64) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    ObjectId(bytes)
}

/// Ids of users as members have them: 12 bytes.
fn user(number: u64) -> UserId {
    UserId::from_object_id(id(number))
}

fn role_of(number: u64) -> (&'static str, ObjectId) {
    let (name, id) = ROLES[usize::from(number.is_multiple_of(3))];
    (name, ObjectId(id))
}

/// Nine users, every third one a boss.
async fn staff(test: &TestStore) {
    for org in [ORG, OrgKey(2)] {
        for (name, id) in ROLES {
            let role = role(ObjectId(id), name);
            assert!(test.store.write(org, move |tx| roles::insert(tx, &role, NOW)).await.unwrap());
        }
        for number in 1..=9 {
            let new =
                users::NewUser { user_id: user(number), role_id: role_of(number).1, ..plain_user(number) };
            add(&test.store, org, new).await;
        }
    }
}

fn grant(number: u64, to: u64) -> TemporaryGrant {
    TemporaryGrant {
        grant_id: id(number),
        user_id: user(to),
        grant: Grant::allow(names::USER_DELETE_USER).when("email", Condition::Equals("a@b.c".into())),
        justification: "because of a test".to_owned(),
        tags: Tags::new(),
        creator_org: ORG,
        creator: user(1),
        created_at: NOW,
        expires_at: NOW.plus_seconds(60),
    }
}

async fn insert(test: &TestStore, org: OrgKey, grants: &[TemporaryGrant]) -> Result<(), StoreError> {
    let grants = grants.to_vec();
    let write = move |tx: &Tx<'_>| grants.iter().try_for_each(|grant| temporary_grants::insert(tx, grant));
    test.store.write(org, write).await
}

async fn active(test: &TestStore, to: u64, now: Timestamp) -> Vec<(Grant, Timestamp)> {
    let read = move |conn: &Conn<'_>| temporary_grants::active(conn, user(to), now);
    test.store.read(ORG, read).await.unwrap()
}

fn query() -> GrantQuery {
    GrantQuery {
        ids: None,
        user_ids: None,
        creators: None,
        permission_name: None,
        is_expired: None,
        now: NOW,
        tags: Vec::new(),
        visible: Visible { users: Filter::always(), roles: Filter::always() },
        sort: Vec::new(),
        after: None,
        limit: 100,
    }
}

async fn page(test: &TestStore, query: &GrantQuery) -> Page<TemporaryGrant> {
    let query = query.clone();
    test.store.scan(ORG, move |conn| temporary_grants::page(conn, &query)).await.unwrap()
}

/// Reads every page, each of a random size.
async fn walk(test: &TestStore, rng: &mut Rng, mut query: GrantQuery) -> Vec<TemporaryGrant> {
    let mut seen = Vec::new();
    loop {
        query.limit = 1 + rng.below(30);
        let page = page(test, &query).await;
        assert!(page.rows.len() <= query.limit);
        assert_eq!(page.next.is_some(), page.has_more);
        seen.extend(page.rows);
        if !page.has_more {
            return seen;
        }
        query.after = page.next;
    }
}

fn random_grants(rng: &mut Rng, size: u64) -> Vec<TemporaryGrant> {
    let values = [None, Some("1".to_owned()), Some("2".to_owned())];
    let one = |number| {
        let mut tags = Tags::new();
        for name in ["ticket", "two words"] {
            if rng.chance(50) {
                tags.insert(name.to_owned(), rng.pick(&values).clone());
            }
        }
        TemporaryGrant {
            tags,
            grant: Grant::allow(rng.pick(&PERMISSIONS).clone()),
            creator: user(1 + rng.below(3) as u64),
            expires_at: NOW.plus_seconds(i64::try_from(rng.below(5)).unwrap() - 2),
            ..grant(number, 1 + rng.below(9) as u64)
        }
    };
    (0..size).map(one).collect()
}

fn sorted(mut grants: Vec<TemporaryGrant>, sort: &[SortKey]) -> Vec<TemporaryGrant> {
    grants.sort_by(|a, b| {
        let by_keys = sort.iter().fold(Ordering::Equal, |order, key| {
            let by_key = match key.field {
                SortField::UserId => a.user_id.cmp(&b.user_id),
                SortField::ExpiresAt => a.expires_at.cmp(&b.expires_at),
                SortField::PermissionName => a.grant.permission.cmp(&b.grant.permission),
            };
            order.then(if key.descending { by_key.reverse() } else { by_key })
        });
        let by_position = a.grant_id.cmp(&b.grant_id);
        let ties_descend = sort.first().is_some_and(|key| key.descending);
        by_keys.then(if ties_descend { by_position.reverse() } else { by_position })
    });
    grants
}

fn only(attribute: &str, op: TestOp) -> Filter {
    Filter { allow: vec![vec![Test { attribute: attribute.to_owned(), op }]], deny: Vec::new() }
}

/// Narrows the query by chance, and the model alike.
fn narrow(rng: &mut Rng, query: &mut GrantQuery, model: &mut Vec<TemporaryGrant>) {
    if rng.chance(20) {
        let ids: Vec<ObjectId> = (0..rng.below(80)).map(|_| id(rng.below(150) as u64)).collect();
        model.retain(|grant| ids.contains(&grant.grant_id));
        query.ids = Some(ids);
    }
    if rng.chance(20) {
        let users: Vec<UserId> = (0..rng.below(5)).map(|_| user(1 + rng.below(9) as u64)).collect();
        model.retain(|grant| users.contains(&grant.user_id));
        query.user_ids = Some(users);
    }
    if rng.chance(20) {
        let creators = vec![user(1), user(rng.below(4) as u64)];
        model.retain(|grant| creators.contains(&grant.creator));
        query.creators = Some(creators);
    }
    if rng.chance(20) {
        let name = rng.pick(&PERMISSIONS).clone();
        model.retain(|grant| grant.grant.permission == name);
        query.permission_name = Some(name.as_str().to_owned());
    }
    if rng.chance(30) {
        let expired = rng.chance(50);
        model.retain(|grant| (grant.expires_at <= NOW) == expired);
        query.is_expired = Some(expired);
    }
    for name in ["ticket", "two words"] {
        if rng.chance(20) {
            let value = [TagValue::Any, TagValue::Absent, TagValue::Is("1".to_owned())][rng.below(3)].clone();
            model.retain(|grant| match (grant.tags.get(name), &value) {
                (None, _) => false,
                (Some(_), TagValue::Any) => true,
                (Some(found), TagValue::Absent) => found.is_none(),
                (Some(found), TagValue::Is(wanted)) => found.as_ref() == Some(wanted),
            });
            query.tags.push(TagTest { name: name.to_owned(), value });
        }
    }
    if rng.chance(30) {
        let seen: Vec<Scalar> = (1..4).map(|number| id(number).to_string().into()).collect();
        model.retain(|grant| (1..4).any(|number| grant.user_id == user(number)));
        query.visible.users = only("user_id", TestOp::In(seen));
    }
    if rng.chance(30) {
        model.retain(|grant| (1..=9).any(|one| user(one) == grant.user_id && role_of(one).0 == "Boss"));
        query.visible.roles = only("role_name", TestOp::Eq("Boss".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_size_in_any_order_are_the_sorted_and_filtered_whole() {
    let test = TestStore::empty();
    staff(&test).await;
    let mut rng = Rng::new(61);
    let grants = random_grants(&mut rng, 120);
    insert(&test, ORG, &grants).await.unwrap();
    insert(&test, OrgKey(2), &random_grants(&mut rng, 30)).await.unwrap();
    let mut sorts: Vec<Vec<SortKey>> = vec![vec![]];
    for field in SortField::ALL {
        sorts.extend([false, true].map(|descending| vec![SortKey { field, descending }]));
    }
    sorts.extend((0..100).map(|_| {
        let key = |_| SortKey { field: *rng.pick(&SortField::ALL), descending: rng.chance(50) };
        (0..3).map(key).collect()
    }));
    let mut shown = 0;
    for sort in sorts {
        let mut query = GrantQuery { sort: sort.clone(), ..query() };
        let mut model = grants.clone();
        narrow(&mut rng, &mut query, &mut model);
        shown += model.len();
        let seen = walk(&test, &mut rng, query.clone()).await;
        assert_eq!(seen, sorted(model, &sort), "{query:?}");
    }
    assert!(shown > 1_000, "{shown}");
}

#[tokio::test]
async fn what_a_role_cannot_be_tested_for_shows_nothing() {
    let test = TestStore::empty();
    staff(&test).await;
    insert(&test, ORG, &[grant(1, 1)]).await.unwrap();
    for attribute in ["email", "user_id", "nothing"] {
        let roles = only(attribute, TestOp::Ne("x".into()));
        let visible = Visible { roles, ..query().visible };
        assert_eq!(page(&test, &GrantQuery { visible, ..query() }).await, page_of_nothing());
    }
}

fn page_of_nothing() -> Page<TemporaryGrant> {
    Page { rows: Vec::new(), next: None, has_more: false }
}

#[tokio::test]
async fn a_grant_holds_until_its_end_and_not_a_microsecond_longer() {
    let test = TestStore::empty();
    staff(&test).await;
    let long = TemporaryGrant { expires_at: NOW.plus_seconds(90), ..grant(1, 1) };
    let short = grant(2, 1);
    insert(&test, ORG, &[long.clone(), short.clone(), grant(3, 2)]).await.unwrap();
    insert(&test, OrgKey(2), &[grant(4, 1)]).await.unwrap();
    let both = [(short.grant.clone(), short.expires_at), (long.grant.clone(), long.expires_at)];
    assert_eq!(active(&test, 1, NOW).await, both);
    assert_eq!(active(&test, 1, Timestamp(short.expires_at.0 - 1)).await, both);
    assert_eq!(active(&test, 1, short.expires_at).await, both[1..]);
    assert_eq!(active(&test, 1, long.expires_at).await, []);
}

#[tokio::test]
async fn grants_go_with_their_user_and_are_given_to_nobody_else() {
    let test = TestStore::empty();
    staff(&test).await;
    let tags = Tags::from([("a".to_owned(), None)]);
    insert(&test, ORG, &[TemporaryGrant { tags, ..grant(1, 1) }, grant(2, 2)]).await.unwrap();
    let gone = find(&test.store, ORG, user(1)).await.unwrap();
    delete(&test.store, ORG, gone).await.unwrap();
    assert_eq!(page(&test, &query()).await.rows, [grant(2, 2)]);
    assert_eq!(test.outside().await.int("SELECT count(*) FROM temporary_grant_tag").await, 0);
    let nobody = insert(&test, ORG, &[grant(3, 77)]).await;
    assert!(matches!(nobody, Err(StoreError::Constraint(_))), "{nobody:?}");
}

#[tokio::test]
async fn a_list_goes_on_behind_a_grant_that_may_be_seen_and_no_other() {
    let test = TestStore::empty();
    staff(&test).await;
    insert(&test, ORG, &[grant(1, 1), grant(2, 2)]).await.unwrap();
    let sort = vec![SortKey { field: SortField::UserId, descending: false }];
    let first = page(&test, &GrantQuery { sort: sort.clone(), limit: 1, ..query() }).await.next.unwrap();
    let values = async |position: i64, visible: Visible| {
        let sort = sort.clone();
        let read = move |conn: &Conn<'_>| temporary_grants::sort_values(conn, position, &sort, &visible);
        test.store.read(ORG, read).await.unwrap()
    };
    let all = query().visible;
    assert_eq!(values(first.position, all.clone()).await, Some(first.values.clone()));
    assert_eq!(values(first.position + 1_000, all.clone()).await, None);
    let hidden = only("user_id", TestOp::Ne(id(1).to_string().into()));
    for visible in [
        Visible { users: hidden, ..all.clone() },
        Visible { users: Filter::never(), ..all.clone() },
        Visible { roles: Filter::never(), ..all },
    ] {
        assert_eq!(values(first.position, visible).await, None);
    }
}
