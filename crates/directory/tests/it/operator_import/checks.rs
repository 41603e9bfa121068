//! Each check, and what rows of one e-mail come to.

use denizen_directory::operators::Welcome;
use denizen_domain::operator::{Access, MailLanguage};
use denizen_store::jobs;

use super::*;

#[tokio::test]
async fn each_of_the_nineteen_checks_is_told_in_its_words_and_in_the_order_of_the_file() {
    let team = Team::new().await;
    team.import(&format!("{HEADER}old@x.org;Old;;admin;Abcde1\n")).await;
    let (t, a, g) = (TEST, ALPHA, GAMMA);
    let rows = [
        (";N;;admin;Abcde1".to_owned(), "Line 2: the email is required"),
        ("no-address;N;;admin;Abcde1".to_owned(), "The email is not valid"),
        ("c3@x.org;N;;admin;Abcde1;;;;more".to_owned(), "The line has too many columns"),
        ("c4@x.org;;;admin;Abcde1".to_owned(), "The name is required"),
        ("c5@x.org;N;;;Abcde1".to_owned(), "The role is required"),
        (
            "c6@x.org;N;;owner;Abcde1".to_owned(),
            "The role must be one of ADMIN, SUPERVISOR, EDITOR or VIEWER",
        ),
        ("c7@x.org;N;;admin;".to_owned(), "The password is required"),
        ("c8@x.org;N;;admin;abcde1".to_owned(), "The password does not meet the password policy"),
        ("c9@x.org;N;;viewer;Abcde1".to_owned(), "The environmentUuid is required for this role"),
        (format!("c10@x.org;N;;viewer;Abcde1;{t}"), "The environmentName is required for this role"),
        (format!("c11@x.org;N;;editor;Abcde1;{t};Test"), "The bot is required for this role"),
        (
            format!("c12@x.org;N;;editor;Abcde1;{OFF};Off;{a}"),
            "The environment does not exist or is not active",
        ),
        (
            format!("c13@x.org;N;;editor;Abcde1;{t};test;{a}"),
            "The environmentName does not match the environmentUuid",
        ),
        (
            format!("c14@x.org;N;;supervisor;Abcde1;{t};Test;{OFF_BOT}"),
            "The bot does not exist or is not active",
        ),
        (format!("c15@x.org;N;;viewer;Abcde1;{t};Test;{g}"), "The bot does not belong to the environment"),
        (
            format!("c16@x.org;N;;viewer;Abcde1;{t};Test;{a}\nc16@x.org;M;;admin"),
            "A user may have only one role",
        ),
        ("c17@x.org;N;;admin;Abcde1\nc17@x.org;M;;admin".to_owned(), "The lines of this user do not agree"),
        (
            "c18@x.org;N;;admin;Abcde1\nC18@x.org".to_owned() + ";N;;ADMIN;Abcde1",
            "The email is repeated in the file",
        ),
        ("OLD@x.org;N;;admin;Abcde1".to_owned(), "The email is already in use"),
    ];
    let text = rows.each_ref().map(|(row, _)| format!("{row}\n")).concat();
    let expected: Vec<String> = rows
        .iter()
        .map(|(row, message)| {
            let email = row.split(';').next().unwrap();
            // The repeated row is the one that is told of.
            let email = if email == "c18@x.org" { "C18@x.org" } else { email };
            format!("{email}: {message}")
        })
        .collect();
    let text = format!("{HEADER}{text}");
    assert_eq!(team.dry_run(&text).await, (1, expected.clone()));
    assert_eq!(team.operators().await.len(), 1, "a dry run makes nobody");
    assert_eq!(team.import(&text).await, (1, expected));
    assert_eq!(team.operators().await.len(), 2);
}

