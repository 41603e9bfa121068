//! SQLite's search index: it finds what a look at every user finds, wherever the marks of its parts are, and holds nothing of
//! whoever was erased. A directory's counter is put forward here so that few users are enough for every part.

use std::collections::BTreeSet;

use denizen_domain::fold::fold;
use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::member::Directory;
use denizen_domain::permission::model::Rng;
use denizen_store::contacts::{self, Change, Contact};
use denizen_store::operators::{self, Operator, OperatorOrder, OperatorQuery};
use denizen_store::users::{self, NewUser, UserSearch};
use denizen_store::{Store, StoreError, Tx, organizations};

use crate::contacts::{contact_id, nobody, text};
use crate::operators::{administrator, operator_id};
use crate::support::{
    NOW, ORG, TestStore, add, add_role, delete, name, needle, new_user, plain_user, search, user_id,
};

/// Lets the next user of a directory have the number behind `last`.
pub(super) fn put_forward(test: &TestStore, directory: Directory, last: i64) {
    let changed = test
        .file()
        .execute(
            "UPDATE directory_counter SET last_seq = ?1 WHERE org_id = 1 AND directory = ?2 AND last_seq <= ?1",
            [last, directory.number()],
        )
        .unwrap();
    assert_eq!(changed, 1);
}

