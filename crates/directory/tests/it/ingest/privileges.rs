//! Taking records in is no way up.

use denizen_directory::ErrorCode;
use denizen_directory::ingest::Record;
use denizen_domain::ids::UserId;
use denizen_domain::patch::Patch;
use denizen_domain::text::Email;
use denizen_store::linked_accounts::{LinkedAccount, Provider};
use denizen_testkit::TestServer;
use serde_json::json;

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
        record.role_name = role.to_owned();
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
    record.role_name = role;
    assert_eq!(ingest_as(&caller, vec![of_user(record.clone())]).await.unwrap(), ["created"]);
    let account = LinkedAccount { provider: Provider::Google, tenant: None, account_id: "abc".to_owned() };
    for change in [Patch::Set(account), Patch::Clear] {
        let record = denizen_directory::ingest::UserRecord { google_account: change, ..record.clone() };
        let refused = ingest_as(&caller, vec![of_user(record)]).await.unwrap();
        assert_eq!(refused, ["refused Forbidden google_account"]);
    }
}

#[tokio::test]
async fn a_member_who_loses_a_role_by_a_record_loses_it_at_once() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let mut record = user(1);
    record.role_name = "DefaultAdministratorRole".to_owned();
    assert_eq!(ingest(&org, vec![of_user(record.clone())]).await, ["created"]);
    let id = user_id(1).as_member().to_string();
    let caller = org.sign_in(&org.first_key(), &id).await;
    caller.get("/organization/api_key/").await.expect(200);
    record.role_name = "DefaultUserRole".to_owned();
    assert_eq!(ingest(&org, vec![of_user(record.clone())]).await, ["updated"]);
    let keys = caller.get("/organization/api_key/").await;
    assert!(keys.status == 403 || keys.json()["api_keys"] == json!([]), "{keys}");
    record.is_verified = false;
    assert_eq!(ingest(&org, vec![of_user(record)]).await, ["updated"]);
    assert_eq!(caller.get("/user/").await.status, 403);
}
