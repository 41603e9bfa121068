//! A server on this machine that stands where Google's do: it writes down what it is asked and gives the answers that a
//! test has laid out, one for each connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub(crate) const KEY: &str = include_str!("key_for_tests_only.pem");
const CERTIFICATE: &str = include_str!("certificate_for_tests_only.pem");

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method, path and version.
    pub line: String,
    /// With names in lower case.
    pub headers: Vec<String>,
    pub body: String,
}

pub(crate) struct WebServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl WebServer {
    /// `answers` are statuses with bodies; after the last one, connections are taken and left without an answer.
    pub(crate) fn start(answers: Vec<(u16, String)>) -> Self {
        Self::serve(answers, |stream| Some(Box::new(stream)))
    }

    /// Speaks TLS, with a certificate that nobody vouches for.
    pub(crate) fn start_tls(answers: Vec<(u16, String)>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap(),
            )
            .unwrap();
        let config = Arc::new(config);
        Self::serve(answers, move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Some(Box::new(StreamOwned::new(connection, stream)))
        })
    }

    fn serve(
        answers: Vec<(u16, String)>,
        open: impl Fn(TcpStream) -> Option<Box<dyn ReadWrite>> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            let mut answers = answers.into_iter();
            let mut unanswered = Vec::new();
            for stream in listener.incoming() {
                let Some(stream) = open(stream.unwrap()) else { continue };
                // A client that does not trust the certificate leaves before it asks anything.
                let Some((request, mut stream)) = read_request(stream) else { continue };
                log.lock().unwrap().push(request);
                let Some((status, body)) = answers.next() else {
                    unanswered.push(stream);
                    continue;
                };
                let head = format!(
                    "HTTP/1.1 {status} -\r\nConnection: close\r\nLocation: http://{address}/elsewhere\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + &body).as_bytes()).unwrap();
                stream.flush().unwrap();
            }
        });
        Self { address, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

trait ReadWrite: Read + Write + Send {}
impl<T: Read + Write + Send> ReadWrite for T {}

fn read_request(stream: Box<dyn ReadWrite>) -> Option<(Asked, Box<dyn ReadWrite>)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.push(format!("{}: {value}", name.to_lowercase())),
            None => break,
        }
    }
    let length = headers.iter().find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let asked = Asked { line: line.trim_end().to_owned(), headers, body: String::from_utf8(body).unwrap() };
    Some((asked, reader.into_inner()))
}
