//! The words of each mail: our own templates, the operator's in their place, and the choice of language.
//!
//! Knows nothing of MIME or SMTP: a mail goes in, a subject and two bodies come out.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use denizen_domain::mail::{Mail, MailContent};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, context,
    escape_formatter,
};

use crate::{error::CourierError, language, text};

/// The language that is always there.
const LAST_RESORT: &str = "en";

/// The kinds of mail as their template files call them.
const KINDS: [&str; 3] = ["invitation", "magic_link", "operator_created"];

const EMBEDDED: &[(&str, &str)] = &[
    ("invitation.en.html", include_str!("../templates/invitation.en.html")),
    ("invitation.en.txt", include_str!("../templates/invitation.en.txt")),
    ("invitation.es.html", include_str!("../templates/invitation.es.html")),
    ("invitation.es.txt", include_str!("../templates/invitation.es.txt")),
    ("invitation.ja.html", include_str!("../templates/invitation.ja.html")),
    ("invitation.ja.txt", include_str!("../templates/invitation.ja.txt")),
    ("invitation.pt.html", include_str!("../templates/invitation.pt.html")),
    ("invitation.pt.txt", include_str!("../templates/invitation.pt.txt")),
    ("magic_link.en.html", include_str!("../templates/magic_link.en.html")),
    ("magic_link.en.txt", include_str!("../templates/magic_link.en.txt")),
    ("magic_link.es.html", include_str!("../templates/magic_link.es.html")),
    ("magic_link.es.txt", include_str!("../templates/magic_link.es.txt")),
    ("magic_link.ja.html", include_str!("../templates/magic_link.ja.html")),
    ("magic_link.ja.txt", include_str!("../templates/magic_link.ja.txt")),
    ("magic_link.pt.html", include_str!("../templates/magic_link.pt.html")),
    ("magic_link.pt.txt", include_str!("../templates/magic_link.pt.txt")),
    ("operator_created.en.html", include_str!("../templates/operator_created.en.html")),
    ("operator_created.en.txt", include_str!("../templates/operator_created.en.txt")),
    ("operator_created.es.html", include_str!("../templates/operator_created.es.html")),
    ("operator_created.es.txt", include_str!("../templates/operator_created.es.txt")),
    ("operator_created.ja.html", include_str!("../templates/operator_created.ja.html")),
    ("operator_created.ja.txt", include_str!("../templates/operator_created.ja.txt")),
    ("operator_created.pt.html", include_str!("../templates/operator_created.pt.html")),
    ("operator_created.pt.txt", include_str!("../templates/operator_created.pt.txt")),
];

/// A mail in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// One line without control characters.
    pub subject: String,
    pub text: String,
    pub html: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    Text,
    Html,
}

/// Which template a file holds. `language` is canonical.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: &'static str,
    language: String,
    format: Format,
}

impl Key {
    /// Reads `invitation.pt-BR.txt`; `None` when the name follows another pattern.
    fn from_file_name(name: &str) -> Option<Self> {
        let mut parts = name.split('.');
        let (kind, language, extension) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = KINDS.into_iter().find(|known| *known == kind)?;
        let format = match extension {
            "txt" => Format::Text,
            "html" => Format::Html,
            _ => return None,
        };
        parts.next().is_none().then_some(())?;
        Some(Self { kind, language: language::canonical(language)?, format })
    }

    fn file_name(&self) -> String {
        let extension = if self.format == Format::Text { "txt" } else { "html" };
        format!("{}.{}.{extension}", self.kind, self.language)
    }
}

struct Template {
    /// Where it came from, for errors.
    file: PathBuf,
    source: Cow<'static, str>,
}

/// All templates, checked.
pub(crate) struct Templates {
    environment: Environment<'static>,
    by_key: BTreeMap<Key, Template>,
    fallback: String,
}

impl Templates {
    /// Our templates with the operator's in their place, each of the operator's rendered with sample data.
    pub(crate) fn load(overrides: Option<&Path>, fallback: Option<&str>) -> Result<Self, CourierError> {
        let mut templates = BTreeMap::new();
        for (name, source) in EMBEDDED {
            let key = Key::from_file_name(name).expect("the names of our own templates follow the pattern");
            templates.insert(key, Template { file: PathBuf::from(name), source: Cow::Borrowed(source) });
        }
        let own = match overrides {
            Some(folder) => read_folder(folder)?,
            None => BTreeMap::new(),
        };
        let changed: Vec<Key> = own.keys().cloned().collect();
        templates.extend(own);

        let mut loaded =
            Self { environment: environment(), by_key: templates, fallback: LAST_RESORT.to_owned() };
        for key in &changed {
            loaded.check_pair(key)?;
            loaded.check(key)?;
        }
        if let Some(tag) = fallback {
            loaded.fallback = loaded.check_fallback(tag)?;
        }
        Ok(loaded)
    }

