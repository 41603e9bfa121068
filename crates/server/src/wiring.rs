//! From the configuration to the settings of each crate: the only place that knows both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use denizen_courier::{Courier, CourierError, Google, GoogleSettings, MailSettings};
use denizen_directory::DirectorySettings;
use denizen_directory::operator_sessions::{Attempts, SignInSettings};
use denizen_directory::passwords::PasswordSettings;
use denizen_domain::operator::PasswordPolicy;
use denizen_http::{Dialect, DixaSettings, EvaSettings, HttpSettings, TokenRate};
use denizen_store::clusters::registry::Cluster;
use denizen_store::{Clusters, Opening, PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions};

use crate::config::{Config, Place, SecretUrl};
use crate::environment;
use crate::report::Failure;

/// The dialects that this binary speaks.
pub fn dialects() -> Vec<Dialect> {
    vec![
        denizen_http::amigo::dialect(),
        denizen_http::dixa::dialect(),
        denizen_http::eva::dialect(),
        denizen_http::openid::dialect(),
        denizen_http::admin::dialect(),
    ]
}

/// Who opens a store. A server's reads may go to replicas. A command, which does one thing and ends, sees the latest, and may
/// take more memory and longer transactions for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    Server,
    Command,
}

impl Opener {
    /// The options as they are configured, or as a command wants them.
    pub fn wants(self, options: StoreOptions) -> StoreOptions {
        match self {
            Self::Server => options,
            Self::Command => options.for_one_thing(),
        }
    }
}

/// # Errors
/// When a file that a URL names cannot be read any more since the configuration was loaded; when there is a replica of a
/// store on SQLite.
pub fn store_options(config: &Config) -> Result<StoreOptions, Failure> {
    place_options(config, &config.place(), config.postgres.replica.as_ref())
}

/// The databases of the installation: the open one is `main`, and the others are opened, as that says, when they are needed.
pub fn clusters(config: &Config, main: Store, opener: Opener) -> Clusters {
    let config = config.clone();
    let connect = move |cluster: &Cluster, opening: Opening| {
        let options =
            cluster_options(&config, cluster).map_err(|failure| StoreError::Refused(failure.to_string()))?;
        // A disk that is not mounted, or a database that was lost, is not begun anew: it would be empty.
        match &options {
            _ if opening == Opening::New => {}
            StoreOptions::Sqlite(options) => {
                std::fs::metadata(&options.path)
                    .map_err(|error| StoreError::Io(format!("{}: {error}", options.path.display())))?;
            }
            StoreOptions::Postgres(options) if !options.has_tables()? => {
                return Err(StoreError::Refused("the database has no tables of denizen".to_owned()));
            }
            StoreOptions::Postgres(_) => {}
        }
        Store::open(opener.wants(options), environment::now())
    };
    Clusters::new(main, Arc::new(connect))
}

/// How a cluster beside `main` is used: as `main` is, but for where it lies.
///
/// # Errors
/// When one of its URLs cannot be used.
pub fn cluster_options(config: &Config, cluster: &Cluster) -> Result<StoreOptions, Failure> {
    let replica = cluster.replica_url.clone().map(SecretUrl::from);
    place_options(config, &Place::of(&SecretUrl::from(cluster.url.clone())), replica.as_ref())
}

