//! Load over LDAP. `wrk` speaks HTTP only, and no load generator for LDAP is packaged, so this is one: connections with one
//! operation each on its way, all on one thread, messages put together beforehand and answers cut apart as far as their
//! kind and result (RFC 4511, RFC 2696). What it costs beside the server is measured with it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Measured;
use super::population::new_person;
use super::process::Running;

const BASE: &str = "ou=people,dc=example,dc=org";
const ADMINISTRATOR: &str = "uid=admin,dc=example,dc=org";
const PASSWORD: &str = "secret";
const PAGED: &str = "1.2.840.113556.1.4.319";
const PAGE: usize = 100;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const TEXT: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const CONTROLS: u8 = 0xa0;
const BIND: u8 = 0x60;
const SEARCH: u8 = 0x63;
const ADD: u8 = 0x68;
const ENTRY: u8 = 0x64;

/// What one connection asks for again and again.
#[derive(Clone)]
pub(super) enum Asked {
    /// Entries by their names.
    Get(Vec<String>),
    /// The first page, each time.
    First,
    /// Page after page, from behind so many entries on.
    Deep(usize),
    /// Entries whose full name contains something; whether there are any.
    Search(Vec<String>, bool),
    /// New entries, whose addresses contain this word.
    Add(String),
}

impl Asked {
    /// The same, with another word for addresses.
    pub(super) fn with_stamp(self, stamp: &str) -> Self {
        match self {
            Self::Add(_) => Self::Add(stamp.to_owned()),
            other => other,
        }
    }
}

/// Asks over so many connections for `time`.
pub(super) fn run(
    server: &Running,
    asked: &Asked,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut ready = Vec::new();
        for place in 0..connections {
            let mut connection = Connection::open(server.port).await?;
            connection.cookie = connection.skip(asked).await?;
            ready.push((place, connection));
        }
        let (before, own) = (server.cpu_seconds()?, own_seconds()?);
        let started = Instant::now();
        let mut at_work = JoinSet::new();
        for (place, connection) in ready {
            at_work.spawn(connection.ask(asked.clone(), place * 997, started + time));
        }
        let mut micros = Vec::new();
        while let Some(done) = at_work.join_next().await {
            micros.extend(done??);
        }
        let seconds = started.elapsed().as_secs_f64();
        let (cpu, own) = (server.cpu_seconds()? - before, own_seconds()? - own);
        micros.sort_unstable();
        let count = micros.len();
        ensure!(count > 0, "nothing was answered");
        eprintln!("    (the client took {:.1} µs of processor for each)", own / count as f64 * 1e6);
        let at = |percent: usize| f64::from(micros[(count - 1) * percent / 100]) / 1e3;
        Ok(Measured {
            connections,
            per_second: count as f64 / seconds,
            p50: at(50),
            p99: at(99),
            cpu: cpu / count as f64 * 1e6,
        })
    })
}

/// Whether a get of this name is answered, with an entry.
pub(super) fn answers(port: u16, name: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(port).await?;
        let answer = connection.call(&by_name(name), &[]).await?;
        ensure!(answer.entries == 1, "{} entries of one name", answer.entries);
        Ok(())
    })
}

pub(super) fn name_of(id: &str) -> String {
    format!("uid={id},{BASE}")
}

struct Connection {
    stream: BufReader<TcpStream>,
    number: u32,
    /// Where the pages go on.
    cookie: Vec<u8>,
    content: Vec<u8>,
}

struct Answer {
    entries: usize,
    cookie: Vec<u8>,
}

