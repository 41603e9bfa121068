//! The effective configuration: every key that an operator can set, with its default.
//!
//! Four layers, each overriding the one before it: the defaults below, one TOML file, `DENIZEN_…` variables, flags.
//! This module and its children know nothing of what the keys are used for: each consumer takes the part it needs.
//! The list of keys exists once, as the structs of this file; names of variables, the printed form and the check of the
//! documentation are derived by walking the serialized defaults.

mod keys;
mod load;
mod print;
mod secret;
#[cfg(test)]
mod tests;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use keys::{check_store, sqlite_path};
pub use load::{Flags, Loaded, Sources, TOKEN_VARIABLE, load};
pub use secret::SecretUrl;
pub use way::Way;

/// The whole configuration. Bounds of numbers are in [`keys::NUMBERS`], so that one table serves checks and messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of everything that denizen keeps. Relative to the working directory. Default `./denizen-data`.
    pub data: PathBuf,
    /// Address and port to listen on. Port 0 takes a free one. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// What links in mails and from page to page begin with, `http://` or `https://`. Default: `http://` and `listen`; of
    /// links from page to page the host that the caller names.
    pub public_url: Option<String>,
    /// The store, `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Default: `denizen.db` in `data`.
    pub store: Option<SecretUrl>,
    pub limits: Limits,
    pub shutdown: Shutdown,
    pub rate_limits: RateLimits,
    pub amigo: Amigo,
    pub dixa: Dixa,
    pub eva: Eva,
    pub passwords: Passwords,
    pub mail: Mail,
    pub identity: Identity,
    pub ingest: Ingest,
    pub log: Log,
    pub sqlite: Sqlite,
    pub postgres: Postgres,
}

/// What one client may ask of the process. Beyond a limit the answer is an error in the dialect's own form, except where
/// no request has been understood yet (connections, slow heads, stalled readers): there the connection waits or is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest request body, in bytes. 1 KiB to 256 MiB, default 1 MiB. A body is held in memory.
    pub body_bytes: usize,
    /// Largest request head (request line and headers), in bytes. 1 KiB to 1 MiB, default 16 KiB.
    pub header_bytes: usize,
    /// Most header lines of a request. 8 to 1,000, default 100.
    pub header_count: usize,
    /// Deepest nesting of a JSON body. 4 to 128, default 32.
    pub json_depth: usize,
    /// Time for a request head from its first byte (for the first one from the accept), in seconds. 1 to 3,600, default 10.
    pub header_read_seconds: u64,
    /// Time for a request body, in seconds. 1 to 3,600, default 30.
    pub body_read_seconds: u64,
    /// A connection whose peer takes no byte of an answer for so many seconds is closed. 1 to 3,600, default 30.
    pub write_stall_seconds: u64,
    /// Time for a whole request, body included, in seconds. 1 to 3,600, default 30.
    pub request_seconds: u64,
    /// Requests worked on at once. 1 to 1,000,000, default 1,024.
    pub concurrent_requests: usize,
    /// Open connections. At the limit no more are accepted, they wait in the system's queue. 1 to 1,000,000, default 4,096.
    pub connections: usize,
    /// An idle connection is closed after so many seconds. 1 to 3,600, default 75.
    pub keep_alive_seconds: u64,
    /// At a stop, in-flight requests get so many seconds to finish. 0 to 3,600, default 30.
    pub shutdown_seconds: u64,
    /// The header in which a proxy says from where a request comes, such as `x-forwarded-for`; of several addresses the last
    /// counts. To be set only where nobody can reach denizen but through that proxy. Default: none, the other end of the
    /// connection.
    pub address_header: Option<String>,
}

/// Leaving without a failed request, for processes behind a balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// From the first signal on, `/readyz` answers 503 for so many seconds while everything else is answered as before; only
    /// then the server stops to accept connections. 0 to 3,600, default 0.
    pub drain_seconds: u64,
}

/// Requests per minute, and whether anything limits requests at all; `serve --no-rate-limits` sets `enabled` to false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    /// Whether any rate limit applies. Default true.
    pub enabled: bool,
    pub amigo: AmigoRateLimits,
    pub admin: AdminRateLimits,
}

