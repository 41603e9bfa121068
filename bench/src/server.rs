//! The server under measurement: a process of the released binary on loopback, and a client for single calls.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::data::Organization;

/// Clock ticks of `/proc/PID/stat` in a second, as Linux shows them to programs on every architecture.
const TICKS: f64 = 100.0;

pub(crate) struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts `denizen serve` without rate limits, everything else as it is by default; its log goes to a file.
    pub(crate) fn start(program: &Path, data: &Path, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let log = File::create(data.join("bench.log"))?;
        let mut process = Command::new(program)
            .args(["serve", "--no-rate-limits", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            // A line for each request, also for those that a server is asked all day.
            .env("DENIZEN_LOG_FILTER", "info,denizen::access=debug")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let out = process.stdout.take().context("the server's output")?;
        let mut server = Self { process, address: String::new() };
        for line in BufReader::new(out).lines() {
            if let Some(address) = line?.split_whitespace().find_map(|word| word.strip_prefix("http://")) {
                address.trim_end_matches(',').clone_into(&mut server.address);
                return Ok(server);
            }
        }
        anyhow::bail!("the server ended at once; see {}", data.join("bench.log").display())
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Processor time that the server has used so far, in seconds, all threads together.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name of the program stands in brackets and may hold spaces; user and system time are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / TICKS)
    }

    /// One call; the answer's status and body.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.get(9..12).context("a status line")?.parse()?;
        let (_, body) = answer.split_once("\r\n\r\n").context("a whole head")?;
        Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
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
            self.call("GET", &path, &headers, &Value::Null)?.1["users"][0]["user_id"].clone()
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
