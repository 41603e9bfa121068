//! A file of operators, uploaded: how near the import comes to the rate at which this machine hashes passwords at all, and
//! what other callers' reads notice of it.
//!
//! Readers here are paced, as callers are who want an answer and not a record: readers who ask as fast as they are answered
//! would take the cores from the import, which runs at the lowest priority.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde_json::{Value, json};

use crate::data::{Organization, create_organization};
use crate::load::median;
use crate::server::Server;

const READERS: usize = 8;
/// Between two requests of a reader.
const PACE: Duration = Duration::from_millis(10);
/// What the server hashes with, unless it is told otherwise.
const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;

/// Measures with so many operators, and says it in a table.
pub(crate) fn measure(program: &Path, folder: &Path, operators: usize) -> anyhow::Result<String> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let organization = create_organization(program, folder, Vec::new(), 0)?;
    let server = Server::start(program, folder, &[])?;
    let token = sign_in(&server, &organization)?;
    let read = reading(&server, &organization)?;
    let time = Duration::from_secs(10);

    let alone = readers(&server, &read, |_| {
        std::thread::sleep(time);
        Ok(())
    })?
    .1;
    let mut bare = vec![bare_rate(time)?];
    let quiet = upload(&server, &organization, &token, &file("quiet", operators))?;
    bare.push(bare_rate(time)?);
    let busy_file = file("busy", operators);
    let (busy, beside) = readers(&server, &read, |server| upload(server, &organization, &token, &busy_file))?;
    bare.push(bare_rate(time)?);
    let tried = try_out(&server, &organization, &token, &file("quiet", operators))?;
    server.stop()?;

    let bare = median(bare);
    let rate = |seconds: f64| operators as f64 / seconds;
    let row = |name: &str, seconds: f64| {
        format!("| {name} | {:.1} | {:.0} % |\n", rate(seconds), rate(seconds) / bare * 100.0)
    };
    let mut table = format!(
        "| {operators} operators | per second | of bare hashing |\n| --- | --: | --: |\n\
         | bare argon2id on every core | {bare:.1} | 100 % |\n"
    );
    table += &row("upload, nobody else calls", quiet);
    table += &row(&format!("upload, {READERS} readers call"), busy);
    table += &row("dry run of the same file, all in use", tried);
    table += "\n| reads of a user (Amigo), paced | p50, ms | p99, ms |\n| --- | --: | --: |\n";
    for (name, latencies) in [("no import", alone), ("during the import", beside)] {
        let _ = writeln!(table, "| {name} | {:.2} | {:.2} |", at(&latencies, 50), at(&latencies, 99));
    }
    Ok(table)
}

/// Hashes a second, with a thread of ordinary priority on every core.
fn bare_rate(time: Duration) -> anyhow::Result<f64> {
    let threads = std::thread::available_parallelism()?.get();
    let started = Instant::now();
    let work = || {
        let params = Params::new(MEMORY_KIB, ITERATIONS, 1, Some(32)).map_err(|error| anyhow!("{error}"))?;
        let mut memory = vec![Block::default(); params.block_count()];
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let (mut made, mut hash) = (0_u32, [0; 32]);
        while started.elapsed() < time {
            hasher
                .hash_password_into_with_memory(b"Passw0rd", &[7; 16], &mut hash, &mut memory)
                .map_err(|error| anyhow!("{error}"))?;
            made += 1;
        }
        anyhow::Ok(f64::from(made) / started.elapsed().as_secs_f64())
    };
    std::thread::scope(|scope| {
        let hashing: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut sum = 0.0;
        for thread in hashing {
            sum += thread.join().map_err(|_| anyhow!("a thread that hashes panicked"))??;
        }
        Ok(sum)
    })
}

fn sign_in(server: &Server, organization: &Organization) -> anyhow::Result<String> {
    let (email, password) = (&organization.operator_email, &organization.operator_password);
    let form = format!("grant_type=password&client_id=eva-cockpit&username={email}&password={password}");
    let path = format!("/auth/realms/{}/protocol/openid-connect/token", organization.org_id);
    let (status, answer) = send(server, &path, &[], "application/x-www-form-urlencoded", form.as_bytes())?;
    ensure!(status == 200, "signing in: {status} {answer}");
    Ok(answer["access_token"].as_str().context("a token")?.to_owned())
}