/// What comes first in the order of the checks is told, not what comes first in the file.
#[tokio::test]
async fn of_several_breaches_the_first_check_is_told() {
    let team = Team::new().await;
    let (t, a, g) = (TEST, ALPHA, GAMMA);
    for (rows, message) in [
        (
            format!("a@x.org;N;;editor;Abcde1;{t};Test;{g}\na@x.org;N;;editor;;{t};Other;{a}"),
            "The environmentName",
        ),
        (format!("a@x.org;N;;editor;Abcde1;{t};Test;{g}\na@x.org;N;;admin"), "The bot does not belong"),
        (format!("a@x.org;N;;editor;Abcde1;{t};Test;{g}\na@x.org;N;;owner"), "The role must be"),
        (format!("a@x.org;N;;editor;Abcde1;nonsense;Test;{g}"), "The environment does not exist"),
        (format!("a@x.org;N;;editor;Abcde1;{t};Test;nonsense"), "The bot does not exist"),
    ] {
        let (created, told) = team.import(&format!("{rows}\n")).await;
        assert_eq!(created, 0);
        assert!(told.len() == 1 && told[0].contains(message), "{told:?} {message}");
    }
}

#[tokio::test]
async fn an_operator_of_several_rows_reaches_all_that_they_name_and_signs_in_with_the_password() {
    let team = Team::new().await;
    let text = format!(
        "BOT,Password,role,name,email,environmentname,environmentuuid,company\r\n\
         {ALPHA}, Abcde1 ,editor,Ada,Ada@X.org,Test,{TEST},\"Acme, Ltd\"\r\n\
         {},,EDITOR,,ada@x.org,Test,{},\r\n{GAMMA},,Editor,Ada,ada@x.org,'=Live,{LIVE},\r\n",
        BETA.to_string().to_uppercase(),
        TEST.to_string().to_uppercase()
    );
    assert_eq!(team.import(&text).await, (1, vec![]));
    let [ada] = team.operators().await.try_into().unwrap();
    let id = ada.operator.user_id;
    assert_eq!(
        (ada.operator.email.as_str(), ada.operator.company.as_deref()),
        ("Ada@X.org", Some("Acme, Ltd"))
    );
    let read = move |conn: &denizen_store::Conn<'_>| {
        let hash = denizen_store::operators::find_credentials(conn, id)?.unwrap().password_hash;
        Ok::<_, denizen_store::StoreError>((denizen_store::operators::find(conn, id)?.unwrap(), hash))
    };
    let (stored, hash) = team.server.store().read(team.org.key_in_store().await, read).await.unwrap();
    let Access::Environments { environments, .. } = stored.access else { panic!("no administrator") };
    let reached: Vec<(Uuid, Vec<Uuid>)> =
        environments.into_iter().map(|(id, bots)| (id, bots.into_iter().collect())).collect();
    assert_eq!(reached, [(TEST, vec![ALPHA, BETA]), (LIVE, vec![GAMMA])]);
    // Nothing is trimmed off a password.
    let passwords = team.server.directory().passwords();
    assert!(passwords.compare(" Abcde1 ".to_owned(), hash.clone()).await.unwrap().is_right);
    assert!(!passwords.compare("Abcde1".to_owned(), hash).await.unwrap().is_right);
}

#[tokio::test]
async fn each_new_operator_is_written_to_once_in_the_language_and_nobody_without_one() {
    let team = Team::new().await;
    let jobs = async || {
        let read = |conn: &denizen_store::Conn<'_>| jobs::list(conn, 100);
        let all = team.server.store().read(team.org.key_in_store().await, read).await.unwrap();
        all.into_iter().filter(|job| job.kind == "mail.operator").count()
    };
    let file = |from: usize| -> String {
        (from..from + 3).map(|n| format!("u{n}@x.org;N;;admin;Abcde1\n")).collect::<Vec<_>>().concat()
            + "bad\n"
    };
    let mailed = ImportPlan { welcome: Welcome::Mail(MailLanguage::Spanish), ..plan() };
    team.run(&file(0), &ImportPlan { is_dry_run: true, ..mailed.clone() }, &mut Log::default())
        .await
        .unwrap();
    team.import(&file(10)).await;
    assert_eq!(jobs().await, 0);
    team.run(&file(0), &mailed, &mut Log::default()).await.unwrap();
    assert_eq!(jobs().await, 3);
}
