//! Many callers at once who want the same: one gets it, the others are told that it is taken, and nothing else happens.

use denizen_directory::ErrorCode;
use denizen_directory::operators::{NewOperator, Welcome};
use denizen_domain::operator::MailLanguage;
use tokio::task::JoinSet;

use super::{PASSWORD, Team, admin, plain, refusal};

const CALLERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_make_an_operator_with_the_same_address_at_once_one_does() {
    let team = Team::new().await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (directory, ctx) = (team.server.directory().clone(), team.ctx.clone());
        let email = if caller % 2 == 0 { "ann@example.org" } else { "ANN@Example.org" };
        // Some take longer on their way.
        let password = (caller % 4 == 0).then(|| PASSWORD.to_owned());
        let new = NewOperator { name: format!("Caller {caller}"), password, ..admin(email) };
        let welcome = Welcome::Mail(MailLanguage::English);
        callers.spawn(async move { directory.create_operator(&ctx, new, welcome).await });
    }
    let (made, refused): (Vec<_>, Vec<_>) = callers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (1, CALLERS - 1));
    for outcome in refused {
        assert_eq!(refusal(outcome), plain(ErrorCode::EmailTaken));
    }
    assert_eq!(team.server.run_jobs().await.len(), 1, "one is written to");
    team.server.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_use_a_link_at_once_one_sets_the_password() {
    let team = Team::new().await;
    let directory = team.server.directory();
    directory
        .create_operator(&team.ctx, admin("ann@example.org"), Welcome::Mail(MailLanguage::English))
        .await
        .unwrap();
    let secret = super::mailing::secret_of(&team.server.run_jobs().await[0]);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (directory, secret) = (directory.clone(), secret.clone());
        callers.spawn(async move {
            let password = format!("Passw0rd-{caller}");
            let used = directory.use_operator_link("acme", &secret, password.clone(), &password).await;
            used.map(|()| password)
        });
    }
    let (set, refused): (Vec<_>, Vec<_>) = callers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((set.len(), refused.len()), (1, CALLERS - 1));
    for outcome in refused {
        // Who comes when as many wait as there may be is told so.
        let (code, _) = refusal(outcome);
        assert!(matches!(code, ErrorCode::LinkNotFound | ErrorCode::Busy), "{code:?}");
    }
    let password = set.into_iter().next().unwrap().unwrap();
    team.context_of(&team.token("ann@example.org", &password).await.unwrap()).await.unwrap();
}
