//! The contacts of the Dixa dialect: most of them in one organization, made by bulk calls over HTTP; then read by turns
//! with the static answer, and written likewise into a copy of the data, which grows with the run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Plan;
use crate::bare::{Bare, Servers};
use crate::data::{self, Rng, person};
use crate::load::{self, Writing};
use crate::postgres::in_a_copy;
use crate::reads::{Kind, Read, VARIED, by_turns};
use crate::server::Server;

/// Contacts of one call, as many as it may bring.
const BULK: usize = 1_000;
/// Other organizations, and the contacts that they have together.
const OTHERS: usize = 9;
pub(crate) const ELSEWHERE: usize = OTHERS * BULK;
/// Of every so many contacts one is known by its id afterwards.
const KNOWN: usize = 20;
const WRITE_ROUNDS: usize = 5;

/// What is known of the data.
#[derive(Default, Serialize, Deserialize)]
struct Made {
    contacts: usize,
    /// Of the large organization.
    token: String,
    /// Numbers and ids of some of its contacts.
    known: Vec<(usize, String)>,
}

pub(crate) struct Contacts {
    /// The data folder of the server.
    folder: PathBuf,
    made: Made,
    /// The URL of the database, unless it is SQLite's.
    store: Option<String>,
}

/// Takes the data that lies in `folder` or in the database of `servers`, or makes it.
pub(crate) fn prepare(
    program: &Path,
    folder: &Path,
    contacts: usize,
    servers: Option<&Servers>,
) -> anyhow::Result<Contacts> {
    let (server, known) = (folder.join("data"), folder.join("contacts.json"));
    let store = servers.map(|servers| servers.store.clone());
    if let Ok(found) = fs::read(&known) {
        let made: Made = serde_json::from_slice(&found)?;
        if made.contacts == contacts {
            return Ok(Contacts { folder: server, made, store });
        }
    }
    println!("making {contacts} contacts, known in {}", folder.display());
    if server.exists() {
        fs::remove_dir_all(&server)?;
    }
    fs::create_dir_all(&server)?;
    let mut data = Contacts { folder: server, made: Made { contacts, ..Made::default() }, store };
    let started = Instant::now();
    match servers {
        None => fill(program, &mut data)?,
        Some(servers) => {
            let bare = Bare::open(&servers.bare)?;
            fill(program, &mut data)?;
            bare.batch("VACUUM ANALYZE")?;
        }
    }
    println!("made in {:.0} s", started.elapsed().as_secs_f64());
    // Last: data that was interrupted is not mistaken for whole.
    fs::write(&known, serde_json::to_vec(&data.made)?)?;
    Ok(data)
}

fn fill(program: &Path, data: &mut Contacts) -> anyhow::Result<()> {
    let mut tokens = Vec::new();
    for rank in 0..=OTHERS {
        let variables = data.store.iter().map(|url| ("DENIZEN_STORE", url.as_str())).collect();
        let organization = data::create_organization(program, &data.folder, variables, rank)?;
        tokens.push(organization.dixa_token.context("an organization without a token")?);
    }
    let mut calls = vec![(0, 0..data.made.contacts)];
    calls.extend((1..=OTHERS).map(|rank| (rank, 0..BULK)));
    let mut calls = calls.into_iter().flat_map(|(rank, numbers)| {
        numbers.clone().step_by(BULK).map(move |first| (rank, first..(first + BULK).min(numbers.end)))
    });
    let calls = Mutex::new(&mut calls);
    let known = Mutex::new(Vec::new());
    let server = data.serve(program)?;
    // Two at a time: one is put together while the other is written.
    let work = || loop {
        let next = calls.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((rank, numbers)) = next else { return anyhow::Ok(()) };
        let items: Vec<Value> = numbers.clone().map(|number| contact(rank, number)).collect();
        let headers = [("authorization", &*tokens[rank])];
        let body = json!({ "data": items });
        let (status, answer) = server.call("POST", "/v1/endusers/bulk", &headers, &body)?;
        ensure!(status == 201, "a bulk call: {status} {answer}");
        for (number, outcome) in numbers.zip(answer["data"].as_array().context("outcomes")?) {
            let id = outcome["data"]["id"].as_str().with_context(|| format!("a contact: {outcome}"))?;
            if rank == 0 && number.is_multiple_of(KNOWN) {
                known.lock().unwrap_or_else(PoisonError::into_inner).push((number, id.to_owned()));
            }
        }
    };
    std::thread::scope(|scope| {
        let filling = [scope.spawn(work), scope.spawn(work)];
        filling
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread that fills panicked"))?)
    })?;
    server.stop()?;
    data.made.token.clone_from(&tokens[0]);
    data.made.known = known.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(())
}

fn email(rank: usize, number: usize) -> String {
    person(rank, number).email
}

fn contact(rank: usize, number: usize) -> Value {
    let person = person(rank, number);
    json!({
        "displayName": format!("{} {}", person.first_name, person.last_name),
        "firstName": person.first_name,
        "lastName": person.last_name,
        "email": email(rank, number),
        "phoneNumber": format!("+49{number:010}"),
        "externalId": format!("#{number}"),
    })
}

impl Contacts {
    fn serve(&self, program: &Path) -> anyhow::Result<Server> {
        let variables: Vec<_> = self.store.iter().map(|url| ("DENIZEN_STORE", url.as_str())).collect();
        Server::start(program, &self.folder, &variables)
    }

    /// Writes a file of requests with the large organization's token.
    fn requests(&self, name: &str, paths: impl Iterator<Item = String>) -> anyhow::Result<PathBuf> {
        let file = self.folder.join(format!("requests-{name}"));
        let lines: Vec<String> = paths.map(|path| format!("{path}\t{}", self.made.token)).collect();
        fs::write(&file, lines.join("\n"))?;
        Ok(file)
    }

