//! `denizen org …`: organizations, also beside a running server.

use denizen_directory::Directory;
use denizen_directory::organizations::{
    CreatedOrganization, FirstAdmin, ListedOrganization, NewOrganization, OrganizationChanges,
    OrganizationSummary,
};
use denizen_domain::ids::Uuid;
use denizen_domain::text::{Email, MAX_LINE, Origin, Slug, TextError, stripped};
use serde::Serialize;

use super::org_move;
use crate::cli::{Org, OrgCreate, OrgSet, Output};
use crate::config::Loaded;
use crate::credentials::{FirstOperator, NewCredentials, whole_seconds};
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure, table};

pub fn run(loaded: &Loaded, org: &Org) -> anyhow::Result<()> {
    let config = &loaded.config;
    match org {
        Org::Create(wanted) => {
            // Checked before anything is made: a slip must not leave a data folder behind.
            let (new, admin) = plan(wanted)?;
            let operator = operator_email(wanted, &admin)?;
            with_directory(config, Missing::Create, |directory| async move {
                create(&directory, loaded, new, admin, operator, wanted).await
            })
        }
        Org::List { output } => {
            with_directory(
                config,
                Missing::Refuse,
                |directory| async move { list(&directory, *output).await },
            )
        }
        Org::Show { slug, output } => with_directory(config, Missing::Refuse, |directory| async move {
            show(&directory, slug, *output).await
        }),
        Org::Set(wanted) => {
            let changes = changes(wanted)?;
            with_directory(config, Missing::Refuse, |directory| async move {
                let about = About { org: &wanted.slug, ..About::default() };
                let before = directory
                    .show_organization(&wanted.slug)
                    .await
                    .map_err(|error| of_directory(&error, about))?;
                for origin in &changes.remove_origins {
                    if !before.allowed_origins.iter().any(|allowed| allowed == origin.as_str()) {
                        let message =
                            format!("{} was not among the origins of {}", origin.as_str(), wanted.slug);
                        let hint = format!("`denizen org show {}` shows those that are allowed", wanted.slug);
                        return Err(Failure::new(message, hint).into());
                    }
                }
                directory
                    .set_organization(&wanted.slug, changes)
                    .await
                    .map_err(|error| of_directory(&error, about))?;
                show(&directory, &wanted.slug, wanted.output).await
            })
        }
        Org::Move(wanted) => org_move::run(config, wanted),
        Org::Recover(wanted) => {
            let admin = first_admin(
                &wanted.admin_email,
                wanted.admin_first_name.as_deref(),
                wanted.admin_last_name.as_deref(),
            )?;
            with_directory(config, Missing::Refuse, |directory| async move {
                let about = About { org: &wanted.slug, ..About::default() };
                let made = directory
                    .recover_organization(&wanted.slug, admin)
                    .await
                    .map_err(|error| of_directory(&error, about))?;
                let done = format!("{} is a super administrator of {} now.", wanted.admin_email, wanted.slug);
                credentials(loaded, &made, None, &done, wanted.output)
            })
        }
    }
}

fn plan(wanted: &OrgCreate) -> Result<(NewOrganization, FirstAdmin), Failure> {
    let slug = Slug::parse(&wanted.slug).map_err(|error| {
        Failure::usage(
            format!("the short name `{}` {error}", wanted.slug),
            "it stands in addresses, like acme in /v1/acme/user/",
        )
    })?;
    let mut new = NewOrganization::named(slug, &line("--name", &wanted.name)?);
    new.profile.verify_at_creation = wanted.verify_new_members;
    new.profile.unverified_sign_in = !wanted.refuse_unverified_sign_in;
    for origin in origins("--allow-origin", &wanted.allow_origins)? {
        new.profile.allowed_origins.push(origin.as_str().to_owned());
    }
    let admin = first_admin(
        &wanted.admin_email,
        wanted.admin_first_name.as_deref(),
        wanted.admin_last_name.as_deref(),
    )?;
    Ok((new, admin))
}

/// Who administers and who operates is one person in most organizations, and nobody else is known here yet.
fn operator_email(wanted: &OrgCreate, admin: &FirstAdmin) -> Result<Email, Failure> {
    let Some(given) = &wanted.operator_email else { return Ok(admin.email.clone()) };
    Email::parse(given)
        .map_err(|error| refused("--operator-email", &error, "it must look like ada@acme.example"))
}

fn first_admin(email: &str, first: Option<&str>, last: Option<&str>) -> Result<FirstAdmin, Failure> {
    let email = Email::parse(email)
        .map_err(|error| refused("--admin-email", &error, "it must look like ada@acme.example"))?;
    Ok(FirstAdmin {
        first_name: line("--admin-first-name", first.unwrap_or("First"))?,
        last_name: line("--admin-last-name", last.unwrap_or("Administrator"))?,
        email,
    })
}

fn changes(wanted: &OrgSet) -> Result<OrganizationChanges, Failure> {
    Ok(OrganizationChanges {
        name: wanted.name.as_deref().map(|name| line("--name", name)).transpose()?,
        verify_at_creation: wanted.verify_new_members,
        unverified_sign_in: wanted.unverified_sign_in,
        add_origins: origins("--allow-origin", &wanted.allow_origins)?,
        remove_origins: origins("--remove-origin", &wanted.remove_origins)?,
        ..OrganizationChanges::default()
    })
}

fn line(flag: &str, text: &str) -> Result<String, Failure> {
    stripped(text, MAX_LINE)
        .map_err(|error| refused(flag, &error, "give a text in quotes, like --name 'Acme Ltd'"))
}

