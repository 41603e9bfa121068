//! GET and POST `/user/link/{secret}`: what a mailed link opens.
//!
//! Opening shows a page with one button and uses nothing up, for programs that look into mails open links, too; the
//! button uses the link up and sends the browser on. The token goes behind the `#`, which browsers do not send to
//! servers, so it stands in no server's log.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use denizen_directory::links::{LinkPurpose, UsedLink};
use denizen_directory::{Error, ErrorCode};
use denizen_domain::text::Origin;

use crate::kernel::{Call, Escaped, Problem, Reply, preferred};

/// The words of the pages in one language.
struct Words {
    sign_in: &'static str,
    verify: &'static str,
    go_on: &'static str,
    verified: &'static str,
    gone: &'static str,
}

const ENGLISH: Words = Words {
    sign_in: "Sign in",
    verify: "Confirm your e-mail address",
    go_on: "Continue",
    verified: "Your e-mail address is confirmed. You can close this page.",
    gone: "This link has expired or was already used. Ask for a new one.",
};
const SPANISH: Words = Words {
    sign_in: "Iniciar sesión",
    verify: "Confirma tu dirección de correo",
    go_on: "Continuar",
    verified: "Tu dirección de correo está confirmada. Puedes cerrar esta página.",
    gone: "Este enlace ha caducado o ya se ha usado. Solicita uno nuevo.",
};
const JAPANESE: Words = Words {
    sign_in: "サインイン",
    verify: "メールアドレスの確認",
    go_on: "続ける",
    verified: "メールアドレスを確認しました。このページは閉じてかまいません。",
    gone: "このリンクは期限切れか、すでに使用されています。新しいリンクを請求してください。",
};
const PORTUGUESE: Words = Words {
    sign_in: "Entrar",
    verify: "Confirme seu endereço de e-mail",
    go_on: "Continuar",
    verified: "Seu endereço de e-mail foi confirmado. Você pode fechar esta página.",
    gone: "Este link expirou ou já foi usado. Solicite um novo.",
};

/// The tags of the languages of the pages.
const LANGUAGES: [&str; 4] = ["en", "es", "ja", "pt"];

/// The words for a language tag, and the tag of the page.
fn words(language: Option<&str>) -> (&'static Words, &'static str) {
    let primary =
        language.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default().to_ascii_lowercase();
    match primary.as_str() {
        "es" | "spa" => (&SPANISH, "es"),
        "ja" | "jpn" => (&JAPANESE, "ja"),
        "pt" | "por" => (&PORTUGUESE, "pt"),
        _ => (&ENGLISH, "en"),
    }
}

pub(super) async fn open(call: Call) -> Result<Reply, Problem> {
    let opened = match call.directory().open_link(call.path("organization"), call.path("secret")).await {
        Ok(opened) => opened,
        Err(error) => return gone(&call, error),
    };
    let (words, language) = words(opened.language.as_deref());
    let title = if opened.purpose == LinkPurpose::SignIn { words.sign_in } else { words.verify };
    let form = format!("<form method=\"post\"><button>{}</button></form>", words.go_on);
    let page = page(language, title, &opened.organization_name, &form);
    let reply = Reply::html(200, page);
    // A browser refuses to follow a form's answer to an origin that the page did not name.
    let origin =
        Origin::of(&opened.redirect).map_or_else(|_| String::new(), |origin| format!(" {}", origin.as_str()));
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'{origin}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    Ok(match HeaderValue::from_str(&policy) {
        Ok(policy) => reply.header(CONTENT_SECURITY_POLICY, policy),
        Err(_) => reply,
    })
}

pub(super) async fn apply(call: Call) -> Result<Reply, Problem> {
    match call.directory().use_link(call.path("organization"), call.path("secret")).await {
        Ok(UsedLink::SignedIn { token, redirect }) => {
            let separator = if redirect.contains('#') { '&' } else { '#' };
            let target =
                format!("{redirect}{separator}id_token={}&expires_at={}", token.token, token.expires_at);
            Ok(Reply::see_other(&target))
        }
        Ok(UsedLink::Verified { redirect: Some(redirect), .. }) => Ok(Reply::see_other(&redirect)),
        Ok(UsedLink::Verified { redirect: None, organization_name, language }) => {
            let (words, language) = words(language.as_deref());
            Ok(Reply::html(200, page(language, words.verify, &organization_name, &paragraph(words.verified))))
        }
        Err(error) => gone(&call, error),
    }
}

/// A page instead of an error body: a person is reading. A link of an organization that was deleted is gone, too.
fn gone(call: &Call, error: Error) -> Result<Reply, Problem> {
    if !matches!(error.code, ErrorCode::LinkNotFound | ErrorCode::OrganizationNotFound) {
        return Err(error.into());
    }
    let preferred = call.header("accept-language").and_then(|header| preferred(header, &LANGUAGES));
    let (words, language) = words(preferred);
    Ok(Reply::html(404, page(language, words.sign_in, "", &paragraph(words.gone))))
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", Escaped(text))
}

fn page(language: &str, title: &str, organization: &str, content: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{language}\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">\
         <title>{title}</title>\
         <style>:root{{color-scheme:light dark;font:1.1rem/1.5 system-ui,sans-serif}}\
         body{{max-width:26rem;margin:18vh auto;padding:0 1rem;text-align:center}}\
         button{{font:inherit;padding:.6rem 2rem;border-radius:.4rem;border:1px solid;cursor:pointer}}</style>\
         <h1>{title}</h1>{}{content}</html>",
        if organization.is_empty() { String::new() } else { paragraph(organization) }
    )
}
