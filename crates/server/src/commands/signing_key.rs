//! `denizen signing-key …`: the keys that sign tokens, and their replacement.

use denizen_directory::signing_keys::SigningKeyState;
use denizen_directory::{Directory, Error, ErrorCode};

use crate::cli::{Output, SigningKey};
use crate::config::Config;
use crate::credentials::whole_seconds;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure, table};

pub fn run(config: &Config, key: &SigningKey) -> anyhow::Result<()> {
    with_directory(config, Missing::Refuse, |directory| async move {
        let (done, output) = match key {
            SigningKey::List { output } => (Ok(()), output),
            SigningKey::Rotate { retire, output } => {
                (directory.rotate_signing_keys(retire.as_deref()).await, output)
            }
            SigningKey::Retire { kid, output } => (directory.retire_signing_key(kid).await, output),
        };
        done.map_err(|error| refused(&error))?;
        list(&directory, *output).await
    })
}

fn refused(error: &Error) -> Failure {
    if error.code == ErrorCode::InvalidField {
        return Failure::new(error.text.clone(), "`denizen signing-key list` shows those that exist");
    }
    of_directory(error, About::default())
}

/// The keys as they are then: what a change has done is seen there.
async fn list(directory: &Directory, output: Output) -> anyhow::Result<()> {
    let keys = directory.list_signing_keys().await.map_err(|error| of_directory(&error, About::default()))?;
    if output.json {
        return report::print_json(&keys);
    }
    let rows = keys.iter().map(|key| {
        let state = match key.state {
            SigningKeyState::Published => format!("signs from {}", whole_seconds(key.signs_from)),
            SigningKeyState::Signing => "signs".to_owned(),
            SigningKeyState::Verifying => "verifies".to_owned(),
            SigningKeyState::Retired => {
                format!("retired {}", key.retired_at.map(whole_seconds).unwrap_or_default())
            }
        };
        vec![key.kid.clone(), key.algorithm.to_owned(), whole_seconds(key.created_at), state]
    });
    report::print(&table(&["KEY", "ALGORITHM", "CREATED", "STATE"], rows))
}
