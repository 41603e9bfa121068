//! Looking a database over is silent about what is well and names what is not: the same on both engines. What only one of
//! them has is looked at in `sqlite/checking.rs` and `postgres/checking.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use denizen_domain::ids::{ObjectId, OrgKey, UserId, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::operator::OperatorRole;
use denizen_store::check::{Finding, KINDS, Mapped, Placement, REFERENCES, Report};
use denizen_store::{Dialect, Store, contacts, erasures, jobs};

use crate::contacts::{contact_id, insert, plain_contact};
use crate::operators::{self, access, administrator, operator_id};
use crate::support::{NOW, ORG, Outside, TestStore, add, add_role, hex, plain_user, user_id};

async fn look_over(store: &Store, placement: Placement) -> Report {
    store.look_over(placement, Arc::new(|_| ())).await.unwrap()
}

/// An organization with twenty users of each directory. The user 19 was erased, the contact 19 made anonymous.
pub(crate) async fn furnished(test: &TestStore) {
    add_role(&test.store, ORG).await;
    for number in 0..20 {
        add(&test.store, ORG, plain_user(number)).await;
    }
    insert(&test.store, ORG, (0..20).map(plain_contact).collect()).await.unwrap();
    operators::furnish(&test.store, ORG).await;
    let placed = access(OperatorRole::Editor, [(1, &[1]), (2, &[])]);
    let operators =
        (0..20).map(|number| operators::Operator { access: placed.clone(), ..administrator(number) });
    operators::insert(&test.store, ORG, operators.collect()).await.unwrap();
    let forget = |tx: &denizen_store::Tx<'_>| {
        denizen_store::users::delete(tx, Directory::Members, user_id(19), false, NOW)?;
        erasures::put(tx, Directory::Members, user_id(19), NOW)?;
        contacts::clear(tx, contact_id(19), NOW)?;
        denizen_store::holdings::erase_small(tx, Directory::Contacts, contact_id(19))?;
        erasures::put(tx, Directory::Contacts, contact_id(19), NOW)
    };
    test.store.write(ORG, forget).await.unwrap();
    assert_eq!(look_over(&test.store, Placement::Unknown).await.findings, []);
}

/// Takes away what keeps the engine from being harmed.
async fn disarm(outside: &Outside) {
    match outside {
        Outside::Sqlite(_) => outside.run("PRAGMA foreign_keys = OFF").await,
        Outside::Postgres(_) => {
            outside
                .run(
                    "DO $$ DECLARE key record; BEGIN
                     FOR key IN SELECT conname, conrelid::regclass AS relation FROM pg_constraint
                         WHERE contype = 'f' AND connamespace = 'public'::regnamespace LOOP
                         EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', key.relation, key.conname);
                     END LOOP; END $$",
                )
                .await;
        }
    }
}

/// Writes bytes, between tildes in hexadecimal digits, as the engine does.
fn written(outside: &Outside, sql: &str) -> String {
    let (open, close) = match outside {
        Outside::Sqlite(_) => ("x'", "'"),
        Outside::Postgres(_) => ("'\\x", "'"),
    };
    let parts: Vec<&str> = sql.split('~').collect();
    let mut text = String::new();
    for (number, part) in parts.iter().enumerate() {
        text.push_str(part);
        if number + 1 < parts.len() {
            text.push_str(if number % 2 == 0 { open } else { close });
        }
    }
    text
}

fn user(number: u64) -> String {
    hex(&user_id(number).0)
}

fn contact(number: u64) -> String {
    hex(&contact_id(number).0)
}

fn operator(number: u64) -> String {
    hex(&operator_id(number).0)
}

/// As it is written outside.
fn uuid(id: UserId) -> String {
    id.as_uuid().to_string()
}

/// A message of a conversation, told by numbers below 100.
fn message(number: u8, conversation: u8, of: u64) -> String {
    format!(
        "INSERT INTO message (org_id, message_id, conversation_id, user_id, sender, content, digest, created_at, updated_at)
         VALUES (1, ~{number:02}{}~, ~{conversation:02}{}~, ~{}~, 'user', 'hello', ~{}~, 7, 7)",
        "00".repeat(11),
        "00".repeat(11),
        user(of),
        "00".repeat(16)
    )
}

