//! What the mails say, in each language, whatever names people have.

use denizen_courier::Courier;
use denizen_domain::mail::{Mail, MailContent};

use crate::support::{
    LOGIN_LINK, MAGIC_LINK, PASSWORD_LINK, VERIFY_LINK, deliver_and_read, deliver_with, in_language,
    invitation, magic_link, operator_created, settings,
};

fn as_html(link: &str) -> String {
    link.replace('&', "&amp;")
}

#[tokio::test]
async fn an_invitation_speaks_each_language_and_shows_both_links_in_both_forms() {
    for (language, subject, greeting, days) in [
        ("en", "Your invitation to Acme", "Hello Ada Lovelace,", "7 days"),
        ("es", "Acme te invita", "Hola, Ada Lovelace:", "7 días"),
        ("pt", "Acme convidou você", "Olá, Ada Lovelace!", "7 dias"),
        ("ja", "【Acme】ご招待のお知らせ", "Ada Lovelace 様", "7日間"),
    ] {
        let mail = deliver_and_read(&in_language(invitation(), language)).await;
        assert_eq!(mail.header("Subject"), subject);
        assert!(mail.html.contains(&format!("<html lang=\"{language}\">")));
        assert!(mail.html.contains(&format!("<title>{subject}</title>")));
        for body in [&mail.text, &mail.html] {
            assert!(body.contains(greeting), "{body}");
            assert!(body.contains(days), "{body}");
        }
        for link in [LOGIN_LINK, VERIFY_LINK] {
            assert!(mail.text.contains(&format!("\n{link}\n")), "{}", mail.text);
            let link = as_html(link);
            assert_eq!(mail.html.matches(&format!("href=\"{link}\"")).count(), 2, "{}", mail.html);
            assert!(mail.html.contains(&format!(">{link}</a>")), "{}", mail.html);
        }
        assert!(mail.text.find(LOGIN_LINK) < mail.text.find(VERIFY_LINK), "the login link comes first");
    }
}

#[tokio::test]
async fn a_magic_link_speaks_each_language_and_says_how_long_it_lives() {
    for (language, subject, minutes) in [
        ("en", "Your sign-in link for Acme", "15 minutes"),
        ("es", "Tu enlace de acceso a Acme", "15 minutos"),
        ("pt", "Acme: seu link de acesso", "15 minutos"),
        ("ja", "【Acme】ログイン用リンクのお知らせ", "15分"),
    ] {
        let mail = deliver_and_read(&in_language(magic_link(), language)).await;
        assert_eq!(mail.header("Subject"), subject);
        assert!(mail.text.contains(&format!("\n{MAGIC_LINK}\n")), "{}", mail.text);
        assert!(mail.html.contains(&format!("<title>{subject}</title>")));
        assert_eq!(mail.html.matches(&format!("href=\"{}\"", as_html(MAGIC_LINK))).count(), 2);
        for body in [&mail.text, &mail.html] {
            assert!(body.contains(minutes), "{body}");
        }
    }
}

#[tokio::test]
async fn a_new_operator_is_told_in_each_language_how_to_sign_in_and_where_to_choose_a_password() {
    for (language, subject, greeting, days) in [
        ("en", "Your account at Acme", "Hello Ada Lovelace,", "3 days"),
        ("es", "Tu cuenta en Acme", "Hola, Ada Lovelace:", "3 días"),
        ("pt", "Sua conta em Acme", "Olá, Ada Lovelace!", "3 dias"),
        ("ja", "【Acme】アカウント作成のお知らせ", "Ada Lovelace 様", "3日間"),
    ] {
        let mail = deliver_and_read(&in_language(operator_created(), language)).await;
        assert_eq!(mail.header("Subject"), subject);
        assert!(mail.html.contains(&format!("<html lang=\"{language}\">")));
        assert!(mail.html.contains(&format!("<title>{subject}</title>")));
        for body in [&mail.text, &mail.html] {
            for part in [greeting, days, "ada@example.org"] {
                assert!(body.contains(part), "{part} in {body}");
            }
        }
        assert!(mail.text.contains(&format!("\n{PASSWORD_LINK}\n")), "{}", mail.text);
        assert_eq!(mail.html.matches(&format!("href=\"{}\"", as_html(PASSWORD_LINK))).count(), 2);
    }
}

#[tokio::test]
async fn an_operator_who_has_a_password_already_is_told_whom_to_ask_and_given_no_link() {
    for (language, words) in [
        ("en", "passwords are never sent by e-mail"),
        ("es", "nunca enviamos contraseñas por correo"),
        ("pt", "nunca enviamos senhas por e-mail"),
        ("ja", "パスワードをメールでお送りすることはありません"),
    ] {
        let content = MailContent::OperatorCreated { link: None, link_days: 3 };
        let mail = deliver_and_read(&in_language(Mail { content, ..operator_created() }, language)).await;
        for body in [&mail.text, &mail.html] {
            assert!(body.contains(words), "{body}");
            assert!(!body.contains("://") && !body.contains("href") && !body.contains('3'), "{body}");
        }
        assert!(!mail.text.contains("\n\n\n"), "{}", mail.text);
    }
}

