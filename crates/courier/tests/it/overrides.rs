//! The operator's templates in place of ours.

use std::{fs, path::Path};

use denizen_courier::{Courier, MailSettings};
use tempfile::TempDir;

use crate::support::{LOGIN_LINK, deliver_with, in_language, invitation, magic_link, settings};

fn folder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn settings_with(templates: &Path) -> MailSettings {
    MailSettings { templates: Some(templates.to_owned()), ..settings(&templates.join("outbox")) }
}

/// What `Courier::new` says about a folder with this one file.
fn complaint_about(name: &str, content: &str) -> String {
    let folder = folder_with(&[(name, content)]);
    let error = Courier::new(&settings_with(folder.path())).err();
    let error = error.unwrap_or_else(|| panic!("{name} was accepted")).to_string();
    assert!(
        error.contains(&folder.path().join(name).display().to_string()),
        "{error} does not name the file"
    );
    error
}

#[tokio::test]
async fn a_file_of_the_operators_replaces_ours_and_only_that_one() {
    let folder = folder_with(&[(
        "invitation.es.txt",
        "\u{feff}Subject: ¡Ven a {{ organization_name }}!\r\n\r\n{{ recipient_name }} <{{ login_link }}>\r\n",
    )]);
    let settings = settings_with(folder.path());
    let mail = deliver_with(&settings, &in_language(invitation(), "es-MX")).await.unwrap();
    assert_eq!(mail.header("Subject"), "¡Ven a Acme!");
    assert_eq!(mail.text.trim_end(), format!("Ada Lovelace <{LOGIN_LINK}>"));
    assert!(mail.html.contains("Iniciar sesión"), "the HTML half is still ours");
    let mail = deliver_with(&settings, &in_language(magic_link(), "es")).await.unwrap();
    assert_eq!(mail.header("Subject"), "Tu enlace de acceso a Acme");
}

#[tokio::test]
async fn the_operator_may_add_a_language_and_a_regional_form() {
    let folder = folder_with(&[
        ("invitation.deu.txt", "Subject: Einladung von {{ organization_name }}\n\n{{ login_link }}\n"),
        ("invitation.deu.html", "<p lang=\"{{ language }}\">{{ login_link }}</p>"),
        ("invitation.pt-PT.txt", "Subject: Convite de {{ organization_name }}\n\n{{ login_link }}\n"),
        ("invitation.pt-PT.html", "<p>{{ login_link }}</p>"),
        ("README.md", "{{ none of denizen's business }}"),
    ]);
    let mut settings = settings_with(folder.path());
    for (tag, subject) in [
        ("de-AT", "Einladung von Acme"),
        ("ger", "Einladung von Acme"),
        ("pt-PT", "Convite de Acme"),
        ("pt-BR", "Acme convidou você"),
    ] {
        let mail = deliver_with(&settings, &in_language(invitation(), tag)).await.unwrap();
        assert_eq!(mail.header("Subject"), subject, "{tag}");
    }
    settings.language = Some("de".to_owned());
    let mail = deliver_with(&settings, &in_language(invitation(), "fi")).await.unwrap();
    assert!(mail.html.contains("<p lang=\"de\">"), "{}", mail.html);
    let mail = deliver_with(&settings, &in_language(magic_link(), "de")).await.unwrap();
    assert_eq!(mail.header("Subject"), "Your sign-in link for Acme", "there is no German magic link");
}

#[test]
fn an_added_language_with_one_half_is_refused_by_name() {
    let error = complaint_about("invitation.de.txt", "Subject: x\n\n{{ login_link }}");
    assert!(error.contains("invitation.de.html, is missing"), "{error}");
}

#[test]
fn a_template_that_does_not_parse_is_refused_with_its_line() {
    let error = complaint_about("magic_link.en.html", "<p>\n{{ link }}\n{% if minutes %}\n");
    assert!(error.contains("line 4") || error.contains("line 3"), "{error}");
    let error = complaint_about("magic_link.en.txt", "Subject: x\n\n{{ link | sparkle }}\n");
    assert!(error.contains("line 3: unknown filter") && error.contains("sparkle"), "{error}");
}

#[test]
fn a_template_with_an_unknown_variable_is_refused_with_its_line() {
    let error = complaint_about("invitation.ja.txt", "Subject: x\n\nHi\n{{ login_url }}\n");
    assert!(error.contains("line 4"), "{error}");
    let error = complaint_about("magic_link.es.html", "<p>\n\n{{ login_link }}</p>");
    assert!(error.contains("line 3"), "{error}");
    let hidden = "Subject: x\n{% if verify_days > 1000 %}\n{{ secret }}\n{% endif %}\n";
    let error = complaint_about("invitation.en.txt", hidden);
    assert!(error.contains("line 3: there is no variable secret"), "{error}");
}

#[test]
fn a_template_that_forgets_that_the_verify_link_may_be_missing_is_refused() {
    let error = complaint_about("invitation.en.txt", "Subject: x\n\n{{ verify_link }}\n");
    assert!(error.contains("line 3") && error.contains("{% if"), "{error}");
}

#[test]
fn a_text_without_a_subject_is_refused() {
    for content in ["Hello\n", "", "Subject:\nHello", "\nSubject: late\n"] {
        let error = complaint_about("magic_link.pt.txt", content);
        assert!(error.contains("line 1: the first line must be"), "{error}");
    }
}

#[test]
fn a_misnamed_template_is_refused() {
    for name in ["invitaton.es.txt", "invitation.txt", "invitation.spanish.html", "invitation.es.de.txt"] {
        assert!(complaint_about(name, "x").contains("its name must be"));
    }
    let folder = folder_with(&[("invitation.es.html", "x"), ("invitation.spa.html", "x")]);
    let error = Courier::new(&settings_with(folder.path())).err().unwrap().to_string();
    assert!(error.contains("the same mail in the same language"), "{error}");
}

#[test]
fn a_template_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Courier::new(&settings_with(&folder.path().join("nowhere"))).err().unwrap().to_string();
    assert!(error.contains("nowhere") && error.contains("cannot be read"), "{error}");
}

#[tokio::test]
async fn a_template_that_fails_on_one_mail_is_named_without_the_mails_values() {
    // It passes the check at start, whose samples are called "Example".
    let computing =
        "Subject: x\n\n{% if organization_name != 'Example' %}{{ organization_name | int }}{% endif %}\n";
    let folder = folder_with(&[("magic_link.en.txt", computing)]);
    let error = deliver_with(&settings_with(folder.path()), &magic_link()).await.unwrap_err();
    assert!(
        error.permanent
            && error.text.ends_with("magic_link.en.txt, line 3: it fails on the values of this mail")
    );
    assert!(!error.text.contains("Acme"));
}

#[tokio::test]
async fn the_example_in_the_manual_works() {
    let manual = include_str!("../../../../docs/mail.md");
    let block = |before: &str, fence: &str| {
        let (_, after) = manual.split_once(before).unwrap();
        let (_, block) = after.split_once(fence).unwrap();
        block.split_once("```").unwrap().0.to_owned()
    };
    let folder = folder_with(&[
        ("magic_link.de.txt", &block("`/etc/denizen/mail/magic_link.de.txt`", "```\n")),
        ("magic_link.de.html", &block("`/etc/denizen/mail/magic_link.de.html`", "```html\n")),
    ]);
    let settings = settings_with(folder.path());
    let mail = deliver_with(&settings, &in_language(magic_link(), "deu")).await.unwrap();
    assert_eq!(mail.header("Subject"), "Ihr Anmeldelink für Acme");
    assert!(mail.html.contains("(gilt 15 Minuten und nur einmal)"));
}
