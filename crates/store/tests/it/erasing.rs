//! What is declared about the tables is the schema, and what erasing does: nothing of the user is left anywhere, and all of
//! everybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use denizen_domain::contact::AttributeValue;
use denizen_domain::ids::{ObjectId, OrgKey, UserId, Uuid};
use denizen_domain::member::Directory;
use denizen_domain::operator::{Access, MailLanguage, OperatorRole};
use denizen_store::bots::{self, Bot};
use denizen_store::contacts::{self, Contact, Profile};
use denizen_store::environments::{self, Environment};
use denizen_store::holdings::{self, Cleared, Erasing, Holds, TABLES};
use denizen_store::messages::{self, Message};
use denizen_store::operator_imports::{self, OperatorImport};
use denizen_store::operator_links::{self, OperatorLink};
use denizen_store::operators::{self, Operator};
use denizen_store::{Store, StoreError, Tx, erasures, operator_configuration, organizations, users};

use crate::checking::findings_but;
use crate::support::{NOW, ORG, Outside, ROLE, TestStore, add, add_role, all, bytes, hex, new_user};

/// Every column of every table of the database, as `table.column`, with its type where that matters.
async fn columns(outside: &Outside) -> BTreeMap<String, String> {
    let listed = match outside {
        Outside::Sqlite(_) => {
            "SELECT list.name || '.' || info.name || ' ' || info.type FROM pragma_table_list AS list
             JOIN pragma_table_xinfo(list.name) AS info
             WHERE list.schema = 'main' AND list.name <> 'sqlite_schema'"
        }
        Outside::Postgres(_) => {
            "SELECT (table_name || '.' || column_name || ' ' || data_type)::text FROM information_schema.columns
             WHERE table_schema = current_schema()"
        }
    };
    let split = |line: String| {
        let (column, kind) = line.split_once(' ').unwrap();
        (column.to_owned(), kind.to_owned())
    };
    outside.texts(listed).await.into_iter().map(split).collect()
}

#[tokio::test]
async fn every_table_and_every_column_is_declared_and_every_declaration_is_of_one() {
    let test = TestStore::empty();
    let dialect = test.dialect().await;
    let schema: BTreeSet<String> = columns(&test.outside().await).await.into_keys().collect();
    let declared: BTreeSet<String> = TABLES
        .iter()
        .filter(|table| table.is_on(dialect))
        .flat_map(|table| {
            table.columns_on(dialect).map(move |column| format!("{}.{}", table.name, column.name))
        })
        .collect();
    let undeclared: Vec<_> = schema.difference(&declared).collect();
    let imagined: Vec<_> = declared.difference(&schema).collect();
    assert!(undeclared.is_empty(), "say in holdings/tables what these hold: {undeclared:?}");
    assert!(imagined.is_empty(), "there are no such columns: {imagined:?}");
    assert!(schema.len() > 150, "{} columns were looked at", schema.len());
}

#[test]
fn what_is_personal_is_erased_and_what_is_erased_names_its_user() {
    for table in TABLES {
        let names_user = table.columns.iter().any(|column| column.holds == Holds::Subject);
        let reason = table.columns.iter().all(|column| !column.why.is_empty());
        assert!(reason, "{}: each declaration has its reason", table.name);
        if let Some(marked) = table.marked {
            let column = table.columns.iter().find(|column| column.name == marked);
            assert_eq!(column.map(|column| column.holds), Some(Holds::Nothing), "{}", table.name);
        }
        match table.erasing {
            Erasing::Kept(why) => {
                assert!(!table.is_personal() && !names_user && !why.is_empty(), "{}", table.name);
            }
            Erasing::User | Erasing::Operator | Erasing::AtOnce | Erasing::InBatches { .. } => {
                assert!(names_user, "{}", table.name);
            }
            Erasing::Cleared { .. } | Erasing::Contact => {
                assert!(names_user && table.marked.is_some(), "{}", table.name);
            }
            Erasing::With(parent) => {
                let parent = TABLES.iter().find(|other| other.name == parent).unwrap();
                assert!(!matches!(parent.erasing, Erasing::Kept(_)), "{}", table.name);
            }
            Erasing::SearchIndex => {}
        }
    }
}

