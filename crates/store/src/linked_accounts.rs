//! Accounts at identity providers that belong to users, and are deleted with them.

use denizen_domain::ids::UserId;
use denizen_domain::time::Timestamp;

use crate::conn::{Conn, Tx};
use crate::error::{Result, StoreError};
use crate::records::id_list;
use crate::sql::{Param, Row, Sql, to_json};

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
static FIND_MANY: Sql = Sql::split(
    "linked_account.find_many",
    "SELECT provider, tenant, account_id, user_id FROM linked_account
     WHERE org_id = $1 AND provider = $2 AND user_id IN (SELECT unhex(value) FROM json_each($3))",
    "SELECT provider, tenant, account_id, user_id FROM linked_account
     WHERE org_id = $1 AND provider = $2 AND user_id = ANY(ARRAY(
        SELECT decode(id, 'hex') FROM jsonb_array_elements_text(CAST(CAST($3 AS TEXT) AS JSONB)) AS id))",
);
static FIND_OWNERS: Sql = Sql::split(
    "linked_account.find_owners",
    "SELECT provider, tenant, account_id, user_id FROM json_each($3) AS wanted CROSS JOIN linked_account
     WHERE org_id = $1 AND provider = $2 AND tenant = wanted.value ->> 0 AND account_id = wanted.value ->> 1",
    "SELECT provider, tenant, account_id, user_id FROM jsonb_array_elements(CAST(CAST($3 AS TEXT) AS JSONB)) AS wanted
     CROSS JOIN linked_account
     WHERE org_id = $1 AND provider = $2 AND tenant = wanted ->> 0 AND account_id = wanted ->> 1",
);
static PUT: Sql = Sql::new(
    "linked_account.put",
    "INSERT INTO linked_account (org_id, user_id, provider, tenant, account_id, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6)
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

pub const STATEMENTS: &[&Sql] = &[&FIND, &SOME, &LINK, &FIND_MANY, &FIND_OWNERS, &PUT, &UNLINK];

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

/// The accounts of those of these users who have one at the provider.
pub fn find_many(
    conn: &Conn<'_>,
    provider: Provider,
    users: &[UserId],
) -> Result<Vec<(UserId, LinkedAccount)>> {
    let params = [conn.org_param(), Param::Text(provider.as_str()), Param::Text(&id_list(users))];
    conn.all(&FIND_MANY, &params, read_owned)
}

/// Who has each of these accounts at the provider; one that nobody has is absent. They must be different ones.
pub fn find_owners(
    conn: &Conn<'_>,
    provider: Provider,
    accounts: &[&LinkedAccount],
) -> Result<Vec<(UserId, LinkedAccount)>> {
    let wanted: Vec<[&str; 2]> = accounts
        .iter()
        .map(|account| [account.tenant.as_deref().unwrap_or_default(), account.account_id.as_str()])
        .collect();
    let params = [conn.org_param(), Param::Text(provider.as_str()), Param::Text(&to_json(&wanted))];
    conn.all(&FIND_OWNERS, &params, read_owned)
}

fn read_owned(row: &Row<'_>) -> Result<(UserId, LinkedAccount)> {
    Ok((row.id(3, UserId::from_column)?, read_account(row)?))
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
    Ok(tx.execute(&LINK, &link_params(tx, &user, account, now))? > 0)
}

/// As [`link`], of an account that no other user has: whoever links has looked before, in the same transaction.
pub fn put(tx: &Tx<'_>, user: UserId, account: &LinkedAccount, now: Timestamp) -> Result<()> {
    tx.write(&PUT, &link_params(tx, &user, account, now))
}

fn link_params<'p>(
    conn: &Conn<'_>,
    user: &'p UserId,
    account: &'p LinkedAccount,
    now: Timestamp,
) -> [Param<'p>; 6] {
    [
        conn.org_param(),
        Param::Blob(&user.0),
        Param::Text(account.provider.as_str()),
        Param::Text(account.tenant.as_deref().unwrap_or_default()),
        Param::Text(&account.account_id),
        Param::Int(now.0),
    ]
}

/// Forgets the account of a user at a provider; `false` when there was none. The account itself stays where it is.
pub fn unlink(tx: &Tx<'_>, user: UserId, provider: Provider) -> Result<bool> {
    let params = [tx.org_param(), Param::Blob(&user.0), Param::Text(provider.as_str())];
    Ok(tx.execute(&UNLINK, &params)? > 0)
}
