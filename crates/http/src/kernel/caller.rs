//! Who calls: the credentials of an installation's own users, which several dialects take: a token, a token as a
//! password, or the three headers of an API key (contract section 2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_directory::{Caller, Credentials, ErrorCode, OpContext};

use super::call::Call;
use super::problem::Problem;

/// An authenticated call. The organization is looked at only after the input was read, so that a wrong input is
/// reported before a missing organization (contract section 13, row 27).
pub(crate) struct Authenticated {
    pub(crate) caller: Caller,
}

impl Authenticated {
    pub(crate) async fn context(&self, call: &Call) -> Result<OpContext, Problem> {
        Ok(call.directory().context(&self.caller, &call.shared_request_id()).await?)
    }
}

/// The caller of an operation that needs one.
///
/// # Errors
/// 401 without valid credentials; 403 for a user who is not verified.
pub(crate) async fn authenticate(call: &Call) -> Result<Authenticated, Problem> {
    call.set_unproven(true);
    let found = find(call).await?.ok_or(ErrorCode::InvalidCredentials)?;
    call.set_unproven(false);
    Ok(found)
}

/// The caller of an operation that anybody may call: credentials that are missing or invalid count as none.
pub(crate) async fn authenticate_if_possible(call: &Call) -> Option<Authenticated> {
    find(call).await.ok().flatten()
}

async fn find(call: &Call) -> Result<Option<Authenticated>, Problem> {
    let Some(authorization) = call.header("authorization") else {
        return direct_key(call).await;
    };
    let invalid = || Problem::from(ErrorCode::InvalidCredentials);
    let (scheme, value) = authorization.split_once(' ').ok_or_else(invalid)?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return check(call, Credentials::Token(value)).await.map(Some);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(invalid());
    }
    let pair =
        STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid)?;
    let (user_name, token) = pair.split_once(':').ok_or_else(invalid)?;
    check(call, Credentials::Basic { user_name, token }).await.map(Some)
}

/// The three headers of sign-in, sent with the operation itself.
async fn direct_key(call: &Call) -> Result<Option<Authenticated>, Problem> {
    let headers = (call.header("x-api-key"), call.header("x-api-key-id"), call.header("x-user-id"));
    let (Some(secret), Some(key_id), Some(user_id)) = headers else { return Ok(None) };
    check(call, Credentials::ApiKey { secret, key_id, user_id }).await.map(Some)
}

async fn check(call: &Call, credentials: Credentials<'_>) -> Result<Authenticated, Problem> {
    let issuer = call.header("x-org-id").filter(|id| !id.is_empty());
    let caller = call.directory().authenticate(credentials, call.path("organization"), issuer).await?;
    Ok(Authenticated { caller })
}