#[tokio::test]
async fn every_statement_that_erases_is_understood_by_the_engine() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let statements = holdings::example_statements(test.dialect().await);
    assert!(statements.len() > 15);
    for statement in statements {
        match &outside {
            Outside::Sqlite(connection) => {
                let connection = connection.lock().unwrap();
                let text = format!("EXPLAIN QUERY PLAN {}", statement.text().replace('$', "?"));
                let plan = connection.prepare(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                drop(plan);
            }
            Outside::Postgres(client) => {
                client
                    .prepare(statement.text())
                    .await
                    .unwrap_or_else(|error| panic!("{error}: {}", statement.text()));
            }
        }
    }
}

/// Somebody of whom every table knows something, each time in words that only this person has.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) org: OrgKey,
    pub(crate) number: u8,
}

impl Person {
    fn id(self) -> UserId {
        let mut id = *b"an id of someone";
        id[15] = self.number;
        id[12] = u8::try_from(self.org.0).unwrap();
        UserId(id)
    }

    /// In every text.
    fn mark(self) -> String {
        format!("xq{}o{}zw", self.number, self.org.0)
    }

    /// In every number.
    fn figure(self) -> String {
        format!("77{}55{}3", self.number, self.org.0)
    }

    /// The bytes by which the person would be found.
    fn traces(self) -> [Vec<u8>; 3] {
        [self.mark().into_bytes(), self.figure().into_bytes(), self.id().0.to_vec()]
    }

    /// The same person as a contact.
    fn contact(self) -> Contact {
        let (mark, figure) = (self.mark(), self.figure());
        let some = || Some(mark.clone());
        let profile = Profile {
            display_name: some(),
            first_name: some(),
            last_name: some(),
            middle_names: vec![mark.clone()],
            email: Some(format!("{mark}@example.com")),
            additional_emails: vec![format!("{mark}@example.org")],
            phone: Some(format!("+{figure}")),
            additional_phones: vec![format!("+{figure}9")],
            external_id: some(),
            avatar_url: some(),
        };
        let attributes = [(Uuid([1; 16]), AttributeValue::Text(mark))].into();
        Contact { user_id: self.id(), profile, attributes, created_at: NOW, anonymized_at: None }
    }

    /// And as an operator, who reaches a bot.
    fn operator(self, environment: Uuid, bot: Uuid) -> Operator {
        let mark = self.mark();
        Operator {
            user_id: self.id(),
            email: format!("{mark}@example.com"),
            name: format!("A {mark}"),
            company: Some(mark.clone()),
            image: Some(format!("data:{mark}")),
            access: Access::Environments {
                role: OperatorRole::Viewer,
                environments: [(environment, [bot].into())].into(),
            },
            created_at: NOW,
        }
    }