impl Connection {
    /// Connects and binds, once and for all.
    async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(64 << 10, stream);
        let mut connection = Self { stream, number: 0, cookie: Vec::new(), content: Vec::new() };
        let bind = [
            element(INTEGER, &[3]),
            element(TEXT, ADMINISTRATOR.as_bytes()),
            element(0x80, PASSWORD.as_bytes()),
        ];
        connection.call(&element(BIND, &bind.concat()), &[]).await?;
        Ok(connection)
    }

    /// Passes over the entries before the pages that are asked for, without their contents.
    async fn skip(&mut self, asked: &Asked) -> anyhow::Result<Vec<u8>> {
        let Asked::Deep(entries) = asked else { return Ok(Vec::new()) };
        let search = search(BASE, 1, &present(), &["1.1"]);
        Ok(self.call(&search, &paged(*entries, &[])).await?.cookie)
    }

    /// Asks until the time is over; how long each answer took, in microseconds.
    async fn ask(mut self, asked: Asked, begin: usize, end: Instant) -> anyhow::Result<Vec<u32>> {
        let everyone = search(BASE, 1, &present(), &[]);
        let mut micros = Vec::new();
        for at in begin.. {
            if matches!(asked, Asked::Deep(_)) && self.cookie.is_empty() {
                self.cookie = self.skip(&asked).await?;
            }
            let (request, controls) = match &asked {
                Asked::Get(names) => (by_name(&names[at % names.len()]), Vec::new()),
                Asked::First => (everyone.clone(), paged(PAGE, &[])),
                Asked::Deep(_) => (everyone.clone(), paged(PAGE, &self.cookie)),
                Asked::Search(needles, _) => {
                    (search(BASE, 1, &contains("cn", &needles[at % needles.len()]), &[]), Vec::new())
                }
                Asked::Add(stamp) => (add(&format!("{stamp}x{begin}x{at}"), at), Vec::new()),
            };
            let started = Instant::now();
            let answer = self.call(&request, &controls).await?;
            micros.push(u32::try_from(started.elapsed().as_micros())?);
            let is_right = match &asked {
                Asked::Get(_) => answer.entries == 1,
                Asked::First => answer.entries == PAGE,
                Asked::Deep(_) => answer.entries == PAGE || answer.cookie.is_empty(),
                Asked::Search(_, is_hit) => (answer.entries > 0) == *is_hit,
                Asked::Add(_) => answer.entries == 0,
            };
            ensure!(is_right, "an answer with {} entries", answer.entries);
            self.cookie = answer.cookie;
            if Instant::now() >= end {
                break;
            }
        }
        Ok(micros)
    }

    /// Sends one operation, and reads until its result.
    async fn call(&mut self, operation: &[u8], controls: &[u8]) -> anyhow::Result<Answer> {
        self.number += 1;
        let number = integer(self.number);
        let message = element(SEQUENCE, &[&number, operation, controls].concat());
        self.stream.get_mut().write_all(&message).await?;
        let mut entries = 0;
        loop {
            self.read_message().await?;
            let mut rest = &self.content[..];
            let (_, number) = take(&mut rest)?;
            let number = number.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            ensure!(number == self.number, "the answer to another question");
            let (kind, mut result) = take(&mut rest)?;
            if kind == ENTRY {
                entries += 1;
                continue;
            }
            let (_, code) = take(&mut result)?;
            ensure!(code == [0], "LDAP result {code:?}: {}", String::from_utf8_lossy(result));
            let cookie = if rest.first() == Some(&CONTROLS) { cookie(rest)? } else { Vec::new() };
            return Ok(Answer { entries, cookie });
        }
    }

    async fn read_message(&mut self) -> anyhow::Result<()> {
        let tag = self.stream.read_u8().await?;
        ensure!(tag == SEQUENCE, "no LDAP message");
        let mut length = usize::from(self.stream.read_u8().await?);
        if length >= 0x80 {
            let bytes = length & 0x7f;
            length = 0;
            for _ in 0..bytes {
                length = length << 8 | usize::from(self.stream.read_u8().await?);
            }
        }
        self.content.resize(length, 0);
        self.stream.read_exact(&mut self.content).await?;
        Ok(())
    }
}

