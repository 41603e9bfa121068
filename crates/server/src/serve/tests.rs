//! The accept loop over real sockets on loopback.
#![allow(clippy::disallowed_methods, reason = "tests start tasks")]

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use axum::{Router, http::StatusCode};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::connection::LAST_CALL;
use super::stop::Switch;
use super::*;

/// Longer than anything here should take, even on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(20);

fn patient() -> Options {
    Options {
        header_bytes: 16 << 10,
        header_count: 100,
        header_read: PATIENCE,
        keep_alive: PATIENCE,
        write_stall: PATIENCE,
        connections: 100,
        shutdown: PATIENCE,
    }
}

struct Server {
    address: SocketAddr,
    switch: Switch,
    statistics: Arc<Statistics>,
    ended: JoinHandle<Ended>,
}

impl Server {
    async fn start(app: Router, options: Options) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (switch, stop) = Stop::channel();
        let statistics = Arc::<Statistics>::default();
        let ended = tokio::spawn(serve(listener, app, options, stop, Arc::clone(&statistics)));
        Self { address, switch, statistics, ended }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stop(self) -> Ended {
        self.switch.request();
        timeout(PATIENCE, self.ended).await.expect("the server does not stop").unwrap()
    }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Sends a request and reads up to the end of the answer `hello`.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(GET).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.expect("no answer").unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).unwrap()
}

/// Waits until the server closes, and returns what came before, and after how long.
async fn closed(stream: &mut TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut rest = Vec::new();
    // A reset is a close, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the connection stays open");
    (String::from_utf8_lossy(&rest).into_owned(), begun.elapsed())
}

#[tokio::test]
async fn a_connection_serves_many_requests_and_knows_its_peer() {
    let app = Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
            assert!(peer.ip().is_loopback());
            "hello"
        }),
    );
    let server = Server::start(app, patient()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(server.statistics.accepted.load(Ordering::Relaxed), 1);
    assert_eq!(server.stop().await, Ended { cut: 0, forced: false });
}