    async fn fill_operator(self, store: &Store) {
        let id = |first| {
            Uuid([first, u8::try_from(self.org.0).unwrap(), self.number].repeat(6)[..16].try_into().unwrap())
        };
        let (environment, bot) = (id(0xe1), id(0xb1));
        let place = Environment {
            environment_id: environment,
            name: "Production".to_owned(),
            is_active: true,
            created_at: NOW,
            updated_at: NOW,
        };
        let guest = Bot {
            bot_id: bot,
            environment_id: environment,
            name: "Concierge".to_owned(),
            image_url: None,
            is_active: true,
            created_at: NOW,
            updated_at: NOW,
        };
        let (operator, mark) = (self.operator(environment, bot), self.mark());
        let import = OperatorImport {
            import_id: id(0x11),
            entries_done: 1,
            created: 1,
            failed: 0,
            errors_bytes: 0,
            begun_at: NOW,
            updated_at: NOW,
        };
        let mut secret_hash = [0; 32];
        secret_hash[..mark.len()].copy_from_slice(mark.as_bytes());
        let link = OperatorLink {
            secret_hash,
            user_id: self.id(),
            language: MailLanguage::Spanish,
            expires_at: NOW.plus_seconds(60),
        };
        let insert = move |tx: &Tx<'_>| {
            environments::put(tx, &place)?;
            bots::put(tx, &guest)?;
            operators::insert(tx, &[(operator.clone(), Some(format!("$argon2id${mark}")))])?;
            operator_configuration::put(tx, operator.user_id, &mark, Some(bot), &mark, NOW)?;
            operator_links::insert(tx, &link, NOW)?;
            operator_imports::put(tx, &import)
        };
        store.write(self.org, insert).await.unwrap();
    }

    pub(crate) async fn fill(self, store: &Store, outside: &Outside) {
        let Self { org, number } = self;
        let (mark, figure) = (self.mark(), self.figure());
        let user = new_user(0, &format!("A {mark}"), &format!("B {mark}"), &format!("{mark}@example.com"));
        let mut user = add(store, org, users::NewUser { user_id: self.id(), ..user }).await;
        user.preferences.timezone = Some(mark.clone());
        user.open_variables = [("open".to_owned(), mark.clone())].into();
        user.secret_variables = [("secret".to_owned(), mark.clone())].into();
        let context = vec![mark.clone()];
        let change = move |tx: &Tx<'_>| {
            users::update(tx, Directory::Members, &user, false, NOW)?;
            users::set_additional_context(tx, user.user_id, &context, NOW)
        };
        store.write(org, change).await.unwrap();

        let contact = self.contact();
        store.write(org, move |tx| contacts::insert(tx, std::slice::from_ref(&contact), NOW)).await.unwrap();

        self.fill_operator(store).await;

        let blob = |value: &[u8]| bytes(outside, value);
        let long = |kind: &[u8; 14]| {
            let mut id = [0; 16];
            id[..14].copy_from_slice(kind);
            id[14..].copy_from_slice(&[u8::try_from(org.0).unwrap(), number]);
            blob(&id)
        };
        let short = |kind: &[u8; 10]| {
            let mut id = [0; 12];
            id[..10].copy_from_slice(kind);
            id[10..].copy_from_slice(&[u8::try_from(org.0).unwrap(), number]);
            blob(&id)
        };
        let (o, id) = (org.0, blob(&self.id().0));
        let digest = blob(&mark.bytes().cycle().take(16).collect::<Vec<_>>());
        let rows = [
            // Of the languages none is like a mark.
            format!("UPDATE operator_link SET language = '{mark}' WHERE org_id = {o} AND user_id = {id}"),
            format!(
                "UPDATE users SET num_conversations = {figure}, num_messages = {figure}, last_message_at = {figure}
                 WHERE org_id = {o} AND user_id = {id}"
            ),
            format!(
                "INSERT INTO link (org_id, secret_hash, user_id, purpose, redirect, expires_at)
                 VALUES ({o}, {}, {id}, 'verify', 'https://{mark}', 1)",
                blob(&[number; 32])
            ),
            format!(
                "INSERT INTO job (org_id, job_id, kind, user_id, payload, state, attempts, run_at, lease_until, last_error,
                 created_at, updated_at) VALUES ({o}, {}, 'mail', {id}, '{mark}', 'waiting', 0, 1, 0, '{mark}', 1, 1)",
                short(b"a job     ")
            ),
            format!(
                "INSERT INTO linked_account (org_id, user_id, provider, tenant, account_id, updated_at)
                 VALUES ({o}, {id}, 'google', '{mark}', '{mark}', 1)"
            ),
            format!(
                "INSERT INTO temporary_grant (org_id, grant_id, position, user_id, permission_name, permission_grant,
                 justification, creator_org_id, creator_user_id, created_at, expires_at)
                 VALUES ({o}, {}, {number}, {id}, '{mark}', '{mark}', '{mark}', {o}, {id}, 1, 1)",
                short(b"a grant   ")
            ),
            format!(
                "INSERT INTO temporary_grant_tag (org_id, grant_id, name, value) VALUES ({o}, {}, '{mark}', '{mark}')",
                short(b"a grant   ")
            ),
            format!("INSERT INTO awaited_user (org_id, user_id, since) VALUES ({o}, {id}, 1)"),
            format!(
                "INSERT INTO message (org_id, message_id, conversation_id, user_id, sender, content, digest, created_at,
                 updated_at) VALUES ({o}, {}, {}, {id}, '{mark}', '{mark}', {digest}, 1, 1)",
                short(b"a message "),
                short(b"a talk    ")
            ),
            format!(
                "INSERT INTO conversation (org_id, conversation_id, user_id, started_at, ended_at, title, digest,
                 created_at, updated_at) VALUES ({o}, {}, {id}, {figure}, {figure}, '{mark}', {digest}, 1, 1)",
                short(b"a talk    ")
            ),
            format!(
                "INSERT INTO memory (org_id, memory_id, user_id, position, conversation_id, content, context, digest,
                 created_at, updated_at) VALUES ({o}, {}, {id}, 1, {}, '{mark}', '{mark}', {digest}, 1, 1)",
                short(b"a memory  "),
                short(b"a talk    ")
            ),
            format!(
                "INSERT INTO memory_reference (org_id, memory_id, ordinal, message_id) VALUES ({o}, {}, 0, {})",
                short(b"a memory  "),
                short(b"a message ")
            ),
            format!(
                "INSERT INTO user_model (org_id, user_model_id, user_id, content, insight_ids, dimensions, digest,
                 created_at, updated_at) VALUES ({o}, {}, {id}, '{mark}', '{mark}', '{mark}', {digest}, 1, 1)",
                short(b"a model   ")
            ),
            format!(
                "INSERT INTO external_event (org_id, event_id, user_id, position, type, starts_at, ends_at, description,
                 transcript, digest, created_at, updated_at)
                 VALUES ({o}, {}, {id}, 1, '{mark}', {figure}, {figure}, '{mark}', '{mark}', {digest}, 1, 1)",
                short(b"an event  ")
            ),
            format!(
                "INSERT INTO contact_conversation (org_id, conversation_id, user_id, kind, channel, assignment, queue,
                 details, attributes, digest, created_at, updated_at)
                 VALUES ({o}, {number}, {id}, 'Chat', 'Email', '{mark}', '{mark}', '{mark}', '{mark}', {digest}, 1, 1)"
            ),
            format!(
                "INSERT INTO contact_message (org_id, message_id, conversation_id, user_id, sender, content, digest,
                 created_at, updated_at) VALUES ({o}, {}, {number}, {id}, '{mark}', '{mark}', {digest}, 1, 1)",
                long(b"a contact says")
            ),
            // What others have of the person: an id.
            format!(
                "INSERT INTO anonymization_request (org_id, request_id, entity, target, requested_by, initiated_at)
                 VALUES ({o}, {}, 'contact', '{}', {}, 1)",
                long(b"a request     "),
                self.id().as_uuid(),
                long(b"an actor      ")
            ),
            format!(
                "INSERT INTO api_key (org_id, key_id, record_id, name, secret_hash, role_id, creator_org_id,
                 creator_user_id, created_at, updated_at, expires_at)
                 VALUES ({o}, {}, {}, 'key', {}, {}, {o}, {id}, 1, 1, 1)",
                blob(&[number; 16]),
                blob(&[number; 12]),
                blob(&[number; 32]),
                blob(&ROLE.0)
            ),
            // And what organizations have beside them.
            format!(
                "INSERT INTO access_token (org_id, token_id, secret_hash, role_id, created_at)
                 VALUES ({o}, {}, {}, {}, 1)",
                long(b"a token       "),
                blob(&[number; 32]),
                blob(&ROLE.0)
            ),
            format!(
                "INSERT INTO attribute_definition (org_id, definition_id, entity, identifier, label, input, is_required,
                 is_archived, is_deactivated, created_at)
                 VALUES ({o}, {}, 'contact', 'tier', 'Tier', '{{}}', 0, 0, 0, 1)",
                long(b"a definition  ")
            ),
        ];
        outside.enter(org).await;
        for row in rows {
            outside.run(&row).await;
        }
    }
}

