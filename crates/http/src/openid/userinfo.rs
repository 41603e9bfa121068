//! Who a token is for.

use axum::http::HeaderValue;
use axum::http::header::WWW_AUTHENTICATE;
use denizen_directory::ErrorCode;

use super::{errors, realm, wire};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let realm = realm::of(&call).await?;
    let sent = call.header("authorization").and_then(|sent| sent.trim().split_once(' '));
    let Some((_, token)) = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Ok(refused("Bearer"));
    };
    match call.directory().describe_operator(token.trim()).await {
        Ok(found) if found.organization == realm.organization.org => {
            let person = found.person;
            Ok(Reply::json(
                200,
                &wire::UserInfo {
                    sub: found.user_id.as_uuid().to_string(),
                    name: person.name,
                    preferred_username: person.preferred_username,
                    email: person.email,
                },
            ))
        }
        Err(error) if error.code != ErrorCode::InvalidCredentials => Err(error.into()),
        // Another realm's token is none here.
        _ => Ok(refused("Bearer error=\"invalid_token\"")),
    }
}

fn refused(challenge: &'static str) -> Reply {
    errors::reply(401, "invalid_token", "Token verification failed")
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