/// Requests per minute, organization and operation of the native API. 0 to 1,000,000; 0 means unlimited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminRateLimits {
    /// Streams that are begun; of the records in them there is no limit.
    pub ingest: u32,
    /// Get, put and delete together.
    pub google_account: u32,
    pub get_contacts: u32,
    pub get_environments: u32,
    pub get_bots: u32,
    pub get_operators: u32,
    pub get_jobs: u32,
}

/// Requests per minute, organization and operation of the Amigo dialect (contract, section 1.3). 0 to 1,000,000; 0 means
/// unlimited. The defaults are the vendor's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmigoRateLimits {
    pub sign_in_with_api_key: u32,
    /// Requests for a link by mail, which need no credentials: the vendor documents no limit, and ours keeps strangers
    /// from keeping the mail busy.
    pub sign_in_with_email: u32,
    pub get_users: u32,
    pub create_user: u32,
    pub update_user: u32,
    pub delete_user: u32,
    pub search_users: u32,
    pub get_user_model: u32,
    pub get_memories: u32,
    /// Of the external events the vendor documents no limits.
    pub create_external_event: u32,
    pub get_external_events: u32,
    pub delete_external_event: u32,
    pub modify_user_variables: u32,
    pub get_user_dimensions: u32,
    pub create_role: u32,
    pub get_roles: u32,
    pub modify_role: u32,
    pub assign_role: u32,
    pub create_temporary_permission_grant: u32,
    pub get_temporary_permission_grants: u32,
    pub create_api_key: u32,
    pub get_api_keys: u32,
    pub delete_api_key: u32,
    pub create_organization: u32,
    pub modify_organization: u32,
    pub delete_organization: u32,
}

/// The Amigo dialect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amigo {
    /// Largest (and default) page of get users, in users. 1 to 10,000, default 600.
    pub list_limit: u32,
    /// Most users in the answer of a search, which has no pages. 1 to 100,000, default 1,000.
    pub search_results: u32,
    /// Longest transcript of an external event, in bytes. 1,024 to 67,108,864, default 1,048,576.
    pub transcript_bytes: usize,
    /// Validity of a bearer token, in minutes. 1 to 1,440, default 60.
    pub token_minutes: u64,
    /// Validity of a magic link, in minutes. 1 to 1,440, default 15.
    pub magic_link_minutes: u64,
    /// Validity of a link that verifies an address, in days. 1 to 90, default 7.
    pub verify_link_days: u64,
}

/// The Dixa dialect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dixa {
    /// Requests a second of one token to this process, on and on. 0 to 1,000,000, default 10, the vendor's; 0 means unlimited.
    pub requests_per_second: u32,
    /// Requests at once of one token that has rested. 1 to 1,000,000, default 4, the vendor's.
    pub burst: u32,
    /// Things on a page of a list when the caller does not say. 1 to 10,000, default 50; never more than `page_limit_most`.
    pub page_limit_default: u32,
    /// Most things on a page of a list; who asks for more is given so many. 1 to 10,000, default 1,000.
    pub page_limit_most: u32,
    /// Most end users in one call about many. 1 to 1,000, default 1,000.
    pub bulk_items: u32,
    /// Largest body of a call about many, in bytes. 1 KiB to 256 MiB, default 10 MiB.
    pub bulk_bytes: usize,
    /// Whether the links from page to page are paths, and not whole addresses. Default false.
    pub relative_links: bool,
    /// Whether PATCH and PUT of `/v1/endusers/bulk` mean what those of `/v1/endusers` mean. Default false.
    pub bulk_alias: bool,
}