/// The numbers below which users are posted and gathered.
pub(super) fn mark(test: &TestStore, directory: Directory) -> (i64, i64) {
    test.file()
        .query_row(
            "SELECT coalesce(max(posted), 0), coalesce(max(gathered), 0) FROM search_mark
             WHERE org_id = 1 AND directory = ?1",
            [directory.number()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap()
}

/// Somebody of any directory, with two texts that are searched.
#[derive(Clone)]
struct Somebody {
    number: u64,
    texts: [String; 2],
}

impl Somebody {
    fn random(rng: &mut Rng, number: u64) -> Self {
        Self { number, texts: [name(rng), name(rng)] }
    }

    fn member(&self) -> NewUser {
        new_user(self.number, &self.texts[0], &self.texts[1], &format!("u{}@example.com", self.number))
    }

    fn contact(&self) -> Contact {
        let mut contact = nobody(self.number);
        (contact.profile.display_name, contact.profile.last_name) =
            (text(&self.texts[0]), text(&self.texts[1]));
        contact
    }

    fn operator(&self) -> Operator {
        let plain = administrator(self.number);
        Operator { name: self.texts[0].clone(), company: Some(self.texts[1].clone()), ..plain }
    }

    /// The texts in which search looks, each by itself.
    fn searched(&self, directory: Directory) -> Vec<String> {
        let [one, other] = &self.texts;
        match directory {
            Directory::Members => {
                vec![format!("{} {}", fold(one), fold(other)), format!("u{}@example.com", self.number)]
            }
            Directory::Contacts => vec![fold(one.trim()), fold(other.trim())],
            Directory::Operators => vec![fold(one), fold(other), format!("ann{}@example.org", self.number)],
        }
    }
}

/// A directory, and who should be in it, in the order of creation.
struct Model {
    directory: Directory,
    all: Vec<Somebody>,
    next: u64,
}

impl Model {
    async fn insert(&mut self, test: &TestStore, rng: &mut Rng, most: usize) {
        let added: Vec<Somebody> =
            (self.next..self.next + most as u64).map(|number| Somebody::random(rng, number)).collect();
        self.next += most as u64;
        self.all.extend(added.iter().cloned());
        let directory = self.directory;
        let insert = move |tx: &Tx<'_>| match directory {
            Directory::Members => {
                added.iter().try_for_each(|one| users::insert(tx, &one.member(), NOW).map(drop))
            }
            Directory::Contacts => {
                contacts::insert(tx, &added.iter().map(Somebody::contact).collect::<Vec<_>>(), NOW)
            }
            Directory::Operators => {
                let operators: Vec<_> = added.iter().map(|one| (one.operator(), None)).collect();
                operators::insert(tx, &operators)
            }
        };
        test.store.write(ORG, insert).await.unwrap();
    }

    /// Some changes in one transaction, which is undone now and then.
    async fn change(&mut self, test: &TestStore, rng: &mut Rng) {
        let fails = rng.chance(20);
        let mut after = self.all.clone();
        let mut changes = Vec::new();
        for _ in 0..=rng.below(6) {
            let at = rng.below(after.len());
            let before = after[at].clone();
            if rng.chance(30) {
                after.remove(at);
                changes.push((before, None));
            } else {
                after[at].texts[rng.below(2)] = name(rng);
                changes.push((before, Some(after[at].clone())));
            }
        }
        let directory = self.directory;
        let change = move |tx: &Tx<'_>| {
            for (before, after) in &changes {
                match (directory, after) {
                    (Directory::Members, Some(after)) => {
                        let mut user = users::find(tx, directory, user_id(after.number))?.unwrap();
                        [user.first_name, user.last_name] = after.texts.clone();
                        users::update(tx, directory, &user, true, NOW)?;
                    }
                    (Directory::Members, None) => {
                        users::delete(tx, directory, user_id(before.number), false, NOW)?;
                    }
                    (Directory::Contacts, Some(after)) => {
                        let change = Change { before: before.contact(), after: after.contact() };
                        contacts::update(tx, &[change], NOW)?;
                    }
                    (Directory::Contacts, None) => contacts::clear(tx, contact_id(before.number), NOW)?,
                    (Directory::Operators, Some(after)) => {
                        operators::update(tx, &before.operator(), &after.operator(), NOW)?;
                    }
                    (Directory::Operators, None) => operators::delete(tx, operator_id(before.number))?,
                }
            }
            if fails { Err(StoreError::Interrupted) } else { Ok(()) }
        };
        assert_eq!(test.store.write(ORG, change).await.is_err(), fails);
        if !fails {
            self.all = after;
        }
    }

    fn needle(&self, rng: &mut Rng) -> String {
        let texts = rng.pick(&self.all).searched(self.directory);
        let letters: Vec<char> = rng.pick(&texts).chars().collect();
        let from = rng.below(letters.len().max(1));
        let mut needle: String = letters.iter().skip(from).take(1 + rng.below(8)).collect();
        if rng.chance(15) || needle.is_empty() {
            needle.push(*rng.pick(&['x', 'q', '%', '田', 'a']));
        }
        needle
    }

    /// Searches, and compares; how many were found.
    async fn look(&self, test: &TestStore, rng: &mut Rng) -> usize {
        let needle = self.needle(rng);
        let has = |one: &&Somebody| one.searched(self.directory).iter().any(|text| text.contains(&needle));
        let limit = *rng.pick(&[1, 2, 5, 30, 100_000]);
        let matching: Vec<&Somebody> = self.all.iter().filter(has).collect();
        let id: fn(u64) -> UserId = match self.directory {
            Directory::Members => user_id,
            Directory::Contacts => contact_id,
            Directory::Operators => operator_id,
        };
        let numbers =
            |all: &[&Somebody]| all.iter().take(limit).map(|one| id(one.number)).collect::<Vec<UserId>>();
        let most = i64::try_from(limit).unwrap();
        let (found, wanted) = match self.directory {
            Directory::Members if rng.chance(30) => {
                let wanted: Vec<&Somebody> =
                    matching.into_iter().filter(|one| one.number.is_multiple_of(2)).collect();
                let asked =
                    UserSearch { is_verified: Some(true), limit: most, ..crate::support::needle(&needle) };
                (search(&test.store, ORG, &asked).await, numbers(&wanted))
            }
            Directory::Members => {
                let asked = UserSearch { limit: most, ..crate::support::needle(&needle) };
                (search(&test.store, ORG, &asked).await, numbers(&matching))
            }
            Directory::Contacts => {
                let asked = needle.clone();
                let find = move |conn: &denizen_store::Conn<'_>| contacts::search(conn, &asked, most);
                let found = test.store.read(ORG, find).await.unwrap();
                (found.into_iter().map(|contact| contact.user_id).collect(), numbers(&matching))
            }
            Directory::Operators => {
                let query = OperatorQuery {
                    needle: Some(needle.clone()),
                    order: OperatorOrder::Id,
                    is_descending: false,
                    offset: 0,
                    limit,
                };
                let find = move |conn: &denizen_store::Conn<'_>| operators::page(conn, &query);
                let page = test.store.read(ORG, find).await.unwrap();
                assert_eq!(page.total, matching.len() as u64, "{needle:?}");
                (page.operators.rows.iter().map(|operator| operator.user_id).collect(), numbers(&matching))
            }
        };
        assert_eq!(
            found,
            wanted,
            "{needle:?} in {:?}, marks {:?}",
            self.directory,
            mark(test, self.directory)
        );
        found.len()
    }
}