    /// The mail in the recipient's language or the nearest there is.
    ///
    /// # Errors
    /// A template failed on this mail's values though it passed the check at start: an operator's template may compute.
    /// The error names the file and the line and none of the values.
    pub(crate) fn render(&self, mail: &Mail) -> Result<Rendered, CourierError> {
        self.render_as_is(mail).map_err(|error| match error {
            CourierError::Template { file, line, .. } => CourierError::Template {
                file,
                line,
                reason: "it fails on the values of this mail".to_owned(),
            },
            other => other,
        })
    }

    fn render_as_is(&self, mail: &Mail) -> Result<Rendered, CourierError> {
        let kind = kind_of(&mail.content);
        let language = self.choose_language(kind, mail.language.as_deref());
        let values = values_of(mail, language);
        let text_key = Key { kind, language: language.to_owned(), format: Format::Text };
        let html_key = Key { format: Format::Html, ..text_key.clone() };
        let (subject, text) = self.render_text(&text_key, &values)?;
        let html = self.render_one(&html_key, &values)?;
        Ok(Rendered { subject, text, html })
    }

    fn choose_language<'a>(&'a self, kind: &'static str, wanted: Option<&str>) -> &'a str {
        let wanted = wanted.and_then(language::canonical);
        let wishes = wanted.as_deref().into_iter().chain([self.fallback.as_str(), LAST_RESORT]);
        wishes
            .flat_map(language::from_specific_to_general)
            .find_map(|tag| {
                let key = Key { kind, language: tag.to_owned(), format: Format::Text };
                self.by_key.get_key_value(&key).map(|(found, _)| found.language.as_str())
            })
            .expect("every kind of mail has templates in English, which nothing can take away")
    }

    fn render_text(&self, key: &Key, values: &Value) -> Result<(String, String), CourierError> {
        let rendered = self.render_one(key, values)?;
        let (first, rest) = rendered.split_once('\n').unwrap_or((&rendered, ""));
        let subject =
            first.strip_prefix("Subject:").map(text::single_line).filter(|subject| !subject.is_empty());
        let Some(subject) = subject else {
            return Err(CourierError::Template {
                file: self.by_key[key].file.clone(),
                line: Some(1),
                reason: "the first line must be \"Subject: …\"".to_owned(),
            });
        };
        Ok((subject, rest.trim_start_matches(['\r', '\n']).to_owned()))
    }

    fn render_one(&self, key: &Key, values: &Value) -> Result<String, CourierError> {
        let template = &self.by_key[key];
        self.environment
            .render_named_str(&key.file_name(), &template.source, values)
            .map_err(|error| template_error(&template.file, &error))
    }

    /// A language that the operator adds comes with both halves of a mail.
    fn check_pair(&self, key: &Key) -> Result<(), CourierError> {
        let format = if key.format == Format::Text { Format::Html } else { Format::Text };
        let other = Key { format, ..key.clone() };
        if self.by_key.contains_key(&other) {
            return Ok(());
        }
        let file = self.by_key[key].file.clone();
        let missing = other.file_name();
        Err(CourierError::Template {
            file,
            line: None,
            reason: format!("its other half, {missing}, is missing"),
        })
    }

    fn check(&self, key: &Key) -> Result<(), CourierError> {
        let template = &self.by_key[key];
        let mut known: BTreeSet<String> =
            self.environment.globals().map(|(name, _)| name.to_owned()).collect();
        for mail in samples(key.kind) {
            let values = values_of(&mail, &key.language);
            known.extend(values.try_iter().into_iter().flatten().map(|name| name.to_string()));
            match key.format {
                Format::Text => self.render_text(key, &values).map(drop)?,
                Format::Html => self.render_one(key, &values).map(drop)?,
            }
        }
        // Rendering sees the branches that the samples take; this sees the others.
        let name = key.file_name();
        let parsed = self
            .environment
            .template_from_named_str(&name, &template.source)
            .map_err(|error| template_error(&template.file, &error))?;
        let Some(unknown) =
            parsed.undeclared_variables(false).into_iter().filter(|name| !known.contains(name)).min()
        else {
            return Ok(());
        };
        let line = template.source.lines().position(|line| line.contains(&unknown)).map(|index| index + 1);
        Err(CourierError::Template {
            file: template.file.clone(),
            line,
            reason: format!("there is no variable {unknown} in this mail"),
        })
    }

