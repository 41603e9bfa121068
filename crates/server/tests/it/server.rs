//! A running server: the process, its output, and requests to it over plain sockets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use denizen_testkit::ProcessHome;
use serde_json::Value;

use crate::{denizen_at, text};

/// Far more than any step takes; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server process with its data in the home. It is killed when it is dropped.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    /// What it has printed up to the line that says where it listens.
    pub printed: String,
    pub address: SocketAddr,
}

impl Server {
    /// Starts a server on a free port and waits until it listens.
    pub fn start(home: &ProcessHome, flags: &[&str]) -> Self {
        let (child, lines) = spawn(home, flags);
        let mut server = Self { child, lines, printed: String::new(), address: ([127, 0, 0, 1], 0).into() };
        let line = server.read_until("is listening on");
        let (_, rest) = line.split_once("http://").unwrap();
        server.address = rest.split_once(',').unwrap().0.parse().unwrap();
        server
    }

    /// Starts a server and kills it as soon as it has printed `marker`.
    pub fn start_and_kill_at(home: &ProcessHome, flags: &[&str], marker: &str) {
        let (child, lines) = spawn(home, flags);
        let mut server = Self { child, lines, printed: String::new(), address: ([127, 0, 0, 1], 0).into() };
        server.read_until(marker);
        server.kill();
    }

    fn read_until(&mut self, marker: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("the server ended or hangs");
            self.printed.push_str(&line);
            self.printed.push('\n');
            if line.contains(marker) {
                return line;
            }
        }
    }

    /// The next line that it prints.
    pub fn next_line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the server ended or hangs")
    }

    /// What it prints until it ends.
    pub fn rest(self) -> String {
        self.lines.iter().collect::<Vec<_>>().join("\n")
    }

    /// The status of a path that needs no credentials; `None` when nobody answers.
    pub fn status(&self, path: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    /// Asks for a graceful stop.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for the end.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub fn stop(self) {
        self.terminate();
        assert_eq!(self.wait().code(), Some(0));
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(home: &ProcessHome, flags: &[&str]) -> (Child, Receiver<String>) {
    let mut child = denizen_at(home)
        .args(["serve", "--data", "data", "--listen", "127.0.0.1:0", "--no-rate-limits"])
        .args(flags)
        .env("DENIZEN_LOG_FILTER", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    (child, lines)
}

/// What `denizen org create --json` prints.
pub struct Org {
    pub slug: String,
    user_id: String,
    /// The header lines that say who calls.
    pub headers: String,
}

impl Org {
    pub fn create(home: &ProcessHome, slug: &str) -> Self {
        let output = denizen_at(home)
            .args(["org", "create", slug, "--name", "Acme", "--admin-email", "ada@acme.example"])
            .args(["--json", "--data", "data"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let made: Value = serde_json::from_slice(&output.stdout).unwrap();
        Self::with_keys(slug, &made["api_key"], &made["api_key_id"], &made["member_id"])
    }

    pub fn with_keys(slug: &str, key: &Value, key_id: &Value, user_id: &Value) -> Self {
        let [key, key_id, user_id] = [key, key_id, user_id].map(|value| value.as_str().unwrap());
        let headers = format!("x-api-key: {key}\r\nx-api-key-id: {key_id}\r\nx-user-id: {user_id}\r\n");
        Self { slug: slug.to_owned(), user_id: user_id.to_owned(), headers }
    }

    /// `None` when the server is gone, or goes before it has answered.
    pub fn get(&self, server: SocketAddr, path: &str) -> Option<(u16, Value)> {
        self.request(server, "GET", path, "")
    }

    /// Invites somebody; answers the status.
    pub fn invite(&self, server: SocketAddr, email: &str) -> Option<u16> {
        let body = serde_json::json!({
            "first_name": "Ada", "last_name": "Lovelace", "email": email, "role_name": "DefaultUserRole",
        });
        self.request(server, "POST", "/user/", &body.to_string()).map(|(status, _)| status)
    }

    /// Deletes the user in whose name it calls; answers the status.
    pub fn delete_itself(&self, server: SocketAddr) -> Option<u16> {
        let path = format!("/user/{}", self.user_id);
        self.request(server, "DELETE", &path, "").map(|(status, _)| status)
    }

    pub fn request(&self, server: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
        send(server, (method, &format!("/v1/{}{path}", self.slug)), &self.headers, body)
    }
}

/// Asks for a whole path with an access token.
pub fn get_with_token(server: SocketAddr, token: &str, path: &str) -> Option<(u16, Value)> {
    send(server, ("GET", path), &format!("authorization: {token}\r\n"), "")
}

/// `headers` are whole lines.
fn send(server: SocketAddr, (method, path): (&str, &str), headers: &str, body: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(server).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, serde_json::from_str(body).unwrap()))
}

/// Invites people from several threads until the server is gone; answers the addresses that were acknowledged.
/// `running` is called while the load is on and two were acknowledged for each thread, and should end the server.
pub fn load_until_gone(org: &Org, server: SocketAddr, running: impl FnOnce()) -> Vec<String> {
    let so_far = &AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let inviting: Vec<_> = (0..8)
            .map(|thread| {
                scope.spawn(move || {
                    let mut acknowledged = Vec::new();
                    for number in 0.. {
                        let email = format!("person.{thread}.{number}@example.com");
                        match org.invite(server, &email) {
                            Some(status) => assert_eq!(status, 201),
                            None => break,
                        }
                        acknowledged.push(email);
                        so_far.fetch_add(1, Ordering::Relaxed);
                    }
                    acknowledged
                })
            })
            .collect();
        let begun = Instant::now();
        while so_far.load(Ordering::Relaxed) < 16 {
            assert!(begun.elapsed() < Duration::from_mins(1), "nobody can be invited");
            std::thread::sleep(Duration::from_millis(5));
        }
        running();
        inviting.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
