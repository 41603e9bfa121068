//! The keys that sign tokens: two kinds, each token by exactly one of them.
//!
//! They lie in the store, so every process takes the tokens of the others. Like organizations they are trusted for a second
//! and then read again. A new key is published for a while before it signs: whoever verifies tokens elsewhere has read it by
//! then. An old one verifies until it is retired.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_domain::ids::OrgKey;
use denizen_domain::time::Timestamp;
pub use denizen_store::control::SigningAlgorithm;
use denizen_store::{Clusters, Mark, Tx, control};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    UnparsedPublicKey,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::environment::Environment;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

/// How long the keys are used before they are read again, in microseconds.
const FRESH: i64 = 1_000_000;
/// How often they are read because of a key that nobody here knows: callers invent names.
const FRESH_FOR_STRANGERS: i64 = 100_000;
/// For how long a new key is only published, in seconds. Those who verify keep a key set for minutes.
pub const PUBLISHED_BEFORE: i64 = 600;

enum Pair {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
}

struct Key {
    kid: String,
    pair: Pair,
    /// The encoded header of every token that this key signs.
    header: String,
    signs_from: Timestamp,
    verified: Verified,
}

/// Hashes of tokens, whole, whose signature was found good: a signature stays so for as long as its key, and to look again
/// is most of what it costs to look whether a session still stands.
#[derive(Default)]
struct Verified(Mutex<HashSet<[u8; 32]>>);

/// 2 MiB for each key.
const MOST_VERIFIED: usize = 32_768;

impl Verified {
    fn hash(token: &str) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, token.as_bytes()).as_ref());
        hash
    }

    fn has(&self, token: &[u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(token)
    }

    fn keep(&self, token: [u8; 32]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_VERIFIED {
            kept.clear();
        }
        kept.insert(token);
    }
}

impl Key {
    fn read(stored: &control::SigningKey) -> Result<Self> {
        let unreadable = |error: ring::error::KeyRejected| {
            tracing::error!(kid = stored.kid, %error, "a stored signing key cannot be read");
            Error::new(ErrorCode::Internal)
        };
        let pair = match stored.algorithm {
            SigningAlgorithm::EdDsa => {
                Pair::EdDsa(Ed25519KeyPair::from_pkcs8(&stored.pkcs8).map_err(unreadable)?)
            }
            SigningAlgorithm::Es256 => {
                let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
                Pair::Es256(EcdsaKeyPair::from_pkcs8(algorithm, &stored.pkcs8, &random).map_err(unreadable)?)
            }
        };
        let header = json!({"alg": stored.algorithm.as_str(), "kid": stored.kid, "typ": "JWT"});
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        Ok(Self {
            kid: stored.kid.clone(),
            pair,
            header,
            signs_from: stored.signs_from,
            verified: Verified::default(),
        })
    }

    /// Whether nothing has changed about a stored key since this was made of it.
    fn is(&self, stored: &control::SigningKey) -> bool {
        self.kid == stored.kid && self.signs_from == stored.signs_from
    }

    fn algorithm(&self) -> SigningAlgorithm {
        match self.pair {
            Pair::EdDsa(_) => SigningAlgorithm::EdDsa,
            Pair::Es256(_) => SigningAlgorithm::Es256,
        }
    }

    fn public(&self) -> &[u8] {
        match &self.pair {
            Pair::EdDsa(pair) => pair.public_key().as_ref(),
            Pair::Es256(pair) => pair.public_key().as_ref(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        Ok(match &self.pair {
            Pair::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Es256(pair) => {
                pair.sign(&SystemRandom::new(), message).map_err(|_| no_randomness())?.as_ref().to_vec()
            }
        })
    }

    /// Whether this key signed a token, of which `signed` and the decoded `signature` are parts.
    fn has_signed_token(&self, token: &str, signed: &str, signature: &[u8]) -> bool {
        let hash = Verified::hash(token);
        if self.verified.has(&hash) {
            return true;
        }
        let is_good = self.has_signed(signed.as_bytes(), signature);
        if is_good {
            self.verified.keep(hash);
        }
        is_good
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self.pair {
            Pair::EdDsa(_) => UnparsedPublicKey::new(&ED25519, self.public()).verify(message, signature),
            Pair::Es256(_) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.public()).verify(message, signature)
            }
        };
        verified.is_ok()
    }

