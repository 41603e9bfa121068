//! How PostgreSQL is reached: the URL, and how far its server is trusted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::Failure;
use super::hosts::{Hosts, Reached};
use super::replica::Written;
use super::watch::{self, Watch};
use crate::changes::Changes;

/// What can be tuned of the PostgreSQL engine.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Connections for writes.
    pub write_connections: usize,
    /// Connections for reads of a few rows, each shared by many.
    pub read_connections: usize,
    /// Connections for reads that may take longer.
    pub long_read_connections: usize,
    /// How long one statement may run.
    pub statement_timeout: Duration,
    /// How long a closure waits for a server that does not answer, and for a conflict to go away.
    pub patience: Duration,
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: MakeRustlsConnect,
    /// What was found out about the hosts; clones share it.
    pub(super) servers: Arc<Hosts>,
    /// Where reads may go as well.
    pub(super) replica: Option<ReplicaOptions>,
    /// Of a replica: who says whether a connection may be used.
    pub(super) guard: Option<Arc<Watch>>,
    /// Told what was changed of what is remembered.
    pub(super) changes: Arc<Changes>,
    /// Told what was written, where there is a replica.
    pub(super) written: Option<Arc<Written>>,
}

/// A standby of the store's primary.
#[derive(Clone)]
pub(super) struct ReplicaOptions {
    pub(super) options: Box<PostgresOptions>,
    pub(super) most_lag: Duration,
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions").field("hosts", &self.hosts()).finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Reads a URL: `postgres://user:password@host:port,host:port/database?name=value`. Besides what libpq knows of
    /// hosts and time-outs, it may have
    ///
    /// - `target_session_attrs`: `read-write` unless it is given, so that of several hosts the one that takes writes is
    ///   used;
    /// - `sslmode`: `disable`, or `verify-full`, which also `prefer`, `require` and `verify-ca` mean here: a connection
    ///   is either plain or verified. Without it, connections to loopback addresses and sockets are plain, and all others
    ///   verified;
    /// - `sslrootcert`: a PEM file of the authorities to trust, in the place of the public ones;
    /// - `password_file`: a file whose first line is the password, so that the URL itself is no secret. It is read here,
    ///   once.
    ///
    /// # Errors
    /// What is wrong with the URL, in words that hold no password.
    pub fn parse(url: &str) -> Result<Self, String> {
        Self::read(url, TargetSessionAttrs::ReadWrite)
    }

    /// Reads the URL of a hot standby as [`Self::parse`] reads one, but of several hosts the one that takes no writes is used.
    ///
    /// # Errors
    /// As [`Self::parse`]; when the URL asks for a server that takes writes.
    pub fn parse_replica(url: &str) -> Result<Self, String> {
        let options = Self::read(url, TargetSessionAttrs::ReadOnly)?;
        if options.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite {
            return Err("it asks for a server that takes writes, which a replica does not".to_owned());
        }
        Ok(options)
    }

    /// Lets reads go to a hot standby as well, by what they may miss: nothing that this process has written in their
    /// organization, and nothing that is older than `most_lag`.
    #[must_use]
    pub fn with_replica(self, replica: Self, most_lag: Duration) -> Self {
        Self { replica: Some(ReplicaOptions { options: Box::new(replica), most_lag }), ..self }
    }

    /// For what is to see the latest of all processes.
    #[must_use]
    pub fn without_replica(self) -> Self {
        Self { replica: None, ..self }
    }