/// The whole request of a reader.
fn reading(server: &Server, organization: &Organization) -> anyhow::Result<String> {
    let token = server.token(organization, &organization.member_id)?;
    let Organization { org_id, member_id, .. } = organization;
    Ok(format!(
        "GET /v1/{org_id}/user/?user_id={member_id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    ))
}

fn file(word: &str, operators: usize) -> String {
    let mut text = "email;name;company;role;password\n".to_owned();
    for number in 0..operators {
        let _ = writeln!(text, "{word}.{number}@example.com;Person {number};Acme;ADMIN;Passw0rd{number}");
    }
    text
}

fn upload(server: &Server, of: &Organization, token: &str, file: &str) -> anyhow::Result<f64> {
    let (seconds, answer) = send_file(server, of, token, "csv/silent", file)?;
    ensure!(answer == json!({"errors": []}), "an upload: {answer}");
    Ok(seconds)
}

fn try_out(server: &Server, of: &Organization, token: &str, file: &str) -> anyhow::Result<f64> {
    let (seconds, answer) = send_file(server, of, token, "csv/silent/validate", file)?;
    ensure!(answer["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "a dry run: {answer}");
    Ok(seconds)
}

fn send_file(
    server: &Server,
    of: &Organization,
    token: &str,
    operation: &str,
    file: &str,
) -> anyhow::Result<(f64, Value)> {
    let body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"users.csv\"\r\n\r\n{file}\r\n--edge--\r\n"
    );
    let path = format!("/eva-user/org/{}/users/{operation}", of.org_uuid);
    let headers = [("authorization", format!("Bearer {token}"))];
    let started = Instant::now();
    let (status, answer) =
        send(server, &path, &headers, "multipart/form-data; boundary=edge", body.as_bytes())?;
    ensure!(status == 200, "{operation}: {status} {answer}");
    Ok((started.elapsed().as_secs_f64(), answer))
}

/// One call that may take very long.
fn send(
    server: &Server,
    path: &str,
    headers: &[(&str, String)],
    content_type: &str,
    body: &[u8],
) -> anyhow::Result<(u16, Value)> {
    let address = server.address();
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("{request}\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.get(9..12).context("a status line")?.parse()?;
    // In pieces or not, the JSON is what stands between the first brace and the last.
    let (_, body) = answer.split_once("\r\n\r\n").context("a whole head")?;
    let body = if answer.contains("chunked") { unchunked(body)? } else { body.to_owned() };
    Ok((status, serde_json::from_str(&body)?))
}

fn unchunked(mut body: &str) -> anyhow::Result<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").context("a chunk")?;
        let length = usize::from_str_radix(length, 16)?;
        if length == 0 {
            return Ok(whole);
        }
        whole += rest.get(..length).context("a whole chunk")?;
        body = rest.get(length + 2..).context("a whole chunk")?;
    }
}

/// Does something while readers read; their latencies in milliseconds, sorted.
fn readers<T>(
    server: &Server,
    request: &str,
    work: impl FnOnce(&Server) -> anyhow::Result<T>,
) -> anyhow::Result<(T, Vec<f64>)> {
    let is_over = AtomicBool::new(false);
    let read = || {
        let mut stream = TcpStream::connect(server.address())?;
        stream.set_nodelay(true)?;
        let (mut latencies, mut answer) = (Vec::new(), vec![0; 64 << 10]);
        while !is_over.load(Ordering::Relaxed) {
            let started = Instant::now();
            stream.write_all(request.as_bytes())?;
            // The answer is short, and comes in one piece.
            let length = stream.read(&mut answer)?;
            ensure!(answer[..length].starts_with(b"HTTP/1.1 200"), "a read was refused");
            latencies.push(started.elapsed().as_secs_f64() * 1e3);
            std::thread::sleep(PACE);
        }
        Ok(latencies)
    };
    std::thread::scope(|scope| {
        let reading: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        let done = work(server);
        is_over.store(true, Ordering::Relaxed);
        let mut latencies = Vec::new();
        for thread in reading {
            latencies.extend(thread.join().map_err(|_| anyhow!("a reader panicked"))??);
        }
        latencies.sort_unstable_by(f64::total_cmp);
        Ok((done?, latencies))
    })
}

fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or(f64::NAN)
}