/// The eva dialect, and what holds for operators in general.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eva {
    /// Validity of a link with which a new operator sets a password, in days. 1 to 90, default 3.
    pub operator_link_days: u64,
    /// Largest image of an operator, in bytes. 0 to 16 MiB, default 256 KiB. It comes in a body, which `limits.body_bytes`
    /// bounds.
    pub image_bytes: usize,
    /// Largest CSV file of operators that is uploaded, in bytes. 1 KiB to 1 GiB, default 10 MiB.
    pub csv_bytes: usize,
    /// Uploaded CSV files that are worked on at once. 1 to 1024, default 4.
    pub csv_uploads: usize,
    /// Fewest characters of a password that is set. 6 to 128, default 6.
    pub password_min_length: usize,
    /// Whether a password needs an upper-case letter. Default true.
    pub password_needs_upper: bool,
    /// Whether a password needs a lower-case letter. Default true.
    pub password_needs_lower: bool,
    /// Whether a password needs a digit, or a character that is neither letter nor digit. Default true.
    pub password_needs_digit_or_special: bool,
    /// Validity of an access token, in seconds. 60 to 3,600, default 300.
    pub access_seconds: u32,
    /// Validity of a refresh token, in seconds. 60 to 86,400, default 1,800. Each refresh brings a new one.
    pub refresh_seconds: u32,
    /// After so many seconds the password has to be shown again, however often was refreshed. 60 to 2,592,000, default 36,000.
    pub session_seconds: u32,
    /// Wrong passwords in a row for one account. 0 to 10,000, default 20; 0 means unlimited.
    pub account_attempts: u32,
    /// After so many seconds there is one more for the account. 1 to 3,600, default 30.
    pub account_attempt_seconds: u32,
    /// Wrong passwords in a row from one address. 0 to 1,000,000, default 200; 0 means unlimited.
    pub address_attempts: u32,
    /// After so many seconds there is one more from the address. 1 to 3,600, default 1.
    pub address_attempt_seconds: u32,
}

/// What hashing a password with argon2id costs. Less than the defaults, which are the least that OWASP recommends, is not
/// accepted; passwords that were hashed with less are hashed again when they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    /// Memory of one hash, in KiB; each core makes one at a time. 19,456 to 1,048,576, default 19,456.
    pub memory_kib: u32,
    /// Passes over the memory. 2 to 64, default 2.
    pub iterations: u32,
    /// Lanes of the memory. 1 to 16, default 1. One thread fills them all.
    pub parallelism: u32,
    /// Sign-ins that may wait for a core; further ones are answered 503. 1 to 100,000, default 64.
    pub queue: usize,
}

/// Mail. Without `smtp_url` mails are written as `.eml` files in the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `smtp://` or `smtps://`, with user and password if the server wants them. A secret. Default: none.
    pub smtp_url: Option<SecretUrl>,
    /// The sender of every mail, `name <address>` or `address`. Default `denizen <denizen@localhost>`.
    pub from: String,
    /// Folder of the operator's own mail texts, which stand before the built-in ones. Default: none.
    pub templates: Option<PathBuf>,
    /// Language of mails to a user who has not chosen one, or one without texts: 2 or 3 lower-case letters. Default `en`.
    pub language: String,
    /// Time for one delivery to the mail server, in seconds. 1 to 90, default 30.
    pub timeout_seconds: u64,
    /// Attempts at a delivery, with growing pauses, before its job counts as failed. 1 to 100, default 12.
    pub attempts: u32,
}

/// Google Identity Platform, where the account that belongs to a user is deleted with the user. `docs/identity.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Id of the project that holds the accounts. Default: the one that the credentials name.
    pub google_project: Option<String>,
    /// The key file of a service account, in JSON. The file is a secret, its name is not. Default: none.
    pub google_credentials: Option<PathBuf>,
    /// Where Identity Toolkit is, `https://`; `http://` on this machine only, for the emulator. Default: Google's own.
    pub google_url: String,
    /// Time for one deletion, in seconds. 1 to 90, default 30.
    pub timeout_seconds: u64,
    /// The organizations in which accounts may be linked, and so deleted. Default: every one.
    pub organizations: Option<BTreeSet<String>>,
}

/// Records that are taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    /// How long records are kept of a user who has not come, in days; then they are erased. 1 to 3,650, default 30.
    pub awaited_user_days: u64,
    /// Longest line, in bytes; longer ones are refused. 1 KiB to 64 MiB, default 1 MiB. A stream holds about two of them.
    pub line_bytes: usize,
    /// Streams of records that are open at once; further ones are answered 503. 1 to 100,000, default 64.
    pub streams: usize,
}

