//! New credentials as a person is shown them, once: what they are, and what to paste so that the next call works.

use std::borrow::Cow;

use denizen_directory::Directory;
use denizen_directory::operators::{AccessInput, NewOperator, Welcome};
use denizen_directory::organizations::CreatedOrganization;
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;

use crate::config::TOKEN_VARIABLE;

/// The variables that the examples use which are about operators.
const OPERATOR_VARIABLES: [&str; 3] =
    ["DENIZEN_ORG_UUID", "DENIZEN_OPERATOR_EMAIL", "DENIZEN_OPERATOR_PASSWORD"];
const EVA_TOKEN_VARIABLE: &str = "DENIZEN_EVA_TOKEN";

/// The operator with whom an organization begins, an administrator with a password that was made up.
pub struct FirstOperator {
    pub email: String,
    pub password: String,
}

impl FirstOperator {
    /// Makes the operator.
    ///
    /// # Errors
    /// [`denizen_directory::ErrorCode::EmailTaken`]; those of the store.
    pub async fn make(
        directory: &Directory,
        slug: &str,
        name: &str,
        email: &Email,
    ) -> denizen_directory::Result<Self> {
        let password = directory.draw_password();
        let new = NewOperator {
            name: name.to_owned(),
            email: email.as_str().to_owned(),
            company: None,
            image: None,
            access: AccessInput { is_admin: true, environments: Vec::new() },
            password: Some(password.clone()),
        };
        let made = directory.create_operator_for(slug, new, Welcome::Silent).await?;
        Ok(Self { email: made.operator.email, password })
    }
}

/// An API key with the user in whose name it signs in, and where, and the token for programs if one was made.
pub struct NewCredentials<'a> {
    pub address: &'a str,
    pub organization: &'a str,
    pub api_key: &'a str,
    pub api_key_id: String,
    pub user_id: &'a str,
    /// The end of the key. The token has none.
    pub expires_at: Timestamp,
    pub dixa_token: Option<&'a str>,
    pub org_uuid: String,
    pub operator: Option<&'a FirstOperator>,
}

impl<'a> NewCredentials<'a> {
    pub fn of(made: &'a CreatedOrganization, operator: Option<&'a FirstOperator>, address: &'a str) -> Self {
        Self {
            address,
            organization: made.org_id.as_str(),
            api_key: &made.api_key,
            api_key_id: made.api_key_id.to_string(),
            user_id: &made.member_id,
            expires_at: made.expires_at,
            dixa_token: made.access_token.as_ref().map(|made| made.token.as_str()),
            org_uuid: made.org_uuid.to_string(),
            operator,
        }
    }

    /// The values, one a line, indented.
    pub fn list(&self) -> String {
        let Self {
            address,
            organization,
            api_key,
            api_key_id,
            user_id,
            expires_at,
            dixa_token,
            org_uuid,
            ..
        } = self;
        let token = dixa_token.map(|token| format!("  Dixa token    {token}\n")).unwrap_or_default();
        let operator = self.operator.map(|FirstOperator { email, password }| {
            format!("  org UUID      {org_uuid}\n  operator      {email}\n  password      {password}\n")
        });
        let operator = operator.unwrap_or_default();
        format!(
            "  address       {address}\n  organization  {organization}\n  API key       {api_key}\n  \
             API key id    {api_key_id}\n  user id       {user_id}\n  expires at    {}\n{token}{operator}",
            whole_seconds(*expires_at)
        )
    }

    /// The lines that make a shell ready for the published clients, indented.
    pub fn exports(&self) -> String {
        let Self { address, organization, api_key, api_key_id, user_id, .. } = self;
        let token = self.dixa_token.map(|token| format!("\n{}", token_export(token))).unwrap_or_default();
        format!(
            "For Amigo's Python client (pip install amigo-sdk):\n\n  export AMIGO_API_KEY={api_key}\n  \
             export AMIGO_API_KEY_ID={api_key_id}\n  export AMIGO_USER_ID={user_id}\n  \
             export AMIGO_ORGANIZATION_ID={organization}\n  export AMIGO_BASE_URL={address}\n{token}{}",
            self.operator_exports()
        )
    }