/// In how many rows a column holds some bytes, whatever its type.
async fn count(outside: &Outside, column: &str, kind: &str, needle: &[u8]) -> i64 {
    let (table, column) = column.split_once('.').unwrap();
    let needle = hex(needle);
    let found = match outside {
        Outside::Sqlite(_) => format!("instr(lower(hex(\"{column}\")), '{needle}') > 0"),
        Outside::Postgres(_) if kind == "bytea" => {
            format!("position('{needle}' in encode(\"{column}\", 'hex')) > 0")
        }
        Outside::Postgres(_) => {
            format!("position('{needle}' in encode(convert_to(\"{column}\"::text, 'UTF8'), 'hex')) > 0")
        }
    };
    outside.int(&format!("SELECT count(*) FROM \"{table}\" WHERE {found}")).await
}

/// Where each trace of a person is found: `table.column`, the number of the trace, and in how many rows.
async fn found(outside: &Outside, person: Person) -> BTreeMap<(String, usize), i64> {
    outside.enter(person.org).await;
    let mut places = BTreeMap::new();
    for (column, kind) in columns(outside).await {
        for (at, trace) in person.traces().iter().enumerate() {
            let rows = count(outside, &column, &kind, trace).await;
            if rows > 0 {
                places.insert((column.clone(), at), rows);
            }
        }
    }
    places
}

