//! `check` is silent about what is well and names what is not, on PostgreSQL.

use crate::contacts::{insert, plain_contact};
use crate::operators;
use crate::support::{ORG, TestStore, add, add_role, plain_user};

#[tokio::test]
async fn every_kind_of_harm_is_found() {
    let free_users = "ALTER TABLE users DROP CONSTRAINT users_org_id_role_id_fkey;";
    let free_links = "ALTER TABLE link DROP CONSTRAINT link_org_id_user_id_fkey;";
    let free_identifiers =
        "ALTER TABLE contact_identifier DROP CONSTRAINT contact_identifier_org_id_user_id_fkey;";
    let harms = [
        ("a counter differs", "UPDATE directory_counter SET users = users + 1".to_owned()),
        ("a user has no role", format!("{free_users} DELETE FROM role")),
        (
            "does not fit its user",
            "UPDATE users SET search_text = 'else' WHERE position = (SELECT max(position) FROM users)"
                .to_owned(),
        ),
        (
            "does not fit its user",
            "DELETE FROM user_search WHERE position = (SELECT min(position) FROM user_search)".to_owned(),
        ),
        (
            "holds nobody's words",
            "INSERT INTO user_search (org_id, position, windows) VALUES (1, 99999, '')".to_owned(),
        ),
        ("directory 1: 20 counted, ", "UPDATE directory_counter SET users = users + 1".to_owned()),
        (
            "an address or number has no contact",
            format!(
                "{free_identifiers} DELETE FROM contact WHERE position = (SELECT max(position) FROM contact)"
            ),
        ),
        (
            "the addresses and numbers of a contact do not fit it",
            "DELETE FROM contact_identifier WHERE key = 'ann7@example.org'".to_owned(),
        ),
        (
            "the addresses and numbers of a contact do not fit it",
            "UPDATE contact SET email = 'else@example.org' WHERE email = 'Ann7@Example.org'".to_owned(),
        ),
        (
            "something is left of an anonymized contact",
            "UPDATE contact SET anonymized_at = 1 WHERE email = 'Ann7@Example.org'".to_owned(),
        ),
        (
            "holds nobody's words",
            "UPDATE contact SET search_text = NULL WHERE email = 'Ann7@Example.org'".to_owned(),
        ),
        (
            "does not fit its user",
            "UPDATE contact SET search_text = 'else' WHERE position = (SELECT max(position) FROM contact)"
                .to_owned(),
        ),
        ("directory 2: 20 counted, ", "UPDATE directory_counter SET users = users + 1".to_owned()),
        (
            "does not fit its user",
            "UPDATE operator SET search_text = 'else' WHERE position = (SELECT max(position) FROM operator)"
                .to_owned(),
        ),
        (
            "holds nobody's words",
            "DELETE FROM operator_environment; DELETE FROM operator_bot; DELETE FROM operator".to_owned(),
        ),
        ("an administrator has been given", "UPDATE operator SET is_admin = 1, role = NULL".to_owned()),
        (
            "a link has no user",
            format!(
                "{free_links} INSERT INTO link VALUES (1, decode(repeat('00', 32), 'hex'), '', 'verify', '', 0)"
            ),
        ),
    ];
    for (problem, harm) in harms {
        let Some(test) = TestStore::postgres() else { return };
        add_role(&test.store, ORG).await;
        for number in 0..20 {
            add(&test.store, ORG, plain_user(number)).await;
        }
        insert(&test.store, ORG, (0..20).map(plain_contact).collect()).await.unwrap();
        operators::furnish(&test.store, ORG).await;
        operators::insert(&test.store, ORG, (0..20).map(operators::plain_operator).collect()).await.unwrap();
        assert_eq!(test.store.check().await, Ok(vec![]));
        test.outside().await.run(&harm).await;
        let found = test.store.check().await.unwrap();
        let says = found.iter().any(|line| line.contains(problem));
        assert!(says, "{harm}: {found:?}");
    }
}

#[tokio::test]
async fn what_belongs_to_another_role_is_named() {
    let Some(test) = TestStore::postgres() else { return };
    // Another role needs rights that these tests do not have; the catalogue belongs to one, and looked at as if it were
    // the schema of the tables, it is what a stranger's tables are.
    let outside = test.outside().await;
    let name = outside.texts("SELECT current_database()::text").await.remove(0);
    outside.run(&format!("ALTER DATABASE \"{name}\" SET search_path = pg_catalog, public")).await;
    let found = test.store.check().await.unwrap();
    let line = "the role does not own what it uses: table pg_class belongs to ";
    assert!(found.iter().any(|problem| problem.starts_with(line)), "{found:?}");
}