    fn jwk(&self) -> serde_json::Value {
        match self.algorithm() {
            SigningAlgorithm::EdDsa => {
                let x = URL_SAFE_NO_PAD.encode(self.public());
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid, "x": x})
            }
            SigningAlgorithm::Es256 => {
                // The point uncompressed: a byte that says so, then both coordinates.
                let (x, y) = self.public()[1..].split_at(32);
                let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
                json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": x, "y": y})
            }
        }
    }
}

/// The keys in use at a moment, newest first.
pub(crate) struct KeyRing {
    keys: Vec<Arc<Key>>,
    read_at: Timestamp,
    /// Of before they were read.
    mark: Mark,
}

impl KeyRing {
    /// `known` are keys that have been taken apart already.
    fn new(
        stored: &[control::SigningKey],
        known: &[Arc<Key>],
        read_at: Timestamp,
        mark: Mark,
    ) -> Result<Self> {
        let mut keys = Vec::new();
        for key in stored {
            keys.push(match known.iter().find(|known| known.is(key)) {
                Some(known) => Arc::clone(known),
                None => Arc::new(Key::read(key)?),
            });
        }
        Ok(Self { keys, read_at, mark })
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// The newest key that signs by now; where there is none yet, the one that will first.
    fn signer(&self, algorithm: SigningAlgorithm, now: Timestamp) -> Option<&Key> {
        let all = || self.keys.iter().filter(|key| key.algorithm() == algorithm);
        let ready = all().filter(|key| key.signs_from <= now).max_by_key(|key| key.signs_from);
        ready.or_else(|| all().min_by_key(|key| key.signs_from)).map(Arc::as_ref)
    }

    /// A compact JSON Web Signature over `claims`.
    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        claims: &impl Serialize,
        now: Timestamp,
    ) -> Result<String> {
        let signer = self.signer(algorithm, now);
        let signer =
            signer.ok_or_else(|| Error::with_text(ErrorCode::Internal, "there is no signing key"))?;
        let body = serde_json::to_vec(claims).expect("claims are plain strings and numbers");
        let mut token = format!("{}.{}", signer.header, URL_SAFE_NO_PAD.encode(body));
        let signature = signer.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The claims of a token that one of our keys of this algorithm signed. Accepting just our own headers leaves no
    /// algorithm to be confused about.
    pub(crate) fn verify<C: DeserializeOwned>(&self, algorithm: SigningAlgorithm, token: &str) -> Option<C> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, body) = signed.split_once('.')?;
        let key = self.keys.iter().find(|key| key.header == header)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if key.algorithm() != algorithm || !key.has_signed_token(token, signed, &signature) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }

    fn knows(&self, token: &str) -> bool {
        let header = token.split('.').next().unwrap_or_default();
        self.keys.iter().any(|key| key.header == header)
    }

    /// The public keys as a JSON Web Key Set: of one algorithm, or all.
    pub(crate) fn jwks(&self, algorithm: Option<SigningAlgorithm>) -> String {
        let wanted = |key: &&Arc<Key>| algorithm.is_none_or(|algorithm| key.algorithm() == algorithm);
        let keys: Vec<_> = self.keys.iter().filter(wanted).map(|key| key.jwk()).collect();
        json!({ "keys": keys }).to_string()
    }
}

/// The keys of this process.
pub(crate) struct SigningKeys {
    ring: RwLock<Arc<KeyRing>>,
    /// Whether there was none though there were organizations, and all were made anew.
    pub(crate) were_gone: bool,
}