    fn read(url: &str, wanted: TargetSessionAttrs) -> Result<Self, String> {
        let Taken { url: plain, ssl, password_file } = take_own(url)?;
        // The parser's own words may quote the URL.
        let mut config: tokio_postgres::Config = plain.parse().map_err(|_| what_is_wrong(&plain))?;
        // Part of a password would be looked up, and shown, as the name of a host.
        if config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(name) if name.contains('@'))) {
            return Err(format!("it has more than one `@`: {ESCAPING}"));
        }
        if config.get_hosts().is_empty() {
            return Err("it names no host".to_owned());
        }
        let (hosts, ports) = (config.get_hosts().len(), config.get_ports().len());
        let addresses = config.get_hostaddrs().len();
        if (ports > 1 && ports != hosts) || (addresses > 0 && addresses != hosts) {
            return Err("it has another number of ports or addresses than of hosts".to_owned());
        }
        if config.get_user().is_none() {
            return Err("it names no user".to_owned());
        }
        if let Some(file) = password_file {
            if config.get_password().is_some() {
                return Err("it has both a password and a password_file".to_owned());
            }
            config.password(password_in(&file)?);
        }
        if !plain.contains("target_session_attrs=") {
            config.target_session_attrs(wanted);
        }
        config.ssl_mode(if ssl.is_on(&config) { SslMode::Require } else { SslMode::Disable });
        if config.get_application_name().is_none() {
            config.application_name("denizen");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(20));
        }
        config.keepalives_idle(Duration::from_secs(30)).keepalives_interval(Duration::from_secs(10));
        let tls = MakeRustlsConnect::new(client_config(ssl.roots.as_deref())?);
        Ok(Self {
            servers: Arc::new(Hosts::of(&config, tls.clone())),
            write_connections: 16,
            read_connections: 4,
            long_read_connections: 4,
            statement_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            config,
            tls,
            replica: None,
            guard: None,
            changes: Arc::default(),
            written: None,
        })
    }

    /// Connects and makes the settings.
    pub(super) async fn reach(&self, settings: &str) -> Result<Reached, Failure> {
        let Some(guard) = &self.guard else { return self.servers.connect(settings).await };
        // What reads there can read on the primary instead, and does not wait.
        let reaching = async {
            let mut reached = self.servers.connect(settings).await?;
            reached.standing = guard.admit(&reached.client, &mut reached.wire).await?;
            Ok(reached)
        };
        let reached = tokio::time::timeout(watch::LOOK, reaching).await;
        reached.unwrap_or_else(|_| Err(Failure::Lost("the server does not answer".to_owned())))
    }

    /// The hosts with their ports, for messages: a URL holds a password.
    pub fn hosts(&self) -> String {
        let ports = self.config.get_ports();
        let host = |(at, host): (usize, &Host)| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            }
        };
        self.config.get_hosts().iter().enumerate().map(host).collect::<Vec<_>>().join(",")
    }
}

const ESCAPING: &str =
    "what is special in a user or password is written %XX in a URL, `@` as %40, `/` as %2F and `?` as %3F";

/// What the parser does not like of a URL, in words that quote nothing but a parameter's name.
fn what_is_wrong(url: &str) -> String {
    let bad = |url: &str| url.parse::<tokio_postgres::Config>().err();
    let form = || {
        format!("it is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE?NAME=VALUE; {ESCAPING}")
    };
    let Some((head, query)) = url.split_once('?') else { return form() };
    // With an `@` behind it, what looks like parameters may be part of a password.
    if query.contains('@') || bad(head).is_some() {
        return form();
    }
    for pair in query.split('&') {
        let Some(error) = bad(&format!("{head}?{pair}")) else { continue };
        let name = pair.split_once('=').map_or("", |(name, _)| name);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            break;
        }
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        let reason = if cause.starts_with("unknown option") {
            "is not known"
        } else {
            "has a value that it cannot have"
        };
        return format!("it has the parameter `{name}`, which {reason}");
    }
    form()
}

/// What the URL says of TLS.
struct Ssl {
    mode: Option<String>,
    roots: Option<String>,
}

impl Ssl {
    fn is_on(&self, config: &tokio_postgres::Config) -> bool {
        self.mode.as_deref().map_or_else(|| !stays_here(config), |mode| mode != "disable")
    }
}

