//! The keys of the configuration, found by walking the serialized defaults: their names, the variable of each, the
//! bounds of numbers, the form of texts, and which known key an unknown one comes nearest to.

use std::path::Path;

use axum::http::{HeaderName, Uri};
use denizen_domain::text::Slug;
use denizen_store::PostgresOptions;
use serde_json::Value;
use tracing_subscriber::filter::Targets;

use super::Config;

/// The unit and the bounds, both inclusive, of one number. A test compares this table with the structs.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    pub key: &'static str,
    pub unit: &'static str,
    pub min: u64,
    pub max: u64,
}

const fn number(key: &'static str, unit: &'static str, min: u64, max: u64) -> Number {
    Number { key, unit, min, max }
}

/// Every number of the configuration, except the rate limits, which are all alike ([`RATE`]).
pub const NUMBERS: &[Number] = &[
    number("limits.body_bytes", "bytes", 1024, 256 << 20),
    number("limits.header_bytes", "bytes", 1024, 1 << 20),
    number("limits.header_count", "headers", 8, 1000),
    // serde_json stops at 128 by itself.
    number("limits.json_depth", "levels", 4, 128),
    number("limits.header_read_seconds", "seconds", 1, 3600),
    number("limits.body_read_seconds", "seconds", 1, 3600),
    number("limits.write_stall_seconds", "seconds", 1, 3600),
    number("limits.request_seconds", "seconds", 1, 3600),
    number("limits.concurrent_requests", "requests", 1, 1_000_000),
    number("limits.connections", "connections", 1, 1_000_000),
    number("limits.keep_alive_seconds", "seconds", 1, 3600),
    number("limits.shutdown_seconds", "seconds", 0, 3600),
    number("shutdown.drain_seconds", "seconds", 0, 3600),
    number("amigo.list_limit", "users", 1, 10_000),
    number("amigo.search_results", "users", 1, 100_000),
    number("amigo.transcript_bytes", "bytes", 1024, 64 << 20),
    number("amigo.token_minutes", "minutes", 1, 1440),
    number("amigo.magic_link_minutes", "minutes", 1, 1440),
    number("amigo.verify_link_days", "days", 1, 90),
    number("dixa.requests_per_second", "requests per second, 0 = unlimited", 0, 1_000_000),
    number("dixa.burst", "requests", 1, 1_000_000),
    number("dixa.page_limit_default", "per page", 1, 10_000),
    number("dixa.page_limit_most", "per page", 1, 10_000),
    number("dixa.bulk_items", "end users", 1, 1_000),
    number("dixa.bulk_bytes", "bytes", 1024, 256 << 20),
    number("eva.operator_link_days", "days", 1, 90),
    number("eva.image_bytes", "bytes", 0, 16 << 20),
    number("eva.csv_bytes", "bytes", 1024, 1 << 30),
    number("eva.csv_uploads", "files", 1, 1024),
    number("eva.password_min_length", "characters", 6, 128),
    number("eva.access_seconds", "seconds", 60, 3_600),
    number("eva.refresh_seconds", "seconds", 60, 86_400),
    number("eva.session_seconds", "seconds", 60, 2_592_000),
    number("eva.account_attempts", "attempts, 0 = unlimited", 0, 10_000),
    number("eva.account_attempt_seconds", "seconds", 1, 3_600),
    number("eva.address_attempts", "attempts, 0 = unlimited", 0, 1_000_000),
    number("eva.address_attempt_seconds", "seconds", 1, 3_600),
    // The least is OWASP's.
    number("passwords.memory_kib", "KiB", 19_456, 1 << 20),
    number("passwords.iterations", "passes", 2, 64),
    number("passwords.parallelism", "lanes", 1, 16),
    number("passwords.queue", "sign-ins", 1, 100_000),
    // Below the two minutes for which a job is leased: a delivery that outlives its lease would be begun again.
    number("mail.timeout_seconds", "seconds", 1, 90),
    number("mail.attempts", "attempts", 1, 100),
    number("identity.timeout_seconds", "seconds", 1, 90),
    number("ingest.awaited_user_days", "days", 1, 3650),
    number("ingest.line_bytes", "bytes", 1024, 64 << 20),
    number("ingest.streams", "streams", 1, 100_000),
    number("sqlite.group_commit_max", "transactions", 1, 65_536),
    number("sqlite.checkpoint_pages", "pages", 100, 1_000_000),
    number("sqlite.cache_kib", "KiB", 64, 4_194_304),
    number("sqlite.long_read_threads", "threads", 1, 64),
    number("postgres.write_connections", "connections", 1, 1000),
    number("postgres.read_connections", "connections", 1, 1000),
    number("postgres.long_read_connections", "connections", 1, 1000),
    number("postgres.statement_seconds", "seconds", 1, 3600),
    number("postgres.patience_seconds", "seconds", 1, 3600),
    number("postgres.replica_lag_seconds", "seconds", 1, 3600),
];

/// The bounds of each `rate_limits.DIALECT.OPERATION`.
pub const RATE: Number = number("rate_limits.*.*", "requests per minute, 0 = unlimited", 0, 1_000_000);

/// The bounds of a number.
pub fn bounds(key: &str) -> Option<Number> {
    // `rate_limits.enabled` is no rate: a rate stands in the section of its dialect.
    if key.starts_with("rate_limits.") && key.matches('.').count() == 2 {
        return Some(RATE);
    }
    NUMBERS.iter().copied().find(|number| number.key == key)
}

/// The defaults as a tree; `null` where nothing is set.
pub fn defaults() -> Value {
    serde_json::to_value(Config::default()).expect("the configuration is plain data with text keys")
}

/// Every key with its default, depth first.
pub fn all() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    walk(&defaults(), "", &mut found);
    found
}

