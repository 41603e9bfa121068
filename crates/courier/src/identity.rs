//! The way to Google Identity Platform, whose one use is the deletion of accounts.
//!
//! Deleting is idempotent: an account that is not there is an account that is gone. Invariant: no error text holds an
//! account's id, which answers may repeat; of an answer only its status and its code word are kept.

mod service_account;
mod web;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use denizen_domain::time::Timestamp;
use hyper::header::HeaderValue;
use hyper::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::error::{CourierError, DeliveryError};
use service_account::{ServiceAccount, bearer};
use web::{Answer, Web, code_word, parse_url};

/// What the emulator takes for an access token of the project's owner.
const EMULATOR_TOKEN: &str = "owner";
/// Google's ids of tenants are shorter.
const MAX_TENANT: usize = 128;
/// What a job is told that needs a Google project where none is configured.
pub(crate) const NOT_SET_UP: &str = "no Google project is set up: set identity.google_credentials to the key file of a \
     service account (docs/identity.md)";

/// How accounts at Google are reached. docs/identity.md explains each to the operator.
#[derive(Debug, Clone)]
pub struct GoogleSettings {
    /// The id of the project that holds the accounts; without it, the one that the credentials name.
    pub project: Option<String>,
    /// The key file of a service account, in JSON.
    pub credentials: Option<PathBuf>,
    /// Where Identity Toolkit is: HTTPS, or plain HTTP on this machine for the emulator.
    pub url: String,
    /// The longest that one deletion may take, the fetching of an access token included.
    pub timeout: Duration,
}

/// What deleting has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountDeletion {
    Deleted,
    /// There was no such account: it was deleted before, or never was in this project.
    NotThere,
}

/// One project at Google Identity Platform.
pub struct Google {
    web: Web,
    /// What errors call the other side: who expects Google finds out where the settings really lead.
    server: String,
    /// What all requests begin with, up to the project and without a final slash.
    project_url: String,
    access: Access,
    timeout: Duration,
    /// Until then, in microseconds since the epoch, nobody tries again to reach a server that fell silent.
    silent_until: AtomicI64,
}

enum Access {
    Emulator(HeaderValue),
    // Boxed because it is many times the size of the other.
    ServiceAccount(Box<ServiceAccount>),
}

impl Google {
    /// Checks every setting and reads the credentials; talks to no server. `None` when nothing is set.
    ///
    /// # Errors
    /// The first setting that is unusable or missing, named, without secrets.
    pub fn new(settings: &GoogleSettings) -> Result<Option<Self>, CourierError> {
        let unusable = |setting, reason: String| CourierError::Identity { setting, reason };
        let url = parse_url(&settings.url).map_err(|reason| unusable("google_url", reason.to_owned()))?;
        let loaded = settings.credentials.as_deref().map(ServiceAccount::load).transpose();
        let (access, named) = match loaded.map_err(|reason| unusable("google_credentials", reason))? {
            Some((account, project)) => (Access::ServiceAccount(Box::new(account)), project),
            // Who names an emulator wants something of it, and would otherwise hear so from the first deletion only.
            None if settings.project.is_none() && url.scheme() == "http" => {
                let reason = format!("leads to {}: set identity.google_project, too", url.authority());
                return Err(unusable("google_url", reason));
            }
            None if settings.project.is_none() => return Ok(None),
            None if url.scheme() == "http" => {
                let token = bearer(EMULATOR_TOKEN).expect("a plain word is a header's value");
                (Access::Emulator(token), None)
            }
            None => {
                let reason = "is missing: it names the key file of a service account, without which Google deletes nothing";
                return Err(unusable("google_credentials", reason.to_owned()));
            }
        };
        let Some(project) = settings.project.clone().or(named) else {
            return Err(unusable(
                "google_project",
                "is missing, and the credentials name no project".to_owned(),
            ));
        };
        if !is_path_word(&project, ".:-") {
            return Err(unusable(
                "google_project",
                "must be the id of a project, such as acme-users".to_owned(),
            ));
        }
        let base = url.as_str().trim_end_matches('/');
        let project_url = format!("{base}/v1/projects/{project}");
        let silent_until = AtomicI64::new(0);
        let server = format!("Google's Identity Toolkit at {}", url.authority());
        let timeout = settings.timeout;
        Ok(Some(Self { web: Web::new(), server, project_url, access, timeout, silent_until }))
    }

