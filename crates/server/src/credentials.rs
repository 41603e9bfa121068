//! New credentials as a person is shown them, once: what they are, and what to paste so that the next call works.

use denizen_directory::organizations::CreatedOrganization;
use denizen_domain::time::Timestamp;

/// An API key with the user in whose name it signs in, and where.
pub struct NewCredentials<'a> {
    pub address: &'a str,
    pub organization: &'a str,
    pub api_key: &'a str,
    pub api_key_id: String,
    pub user_id: &'a str,
    pub expires_at: Timestamp,
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
        }
    }

    /// The values, one a line, indented.
    pub fn list(&self) -> String {
        let Self { address, organization, api_key, api_key_id, user_id, expires_at } = self;
        format!(
            "  address       {address}\n  organization  {organization}\n  API key       {api_key}\n  \
             API key id    {api_key_id}\n  user id       {user_id}\n  expires at    {}\n",
            whole_seconds(*expires_at)
        )
    }

    /// The lines that make a shell ready for Amigo's published client, indented.
    pub fn exports(&self) -> String {
        let Self { address, organization, api_key, api_key_id, user_id, .. } = self;
        format!(
            "For the Python client (pip install amigo-sdk):\n\n  export AMIGO_API_KEY={api_key}\n  \
             export AMIGO_API_KEY_ID={api_key_id}\n  export AMIGO_USER_ID={user_id}\n  \
             export AMIGO_ORGANIZATION_ID={organization}\n  export AMIGO_BASE_URL={address}\n"
        )
    }

    /// The headers of a curl call.
    pub fn headers(&self) -> String {
        let Self { api_key, api_key_id, user_id, .. } = self;
        format!("-H 'x-api-key: {api_key}' -H 'x-api-key-id: {api_key_id}' -H 'x-user-id: {user_id}'")
    }

    /// A call that shows whether all of it works.
    pub fn first_call(&self) -> String {
        let (address, organization, headers) = (self.address, self.organization, self.headers());
        format!("  curl -sS -w '\\n' '{address}/v1/{organization}/user/?limit=3' \\\n    {headers}\n")
    }
}

/// A time for people: nobody reads microseconds in a table.
pub fn whole_seconds(time: Timestamp) -> String {
    Timestamp(time.unix_seconds() * Timestamp::MICROS_PER_SECOND).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people_end_with_the_second() {
        assert_eq!(whole_seconds(Timestamp(1_767_268_800_999_999)), "2026-01-01T12:00:00Z");
    }
}
