//! Who calls: an access token, which leads to its organization by itself (contract section 1).

use denizen_directory::{Error, ErrorCode, OpContext};

use crate::kernel::{Call, Problem};

/// The caller, acting in the organization of its token. Counts the call against what the token may do, which a token
/// that is none has no share in.
///
/// # Errors
/// 401 without a valid token, 429 when it has called too often.
pub(super) async fn authenticate(call: &Call) -> Result<OpContext, Problem> {
    let sent = call.header("authorization").ok_or(ErrorCode::InvalidCredentials)?;
    let caller = call.directory().authenticate_access_token(token_in(sent)).await?;
    call.set_organization(caller.session.home.slug.as_str());
    if let Some(rate) = call.app().settings.dixa.rate {
        call.take_turn(caller.session.user_id.0, rate)?;
    }
    Ok(call.directory().context(&caller, &call.shared_request_id()).await?)
}

/// The token as it stands, or behind the word `Bearer` in any letter case.
fn token_in(sent: &str) -> &str {
    let sent = sent.trim();
    match sent.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        _ => sent,
    }
}

/// Three operations document 401 for a token without the permission, where the others answer 403 (contract section 10,
/// row 23).
pub(super) fn forbidden_as_unauthorized(error: Error) -> Problem {
    if error.code == ErrorCode::Forbidden {
        return Error::with_text(ErrorCode::InvalidCredentials, super::errors::NOT_AUTHORIZED).into();
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::token_in;

    #[test]
    fn a_token_stands_alone_or_behind_the_word_bearer() {
        for sent in ["t.x", " t.x ", "Bearer t.x", "bearer t.x", "BEARER   t.x", "\tbEaReR\tt.x "] {
            assert_eq!(token_in(sent), "t.x", "{sent:?}");
        }
        for (sent, token) in
            [("Bearer", "Bearer"), ("Basic t.x", "Basic t.x"), ("Bearert.x", "Bearert.x"), ("", "")]
        {
            assert_eq!(token_in(sent), token);
        }
    }
}