async fn assert_well(store: &Store) {
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn every_part_of_the_index_finds_what_a_look_at_everybody_finds() {
    for (seed, directory) in
        [Directory::Members, Directory::Contacts, Directory::Operators].into_iter().enumerate()
    {
        let test = TestStore::sqlite();
        add_role(&test.store, ORG).await;
        let mut rng = Rng::new(seed as u64 + 20);
        let mut model = Model { directory, all: Vec::new(), next: 1 };
        let (mut hits, mut misses) = (0, 0);
        model.insert(&test, &mut rng, 60).await;
        // Before: what the last of them are. The last number that was given out, and the marks that the next users bring about.
        for (last, marks) in [
            (60, (0, 0)),
            // Over the edge of a chunk.
            (240, (0, 256)),
            (3_000, (0, 2_816)),
            // Over the edge of the first block, on which the marks are as well.
            (65_535 - 30, (65_536, 65_536)),
            (65_536 + 600, (65_536, 65_536 + 512)),
            (65_536 + 4_095, (65_536 + 4_096, 65_536 + 4_096)),
            // Blocks of which there is nothing.
            (65_536 * 9 + 5_000, (65_536 * 9 + 4_864, 65_536 * 9 + 4_864)),
        ] {
            put_forward(&test, directory, last);
            model.insert(&test, &mut rng, 50).await;
            assert_eq!(mark(&test, directory), marks, "{directory:?}");
            for _ in 0..12 {
                model.change(&test, &mut rng).await;
                for _ in 0..12 {
                    let found = model.look(&test, &mut rng).await;
                    *(if found == 0 { &mut misses } else { &mut hits }) += 1;
                }
            }
            assert_well(&test.store).await;
        }
        assert!(hits > 300 && misses > 50, "the cases show little: {hits} {misses}");
    }
}

#[tokio::test]
async fn an_index_that_begins_with_nobody_finds_everybody_and_catches_up() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    let insert =
        |tx: &Tx<'_>| (0..5_000).try_for_each(|number| users::insert(tx, &plain_user(number), NOW).map(drop));
    test.store.write(ORG, insert).await.unwrap();
    let index = "SELECT group_concat(letters || hex(users)) FROM user_window";
    let read = || test.file().query_row(index, [], |row| row.get::<_, String>(0)).unwrap();
    let (whole, marks) = (read(), mark(&test, Directory::Members));
    assert_eq!(marks, (4_864, 4_864));
    test.store.close();
    // As in a database that an older denizen has left.
    test.file()
        .execute_batch("DELETE FROM user_window; DELETE FROM user_text; DELETE FROM search_mark")
        .unwrap();
    let again = test.another_process();
    let wanted = [user_id(4_321)];
    while mark(&test, Directory::Members) != marks {
        assert_eq!(search(&again, ORG, &needle("ada4321@")).await, wanted);
    }
    assert_eq!(search(&again, ORG, &needle("ada4321@")).await, wanted);
    assert_eq!(read(), whole);
    assert_well(&again).await;
    again.close();
}

/// Every text and every window that the index holds.
fn held(test: &TestStore) -> (BTreeSet<String>, String) {
    let file = test.file();
    let mut windows = file.prepare("SELECT letters FROM user_window").unwrap();
    let windows = windows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let texts =
        "SELECT coalesce(group_concat(CAST(replace(hex(texts), '00', '0A') AS TEXT)), '') FROM user_text";
    (windows, file.query_row(texts, [], |row| row.get(0)).unwrap())
}

