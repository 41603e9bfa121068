//! New credentials as a person is shown them, once: what they are, and what to paste so that the next call works.

use denizen_directory::organizations::CreatedOrganization;
use denizen_domain::time::Timestamp;

use crate::config::TOKEN_VARIABLE;

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
}

impl<'a> NewCredentials<'a> {
    pub fn of(made: &'a CreatedOrganization, address: &'a str) -> Self {
        Self {
            address,
            organization: made.org_id.as_str(),
            api_key: &made.api_key,
            api_key_id: made.api_key_id.to_string(),
            user_id: &made.member_id,
            expires_at: made.expires_at,
            dixa_token: made.access_token.as_ref().map(|made| made.token.as_str()),
        }
    }

    /// The values, one a line, indented.
    pub fn list(&self) -> String {
        let Self { address, organization, api_key, api_key_id, user_id, expires_at, dixa_token } = self;
        let token = dixa_token.map(|token| format!("  Dixa token    {token}\n")).unwrap_or_default();
        format!(
            "  address       {address}\n  organization  {organization}\n  API key       {api_key}\n  \
             API key id    {api_key_id}\n  user id       {user_id}\n  expires at    {}\n{token}",
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
             export AMIGO_ORGANIZATION_ID={organization}\n  export AMIGO_BASE_URL={address}\n{token}"
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
        format!(
            "  curl -sS -w '\\n' '{address}/v1/{organization}/user/?limit=3' \\\n    {headers}\n{}",
            token.unwrap_or_default()
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
        };
        let exports = shown.exports();
        for dialect in
            [denizen_http::amigo::dialect(), denizen_http::admin::dialect(), denizen_http::dixa::dialect()]
        {
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
