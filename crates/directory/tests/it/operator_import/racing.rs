//! What changes while an import is under way.

use denizen_directory::ErrorCode;
use denizen_directory::operators::AccessInput;
use denizen_directory::operators::NewOperator;

use super::*;

/// Does something once, when the batch has been looked at and is about to be written: that is when failures are marked.
struct Meddling<F> {
    log: Log,
    meddle: Option<F>,
}

impl<F: FnOnce() + Send> FailureLog for Meddling<F> {
    fn mark(&mut self) -> io::Result<()> {
        if let Some(meddle) = self.meddle.take() {
            meddle();
        }
        self.log.mark()
    }

    fn note(&mut self, failure: &Failure<'_>) -> io::Result<()> {
        self.log.note(failure)
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.log.take_back()
    }

    fn keep(&mut self) -> io::Result<u64> {
        self.log.keep()
    }
}

/// Runs a future in another thread to its end.
fn apart(work: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    })
    .join()
    .unwrap();
}

fn admin(email: &str) -> NewOperator {
    NewOperator {
        name: "Other".to_owned(),
        email: email.to_owned(),
        company: None,
        image: None,
        access: AccessInput { is_admin: true, environments: Vec::new() },
        password: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_a_race_for_an_address_is_told_in_the_order_of_the_file() {
    let team = Team::new().await;
    let text = format!(
        "a@x.org;A;;admin;weak\nb@x.org;B;;admin;Abcde1\nc@x.org;C;;viewer;Abcde1;{TEST};Test;{ALPHA}\n\
         d@x.org;D;;admin;weak\ne@x.org;E;;admin;Abcde1\n"
    );
    let (server, directory) = (team.server.clone(), team.server.directory().clone());
    let org = team.org.key_in_store().await;
    let meddle = move || {
        apart(async move {
            directory.create_operator_for("acme", admin("B@x.org"), Welcome::Silent).await.unwrap();
            let now = directory.now();
            let name = "Test".to_owned();
            let off = Environment {
                environment_id: TEST,
                name,
                is_active: false,
                created_at: now,
                updated_at: now,
            };
            let put = move |tx: &denizen_store::Tx<'_>| environments::put(tx, &off);
            server.store().write(org, put).await.unwrap();
        });
    };
    let mut log = Meddling { log: Log::default(), meddle: Some(meddle) };
    let entries = team.entries(&text);
    let done =
        team.server.directory().import_operators(&team.by, entries, &plan(), &mut log, &mut |_| {}).await;
    assert_eq!(done.unwrap().created, 1);
    assert_eq!(
        log.log.lines,
        [
            "a@x.org: The password does not meet the password policy",
            "b@x.org: The email is already in use",
            "c@x.org: The environment does not exist or is not active",
            "d@x.org: The password does not meet the password policy",
        ]
    );
    let emails: Vec<String> = team.operators().await.into_iter().map(|view| view.operator.email).collect();
    assert_eq!(emails, ["B@x.org", "e@x.org"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_import_the_same_file_at_once_each_operator_is_made_once() {
    let team = Team::new().await;
    let rows: Vec<String> = (0..600).map(|n| format!("u{n}@x.org;N;;admin;Abcde1\n")).collect();
    let text = rows.concat();
    let (mut one, mut two) = (Log::default(), Log::default());
    let plan = plan();
    let (first, second) = tokio::join!(team.run(&text, &plan, &mut one), team.run(&text, &plan, &mut two));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.created + second.created, 600);
    assert_eq!(first.failed + second.failed, 600);
    assert!(one.lines.iter().chain(&two.lines).all(|line| line.ends_with("already in use")));
    assert_eq!(team.operators().await.len(), 600);
}

#[tokio::test]
async fn an_administrator_who_is_one_no_more_ends_the_import() {
    let team = Team::new().await;
    let directory = team.server.directory();
    let made = directory.create_operator_for("acme", admin("boss@x.org"), Welcome::Silent).await.unwrap();
    directory.set_operator_password_of("acme", "boss@x.org", "Abcde1".to_owned()).await.unwrap();
    let sign_in = denizen_directory::operator_sessions::SignIn {
        realm: "acme".to_owned(),
        user_name: "boss@x.org".to_owned(),
        password: "Abcde1".to_owned(),
        client_id: "eva-cockpit".to_owned(),
        scope: None,
        address: None,
        issuer: "http://127.0.0.1:8080/auth/realms/acme".to_owned(),
    };
    let token = directory.sign_in_operator(sign_in).await.unwrap().access_token;
    let caller = directory.authenticate_operator(&token).await.unwrap();
    let ctx = directory.context(&caller, &std::sync::Arc::from("test")).await.unwrap();
    let by = Importer::caller(&ctx).unwrap();
    let program = team.org.access_token(denizen_directory::organizations::ADMINISTRATOR_ROLE).await;
    directory.delete_operator(&program.context().await, made.operator.id()).await.unwrap();
    let entries = team.entries("a@x.org;A;;admin;Abcde1\n");
    let mut log = Log::default();
    let ended = directory.import_operators(&by, entries, &plan(), &mut log, &mut |_| {}).await;
    let Err(ImportError::Directory(error)) = ended else { panic!("{ended:?}") };
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert_eq!(team.operators().await.len(), 0);
}