#[tokio::test]
async fn the_words_of_an_erased_user_leave_the_index() {
    let test = TestStore::sqlite();
    add_role(&test.store, ORG).await;
    let hex = crate::support::hex;
    // Of each pair the first is posted in the end, and the second one gathered.
    let mut erased = Vec::new();
    let mut renamed = Vec::new();
    for (round, last) in [(0, 4_500), (1, 4_900)] {
        for number in 0..30 {
            add(&test.store, ORG, plain_user(round * 1_000 + number)).await;
        }
        let quick = new_user(round * 1_000 + 900, "Xyzzyvor", "Quuxwick", &format!("xyzzy{round}@qwtzk.org"));
        erased.push(add(&test.store, ORG, quick).await);
        let other = new_user(round * 1_000 + 901, "Vrbtskl", "Smith", &format!("s{round}@example.com"));
        renamed.push(add(&test.store, ORG, other).await);
        put_forward(&test, Directory::Members, last);
    }
    add(&test.store, ORG, plain_user(5_000)).await;
    assert_eq!(mark(&test, Directory::Members), (4_352, 4_864));
    let (windows, texts) = held(&test);
    for word in ["xyz", "zzy", "yvo", "quu", "wtz", "vrb", "tsk"] {
        assert!(windows.contains(word), "{word} of the first pair is posted");
        assert!(texts.contains(&hex(word.as_bytes()).to_uppercase()), "{word} of the second is gathered");
    }
    for (mut user, gone) in renamed.into_iter().zip(erased) {
        delete(&test.store, ORG, gone).await.unwrap();
        user.first_name = "Ann".to_owned();
        test.store
            .write(ORG, move |tx| users::update(tx, Directory::Members, &user, true, NOW))
            .await
            .unwrap();
    }
    let (windows, texts) = held(&test);
    for word in ["xyz", "zzy", "yvo", "quu", "wtz", "vrb", "tsk"] {
        assert!(!windows.contains(word), "{word} can still be read in the search index");
        assert!(!texts.contains(&hex(word.as_bytes()).to_uppercase()), "{word} can still be read in a text");
    }
    test.store.scrub().await.unwrap();
    let files = super::erasing::files(&test);
    for word in ["xyzzyvor", "vrbtskl"] {
        assert!(!files.windows(word.len()).any(|bytes| bytes == word.as_bytes()), "{word} is in a file");
    }
    assert_eq!(search(&test.store, ORG, &needle("xyzzy")).await, []);
    assert_eq!(search(&test.store, ORG, &needle("ann smith")).await, [user_id(901), user_id(1_901)]);
    assert_well(&test.store).await;
}

