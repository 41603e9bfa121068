//! What an operator should know at a start though nothing is wrong enough to refuse it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use crate::config::{Config, Place, local_url};

/// Logs a warning for each setting of the configuration and of the file system that is probably a slip.
pub fn warn(config: &Config, bound: SocketAddr) {
    if leads_nowhere(config, bound) {
        tracing::warn!(
            links_begin_with = local_url(bound),
            "others can reach this server but not the links that it mails: set public_url to the address that they use"
        );
    }
    let Place::Sqlite(file) = config.place() else { return };
    let mode = |path: &std::path::Path| fs::metadata(path).map(|found| found.permissions().mode());
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let (Ok(file_mode), Ok(folder_mode)) =
        (mode(&file), mode(folder.unwrap_or_else(|| std::path::Path::new("."))))
        && is_open_to_others(folder_mode, file_mode)
    {
        tracing::warn!(
            file = %file.display(),
            file_mode = format!("{:o}", file_mode & 0o777),
            folder_mode = format!("{:o}", folder_mode & 0o777),
            "other users of this machine can get at the database, which holds personal data and the key that signs \
             tokens: chmod 700 the folder and 600 the file"
        );
    }
}

/// Logs a warning when the Google project that is set up is every organization's, and there are several.
pub fn warn_of_shared_accounts(config: &Config, organizations: usize) {
    if shares_accounts(config, organizations) {
        tracing::warn!(
            organizations,
            "an administrator of any organization can have every account of the Google project deleted, by linking it to a \
             user of its own and deleting that user: list the organizations that the project belongs to in \
             identity.organizations (docs/identity.md)"
        );
    }
}

fn shares_accounts(config: &Config, organizations: usize) -> bool {
    config.identity.organizations.is_none() && organizations > 1
}

/// Whether mailed links begin with an address of this machine though the server listens for others.
fn leads_nowhere(config: &Config, bound: SocketAddr) -> bool {
    config.public_url.is_none() && !bound.ip().is_loopback()
}

/// Whether somebody besides the owner can read or replace a file of these modes.
fn is_open_to_others(folder: u32, file: u32) -> bool {
    (folder & 0o011 != 0 && file & 0o066 != 0) || folder & 0o022 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_others_can_read_or_replace_is_warned_of() {
        for (folder, file, expected) in [
            (0o700, 0o600, false),
            (0o700, 0o644, false),
            (0o755, 0o600, false),
            (0o755, 0o644, true),
            (0o750, 0o640, true),
            (0o777, 0o600, true),
        ] {
            assert_eq!(is_open_to_others(folder, file), expected, "{folder:o} {file:o}");
        }
    }

    #[test]
    fn a_project_that_several_organizations_reach_is_warned_of_until_they_are_listed() {
        let mut config = Config::default();
        assert!(!shares_accounts(&config, 1));
        assert!(shares_accounts(&config, 2));
        config.identity.organizations = Some(["acme".to_owned()].into());
        assert!(!shares_accounts(&config, 2));
    }

    #[test]
    fn links_that_lead_back_to_the_reader_are_warned_of() {
        let mut config = Config::default();
        assert!(!leads_nowhere(&config, "127.0.0.1:80".parse().unwrap()));
        assert!(!leads_nowhere(&config, "[::1]:80".parse().unwrap()));
        assert!(leads_nowhere(&config, "0.0.0.0:80".parse().unwrap()));
        assert!(leads_nowhere(&config, "192.0.2.1:80".parse().unwrap()));
        config.public_url = Some("https://users.example.com".to_owned());
        assert!(!leads_nowhere(&config, "0.0.0.0:80".parse().unwrap()));
    }
}