#[tokio::test]
async fn an_invitation_without_a_verify_link_does_not_speak_of_one() {
    for language in ["en", "es", "pt", "ja"] {
        let with = deliver_and_read(&in_language(invitation(), language)).await;
        let content =
            MailContent::Invitation { login_link: LOGIN_LINK.to_owned(), verify_link: None, verify_days: 7 };
        let without = deliver_and_read(&in_language(Mail { content, ..invitation() }, language)).await;
        assert_eq!(without.html.matches("<a href=").count(), 2);
        assert!(
            !without.text.contains('7') || with.text.matches('7').count() > without.text.matches('7').count()
        );
        assert!(without.text.lines().count() < with.text.lines().count());
        assert!(!without.text.contains("\n\n\n"), "{}", without.text);
    }
}

#[tokio::test]
async fn one_day_and_one_minute_are_singular() {
    let content = MailContent::Invitation {
        login_link: LOGIN_LINK.to_owned(),
        verify_link: Some(VERIFY_LINK.to_owned()),
        verify_days: 1,
    };
    let day = Mail { content, ..invitation() };
    let minute =
        Mail { content: MailContent::MagicLink { link: MAGIC_LINK.to_owned(), minutes: 1 }, ..invitation() };
    let content = MailContent::OperatorCreated { link: Some(PASSWORD_LINK.to_owned()), link_days: 1 };
    let account = Mail { content, ..invitation() };
    for (language, one_day, one_minute) in
        [("en", "1 day:", "1 minute "), ("es", "1 día:", "1 minuto "), ("pt", "1 dia:", "1 minuto ")]
    {
        let one_day_of = one_day.trim_end_matches(':').to_owned() + " ";
        assert!(deliver_and_read(&in_language(account.clone(), language)).await.text.contains(&one_day_of));
        assert!(deliver_and_read(&in_language(day.clone(), language)).await.text.contains(one_day));
        assert!(deliver_and_read(&in_language(minute.clone(), language)).await.text.contains(one_minute));
    }
}

#[tokio::test]
async fn a_recipient_without_a_name_is_greeted_without_one() {
    for (language, first_line) in [
        ("en", "Hello,"),
        ("es", "Hola:"),
        ("pt", "Olá!"),
        ("ja", "Acmeへは、次のリンクからログインできます。"),
    ] {
        let mail = Mail { recipient_name: " ".to_owned(), ..in_language(magic_link(), language) };
        let mail = deliver_and_read(&mail).await;
        assert!(mail.text.starts_with(first_line), "{}", mail.text);
        assert_eq!(mail.header("To"), "ada@example.org");
    }
}

#[tokio::test]
async fn markup_in_a_name_is_shown_and_not_executed() {
    let hostile = Mail {
        organization_name: "<script>alert('x')</script> & \"Sons\"".to_owned(),
        recipient_name: "<img src=x onerror=alert(1)>".to_owned(),
        content: MailContent::MagicLink { link: "https://x.example/\"><script>".to_owned(), minutes: 15 },
        ..invitation()
    };
    for language in ["en", "es", "pt", "ja"] {
        let mail = deliver_and_read(&in_language(hostile.clone(), language)).await;
        assert!(!mail.html.contains("<script") && !mail.html.contains("<img"), "{}", mail.html);
        assert!(mail.html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;Sons&quot;"));
        assert!(mail.html.contains("href=\"https://x.example/&quot;&gt;&lt;script&gt;\""), "{}", mail.html);
        assert!(mail.text.contains("<script>alert('x')</script> & \"Sons\""), "the text form is not HTML");
    }
}

#[tokio::test]
async fn the_html_loads_nothing_from_outside() {
    for mail in [invitation(), magic_link(), operator_created()] {
        for language in ["en", "es", "pt", "ja"] {
            let html = deliver_and_read(&in_language(mail.clone(), language)).await.html;
            for loader in ["src=", "<link", "url(", "@import", "<style", "<script"] {
                assert!(!html.contains(loader), "{loader} in {html}");
            }
            assert!(html.contains("name=\"color-scheme\" content=\"light dark\""));
        }
    }
}

#[tokio::test]
async fn every_spelling_of_a_language_finds_its_words() {
    for (tag, subject) in [
        ("es", "Acme te invita"),
        ("spa", "Acme te invita"),
        ("es-MX", "Acme te invita"),
        ("por", "Acme convidou você"),
        ("pt-BR", "Acme convidou você"),
        ("pt_PT", "Acme convidou você"),
        ("jpn", "【Acme】ご招待のお知らせ"),
        ("ENG", "Your invitation to Acme"),
        ("fi", "Your invitation to Acme"),
        ("", "Your invitation to Acme"),
        ("../../x", "Your invitation to Acme"),
    ] {
        assert_eq!(
            deliver_and_read(&in_language(invitation(), tag)).await.header("Subject"),
            subject,
            "{tag}"
        );
    }
}

#[tokio::test]
async fn an_unknown_language_gets_the_configured_one_and_a_known_one_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.language = Some("spa".to_owned());
    for (language, subject) in
        [(None, "Acme te invita"), (Some("fi"), "Acme te invita"), (Some("en-GB"), "Your invitation to Acme")]
    {
        let mail = Mail { language: language.map(str::to_owned), ..invitation() };
        assert_eq!(deliver_with(&settings, &mail).await.unwrap().header("Subject"), subject);
    }
}

#[test]
fn a_configured_language_without_templates_is_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    for (language, complaint) in [("fi", "only in en, es, ja, pt"), ("finnish", "not a language tag")] {
        let mut settings = settings(folder.path());
        settings.language = Some(language.to_owned());
        let error = Courier::new(&settings).err().unwrap().to_string();
        assert!(error.starts_with("mail.language") && error.contains(complaint), "{error}");
    }
}
