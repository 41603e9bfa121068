//! Who calls: an operator, by the token that signing in brought (contract section 2).

use denizen_directory::{ErrorCode, OpContext};
use denizen_domain::ids::Uuid;
use denizen_domain::permission::{PermissionName, names};

use crate::kernel::{Call, Problem};

/// What an administrator is about to do with the users of the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Reading,
    Writing,
}

impl Doing {
    fn permission(self) -> PermissionName {
        match self {
            Self::Reading => names::DIRECTORY_READ_OPERATOR,
            Self::Writing => names::DIRECTORY_WRITE_OPERATOR,
        }
    }
}

/// The caller, whatever organization the path names.
///
/// # Errors
/// 401 without a valid token.
pub(super) async fn authenticate(call: &Call) -> Result<OpContext, Problem> {
    let token = call.header("authorization").and_then(token_in).ok_or(ErrorCode::InvalidCredentials)?;
    let caller = call.directory().authenticate_operator(token).await?;
    call.set_organization(caller.session.home.slug.as_str());
    Ok(call.directory().context(&caller, &call.shared_request_id()).await?)
}

/// The caller, whose organization the path names.
///
/// # Errors
/// 401 without a valid token; 403 for any other organization, be there one or not: who has no business there learns nothing.
pub(super) async fn at_home(call: &Call) -> Result<OpContext, Problem> {
    let ctx = authenticate(call).await?;
    if Uuid::parse(call.path("orgUUID")) != Some(ctx.session.home.uuid) {
        return Err(ErrorCode::Forbidden.into());
    }
    Ok(ctx)
}

/// An administrator of the organization that the path names. The rules ask for the permission as well; here it is asked for
/// before anything else of the request is looked at.
///
/// # Errors
/// As [`at_home`], and 403 for everybody else.
pub(super) async fn administrator(call: &Call, doing: Doing) -> Result<OpContext, Problem> {
    let ctx = at_home(call).await?;
    ctx.require(&doing.permission())?;
    Ok(ctx)
}

/// The token behind the word `Bearer`, in any letter case.
fn token_in(sent: &str) -> Option<&str> {
    let (scheme, token) = sent.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

#[cfg(test)]
mod tests {
    use super::token_in;

    #[test]
    fn a_token_stands_behind_the_word_bearer() {
        for sent in ["Bearer t.x", "bearer t.x", "BEARER   t.x ", " beaRer t.x"] {
            assert_eq!(token_in(sent), Some("t.x"), "{sent:?}");
        }
        for sent in ["", "Bearer", "t.x", "Basic t.x", "Bearert.x"] {
            assert_eq!(token_in(sent), None, "{sent:?}");
        }
    }
}
