//! What names begin with: different ones, in their order, however many have the same.

use denizen_domain::ids::OrgKey;
use denizen_store::operators::{self, Operator};

use super::{administrator, insert};
use crate::support::{ORG, Outside, TestStore};

async fn suggested(test: &TestStore, org: OrgKey, folded: &'static str, limit: usize) -> Vec<String> {
    test.store.read(org, move |conn| operators::suggest_names(conn, folded, limit)).await.unwrap()
}

#[tokio::test]
async fn different_names_are_suggested_in_their_order_and_no_more_than_are_wanted() {
    let test = TestStore::empty();
    let names = ["Bob", "ann", "Ann", "Ann", "Anna", "Änn", "Annie Lee", "an", "Zoe", "ann_e", "ann%e"];
    let named = |(number, name): (u64, &&str)| Operator { name: (*name).to_owned(), ..administrator(number) };
    let operators: Vec<Operator> = (0..).zip(&names).map(named).collect();
    insert(&test.store, ORG, operators).await.unwrap();
    insert(&test.store, OrgKey(2), vec![named((1, &"Annabel"))]).await.unwrap();
    let all = ["Ann", "ann", "Änn", "ann%e", "ann_e", "Anna", "Annie Lee"];
    assert_eq!(suggested(&test, ORG, "ann", 100).await, all);
    assert_eq!(suggested(&test, ORG, "ann", 7).await, all);
    assert_eq!(suggested(&test, ORG, "ann", 3).await, all[..3]);
    assert_eq!(suggested(&test, ORG, "ann", 1).await, all[..1]);
    assert_eq!(suggested(&test, ORG, "ann", 0).await, [""; 0]);
    assert_eq!(suggested(&test, ORG, "annie lee", 5).await, ["Annie Lee"]);
    assert_eq!(suggested(&test, ORG, "nn", 5).await, [""; 0]);
    assert_eq!(suggested(&test, ORG, "zoee", 5).await, [""; 0]);
    assert_eq!(suggested(&test, ORG, "", 2).await, ["an", "Ann"]);
    assert_eq!(suggested(&test, OrgKey(2), "ann", 5).await, ["Annabel"]);
    assert_eq!(suggested(&test, OrgKey(3), "ann", 5).await, [""; 0]);
}

#[tokio::test]
async fn a_name_that_very_many_have_is_one_step() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    outside.enter(ORG).await;
    // Past the store, which would take longer for so many.
    let (id, numbers) = match &outside {
        Outside::Sqlite(_) => (
            "CAST(printf('%016d', n) AS BLOB)",
            "(WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 30000)
              SELECT n FROM numbers) AS numbers",
        ),
        Outside::Postgres(_) => {
            ("convert_to(lpad(n::text, 16, '0'), 'UTF8')", "generate_series(1, 30000) AS numbers (n)")
        }
    };
    outside
        .run(&format!(
            "INSERT INTO operator (org_id, user_id, position, email, email_key, name, name_key, company_key, is_admin,
                credential_version, search_text, created_at, updated_at)
             SELECT 1, {id}, 1000000 + n, n || '@x', n || '@x', 'Ann', 'ann', '', 1, 1, '', 0, 0 FROM {numbers}"
        ))
        .await;
    // SQLite plans without statistics here as it does elsewhere.
    if let Outside::Postgres(_) = &outside {
        outside.run("ANALYZE operator").await;
    }
    insert(&test.store, ORG, vec![Operator { name: "Anton".to_owned(), ..administrator(1) }]).await.unwrap();
    assert_eq!(suggested(&test, ORG, "an", 6).await, ["Ann", "Anton"]);
    let sql = denizen_store::statements().find(|sql| sql.name == "operator.suggest").unwrap();
    // What is looked at, not how long it takes: that depends on what else runs here.
    match &outside {
        Outside::Sqlite(connection) => {
            let connection = connection.lock().unwrap();
            let mut prepared = connection.prepare(sql.sqlite()).unwrap();
            let names: Vec<String> = prepared
                .query_map((1, "an", "an\u{10ffff}", 6), |row| row.get(0))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(names, ["Ann", "Anton"]);
            let steps = prepared.get_status(rusqlite::StatementStatus::VmStep);
            assert!(steps < 1_000, "{steps} steps");
        }
        Outside::Postgres(client) => {
            let explain = format!(
                "PREPARE suggest AS {}; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS)
                 EXECUTE suggest(1, 'an', 'b', 6)",
                sql.postgres()
            );
            let messages = client.simple_query(&explain).await.unwrap();
            let lines: Vec<String> = messages
                .into_iter()
                .filter_map(|message| match message {
                    tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                    _ => None,
                })
                .collect();
            // The first such line counts the whole statement; reading all of them takes some hundreds of pages.
            let buffers = lines.iter().find(|line| line.contains("Buffers:")).unwrap();
            let pages: u64 = buffers
                .split_whitespace()
                .filter_map(|word| word.split_once('=').and_then(|(_, pages)| pages.parse::<u64>().ok()))
                .sum();
            assert!(pages < 100, "{}", lines.join("\n"));
        }
    }
}
