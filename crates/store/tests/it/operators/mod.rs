//! Operators in the store: what is written of them and what they reach, how they are listed and found, and what is left of
//! one that was deleted.

mod pages;
mod places;
mod random;
mod searching;
mod suggesting;
mod values;
mod writing;

use denizen_domain::ids::{OrgKey, UserId, Uuid};
use denizen_domain::operator::{Access, OperatorRole};
use denizen_domain::time::Timestamp;
use denizen_store::bots::{self, Bot};
use denizen_store::environments::{self, Environment};
pub(crate) use denizen_store::operators::Operator;
use denizen_store::operators::{self, OperatorOrder, OperatorPage, OperatorQuery};
use denizen_store::{Conn, Store, StoreError, Tx};

use crate::support::NOW;

/// The id of an operator: as a UUID it fills all bytes.
pub(crate) fn operator_id(number: u64) -> UserId {
    let mut bytes = [0x0e; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    UserId(bytes)
}

pub(crate) fn environment_id(number: u8) -> Uuid {
    Uuid([0xe0 + number; 16])
}

/// The id of a bot of an environment.
pub(crate) fn bot_id(environment: u8, number: u8) -> Uuid {
    Uuid([0xb0, environment, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

pub(crate) fn environment(number: u8) -> Environment {
    Environment {
        environment_id: environment_id(number),
        name: format!("Environment {number}"),
        is_active: true,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(crate) fn bot(of: u8, number: u8) -> Bot {
    Bot {
        bot_id: bot_id(of, number),
        environment_id: environment_id(of),
        name: format!("Bot {of}-{number}"),
        image_url: None,
        is_active: true,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// Environments 1 to 3, each with bots 1 to 3.
pub(crate) async fn furnish(store: &Store, org: OrgKey) {
    let put = |tx: &Tx<'_>| {
        for number in 1..=3 {
            assert!(environments::put(tx, &environment(number))?);
            for guest in 1..=3 {
                assert!(bots::put(tx, &bot(number, guest))?);
            }
        }
        Ok::<_, StoreError>(())
    };
    store.write(org, put).await.unwrap();
}

/// What somebody reaches: of each environment, these bots.
pub(crate) fn access<const E: usize>(role: OperatorRole, reached: [(u8, &[u8]); E]) -> Access {
    let of = |(environment, bots): (u8, &[u8])| {
        (environment_id(environment), bots.iter().map(|number| bot_id(environment, *number)).collect())
    };
    Access::Environments { role, environments: reached.into_iter().map(of).collect() }
}

/// An administrator of whom nothing matters but the number.
pub(crate) fn administrator(number: u64) -> Operator {
    Operator {
        user_id: operator_id(number),
        email: format!("Ann{number}@Example.org"),
        name: "Ann Lee".to_owned(),
        company: None,
        image: None,
        access: Access::Administrator,
        created_at: NOW,
    }
}

/// An operator who reaches a bot of the first environment, and of whom else nothing matters but the number.
pub(crate) fn plain_operator(number: u64) -> Operator {
    Operator { access: access(OperatorRole::Editor, [(1, &[1])]), ..administrator(number) }
}

/// Adds operators without passwords.
pub(crate) async fn insert(store: &Store, org: OrgKey, operators: Vec<Operator>) -> Result<(), StoreError> {
    let operators: Vec<_> = operators.into_iter().map(|operator| (operator, None)).collect();
    store.write(org, move |tx| operators::insert(tx, &operators)).await
}

pub(crate) async fn find(store: &Store, org: OrgKey, user: UserId) -> Option<Operator> {
    store.read(org, move |conn| operators::find(conn, user)).await.unwrap()
}

async fn update(store: &Store, org: OrgKey, before: Operator, after: Operator) -> Result<(), StoreError> {
    store.write(org, move |tx| operators::update(tx, &before, &after, later(1))).await
}

async fn delete(store: &Store, org: OrgKey, user: UserId) -> Result<(), StoreError> {
    let delete = move |tx: &Tx<'_>| {
        denizen_store::holdings::erase_small(tx, denizen_domain::member::Directory::Operators, user)?;
        operators::delete(tx, user)
    };
    store.write(org, delete).await
}

/// A page whose operators have texts of their own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ShownPage {
    items: Vec<Operator>,
    total: u64,
}

/// A page, which has to be the same where it can be read at once.
pub(crate) async fn page(store: &Store, org: OrgKey, query: &OperatorQuery) -> ShownPage {
    let asked = query.clone();
    let read = move |conn: &Conn<'_>| {
        Ok::<_, StoreError>((operators::page(conn, &asked)?, operators::page_at_once(conn, &asked)?))
    };
    let shown =
        |OperatorPage { operators, total }: OperatorPage| ShownPage { items: operators.apart(), total };
    let (page, at_once) = store.read(org, read).await.unwrap();
    let page = shown(page);
    if let Some(at_once) = at_once {
        assert_eq!(shown(at_once), page, "{query:?}");
    }
    page
}

/// Everybody with the needle, by their ids.
pub(crate) fn all_with(needle: &str) -> OperatorQuery {
    OperatorQuery {
        needle: Some(needle.to_owned()),
        order: OperatorOrder::Id,
        is_descending: false,
        offset: 0,
        limit: 100_000,
    }
}

/// Whom a needle finds, by their ids.
pub(crate) async fn search(store: &Store, org: OrgKey, needle: &str) -> Vec<UserId> {
    let found = page(store, org, &all_with(needle)).await;
    assert_eq!(found.total, found.items.len() as u64, "{needle}");
    found.items.into_iter().map(|operator| operator.user_id).collect()
}

fn later(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

/// Operators without what they reach, as pages have them.
fn without_places(operator: &Operator) -> Operator {
    let access = match &operator.access {
        Access::Administrator => Access::Administrator,
        Access::Environments { role, .. } => Access::Environments { role: *role, environments: [].into() },
    };
    Operator { access, ..operator.clone() }
}

/// A list as a page has it: those with the needle in the order, and of these a part.
fn expected(of: &[Operator], query: &OperatorQuery) -> ShownPage {
    use denizen_domain::fold::fold;
    let needle = query.needle.clone().unwrap_or_default();
    let has = |operator: &&Operator| {
        let company = operator.company.clone().unwrap_or_default();
        [&operator.name, &operator.email, &company].iter().any(|text| fold(text).contains(&needle))
    };
    let mut all: Vec<Operator> = of.iter().filter(has).map(without_places).collect();
    all.sort_by(|one, two| {
        let key = |text: &str| fold(text);
        let company = |operator: &Operator| key(operator.company.as_deref().unwrap_or_default());
        let by = match query.order {
            OperatorOrder::CreatedAt => one.created_at.cmp(&two.created_at),
            OperatorOrder::Name => (key(&one.name), &one.name).cmp(&(key(&two.name), &two.name)),
            OperatorOrder::Email => one.email.to_lowercase().cmp(&two.email.to_lowercase()),
            OperatorOrder::Company => company(one).cmp(&company(two)),
            OperatorOrder::Admin => one.access.is_administrator().cmp(&two.access.is_administrator()),
            OperatorOrder::Id => one.user_id.cmp(&two.user_id),
        };
        // Equals stand by their ids, rising, whatever the direction.
        if query.is_descending { by.reverse() } else { by }.then(one.user_id.cmp(&two.user_id))
    });
    let total = all.len() as u64;
    let offset = usize::try_from(query.offset).unwrap();
    ShownPage { items: all.into_iter().skip(offset).take(query.limit).collect(), total }
}
