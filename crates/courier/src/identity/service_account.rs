//! Access to Google by the key of a service account: a signed assertion is changed for an access token (RFC 7523).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_domain::time::Timestamp;
use hyper::Uri;
use hyper::header::HeaderValue;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::web::{Web, code_word, parse_url};

/// The narrowest scope that Identity Toolkit's account deletion takes.
const SCOPE: &str = "https://www.googleapis.com/auth/identitytoolkit";
/// How long an assertion holds; Google takes no longer one.
const ASSERTION_SECONDS: i64 = 3600;
/// A token is not used in its last minutes, so that clocks may differ.
const SPARE_SECONDS: i64 = 300;
const SERVER: &str = "Google's token server";

pub(crate) struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    key: RsaKeyPair,
    token_uri: String,
    token_endpoint: Uri,
    /// Held while a token is fetched, so that jobs that run at once fetch one and not one each.
    token: Mutex<Option<Token>>,
}

struct Token {
    authorization: HeaderValue,
    until: Timestamp,
}

impl ServiceAccount {
    /// Reads the key's file and returns the id of its project, too, if it names one. The reasons continue the name of the
    /// setting and repeat nothing of the file.
    pub(crate) fn load(file: &Path) -> Result<(Self, Option<String>), String> {
        let named = |reason: &str| format!("names {}, {reason}", file.display());
        let bytes = std::fs::read(file).map_err(|error| named(&format!("which cannot be read: {error}")))?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|_| named("which is not JSON"))?;
        let text = |member: &str| json.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
        let wanted = |member: &str| text(member).ok_or_else(|| named(&format!("which has no \"{member}\"")));
        if text("type") != Some("service_account") {
            return Err(named("which is not the key of a service account (\"type\": \"service_account\")"));
        }
        let key = PrivatePkcs8KeyDer::from_pem_slice(wanted("private_key")?.as_bytes())
            .ok()
            .and_then(|der| RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok())
            .ok_or_else(|| named("whose \"private_key\" is not an RSA key in PKCS #8 form"))?;
        let token_uri = wanted("token_uri")?.to_owned();
        let token_endpoint = parse_url(&token_uri)
            .and_then(|url| url.as_str().parse().map_err(|_| "is not a web address"))
            .map_err(|reason| named(&format!("whose \"token_uri\" {reason}")))?;
        let account = Self {
            email: wanted("client_email")?.to_owned(),
            key_id: text("private_key_id").map(str::to_owned),
            key,
            token_uri,
            token_endpoint,
            token: Mutex::new(None),
        };
        Ok((account, text("project_id").map(str::to_owned)))
    }

    /// The value of the header `Authorization`, from memory while it holds.
    pub(crate) async fn authorization(&self, web: &Web, now: Timestamp) -> Result<HeaderValue, String> {
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref().filter(|token| now < token.until) {
            return Ok(token.authorization.clone());
        }
        let fetched = self.fetch(web, now).await?;
        let authorization = fetched.authorization.clone();
        *token = Some(fetched);
        Ok(authorization)
    }

    /// Forgets a token that was not accepted, so that the next attempt fetches another.
    pub(crate) async fn forget(&self, refused: &HeaderValue) {
        let mut token = self.token.lock().await;
        if token.as_ref().is_some_and(|token| token.authorization == *refused) {
            *token = None;
        }
    }

    async fn fetch(&self, web: &Web, now: Timestamp) -> Result<Token, String> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", &self.assertion(now))
            .finish();
        let form = "application/x-www-form-urlencoded";
        let answer = web.post(SERVER, &self.token_endpoint, None, form, body).await?;
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if !answer.status.is_success() {
            let code = json.get("error").and_then(Value::as_str).and_then(code_word);
            let said = code.map_or_else(String::new, |code| format!(" {code}"));
            let hint = match code {
                Some("invalid_grant") => "; the key was revoked, or the clock of this machine is wrong",
                _ => "",
            };
            return Err(format!("{SERVER} gave no access token: {}{said}{hint}", answer.status.as_u16()));
        }
        let seconds = json.get("expires_in").and_then(Value::as_i64);
        let header = json.get("access_token").and_then(Value::as_str).and_then(bearer);
        let (Some(authorization), Some(seconds)) = (header, seconds) else {
            return Err(format!("{SERVER} gave an answer without access token and its time"));
        };
        Ok(Token { authorization, until: now.plus_seconds(seconds - SPARE_SECONDS) })
    }

    fn assertion(&self, now: Timestamp) -> String {
        let issued = now.unix_seconds();
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": issued,
            "exp": issued + ASSERTION_SECONDS,
        });
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        // The randomness only hides the key from whoever measures; the signature is the same without it.
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("the buffer is as long as the key's modulus, and the system has randomness");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// `None` for what could not be a token.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}