/// Whether the connection cannot leave this machine, whatever its hosts are called.
fn stays_here(config: &tokio_postgres::Config) -> bool {
    config.get_hosts().iter().all(is_local)
        && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// A URL without the parameters of which the parser knows nothing, or only half.
struct Taken {
    url: String,
    ssl: Ssl,
    password_file: Option<String>,
}

fn take_own(url: &str) -> Result<Taken, String> {
    let mut ssl = Ssl { mode: None, roots: None };
    let mut password_file = None;
    let Some((head, query)) = url.split_once('?') else {
        return Ok(Taken { url: url.to_owned(), ssl, password_file });
    };
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else { continue };
        match name.as_ref() {
            "sslmode" => ssl.mode = Some(value.into_owned()),
            "sslrootcert" => ssl.roots = Some(value.into_owned()),
            "password_file" => password_file = Some(value.into_owned()),
            _ => rest.push(pair),
        }
    }
    let known = ["disable", "prefer", "require", "verify-ca", "verify-full"];
    if ssl.mode.as_deref().is_some_and(|mode| !known.contains(&mode)) {
        return Err(format!("sslmode must be one of {}", known.join(", ")));
    }
    let url = if rest.is_empty() { head.to_owned() } else { format!("{head}?{}", rest.join("&")) };
    Ok(Taken { url, ssl, password_file })
}

/// The first line of a file.
fn password_in(file: &str) -> Result<Vec<u8>, String> {
    if file.is_empty() {
        return Err("its password_file names no file".to_owned());
    }
    let content =
        std::fs::read(file).map_err(|error| format!("password_file {file} cannot be read: {error}"))?;
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(format!("password_file {file} has no password in its first line"));
    }
    Ok(line.to_vec())
}