/// Erases a person, as a member, as a contact and as an operator.
pub(crate) async fn erase(store: &Store, person: Person) {
    let id = person.id();
    let erase = move |tx: &Tx<'_>| {
        holdings::erase_small(tx, Directory::Members, id)?;
        assert!(holdings::erase_batch(tx, Directory::Members, id, 1_000)?);
        users::delete(tx, Directory::Members, id, true, NOW)?;
        erasures::put(tx, Directory::Members, id, NOW)?;
        contacts::clear(tx, id, NOW)?;
        holdings::erase_small(tx, Directory::Contacts, id)?;
        assert!(holdings::erase_batch(tx, Directory::Contacts, id, 1_000)?);
        let first = holdings::clear_batch(tx, Directory::Contacts, id, Cleared::NOTHING, 1_000, NOW)?;
        let next = holdings::clear_batch(tx, Directory::Contacts, id, first.unwrap(), 1_000, NOW)?;
        assert_eq!(next, None);
        erasures::put(tx, Directory::Contacts, id, NOW)?;
        holdings::erase_small(tx, Directory::Operators, id)?;
        operators::delete(tx, id)?;
        erasures::put(tx, Directory::Operators, id, NOW)
    };
    store.write(person.org, erase).await.unwrap();
}

#[tokio::test]
async fn nothing_of_an_erased_user_is_in_any_column_and_all_of_the_neighbour_is() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    add_role(&test.store, ORG).await;
    let [gone, stays] = [1, 2].map(|number| Person { org: ORG, number });
    gone.fill(&test.store, &outside).await;
    stays.fill(&test.store, &outside).await;
    let dialect = test.dialect().await;
    let before = [found(&outside, gone).await, found(&outside, stays).await];
    for table in TABLES.iter().filter(|table| table.is_on(dialect) && table.erasing != Erasing::SearchIndex) {
        for column in table.columns_on(dialect).filter(|column| column.holds == Holds::Personal) {
            let name = format!("{}.{}", table.name, column.name);
            let holds = |places: &BTreeMap<(String, usize), i64>| {
                (0..2).any(|trace| places.contains_key(&(name.clone(), trace)))
            };
            assert!(before.iter().all(holds), "this test has to write something of a user into {name}");
        }
    }

    erase(&test.store, gone).await;
    let left = found(&outside, gone).await;
    // An id stays where it leads nowhere, and with what is left of a row.
    let ids: BTreeSet<String> = TABLES
        .iter()
        .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
        .filter(|(table, column)| match column.holds {
            Holds::Mention => true,
            Holds::Subject => matches!(table.erasing, Erasing::Cleared { .. } | Erasing::Contact),
            _ => false,
        })
        .map(|(table, column)| format!("{}.{}", table.name, column.name))
        .collect();
    for (column, trace) in left.keys() {
        assert!(*trace == 2 && ids.contains(column), "{column} still holds {:?}", gone.traces()[*trace]);
    }
    let left: Vec<&str> = left.keys().map(|(column, _)| column.as_str()).collect();
    let expected = [
        "api_key.creator_user_id",
        "contact.user_id",
        "contact_conversation.user_id",
        "user_tombstone.user_id",
    ];
    assert_eq!(left, expected);
    assert_eq!(found(&outside, stays).await, before[1]);
    let rest = findings_but(&test.store, &["figures", "position", "undone"]).await;
    assert_eq!(rest, [""; 0], "the search index agrees");
}

