//! Search against a naive model: the folded name or the folded address contains the folded needle.

use denizen_domain::fold::fold;
use denizen_domain::ids::{OrgKey, UserId};
use denizen_domain::member::Directory;
use denizen_domain::permission::model::Rng;
use denizen_store::StoreError;
use denizen_store::users::{self, User, UserSearch};

use crate::support::{
    NOW, ORG, TestStore, add, add_role, delete, name, needle, new_user, plain_user, search, user_id,
};

/// What an organization should hold, in the order of creation.
type Model = Vec<User>;

fn expected(model: &Model, text: &str) -> Vec<UserId> {
    let text = fold(text);
    let has = |user: &&User| {
        fold(&format!("{} {}", user.first_name, user.last_name)).contains(&text)
            || fold(&user.email).contains(&text)
    };
    model.iter().filter(has).map(|user| user.user_id).collect()
}

fn random_needle(rng: &mut Rng, model: &Model) -> String {
    let user = rng.pick(model);
    let source = match rng.below(4) {
        0 => user.email.clone(),
        1 => name(rng),
        _ => format!("{} {}", user.first_name, user.last_name),
    };
    let letters: Vec<char> = source.chars().collect();
    let from = rng.below(letters.len());
    let mut text: String = letters[from..].iter().take(rng.below(9)).collect();
    if rng.chance(20) {
        let extra = [
            "%", "_", "\\", "'", "\"", " ", "\u{1}", "\u{2}", "\t", "*", "\u{e020}", "é", "E", "@", "\u{301}",
        ];
        text.insert_str(0, rng.pick::<&str>(&extra));
    }
    if rng.chance(10) {
        text = text.to_uppercase();
    }
    text
}

async fn change_something(test: &TestStore, rng: &mut Rng, org: OrgKey, model: &mut Model, number: u64) {
    let what = rng.below(10);
    if what < 4 || model.len() < 20 {
        let host = rng.pick(&["example.com", "exämple.org", "a-b.dev"]);
        let email =
            format!("{}{number}@{host}", rng.pick(&["ada", "Günther", "иван", "o'brien", "x_y", "100%"]));
        let user = new_user(number, &name(rng), &name(rng), &email);
        model.push(add(&test.store, org, user).await);
    } else if what < 6 {
        let user = model.remove(rng.below(model.len()));
        delete(&test.store, org, user).await.unwrap();
    } else {
        let at = rng.below(model.len());
        let mut user = model[at].clone();
        user.first_name = name(rng);
        user.last_name = name(rng);
        // Some renames are undone: index and row must stay as they were.
        let fails = rng.chance(30);
        let changed = user.clone();
        let result = test
            .store
            .write(org, move |tx| {
                users::update(tx, Directory::Members, &changed, true, NOW)?;
                if fails { Err(StoreError::Interrupted) } else { Ok(()) }
            })
            .await;
        assert_eq!(result.is_err(), fails);
        if !fails {
            model[at] = user;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_finds_what_the_model_finds_and_nobody_elses_users() {
    let test = TestStore::empty();
    let mut rng = Rng::new(11);
    let orgs = [OrgKey(1), OrgKey(2), OrgKey(3), OrgKey(70_000)];
    let mut models: [Model; 4] = [const { Vec::new() }; 4];
    for org in orgs {
        add_role(&test.store, org).await;
    }
    let (mut hits, mut misses) = (0, 0);
    for round in 0..240 {
        let at = rng.below(4);
        for step in 0..4 {
            change_something(&test, &mut rng, orgs[at], &mut models[at], round * 10 + step).await;
        }
        for (org, model) in orgs.iter().zip(&models).filter(|(_, model)| !model.is_empty()) {
            for _ in 0..8 {
                let text = random_needle(&mut rng, model);
                let found = search(&test.store, *org, &needle(&text)).await;
                assert_eq!(found, expected(model, &text), "{text:?} in {org:?}");
                *if found.is_empty() { &mut misses } else { &mut hits } += 1;
            }
        }
    }
    assert!(hits > 1_500 && misses > 1_000, "the cases show little: {hits} {misses}");
    assert_eq!(test.store.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn every_filter_narrows_a_search() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    for number in 0..40 {
        add(&test.store, ORG, plain_user(number)).await;
    }
    let wanted: Vec<UserId> = (0..40).map(user_id).collect();
    let some = UserSearch { ids: Some(wanted[10..20].to_vec()), ..needle("ada") };
    assert_eq!(search(&test.store, ORG, &some).await, wanted[10..20]);
    let verified = UserSearch { is_verified: Some(true), limit: 3, ..needle("LOVE") };
    assert_eq!(search(&test.store, ORG, &verified).await, [wanted[0], wanted[2], wanted[4]]);
    assert_eq!(search(&test.store, ORG, &UserSearch { limit: 0, ..needle("ada") }).await, []);
    assert_eq!(search(&test.store, ORG, &UserSearch { ids: Some(vec![]), ..needle("ada") }).await, []);
    let contacts = UserSearch { directory: Directory::Contacts, ..needle("ada") };
    assert_eq!(search(&test.store, ORG, &contacts).await, []);
}

#[tokio::test]
async fn names_and_needles_may_be_very_long() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    let long: String = "ab%_é日".repeat(20_000);
    add(&test.store, ORG, new_user(1, &long, "x", "long@example.com")).await;
    add(&test.store, ORG, plain_user(2)).await;
    assert_eq!(search(&test.store, ORG, &needle(&long)).await, [user_id(1)]);
    assert_eq!(search(&test.store, ORG, &needle(&long[4..])).await, [user_id(1)]);
    assert_eq!(search(&test.store, ORG, &needle(&format!("{long}y"))).await, []);
    assert_eq!(search(&test.store, ORG, &needle(&"\u{1}".repeat(9))).await, [user_id(1), user_id(2)]);
    let many = UserSearch { ids: Some((0..20_000).map(user_id).collect()), ..needle("ada") };
    assert_eq!(search(&test.store, ORG, &many).await, [user_id(2)]);
}