fn place_options(
    config: &Config,
    place: &Place,
    replica: Option<&SecretUrl>,
) -> Result<StoreOptions, Failure> {
    let unusable = |what: &str, url: &dyn std::fmt::Display, reason: String| {
        Failure::usage(
            format!("the {what} {url} cannot be used: {reason}"),
            "docs/operations.md has a chapter on PostgreSQL",
        )
    };
    Ok(match place {
        Place::Sqlite(_) if let Some(replica) = replica => {
            let reason = format!("the store {place} is on SQLite, which has no replicas");
            return Err(unusable("replica", replica, reason));
        }
        Place::Sqlite(file) => SqliteOptions {
            group_commit_max: config.sqlite.group_commit_max,
            checkpoint_pages: config.sqlite.checkpoint_pages,
            reader_cache_kib: config.sqlite.cache_kib,
            long_read_threads: config.sqlite.long_read_threads,
            ..SqliteOptions::new(file.clone())
        }
        .into(),
        Place::Postgres(url) => {
            let mut options =
                PostgresOptions::parse(url.expose()).map_err(|reason| unusable("store", place, reason))?;
            if let Some(replica) = replica {
                let standby = PostgresOptions::parse_replica(replica.expose())
                    .map_err(|reason| unusable("replica", replica, reason))?;
                let most_lag = Duration::from_secs(config.postgres.replica_lag_seconds);
                options = options.with_replica(standby, most_lag);
            }
            options.write_connections = config.postgres.write_connections;
            options.read_connections = config.postgres.read_connections;
            options.long_read_connections = config.postgres.long_read_connections;
            options.statement_timeout = Duration::from_secs(config.postgres.statement_seconds);
            options.patience = Duration::from_secs(config.postgres.patience_seconds);
            options.into()
        }
    })
}

/// `bound` is the address that is really listened on; commands that do not listen give the configured one.
pub fn directory_settings(config: &Config, bound: SocketAddr) -> DirectorySettings {
    DirectorySettings {
        token_minutes: signed(config.amigo.token_minutes),
        magic_link_minutes: signed(config.amigo.magic_link_minutes),
        verify_link_days: signed(config.amigo.verify_link_days),
        search_results: i64::from(config.amigo.search_results),
        page_limit: usize::try_from(config.amigo.list_limit).expect("bounded to 10,000"),
        public_url: config.public_url(bound),
        job_attempts: i64::from(config.mail.attempts),
        share_limits: None,
        awaited_user_days: signed(config.ingest.awaited_user_days),
        account_organizations: config.identity.organizations.clone(),
        passwords: PasswordSettings {
            memory_kib: config.passwords.memory_kib,
            iterations: config.passwords.iterations,
            parallelism: config.passwords.parallelism,
            queue: config.passwords.queue,
        },
        sign_in: SignInSettings {
            access_seconds: config.eva.access_seconds.into(),
            refresh_seconds: config.eva.refresh_seconds.into(),
            session_seconds: config.eva.session_seconds.into(),
            per_account: Attempts {
                burst: config.eva.account_attempts,
                every_seconds: config.eva.account_attempt_seconds,
            },
            per_address: Attempts {
                burst: config.eva.address_attempts,
                every_seconds: config.eva.address_attempt_seconds,
            },
        },
        operator_link_days: signed(config.eva.operator_link_days),
        password_policy: PasswordPolicy {
            min_length: config.eva.password_min_length,
            needs_upper: config.eva.password_needs_upper,
            needs_lower: config.eva.password_needs_lower,
            needs_digit_or_special: config.eva.password_needs_digit_or_special,
        },
        operator_image_bytes: config.eva.image_bytes,
    }
}

pub fn http_settings(config: &Config, bound: SocketAddr) -> HttpSettings {
    let limits = &config.limits;
    HttpSettings {
        body_bytes: limits.body_bytes,
        transcript_bytes: config.amigo.transcript_bytes,
        header_bytes: limits.header_bytes,
        header_count: limits.header_count,
        json_depth: limits.json_depth,
        body_read_seconds: limits.body_read_seconds,
        request_seconds: limits.request_seconds,
        ingest_line_bytes: config.ingest.line_bytes,
        ingest_streams: config.ingest.streams,
        concurrent_requests: limits.concurrent_requests,
        rate_limits: config.rate_limits.enabled.then(|| config.rate_limits.by_operation()),
        public_url: config.public_url(bound),
        address_header: limits.address_header.as_ref().and_then(|name| name.parse().ok()),
        dixa: dixa_settings(config),
        eva: EvaSettings { csv_bytes: config.eva.csv_bytes, csv_uploads: config.eva.csv_uploads },
    }
}