#[tokio::test]
async fn an_organization_is_erased_from_every_table_and_no_other_is() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let people = [1, 2].map(|org| [1, 2].map(|number| Person { org: OrgKey(org), number }));
    for people in people {
        add_role(&test.store, people[0].org).await;
        for person in people {
            person.fill(&test.store, &outside).await;
        }
        erase(&test.store, people[0]).await;
    }
    let dialect = test.dialect().await;
    let rows = async |org: OrgKey| {
        outside.enter(org).await;
        let mut rows = BTreeMap::new();
        let of_org =
            |table: &&holdings::Table| table.columns_on(dialect).any(|column| column.name == "org_id");
        for table in TABLES.iter().filter(|table| table.is_on(dialect)).filter(of_org) {
            let count = format!("SELECT count(*) FROM {} WHERE org_id = {}", table.name, org.0);
            rows.insert(table.name, outside.int(&count).await);
        }
        rows.retain(|_, count| *count > 0);
        rows
    };
    let kept = rows(OrgKey(2)).await;
    assert!(kept.len() >= 32, "{kept:?}");
    while !test.store.write(ORG, |tx| holdings::erase_organization_batch(tx, 1)).await.unwrap() {}
    while test.store.write(ORG, |tx| organizations::erase_users(tx, 1)).await.unwrap() > 0 {}
    while test.store.write(ORG, |tx| organizations::erase_contacts(tx, 1)).await.unwrap() > 0 {}
    while test.store.write(ORG, |tx| organizations::erase_operators(tx, 1)).await.unwrap() > 0 {}
    while test.store.write(ORG, |tx| organizations::erase_bots(tx, 1)).await.unwrap() > 0 {}
    while test.store.write(ORG, |tx| organizations::erase_environments(tx, 1)).await.unwrap() > 0 {}
    test.store.write(ORG, organizations::erase_rest).await.unwrap();
    assert_eq!(rows(ORG).await, BTreeMap::new());
    assert_eq!(rows(OrgKey(2)).await, kept);
    assert_eq!(findings_but(&test.store, &["figures", "position", "undone"]).await, [""; 0]);
}

fn message(user: UserId, number: u64) -> Message {
    let mut id = [0; 12];
    id[4..].copy_from_slice(&number.to_be_bytes());
    Message {
        message_id: ObjectId(id),
        conversation_id: ObjectId([1; 12]),
        user_id: user,
        created_at: NOW,
        sender: "user".to_owned(),
        content: format!("message {number}"),
    }
}

async fn messages_of(outside: &Outside, user: UserId) -> i64 {
    let id = bytes(outside, &user.0);
    outside.int(&format!("SELECT count(*) FROM message WHERE org_id = 1 AND user_id = {id}")).await
}

