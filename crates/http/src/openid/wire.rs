//! What goes over the wire, in the words of OAuth, OpenID Connect and Keycloak.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The fields of a request for tokens.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "it describes a form, which is read field by field")]
pub(super) struct TokenInput {
    /// `password` or `refresh_token`.
    grant_type: String,
    /// The program that calls; any name.
    client_id: Option<String>,
    /// The e-mail of the operator; for `password`.
    username: Option<String>,
    /// For `password`.
    password: Option<String>,
    /// For `refresh_token`.
    refresh_token: Option<String>,
    /// `openid` brings an ID token. `email` and `profile` are always granted; other words are not looked at.
    scope: Option<String>,
    /// Not looked at.
    client_secret: Option<String>,
}

/// Tokens.
#[derive(Serialize, JsonSchema)]
pub(super) struct TokenAnswer {
    /// For `Authorization: Bearer`.
    pub(super) access_token: String,
    /// Seconds.
    pub(super) expires_in: i64,
    /// Seconds.
    pub(super) refresh_expires_in: i64,
    pub(super) refresh_token: String,
    pub(super) token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_token: Option<String>,
    /// No tokens of before a time are refused for all.
    #[serde(rename = "not-before-policy")]
    pub(super) not_before_policy: i64,
    /// Names the sign-in; the same over all refreshes.
    pub(super) session_state: String,
    pub(super) scope: String,
}

/// What the realm offers.
#[derive(Serialize, JsonSchema)]
pub(super) struct Configuration {
    pub(super) issuer: String,
    pub(super) token_endpoint: String,
    pub(super) userinfo_endpoint: String,
    pub(super) jwks_uri: String,
    pub(super) grant_types_supported: &'static [&'static str],
    pub(super) response_types_supported: &'static [&'static str],
    pub(super) subject_types_supported: &'static [&'static str],
    pub(super) id_token_signing_alg_values_supported: &'static [&'static str],
    pub(super) token_endpoint_auth_methods_supported: &'static [&'static str],
    pub(super) scopes_supported: &'static [&'static str],
    pub(super) claims_supported: &'static [&'static str],
}

/// Public keys (RFC 7517). It is written elsewhere, and described here.
#[derive(Serialize, JsonSchema)]
pub(super) struct KeySet {
    keys: Vec<PublicKey>,
}

/// A public key of ECDSA over P-256.
#[derive(Serialize, JsonSchema)]
struct PublicKey {
    kty: String,
    crv: String,
    alg: String,
    #[serde(rename = "use")]
    for_what: String,
    kid: String,
    x: String,
    y: String,
}

/// Who a token is for.
#[derive(Serialize, JsonSchema)]
pub(super) struct UserInfo {
    /// The operator's UUID.
    pub(super) sub: String,
    pub(super) name: String,
    pub(super) preferred_username: String,
    pub(super) email: String,
}

/// An error.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorBody<'e> {
    pub(super) error: &'e str,
    pub(super) error_description: &'e str,
}