fn client_config(roots: Option<&str>) -> Result<rustls::ClientConfig, String> {
    let mut trusted = rustls::RootCertStore::empty();
    match roots {
        Some(file) => {
            let unusable =
                |error: &dyn std::fmt::Display| format!("sslrootcert {file} cannot be used: {error}");
            let certificates =
                CertificateDer::pem_file_iter(Path::new(file)).map_err(|error| unusable(&error))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unusable(&error))?;
                trusted.add(certificate).map_err(|error| unusable(&error))?;
            }
            if trusted.is_empty() {
                return Err(unusable(&"it holds no certificate"));
            }
        }
        None => trusted.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> PostgresOptions {
        PostgresOptions::parse(url).expect("a good URL")
    }

    #[test]
    fn a_connection_is_plain_at_home_and_verified_elsewhere() {
        let mode = |url| parsed(url).config.get_ssl_mode();
        assert_eq!(mode("postgres://d@localhost/d"), SslMode::Disable);
        assert_eq!(mode("postgres://d@127.0.0.1,[::1]/d"), SslMode::Disable);
        assert_eq!(mode("postgres://d@/d?host=/run/postgresql"), SslMode::Disable);
        assert_eq!(mode("postgres://d@localhost,db.example.com/d"), SslMode::Require);
        assert_eq!(mode("postgres://d@localhost/d?hostaddr=192.0.2.1"), SslMode::Require);
        assert_eq!(mode("postgres://d@db.example.com/d?sslmode=prefer"), SslMode::Require);
        assert_eq!(mode("postgres://d@localhost/d?sslmode=verify-full"), SslMode::Require);
        assert_eq!(mode("postgres://d@db.example.com/d?sslmode=disable"), SslMode::Disable);
    }

    #[test]
    fn of_several_hosts_the_one_that_takes_writes_is_used() {
        let options = parsed("postgres://d:secret@one.example:5433,two.example:5434/d");
        assert_eq!(options.hosts(), "one.example:5433,two.example:5434");
        assert_eq!(options.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        let any = parsed("postgres://d@one.example/d?target_session_attrs=any&sslmode=disable");
        assert_eq!(any.config.get_target_session_attrs(), TargetSessionAttrs::Any);
    }

    #[test]
    fn of_several_hosts_of_a_replica_the_one_that_takes_no_writes_is_used() {
        let wanted = |url| PostgresOptions::parse_replica(url).unwrap().config.get_target_session_attrs();
        assert_eq!(wanted("postgres://d@one.example,two.example/d"), TargetSessionAttrs::ReadOnly);
        let any = "postgres://d@two.example/d?target_session_attrs=any";
        assert_eq!(wanted(any), TargetSessionAttrs::Any);
        let writes = "postgres://d@two.example/d?target_session_attrs=read-write";
        assert!(PostgresOptions::parse_replica(writes).is_err());
        let error = PostgresOptions::parse_replica("postgres://d:hid@den@two.example/d").unwrap_err();
        assert!(error.contains("%40") && !error.contains("hid"), "{error}");
    }

    #[test]
    fn the_parameter_that_is_wrong_is_named_and_nothing_else_is() {
        for (query, expected) in [
            ("connect_timeout=3&foo=hidden", "it has the parameter `foo`, which is not known"),
            (
                "connect_timeout=hidden",
                "it has the parameter `connect_timeout`, which has a value that it cannot have",
            ),
            ("target_session_attrs=hidden&sslmode=disable", "`target_session_attrs`, which has a value"),
            ("hidden", "it is not of the form"),
        ] {
            let error = PostgresOptions::parse(&format!("postgres://d@host/d?{query}")).unwrap_err();
            assert!(error.contains(expected), "{query}: {error}");
            assert!(!error.contains("hidden"), "{query}: {error}");
        }
    }

    #[test]
    fn a_password_that_is_not_written_as_a_url_wants_it_is_not_looked_up_as_a_host() {
        for url in ["postgres://d:hid@den@host/d", "postgres://d@host:12?hidden=den@x/d"] {
            let error = PostgresOptions::parse(url).unwrap_err();
            assert!(error.contains("%40") && !error.contains("hid") && !error.contains("den="), "{error}");
        }
    }

    #[test]
    fn a_password_is_the_first_line_of_the_file_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a password & more");
        let name = form_urlencoded::byte_serialize(file.to_str().unwrap().as_bytes()).collect::<String>();
        let url = format!("postgres://d@localhost/d?password_file={name}&connect_timeout=3");
        for content in ["se:cret@ \n", "se:cret@ \r\nsecond\n", "se:cret@ "] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(parsed(&url).config.get_password(), Some(&b"se:cret@ "[..]), "{content:?}");
        }
    }

    #[test]
    fn a_password_file_without_a_password_or_beside_another_one_is_refused_in_words_that_hold_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let url = format!("postgres://d@localhost/d?password_file={}", file.display());
        let error = PostgresOptions::parse(&url).unwrap_err();
        assert!(error.contains("cannot be read") && error.contains(file.to_str().unwrap()), "{error}");
        for empty in ["", "\n", "\r\nsecret\n"] {
            std::fs::write(&file, empty).unwrap();
            let error = PostgresOptions::parse(&url).unwrap_err();
            assert!(error.contains("no password in its first line") && !error.contains("secret"), "{error}");
        }
        std::fs::write(&file, "secret").unwrap();
        for both in [url.replace("d@", "d:hidden@"), format!("{url}&password=hidden")] {
            let error = PostgresOptions::parse(&both).unwrap_err();
            assert_eq!(error, "it has both a password and a password_file");
        }
        let error = PostgresOptions::parse("postgres://d@localhost/d?password_file=").unwrap_err();
        assert_eq!(error, "its password_file names no file");
    }

    #[test]
    fn a_bad_url_is_refused_without_its_password() {
        for url in [
            "postgres://d:secret@host:port/d",
            "postgres://d:secret@host/d?sslmode=maybe",
            "postgres://d:secret@host/d?sslrootcert=/nowhere.pem",
            "postgres://d:secret@host/d?unheard_of=1",
            "postgres:///d",
        ] {
            let error = PostgresOptions::parse(url).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(!format!("{:?}", parsed("postgres://d:secret@host/d")).contains("secret"));
    }
}
