//! Reads the four layers and says of each value where it came from.
//!
//! All problems are reported at once: an operator who fixes a file should not have to start the server once per mistake.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{Config, keys};
use crate::report::Failure;

/// The variable that names the configuration file. It is not a key: a file cannot name another one.
const FILE_VARIABLE: &str = "DENIZEN_CONFIG";
/// The variable in which whoever is shown a new token is told to put it, for clients. It is no setting, and a shell that has
/// it must go on to be good for commands of denizen.
pub const TOKEN_VARIABLE: &str = "DENIZEN_DIXA_TOKEN";

/// What a configuration is made from. The environment comes in as a value, so that tests need not change the process's.
#[derive(Debug, Default)]
pub struct Sources {
    /// `--config FILE`
    pub file: Option<PathBuf>,
    /// The process's variables; those that do not begin with `DENIZEN_` are ignored.
    pub environment: Vec<(OsString, OsString)>,
    pub flags: Flags,
}

/// The flags that stand for a key.
#[derive(Debug, Default)]
pub struct Flags {
    pub data: Option<PathBuf>,
    pub listen: Option<String>,
    pub store: Option<String>,
    pub no_rate_limits: bool,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { path: PathBuf, line: usize },
    Environment(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "file {} line {line}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// The effective configuration and the origin of each of its values.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    origins: BTreeMap<String, Origin>,
    /// The file that `--config` named.
    pub(super) file_flag: Option<PathBuf>,
}

impl Loaded {
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }
}

/// A value before its type is known.
enum Raw {
    /// From a variable or a flag: text that stands for whatever type the key has.
    Text(String),
    Toml(toml::Value),
}

struct Setting {
    key: String,
    raw: Raw,
    origin: Origin,
}

/// The effective configuration: defaults < file < environment < flags.
///
/// # Errors
/// A [`Failure`] of usage that lists every unknown key or variable (with the nearest known one), every value of a wrong
/// type or out of its bounds, and where each stands.
pub fn load(sources: Sources) -> anyhow::Result<Loaded> {
    let mut problems = Problems::default();
    let file_flag = sources.file.clone();
    let named = sources.file.clone().or_else(|| named_file(&sources.environment));
    let environment = from_environment(&sources.environment, &mut problems);
    let flags = from_flags(sources.flags, &mut problems);

    // The data folder is needed before the file is read, so a file cannot be what says where it is to be looked for.
    let mut data = Config::default().data;
    for setting in environment.iter().chain(&flags) {
        if let ("data", Raw::Text(text)) = (setting.key.as_str(), &setting.raw) {
            data = PathBuf::from(text);
        }
    }
    let beside_data = Config::file_in(&data);
    let (file, found) = match named {
        Some(path) => (Some(path), false),
        None if beside_data.is_file() => (Some(beside_data), true),
        None => (None, false),
    };
    let mut settings = match &file {
        Some(path) => from_file(path, &mut problems)?,
        None => Vec::new(),
    };
    settings.extend(environment);
    settings.extend(flags);

    let mut tree = keys::defaults();
    let mut origins = BTreeMap::new();
    for setting in settings {
        match accept(&setting) {
            Ok(value) => {
                put(&mut tree, &setting.key, value);
                origins.insert(setting.key, setting.origin);
            }
            Err(problem) => problems.add(&setting.origin, format!(": `{}` {problem}", setting.key)),
        }
    }
    let problems = problems.in_order();
    if !problems.is_empty() {
        return Err(refusal(&problems).into());
    }
    let config: Config = serde_json::from_value(tree).context("the configuration does not fit together")?;
    if found && config.data != data {
        let file = Config::file_in(&data);
        return Err(Failure::usage(
            format!("{} sets `data` to another folder than the one it was found in", file.display()),
            format!("remove `data` from the file, or name the file: --config {}", file.display()),
        )
        .into());
    }
    Ok(Loaded { config, origins, file_flag })
}

/// What is wrong, with the place in which it stands.
#[derive(Default)]
struct Problems(Vec<(Origin, String)>);

impl Problems {
    /// `text` continues the words for the origin.
    fn add(&mut self, origin: &Origin, text: String) {
        self.0.push((origin.clone(), text));
    }

    /// Those of the file by line, as one reads it, then the others.
    fn in_order(mut self) -> Vec<String> {
        self.0.sort_by_key(|(origin, _)| match origin {
            Origin::File { line, .. } => (0, *line),
            Origin::Environment(_) | Origin::Default => (1, 0),
            Origin::Flag(_) => (2, 0),
        });
        self.0.into_iter().map(|(origin, text)| format!("{origin}{text}")).collect()
    }
}

fn refusal(problems: &[String]) -> Failure {
    let message = match problems {
        [one] => format!("configuration: {one}"),
        many => format!("configuration: {} problems\n  - {}", many.len(), many.join("\n  - ")),
    };
    Failure::usage(
        message,
        "correct it where it is set; docs/configuration.md lists every key with its bounds",
    )
}

fn named_file(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let (_, value) = environment.iter().find(|(name, _)| name == FILE_VARIABLE)?;
    (!value.is_empty()).then(|| PathBuf::from(value))
}

