//! How PostgreSQL is reached: the URL, and how far its server is trusted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

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
    /// - `sslrootcert`: a PEM file of the authorities to trust, in the place of the public ones.
    ///
    /// # Errors
    /// What is wrong with the URL, in words that hold no password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (plain, ssl) = take_ssl(url)?;
        // The parser's own words may quote the URL.
        let mut config: tokio_postgres::Config = plain
            .parse()
            .map_err(|_| "it is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned())?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".to_owned());
        }
        if config.get_user().is_none() {
            return Err("it names no user".to_owned());
        }
        if !plain.contains("target_session_attrs=") {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
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
        Ok(Self {
            write_connections: 16,
            read_connections: 4,
            long_read_connections: 4,
            statement_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            config,
            tls: MakeRustlsConnect::new(client_config(ssl.roots.as_deref())?),
        })
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

/// What the URL says of TLS.
struct Ssl {
    mode: Option<String>,
    roots: Option<String>,
}

impl Ssl {
    fn is_on(&self, config: &tokio_postgres::Config) -> bool {
        self.mode
            .as_deref()
            .map_or_else(|| !config.get_hosts().iter().all(is_local), |mode| mode != "disable")
    }
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

/// The URL without what it says of TLS, which the parser knows only half of.
fn take_ssl(url: &str) -> Result<(String, Ssl), String> {
    let mut ssl = Ssl { mode: None, roots: None };
    let Some((head, query)) = url.split_once('?') else { return Ok((url.to_owned(), ssl)) };
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else { continue };
        match name.as_ref() {
            "sslmode" => ssl.mode = Some(value.into_owned()),
            "sslrootcert" => ssl.roots = Some(value.into_owned()),
            _ => rest.push(pair),
        }
    }
    let known = ["disable", "prefer", "require", "verify-ca", "verify-full"];
    if ssl.mode.as_deref().is_some_and(|mode| !known.contains(&mode)) {
        return Err(format!("sslmode must be one of {}", known.join(", ")));
    }
    let url = if rest.is_empty() { head.to_owned() } else { format!("{head}?{}", rest.join("&")) };
    Ok((url, ssl))
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
