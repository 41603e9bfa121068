//! Taking records in is no way up.

use denizen_directory::ErrorCode;
use denizen_directory::ingest::{AttributeDefinitionRecord, ContactRecord, Record, UserRecord};
use denizen_domain::ids::UserId;
use denizen_domain::patch::Patch;
use denizen_domain::text::Email;
use denizen_store::linked_accounts::{LinkedAccount, Provider};
use denizen_testkit::TestServer;
use serde_json::json;

use super::contact_records::{
    contact, contact_id, definition, held, of_contact, of_definition, of_held, of_said, said, set,
};
use super::records::{conversation, ingest, ingest_as, of_user, user, user_id};

#[tokio::test]
async fn who_lacks_the_permission_takes_nothing_in() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let caller = org.caller("DefaultUserRole").await;
    let refused = ingest_as(&caller, vec![Record::Conversation(conversation(1, 1))]).await;
    assert_eq!(refused, Err(ErrorCode::Forbidden));
    let admin = org.caller("DefaultAdministratorRole").await;
    let taken = ingest_as(&admin, vec![Record::Conversation(conversation(1, 1))]).await;
    assert_eq!(taken.unwrap(), ["created"]);
}

#[tokio::test]
async fn nobody_gives_out_a_role_that_does_not_stand_below_the_own_one() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.caller("DefaultAdministratorRole").await;
    let with = |number, role: &str| {
        let mut record = user(number);
        record.role_name = Some(role.to_owned());
        of_user(record)
    };
    let records = vec![
        with(1, "DefaultUserRole"),
        with(2, "DefaultAdministratorRole"),
        with(3, "DefaultSuperAdministratorRole"),
        with(1, "DefaultAdministratorRole"),
        with(1, "DefaultUserRole"),
    ];
    let expected = ["created", "refused Forbidden", "refused Forbidden", "refused Forbidden", "unchanged"];
    assert_eq!(ingest_as(&admin, records.clone()).await.unwrap(), expected);
    // The operator of the installation stands above everybody.
    assert_eq!(ingest(&org, records).await, ["unchanged", "created", "created", "updated", "updated"]);
}

#[tokio::test]
async fn not_even_the_address_of_whom_stands_above_or_beside_can_be_changed() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.caller("DefaultAdministratorRole").await;
    let beside = org.member("DefaultAdministratorRole").await;
    for victim in [&org.created.member_id, &beside, &admin.user_id] {
        let mut record = user(1);
        record.user_id = UserId::parse_member(victim).unwrap();
        record.email = Email::parse("attacker@x.example").unwrap();
        let refused = ingest_as(&admin, vec![of_user(record)]).await.unwrap();
        assert_eq!(refused, ["refused Forbidden"], "{victim}");
    }
    let found = admin.get("/user/?email=attacker%40x.example").await.expect(200);
    assert_eq!(found.json()["users"], json!([]));
}

#[tokio::test]
async fn linking_an_account_asks_for_its_own_permission() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let grants = json!([
        {"permission_name": "User:GetUserInfo", "conditions": {}},
        {"permission_name": "Directory:IngestRecords", "conditions": {}},
    ]);
    let caller = org.caller_with(&grants).await;
    let role = org.role(&json!([])).await;
    let mut record = user(1);
    record.role_name = Some(role);
    assert_eq!(ingest_as(&caller, vec![of_user(record.clone())]).await.unwrap(), ["created"]);
    let account = LinkedAccount { provider: Provider::Google, tenant: None, account_id: "abc".to_owned() };
    let with = |number: u64, account: Patch<LinkedAccount>| {
        let mut record = UserRecord { google_account: account, ..record.clone() };
        record.user_id = user_id(number);
        record.email = Email::parse(&format!("user{number}@elsewhere.example")).unwrap();
        of_user(record)
    };
    let other = Patch::Set(LinkedAccount { account_id: "other".to_owned(), ..account.clone() });
    let account = Patch::Set(account);
    let refused = "refused Forbidden google_account";
    // What there is to forget is forgotten; where nothing is, nothing changes.
    let records = [(1, account.clone()), (2, account.clone()), (1, Patch::Clear), (3, Patch::Clear)];
    let records = records.map(|(number, account)| with(number, account)).to_vec();
    let expected = [refused, refused, "unchanged", "created"];
    assert_eq!(ingest_as(&caller, records).await.unwrap(), expected);
    // An account that is linked may be named again, and no other.
    assert_eq!(ingest(&org, vec![with(1, account.clone())]).await, ["updated"]);
    let records = [account, other, Patch::Clear].map(|account| with(1, account)).to_vec();
    assert_eq!(ingest_as(&caller, records).await.unwrap(), ["unchanged", refused, refused]);
}

