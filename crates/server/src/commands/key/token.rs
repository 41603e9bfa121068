//! The tokens of the Dixa dialect, with which programs call in their own name.

use denizen_directory::organizations::ADMINISTRATOR_ROLE;
use denizen_directory::{Directory, Error, ErrorCode};
use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::name_of;
use crate::cli::{KeyCreate, Output};
use crate::config::Config;
use crate::credentials::{token_call, token_export, whole_seconds};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure, table};

const NEVER: &str = "never";

pub async fn create(directory: &Directory, config: &Config, wanted: &KeyCreate) -> anyhow::Result<()> {
    let KeyCreate { org, dialect: _, role, name, days, output } = wanted;
    let role = role.as_deref().unwrap_or(ADMINISTRATOR_ROLE);
    let name = name.as_deref().map(name_of).transpose()?;
    let expires_at = days.map(|days| directory.now().plus_seconds(i64::from(days) * 86_400));
    let about = About { org, role, ..About::default() };
    let made = directory
        .create_access_token(org, role, name, expires_at)
        .await
        .map_err(|error| of_directory(&error, about))?;
    if !directory.serves_tokens(org, role).await.map_err(|error| of_directory(&error, about))? {
        report::warn(&format!(
            "the role {role} grants none of Directory:ReadContact, Directory:WriteContact and Directory:AnonymizeContact, so \
             the token is answered 403 until it does; docs/operations.md has an example of a role for tokens"
        ));
    }
    if output.json {
        return report::print_json(&json!({
            "dixa_token_id": made.token_id,
            "dixa_token": made.token,
            "expires_at": expires_at,
        }));
    }
    let address = config.public_url(config.listen);
    report::print(&format!(
        "made a token of the organization {org}; its secret is shown this once:\n\n  Dixa token     {token}\n  \
         Dixa token id  {}\n  role           {role}\n  expires at     {}\n\n\
         Whoever holds it may do in {org} what {role} may, in the Dixa dialect and in no other.\n\n{}\n\
         A first call to a running server:\n\n{}",
        made.token_id,
        expires_at.map_or_else(|| NEVER.to_owned(), whole_seconds),
        token_export(&made.token),
        token_call(&address, &made.token),
        token = made.token,
    ))
}

/// A token as it is listed, without its secret, of which only a hash is kept.
#[derive(Serialize)]
struct Listed {
    dixa_token_id: Uuid,
    name: Option<String>,
    role: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    expired: bool,
}

pub async fn list(directory: &Directory, org: &str, output: Output) -> anyhow::Result<()> {
    let about = About { org, ..About::default() };
    let now = directory.now();
    let tokens: Vec<Listed> = directory
        .access_tokens(org)
        .await
        .map_err(|error| of_directory(&error, about))?
        .into_iter()
        .map(|(token, role)| Listed {
            dixa_token_id: token.token_id,
            name: token.name,
            role,
            created_at: token.created_at,
            expires_at: token.expires_at,
            expired: token.expires_at.is_some_and(|end| end <= now),
        })
        .collect();
    if output.json {
        return report::print_json(&tokens);
    }
    if tokens.is_empty() {
        return report::print(&format!(
            "no tokens; make one: denizen key create --org {org} --dialect dixa --name NAME\n"
        ));
    }
    let rows = tokens.into_iter().map(|token| {
        let mut expires = token.expires_at.map_or_else(|| NEVER.to_owned(), whole_seconds);
        if token.expired {
            expires.push_str(" (expired)");
        }
        let id = token.dixa_token_id.to_string();
        vec![id, token.name.unwrap_or_default(), token.role, whole_seconds(token.created_at), expires]
    });
    report::print(&table(&["DIXA TOKEN ID", "NAME", "ROLE", "CREATED AT", "EXPIRES AT"], rows))
}

pub async fn revoke(directory: &Directory, org: &str, id: &str, output: Output) -> anyhow::Result<()> {
    let revoked = match Uuid::parse(id) {
        Some(token) => directory.revoke_access_token(org, token).await,
        None => Err(Error::new(ErrorCode::ApiKeyNotFound)),
    };
    match revoked {
        Ok(()) => {}
        Err(error) if error.code == ErrorCode::ApiKeyNotFound => {
            return Err(not_found(directory, org, id).await?.into());
        }
        Err(error) => return Err(of_directory(&error, About { org, ..About::default() }).into()),
    }
    if output.json {
        return report::print_json(&json!({ "dixa_token_id": id, "revoked": true }));
    }
    report::print(&format!("revoked {id}; a running server refuses it within about a second\n"))
}

async fn not_found(directory: &Directory, org: &str, id: &str) -> anyhow::Result<Failure> {
    Ok(if super::is_there(directory, org, id).await? {
        Failure::new(
            format!("{id} is no token of the Dixa dialect but an API key"),
            format!("denizen key revoke --org {org} {id}"),
        )
    } else {
        Failure::new(
            format!("the organization {org} has no Dixa token {id}"),
            format!("`denizen key list --org {org} --dialect dixa` shows those that exist"),
        )
    })
}

/// Whether the organization has a token of this id.
pub async fn is_there(directory: &Directory, org: &str, id: &str) -> anyhow::Result<bool> {
    let about = About { org, ..About::default() };
    let tokens = directory.access_tokens(org).await.map_err(|error| of_directory(&error, about))?;
    Ok(Uuid::parse(id).is_some_and(|id| tokens.iter().any(|(token, _)| token.token_id == id)))
}