fn from_flags(flags: Flags, problems: &mut Problems) -> Vec<Setting> {
    let setting = |key: &str, text: String, flag| Setting {
        key: key.to_owned(),
        raw: Raw::Text(text),
        origin: Origin::Flag(flag),
    };
    let mut settings = Vec::new();
    if let Some(data) = flags.data {
        match data.into_os_string().into_string() {
            Ok(data) => settings.push(setting("data", data, "--data")),
            Err(_) => problems.add(&Origin::Flag("--data"), " is not valid UTF-8".to_owned()),
        }
    }
    if let Some(listen) = flags.listen {
        settings.push(setting("listen", listen, "--listen"));
    }
    if let Some(store) = flags.store {
        settings.push(setting("store", store, "--store"));
    }
    if flags.no_rate_limits {
        settings.push(setting("rate_limits.enabled", "false".to_owned(), "--no-rate-limits"));
    }
    settings
}

fn from_environment(environment: &[(OsString, OsString)], problems: &mut Problems) -> Vec<Setting> {
    let known: BTreeMap<String, String> =
        keys::all().into_iter().map(|(key, _)| (keys::variable(&key), key)).collect();
    let mut settings = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with("DENIZEN_")) else { continue };
        if name == FILE_VARIABLE || name == TOKEN_VARIABLE || is_service_link(name) {
            continue;
        }
        let origin = Origin::Environment(name.to_owned());
        let Some(key) = known.get(name) else {
            let all = known.keys().map(String::as_str).chain([FILE_VARIABLE]);
            let nearest = keys::nearest(name, all);
            let nearest = nearest.map(|nearest| format!("; the nearest known variable is {nearest}"));
            problems.add(&origin, format!(" is unknown{}", nearest.unwrap_or_default()));
            continue;
        };
        match value.to_str() {
            Some(text) => {
                settings.push(Setting { key: key.clone(), raw: Raw::Text(text.to_owned()), origin });
            }
            None => problems.add(&origin, " is not valid UTF-8".to_owned()),
        }
    }
    settings
}

/// Kubernetes puts `DENIZEN_SERVICE_HOST`, `DENIZEN_PORT_8080_TCP` and the like into every container beside a service that
/// is named `denizen`. Refusing those would make that most natural name unusable.
fn is_service_link(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("DENIZEN_") else { return false };
    rest == "PORT"
        || rest == "SERVICE_HOST"
        || rest == "SERVICE_PORT"
        || rest.starts_with("SERVICE_PORT_")
        || rest.strip_prefix("PORT_").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn from_file(path: &Path, problems: &mut Problems) -> anyhow::Result<Vec<Setting>> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(
            format!("cannot read the configuration file {}: {error}", path.display()),
            match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    "this user must be able to read it: look at the owner and the mode of the file and its folders"
                }
                std::io::ErrorKind::InvalidData => "it must be text in UTF-8",
                _ => "name an existing file with --config or DENIZEN_CONFIG; `denizen config` prints one to begin with",
            },
        )
    })?;
    // The parser's own text quotes the line, which may hold a password: only its message and the line number are shown.
    let syntax = |error: &toml::de::Error| {
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        let mut message = error.message().lines().next().unwrap_or("not valid TOML").to_owned();
        if message == "duplicate key"
            && let Some(key) = error.span().and_then(|span| text.get(span))
        {
            // What stands there is the name of a key, never a value.
            message = format!("`{}` stands here a second time", key.trim());
        }
        Failure::usage(
            format!("{} line {line}: {message}", path.display()),
            "the file must be TOML: `key = value` lines, texts in double quotes, [section] headings",
        )
    };
    let spans = DeTable::parse(&text).map_err(|error| syntax(&error))?;
    let values: toml::Table = toml::from_str(&text).map_err(|error| syntax(&error))?;
    let mut lines = BTreeMap::new();
    collect_lines(spans.get_ref(), "", &text, &mut lines);

    let known: Vec<String> = keys::all().into_iter().map(|(key, _)| key).collect();
    let sections = keys::sections();
    let mut reader = FileReader { path, lines, known, sections, settings: Vec::new(), problems };
    reader.table(values, "");
    Ok(reader.settings)
}

struct FileReader<'a> {
    path: &'a Path,
    lines: BTreeMap<String, usize>,
    known: Vec<String>,
    sections: Vec<String>,
    settings: Vec<Setting>,
    problems: &'a mut Problems,
}