    fn check_fallback(&self, tag: &str) -> Result<String, CourierError> {
        let Some(language) = language::canonical(tag) else {
            return Err(CourierError::Language(format!(
                "{tag:?} is not a language tag such as \"es\" or \"pt-BR\""
            )));
        };
        let known: BTreeSet<&str> = self.by_key.keys().map(|key| key.language.as_str()).collect();
        if language::from_specific_to_general(&language).any(|tag| known.contains(tag)) {
            return Ok(language);
        }
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        Err(CourierError::Language(format!("there are no templates in {tag:?}, only in {known}")))
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_formatter(write_value);
    environment
}

/// Writes a value into a template, escaped when the template is HTML.
///
/// Unlike minijinja's own, it leaves `/` alone (a link stays readable in the source of the mail), and refuses a missing value
/// instead of writing "none" to somebody.
fn write_value(out: &mut Output, state: &State, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "this value may be missing; put it between {% if … %} and {% endif %}",
        ));
    }
    match value.as_str() {
        Some(plain) if matches!(state.auto_escape(), AutoEscape::Html) && !value.is_safe() => {
            out.write_str(&escape_html(plain)).map_err(Error::from)
        }
        _ => escape_formatter(out, state, value),
    }
}

fn escape_html(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The operator's templates. A `.txt` or `.html` file whose name we don't understand is an error: it is a slip of the pen
/// that would otherwise show only when the wrong mail has gone out. Other files and hidden ones are none of our business.
fn read_folder(folder: &Path) -> Result<BTreeMap<Key, Template>, CourierError> {
    let failed = |file: &Path, error: &std::io::Error| CourierError::Template {
        file: file.to_owned(),
        line: None,
        reason: format!("cannot be read: {error}"),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        files.push(entry.map_err(|error| failed(folder, &error))?.path());
    }
    // The order of a directory is accidental; the first error shouldn't be.
    files.sort();

    let mut templates: BTreeMap<Key, Template> = BTreeMap::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_template = name.ends_with(".txt") || name.ends_with(".html");
        if !is_template || name.starts_with('.') {
            continue;
        }
        let Some(key) = Key::from_file_name(&name) else {
            let reason = format!(
                "its name must be {}, a language and txt or html, such as invitation.de.txt",
                KINDS.join(" or ")
            );
            return Err(CourierError::Template { file, line: None, reason });
        };
        let source = fs::read_to_string(&file).map_err(|error| failed(&file, &error))?;
        // Some editors begin a file with a byte-order mark, which would hide the word "Subject:".
        let source = source.strip_prefix('\u{feff}').map_or(source.clone(), str::to_owned);
        if let Some(earlier) = templates.get(&key) {
            let reason = format!("{} is the same mail in the same language", earlier.file.display());
            return Err(CourierError::Template { file, line: None, reason });
        }
        templates.insert(key, Template { file, source: Cow::Owned(source) });
    }
    Ok(templates)
}

/// Names the place and the kind of trouble. The detail that minijinja adds is about the template's own text.
fn template_error(file: &Path, error: &Error) -> CourierError {
    let reason = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None if error.kind() == ErrorKind::UndefinedError => {
            "it uses a variable that this mail does not have".to_owned()
        }
        None => error.kind().to_string(),
    };
    CourierError::Template { file: file.to_owned(), line: error.line(), reason }
}

fn kind_of(content: &MailContent) -> &'static str {
    match content {
        MailContent::Invitation { .. } => "invitation",
        MailContent::MagicLink { .. } => "magic_link",
        MailContent::OperatorCreated { .. } => "operator_created",
    }
}

/// The variables that docs/mail.md promises to templates.
fn values_of(mail: &Mail, language: &str) -> Value {
    let recipient_name = text::single_line(&mail.recipient_name);
    let organization_name = text::single_line(&mail.organization_name);
    match &mail.content {
        MailContent::Invitation { login_link, verify_link, verify_days } => context! {
            language,
            recipient_name,
            organization_name,
            login_link => text::link(login_link),
            verify_link => verify_link.as_deref().map(text::link),
            verify_days,
        },
        MailContent::MagicLink { link, minutes } => context! {
            language,
            recipient_name,
            organization_name,
            link => text::link(link),
            minutes,
        },
        MailContent::OperatorCreated { link, link_days } => context! {
            language,
            recipient_name,
            organization_name,
            email => text::link(&mail.to),
            link => link.as_deref().map(text::link),
            link_days,
        },
    }
}

/// Mails that between them have every optional part present and absent, and both a singular and a plural.
fn samples(kind: &str) -> Vec<Mail> {
    let link = || "https://example.com/sign-in?token=sample".to_owned();
    let mut contents = Vec::new();
    for count in [1, 7] {
        match kind {
            "invitation" => contents.extend([None, Some(link())].map(|verify_link| {
                MailContent::Invitation { login_link: link(), verify_link, verify_days: count }
            })),
            "operator_created" => contents.extend(
                [None, Some(link())].map(|link| MailContent::OperatorCreated { link, link_days: count }),
            ),
            _ => contents.push(MailContent::MagicLink { link: link(), minutes: count }),
        }
    }
    let mut mails = Vec::new();
    for content in contents {
        for recipient_name in ["", "Ada Lovelace"] {
            mails.push(Mail {
                to: "ada@example.com".to_owned(),
                recipient_name: recipient_name.to_owned(),
                language: None,
                organization_name: "Example".to_owned(),
                content: content.clone(),
            });
        }
    }
    mails
}
