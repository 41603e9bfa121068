//! Accounts that come with records.

use denizen_directory::DirectorySettings;
use denizen_domain::patch::Patch;
use denizen_store::linked_accounts::{LinkedAccount, Provider};
use denizen_testkit::{TestServer, TestSettings};

use super::records::{ingest, ingest_as, of_user, user};

#[tokio::test]
async fn records_link_accounts_in_listed_organizations_only_whoever_sends_them() {
    let directory = DirectorySettings {
        account_organizations: Some(["acme".to_owned()].into()),
        ..DirectorySettings::default()
    };
    let server = TestServer::with(TestSettings { directory, ..TestSettings::default() }).await;
    let with = |account: Patch<&str>| {
        let mut record = user(1);
        record.google_account = match account {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(id) => Patch::Set(LinkedAccount {
                provider: Provider::Google,
                tenant: None,
                account_id: id.to_owned(),
            }),
        };
        of_user(record)
    };
    let records =
        || vec![with(Patch::Set("a")), with(Patch::Keep), with(Patch::Set("a")), with(Patch::Clear)];
    let [acme, globex] = [server.org("acme").await, server.org("globex").await];
    assert_eq!(ingest(&acme, records()).await, ["created", "unchanged", "unchanged", "updated"]);
    let refused = "refused Forbidden google_account";
    let expected = [refused, "created", refused, "unchanged"];
    assert_eq!(ingest(&globex, records()).await, expected);
    let admin = globex.caller("DefaultAdministratorRole").await;
    let expected = [refused, "unchanged", refused, "unchanged"];
    assert_eq!(ingest_as(&admin, records()).await.unwrap(), expected);
}