fn contact_conversation(number: u8, of: u64, anonymized_at: &str) -> String {
    format!(
        "INSERT INTO contact_conversation (org_id, conversation_id, user_id, kind, channel, created_at, updated_at,
         anonymized_at) VALUES (1, {number}, ~{}~, 'email', 'email', 7, 7, {anonymized_at})",
        contact(of)
    )
}

fn contact_message(number: u8, conversation: u8, of: u64, anonymized_at: &str) -> String {
    format!(
        "INSERT INTO contact_message (org_id, message_id, conversation_id, user_id, sender, content, created_at, updated_at,
         anonymized_at) VALUES (1, ~{number:02}{}~, {conversation}, ~{}~, NULL, 'hello', 7, 7, {anonymized_at})",
        "00".repeat(15),
        contact(of)
    )
}

/// Each with the kind of what is found, and where.
fn harms() -> Vec<(&'static str, String, Vec<String>)> {
    let zeros = |bytes: usize| "00".repeat(bytes);
    vec![
        (
            "counter",
            "directory 1, counted 20, kept 0".to_owned(),
            vec!["UPDATE directory_counter SET users = 0 WHERE directory = 1".to_owned()],
        ),
        (
            "figures",
            format!("users: user {}", user(1)),
            vec![format!("UPDATE users SET num_messages = 5 WHERE user_id = ~{}~", user(1))],
        ),
        (
            "administrator",
            format!("operator: user {}", operator(1)),
            vec![format!("UPDATE operator SET is_admin = 1, role = NULL WHERE user_id = ~{}~", operator(1))],
        ),
        // The conversation 20 is the user 2's, a message in it the user 3's.
        (
            "holder",
            format!("message, message 21{}", zeros(11)),
            vec![
                format!(
                    "INSERT INTO conversation (org_id, conversation_id, user_id, started_at, digest, created_at, updated_at)
                     VALUES (1, ~20{}~, ~{}~, 7, ~{}~, 7, 7)",
                    zeros(11),
                    user(2),
                    zeros(16)
                ),
                format!("UPDATE users SET num_conversations = 1 WHERE user_id = ~{}~", user(2)),
                message(21, 20, 3),
                format!("UPDATE users SET num_messages = 1, last_message_at = 7 WHERE user_id = ~{}~", user(3)),
            ],
        ),
        (
            "holder",
            format!("contact_message, message 22{}", zeros(15)),
            vec![contact_conversation(22, 2, "NULL"), contact_message(22, 22, 3, "NULL")],
        ),
        (
            "stranger",
            format!("message: user {}", user_id(77).as_member()),
            vec![message(23, 23, 77)],
        ),
        (
            "erased",
            format!("message: user {}", user_id(19).as_member()),
            vec![message(24, 24, 19)],
        ),
        (
            "stranger",
            format!("job: user {}", user_id(78).as_member()),
            vec![format!(
                "INSERT INTO job (org_id, job_id, kind, user_id, payload, state, attempts, run_at, lease_until, created_at,
                 updated_at) VALUES (1, ~25{}~, 'mail.invitation', ~{}~, '{{}}', 'waiting', 0, 7, 0, 7, 7)",
                zeros(11),
                user(78)
            )],
        ),
        (
            "reference",
            format!("link: user_id {} is not in users", user(79)),
            vec![format!("INSERT INTO link VALUES (1, ~{}~, ~{}~, 'verify', '', 0)", zeros(32), user(79))],
        ),
        (
            "reference",
            format!("memory_reference: memory_id 26{} is not in memory", zeros(11)),
            vec![format!("INSERT INTO memory_reference VALUES (1, ~26{}~, 0, ~{}~)", zeros(11), zeros(12))],
        ),
        (
            "reference",
            format!("users: role_id 27{} is not in role", zeros(11)),
            vec![format!("UPDATE users SET role_id = ~27{}~ WHERE user_id = ~{}~", zeros(11), user(4))],
        ),
        (
            "reference",
            format!("operator_bot: bot_id 28{} is not in bot", zeros(15)),
            vec![format!("INSERT INTO operator_bot VALUES (1, ~{}~, ~28{}~)", operator(2), zeros(15))],
        ),
        (
            "reference",
            format!("operator_configuration: bot_id 29{} is not in bot", zeros(15)),
            vec![format!(
                "INSERT INTO operator_configuration VALUES (1, ~{}~, 'k', ~29{}~, 'v', 7)",
                operator(2),
                zeros(15)
            )],
        ),
        (
            "reference",
            "organization_image: org_id 1 is not in organization_profile".to_owned(),
            vec!["INSERT INTO organization_image VALUES (1, 'logo', ~00~)".to_owned()],
        ),
        // Of the contact 5 everything is left, of the contact 19 a message.
        (
            "left",
            format!("contact: display_name, email, additional_emails, phone, additional_phones, external_id, search_text of {}", contact(5)),
            vec![format!("UPDATE contact SET anonymized_at = 7 WHERE user_id = ~{}~", contact(5))],
        ),
        (
            "left",
            format!("contact: user {}", contact(19)),
            vec![contact_conversation(30, 19, "7"), contact_message(30, 30, 19, "7")],
        ),
        (
            "left",
            format!("contact_message: content of 30{}", zeros(15)),
            vec![],
        ),
        (
            "left",
            "contact_conversation: conversation 31".to_owned(),
            vec![contact_conversation(31, 6, "7"), contact_message(31, 31, 6, "NULL")],
        ),
        (
            "undone",
            format!("anonymization_request: request 32{}", zeros(15)),
            vec![format!(
                "INSERT INTO anonymization_request VALUES (1, ~32{}~, 'contact', '{}', ~{}~, 7, NULL)",
                zeros(15),
                uuid(contact_id(7)),
                zeros(16)
            )],
        ),
        (
            "undone",
            format!("awaited_user: user {}", user(80)),
            vec![format!("INSERT INTO awaited_user VALUES (1, ~{}~, 7)", user(80))],
        ),
        (
            "keys",
            format!("users: user {}: email_key, first_key", user_id(7).as_member()),
            vec![format!("UPDATE users SET email_key = 'else', first_key = 'else' WHERE user_id = ~{}~", user(7))],
        ),
        (
            "keys",
            format!("operator: user {}: name_key, company_key", uuid(operator_id(3))),
            vec![format!("UPDATE operator SET name_key = 'else', company_key = 'else' WHERE user_id = ~{}~", operator(3))],
        ),
        (
            "keys",
            format!("contact: user {}: search_text", uuid(contact_id(8))),
            vec![format!("UPDATE contact SET display_name = 'Else' WHERE user_id = ~{}~", contact(8))],
        ),
        (
            "identifiers",
            format!("contact: user {}", uuid(contact_id(9))),
            vec!["DELETE FROM contact_identifier WHERE key = 'ann9@example.org'".to_owned()],
        ),
        (
            "identifiers",
            format!("contact: user {}", uuid(contact_id(10))),
            vec![format!(
                "INSERT INTO contact_identifier VALUES (1, 'phone', '+4900000000', ~{}~)",
                contact(10)
            )],
        ),
    ]
}

