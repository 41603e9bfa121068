//! The tokens of members: compact JSON Web Signatures of exactly one kind, EdDSA over Ed25519, by this installation's own keys.
//!
//! A token names its user, organization and the key that signed in, and carries no personal data.

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::signing_keys::{KeyRing, SigningAlgorithm};

const ISSUER: &str = "denizen";

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    /// The slug of the organization that the user belongs to.
    pub org: String,
    /// The user's id.
    pub sub: String,
    /// The API key that signed in; absent when a mailed link did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    iat: i64,
    /// Seconds since 1970 UTC.
    pub exp: i64,
    jti: String,
}

impl Claims {
    pub(crate) fn user(&self) -> Option<UserId> {
        UserId::parse_member(&self.sub)
    }
}

/// A signed token and the end of its validity.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    pub token: String,
    pub expires_at: Timestamp,
}

/// Signs a token for `user`, valid from `now` for `seconds`.
pub(crate) fn issue(
    ring: &KeyRing,
    org: &str,
    user: UserId,
    key: Option<Uuid>,
    id: Uuid,
    now: Timestamp,
    seconds: i64,
) -> Result<IssuedToken> {
    let expires = now.unix_seconds() + seconds;
    let claims = Claims {
        iss: ISSUER.to_owned(),
        org: org.to_owned(),
        sub: user.as_member().to_string(),
        key: key.map(|key| key.to_string()),
        iat: now.unix_seconds(),
        exp: expires,
        jti: id.to_string(),
    };
    let token = ring.sign(SigningAlgorithm::EdDsa, &claims, now)?;
    Ok(IssuedToken { token, expires_at: Timestamp(expires * Timestamp::MICROS_PER_SECOND) })
}

/// The claims of a token that one of our keys signed and that is valid at `now`.
pub(crate) fn verify(ring: &KeyRing, token: &str, now: Timestamp) -> Option<Claims> {
    let claims: Claims = ring.verify(SigningAlgorithm::EdDsa, token)?;
    (claims.iss == ISSUER && claims.exp > now.unix_seconds()).then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing_keys::tests::{NOW, ring};

    #[test]
    fn a_token_says_who_signed_in_until_it_expires() {
        let ring = ring();
        let issued =
            issue(&ring, "acme", UserId([1; 16]), Some(Uuid([2; 16])), Uuid([3; 16]), NOW, 3600).unwrap();
        assert_eq!(verify(&ring, &issued.token, NOW).unwrap().org, "acme");
        assert!(verify(&ring, &issued.token, Timestamp(issued.expires_at.0 - 1_000_001)).is_some());
        assert_eq!(verify(&ring, &issued.token, issued.expires_at), None);
    }
}