impl SigningKeys {
    /// Reads the keys, and makes the first of each algorithm where there is none yet.
    pub(crate) async fn open(stores: &Clusters, environment: &Environment) -> Result<Self> {
        let (store, mark, now) = (stores.main(), stores.mark_map(), environment.now());
        let mut stored = store.read(OrgKey::CONTROL, control::signing_keys_in_use).await?;
        let were_gone =
            stored.is_empty() && !store.read(OrgKey::CONTROL, control::list_organizations).await?.is_empty();
        if were_gone {
            tracing::error!(
                "there was no signing key though there are organizations: new ones are made, and no token from before is good"
            );
        }
        for algorithm in SigningAlgorithm::ALL {
            if !stored.iter().any(|key| key.algorithm == algorithm) {
                let key = generate(algorithm, environment, now, now)?;
                store.write(OrgKey::CONTROL, move |tx| control::insert_first_signing_key(tx, &key)).await?;
                stored = store.read(OrgKey::CONTROL, control::signing_keys_in_use).await?;
            }
        }
        Ok(Self { ring: RwLock::new(Arc::new(KeyRing::new(&stored, &[], now, mark)?)), were_gone })
    }

    fn current(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, ring: &Arc<KeyRing>) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(ring);
    }
}

/// A signing key as the command line shows it.
#[derive(Debug, Clone, Serialize)]
pub struct SigningKeySummary {
    pub kid: String,
    /// As in the header of a token.
    pub algorithm: &'static str,
    pub state: SigningKeyState,
    pub created_at: Timestamp,
    pub signs_from: Timestamp,
    pub retired_at: Option<Timestamp>,
}

/// What a key is good for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningKeyState {
    /// Known to everybody; signs later.
    Published,
    Signing,
    /// A newer one signs.
    Verifying,
    Retired,
}

impl Directory {
    /// The keys as they were a moment ago.
    pub(crate) async fn key_ring(&self, now: Timestamp) -> Result<Arc<KeyRing>> {
        let ring = self.inner.signing_keys.current();
        if now.0.saturating_sub(ring.read_at.0) < FRESH { Ok(ring) } else { self.read_key_ring(now).await }
    }

    /// The keys, read again where they do not have the one that this token says it was signed by.
    pub(crate) async fn key_ring_for(&self, token: &str, now: Timestamp) -> Result<Arc<KeyRing>> {
        let ring = self.key_ring(now).await?;
        if ring.knows(token) || now.0.saturating_sub(ring.read_at.0) < FRESH_FOR_STRANGERS {
            return Ok(ring);
        }
        self.read_key_ring(now).await
    }

    async fn read_key_ring(&self, now: Timestamp) -> Result<Arc<KeyRing>> {
        let mark = self.stores().mark_map();
        let stored = self.query(OrgKey::CONTROL, control::signing_keys_in_use).await?;
        let known = self.inner.signing_keys.current();
        let ring = Arc::new(KeyRing::new(&stored, &known.keys, now, mark)?);
        self.inner.signing_keys.keep(&ring);
        Ok(ring)
    }

    /// The public keys that verify this installation's tokens, as a JSON Web Key Set.
    pub async fn jwks_json(&self) -> Result<String> {
        Ok(self.key_ring(self.now()).await?.jwks(None))
    }

    /// Those of them that verify what operators are given.
    pub async fn operator_jwks_json(&self) -> Result<String> {
        Ok(self.key_ring(self.now()).await?.jwks(Some(SigningAlgorithm::Es256)))
    }

    /// Every signing key that there has been, newest first.
    pub async fn list_signing_keys(&self) -> Result<Vec<SigningKeySummary>> {
        let now = self.now();
        let stored = self.query(OrgKey::CONTROL, control::signing_keys).await?;
        let in_use: Vec<_> = stored.iter().filter(|key| key.retired_at.is_none()).cloned().collect();
        let ring = KeyRing::new(&in_use, &[], now, self.stores().mark_map())?;
        let state = |key: &control::SigningKey| {
            let signer = ring.signer(key.algorithm, now).map(|signer| signer.kid.as_str());
            match key.retired_at {
                Some(_) => SigningKeyState::Retired,
                None if signer == Some(&key.kid) => SigningKeyState::Signing,
                None if key.signs_from > now => SigningKeyState::Published,
                None => SigningKeyState::Verifying,
            }
        };
        let summary = |key: control::SigningKey| SigningKeySummary {
            state: state(&key),
            algorithm: key.algorithm.as_str(),
            created_at: key.created_at,
            signs_from: key.signs_from,
            retired_at: key.retired_at,
            kid: key.kid,
        };
        Ok(stored.into_iter().map(summary).collect())
    }