fn walk(tree: &Value, prefix: &str, found: &mut Vec<(String, Value)>) {
    match tree {
        Value::Object(members) => {
            for (name, value) in members {
                walk(value, &join(prefix, name), found);
            }
        }
        value => found.push((prefix.to_owned(), value.clone())),
    }
}

/// `prefix.name`, or `name` at the top.
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// The sections: every proper prefix of a key, such as `rate_limits` and `rate_limits.amigo`.
pub fn sections() -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (key, _) in all() {
        for (dot, _) in key.match_indices('.') {
            let section = key[..dot].to_owned();
            if !found.contains(&section) {
                found.push(section);
            }
        }
    }
    found
}

/// The variable of a key: `limits.body_bytes` is `DENIZEN_LIMITS_BODY_BYTES`.
pub fn variable(key: &str) -> String {
    format!("DENIZEN_{}", key.replace('.', "_").to_uppercase())
}

/// From this likeness on (0 to 1) a name is taken for a slip of another.
const NEAR: f64 = 0.6;

/// The known name that `unknown` comes nearest to. Besides the whole dotted name the last part alone counts a little less,
/// so that `body_bytes` outside of its section finds `limits.body_bytes`; and what stands among the rate limits is looked for
/// outside of them as well, for that is where a dialect that limits by the second has its numbers. Nothing when none is
/// near: a far one misleads.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    fn last(name: &str) -> &str {
        name.rsplit('.').next().unwrap_or(name)
    }
    // What all variables begin with makes none of them alike.
    fn own(name: &str) -> String {
        let folded = name.to_lowercase();
        folded.strip_prefix("denizen_").map(str::to_owned).unwrap_or(folded)
    }
    let unknown = own(unknown);
    let outside = unknown.strip_prefix("rate_limits").and_then(|rest| rest.strip_prefix(['.', '_']));
    let mut best: Option<(f64, &str)> = None;
    for name in known {
        let folded = own(name);
        let whole = strsim::normalized_damerau_levenshtein(&unknown, &folded);
        let tail = strsim::normalized_damerau_levenshtein(last(&unknown), last(&folded)) * 0.9;
        let moved = outside.map_or(0.0, |name| strsim::normalized_damerau_levenshtein(name, &folded));
        let score = whole.max(tail).max(moved);
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, name));
        }
    }
    best.filter(|(score, _)| *score >= NEAR).map(|(_, name)| name)
}

/// Whether a key is a list of texts: `["a", "b"]` in a file, `a,b` in a variable.
pub fn is_list(key: &str) -> bool {
    key == "identity.organizations"
}

/// Whether a text, or each text of a list, is one that its key accepts. The message never repeats the value: it may hold a password.
pub fn check_text(key: &str, text: &str) -> Result<(), String> {
    let accepted = match key {
        "data" => (!text.is_empty(), "must name a folder"),
        "public_url" => (
            is_base_url(text),
            "must be an address such as https://users.example.com, without query and fragment",
        ),
        "store" => return check_store(text),
        "postgres.replica" => return check_postgres(text, PostgresOptions::parse_replica),
        "limits.address_header" => {
            (text.parse::<HeaderName>().is_ok(), "must be the name of a header, such as x-forwarded-for")
        }
        "mail.smtp_url" => (
            text.starts_with("smtp://") || text.starts_with("smtps://"),
            "must begin with smtp:// or smtps://",
        ),
        "mail.from" => {
            (text.contains('@') && !text.chars().any(char::is_control), "must be ADDRESS or NAME <ADDRESS>")
        }
        "mail.language" => (
            (2..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase()),
            "must be a language code of 2 or 3 lower-case letters, such as en or spa",
        ),
        "identity.google_url" => (
            is_base_url(text) && !text.contains('@'),
            "must be an address such as https://identitytoolkit.googleapis.com, without user, query and fragment",
        ),
        // Not only the form: an organization that cannot be is a slip that would shut out the one that was meant.
        "identity.organizations" => {
            return Slug::parse(text).map(drop).map_err(|error| format!("names no organization: {error}"));
        }
        "log.filter" => (
            is_filter(text),
            "must be a level (error, warn, info, debug, trace, off) or directives such as info,denizen_store=debug",
        ),
        _ => (true, ""),
    };
    if accepted.0 { Ok(()) } else { Err(accepted.1.to_owned()) }
}

fn check_postgres(
    url: &str,
    parse: impl FnOnce(&str) -> Result<PostgresOptions, String>,
) -> Result<(), String> {
    parse(url).map(drop).map_err(|reason| format!("cannot be used as a PostgreSQL URL: {reason}"))
}

/// Whether a URL is one of a store. The message never repeats it.
pub fn check_store(url: &str) -> Result<(), String> {
    if ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return check_postgres(url, PostgresOptions::parse);
    }
    let is_usable = sqlite_path(url).is_some();
    is_usable.then_some(()).ok_or_else(|| {
        "must be sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE for PostgreSQL".to_owned()
    })
}

fn is_base_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.query().is_none()
        && !text.contains('#')
}

/// The filter's own parser takes any lone word for the name of a module and then silences all others, so that a typing
/// error in a level would lose the log. Here a lone word must be a level, and so must what follows a `=`.
fn is_filter(text: &str) -> bool {
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let is_level = |word: &str| levels.iter().any(|level| word.eq_ignore_ascii_case(level));
    let each = |part: &str| is_level(part.rsplit('=').next().unwrap_or(part).trim());
    text.split(',').all(each) && text.parse::<Targets>().is_ok()
}

/// The path in `sqlite:PATH`; `sqlite://PATH` is accepted because other tools write it so.
pub fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    (!path.is_empty() && !path.starts_with(':') && !path.contains('?')).then(|| Path::new(path))
}
