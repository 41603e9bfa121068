//! Conversations with a real SMTP server, aiosmtpd, which each test starts for itself.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use denizen_courier::{Courier, Delivery, DeliveryError, MailSettings};
use denizen_domain::mail::Mail;

use crate::support::{Received, date, invitation, magic_link, settings};

struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    /// `None`, said aloud, on a machine without aiosmtpd.
    fn start(mode: &str) -> Option<Self> {
        let Ok(python) = std::env::var("DENIZEN_TEST_PYTHON") else {
            println!("skipped: DENIZEN_TEST_PYTHON does not name a Python that has aiosmtpd");
            return None;
        };
        let mut process = Command::new(python)
            .args(["-c", include_str!("smtp_server.py"), mode])
            .stdout(Stdio::piped())
            .spawn()
            .expect("DENIZEN_TEST_PYTHON starts");
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        output.read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("the server prints its port first");
        Some(Self { process, output, port })
    }

    /// The next mail that the server took: sender, recipients, message.
    fn next_mail(&mut self) -> (String, String, Received) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let [from, to, content] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line:?} is not three words")
        };
        (from.to_owned(), to.to_owned(), Received::parse(&STANDARD.decode(content).unwrap()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn courier(url: &str) -> Courier {
    let folder = std::path::Path::new("/nonexistent/never/used");
    let settings =
        MailSettings { smtp_url: Some(url.to_owned()), timeout: Duration::from_secs(5), ..settings(folder) };
    Courier::new(&settings).unwrap()
}

async fn send(url: &str, mail: &Mail) -> Result<Delivery, DeliveryError> {
    courier(url).deliver(mail, "job-1", date()).await
}

fn assert_discreet(error: &DeliveryError) {
    for private in ["ada", "example", "s3cr", "p@ss", "p%40ss", "denizen", "Acme"] {
        assert!(!error.text.contains(private), "{private} in {error}");
    }
}

#[tokio::test]
async fn a_server_receives_the_mail_as_it_was_written() {
    let Some(mut server) = Server::start("accept") else { return };
    let mail = Mail { language: Some("jpn".to_owned()), ..invitation() };
    let url = format!("smtp://127.0.0.1:{}", server.port);
    assert_eq!(send(&url, &mail).await, Ok(Delivery::Sent));
    let (from, to, received) = server.next_mail();
    assert_eq!(from, "directory@example.com");
    assert_eq!(to, "ada@example.org");
    assert_eq!(received.header("Subject"), "【Acme】ご招待のお知らせ");
    assert_eq!(received.header("Message-ID"), "<job-1@example.com>");
    assert!(received.html.contains("メールアドレスを確認"));
}

#[tokio::test]
async fn a_server_without_tls_is_used_when_encryption_is_opportunistic_and_not_when_it_is_required() {
    let Some(mut server) = Server::start("accept") else { return };
    let url = format!("smtp://127.0.0.1:{}?tls=opportunistic", server.port);
    assert_eq!(send(&url, &magic_link()).await, Ok(Delivery::Sent));
    assert_eq!(server.next_mail().2.header("Subject"), "Your sign-in link for Acme");
    for url in [
        format!("smtp://127.0.0.1:{}?tls=required", server.port),
        format!("smtps://127.0.0.1:{}", server.port),
    ] {
        let error = send(&url, &magic_link()).await.unwrap_err();
        assert!(!error.permanent, "{error}");
        assert_discreet(&error);
    }
}

#[tokio::test]
async fn a_4xx_reply_may_pass() {
    let Some(server) = Server::start("451") else { return };
    let error = send(&format!("smtp://127.0.0.1:{}", server.port), &magic_link()).await.unwrap_err();
    assert_eq!(error.text, "the mail server refused the mail for now (451 4.3.0)");
    assert!(!error.permanent);
}

#[tokio::test]
async fn a_5xx_reply_is_for_good() {
    for (mode, said) in [("550", "550 5.1.1"), ("552", "552")] {
        let Some(server) = Server::start(mode) else { return };
        let error = send(&format!("smtp://127.0.0.1:{}", server.port), &magic_link()).await.unwrap_err();
        assert_eq!(error.text, format!("the mail server refused the mail for good ({said})"));
        assert!(error.permanent);
    }
}

#[tokio::test]
async fn our_own_password_being_wrong_loses_no_mail() {
    let Some(mut server) = Server::start("auth") else { return };
    for user in ["denizen:wrong@", ""] {
        let error =
            send(&format!("smtp://{user}127.0.0.1:{}", server.port), &magic_link()).await.unwrap_err();
        assert!(!error.permanent && error.text.contains("our user and password"), "{error}");
        assert_discreet(&error);
    }
    let url = format!("smtp://denizen:p%40ss%20word@127.0.0.1:{}", server.port);
    assert_eq!(send(&url, &magic_link()).await, Ok(Delivery::Sent));
    server.next_mail();
}

#[tokio::test]
async fn an_address_that_the_server_cannot_take_is_refused_for_good() {
    let Some(mut server) = Server::start("accept") else { return };
    let url = format!("smtp://127.0.0.1:{}", server.port);
    let error = send(&url, &Mail { to: "zoë@example.org".to_owned(), ..magic_link() }).await.unwrap_err();
    assert!(error.permanent && error.text.contains("SMTPUTF8"), "{error}");
    let mail = Mail { to: "zoe@bücher.example".to_owned(), ..magic_link() };
    assert_eq!(send(&url, &mail).await, Ok(Delivery::Sent));
    assert_eq!(server.next_mail().1, "zoe@xn--bcher-kva.example");
}

#[tokio::test]
async fn a_server_that_falls_silent_holds_the_worker_no_longer_than_the_timeout() {
    let Some(server) = Server::start("silent") else { return };
    let began = std::time::Instant::now();
    let settings = MailSettings {
        smtp_url: Some(format!("smtp://127.0.0.1:{}", server.port)),
        timeout: Duration::from_millis(700),
        ..settings(std::path::Path::new("/nonexistent/never/used"))
    };
    let error = Courier::new(&settings).unwrap().deliver(&magic_link(), "job-1", date()).await.unwrap_err();
    assert_eq!(
        error,
        DeliveryError {
            permanent: false,
            text: "the mail server did not finish within 0.7 seconds".to_owned()
        }
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_closed_port_may_open_again() {
    // Bound and dropped, so that nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = send(&format!("smtp://127.0.0.1:{port}"), &magic_link()).await.unwrap_err();
    let text = "no connection to the mail server: connection refused".to_owned();
    assert_eq!(error, DeliveryError { permanent: false, text });
}

#[tokio::test]
async fn a_server_that_does_not_speak_smtp_may_be_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let error = send(&format!("smtp://127.0.0.1:{port}"), &magic_link()).await.unwrap_err();
    assert!(!error.permanent && error.text.contains("is it an SMTP port?"), "{error}");
    answering.join().unwrap();
}