    /// Makes a new key of each algorithm, which signs [`PUBLISHED_BEFORE`] from now: by then everybody knows it. Those that
    /// there are go on verifying, but for `retire`; where that was the one that signs and nothing else can, the new one signs
    /// at once.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidField`] when there is no such key to retire in use; then nothing is done.
    pub async fn rotate_signing_keys(&self, retire: Option<&str>) -> Result<()> {
        let now = self.now();
        let signs_from = now.plus_seconds(PUBLISHED_BEFORE);
        let generate = |algorithm| generate(algorithm, &self.inner.environment, now, signs_from);
        let keys: Vec<_> = SigningAlgorithm::ALL.into_iter().map(generate).collect::<Result<_>>()?;
        let retire = retire.map(str::to_owned);
        self.write(OrgKey::CONTROL, move |tx| {
            if let Some(kid) = &retire {
                retire_in(tx, kid, now)?;
            }
            keys.iter().try_for_each(|key| Ok(control::insert_signing_key(tx, key)?))
        })
        .await?;
        self.read_key_ring(now).await.map(drop)
    }

    /// Retires a key: what it signed is refused from now on, in other processes within about a second. Where it was the last
    /// of its algorithm, a new one takes its place at once.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidField`] when there is no such key in use.
    pub async fn retire_signing_key(&self, kid: &str) -> Result<()> {
        let now = self.now();
        let make = |algorithm| generate(algorithm, &self.inner.environment, now, now);
        let heirs: Vec<_> = SigningAlgorithm::ALL.into_iter().map(make).collect::<Result<_>>()?;
        let retired = kid.to_owned();
        self.write(OrgKey::CONTROL, move |tx| {
            retire_in(tx, &retired, now)?;
            heirs.iter().try_for_each(|key| Ok(control::insert_first_signing_key(tx, key)?))
        })
        .await?;
        self.read_key_ring(now).await.map(drop)
    }
}

fn retire_in(tx: &Tx<'_>, kid: &str, now: Timestamp) -> Result<()> {
    if control::retire_signing_key(tx, kid, now)? {
        return Ok(());
    }
    Err(Error::field(&["kid"], "there is no such key in use"))
}

fn no_randomness() -> Error {
    Error::with_text(ErrorCode::Internal, "the system gives no randomness")
}

