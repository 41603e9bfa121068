//! A server on a real socket and a client that writes and reads by itself, for what only a connection shows.

use std::net::SocketAddr;
use std::time::Duration;

use denizen_http::kernel::HttpSettings;
use denizen_testkit::{TestCaller, TestOrg, TestServer, TestSettings};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longer than anything here should take, even on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Listening {
    pub(crate) org: TestOrg,
    pub(crate) admin: TestCaller,
    pub(crate) address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Listening {
    pub(crate) async fn start() -> Self {
        Self::with(HttpSettings::default()).await
    }

    pub(crate) async fn with(http: HttpSettings) -> Self {
        let server = TestServer::with(TestSettings { http, ..TestSettings::default() }).await;
        let org = server.org("acme").await;
        let admin = org.admin().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = server.router();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { org, admin, address, serving }
    }

    /// Begins a stream: the head is sent, nothing of the body.
    pub(crate) async fn begin(&self, caller: &TestCaller, more: &str) -> Stream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (reader, mut writer) = stream.into_split();
        let credentials: String =
            caller.headers().iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
        let head = format!(
            "POST /admin/v1/{}/ingest HTTP/1.1\r\nhost: localhost\r\n{credentials}{more}\
             transfer-encoding: chunked\r\n\r\n",
            caller.organization
        );
        writer.write_all(head.as_bytes()).await.unwrap();
        Stream { writer, results: Results { reader: BufReader::new(reader), rest: Vec::new() } }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Both directions of a stream.
pub(crate) struct Stream {
    pub(crate) writer: OwnedWriteHalf,
    pub(crate) results: Results,
}

impl Stream {
    pub(crate) async fn send(&mut self, text: &str) {
        send(&mut self.writer, text).await.unwrap();
    }

    pub(crate) async fn end(&mut self) {
        self.writer.write_all(b"0\r\n\r\n").await.unwrap();
    }
}

/// One chunk of the body.
pub(crate) async fn send(writer: &mut OwnedWriteHalf, text: &str) -> std::io::Result<()> {
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    writer.write_all(chunk.as_bytes()).await
}

/// The answer, read chunk by chunk.
pub(crate) struct Results {
    reader: BufReader<OwnedReadHalf>,
    /// What has been read of the body and is not a whole line.
    rest: Vec<u8>,
}

impl Results {
    async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(PATIENCE, self.reader.read_line(&mut line)).await.expect("nothing comes").unwrap();
        line.trim_end().to_owned()
    }

    /// The status; the rest of the head is passed over.
    pub(crate) async fn status(&mut self) -> u16 {
        let status = self.line().await.split(' ').nth(1).unwrap().parse().unwrap();
        while !self.line().await.is_empty() {}
        status
    }

    /// The next line of the body; `None` at its end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let size = usize::from_str_radix(&self.line().await, 16).expect("the answer broke off");
            if size == 0 {
                assert!(self.rest.is_empty());
                return None;
            }
            let before = self.rest.len();
            self.rest.resize(before + size, 0);
            timeout(PATIENCE, self.reader.read_exact(&mut self.rest[before..])).await.unwrap().unwrap();
            assert_eq!(self.line().await, "");
        }
    }

    /// The last line, which nothing follows.
    pub(crate) async fn last(&mut self) -> Value {
        let last = self.next().await.expect("a last line");
        assert_eq!(self.next().await, None);
        last
    }
}
