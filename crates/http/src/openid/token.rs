//! The token endpoint (contract section 2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_directory::ErrorCode;
use denizen_directory::operator_sessions::{OperatorTokens, Refresh, SignIn};
use percent_encoding::percent_decode_str;

use super::{errors, realm, wire};
use crate::kernel::{Call, FieldProblem, Form, Problem, Reply};

/// Characters of the name of a program, at most: it stands in every token.
const MAX_CLIENT_ID: usize = 255;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let realm = realm::of(&call).await?;
    let form = Form::read(&call)?;
    let grant = form.get("grant_type").ok_or_else(|| missing("grant_type"))?;
    let directory = call.directory();
    let tokens = match grant {
        "password" => {
            let sign_in = SignIn {
                realm: call.path("realm").to_owned(),
                user_name: required(&form, "username")?,
                password: required(&form, "password")?,
                client_id: client(&call, &form)?,
                scope: form.get("scope").map(str::to_owned),
                address: call.caller_address(),
                issuer: realm.issuer,
            };
            directory.sign_in_operator(sign_in).await?
        }
        "refresh_token" => {
            let refresh = Refresh {
                realm: call.path("realm").to_owned(),
                refresh_token: required(&form, "refresh_token")?,
                client_id: client(&call, &form)?,
                issuer: realm.issuer,
            };
            match directory.refresh_operator(refresh).await {
                Err(error) if error.code == ErrorCode::InvalidCredentials => {
                    return Ok(errors::reply(400, "invalid_grant", "Invalid refresh token"));
                }
                refreshed => refreshed?,
            }
        }
        _ => return Ok(errors::reply(400, "unsupported_grant_type", "Unsupported grant_type")),
    };
    Ok(Reply::json(200, &answer(tokens)))
}

fn answer(tokens: OperatorTokens) -> wire::TokenAnswer {
    wire::TokenAnswer {
        access_token: tokens.access_token,
        expires_in: tokens.expires_in,
        refresh_expires_in: tokens.refresh_expires_in,
        refresh_token: tokens.refresh_token,
        token_type: "Bearer",
        id_token: tokens.id_token,
        not_before_policy: 0,
        session_state: tokens.session_state,
        scope: tokens.scope,
    }
}

fn required(form: &Form, name: &str) -> Result<String, Problem> {
    form.get(name).map(str::to_owned).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Problem {
    refused(name, "is missing")
}

fn refused(name: &str, reason: &str) -> Problem {
    Problem::field(FieldProblem::new("value_error", format!("{name} {reason}")).at(["body", name]))
}

/// The program that calls, by the form or by HTTP Basic: some libraries send both. There are no secrets to compare.
fn client(call: &Call, form: &Form) -> Result<String, Problem> {
    let basic = call.header("authorization").map(|sent| basic_user(sent).ok_or(sent));
    let named = match (form.get("client_id"), basic) {
        (_, Some(Err(_))) => return Err(refused("authorization", "is not HTTP Basic with a client's id")),
        (Some(named), Some(Ok(basic))) if named != basic => {
            return Err(refused("client_id", "is another one than that of the header"));
        }
        (Some(named), _) => named.to_owned(),
        (None, Some(Ok(basic))) => basic,
        (None, None) => return Err(missing("client_id")),
    };
    if named.chars().count() > MAX_CLIENT_ID {
        return Err(refused("client_id", "is too long"));
    }
    Ok(named)
}

/// The user of HTTP Basic, which is percent-encoded before it is encoded (RFC 6749, section 2.3.1).
fn basic_user(sent: &str) -> Option<String> {
    let (scheme, pair) = sent.trim().split_once(' ')?;
    let pair = STANDARD.decode(pair.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let pair = String::from_utf8(pair).ok()?;
    let user = percent_decode_str(pair.split_once(':')?.0).decode_utf8().ok()?;
    (!user.is_empty()).then(|| user.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_name_itself_as_the_user_of_basic() {
        let basic = |pair: &str| basic_user(&format!("Basic {}", STANDARD.encode(pair)));
        assert_eq!(basic("eva-cockpit:").as_deref(), Some("eva-cockpit"));
        assert_eq!(basic("eva%2Dcockpit:se:cret").as_deref(), Some("eva-cockpit"));
        for bad in
            [basic(""), basic(":x"), basic("eva-cockpit"), basic_user("Basic ?"), basic_user("Bearer eA==")]
        {
            assert_eq!(bad, None);
        }
    }
}