fn generate(
    algorithm: SigningAlgorithm,
    environment: &Environment,
    now: Timestamp,
    signs_from: Timestamp,
) -> Result<control::SigningKey> {
    let random = SystemRandom::new();
    let pkcs8 = match algorithm {
        SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
        SigningAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
    };
    let pkcs8 = pkcs8.map_err(|_| no_randomness())?.as_ref().to_vec();
    let kid = environment.uuid().to_string();
    Ok(control::SigningKey { kid, algorithm, pkcs8, created_at: now, signs_from, retired_at: None })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const NOW: Timestamp = Timestamp(1_767_268_800_000_000);

    struct Fixed(u8);

    impl crate::environment::Clock for Fixed {
        fn now(&self) -> Timestamp {
            NOW
        }
    }

    impl crate::environment::Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn key(name: u8, algorithm: SigningAlgorithm, signs_from: i64) -> control::SigningKey {
        let environment = Environment { clock: Arc::new(Fixed(name)), entropy: Arc::new(Fixed(name)) };
        generate(algorithm, &environment, NOW, NOW.plus_seconds(signs_from)).unwrap()
    }

    /// A key of each algorithm.
    pub(crate) fn ring() -> KeyRing {
        let keys = SigningAlgorithm::ALL.map(|algorithm| key(algorithm as u8, algorithm, 0));
        KeyRing::new(&keys, &[], NOW, Mark::default()).unwrap()
    }

    #[test]
    fn a_token_is_verified_by_the_key_that_signed_it_and_no_other() {
        for algorithm in SigningAlgorithm::ALL {
            let ours = ring();
            let token = ours.sign(algorithm, &json!({"a": 1}), NOW).unwrap();
            assert_eq!(ours.verify(algorithm, &token), Some(json!({"a": 1})));
            // Another installation's keys, by the same names.
            assert_eq!(ring().verify::<serde_json::Value>(algorithm, &token), None);
        }
    }

    #[test]
    fn a_token_of_one_algorithm_is_none_of_the_other() {
        let ours = ring();
        let [first, second] = SigningAlgorithm::ALL;
        for (signed, asked) in [(first, second), (second, first)] {
            let token = ours.sign(signed, &json!({"a": 1}), NOW).unwrap();
            assert_eq!(ours.verify::<serde_json::Value>(asked, &token), None);
            // Nor is it with the other key's header before it.
            let header = ours.sign(asked, &json!({}), NOW).unwrap();
            let (header, rest) = (header.split('.').next().unwrap(), token.split_once('.').unwrap().1);
            assert_eq!(ours.verify::<serde_json::Value>(asked, &format!("{header}.{rest}")), None);
        }
    }

    #[test]
    fn a_changed_token_is_not_verified() {
        for algorithm in SigningAlgorithm::ALL {
            let ours = ring();
            let token = ours.sign(algorithm, &json!({"a": 1}), NOW).unwrap();
            // The second time it is known, which nothing that is like it may profit from.
            for _ in 0..2 {
                assert_eq!(ours.verify(algorithm, &token), Some(json!({"a": 1})));
            }
            for at in [0, token.find('.').unwrap() + 5, token.len() - 3] {
                let mut changed = token.clone().into_bytes();
                changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(ours.verify::<serde_json::Value>(algorithm, &changed), None);
            }
            let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
            let body = token.split('.').nth(1).unwrap();
            for forged in
                [format!("{none}.{body}."), format!("{none}.{body}"), "..".to_owned(), String::new()]
            {
                assert_eq!(ours.verify::<serde_json::Value>(algorithm, &forged), None);
            }
        }
    }

    #[test]
    fn a_known_token_is_not_verified_again_and_a_forged_one_never_becomes_known() {
        for algorithm in SigningAlgorithm::ALL {
            let ours = ring();
            let token = ours.sign(algorithm, &json!({"a": 1}), NOW).unwrap();
            let forged = ring().sign(algorithm, &json!({"a": 1}), NOW).unwrap();
            for _ in 0..2 {
                assert!(ours.verify::<serde_json::Value>(algorithm, &token).is_some());
                assert!(ours.verify::<serde_json::Value>(algorithm, &forged).is_none());
            }
            let known: usize = ours.keys.iter().map(|key| key.verified.0.lock().unwrap().len()).sum();
            assert_eq!(known, 1);
            // That it was looked up and not verified: a signature that is none passes by a token that is known.
            let key = ours.keys.iter().find(|key| key.algorithm() == algorithm).unwrap();
            assert!(key.has_signed_token(&token, "", b""));
            assert!(!key.has_signed_token(&forged, "", b""));
        }
    }

    #[test]
    fn what_is_known_of_tokens_is_bounded() {
        let verified = Verified::default();
        let name = |number: usize| Verified::hash(&number.to_string());
        (0..=MOST_VERIFIED).for_each(|number| verified.keep(name(number)));
        assert_eq!(verified.0.lock().unwrap().len(), 1);
        assert!(verified.has(&name(MOST_VERIFIED)));
    }

    #[test]
    fn the_newest_key_signs_once_its_time_has_come() {
        let algorithm = SigningAlgorithm::Es256;
        let (old, new) = (key(1, algorithm, -1_000), key(2, algorithm, 600));
        let both = KeyRing::new(&[new.clone(), old.clone()], &[], NOW, Mark::default()).unwrap();
        let signer = |ring: &KeyRing, now| ring.signer(algorithm, now).map(|key| key.kid.clone());
        assert_eq!(signer(&both, NOW), Some(old.kid));
        assert_eq!(signer(&both, NOW.plus_seconds(599)), signer(&both, NOW));
        assert_eq!(signer(&both, NOW.plus_seconds(600)), Some(new.kid.clone()));
        // With nothing but a key of later there is still one to sign with.
        let only = KeyRing::new(std::slice::from_ref(&new), &both.keys, NOW, Mark::default()).unwrap();
        assert_eq!(signer(&only, NOW), Some(new.kid));
        assert_eq!(only.signer(SigningAlgorithm::EdDsa, NOW).map(|key| key.kid.as_str()), None);
    }
}