    /// The lines for eva's API. A token lives for minutes, so it is fetched and not printed.
    fn operator_exports(&self) -> String {
        let Some(FirstOperator { email, password }) = self.operator else { return String::new() };
        let [uuid, name, secret] = OPERATOR_VARIABLES;
        let email = quoted(email);
        format!(
            "\nFor programs that speak eva's User API:\n\n  export {uuid}={}\n  export {name}={email}\n  export {secret}={password}\n\n\
             and while the server runs, each time for some minutes:\n\n  export {EVA_TOKEN_VARIABLE}=$({})\n",
            self.org_uuid,
            self.token_line(&format!("\"${name}\""), &format!("\"${secret}\""))
        )
    }

    /// Signs an operator in and prints the token.
    fn token_line(&self, email: &str, password: &str) -> String {
        let Self { address, organization, .. } = self;
        format!(
            "curl -sS '{address}/auth/realms/{organization}/protocol/openid-connect/token' -d grant_type=password \
             -d client_id=eva-cockpit --data-urlencode username={email} --data-urlencode password={password} | \
             sed -E 's/.*\"access_token\":\"([^\"]*)\".*/\\1/'"
        )
    }

    /// A call for a token, and one with it, pasteable one after the other.
    pub fn operator_calls(&self) -> String {
        let Some(FirstOperator { email, password }) = self.operator else { return String::new() };
        format!(
            "  TOKEN=$({})\n\n  curl -sS -w '\\n' '{}/eva-user/org/{}/users?linesPerPage=3' \\\n    -H \"authorization: Bearer $TOKEN\"\n",
            self.token_line(&quoted(email), password),
            self.address,
            self.org_uuid
        )
    }

    /// The headers of a curl call.
    pub fn headers(&self) -> String {
        let Self { api_key, api_key_id, user_id, .. } = self;
        format!("-H 'x-api-key: {api_key}' -H 'x-api-key-id: {api_key_id}' -H 'x-user-id: {user_id}'")
    }

    /// Calls that show whether all of it works.
    pub fn first_calls(&self) -> String {
        let (address, organization, headers) = (self.address, self.organization, self.headers());
        let token = self.dixa_token.map(|token| format!("\n{}", token_call(address, token)));
        let operator = self.operator.map(|_| format!("\n{}", self.operator_calls()));
        format!(
            "  curl -sS -w '\\n' '{address}/v1/{organization}/user/?limit=3' \\\n    {headers}\n{}{}",
            token.unwrap_or_default(),
            operator.unwrap_or_default()
        )
    }
}

/// The lines that make a shell ready for Dixa's published clients, indented. They read no address from a variable.
pub fn token_export(token: &str) -> String {
    format!(
        "For clients of Dixa, which are given the token and the address in their code:\n\n  export {TOKEN_VARIABLE}={token}\n"
    )
}

/// A call that shows whether a token works.
pub fn token_call(address: &str, token: &str) -> String {
    format!("  curl -sS -w '\\n' '{address}/v1/endusers?pageLimit=3' \\\n    -H 'authorization: {token}'\n")
}

/// A word as a shell takes it: an address may have an apostrophe in it.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@.+-_".contains(&byte);
    if word.bytes().all(is_plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")).into() }
}

/// A time for people: nobody reads microseconds in a table.
pub fn whole_seconds(time: Timestamp) -> String {
    Timestamp(time.unix_seconds() * Timestamp::MICROS_PER_SECOND).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_to_paste_set_what_the_examples_of_the_pages_use() {
        let shown = NewCredentials {
            address: "http://127.0.0.1:8080",
            organization: "acme",
            api_key: "a-secret",
            api_key_id: "an-id".to_owned(),
            user_id: "a-user",
            expires_at: Timestamp(0),
            dixa_token: Some("acme.a-secret"),
            org_uuid: "a-uuid".to_owned(),
            operator: Some(&FirstOperator {
                email: "ada@acme.example".to_owned(),
                password: "Secret1".to_owned(),
            }),
        };
        let exports = shown.exports();
        for dialect in crate::wiring::dialects() {
            assert!(!dialect.variables.is_empty(), "{}", dialect.name);
            for (_, variable) in dialect.variables {
                assert!(exports.contains(&format!("  export {variable}=")), "{variable} of {}", dialect.name);
            }
        }
    }

    #[test]
    fn times_for_people_end_with_the_second() {
        assert_eq!(whole_seconds(Timestamp(1_767_268_800_999_999)), "2026-01-01T12:00:00Z");
    }
}