#[tokio::test]
async fn no_transaction_erases_more_than_it_may_and_together_they_erase_all() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let (gone, stays) = (UserId([1; 16]), UserId([2; 16]));
    let insert = move |tx: &Tx<'_>| {
        (0..230).try_for_each(|number| {
            messages::insert(tx, &message(gone, number), &[0; 16], NOW)?;
            messages::insert(tx, &message(stays, 1_000 + number), &[0; 16], NOW)
        })
    };
    test.store.write(ORG, insert).await.unwrap();
    let mut left = 230;
    while left > 0 {
        let is_done = test
            .store
            .write(ORG, move |tx| holdings::erase_batch(tx, Directory::Members, gone, 50))
            .await
            .unwrap();
        let now = messages_of(&outside, gone).await;
        assert!(left - now <= 50 && now < left, "{left} before and {now} after");
        assert_eq!(is_done, now == 0);
        left = now;
    }
    assert_eq!(messages_of(&outside, stays).await, 230);
}

#[tokio::test]
async fn a_transaction_erases_few_large_rows_or_many_small_ones() {
    const LARGE: usize = 1 << 20;
    let test = TestStore::empty();
    let outside = test.outside().await;
    let gone = UserId([1; 16]);
    for number in 0..30 {
        let large = Message { content: "m".repeat(LARGE), ..message(gone, number) };
        test.store.write(ORG, move |tx| messages::insert(tx, &large, &[0; 16], NOW)).await.unwrap();
    }
    let mut left = 30;
    while left > 0 {
        let is_done = test
            .store
            .write(ORG, move |tx| holdings::erase_batch(tx, Directory::Members, gone, 1_000))
            .await
            .unwrap();
        let now = messages_of(&outside, gone).await;
        assert!((1..=9).contains(&(left - now)), "{left} before and {now} after");
        assert!(!is_done || now == 0);
        left = now;
    }
}

