//! Tokens: compact JSON Web Signatures of exactly one kind, EdDSA over Ed25519, by this installation's own keys.
//!
//! A token names its user, organization and the key that signed in, and carries no personal data. Accepting just our
//! own header leaves no algorithm to be confused about.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::time::Timestamp;
use denizen_store::control::SigningKey;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, ErrorCode, Result};

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

struct Key {
    kid: String,
    pair: Ed25519KeyPair,
    /// The encoded header of every token that this key signs.
    header: String,
}

/// The keys of this installation: the first signs, all verify.
pub(crate) struct TokenKeys {
    keys: Vec<Key>,
}

impl TokenKeys {
    pub(crate) fn new(stored: &[SigningKey]) -> Result<Self> {
        let mut keys = Vec::new();
        for key in stored {
            let pair = Ed25519KeyPair::from_pkcs8(&key.pkcs8).map_err(|error| {
                tracing::error!(kid = key.kid, %error, "a stored signing key cannot be read");
                Error::new(ErrorCode::Internal)
            })?;
            let header = URL_SAFE_NO_PAD.encode(header_json(&key.kid));
            keys.push(Key { kid: key.kid.clone(), pair, header });
        }
        if keys.is_empty() {
            return Err(Error::with_text(ErrorCode::Internal, "there is no signing key"));
        }
        Ok(Self { keys })
    }

    /// Signs a token for `user`, valid from `now` for `seconds`.
    pub(crate) fn issue(
        &self,
        org: &str,
        user: UserId,
        key: Option<Uuid>,
        id: Uuid,
        now: Timestamp,
        seconds: i64,
    ) -> IssuedToken {
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
        let body = serde_json::to_vec(&claims).expect("claims are plain strings and numbers");
        let signer = &self.keys[0];
        let mut token = format!("{}.{}", signer.header, URL_SAFE_NO_PAD.encode(body));
        let signature = signer.pair.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        IssuedToken { token, expires_at: Timestamp(expires * Timestamp::MICROS_PER_SECOND) }
    }

    /// The claims of a token that one of our keys signed and that is valid at `now`.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, body) = signed.split_once('.')?;
        let key = self.keys.iter().find(|key| key.header == header)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = UnparsedPublicKey::new(&ED25519, key.pair.public_key().as_ref());
        public.verify(signed.as_bytes(), &signature).ok()?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        (claims.iss == ISSUER && claims.exp > now.unix_seconds()).then_some(claims)
    }

    /// The public keys as a JSON Web Key Set.
    pub(crate) fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| {
                let x = URL_SAFE_NO_PAD.encode(key.pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": x})
            })
            .collect();
        json!({ "keys": keys })
    }
}

fn header_json(kid: &str) -> String {
    json!({"alg": "EdDSA", "kid": kid, "typ": "JWT"}).to_string()
}

/// A new signing key; `kid` is a fresh UUID.
pub(crate) fn generate_signing_key(kid: Uuid) -> Result<SigningKey> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new())
        .map_err(|_| Error::with_text(ErrorCode::Internal, "the system gives no randomness"))?;
    Ok(SigningKey { kid: kid.to_string(), pkcs8: pkcs8.as_ref().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_767_268_800_000_000);

    fn keys() -> TokenKeys {
        TokenKeys::new(&[generate_signing_key(Uuid([7; 16])).unwrap()]).unwrap()
    }

    fn issue(keys: &TokenKeys) -> IssuedToken {
        keys.issue("acme", UserId([1; 16]), Some(Uuid([2; 16])), Uuid([3; 16]), NOW, 3600)
    }

    #[test]
    fn a_token_is_verified_by_the_key_that_signed_it_and_no_other() {
        let ours = keys();
        let token = issue(&ours).token;
        assert_eq!(ours.verify(&token, NOW).unwrap().org, "acme");
        assert_eq!(keys().verify(&token, NOW), None);
    }

    #[test]
    fn an_expired_token_is_not_verified() {
        let keys = keys();
        let issued = issue(&keys);
        assert!(keys.verify(&issued.token, Timestamp(issued.expires_at.0 - 1_000_001)).is_some());
        assert_eq!(keys.verify(&issued.token, issued.expires_at), None);
    }

    #[test]
    fn a_changed_token_is_not_verified() {
        let keys = keys();
        let token = issue(&keys).token;
        for at in [0, token.find('.').unwrap() + 5, token.len() - 3] {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(keys.verify(std::str::from_utf8(&changed).unwrap(), NOW), None);
        }
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let body = token.split('.').nth(1).unwrap();
        assert_eq!(keys.verify(&format!("{none}.{body}."), NOW), None);
    }
}
