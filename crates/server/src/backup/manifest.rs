//! What a backup says of itself.

use denizen_domain::time::Timestamp;
use denizen_store::Facts;
use serde::{Deserialize, Serialize};

use crate::report::harmless;

/// The name of the manifest in a backup.
pub const NAME: &str = "manifest.json";
/// The form of the folder and of the manifest; a reader refuses what is newer than it knows.
const FORMAT: u32 = 1;
/// The cluster of the store that was named, which every installation has.
pub const MAIN: &str = "main";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The time of the state that was copied, in RFC 3339 form.
    pub made_at: String,
    /// The version of denizen that made it.
    pub denizen: String,
    pub databases: Vec<Entry>,
    /// Clusters that lie in PostgreSQL: no part of the backup.
    #[serde(default)]
    pub not_included: Vec<String>,
}

/// A database of the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub cluster: String,
    /// The file's name in the backup's folder.
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
    pub schema_version: i64,
    pub organizations: i64,
    pub users: Users,
}

/// By directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    pub members: i64,
    pub contacts: i64,
    pub operators: i64,
}

impl Entry {
    pub fn new(cluster: &str, facts: Facts, sha256: String) -> Self {
        Self {
            cluster: cluster.to_owned(),
            file: file_of(cluster),
            bytes: facts.bytes,
            sha256,
            schema_version: facts.schema_version,
            organizations: facts.organizations,
            users: Users { members: facts.members, contacts: facts.contacts, operators: facts.operators },
        }
    }

    /// Whether a file holds what this says of it.
    pub fn fits(&self, facts: Facts) -> bool {
        *self == Self::new(&self.cluster, facts, self.sha256.clone())
    }

    pub fn counts(&self) -> String {
        let Users { members, contacts, operators } = self.users;
        format!(
            "organizations: {}, users: {members}, contacts: {contacts}, operators: {operators}",
            self.organizations
        )
    }
}

/// The file of a cluster's database in a backup.
pub fn file_of(cluster: &str) -> String {
    format!("{cluster}.db")
}

/// What is to be done about a manifest that is no worse than this denizen is old.
pub const NEWER: &str = "use a newer denizen";

impl Manifest {
    pub fn new(made_at: Timestamp, databases: Vec<Entry>, not_included: Vec<String>) -> Self {
        Self {
            format: FORMAT,
            made_at: made_at.to_string(),
            denizen: env!("CARGO_PKG_VERSION").to_owned(),
            databases,
            not_included,
        }
    }

    /// Reads a manifest; an error is why it is none. Whoever wrote it may be anybody, so none of its texts, nor the error,
    /// holds a control character.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        Self::parse_raw(text).map_err(|reason| harmless(&reason))
    }

    fn parse_raw(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        // First, for a newer form may be another one altogether.
        let Format { format } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if format > FORMAT {
            return Err(format!(
                "its format is {format}, and this denizen knows formats up to {FORMAT}: {NEWER}"
            ));
        }
        let mut manifest: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let free = [&mut manifest.made_at, &mut manifest.denizen].into_iter();
        let hashes = manifest.databases.iter_mut().map(|entry| &mut entry.sha256);
        for text in free.chain(hashes).chain(&mut manifest.not_included) {
            *text = harmless(text);
        }
        if Timestamp::parse(&manifest.made_at).is_none() {
            return Err(format!("`{}` is no time", manifest.made_at));
        }
        for (at, entry) in manifest.databases.iter().enumerate() {
            let is_name = !entry.cluster.is_empty()
                && entry.cluster.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            // A name must not lead out of the folder.
            if !is_name || entry.file != file_of(&entry.cluster) {
                return Err(format!("`{}` is no file of a backup", entry.file));
            }
            if manifest.databases[..at].iter().any(|other| other.cluster == entry.cluster) {
                return Err(format!("it lists {} twice", entry.file));
            }
        }
        if manifest.databases.iter().all(|entry| entry.cluster != MAIN) {
            return Err(format!("it does not list {}", file_of(MAIN)));
        }
        Ok(manifest)
    }

    pub fn made_at(&self) -> Timestamp {
        Timestamp::parse(&self.made_at).expect("looked at when it was read")
    }

    /// How long ago the backup was made, for people.
    pub fn age(&self, now: Timestamp) -> String {
        let seconds = now.unix_seconds() - self.made_at().unix_seconds();
        let (number, unit) = match seconds {
            ..0 => return "made in the future, by this machine's clock".to_owned(),
            0..120 => (seconds, "second"),
            120..7_200 => (seconds / 60, "minute"),
            7_200..172_800 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        format!("{number} {unit}{} old", if number == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let facts =
            Facts { bytes: 4096, schema_version: 5, organizations: 1, members: 2, contacts: 3, operators: 4 };
        Manifest::new(
            Timestamp(1_767_268_800_000_000),
            vec![Entry::new(MAIN, facts, "ab".to_owned())],
            vec![],
        )
    }

    fn parsed(change: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest, String> {
        let mut value = serde_json::to_value(manifest()).unwrap();
        change(&mut value);
        Manifest::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        assert_eq!(parsed(|_| ()), Ok(manifest()));
        // A newer denizen may say more in the same form.
        assert_eq!(parsed(|value| value["more"] = "x".into()), Ok(manifest()));
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_the_reason() {
        type Change = fn(&mut serde_json::Value);
        let cases: [(Change, &str); 6] = [
            (|value| value["format"] = 2.into(), "use a newer denizen"),
            (|value| value["made_at"] = "noon".into(), "is no time"),
            (|value| value["databases"][0]["file"] = "../main.db".into(), "is no file of a backup"),
            (
                |value| {
                    value["databases"][0]["cluster"] = "a/b".into();
                    value["databases"][0]["file"] = "a/b.db".into();
                },
                "is no file of a backup",
            ),
            (
                |value| {
                    let first = value["databases"][0].clone();
                    value["databases"].as_array_mut().unwrap().push(first);
                },
                "twice",
            ),
            (|value| value["databases"] = serde_json::json!([]), "does not list main.db"),
        ];
        for (change, expected) in cases {
            let error = parsed(change).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(Manifest::parse(b"{\"format\": 1").is_err());
    }

    #[test]
    fn no_text_of_a_manifest_steers_a_terminal() {
        type Change = fn(&mut serde_json::Value);
        let read = parsed(|value| {
            value["denizen"] = "1\u{1b}[2J".into();
            value["not_included"] = serde_json::json!(["us\r\u{9b}31m"]);
            value["databases"][0]["sha256"] = "\u{7}ab".into();
        })
        .unwrap();
        assert_eq!(read.denizen, "1\u{fffd}[2J");
        assert_eq!(read.not_included, ["us\u{fffd}\u{fffd}31m"]);
        assert_eq!(read.databases[0].sha256, "\u{fffd}ab");
        let changes: [Change; 2] = [
            |value| value["made_at"] = "\u{1b}[2J".into(),
            |value| value["databases"][0]["file"] = "\u{1b}[2J".into(),
        ];
        for change in changes {
            let error = parsed(change).unwrap_err();
            assert!(error.contains("`\u{fffd}[2J` is no"), "{error}");
        }
    }

    #[test]
    fn an_age_is_told_in_the_unit_that_fits() {
        let manifest = manifest();
        for (seconds, expected) in [
            (-1, "made in the future, by this machine's clock"),
            (1, "1 second old"),
            (119, "119 seconds old"),
            (7_199, "119 minutes old"),
            (7_200, "2 hours old"),
            (172_800, "2 days old"),
        ] {
            assert_eq!(manifest.age(manifest.made_at().plus_seconds(seconds)), expected);
        }
    }
}