impl FileReader<'_> {
    fn table(&mut self, table: toml::Table, prefix: &str) {
        for (name, value) in table {
            let key = keys::join(prefix, &name);
            let origin = Origin::File {
                path: self.path.to_path_buf(),
                line: self.lines.get(&key).copied().unwrap_or(1),
            };
            match value {
                toml::Value::Table(inner) if self.sections.contains(&key) => self.table(inner, &key),
                toml::Value::Table(_) if !self.known.contains(&key) => {
                    self.unknown(&key, &origin, "section", &self.sections.clone());
                }
                _ if self.sections.contains(&key) => {
                    let text = format!(": `{key}` is a section: write [{key}] and its keys below it");
                    self.problems.add(&origin, text);
                }
                _ if !self.known.contains(&key) => self.unknown(&key, &origin, "key", &self.known.clone()),
                value => self.settings.push(Setting { key, raw: Raw::Toml(value), origin }),
            }
        }
    }

    fn unknown(&mut self, key: &str, origin: &Origin, noun: &str, known: &[String]) {
        let nearest = keys::nearest(key, known.iter().map(String::as_str));
        let nearest = nearest.map(|nearest| format!("; the nearest known {noun} is `{nearest}`"));
        self.problems.add(origin, format!(": unknown {noun} `{key}`{}", nearest.unwrap_or_default()));
    }
}

fn collect_lines(table: &DeTable<'_>, prefix: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (name, value) in table {
        let key = keys::join(prefix, name.get_ref());
        lines.insert(key.clone(), line_of(text, name.span().start));
        if let DeValue::Table(inner) = value.get_ref() {
            collect_lines(inner, &key, text, lines);
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The value of a setting in the type of its key, checked against its bounds.
fn accept(setting: &Setting) -> Result<Value, String> {
    let defaults = keys::defaults();
    let default = get(&defaults, &setting.key).ok_or("is unknown")?;
    let value = if keys::is_list(&setting.key) { list(&setting.raw)? } else { typed(default, &setting.raw)? };
    match &value {
        // An empty text means "not set" where that is possible: shells and compose files cannot unset a variable.
        Value::String(text) if default.is_null() && text.is_empty() => return Ok(Value::Null),
        // The one name that means the same on every machine; others are left to whoever configures the network.
        Value::String(text) if setting.key == "listen" && text.starts_with("localhost:") => {
            return accept(&Setting {
                raw: Raw::Text(text.replacen("localhost", "127.0.0.1", 1)),
                key: setting.key.clone(),
                origin: setting.origin.clone(),
            });
        }
        Value::String(text) => keys::check_text(&setting.key, text)?,
        Value::Array(texts) => {
            for text in texts.iter().filter_map(Value::as_str) {
                keys::check_text(&setting.key, text)?;
            }
        }
        Value::Number(number) => {
            let bounds = keys::bounds(&setting.key).ok_or("has no bounds")?;
            let within = number.as_u64().is_some_and(|n| (bounds.min..=bounds.max).contains(&n));
            if !within {
                return Err(format!(
                    "is {number}, out of its range {} to {} ({})",
                    bounds.min, bounds.max, bounds.unit
                ));
            }
        }
        _ => {}
    }
    // What only the type itself can check (an address, one of several words) is tried alone, so that the message can say
    // which source it came from.
    let mut probe = defaults.clone();
    put(&mut probe, &setting.key, value.clone());
    serde_json::from_value::<Config>(probe).map_err(|error| match setting.key.as_str() {
        "listen" => {
            "must be ADDRESS:PORT with a numeric address, such as 127.0.0.1:8080 or [::]:8080".to_owned()
        }
        "log.format" => "must be auto, json or text".to_owned(),
        _ => format!("is not accepted: {error}"),
    })?;
    Ok(value)
}

fn typed(default: &Value, raw: &Raw) -> Result<Value, String> {
    let wrong = |wanted: &str| Err(format!("must be {wanted}"));
    match (default, raw) {
        (Value::Bool(_), Raw::Toml(toml::Value::Boolean(flag))) => Ok(Value::Bool(*flag)),
        (Value::Bool(_), Raw::Text(text)) => match text.as_str() {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => wrong("true or false"),
        },
        (Value::Bool(_), _) => wrong("true or false"),
        (Value::Number(_), Raw::Toml(toml::Value::Integer(number))) => Ok(Value::from(*number)),
        (Value::Number(_), Raw::Text(text)) => match text.trim().replace('_', "").parse::<i64>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => wrong("a whole number"),
        },
        (Value::Number(_), _) => wrong("a whole number"),
        (_, Raw::Toml(toml::Value::String(text)) | Raw::Text(text)) => Ok(Value::String(text.clone())),
        _ => wrong("a text in quotes"),
    }
}

/// The list that stands for texts. In a file an empty one is a list too, while a variable that is empty is not set.
fn list(raw: &Raw) -> Result<Value, String> {
    match raw {
        Raw::Text(text) if text.is_empty() => Ok(Value::Null),
        Raw::Text(text) => Ok(text.split(',').map(str::trim).collect()),
        Raw::Toml(toml::Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map(Value::from).ok_or_else(|| "must hold texts only".to_owned()))
            .collect(),
        Raw::Toml(_) => Err("must be a list of texts, such as [\"acme\", \"globex\"]".to_owned()),
    }
}

fn get<'a>(tree: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(tree, |tree, name| tree.get(name))
}

/// Sets a key that exists.
fn put(tree: &mut Value, key: &str, value: Value) {
    let place = key.split('.').try_fold(tree, |tree, name| tree.get_mut(name));
    *place.expect("`accept` has found the key in this same tree") = value;
}
