//! What a caller may see: SQL, the compiled filter and the oracle agree about every user.

use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::permission::model::{Rng, Target, Universe, allows};
use denizen_domain::permission::{Scalar, names};
use denizen_domain::text::Email;
use denizen_store::roles;
use denizen_store::users::{NewUser, User, UserQuery, UserSearch};

use crate::support::{NOW, ORG, TestStore, add, needle, new_user, page, query, role, search};

const ORG_ID: &str = "demo";
const ROLES: [(&str, [u8; 12]); 4] =
    [("Admin", [1; 12]), ("Agent", [2; 12]), ("client", [3; 12]), ("Ünïcode'\"%", [4; 12])];

async fn crowd(test: &TestStore) -> Vec<User> {
    for org in [ORG, OrgKey(2)] {
        for (name, id) in ROLES {
            let role = role(ObjectId(id), name);
            assert!(test.store.write(org, move |tx| roles::insert(tx, &role, NOW)).await.unwrap());
        }
    }
    let mut rng = Rng::new(30);
    let mut users = Vec::new();
    for number in 0..300u64 {
        let email = format!("{}{number}@Example.com", rng.pick(&["ada", "Jürgen", "BOB"]));
        let mut user = NewUser {
            role_id: ObjectId(rng.pick(&ROLES).1),
            is_verified: rng.chance(50),
            ..new_user(number, "Ada", "Lovelace", &email)
        };
        // Ids as members have them: 12 bytes.
        user.user_id = UserId::from_object_id(ObjectId::new(i64::try_from(number).unwrap(), [1; 6]));
        add(&test.store, OrgKey(2), user.clone()).await;
        users.push(add(&test.store, ORG, user).await);
    }
    users
}

fn role_name(user: &User) -> String {
    let (name, _) = ROLES.iter().find(|(_, id)| *id == user.role_id.0).unwrap();
    (*name).to_owned()
}

fn target(user: &User) -> Target {
    [
        ("org_id", Scalar::from(ORG_ID)),
        ("user_id", Scalar::from(user.user_id.as_member().to_string().as_str())),
        ("email", Scalar::from(Email::key_of(&user.email).as_str())),
        ("role_id", Scalar::from(user.role_id.to_string().as_str())),
        ("role_name", Scalar::from(role_name(user).as_str())),
        ("is_verified", Scalar::from(user.is_verified)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Values of real users, and some that no user has or that have the wrong form.
fn universe(users: &[User]) -> Universe {
    let mut universe = Universe::of(names::USER_GET_USER_INFO).unwrap();
    let targets: Vec<Target> = users.iter().step_by(60).map(target).collect();
    for attribute in &mut universe.attributes {
        attribute.values = targets.iter().map(|target| target[&attribute.name].clone()).collect();
        attribute.values.dedup();
        if !matches!(attribute.values[0], Scalar::Bool(_)) {
            attribute
                .values
                .extend(["", "no id", "65F000000000000000000001", "' OR 1 = 1 --"].map(Scalar::from));
        }
    }
    universe
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_shows_exactly_whom_the_grants_allow() {
    let test = TestStore::empty();
    let everyone = crowd(&test).await;
    let universe = universe(&everyone);
    let targets: Vec<Target> = everyone.iter().map(target).collect();
    let texts: Vec<_> = everyone.iter().map(|user| user.attribute_texts(Some(role_name(user)))).collect();
    let mut rng = Rng::new(31);
    let (mut some, mut none, mut all) = (0, 0, 0);
    for case in 0..3_000 {
        let grants = universe.grants(&mut rng);
        let who = universe.who(&mut rng);
        let permission = names::USER_GET_USER_INFO;
        let visible = grants.filter(&permission, &who).assume("org_id", &ORG_ID.into());
        let allowed: Vec<UserId> = everyone
            .iter()
            .zip(targets.iter().zip(&texts))
            .filter(|(user, (target, texts))| {
                let allowed = allows(&grants, &permission, &who, target);
                let admitted = visible.admits(&|name| user.attribute(texts, name));
                assert_eq!(admitted, allowed, "case {case}: {grants:?} {who:?} {target:?}");
                allowed
            })
            .map(|(user, _)| user.user_id)
            .collect();
        match allowed.len() {
            0 => none += 1,
            300 => all += 1,
            _ => some += 1,
        }
        let query = UserQuery { visible: visible.clone(), limit: 1_000, ..query() };
        let shown = page(&test.store, ORG, &query).await;
        let shown: Vec<UserId> = shown.users.iter().map(|user| user.user_id).collect();
        let ordered = |mut ids: Vec<UserId>| {
            ids.sort_unstable();
            ids
        };
        assert_eq!(ordered(shown), ordered(allowed.clone()), "case {case}: {grants:?} {who:?}");
        if case % 3 == 0 {
            let text = *rng.pick(&["", "a", "lo", "jurgen", "example"]);
            let folded = denizen_domain::fold::fold(text);
            let found = search(&test.store, ORG, &UserSearch { visible, ..needle(text) }).await;
            let expected: Vec<UserId> = everyone
                .iter()
                .filter(|user| allowed.contains(&user.user_id))
                .filter(|user| {
                    "ada lovelace".contains(&folded)
                        || denizen_domain::fold::fold(&user.email).contains(&folded)
                })
                .map(|user| user.user_id)
                .collect();
            assert_eq!(found, expected, "case {case}: {grants:?} {who:?} {text:?}");
        }
    }
    assert!(some > 700 && none > 300 && all > 20, "the cases show little: {some} {none} {all}");
}