    /// The keys of pages that begin a thousand contacts apart, as the server gives them out.
    fn keys(&self, server: &Server) -> anyhow::Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut path = "/v1/endusers?pageLimit=1000".to_owned();
        loop {
            let headers = [("authorization", &*self.made.token)];
            let (status, page) = server.call("GET", &path, &headers, &Value::Null)?;
            ensure!(status == 200, "a page: {status} {page}");
            let Some(next) = page["meta"]["next"].as_str() else { return Ok(keys) };
            let (_, key) = next.split_once("pageKey=").context("a key")?;
            path = format!("/v1/endusers?pageKey={key}");
            keys.push(key.to_owned());
        }
    }
}

/// The static answer first; then what is read, and after the static answer to one caller what is written.
pub(crate) fn measure(
    program: &Path,
    data: &Contacts,
    servers: Option<&Servers>,
    plan: &Plan,
) -> anyhow::Result<Vec<Read>> {
    let mut measured = read(program, data, plan)?;
    let folder = data.folder.with_file_name("data-written");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    measured.extend(if let Some(servers) = servers {
        in_a_copy(servers, |written| {
            write(Server::start(program, &folder, &[("DENIZEN_STORE", &written.store)])?, data, plan)
        })?
    } else {
        let copy = folder.join("denizen.db");
        fs::copy(data.folder.join("denizen.db"), &copy)?;
        // The copy's own way to the disk must not be charged to the server.
        fs::File::open(&copy)?.sync_all()?;
        write(Server::start(program, &folder, &[])?, data, plan)?
    });
    fs::remove_dir_all(&folder)?;
    Ok(measured)
}

fn read(program: &Path, data: &Contacts, plan: &Plan) -> anyhow::Result<Vec<Read>> {
    let server = data.serve(program)?;
    let keys = data.keys(&server)?;
    let mut rng = Rng(11);
    let known = &data.made.known;
    let by_id = |rng: &mut Rng| format!("/v1/endusers/{}", rng.pick(known).1);
    let get = data.requests("get", (0..VARIED).map(|_| by_id(&mut rng)))?;
    // As long as the others, so that the client's work is the same.
    let fixed = data.requests("static", (0..VARIED).map(|_| format!("/livez?{}", by_id(&mut rng))))?;
    let list = (0..VARIED).map(|_| format!("/v1/endusers?pageLimit=100&pageKey={}", rng.pick(&keys)));
    let list = data.requests("list", list)?;
    let mut rng = Rng(12);
    let mut any = || rng.below(data.made.contacts);
    let by_email = (0..VARIED).map(|_| {
        let email = email(0, any()).to_uppercase();
        format!("/v1/endusers?email={email}")
    });
    let by_email = data.requests("email", by_email)?;
    let by_phone =
        data.requests("phone", (0..VARIED).map(|_| format!("/v1/endusers?phone=%2B49{:010}", any())))?;
    let kinds: [Kind; 4] = [
        ("get by id", get),
        ("list filtered by e-mail", by_email),
        ("list filtered by phone number", by_phone),
        ("list of 100, from anywhere", list),
    ];
    let reads = by_turns(&server, &fixed, &kinds, plan)?;
    server.stop()?;
    Ok(reads)
}

/// Creations and patches by all connections; bulk calls by one, beside the static answer to one.
fn write(server: Server, data: &Contacts, plan: &Plan) -> anyhow::Result<Vec<Read>> {
    let mut rng = Rng(13);
    let by_id = (0..VARIED).map(|_| format!("/v1/endusers/{}", rng.pick(&data.made.known).1));
    let patch = data.requests("patch", by_id)?;
    let create = data.requests("create", std::iter::once("/v1/endusers".to_owned()))?;
    let bulk = data.requests("bulk", std::iter::once("/v1/endusers/bulk".to_owned()))?;
    let fixed = data.folder.join("requests-static");
    let mut measured = [
        Read::new("create"),
        Read::new("patch of an external id"),
        Read::new("patch of a name, by which contacts are searched"),
        Read::new("static answer, one caller"),
        Read::new("bulk call that creates 1,000, one caller"),
    ];
    let kinds = [(&create, "contact"), (&patch, "patch"), (&patch, "rename")];
    let second = Duration::from_secs(1);
    for (file, kind) in kinds.into_iter().chain([(&bulk, "contacts")]) {
        let stamp = if kind == "contact" { "w1" } else { "w2" };
        load::run(&server, file, second, 0, Some(Writing { kind, stamp }))?;
    }
    for round in 0..WRITE_ROUNDS {
        let mut before = load::run(&server, &fixed, plan.read_time, 0, None)?;
        for (at, (file, kind)) in kinds.into_iter().enumerate() {
            let stamp = format!("r3{round}");
            let begin = round * VARIED / WRITE_ROUNDS;
            let run =
                load::run(&server, file, plan.write_time, begin, Some(Writing { kind, stamp: &stamp }))?;
            let after = load::run(&server, &fixed, plan.read_time, 0, None)?;
            measured[at].push(run, &before, &after);
            before = after;
        }
        let alone = |time| load::run_over(&server, 1, &fixed, time, 0, None);
        let before = alone(second)?;
        let stamp = format!("r4{round}");
        let write = Some(Writing { kind: "contacts", stamp: &stamp });
        let run = load::run_over(&server, 1, &bulk, plan.write_time, 0, write)?;
        let after = alone(second)?;
        measured[3].push(after, &before, &before);
        measured[4].push(run, &before, &after);
    }
    server.stop()?;
    Ok(measured.into())
}