fn origins(flag: &str, texts: &[String]) -> Result<Vec<Origin>, Failure> {
    let example = "it must look like https://app.example.com";
    let origin = |text: &String| {
        // Only the origin of an address is ever compared; who gives more may believe that the rest counts, too.
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        if rest.trim_end_matches('/').contains(['/', '?', '#']) {
            return Err(Failure::usage(
                format!("{flag}: `{text}` is more than an origin, and a whole origin is allowed or not"),
                example,
            ));
        }
        Origin::of(text).map_err(|error| refused(flag, &error, example))
    };
    texts.iter().map(origin).collect()
}

fn refused(flag: &str, error: &TextError, hint: &str) -> Failure {
    Failure::usage(format!("{flag}: {error}"), hint)
}

async fn create(
    directory: &Directory,
    loaded: &Loaded,
    new: NewOrganization,
    admin: FirstAdmin,
    operator: Email,
    wanted: &OrgCreate,
) -> anyhow::Result<()> {
    let slug = new.slug.to_string();
    let about = About { org: &slug, ..About::default() };
    let name = format!("{} {}", admin.first_name, admin.last_name);
    let made = directory
        .create_organization(new, admin, &wanted.cluster)
        .await
        .map_err(|error| of_directory(&error, about))?;
    let operator = match FirstOperator::make(directory, &slug, &name, &operator).await {
        Ok(operator) => Some(operator),
        // What was made is there, and its secrets are shown here or nowhere.
        Err(error) => {
            let failure = of_directory(&error, about);
            report::warn(&format!("no operator was made: {failure}; `denizen operator add` makes one"));
            None
        }
    };
    credentials(loaded, &made, operator.as_ref(), &format!("Made the organization {slug}."), wanted.output)
}

/// New credentials for a program that reads them; without a token where none was made.
#[derive(Serialize)]
struct CredentialsJson<'a> {
    #[serde(flatten)]
    made: &'a CreatedOrganization,
    #[serde(skip_serializing_if = "Option::is_none")]
    dixa_token_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dixa_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_password: Option<&'a str>,
}

impl<'a> CredentialsJson<'a> {
    fn of(made: &'a CreatedOrganization, operator: Option<&'a FirstOperator>) -> Self {
        let token = made.access_token.as_ref();
        Self {
            made,
            dixa_token_id: token.map(|made| made.token_id),
            dixa_token: token.map(|made| made.token.as_str()),
            operator_email: operator.map(|operator| operator.email.as_str()),
            operator_password: operator.map(|operator| operator.password.as_str()),
        }
    }
}

/// Shows new credentials with what to do with them.
fn credentials(
    loaded: &Loaded,
    made: &CreatedOrganization,
    operator: Option<&FirstOperator>,
    done: &str,
    output: Output,
) -> anyhow::Result<()> {
    if output.json {
        return report::print_json(&CredentialsJson::of(made, operator));
    }
    let config = &loaded.config;
    let address = config.public_url(config.listen);
    let guess = if loaded.guesses_the_address() {
        "The address is the one that is used when neither `listen` nor `public_url` is set; a server that was started with \
         --listen has its own.\n\n"
    } else {
        ""
    };
    let shown = NewCredentials::of(made, operator, &address);
    report::print(&format!(
        "{done} The credentials are shown this once:\n\n{}\n{guess}{}\nFirst calls to a running server:\n\n{}",
        shown.list(),
        shown.exports(),
        shown.first_calls()
    ))
}

async fn list(directory: &Directory, output: Output) -> anyhow::Result<()> {
    let organizations =
        directory.list_organizations().await.map_err(|error| of_directory(&error, About::default()))?;
    if output.json {
        return report::print_json(&organizations);
    }
    if organizations.is_empty() {
        return report::print(
            "no organizations; make one: denizen org create SLUG --name NAME --admin-email EMAIL\n",
        );
    }
    let unknown = || "?".to_owned();
    let rows = organizations.into_iter().map(|organization| match organization {
        ListedOrganization::Seen(organization) => vec![
            organization.org_id.to_string(),
            organization.cluster.to_string(),
            organization.members.to_string(),
            organization.contacts.to_string(),
            organization.operators.to_string(),
            whole_seconds(organization.created_at),
            organization.name,
        ],
        ListedOrganization::Unseen { org_id, cluster, created_at, .. } => {
            let created_at = whole_seconds(created_at);
            vec![
                org_id.to_string(),
                cluster.to_string(),
                unknown(),
                unknown(),
                unknown(),
                created_at,
                unknown(),
            ]
        }
    });
    let titles = ["ORGANIZATION", "CLUSTER", "USERS", "CONTACTS", "OPERATORS", "CREATED AT", "NAME"];
    report::print(&table(&titles, rows))
}

async fn show(directory: &Directory, slug: &str, output: Output) -> anyhow::Result<()> {
    let about = About { org: slug, ..About::default() };
    let shown = directory.show_organization(slug).await.map_err(|error| of_directory(&error, about))?;
    if output.json { report::print_json(&shown) } else { report::print(&page(&shown)) }
}

fn page(shown: &OrganizationSummary) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let origins = match shown.allowed_origins.as_slice() {
        [] => "none: magic links lead nowhere until one is allowed".to_owned(),
        some => some.join(" "),
    };
    format!(
        "organization                   {}\n\
         organization id                {}\n\
         name                           {}\n\
         created at                     {}\n\
         cluster                        {}\n\
         users                          {}\n\
         contacts                       {}\n\
         operators                      {}\n\
         new users are verified         {}\n\
         unverified users may sign in   {}\n\
         origins of magic links         {origins}\n",
        shown.org_id,
        shown.org_uuid,
        shown.name,
        whole_seconds(shown.created_at),
        shown.cluster,
        shown.members,
        shown.contacts,
        shown.operators,
        yes(shown.verify_at_creation),
        yes(shown.unverified_sign_in),
    )
}