#[tokio::test]
async fn every_harm_is_found_and_nothing_else() {
    let test = TestStore::empty();
    furnished(&test).await;
    // Somebody who is still there, or is to come, with a receipt.
    let put = |tx: &denizen_store::Tx<'_>| {
        erasures::put(tx, Directory::Members, user_id(8), NOW)?;
        erasures::put(tx, Directory::Members, user_id(80), NOW)?;
        erasures::put(tx, Directory::Contacts, contact_id(11), NOW)?;
        erasures::put(tx, Directory::Operators, operator_id(4), NOW)
    };
    test.store.write(ORG, put).await.unwrap();
    let mut expected: BTreeSet<(&str, String)> = [
        format!("users: user {}", user_id(8).as_member()),
        format!("awaited_user: user {}", user_id(80).as_member()),
        format!("contact: user {}", uuid(contact_id(11))),
        format!("operator: user {}", uuid(operator_id(4))),
    ]
    .into_iter()
    .map(|place| ("erased", place))
    .collect();
    let outside = test.outside().await;
    disarm(&outside).await;
    for (kind, place, harms) in harms() {
        for harm in harms {
            outside.run(&written(&outside, &harm)).await;
        }
        expected.insert((kind, place));
    }
    let found = look_over(&test.store, Placement::Unknown).await.findings;
    assert!(found.iter().all(|finding| finding.org == Some(ORG)), "{found:?}");
    let told: BTreeSet<(&str, String)> =
        found.iter().map(|finding| (finding.kind.name, finding.place.clone())).collect();
    assert_eq!(told.len(), found.len(), "nothing is told twice: {found:?}");
    let missing: Vec<_> = expected.difference(&told).collect();
    let besides: Vec<_> = told.difference(&expected).collect();
    assert!(missing.is_empty() && besides.is_empty(), "missing: {missing:#?}, besides: {besides:#?}");
    // What is personal is told by the names of columns.
    for finding in &found {
        let line = finding.to_string();
        for personal in ["example", "ann", "Ann", "Ada", "Lovelace", "+49", "hello"] {
            let words = line.replace("and", "").replace("anonymi", "");
            assert!(!words.contains(personal) || personal == "ann", "{line}");
        }
    }
}

