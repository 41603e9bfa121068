//! What operators are given: JSON Web Tokens of ES256, which the usual libraries of OpenID Connect verify.
//!
//! Access tokens and refresh tokens say which of the two they are, and neither passes for the other. They carry no personal
//! data; an ID token does, which is what one is for.

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::signing_keys::{KeyRing, SigningAlgorithm};

/// For what a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "Bearer")]
    Access,
    #[serde(rename = "Refresh")]
    Refresh,
    #[serde(rename = "ID")]
    Id,
}

/// What an access or a refresh token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    pub iss: String,
    /// The operator's UUID.
    pub sub: String,
    /// The program that asked for the token.
    pub aud: String,
    pub azp: String,
    pub typ: Kind,
    /// The organization's slug.
    pub org: String,
    /// The operator's credentials at the time: a change of the password ends what was signed before.
    pub ver: i64,
    pub scope: String,
    /// The sign-in, the same over all refreshes.
    pub sid: String,
    pub jti: String,
    /// When the password was shown, in seconds since 1970 UTC as all times here.
    pub auth_time: i64,
    pub iat: i64,
    pub exp: i64,
}

impl Claims {
    pub(super) fn user(&self) -> Option<UserId> {
        Uuid::parse(&self.sub).map(UserId::from_uuid)
    }

    pub(super) fn ends_at(&self) -> Timestamp {
        Timestamp(self.exp.saturating_mul(Timestamp::MICROS_PER_SECOND))
    }
}

/// What an ID token says.
#[derive(Debug, Serialize)]
pub(super) struct IdClaims<'c> {
    pub iss: &'c str,
    pub sub: &'c str,
    pub aud: &'c str,
    pub azp: &'c str,
    pub typ: Kind,
    pub sid: &'c str,
    pub jti: String,
    pub auth_time: i64,
    pub iat: i64,
    pub exp: i64,
    #[serde(flatten)]
    pub person: super::Person,
}

/// The claims of a token of this kind that one of our keys signed and that is valid at `now`.
pub(super) fn verify(ring: &KeyRing, kind: Kind, token: &str, now: Timestamp) -> Option<Claims> {
    let claims: Claims = ring.verify(SigningAlgorithm::Es256, token)?;
    (claims.typ == kind && claims.exp > now.unix_seconds()).then_some(claims)
}

/// What is granted: who somebody is, whether that was asked for or not, as by the default scopes of a Keycloak's clients,
/// which programs rely on that ask for `openid` alone. Other words are not understood.
pub(super) fn granted_scope(asked: Option<&str>) -> String {
    if asked.is_some_and(has_openid) { "openid email profile" } else { "email profile" }.to_owned()
}

/// Whether there is an ID token.
pub(super) fn has_openid(scope: &str) -> bool {
    scope.split_ascii_whitespace().any(|word| word == "openid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing_keys::tests::{NOW, ring};

    fn claims(typ: Kind) -> Claims {
        Claims {
            iss: "http://localhost/realms/acme".to_owned(),
            sub: Uuid([1; 16]).to_string(),
            aud: "eva-cockpit".to_owned(),
            azp: "eva-cockpit".to_owned(),
            typ,
            org: "acme".to_owned(),
            ver: 1,
            scope: "openid".to_owned(),
            sid: Uuid([2; 16]).to_string(),
            jti: Uuid([3; 16]).to_string(),
            auth_time: NOW.unix_seconds(),
            iat: NOW.unix_seconds(),
            exp: NOW.unix_seconds() + 300,
        }
    }

    #[test]
    fn a_token_is_good_for_its_own_purpose_and_time_only() {
        let ring = ring();
        for kind in [Kind::Access, Kind::Refresh] {
            let token = ring.sign(SigningAlgorithm::Es256, &claims(kind), NOW).unwrap();
            for asked in [Kind::Access, Kind::Refresh, Kind::Id] {
                assert_eq!(verify(&ring, asked, &token, NOW).is_some(), asked == kind);
            }
            assert!(verify(&ring, kind, &token, NOW.plus_seconds(299)).is_some());
            assert_eq!(verify(&ring, kind, &token, NOW.plus_seconds(300)), None);
        }
    }

    #[test]
    fn a_token_fits_where_clients_keep_it() {
        let token = ring().sign(SigningAlgorithm::Es256, &claims(Kind::Access), NOW).unwrap();
        assert!(token.len() <= 800, "{}", token.len());
    }

    #[test]
    fn who_somebody_is_is_always_granted_and_an_id_token_where_it_is_asked_for() {
        for (asked, granted) in [
            (None, "email profile"),
            (Some(" "), "email profile"),
            (Some("openid"), "openid email profile"),
            (Some("profile openid offline_access openid"), "openid email profile"),
            (Some("email"), "email profile"),
            (Some("unknown openid2"), "email profile"),
        ] {
            assert_eq!(granted_scope(asked), granted);
        }
    }
}
