//! The server under measurement: a process of the released binary on loopback, and a client for single calls.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::data::Organization;
use crate::place::Place;

/// Clock ticks of `/proc/PID/stat` in a second, as Linux shows them to programs on every architecture.
const TICKS: f64 = 100.0;

pub(crate) struct Server {
    process: Child,
    address: String,
    postmaster: Option<u32>,
    /// From the start of the process until it said that it is ready.
    pub(crate) ready: Duration,
}

/// What a server has taken so far.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    /// Processor time in seconds, all threads together.
    pub(crate) server: f64,
    /// The same of PostgreSQL's processes, where they are known.
    pub(crate) database: f64,
}

impl Server {
    /// Starts `denizen serve` without rate limits, everything else as it is by default; its log goes to a file.
    pub(crate) fn start(program: &Path, place: &Place) -> anyhow::Result<Self> {
        let file = place.folder.join("bench.log");
        let log = File::create(&file)?;
        let started = Instant::now();
        let mut process = place
            .command(program)
            .args(["serve", "--no-rate-limits", "--listen", "127.0.0.1:0"])
            // A line for each request, also for those that a server is asked all day.
            .env("DENIZEN_LOG_FILTER", "info,denizen::access=debug")
            // One sign-in for a run.
            .env("DENIZEN_EVA_ACCESS_SECONDS", "3600")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let out = process.stdout.take().context("the server's output")?;
        let postmaster = place.servers.as_ref().and_then(|servers| servers.postmaster);
        let mut server = Self { process, address: String::new(), postmaster, ready: Duration::ZERO };
        for line in BufReader::new(out).lines() {
            if let Some(address) = line?.split_whitespace().find_map(|word| word.strip_prefix("http://")) {
                address.trim_end_matches(',').clone_into(&mut server.address);
                let (status, answer) = server.get("/readyz", &[])?;
                ensure!(status == 200, "not ready: {status} {answer}");
                server.ready = started.elapsed();
                return Ok(server);
            }
        }
        anyhow::bail!("the server ended at once; see {}", file.display())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn spent(&self) -> anyhow::Result<Spent> {
        let server = cpu_seconds(self.process.id(), false)?;
        Ok(Spent { server, database: self.postmaster.map_or(Ok(0.0), family_cpu_seconds)? })
    }

    /// Memory that is resident now, and the most that was, in MB.
    pub(crate) fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let figure = |name: &str| -> anyhow::Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("/proc/PID/status")?;
            let kib: f64 = line.split_whitespace().next().context("a figure")?.parse()?;
            Ok(kib * 1024.0 / 1e6)
        };
        Ok((figure("VmRSS:")?, figure("VmHWM:")?))
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<(u16, Value)> {
        self.call("GET", path, headers, &Value::Null)
    }