    /// Deletes an account, once: in `tenant` of the project, or in the project itself.
    ///
    /// `now` is for the access token, which is kept in memory until shortly before its end. For as long as one deletion has
    /// waited in vain, others fail without waiting: thousands of them would keep the worker from everything else.
    ///
    /// # Errors
    /// Everything but a clear "deleted" or "not there". None of them is permanent.
    pub async fn delete_account(
        &self,
        tenant: Option<&str>,
        account_id: &str,
        now: Timestamp,
    ) -> Result<AccountDeletion, DeliveryError> {
        let silent = || {
            let seconds = self.timeout.as_secs_f32();
            DeliveryError::transient(format!("{} did not finish within {seconds} seconds", self.server))
        };
        if now.0 < self.silent_until.load(Ordering::Relaxed) {
            return Err(silent());
        }
        if let Ok(result) =
            tokio::time::timeout(self.timeout, self.try_to_delete(tenant, account_id, now)).await
        {
            return result.map_err(DeliveryError::transient);
        }
        let waited = i64::try_from(self.timeout.as_micros()).unwrap_or(0);
        self.silent_until.store(now.plus_micros(waited.saturating_mul(2)).0, Ordering::Relaxed);
        Err(silent())
    }

    async fn try_to_delete(
        &self,
        tenant: Option<&str>,
        account_id: &str,
        now: Timestamp,
    ) -> Result<AccountDeletion, String> {
        let tenant = match tenant {
            None => String::new(),
            Some(tenant) if is_path_word(tenant, "-_") => format!("/tenants/{tenant}"),
            Some(_) => return Err("the tenant's id is malformed".to_owned()),
        };
        let uri: Uri = format!("{}{tenant}/accounts:delete", self.project_url)
            .parse()
            .map_err(|_| "the settings in [identity] give no web address".to_owned())?;
        let authorization = match &self.access {
            Access::Emulator(token) => token.clone(),
            Access::ServiceAccount(account) => account.authorization(&self.web, now).await?,
        };
        let body = json!({"localId": account_id}).to_string();
        let answer =
            self.web.post(&self.server, &uri, Some(authorization.clone()), "application/json", body).await?;
        if answer.status == StatusCode::UNAUTHORIZED
            && let Access::ServiceAccount(account) = &self.access
        {
            account.forget(&authorization).await;
        }
        read_answer(&self.server, &answer)
    }
}

/// Google's own answer to a deletion is an object. Taking another one for a failure loses nothing: the next attempt is told
/// that the account is not there.
fn read_answer(server: &str, answer: &Answer) -> Result<AccountDeletion, String> {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status == StatusCode::OK && json.is_object() {
        return Ok(AccountDeletion::Deleted);
    }
    let error = json.get("error");
    let word = |member: &str| error.and_then(|error| error.get(member)?.as_str()).and_then(code_word);
    if answer.status == StatusCode::BAD_REQUEST && word("message") == Some("USER_NOT_FOUND") {
        return Ok(AccountDeletion::NotThere);
    }
    let said = word("message").or_else(|| word("status"));
    let said = said.map_or_else(String::new, |word| format!(" {word}"));
    let hint = match answer.status {
        StatusCode::UNAUTHORIZED => "; the access token was not accepted",
        StatusCode::FORBIDDEN => {
            "; the service account needs the permission firebaseauth.users.delete in the project, and the Identity Toolkit \
             API must be enabled there"
        }
        status if status.is_redirection() || status == StatusCode::NOT_FOUND || status == StatusCode::OK => {
            "; does identity.google_url lead to Identity Toolkit?"
        }
        _ => "",
    };
    Err(format!("{server} did not delete the account: {}{said}{hint}", answer.status.as_u16()))
}

/// Whether a text can stand in a path as it is, without leading elsewhere.
fn is_path_word(text: &str, signs: &str) -> bool {
    (1..=MAX_TENANT).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}
