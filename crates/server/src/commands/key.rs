//! `denizen key …`: the credentials of an organization, API keys here and tokens in the module below.

mod token;

use denizen_directory::api_keys::MAX_KEY_DAYS;
use denizen_directory::organizations::SUPER_ROLE;
use denizen_directory::{Directory, ErrorCode};
use denizen_domain::ids::Uuid;
use denizen_domain::text::{MAX_LINE, stripped};
use denizen_domain::time::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::cli::{Key, KeyCreate, KeyDialect, Output};
use crate::config::Config;
use crate::credentials::{NewCredentials, whole_seconds};
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure, table};

pub fn run(config: &Config, key: &Key) -> anyhow::Result<()> {
    with_directory(config, Missing::Refuse, |directory| async move {
        match key {
            Key::Create(wanted) => match wanted.dialect.unwrap_or(KeyDialect::Amigo) {
                KeyDialect::Amigo => create(&directory, config, wanted).await,
                KeyDialect::Dixa => token::create(&directory, config, wanted).await,
            },
            Key::List { org, dialect, output } => match dialect {
                KeyDialect::Amigo => list(&directory, org, *output).await,
                KeyDialect::Dixa => token::list(&directory, org, *output).await,
            },
            Key::Revoke { org, dialect, key_id, output } => match dialect {
                KeyDialect::Amigo => revoke(&directory, org, key_id, *output).await,
                KeyDialect::Dixa => token::revoke(&directory, org, key_id, *output).await,
            },
        }
    })
}

/// The name as it is kept.
fn name_of(text: &str) -> Result<String, Failure> {
    stripped(text, MAX_LINE)
        .map_err(|error| Failure::usage(format!("--name {error}"), "say what the key is for"))
}

async fn create(directory: &Directory, config: &Config, wanted: &KeyCreate) -> anyhow::Result<()> {
    let KeyCreate { org, dialect: _, role, name, days, output } = wanted;
    // The command line is not understood without these three.
    let (Some(role), Some(name), Some(days)) = (role, name, days) else {
        return Err(Failure::usage(
            "an API key needs a role, a name and an end",
            "give --role, --name and --days",
        )
        .into());
    };
    if i64::from(*days) > MAX_KEY_DAYS {
        return Err(Failure::usage(
            format!("--days: {days} is not in 1 to {MAX_KEY_DAYS}"),
            "make a new key before the old one expires, and then revoke the old one",
        )
        .into());
    }
    let about = About { org, role, ..About::default() };
    let name = name_of(name)?;
    let made = directory
        .create_key_for(org, role.clone(), Some(name), i64::from(*days))
        .await
        .map_err(|error| of_directory(&error, about))?;
    // Whoever uses the key also has to say in whose name, and its creator is somebody who surely may be named.
    let keys = directory.keys_of(org).await.map_err(|error| of_directory(&error, about))?;
    let member_id = keys
        .iter()
        .find(|(key, _)| key.key_id == made.key_id)
        .map(|(key, _)| key.creator.as_member().to_string());
    if output.json {
        return report::print_json(&json!({
            "api_key_id": made.key_id,
            "api_key": made.secret,
            "expires_at": made.expires_at,
            "member_id": member_id,
        }));
    }
    let made_for = format!("made a key of the organization {org}; its secret is shown this once:\n\n");
    let expires_at = whole_seconds(made.expires_at);
    if role != SUPER_ROLE {
        // Its creator is a super administrator, whom this key cannot sign in: nothing that is printed would work.
        return report::print(&format!(
            "{made_for}  API key     {}\n  API key id  {}\n  expires at  {expires_at}\n\n\
             It signs in users whose role is below {role}, by their id in `x-user-id` or AMIGO_USER_ID, and nobody else.\n",
            made.secret, made.key_id
        ));
    }
    let address = config.public_url(config.listen);
    let shown = NewCredentials {
        address: &address,
        organization: org,
        api_key: &made.secret,
        api_key_id: made.key_id.to_string(),
        user_id: member_id.as_deref().unwrap_or_default(),
        expires_at: made.expires_at,
        dixa_token: None,
        org_uuid: String::new(),
        operator: None,
    };
    report::print(&format!(
        "{made_for}{}\nIt signs in every user of {org} by their id; the one above is the administrator who made it.\n\n{}",
        shown.list(),
        shown.exports()
    ))
}

/// A key as it is listed, without its secret, of which only a hash is kept.
#[derive(Serialize)]
struct Listed {
    api_key_id: String,
    name: Option<String>,
    role: String,
    member_id: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    expired: bool,
}

async fn list(directory: &Directory, org: &str, output: Output) -> anyhow::Result<()> {
    let about = About { org, ..About::default() };
    let now = directory.now();
    let keys: Vec<Listed> = directory
        .keys_of(org)
        .await
        .map_err(|error| of_directory(&error, about))?
        .into_iter()
        .map(|(key, role)| Listed {
            api_key_id: key.key_id.to_string(),
            name: key.name,
            role,
            member_id: key.creator.as_member().to_string(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            expired: key.expires_at <= now,
        })
        .collect();
    if output.json {
        return report::print_json(&keys);
    }
    if keys.is_empty() {
        return report::print(&format!(
            "no keys; make one: denizen key create --org {org} --role ROLE --name NAME --days N\n"
        ));
    }
    let rows = keys.into_iter().map(|key| {
        let mut expires = whole_seconds(key.expires_at);
        if key.expired {
            expires.push_str(" (expired)");
        }
        vec![key.api_key_id, key.name.unwrap_or_default(), key.role, key.member_id, expires]
    });
    report::print(&table(&["API KEY ID", "NAME", "ROLE", "CREATED BY", "EXPIRES AT"], rows))
}

async fn revoke(directory: &Directory, org: &str, key_id: &str, output: Output) -> anyhow::Result<()> {
    let about = About { org, key: key_id, ..About::default() };
    if let Err(error) = directory.revoke_key(org, key_id).await {
        if error.code == ErrorCode::ApiKeyNotFound && token::is_there(directory, org, key_id).await? {
            return Err(Failure::new(
                format!("{key_id} is no API key but a token of the Dixa dialect"),
                format!("denizen key revoke --org {org} --dialect dixa {key_id}"),
            )
            .into());
        }
        return Err(of_directory(&error, about).into());
    }
    if output.json {
        return report::print_json(&json!({ "api_key_id": key_id, "revoked": true }));
    }
    report::print(&format!("revoked {key_id}; a running server refuses it within about a second\n"))
}

/// Whether the organization has an API key of this id.
async fn is_there(directory: &Directory, org: &str, key_id: &str) -> anyhow::Result<bool> {
    let about = About { org, ..About::default() };
    let keys = directory.keys_of(org).await.map_err(|error| of_directory(&error, about))?;
    Ok(Uuid::parse(key_id).is_some_and(|id| keys.iter().any(|(key, _)| key.key_id == id)))
}
