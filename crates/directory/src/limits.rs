//! Limits that hold over all processes on one database: who is counted, and permits for its calls.
//!
//! A process draws permits before it needs them and uses them up by itself, so most calls cost the database nothing.
//! How calls are counted inside a process, and what is answered to who is refused, is not known here.

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_store::{api_keys, permits};

use crate::error::Result;
use crate::handle::Directory;

/// Rows of so many minutes are kept, for processes whose clocks are behind.
const KEPT_MINUTES: i64 = 5;

/// Whose calls are counted, as a request names it.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// What the limit is of: the dialect's name and the name of its setting.
    pub limit: (&'a str, &'a str),
    pub organization: &'a str,
    /// The organization whose credentials come with the call, where it is named and another one.
    pub issuer: Option<&'a str>,
    /// The API key's id, where each key is counted for itself.
    pub api_key: Option<&'a str>,
}

/// Whose calls are counted, as it stands in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermitKey {
    org: OrgKey,
    hash: [u8; 16],
}

/// What was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permits {
    /// Calls that this process may admit now; 0 when the limit is used up.
    pub granted: u32,
    /// What all processes have drawn of this minute, this one included.
    pub taken: u32,
}

impl Counted<'_> {
    fn hash(&self) -> [u8; 16] {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        let parts = [Some(self.limit.0), Some(self.limit.1), self.issuer, self.api_key];
        for part in parts {
            // With its length before it, no part can pass for the beginning of the next.
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(part.unwrap_or_default().as_bytes());
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&context.finish().as_ref()[..16]);
        hash
    }
}

impl Directory {
    /// Whether limits are counted together with other processes: then a call needs a permit.
    pub fn shares_limits(&self) -> bool {
        self.inner.settings.share_limits.unwrap_or_else(|| self.stores().main().is_shared())
    }

    /// Under which key permits are drawn. `None` when the organization, the issuer or the key is not there: callers
    /// invent names, and what is invented must not cost a row. Such a call cannot succeed.
    pub async fn find_permit_key(&self, counted: &Counted<'_>) -> Result<Option<PermitKey>> {
        let Some(organization) = self.find_organization(counted.organization).await? else {
            return Ok(None);
        };
        if let Some(issuer) = counted.issuer
            && self.find_organization(issuer).await?.is_none()
        {
            return Ok(None);
        }
        if let Some(id) = counted.api_key {
            let Some(id) = Uuid::parse(id) else { return Ok(None) };
            if self.query(organization.org, move |conn| api_keys::find(conn, id)).await?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(PermitKey { org: organization.org, hash: counted.hash() }))
    }

    /// Draws permits for calls in `minute` (since 1970 UTC): a sixteenth of what is left of `limit`, at least `want` where
    /// that much is left. All processes together get at most `limit`.
    pub async fn take_permits(&self, key: PermitKey, minute: i64, limit: u32, want: u32) -> Result<Permits> {
        let drawn = self
            .write_main(key.org, move |tx| {
                Ok(permits::take(tx, &key.hash, minute, limit.into(), want.into())?)
            })
            .await?;
        let number = |count: i64| u32::try_from(count).unwrap_or(limit);
        Ok(Permits { granted: number(drawn.granted), taken: number(drawn.taken) })
    }

    /// Gives permits back that this process has drawn and will not use.
    pub async fn give_back_permits(&self, key: PermitKey, minute: i64, count: u32) -> Result<()> {
        self.write_main(key.org, move |tx| Ok(permits::give_back(tx, &key.hash, minute, count.into())?)).await
    }

    /// Removes what was drawn for minutes that are long over. Called about once a minute.
    pub async fn purge_permits(&self) -> Result<()> {
        if !self.shares_limits() {
            return Ok(());
        }
        let minute = self.now().unix_seconds().div_euclid(60) - KEPT_MINUTES;
        self.write_main(OrgKey::CONTROL, move |tx| Ok(permits::delete_past(tx, minute).map(drop)?)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_calls_differ_in_anything_is_counted_apart() {
        let plain =
            Counted { limit: ("amigo", "get_users"), organization: "acme", issuer: None, api_key: None };
        let all = [
            plain,
            Counted { limit: ("amigo", "get_user"), ..plain },
            Counted { limit: ("amigoget", "_users"), ..plain },
            Counted { issuer: Some("beta"), ..plain },
            Counted { api_key: Some("beta"), ..plain },
            Counted { api_key: Some(""), ..plain },
        ];
        let mut hashes: Vec<_> = all.iter().map(Counted::hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), all.len());
    }
}