#[tokio::test]
async fn what_a_job_is_still_to_do_is_no_finding() {
    let test = TestStore::empty();
    furnished(&test).await;
    let outside = test.outside().await;
    let of_contact = contact_conversation(40, 19, "NULL");
    let asked = format!(
        "INSERT INTO anonymization_request VALUES (1, ~41{}~, 'contact', '{}', ~{}~, 7, NULL)",
        "00".repeat(15),
        uuid(contact_id(19)),
        "00".repeat(16)
    );
    for sql in [
        message(42, 42, 19),
        of_contact,
        contact_message(43, 40, 19, "NULL"),
        asked,
        format!("INSERT INTO awaited_user VALUES (1, ~{}~, 7)", user(80)),
        message(44, 44, 80),
    ] {
        outside.run(&written(&outside, &sql)).await;
    }
    let kinds =
        |findings: Vec<Finding>| findings.iter().map(|finding| finding.kind.name).collect::<BTreeSet<_>>();
    let found = kinds(look_over(&test.store, Placement::Unknown).await.findings);
    assert_eq!(found, BTreeSet::from(["erased", "undone"]), "as long as there are no jobs");
    let enqueue = |tx: &denizen_store::Tx<'_>| {
        let payload = format!(r#"{{"kind":"user.erase","user_id":"{}"}}"#, user_id(19).as_member());
        jobs::insert(tx, ObjectId([1; 12]), "user.erase", None, &payload, NOW)?;
        let request = Uuid::from_column(&[&[0x41][..], &[0; 15]].concat()).unwrap();
        let payload = format!(r#"{{"kind":"contact.anonymize","request_id":"{request}"}}"#);
        jobs::insert(tx, ObjectId([2; 12]), "contact.anonymize", None, &payload, NOW)?;
        jobs::insert(tx, ObjectId([3; 12]), "awaited.erase", None, r#"{"kind":"awaited.erase"}"#, NOW)
    };
    test.store.write(ORG, enqueue).await.unwrap();
    assert_eq!(look_over(&test.store, Placement::Unknown).await.findings, []);
}

fn lines(report: &Report) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_database_is_compared_with_the_map() {
    let test = TestStore::empty();
    furnished(&test).await;
    let mapped = |keys: &[i64], moving: &[i64]| {
        let of = |keys: &[i64]| keys.iter().map(|key| OrgKey(*key)).collect();
        Placement::Elsewhere(Mapped { here: of(keys), moving: of(moving), last: 3 })
    };
    let here = |keys: &[i64]| mapped(keys, &[]);
    let unplaced = "org_id 1: there are rows of an organization that the map does not place here: ";
    let found = lines(&look_over(&test.store, here(&[])).await);
    assert!(found.len() == 1 && found[0].starts_with(unplaced), "{found:?}");
    for table in ["users", "contact", "operator", "role", "erasure_receipt"] {
        assert!(found[0].contains(table), "{table}: {found:?}");
    }
    // What the map places here may be half made.
    let unfinished = "an organization that the map places here has no profile: organization_profile";
    let found = lines(&look_over(&test.store, here(&[1, 2])).await);
    assert_eq!(found, [format!("org_id 1: {unfinished}"), format!("org_id 2: {unfinished}")]);
    // What moves may be half there, also when only the gate says so.
    assert_eq!(look_over(&test.store, mapped(&[], &[1])).await.findings, []);
    let outside = test.outside().await;
    outside.run("INSERT INTO organization_gate (org_id, state) VALUES (1, 'closed')").await;
    assert_eq!(look_over(&test.store, here(&[])).await.findings, []);
    outside.run("UPDATE organization_gate SET state = 'moved'").await;
    let found = lines(&look_over(&test.store, here(&[])).await);
    assert!(found.len() == 1 && found[0].starts_with(unplaced), "{found:?}");
    outside.run("DELETE FROM organization_gate").await;
    // What is being erased may be half gone.
    let erase = |tx: &denizen_store::Tx<'_>| {
        jobs::insert(tx, ObjectId([1; 12]), "organization.erase", None, "{}", NOW)
    };
    test.store.write(ORG, erase).await.unwrap();
    assert_eq!(look_over(&test.store, here(&[])).await.findings, []);
}

#[tokio::test]
async fn the_map_itself_is_looked_over_where_it_lies() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    disarm(&outside).await;
    let overriding = match outside {
        Outside::Sqlite(_) => "",
        Outside::Postgres(_) => "OVERRIDING SYSTEM VALUE",
    };
    let insert = |key: i64, parent: &str, cluster: &str| {
        format!(
            "INSERT INTO organization (org_id, org_uuid, slug, cluster, parent_org_id, created_at) {overriding}
             VALUES ({key}, ~{key:02}{}~, 'slug-{key}', '{cluster}', {parent}, 7)",
            "00".repeat(15)
        )
    };
    outside.run(&written(&outside, &insert(5, "9", "main"))).await;
    outside.run(&written(&outside, &insert(6, "5", "elsewhere"))).await;
    let reset = match outside {
        Outside::Sqlite(_) => "UPDATE sqlite_sequence SET seq = 4 WHERE name = 'organization'",
        Outside::Postgres(_) => "SELECT setval('organization_org_id_seq', 4)",
    };
    outside.run(reset).await;
    let expected = [
        "org_id 5: a row refers to none: organization: its parent_org_id is none",
        "org_id 6: an organization lies behind the last number that was given out: the last number is 4",
        "org_id 5: an organization that the map places here has no profile: organization_profile",
    ];
    assert_eq!(lines(&look_over(&test.store, Placement::Own).await), expected);
    let elsewhere = Placement::Elsewhere(Mapped { last: 9, ..Mapped::default() });
    assert_eq!(look_over(&test.store, elsewhere).await.findings, [], "the map in another database counts");
}

