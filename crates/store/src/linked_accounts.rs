//! Accounts at identity providers that belong to users, and are deleted with them.

use denizen_domain::ids::UserId;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::sql::{Param, Row, Sql};

/// Who keeps the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Google Identity Platform.
    Google,
}

impl Provider {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        match text {
            "google" => Ok(Self::Google),
            other => Err(StoreError::Corrupt(format!("linked_account.provider {other}"))),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedAccount {
    pub provider: Provider,
    /// A part of the provider's project with accounts of its own; `None` is the project itself.
    pub tenant: Option<String>,
    /// The provider's own id of the account.
    pub account_id: String,
}

static FIND: Sql = Sql::new(
    "linked_account.find",
    "SELECT provider, tenant, account_id FROM linked_account
     WHERE org_id = $1 AND user_id = $2 AND provider = $3",
);
static LINK: Sql = Sql::split(
    "linked_account.link",
    "INSERT INTO linked_account (org_id, user_id, provider, tenant, account_id, updated_at)
     SELECT $1, $2, $3, $4, $5, $6
     WHERE NOT EXISTS (SELECT 1 FROM linked_account AS other WHERE other.org_id = $1 AND other.provider = $3
        AND other.tenant = $4 AND other.account_id = $5 AND other.user_id <> $2)
     ON CONFLICT (org_id, user_id, provider) DO UPDATE SET tenant = $4, account_id = $5, updated_at = $6",
    "INSERT INTO linked_account (org_id, user_id, provider, tenant, account_id, updated_at)
     SELECT $1::bigint, $2::bytea, $3::text, $4::text, $5::text, $6::bigint
     WHERE NOT EXISTS (SELECT 1 FROM linked_account AS other WHERE other.org_id = $1 AND other.provider = $3
        AND other.tenant = $4 AND other.account_id = $5 AND other.user_id <> $2)
     ON CONFLICT (org_id, user_id, provider) DO UPDATE SET tenant = $4, account_id = $5, updated_at = $6",
);
static UNLINK: Sql = Sql::new(
    "linked_account.unlink",
    "DELETE FROM linked_account WHERE org_id = $1 AND user_id = $2 AND provider = $3",
);

static SOME: Sql = Sql::new(
    "linked_account.some",
    "SELECT provider, tenant, account_id, user_id FROM linked_account WHERE org_id = $1 LIMIT $2",
);

pub const STATEMENTS: &[&Sql] = &[&FIND, &SOME, &LINK, &UNLINK];

fn read_account(row: &Row<'_>) -> Result<LinkedAccount> {
    Ok(LinkedAccount {
        provider: Provider::parse(row.str(0)?)?,
        tenant: Some(row.text(1)?).filter(|tenant| !tenant.is_empty()),
        account_id: row.text(2)?,
    })
}

/// The account of a user at a provider.
pub fn find(conn: &Conn<'_>, user: UserId, provider: Provider) -> Result<Option<LinkedAccount>> {
    let params = [conn.org_param(), Param::Blob(&user.0), Param::Text(provider.as_str())];
    conn.optional(&FIND, &params, read_account)
}

/// Up to `most` accounts of the organization's users.
pub fn some(conn: &Conn<'_>, most: usize) -> Result<Vec<(UserId, LinkedAccount)>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    conn.all(&SOME, &[conn.org_param(), Param::Int(most)], |row| {
        Ok((row.id(3, UserId::from_column)?, read_account(row)?))
    })
}

/// Links an account to a user, who must exist, in the place of the one that the user has at the provider. `false`, and
/// nothing is changed, when the account belongs to another user of the organization.
pub fn link(tx: &Tx<'_>, user: UserId, account: &LinkedAccount, now: Timestamp) -> Result<bool> {
    let params = [
        tx.org_param(),
        Param::Blob(&user.0),
        Param::Text(account.provider.as_str()),
        Param::Text(account.tenant.as_deref().unwrap_or_default()),
        Param::Text(&account.account_id),
        Param::Int(now.0),
    ];
    Ok(tx.execute(&LINK, &params)? > 0)
}

/// Forgets the account of a user at a provider; `false` when there was none. The account itself stays where it is.
pub fn unlink(tx: &Tx<'_>, user: UserId, provider: Provider) -> Result<bool> {
    let params = [tx.org_param(), Param::Blob(&user.0), Param::Text(provider.as_str())];
    Ok(tx.execute(&UNLINK, &params)? > 0)
}