#[tokio::test]
async fn a_record_that_changes_nothing_asks_for_no_privileges_and_confirms_no_secret() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let caller =
        org.caller_with(&json!([{"permission_name": "Directory:IngestRecords", "conditions": {}}])).await;
    let mut record = user(1);
    record.role_name = Some("DefaultAdministratorRole".to_owned());
    record.secret_variables = Some([("pin".to_owned(), "1234".to_owned())].into());
    assert_eq!(ingest(&org, vec![of_user(record.clone())]).await, ["created"]);

    let same = UserRecord { secret_variables: None, ..record.clone() };
    let terse = UserRecord { role_name: None, is_verified: None, created_at: None, ..same.clone() };
    let renamed = UserRecord { first_name: "Eve".to_owned(), ..terse.clone() };
    let guess =
        UserRecord { secret_variables: Some([("pin".to_owned(), "0".to_owned())].into()), ..same.clone() };
    let new =
        UserRecord { user_id: user_id(2), email: Email::parse("b@x.example").unwrap(), ..terse.clone() };
    let records = [same, terse, renamed, record, guess, new].map(of_user).to_vec();
    let refused = "refused Forbidden";
    let expected = ["unchanged", "unchanged", refused, refused, refused, refused];
    assert_eq!(ingest_as(&caller, records).await.unwrap(), expected);
}

#[tokio::test]
async fn contacts_come_and_definitions_change_by_whom_may_write_contacts() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let ingests = json!({"permission_name": "Directory:IngestRecords", "conditions": {}});
    let writes = json!({"permission_name": "Directory:WriteContact", "conditions": {}});
    let smaller = org.caller_with(&json!([ingests.clone()])).await;
    let larger = org.caller_with(&json!([ingests, writes])).await;
    let file = || {
        vec![of_definition(definition(1)), of_contact(contact(1)), of_held(held(1, 1)), of_said(said(1, 1))]
    };
    let forbidden = "refused Forbidden";
    let nobody = "refused InvalidField contact_id";
    let nothing = "refused InvalidField conversation_id";
    assert_eq!(ingest_as(&smaller, file()).await.unwrap(), [forbidden, forbidden, nobody, nothing]);
    assert_eq!(ingest_as(&larger, file()[..2].to_vec()).await.unwrap(), ["created"; 2]);
    assert_eq!(ingest_as(&smaller, file()).await.unwrap(), ["unchanged", forbidden, "created", "created"]);
    let archived = AttributeDefinitionRecord { is_archived: true, ..definition(1) };
    let by_external_id = |email: &str| {
        of_contact(ContactRecord { external_id: set("crm-1"), email: set(email), ..ContactRecord::default() })
    };
    let records = vec![
        of_definition(archived),
        by_external_id("eve@example.org"),
        // That is the contact's address already.
        by_external_id("ann1@EXAMPLE.org"),
        by_external_id("Ann1@example.org"),
        // Nor is it told whose an address is …
        of_contact(ContactRecord {
            contact_id: Some(contact_id(2)),
            email: set("ann1@example.org"),
            ..contact(2)
        }),
        // … and nothing else that depends on who is there.
        of_contact(ContactRecord { email: set("ann"), ..contact(1) }),
    ];
    let expected = [forbidden; 6];
    assert_eq!(ingest_as(&smaller, records.clone()).await.unwrap(), expected);
    let expected = [
        "updated",
        "updated",
        "updated",
        "updated",
        "refused EmailTaken email",
        "refused InvalidField email",
    ];
    assert_eq!(ingest_as(&larger, records).await.unwrap(), expected);
    // The operator of the installation may.
    assert_eq!(ingest(&org, vec![of_contact(contact(3))]).await, ["created"]);
}

#[tokio::test]
async fn a_member_who_loses_a_role_by_a_record_loses_it_at_once() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut record = user(1);
    record.role_name = Some("DefaultAdministratorRole".to_owned());
    assert_eq!(ingest(&org, vec![of_user(record.clone())]).await, ["created"]);
    let id = user_id(1).as_member().to_string();
    let caller = org.sign_in(&org.first_key(), &id).await;
    caller.get("/organization/api_key/").await.expect(200);
    record.role_name = Some("DefaultUserRole".to_owned());
    assert_eq!(ingest(&org, vec![of_user(record.clone())]).await, ["updated"]);
    let keys = caller.get("/organization/api_key/").await;
    assert!(keys.status == 403 || keys.json()["api_keys"] == json!([]), "{keys}");
    record.is_verified = Some(false);
    assert_eq!(ingest(&org, vec![of_user(record)]).await, ["updated"]);
    assert_eq!(caller.get("/user/").await.status, 403);
}