#[tokio::test]
async fn nothing_is_left_in_the_index_of_an_organization_that_was_erased() {
    let test = TestStore::sqlite();
    let orgs = [ORG, OrgKey(2)];
    for org in orgs {
        add_role(&test.store, org).await;
        for number in 0..30 {
            add(&test.store, org, plain_user(number)).await;
        }
    }
    for last in [4_200, 65_536, 65_536 * 2 + 5_000, 65_536 * 2 + 5_400] {
        put_forward(&test, Directory::Members, last);
        for number in 0..3 {
            add(&test.store, ORG, plain_user(1_000_000 + u64::try_from(last).unwrap() + number)).await;
        }
    }
    let rows = |table: &str| {
        let count = format!("SELECT count(*) FROM {table} WHERE org_id = 1");
        test.file().query_row(&count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let tables = ["user_window", "user_text", "search_block", "search_mark"];
    assert!(tables.into_iter().all(|table| rows(table) > 0), "there is something to be erased");
    while test.store.write(ORG, |tx| organizations::erase_users(tx, 500)).await.unwrap() > 0 {
        assert_well(&test.store).await;
    }
    assert_eq!((rows("user_window"), rows("user_text")), (0, 0));
    test.store.write(ORG, organizations::erase_rest).await.unwrap();
    assert_eq!((rows("search_mark"), rows("search_block")), (0, 0));
    assert_eq!(search(&test.store, OrgKey(2), &needle("ada")).await.len(), 30);
}

/// The names of a page in each order, and how many match.
async fn operators_with(
    store: &Store,
    asked: &str,
    order: OperatorOrder,
    part: (u64, usize),
) -> (Vec<String>, u64) {
    let (offset, limit) = part;
    let is_descending = order == OperatorOrder::Admin;
    let query = OperatorQuery { needle: Some(asked.to_owned()), order, is_descending, offset, limit };
    let page = store.read(ORG, move |conn| operators::page(conn, &query)).await.unwrap();
    (page.operators.apart().into_iter().map(|operator| operator.name).collect(), page.total)
}

#[tokio::test]
async fn what_was_found_out_of_a_block_holds_until_the_block_changes() {
    let test = TestStore::sqlite();
    let named = |number: u64| {
        let name = if number.is_multiple_of(50) { "Rare Abcdef" } else { "Abcdef" };
        Operator { name: format!("{name} {number:04}"), ..administrator(number) }
    };
    let mut all: Vec<Operator> = (0..5_000).map(named).collect();
    for part in all.chunks(500) {
        let part: Vec<_> = part.iter().map(|one| (one.clone(), None)).collect();
        test.store.write(ORG, move |tx| operators::insert(tx, &part)).await.unwrap();
    }
    assert_eq!(mark(&test, Directory::Operators), (4_352, 4_864));
    let mut round = 0;
    loop {
        // One letter, a window, a part of several windows, and one that few have; the same as before each change.
        for asked in ["b", "bcd", "bcdef", "rare abc"] {
            for (order, part) in [
                (OperatorOrder::Name, (0, 3)),
                (OperatorOrder::Name, (2_400, 7)),
                (OperatorOrder::Name, (4_890, 300)),
                (OperatorOrder::Admin, (95, 20)),
                (OperatorOrder::Email, (6_000, 5)),
            ] {
                let mut having: Vec<&Operator> =
                    all.iter().filter(|one| fold(&one.name).contains(asked)).collect();
                match order {
                    OperatorOrder::Name => having.sort_by_key(|one| (fold(&one.name), one.name.clone())),
                    OperatorOrder::Email => having.sort_by_key(|one| one.email.clone()),
                    _ => having.sort_by_key(|one| one.user_id),
                }
                let total = having.len() as u64;
                let skipped = usize::try_from(part.0).unwrap();
                let wanted = having.iter().skip(skipped).take(part.1).map(|one| one.name.clone()).collect();
                let found = operators_with(&test.store, asked, order, part).await;
                assert_eq!(found, (wanted, total), "{asked} {order:?} {part:?} in round {round}");
            }
        }
        // A posted operator is renamed to what has the same windows in another order, one is renamed, one deleted, one added.
        let at = |number: usize| number * 131 % 4_000;
        match round {
            0 | 1 => {
                let after = if round == 0 { "Abcdxbcdef Cdef" } else { "Cdefxabcd" };
                let before = all[at(1)].clone();
                all[at(1)].name = format!("{after} 0131");
                let after = all[at(1)].clone();
                let update = move |tx: &Tx<'_>| operators::update(tx, &before, &after, NOW);
                test.store.write(ORG, update).await.unwrap();
            }
            2 => {
                let gone = all.remove(at(2)).user_id;
                test.store.write(ORG, move |tx| operators::delete(tx, gone)).await.unwrap();
            }
            3 => {
                // So many that they are posted.
                let more: Vec<Operator> = (5_000..8_500).map(named).collect();
                all.extend(more.iter().cloned());
                let more: Vec<_> = more.into_iter().map(|one| (one, None)).collect();
                test.store.write(ORG, move |tx| operators::insert(tx, &more)).await.unwrap();
                assert_eq!(mark(&test, Directory::Operators), (8_448, 8_448));
            }
            _ => break,
        }
        round += 1;
    }
    assert_well(&test.store).await;
}

#[tokio::test]
async fn a_search_within_a_transaction_that_is_undone_leaves_nothing_behind() {
    let test = TestStore::sqlite();
    let all: Vec<_> = (0..4_200)
        .map(|number| (Operator { name: format!("Abcdef {number}"), ..administrator(number) }, None))
        .collect();
    let first = all[7].0.clone();
    test.store.write(ORG, move |tx| operators::insert(tx, &all)).await.unwrap();
    assert_eq!(mark(&test, Directory::Operators), (4_096, 4_096));
    let undone = move |tx: &Tx<'_>| {
        operators::update(tx, &first, &Operator { name: "Somebody".to_owned(), ..first.clone() }, NOW)?;
        let query = OperatorQuery {
            needle: Some("bcdef".to_owned()),
            order: OperatorOrder::Id,
            is_descending: false,
            offset: 0,
            limit: 1,
        };
        assert_eq!(operators::page(tx, &query)?.total, 4_199);
        Err::<(), _>(StoreError::Interrupted)
    };
    assert!(test.store.write(ORG, undone).await.is_err());
    assert_eq!(operators_with(&test.store, "bcdef", OperatorOrder::Id, (0, 1)).await.1, 4_200);
}