/// The log, on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// One JSON object a line, or text for people. Default `auto`: text at a terminal, JSON elsewhere.
    pub format: LogFormat,
    /// A level (`error`, `warn`, `info`, `debug`, `trace`) or directives such as `info,denizen_store=debug`. Default `info`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Auto,
    Json,
    Text,
}

/// Tuning of the SQLite engine; unused with another store. The defaults suit a machine with 1 GB of memory and more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sqlite {
    /// Most transactions that share one commit. 1 to 65,536, default 512.
    pub group_commit_max: usize,
    /// The write-ahead log is copied into the database when it reaches so many pages. 100 to 1,000,000, default 8,000.
    pub checkpoint_pages: u32,
    /// Page cache of each reading connection, in KiB. 64 to 4,194,304, default 8,192.
    pub cache_kib: u32,
    /// Threads for long reads (exports, deep lists). 1 to 64, default 2.
    pub long_read_threads: usize,
}

/// Tuning of the PostgreSQL engine; unused with another store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// Connections of this process for writes. 1 to 1,000, default 16.
    pub write_connections: usize,
    /// Connections of this process for reads of a few rows; many share each. 1 to 1,000, default 4.
    pub read_connections: usize,
    /// Connections of this process for long reads (lists, searches, exports). 1 to 1,000, default 4.
    pub long_read_connections: usize,
    /// Longest time for one statement, in seconds. 1 to 3,600, default 30.
    pub statement_seconds: u64,
    /// How long a request waits for a server that does not answer, and for a conflict with another write to pass, in
    /// seconds. 1 to 3,600, default 5.
    pub patience_seconds: u64,
    /// A hot standby of the store, to which reads may go. Default: none.
    pub replica: Option<SecretUrl>,
    /// A replica that may be further behind than this is not read, in seconds. 1 to 3,600, default 1.
    pub replica_lag_seconds: u64,
}

/// Where the data is kept. `Display` names it for people, without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Sqlite(PathBuf),
    Postgres(SecretUrl),
}

impl Place {
    /// What a store's URL names.
    pub fn of(url: &SecretUrl) -> Self {
        match keys::sqlite_path(url.expose()) {
            Some(path) => Self::Sqlite(path.to_path_buf()),
            None => Self::Postgres(url.clone()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => file.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./denizen-data"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: None,
            store: None,
            limits: Limits {
                body_bytes: 1 << 20,
                header_bytes: 16 << 10,
                header_count: 100,
                json_depth: 32,
                header_read_seconds: 10,
                body_read_seconds: 30,
                write_stall_seconds: 30,
                request_seconds: 30,
                concurrent_requests: 1024,
                connections: 4096,
                keep_alive_seconds: 75,
                shutdown_seconds: 30,
                address_header: None,
            },
            shutdown: Shutdown { drain_seconds: 0 },
            rate_limits: RateLimits {
                enabled: true,
                amigo: AmigoRateLimits {
                    sign_in_with_api_key: 5,
                    sign_in_with_email: 600,
                    get_users: 60,
                    create_user: 50,
                    update_user: 50,
                    delete_user: 500,
                    search_users: 50,
                    get_user_model: 60,
                    get_memories: 40,
                    create_external_event: 100,
                    get_external_events: 60,
                    delete_external_event: 100,
                    modify_user_variables: 50,
                    get_user_dimensions: 20,
                    create_role: 20,
                    get_roles: 20,
                    modify_role: 10,
                    assign_role: 1000,
                    create_temporary_permission_grant: 100,
                    get_temporary_permission_grants: 100,
                    create_api_key: 5,
                    get_api_keys: 10,
                    delete_api_key: 10,
                    create_organization: 5,
                    modify_organization: 10,
                    delete_organization: 5,
                },
                admin: AdminRateLimits {
                    ingest: 60,
                    google_account: 600,
                    get_contacts: 600,
                    get_environments: 600,
                    get_bots: 600,
                    get_operators: 600,
                    get_jobs: 60,
                },
            },
            amigo: Amigo {
                list_limit: 600,
                search_results: 1000,
                transcript_bytes: 1 << 20,
                token_minutes: 60,
                magic_link_minutes: 15,
                verify_link_days: 7,
            },
            dixa: Dixa {
                requests_per_second: 10,
                burst: 4,
                page_limit_default: 50,
                page_limit_most: 1_000,
                bulk_items: 1_000,
                bulk_bytes: 10 << 20,
                relative_links: false,
                bulk_alias: false,
            },
            eva: Eva {
                operator_link_days: 3,
                image_bytes: 256 << 10,
                csv_bytes: 10 << 20,
                csv_uploads: 4,
                password_min_length: 6,
                password_needs_upper: true,
                password_needs_lower: true,
                password_needs_digit_or_special: true,
                access_seconds: 300,
                refresh_seconds: 1_800,
                session_seconds: 36_000,
                account_attempts: 20,
                account_attempt_seconds: 30,
                address_attempts: 200,
                address_attempt_seconds: 1,
            },
            passwords: Passwords { memory_kib: 19_456, iterations: 2, parallelism: 1, queue: 64 },
            mail: Mail {
                smtp_url: None,
                from: "denizen <denizen@localhost>".to_owned(),
                templates: None,
                language: "en".to_owned(),
                timeout_seconds: 30,
                attempts: 12,
            },
            identity: Identity {
                google_project: None,
                google_credentials: None,
                google_url: "https://identitytoolkit.googleapis.com".to_owned(),
                timeout_seconds: 30,
                organizations: None,
            },
            ingest: Ingest { awaited_user_days: 30, line_bytes: 1 << 20, streams: 64 },
            log: Log { format: LogFormat::Auto, filter: "info".to_owned() },
            sqlite: Sqlite {
                group_commit_max: 512,
                checkpoint_pages: 8000,
                cache_kib: 8192,
                long_read_threads: 2,
            },
            postgres: Postgres {
                write_connections: 16,
                read_connections: 4,
                long_read_connections: 4,
                statement_seconds: 30,
                patience_seconds: 5,
                replica: None,
                replica_lag_seconds: 1,
            },
        }
    }
}

impl Config {
    /// What links in mails begin with, without a final slash. `bound` is the address that was really bound, which differs
    /// from `listen` when that asks for port 0.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        self.configured_url().unwrap_or_else(|| local_url(bound))
    }