fn dixa_settings(config: &Config) -> DixaSettings {
    let dixa = &config.dixa;
    let is_limited = config.rate_limits.enabled && dixa.requests_per_second > 0;
    let count = |number: u32| usize::try_from(number).expect("bounded to 10,000");
    DixaSettings {
        // Not the address that is listened on: callers who came another way could not follow links that begin with it.
        public_url: config.configured_url(),
        relative_links: dixa.relative_links,
        bulk_alias: dixa.bulk_alias,
        page_limit_default: count(dixa.page_limit_default.min(dixa.page_limit_most)),
        page_limit_most: count(dixa.page_limit_most),
        bulk_items: count(dixa.bulk_items),
        bulk_bytes: dixa.bulk_bytes,
        rate: is_limited.then_some(TokenRate { per_second: dixa.requests_per_second, burst: dixa.burst }),
    }
}

/// What leaves the process, with every setting checked.
///
/// # Errors
/// The first setting that is unusable, and where to read on.
pub fn courier(config: &Config, mail: &MailSettings) -> Result<Courier, Failure> {
    let refused = |error: CourierError| {
        let hint = match error {
            CourierError::Identity { .. } => "docs/identity.md explains every setting of identity",
            _ => "docs/mail.md explains every setting of mail",
        };
        Failure::new(error.to_string(), hint)
    };
    let identity = &config.identity;
    let google = Google::new(&GoogleSettings {
        project: identity.google_project.clone(),
        credentials: identity.google_credentials.clone(),
        url: identity.google_url.clone(),
        timeout: Duration::from_secs(identity.timeout_seconds),
    });
    Ok(Courier::new(mail).map_err(refused)?.with_google(google.map_err(refused)?))
}

pub fn mail_settings(config: &Config) -> MailSettings {
    let mail = &config.mail;
    MailSettings {
        from: mail.from.clone(),
        smtp_url: mail.smtp_url.as_ref().map(|url| SecretUrl::expose(url).to_owned()),
        outbox: config.data.join("mail"),
        templates: mail.templates.clone(),
        language: Some(mail.language.clone()),
        timeout: Duration::from_secs(mail.timeout_seconds),
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("the configuration bounds every number far below 2^63")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_tokens_is_off_where_either_switch_says_so() {
        let mut config = Config::default();
        assert_eq!(dixa_settings(&config).rate, Some(TokenRate { per_second: 10, burst: 4 }));
        config.rate_limits.enabled = false;
        assert_eq!(dixa_settings(&config).rate, None);
        config.rate_limits.enabled = true;
        config.dixa.requests_per_second = 0;
        assert_eq!(dixa_settings(&config).rate, None);
    }

    #[test]
    fn a_store_on_sqlite_has_no_replica() {
        let mut config = Config::default();
        config.postgres.replica = Some(SecretUrl::from("postgres://d:pa55@standby.example/d".to_owned()));
        let refused = store_options(&config).expect_err("there is none").to_string();
        assert!(
            refused.contains("is on SQLite, which has no replicas") && !refused.contains("pa55"),
            "{refused}"
        );
        config.store = Some(SecretUrl::from("postgres://d@db.example.com/d".to_owned()));
        assert!(store_options(&config).is_ok());
    }

    #[test]
    fn links_begin_with_an_address_only_if_one_was_configured() {
        let mut config = Config::default();
        assert_eq!(dixa_settings(&config).public_url, None);
        config.public_url = Some("https://users.example.com/".to_owned());
        assert_eq!(dixa_settings(&config).public_url.as_deref(), Some("https://users.example.com"));
    }

    #[test]
    fn a_page_is_never_larger_than_the_largest() {
        let mut config = Config::default();
        config.dixa.page_limit_most = 20;
        let settings = dixa_settings(&config);
        assert_eq!((settings.page_limit_default, settings.page_limit_most), (20, 20));
    }
}
