//! What the realm offers, and where.

use super::{realm, wire};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let issuer = realm::of(&call).await?.issuer;
    let endpoint = |name: &str| format!("{issuer}/protocol/openid-connect/{name}");
    Ok(Reply::json(
        200,
        &wire::Configuration {
            token_endpoint: endpoint("token"),
            userinfo_endpoint: endpoint("userinfo"),
            jwks_uri: endpoint("certs"),
            grant_types_supported: &["password", "refresh_token"],
            // There is no page to sign in at, and so no authorization endpoint.
            response_types_supported: &[],
            subject_types_supported: &["public"],
            id_token_signing_alg_values_supported: &["ES256"],
            token_endpoint_auth_methods_supported: &["none", "client_secret_basic", "client_secret_post"],
            scopes_supported: &["openid", "email", "profile"],
            claims_supported: &[
                "iss",
                "sub",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "name",
                "preferred_username",
                "email",
            ],
            issuer,
        },
    ))
}