#[tokio::test]
async fn of_many_findings_of_a_kind_the_first_are_told_and_the_rest_is_counted() {
    let test = TestStore::empty();
    furnished(&test).await;
    for org in [2, 3] {
        let org = OrgKey(org);
        add_role(&test.store, org).await;
        for number in 0..15 {
            add(&test.store, org, plain_user(number)).await;
        }
    }
    let outside = test.outside().await;
    for org in [2, 3] {
        outside.enter(OrgKey(org)).await;
        outside.run(&format!("UPDATE users SET num_messages = 5 WHERE org_id = {org}")).await;
    }
    let found = lines(&look_over(&test.store, Placement::Unknown).await);
    assert_eq!(found.len(), 21, "{found:?}");
    assert_eq!(found[20], "the figures of a user differ from what there is of it: and at least 10 more");
}

// On more than one thread: whoever watches blocks its own, and connections that writers share have to be driven meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_go_on_while_a_database_is_looked_over() {
    let test = TestStore::empty();
    furnished(&test).await;
    let (store, written) = (test.store.clone(), Arc::new(AtomicU64::new(0)));
    let (is_over, count) = (Arc::new(AtomicU64::new(0)), Arc::clone(&written));
    let ends = Arc::clone(&is_over);
    // A thread of its own, for on SQLite looking over keeps this one busy.
    let writer = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut number = 1_000;
            while ends.load(Ordering::SeqCst) == 0 {
                add(&store, ORG, plain_user(number)).await;
                count.fetch_add(1, Ordering::SeqCst);
                number += 1;
            }
        });
    });
    // The one that looks waits for writers, who would wait for it for ever if it kept them from writing.
    let seen = Arc::clone(&written);
    let watch = Arc::new(move |_| {
        let before = seen.load(Ordering::SeqCst);
        // After some of them it has been seen, and what is looked over need not grow on.
        while before < 12 && seen.load(Ordering::SeqCst) < before + 2 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    let report = test.store.look_over(Placement::Unknown, watch).await.unwrap();
    is_over.store(1, Ordering::SeqCst);
    writer.join().unwrap();
    assert_eq!(report.findings, [], "one snapshot agrees with itself");
    assert!(written.load(Ordering::SeqCst) > 4);
}

#[tokio::test]
async fn every_foreign_key_of_the_schema_is_among_the_references() {
    let test = TestStore::empty();
    let declared: BTreeSet<String> = REFERENCES
        .iter()
        .map(|known| {
            let mut columns = vec!["org_id"];
            columns.extend(known.columns);
            format!("{} ({}) {}", known.table, columns.join(", "), known.parent)
        })
        .collect();
    let dialect = test.dialect().await;
    let sql = match dialect {
        Dialect::Sqlite => {
            "SELECT name || ' (' || columns || ') ' || parent FROM (
                SELECT schema.name, key.id, key.\"table\" AS parent,
                    group_concat(key.\"from\", ', ' ORDER BY key.seq) AS columns
                FROM sqlite_schema AS schema JOIN pragma_foreign_key_list(schema.name) AS key
                WHERE schema.type = 'table' GROUP BY schema.name, key.id)"
        }
        Dialect::Postgres => {
            "SELECT conrelid::regclass::text || ' (' || (SELECT string_agg(attname, ', ' ORDER BY place)
                FROM unnest(conkey) WITH ORDINALITY AS key (number, place)
                JOIN pg_attribute ON attrelid = conrelid AND attnum = number) || ') ' || confrelid::regclass::text
             FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
        }
    };
    let mut found: BTreeSet<String> = test.outside().await.texts(sql).await.into_iter().collect();
    // The map is looked at as such.
    found.retain(|key| !key.ends_with(" organization"));
    let missing: Vec<_> = found.difference(&declared).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let besides: Vec<_> = declared.difference(&found).collect();
    let kept_by_rules = [
        (Dialect::Postgres, "contact_identifier (org_id, user_id) contact"),
        (dialect, "operator_configuration (org_id, bot_id) bot"),
    ];
    let kept_by_rules = kept_by_rules.iter().filter(|(engine, _)| *engine == dialect);
    assert_eq!(besides, kept_by_rules.map(|(_, key)| *key).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_table_that_is_missing_is_a_finding() {
    let test = TestStore::empty();
    test.outside().await.run("DROP TABLE rate_permit").await;
    let report = look_over(&test.store, Placement::Unknown).await;
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["damage: the table rate_permit is missing"]);
    assert!(report.unseen.iter().any(|what| what.contains("tables are missing")), "{:?}", report.unseen);
}

#[test]
fn the_documentation_says_of_every_kind_of_finding_what_mends_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let text = std::fs::read_to_string(path).unwrap();
    let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), KINDS.len());
    for name in names {
        assert!(text.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

/// What the store's own tests do not keep to: figures, positions and jobs that the rules see to.
pub(crate) async fn findings_but(store: &Store, kinds: &[&str]) -> Vec<String> {
    let found = look_over(store, Placement::Unknown).await.findings;
    let others = found.iter().filter(|finding| !kinds.contains(&finding.kind.name));
    others.map(ToString::to_string).collect()
}