    /// What links begin with if somebody has said so, without a final slash.
    pub fn configured_url(&self) -> Option<String> {
        self.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned())
    }

    /// Where the data is kept.
    pub fn place(&self) -> Place {
        match &self.store {
            // `load` refuses what is neither the one nor the other.
            Some(url) => Place::of(url),
            None => Place::Sqlite(self.data.join("denizen.db")),
        }
    }

    /// What a person is told of where the data is: the store that was named, or the data folder.
    pub fn home(&self) -> String {
        match &self.store {
            Some(_) => self.place().to_string(),
            None => self.data.display().to_string(),
        }
    }

    /// The file that is read without being named: `denizen.toml` in the data folder.
    fn file_in(data: &Path) -> PathBuf {
        data.join("denizen.toml")
    }
}

impl RateLimits {
    /// Requests per minute by dialect and operation (the names of the keys); 0 means unlimited.
    pub fn by_operation(&self) -> BTreeMap<String, BTreeMap<String, u32>> {
        fn of(limits: &impl Serialize) -> BTreeMap<String, u32> {
            serde_json::to_value(limits)
                .and_then(serde_json::from_value)
                .expect("a struct of numbers is a map of numbers")
        }
        BTreeMap::from([("amigo".to_owned(), of(&self.amigo)), ("admin".to_owned(), of(&self.admin))])
    }
}

impl Shutdown {
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

impl Limits {
    pub fn header_read(&self) -> Duration {
        Duration::from_secs(self.header_read_seconds)
    }
    pub fn write_stall(&self) -> Duration {
        Duration::from_secs(self.write_stall_seconds)
    }
    pub fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive_seconds)
    }
    pub fn shutdown(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }
}

/// Where a client on this machine reaches the server, without a final slash.
pub fn local_url(bound: SocketAddr) -> String {
    format!("http://{}", reachable(bound))
}

/// The address that a client on this machine can use: nobody can open a link to `0.0.0.0` or `[::]`.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}