/// Takes in messages about a user until the user is known to be erased; how many it has taken in.
async fn take_in(store: Store, user: UserId, numbers: Arc<AtomicU64>) -> u64 {
    let mut taken = 0;
    loop {
        let first = numbers.fetch_add(3, Ordering::Relaxed);
        let put = move |tx: &Tx<'_>| {
            if erasures::is_erased_many(tx, Directory::Members, &[user])?.contains(&user) {
                return Ok(false);
            }
            for number in first..first + 3 {
                messages::insert(tx, &message(user, number), &[0; 16], NOW)?;
            }
            Ok::<_, StoreError>(true)
        };
        match store.write(ORG, put).await {
            Ok(true) => taken += 3,
            Ok(false) => return taken,
            // Too many conflicts: whoever sends the records sends them again.
            Err(StoreError::Busy) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// A write that is tried until it is done, as jobs are.
async fn until_done(
    store: &Store,
    write: impl Fn(&Tx<'_>) -> Result<bool, StoreError> + Clone + Send + 'static,
) -> bool {
    loop {
        match store.write(ORG, write.clone()).await {
            Err(StoreError::Busy) => {}
            done => return done.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_while_its_user_is_erased_is_erased_or_refused() {
    let test = TestStore::empty();
    add_role(&test.store, ORG).await;
    for round in 1..=8 {
        let person = Person { org: ORG, number: round };
        let user = person.id();
        let new = new_user(0, "Ada", "Lovelace", &format!("ada{round}@example.com"));
        add(&test.store, ORG, users::NewUser { user_id: user, ..new }).await;
        let numbers = Arc::new(AtomicU64::new(u64::from(round) << 32));
        let begun = Arc::clone(&numbers);
        let is_erased = Arc::new(AtomicBool::new(false));
        let eraser = {
            let (store, is_erased) = (test.store.clone(), Arc::clone(&is_erased));
            async move {
                while begun.load(Ordering::Relaxed) < (u64::from(round) << 32) + 60 {
                    tokio::task::yield_now().await;
                }
                let erase = move |tx: &Tx<'_>| {
                    holdings::erase_small(tx, Directory::Members, user)?;
                    let is_done = holdings::erase_batch(tx, Directory::Members, user, 20)?;
                    users::delete(tx, Directory::Members, user, false, NOW)?;
                    erasures::put(tx, Directory::Members, user, NOW)?;
                    Ok::<_, StoreError>(is_done)
                };
                let mut is_done = until_done(&store, erase).await;
                while !is_done {
                    is_done =
                        until_done(&store, move |tx| holdings::erase_batch(tx, Directory::Members, user, 20))
                            .await;
                }
                is_erased.store(true, Ordering::Relaxed);
                0
            }
        };
        let mut work: Vec<std::pin::Pin<Box<dyn Future<Output = u64> + Send>>> = vec![Box::pin(eraser)];
        for _ in 0..3 {
            work.push(Box::pin(take_in(test.store.clone(), user, Arc::clone(&numbers))));
        }
        let taken: u64 = all(work).await.into_iter().sum();
        assert!(taken > 0 && is_erased.load(Ordering::Relaxed));
        assert_eq!(messages_of(&test.outside().await, user).await, 0, "{taken} were taken in");
    }
}

#[tokio::test]
async fn a_receipt_is_found_by_whoever_knows_the_id_and_only_in_its_organization() {
    let test = TestStore::empty();
    let ids: Vec<UserId> = (0..100).map(|number| UserId([number; 16])).collect();
    let erased: BTreeSet<UserId> = ids.iter().copied().filter(|id| id.0[0] % 3 == 0).collect();
    let put = erased.clone();
    let put =
        move |tx: &Tx<'_>| put.iter().try_for_each(|id| erasures::put(tx, Directory::Members, *id, NOW));
    test.store.write(ORG, put.clone()).await.unwrap();
    // Once more, as when a transaction is run again.
    test.store.write(ORG, put).await.unwrap();
    let asked = ids.clone();
    let found = test
        .store
        .read(ORG, move |conn| erasures::is_erased_many(conn, Directory::Members, &asked))
        .await
        .unwrap();
    assert_eq!(found, erased);
    let elsewhere = test
        .store
        .read(OrgKey(2), move |conn| erasures::is_erased_many(conn, Directory::Members, &ids))
        .await
        .unwrap();
    assert_eq!(elsewhere, BTreeSet::new());
    assert_eq!(
        test.store.read(ORG, |conn| erasures::is_erased_many(conn, Directory::Members, &[])).await.unwrap(),
        BTreeSet::new()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrub_ends_only_when_nobody_reads_an_older_state() {
    let test = TestStore::empty();
    let outside = test.outside().await;
    let person = Person { org: ORG, number: 1 };
    add_role(&test.store, ORG).await;
    person.fill(&test.store, &outside).await;
    let reader = test.outside().await;
    let begin = match &reader {
        Outside::Sqlite(_) => "BEGIN",
        Outside::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
    };
    reader.run(begin).await;
    assert_eq!(reader.users().await, 1);
    erase(&test.store, person).await;
    let mut scrub = Box::pin(test.store.scrub());
    let early = tokio::time::timeout(Duration::from_millis(500), &mut scrub).await;
    assert!(early.is_err(), "what the reader sees cannot be gone: {early:?}");
    assert_eq!(reader.users().await, 1);
    reader.run("COMMIT").await;
    scrub.await.unwrap();
    if let Outside::Postgres(_) = &outside {
        let vacuumed =
            "SELECT count(*) FROM pg_stat_user_tables WHERE relname = 'users' AND last_vacuum IS NOT NULL";
        assert_eq!(outside.int(vacuumed).await, 1);
        let samples = format!(
            "SELECT count(*) FROM pg_stats WHERE histogram_bounds::text LIKE '%{0}%'
            OR most_common_vals::text LIKE '%{0}%'",
            person.mark()
        );
        assert_eq!(outside.int(&samples).await, 0);
    }
}