    /// One call with a JSON body or none; the answer's status and body.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, headers, "application/json", body.as_bytes())
    }

    /// One call, which may take long; an answer that is no JSON is null.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        content_type: &str,
        body: &[u8],
    ) -> anyhow::Result<(u16, Value)> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(10)))?;
        stream.write_all(format!("{request}\r\n").as_bytes())?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.get(9..12).context("a status line")?.parse()?;
        let (head, body) = answer.split_once("\r\n\r\n").context("a whole head")?;
        let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if is_chunked { unchunked(body)? } else { body.to_owned() };
        Ok((status, serde_json::from_str(&body).unwrap_or(Value::Null)))
    }

    /// Signs an operator in, the first of the organization; the access token.
    pub(crate) fn operator_token(&self, organization: &Organization) -> anyhow::Result<String> {
        let (email, password) = (&organization.operator_email, &organization.operator_password);
        let form = format!("grant_type=password&client_id=eva-cockpit&username={email}&password={password}");
        let path = format!("/auth/realms/{}/protocol/openid-connect/token", organization.org_id);
        let form_type = "application/x-www-form-urlencoded";
        let (status, answer) = self.send("POST", &path, &[], form_type, form.as_bytes())?;
        ensure!(status == 200, "signing in: {status} {answer}");
        Ok(answer["access_token"].as_str().context("a token")?.to_owned())
    }

    /// A bearer token for a user of an organization, by the key of its administrator.
    pub(crate) fn token(&self, organization: &Organization, user: &str) -> anyhow::Result<String> {
        let Organization { org_id, api_key, api_key_id, .. } = organization;
        let headers = [("x-api-key", &**api_key), ("x-api-key-id", &**api_key_id), ("x-user-id", user)];
        let path = format!("/v1/{org_id}/user/signin_with_api_key");
        let (status, answer) = self.call("POST", &path, &headers, &Value::Null)?;
        ensure!(status == 200, "sign-in: {status} {answer}");
        Ok(answer["id_token"].as_str().context("a token")?.to_owned())
    }

    /// A token of a user whose role sees only a part of the organization: the verified ones, and none of the
    /// administrators. So every answer to it passes through a condition and an exception.
    pub(crate) fn token_with_conditions(&self, organization: &Organization) -> anyhow::Result<String> {
        let org = &organization.org_id;
        let admin = format!("Bearer {}", self.token(organization, &organization.member_id)?);
        let headers = [("authorization", admin.as_str())];
        let grant =
            |conditions: Value| json!({"permission_name": "User:GetUserInfo", "conditions": conditions});
        let own = json!({"type": "Equals", "value": "{self_org_id}"});
        let role = json!({
            "role_name": "Reader", "description": "Sees the verified", "frontend_view": "admin",
            "permission_grants": [grant(json!({
                "org_id": own,
                "is_verified": {"type": "Equals", "value": true},
                "role_name": {"type": "NotEquals", "value": "DefaultSuperAdministratorRole"},
            }))],
        });
        let (status, answer) = self.call("POST", &format!("/v1/{org}/role/"), &headers, &role)?;
        ensure!([201, 409].contains(&status), "making a role: {status} {answer}");
        let reader = json!({
            "first_name": "Reader", "last_name": "Of the verified", "email": "reader@bench.example",
            "role_name": "Reader",
        });
        let (status, answer) = self.call("POST", &format!("/v1/{org}/user/"), &headers, &reader)?;
        let user = if status == 201 {
            answer["user_id"].clone()
        } else {
            let path = format!("/v1/{org}/user/?email=reader@bench.example");
            self.get(&path, &headers)?.1["users"][0]["user_id"].clone()
        };
        self.token(organization, user.as_str().with_context(|| format!("inviting: {status} {answer}"))?)
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        ensure!(asked.success(), "the server is gone already");
        ensure!(self.process.wait()?.success(), "the server did not stop well");
        Ok(())
    }
}

impl Drop for Server {
    /// For runs that fail: a server that was stopped is gone, and then both do nothing.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Processor time of a process in seconds; with that of its children that have ended, if asked for.
fn cpu_seconds(process: u32, with_children: bool) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat_fields(&stat)?;
    // User and system time are fields 14 and 15, those of children the two after them.
    let counted = if with_children { &fields[11..15] } else { &fields[11..13] };
    let ticks = counted.iter().map(|field| field.parse::<f64>()).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS)
}

/// The fields behind the program's name, which stands in brackets and may hold spaces.
fn stat_fields(stat: &str) -> anyhow::Result<Vec<&str>> {
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
    Ok(fields.split_whitespace().collect())
}

/// Processor time of a process and all that it has started. A child that ends while this looks would be missed: then it looks
/// again.
fn family_cpu_seconds(process: u32) -> anyhow::Result<f64> {
    loop {
        let own = cpu_seconds(process, true)?;
        let mut sum = own;
        for entry in fs::read_dir("/proc")? {
            let Ok(child) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
            // Processes come and go meanwhile.
            let Ok(stat) = fs::read_to_string(format!("/proc/{child}/stat")) else { continue };
            if stat_fields(&stat)?[1] == process.to_string() {
                sum += cpu_seconds(child, false).unwrap_or(0.0);
            }
        }
        if cpu_seconds(process, true)? - own < 1.5 / TICKS {
            return Ok(sum);
        }
    }
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
