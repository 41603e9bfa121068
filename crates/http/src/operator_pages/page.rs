//! The pages as HTML. They load nothing, run nothing, and are read without a style, too.

use std::fmt::Write as _;

use axum::http::HeaderValue;
use axum::http::header::{REFERRER_POLICY, X_FRAME_OPTIONS};
use denizen_domain::operator::{MailLanguage, PasswordPolicy};

use super::words::Words;
use crate::kernel::{Escaped, Reply};

const STYLE: &str = ":root{color-scheme:light dark;font:1.05rem/1.5 system-ui,sans-serif}\
    body{max-width:26rem;margin:8vh auto;padding:0 1rem}nav{font-size:.9rem;text-align:end}nav>*{margin-inline-start:.6rem}\
    label{display:block;margin-top:1rem}input{font:inherit;width:100%;padding:.5rem;box-sizing:border-box}\
    button{font:inherit;margin-top:1.4rem;padding:.6rem 1.4rem;border-radius:.4rem;border:1px solid;cursor:pointer}\
    ul{padding-inline-start:1.2rem}.unmet{font-weight:600}[role=alert]{border-inline-start:.3rem solid;padding-inline-start:.8rem}";

/// What went wrong with what was entered before.
pub(super) enum Complaint<'p> {
    /// This password is not one that the policy admits.
    Password(&'p str),
    Differ,
    Busy,
}

/// The form in which a password is chosen.
pub(super) fn form(
    language: MailLanguage,
    organization: &str,
    policy: &PasswordPolicy,
    complaint: Option<&Complaint<'_>>,
) -> String {
    let words = Words::of(language);
    let mut page = String::new();
    let rejected = match complaint {
        Some(Complaint::Password(password)) => Some(*password),
        _ => None,
    };
    let is_too_long = rejected.is_some_and(|password| password.len() > PasswordPolicy::MAX_BYTES);
    let alert = complaint.map(|complaint| match complaint {
        Complaint::Password(_) if is_too_long => words.too_long,
        Complaint::Password(_) => words.breaches,
        Complaint::Differ => words.differ,
        Complaint::Busy => words.busy,
    });
    if let Some(alert) = alert {
        let _ = write!(page, "<p role=\"alert\">{alert}</p>");
    }
    let mut rules = String::new();
    for rule in policy.rules() {
        let Some(text) = words.rule(rule, policy) else { continue };
        let is_unmet = rejected.is_some_and(|password| !policy.keeps(rule, password));
        let class = if is_unmet { " class=\"unmet\"" } else { "" };
        let _ = write!(rules, "<li{class}>{text}</li>");
    }
    let invalid = |is_wrong: bool| if is_wrong { " aria-invalid=\"true\"" } else { "" };
    // Without an action it goes to the address of this page, the chosen language included.
    let _ = write!(
        page,
        "<form method=\"post\" accept-charset=\"utf-8\">\
         <div id=\"rules\"><p>{}</p><ul>{rules}</ul></div>\
         <label for=\"password\">{}</label><input id=\"password\" name=\"password\" type=\"password\" \
         autocomplete=\"new-password\" required aria-describedby=\"rules\"{}>\
         <label for=\"confirmation\">{}</label><input id=\"confirmation\" name=\"confirmation\" type=\"password\" \
         autocomplete=\"new-password\" required{}><button>{}</button></form>",
        words.rules,
        words.password,
        invalid(rejected.is_some()),
        words.again,
        invalid(matches!(complaint, Some(Complaint::Differ))),
        words.save,
    );
    whole(language, words.choose, organization, &page)
}

/// A page that says one thing.
pub(super) fn notice(language: MailLanguage, title: &str, organization: &str, text: &str) -> String {
    whole(language, title, organization, &format!("<p>{text}</p>"))
}

/// Says something in every language, where nothing is known of who reads it.
pub(super) fn in_every_language(text: impl Fn(&Words) -> &'static str) -> String {
    let paragraph = |language: MailLanguage| {
        format!("<p lang=\"{}\">{}</p>", language.as_str(), text(Words::of(language)))
    };
    let paragraphs: String = MailLanguage::ALL.into_iter().map(paragraph).collect();
    framed(MailLanguage::English, "denizen", &format!("<main>{paragraphs}</main>"))
}

fn whole(language: MailLanguage, title: &str, organization: &str, content: &str) -> String {
    let links: String = MailLanguage::ALL.into_iter().map(|other| link(other, other == language)).collect();
    let organization =
        if organization.is_empty() { String::new() } else { format!("<p>{}</p>", Escaped(organization)) };
    framed(
        language,
        title,
        &format!("<nav>{links}</nav><main>{organization}<h1>{title}</h1>{content}</main>"),
    )
}

/// Leads to the same page in a language.
fn link(language: MailLanguage, is_current: bool) -> String {
    let (tag, name) = (language.as_str(), Words::of(language).name);
    if is_current {
        format!("<span lang=\"{tag}\" aria-current=\"true\">{name}</span>")
    } else {
        format!("<a lang=\"{tag}\" hreflang=\"{tag}\" href=\"?language={tag}\">{name}</a>")
    }
}

fn framed(language: MailLanguage, title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head>\
         <body>{body}</body></html>",
        language.as_str()
    )
}

/// The answer with a page. Its address holds a secret, so nothing may keep the page or tell where somebody came from.
pub(super) fn reply(status: u16, page: String) -> Reply {
    Reply::html(status, page)
        .header(REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
        .header(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))
}