#[tokio::test]
async fn a_slow_head_is_cut_although_bytes_keep_coming() {
    let options = Options { header_read: Duration::from_millis(400), ..patient() };
    let server = Server::start(hello(), options).await;
    let mut stream = server.connect().await;
    let (mut reader, mut writer) = stream.split();
    let dribble = async {
        for byte in GET.iter().cycle() {
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let mut rest = Vec::new();
    tokio::select! {
        () = dribble => {}
        _ = reader.read_to_end(&mut rest) => {}
        () = tokio::time::sleep(PATIENCE) => panic!("the slow connection stays open"),
    }
    assert!(rest.is_empty());
    assert_eq!(server.statistics.slow_head.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_second_head_has_its_own_time_which_an_idle_pause_does_not_use_up() {
    let options = Options { header_read: Duration::from_millis(300), ..patient() };
    let server = Server::start(hello(), options).await;
    let mut stream = server.connect().await;
    ask(&mut stream).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    ask(&mut stream).await;
    stream.write_all(b"GET / HT").await.unwrap();
    let (rest, after) = closed(&mut stream).await;
    assert_eq!(rest, "");
    assert!(after >= Duration::from_millis(250), "{after:?}");
    assert_eq!(server.statistics.slow_head.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_keep_alive_time() {
    let options = Options { keep_alive: Duration::from_millis(300), ..patient() };
    let server = Server::start(hello(), options).await;
    let mut stream = server.connect().await;
    ask(&mut stream).await;
    let (_, after) = closed(&mut stream).await;
    assert!(after >= Duration::from_millis(250), "{after:?}");
    assert_eq!(server.statistics.idle.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_request_that_takes_longer_than_every_pause_is_not_cut() {
    let brief = Duration::from_millis(100);
    let options = Options { header_read: brief, keep_alive: brief, write_stall: brief, ..patient() };
    let app = Router::new().route(
        "/",
        get(|| async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            "hello"
        }),
    );
    let server = Server::start(app, options).await;
    ask(&mut server.connect().await).await;
}

#[tokio::test]
async fn a_reader_that_stalls_is_closed_and_one_that_is_slow_is_not() {
    let size = 64 << 20;
    let app = Router::new().route("/", get(move || async move { Body::from(vec![b'x'; size]) }));
    let options = Options { write_stall: Duration::from_millis(500), ..patient() };
    let server = Server::start(app, options).await;

    let mut stalled = server.connect().await;
    stalled.write_all(GET).await.unwrap();
    let begun = Instant::now();
    while server.statistics.stalled.load(Ordering::Relaxed) == 0 {
        assert!(begun.elapsed() < PATIENCE, "the stalled connection stays open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let mut slow = server.connect().await;
    slow.write_all(GET).await.unwrap();
    let mut total = 0;
    let mut piece = vec![0; 4 << 20];
    while total < size {
        let read = slow.read(&mut piece).await.unwrap();
        assert_ne!(read, 0, "the slow reader was closed after {total} bytes");
        total += read;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.statistics.stalled.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn at_the_cap_a_connection_waits_until_another_one_ends() {
    let server = Server::start(hello(), Options { connections: 2, ..patient() }).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    ask(&mut first).await;
    ask(&mut second).await;
    let mut third = server.connect().await;
    third.write_all(GET).await.unwrap();
    let mut byte = [0];
    assert!(
        timeout(Duration::from_millis(300), third.read(&mut byte)).await.is_err(),
        "served beyond the cap"
    );
    assert_eq!(server.statistics.open.load(Ordering::Relaxed), 2);
    drop(first);
    assert_eq!(timeout(PATIENCE, third.read(&mut byte)).await.expect("still waiting").unwrap(), 1);
    ask(&mut second).await;
}

/// A route that says when it has begun and answers when it is told to.
fn held() -> (Router, oneshot::Receiver<()>, Arc<Notify>) {
    let (begun, has_begun) = oneshot::channel();
    let begun = Arc::new(std::sync::Mutex::new(Some(begun)));
    let release = Arc::new(Notify::new());
    let app = Router::new().route(
        "/",
        get({
            let release = Arc::clone(&release);
            move || async move {
                begun.lock().unwrap().take().map(|begun| begun.send(()));
                release.notified().await;
                "hello"
            }
        }),
    );
    (app, has_begun, release)
}

#[tokio::test]
async fn a_stop_finishes_in_flight_requests_closes_idle_connections_and_refuses_new_ones() {
    let (app, has_begun, release) = held();
    let server = Server::start(app.route("/other", get(|| async { "hello" })), patient()).await;
    let mut fresh = server.connect().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /other HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    idle.read_exact(&mut [0; 17]).await.unwrap();
    let mut busy = server.connect().await;
    busy.write_all(GET).await.unwrap();
    has_begun.await.unwrap();

    let Server { address, switch, ended, .. } = server;
    switch.request();
    closed(&mut idle).await;
    assert_eq!(closed(&mut fresh).await.0, "");
    let refused = TcpStream::connect(address).await.expect_err("a connection was accepted after the stop");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(!ended.is_finished());

    release.notify_one();
    let (answer, _) = closed(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    assert_eq!(timeout(PATIENCE, ended).await.unwrap().unwrap(), Ended { cut: 0, forced: false });
}

#[tokio::test]
async fn a_process_that_drains_answers_old_and_new_connections_and_asks_them_to_close() {
    let server = Server::start(hello(), patient()).await;
    let mut old = server.connect().await;
    assert!(!ask(&mut old).await.contains("connection: close"));
    server.switch.drain();
    // Each connection hears of it in its own task.
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..3 {
        let mut new = server.connect().await;
        assert!(ask(&mut new).await.contains("connection: close"));
        assert_eq!(closed(&mut new).await.0, "");
    }
    let answer = ask(&mut old).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    assert_eq!(closed(&mut old).await.0, "");
    assert!(!server.ended.is_finished());
    assert_eq!(server.stop().await, Ended { cut: 0, forced: false });
}

#[tokio::test]
async fn requests_that_were_sent_before_the_stop_are_answered_on_every_connection() {
    let server = Server::start(hello(), patient()).await;
    let mut idle = server.connect().await;
    ask(&mut idle).await;
    let mut streams = vec![idle];
    for _ in 0..50 {
        streams.push(server.connect().await);
    }
    for stream in &mut streams {
        stream.write_all(GET).await.unwrap();
    }
    // The loop has not run since, so that many of them still wait to be accepted.
    let ended = server.stop().await;
    for stream in &mut streams {
        let (answer, _) = closed(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    }
    assert_eq!(ended, Ended { cut: 0, forced: false });
}

#[tokio::test]
async fn requests_that_do_not_finish_in_the_grace_period_are_cut() {
    let (app, has_begun, _release) = held();
    let server = Server::start(app, Options { shutdown: Duration::from_millis(200), ..patient() }).await;
    let mut busy = server.connect().await;
    busy.write_all(GET).await.unwrap();
    has_begun.await.unwrap();
    assert_eq!(server.stop().await, Ended { cut: 1, forced: false });
    assert_eq!(closed(&mut busy).await.0, "");
}

#[tokio::test]
async fn a_second_request_to_stop_ends_at_once() {
    let (app, has_begun, _release) = held();
    let server = Server::start(app, patient()).await;
    let mut busy = server.connect().await;
    busy.write_all(GET).await.unwrap();
    has_begun.await.unwrap();
    server.switch.request();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!server.ended.is_finished());
    server.switch.force();
    assert_eq!(server.stop().await, Ended { cut: 1, forced: true });
}

#[tokio::test]
async fn heads_somewhat_over_the_limits_reach_the_router_and_huge_ones_do_not() {
    let server = Server::start(hello(), patient()).await;
    let request = |headers: String| format!("GET / HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    for (headers, status) in [
        (format!("x: {}\r\n", "x".repeat(20 << 10)), "200"),
        ("x: y\r\n".repeat(150), "200"),
        (format!("x: {}\r\n", "x".repeat(70 << 10)), "431"),
        ("x: y\r\n".repeat(300), "431"),
    ] {
        let mut stream = server.connect().await;
        stream.write_all(request(headers).as_bytes()).await.unwrap();
        let mut line = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut line)).await.expect("no answer").unwrap();
        assert_eq!(String::from_utf8_lossy(&line), format!("HTTP/1.1 {status}"));
    }
}

#[tokio::test]
async fn an_early_refusal_reaches_a_client_that_is_still_sending() {
    let app = Router::new().route("/", post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "hello") }));
    let server = Server::start(app, patient()).await;
    for _ in 0..20 {
        let mut stream = server.connect().await;
        let size = 4 << 20;
        let head = format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {size}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; size]).await.expect("the sender must not be reset");
        let mut line = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut line))
            .await
            .expect("no answer")
            .expect("the answer must arrive");
        assert_eq!(&line, b"HTTP/1.1 413");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_refused_with_what_to_do() {
    let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let failure = bind(first.local_addr().unwrap()).await.unwrap_err();
    assert!(failure.to_string().contains("cannot listen on 127.0.0.1:"));
    assert!(failure.hint().contains("--listen"));
}

#[test]
fn a_termination_signal_requests_a_stop() {
    runtime().unwrap().block_on(async {
        let signals = Signals::listen(Duration::ZERO).unwrap();
        let stop = signals.stop();
        assert!(!stop.is_requested());
        let kill = std::process::Command::new("kill").arg(std::process::id().to_string()).status().unwrap();
        assert!(kill.success());
        timeout(PATIENCE, stop.requested()).await.expect("the signal is not passed on");
        assert!(stop.is_requested());
        assert!(timeout(Duration::from_millis(50), stop.forced()).await.is_err());
    });
}

/// Answers each piece of the request's body at once, until it ends or the server is about to: then with `bye`.
struct Echo {
    body: Body,
    ends: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
}

impl HttpBody for Echo {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => std::task::ready!(self.ends.as_mut().poll(cx).map(|()| None)),
            Poll::Ready(frame) => frame,
        };
        self.is_over = frame.is_none();
        Poll::Ready(Some(frame.unwrap_or_else(|| Ok(Frame::data("bye".into())))))
    }
}

/// A server that echoes at `/`; it says `bye` when it is told to end its streams.
async fn echoing(options: Options) -> (Server, Arc<Notify>) {
    let ends = Arc::new(Notify::new());
    let told = Arc::clone(&ends);
    let echo = move |body: Body| {
        let ends = Box::pin(Arc::clone(&told).notified_owned());
        async move { Body::new(Echo { body, ends, is_over: false }) }
    };
    (Server::start(Router::new().route("/", post(echo)), options).await, ends)
}

const STREAM: &[u8] = b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";

/// Reads until what was read ends with `end`.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.expect("no answer").unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_stream_is_answered_while_its_body_arrives_and_the_connection_goes_on() {
    let brief = Duration::from_millis(100);
    let options = Options { header_read: brief, keep_alive: PATIENCE, write_stall: brief, ..patient() };
    let (server, _) = echoing(options).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(STREAM).await.unwrap();
        for _ in 0..3 {
            stream.write_all(b"3\r\none\r\n").await.unwrap();
            read_until(&mut stream, "one\r\n").await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        read_until(&mut stream, "bye\r\n0\r\n\r\n").await;
    }
    assert_eq!(server.statistics.accepted.load(Ordering::Relaxed), 1);
    assert_eq!(server.stop().await, Ended { cut: 0, forced: false });
}

#[tokio::test]
async fn the_last_line_of_a_stopped_stream_reaches_a_client_that_is_still_sending() {
    for _ in 0..3 {
        let (server, ends) = echoing(patient()).await;
        let mut stream = server.connect().await;
        stream.write_all(STREAM).await.unwrap();
        stream.write_all(b"3\r\none\r\n").await.unwrap();
        read_until(&mut stream, "one\r\n").await;
        let Server { switch, ended, .. } = server;
        switch.request();
        tokio::time::sleep(LAST_CALL + Duration::from_millis(20)).await;
        ends.notify_waiters();
        // Sent into a connection whose other end has said all that it has to say, and has not read this.
        let more = [&b"40000\r\n"[..], &vec![b'x'; 0x40000], b"\r\n"].concat();
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.write_all(&more).await.expect("the sender must not be reset");
        }
        let (answer, after) = closed(&mut stream).await;
        assert!(answer.contains("bye\r\n0\r\n\r\n"), "{} bytes without the end", answer.len());
        assert!(after < Duration::from_secs(5), "{after:?}");
        assert_eq!(timeout(PATIENCE, ended).await.unwrap().unwrap(), Ended { cut: 0, forced: false });
    }
}

#[tokio::test]
async fn a_client_that_sends_and_does_not_read_is_closed() {
    let options = Options { write_stall: Duration::from_millis(300), ..patient() };
    let (server, _) = echoing(options).await;
    let mut stream = server.connect().await;
    stream.write_all(STREAM).await.unwrap();
    let more = [&b"10000\r\n"[..], &vec![b'x'; 0x10000], b"\r\n"].concat();
    // The echo fills the buffers of both directions, and then nothing moves any more.
    let sending = async { while stream.write_all(&more).await.is_ok() {} };
    timeout(PATIENCE, sending).await.expect("the connection stays open");
    assert_eq!(server.statistics.stalled.load(Ordering::Relaxed), 1);
}
