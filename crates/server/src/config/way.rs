//! How another command comes to the same data: the flags for a person to paste, and what pasting alone does not do.

use std::path::Path;

use super::load::{Loaded, Origin};
use super::{Config, SecretUrl};

/// The flags begin with a space, or are empty.
#[derive(Debug, PartialEq, Eq)]
pub struct Way {
    pub flags: String,
    remark: Option<&'static str>,
}

impl Way {
    /// A line of its own, or nothing.
    pub fn remark(&self) -> String {
        self.remark.map(|remark| format!("{remark}\n")).unwrap_or_default()
    }
}

impl Loaded {
    /// Which flags another command needs: those that this process was given, without a password.
    pub fn way(&self) -> Way {
        let origin = self.origin(if self.config.store.is_some() { "store" } else { "data" });
        let data = || format!(" --data {}", quoted(&self.config.data.display().to_string()));
        let (flags, remark) = match (origin, &self.config.store, &self.file_flag) {
            (Origin::Environment(name), ..) => {
                let remark = if name == "DENIZEN_STORE" {
                    "It needs the variable DENIZEN_STORE, as this server has it."
                } else {
                    "It needs the variable DENIZEN_DATA, as this server has it."
                };
                (String::new(), Some(remark))
            }
            (Origin::File { .. }, _, Some(file)) => {
                (format!(" --config {}", quoted(&file.display().to_string())), None)
            }
            // A file that was found in a folder is found there again.
            (Origin::File { path, .. }, ..) if self.is_beside_named_data(path) => (data(), None),
            (Origin::File { .. }, ..) => (String::new(), None),
            (_, Some(url), _) if SecretUrl::is_masked(url) => (
                " --store URL".to_owned(),
                Some(
                    "URL stands for what --store was given here; it is not repeated, for it holds a password.",
                ),
            ),
            (_, Some(url), _) => (format!(" --store {}", quoted(url.expose())), None),
            (_, None, _) => (data(), None),
        };
        Way { flags, remark }
    }

    /// Whether nothing says where a server is: one that was started with other settings than these is not seen from here.
    pub fn guesses_the_address(&self) -> bool {
        ["listen", "public_url"].iter().all(|key| *self.origin(key) == Origin::Default)
    }

    fn is_beside_named_data(&self, file: &Path) -> bool {
        matches!(self.origin("data"), Origin::Flag(_)) && file == Config::file_in(&self.config.data)
    }
}

/// As a shell reads it as one word.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Flags, Sources, load};
    use super::*;

    const URL: &str = "postgres://d:pa55@db.example/d";

    fn way(environment: &[(&str, &str)], flags: Flags, file: Option<PathBuf>) -> Way {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        load(Sources { file, environment, flags }).unwrap().way()
    }

    #[test]
    fn a_store_that_the_environment_names_needs_no_flag() {
        let way = way(&[("DENIZEN_STORE", URL)], Flags::default(), None);
        assert_eq!(way.flags, "");
        assert!(way.remark().contains("DENIZEN_STORE"));
    }

    #[test]
    fn a_password_is_not_repeated_and_not_masked_into_a_url_that_leads_nowhere() {
        let flags = Flags { store: Some(URL.to_owned()), data: Some("d".into()), ..Flags::default() };
        let way = way(&[], flags, None);
        assert_eq!(way.flags, " --store URL");
        assert!(way.remark().contains("password"));
    }

    #[test]
    fn what_flags_said_is_said_again() {
        let flags = Flags { store: Some("postgres://d@h/d?sslmode=disable".to_owned()), ..Flags::default() };
        assert_eq!(way(&[], flags, None).flags, " --store 'postgres://d@h/d?sslmode=disable'");
        let flags = Flags { data: Some("it's here".into()), ..Flags::default() };
        assert_eq!(way(&[], flags, None).flags, " --data 'it'\\''s here'");
        assert_eq!(way(&[], Flags::default(), None).flags, " --data ./denizen-data");
    }

    #[test]
    fn a_file_that_names_the_store_is_named_as_it_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("denizen.toml");
        std::fs::write(&file, format!("store = \"{URL}\"\n")).unwrap();
        let named = way(&[], Flags::default(), Some(file.clone()));
        assert_eq!(named.flags, format!(" --config {}", file.display()));
        let flags = Flags { data: Some(folder.path().to_path_buf()), ..Flags::default() };
        assert_eq!(way(&[], flags, None).flags, format!(" --data {}", folder.path().display()));
        let variable = [("DENIZEN_CONFIG", file.to_str().unwrap())];
        assert_eq!(way(&variable, Flags::default(), None).flags, "");
    }
}