/// Processor time of this process so far, in seconds.
fn own_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/schedstat")?;
    let nanos: f64 = stat.split_whitespace().next().context("/proc/self/schedstat")?.parse()?;
    Ok(nanos / 1e9)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut made = vec![tag];
    if let (Ok(length), true) = (u8::try_from(content.len()), content.len() < 0x80) {
        made.push(length);
    } else {
        made.push(0x84);
        made.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    }
    made.extend(content);
    made
}

/// In as few bytes as its sign allows.
fn integer(number: u32) -> Vec<u8> {
    let bytes = i64::from(number).to_be_bytes();
    let needless = bytes.windows(2).take_while(|two| two[0] == 0 && two[1] < 0x80).count();
    element(INTEGER, &bytes[needless..])
}

/// The next element: its tag and its content.
fn take<'a>(rest: &mut &'a [u8]) -> anyhow::Result<(u8, &'a [u8])> {
    let [tag, length, after @ ..] = *rest else { bail!("an answer that ends too early") };
    let (mut length, mut after) = (usize::from(*length), after);
    if length >= 0x80 {
        let (bytes, content) = after.split_at_checked(length & 0x7f).context("a length")?;
        length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        after = content;
    }
    let (content, after) = after.split_at_checked(length).context("a whole element")?;
    *rest = after;
    Ok((*tag, content))
}

/// The cookie in the controls of an answer, which have one of these only.
fn cookie(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (_, mut controls) = take(&mut rest)?;
    let (_, mut control) = take(&mut controls)?;
    take(&mut control)?;
    let (_, mut value) = take(&mut control)?;
    let (_, mut paged) = take(&mut value)?;
    take(&mut paged)?;
    Ok(take(&mut paged)?.1.to_owned())
}

fn search(base: &str, scope: u8, filter: &[u8], attributes: &[&str]) -> Vec<u8> {
    let attributes: Vec<u8> = attributes.iter().flat_map(|name| element(TEXT, name.as_bytes())).collect();
    let parts = [
        element(TEXT, base.as_bytes()),
        element(ENUMERATED, &[scope]),
        element(ENUMERATED, &[0]),
        element(INTEGER, &[0]),
        element(INTEGER, &[0]),
        element(BOOLEAN, &[0]),
        filter.to_owned(),
        element(SEQUENCE, &attributes),
    ];
    element(SEARCH, &parts.concat())
}

fn by_name(name: &str) -> Vec<u8> {
    search(name, 0, &present(), &[])
}

fn present() -> Vec<u8> {
    element(0x87, b"objectClass")
}

fn contains(attribute: &str, needle: &str) -> Vec<u8> {
    let middle = element(SEQUENCE, &element(0x81, needle.as_bytes()));
    element(0xa4, &[element(TEXT, attribute.as_bytes()), middle].concat())
}

fn paged(size: usize, cookie: &[u8]) -> Vec<u8> {
    let size = integer(u32::try_from(size).unwrap_or(u32::MAX));
    let value = element(SEQUENCE, &[size, element(TEXT, cookie)].concat());
    let control = [element(TEXT, PAGED.as_bytes()), element(TEXT, &value)].concat();
    element(CONTROLS, &element(SEQUENCE, &control))
}

fn add(stamp: &str, number: usize) -> Vec<u8> {
    let (first, last) = new_person(number);
    let attribute = |name: &str, value: &str| {
        let values = element(SET, &element(TEXT, value.as_bytes()));
        element(SEQUENCE, &[element(TEXT, name.as_bytes()), values].concat())
    };
    let attributes = [
        attribute("objectClass", "inetOrgPerson"),
        attribute("uid", stamp),
        attribute("cn", &format!("{first} {last}")),
        attribute("givenName", &first),
        attribute("sn", &last),
        attribute("mail", &format!("{first}.{last}.{stamp}@example.com")),
    ];
    let parts = [element(TEXT, name_of(stamp).as_bytes()), element(SEQUENCE, &attributes.concat())];
    element(ADD, &parts.concat())
}
