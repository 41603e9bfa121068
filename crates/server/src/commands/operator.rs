//! `denizen operator …`: operators one at a time. Whoever runs it holds the store, and asks nobody.

use std::io::Read as _;

use denizen_directory::operators::{
    AccessInput, EnvironmentInput, NewOperator, OperatorOrder, OperatorQuery, OperatorView, Welcome,
};
use denizen_directory::{Directory, ErrorCode};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::{Access, OperatorRole, PasswordPolicy};
use denizen_domain::time::Timestamp;
use serde::Serialize;

use crate::cli::{Operator, OperatorAdd, OperatorSetPassword, Output, Role};
use crate::config::Config;
use crate::credentials::whole_seconds;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure, table};

/// Operators that are read at once.
const PAGE: usize = 1_000;

pub fn run(config: &Config, operator: &Operator) -> anyhow::Result<()> {
    match operator {
        Operator::Add(wanted) => {
            let access = access(wanted)?;
            let given = wanted.password_stdin.then(password_from_stdin).transpose()?;
            with_directory(config, Missing::Refuse, |directory| async move {
                add(&directory, wanted, access, given).await
            })
        }
        Operator::List { org, query, output } => {
            with_directory(config, Missing::Refuse, |directory| async move {
                list(&directory, org, query.as_deref(), *output).await
            })
        }
        Operator::SetPassword(wanted) => {
            let given = wanted.password_stdin.then(password_from_stdin).transpose()?;
            with_directory(config, Missing::Refuse, |directory| async move {
                set_password(&directory, wanted, given).await
            })
        }
    }
}

fn access(wanted: &OperatorAdd) -> Result<AccessInput, Failure> {
    let role = match wanted.role {
        Role::Admin if wanted.environments.is_empty() => {
            return Ok(AccessInput { is_admin: true, environments: Vec::new() });
        }
        Role::Admin => {
            return Err(Failure::usage(
                "an administrator reaches every environment",
                "leave --environment out, or choose another --role",
            ));
        }
        Role::Supervisor => OperatorRole::Supervisor,
        Role::Editor => OperatorRole::Editor,
        Role::Viewer => OperatorRole::Viewer,
    };
    let environments =
        wanted.environments.iter().map(|text| environment(role, text)).collect::<Result<_, _>>()?;
    Ok(AccessInput { is_admin: false, environments })
}

/// Reads `ENVIRONMENT=BOT,BOT`.
fn environment(role: OperatorRole, text: &str) -> Result<EnvironmentInput, Failure> {
    let id = |text: &str| {
        Uuid::parse(text.trim()).ok_or_else(|| {
            Failure::usage(
                format!("--environment: `{text}` is no id"),
                "ids of environments and bots are UUIDs; GET /admin/v1/{organization}/environments and /bots list them",
            )
        })
    };
    let (environment, bots) = text.split_once('=').unwrap_or((text, ""));
    let bots = bots.split(',').filter(|bot| !bot.trim().is_empty());
    Ok(EnvironmentInput {
        role,
        environment: Some(id(environment)?),
        bots: bots.map(|bot| id(bot).map(Some)).collect::<Result<_, _>>()?,
    })
}

/// Everything up to the end, without the end of the line; a password has no other place to stand in.
fn password_from_stdin() -> Result<String, Failure> {
    let failed = |problem: &str| {
        Failure::usage(
            format!("standard input holds no password: {problem}"),
            "one line of UTF-8, and nothing else",
        )
    };
    let mut bytes = Vec::new();
    // One line break more than the longest password, and one byte to see that there is more.
    let most = PasswordPolicy::MAX_BYTES + 3;
    std::io::stdin().take(most as u64).read_to_end(&mut bytes).map_err(|error| failed(&error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err(failed("it is empty")),
        line if line.contains(['\r', '\n']) => Err(failed("it has several lines")),
        line => Ok(line.to_owned()),
    }
}

/// An operator who was made or changed. The password is there when it was made up here, and nowhere else.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(rename = "operator_id", skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(rename = "operator_email")]
    email: &'a str,
    #[serde(rename = "operator_password", skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

async fn add(
    directory: &Directory,
    wanted: &OperatorAdd,
    access: AccessInput,
    given: Option<String>,
) -> anyhow::Result<()> {
    let drawn = (given.is_none() && wanted.mail.is_none()).then(|| directory.draw_password());
    let new = NewOperator {
        name: wanted.name.clone(),
        email: wanted.email.clone(),
        company: wanted.company.clone(),
        image: None,
        access,
        password: given.or_else(|| drawn.clone()),
    };
    let welcome = wanted.mail.map_or(Welcome::Silent, |language| Welcome::Mail(language.into()));
    let about = About { org: &wanted.org, ..About::default() };
    let made = directory.create_operator_for(&wanted.org, new, welcome).await;
    let made = made.map_err(|error| match error.code {
        ErrorCode::EmailTaken => Failure::new(
            format!("an operator of {} has the address {} already", wanted.org, wanted.email),
            "`denizen operator set-password` gives a new password",
        ),
        _ => of_directory(&error, about),
    })?;
    let email = made.operator.email.as_str();
    if wanted.output.json {
        let id = Some(made.operator.id());
        return report::print_json(&Made { id, email, password: drawn.as_deref() });
    }
    let then = match (&drawn, wanted.mail) {
        (Some(password), _) => format!("The password is shown this once:\n\n  {password}\n"),
        (None, Some(_)) => {
            "A mail with a link to choose a password is sent by the running server.\n".to_owned()
        }
        (None, None) => String::new(),
    };
    report::print(&format!("Made the operator {email} ({}).\n{then}", made.operator.id()))
}

async fn set_password(
    directory: &Directory,
    wanted: &OperatorSetPassword,
    given: Option<String>,
) -> anyhow::Result<()> {
    let drawn = given.is_none().then(|| directory.draw_password());
    let password = given.or_else(|| drawn.clone()).unwrap_or_default();
    let (org, email) = (&wanted.org, &wanted.email);
    let set = directory.set_operator_password_of(org, email, password).await;
    let email = set.map_err(|error| match error.code {
        ErrorCode::UserNotFound => Failure::new(
            format!("the organization {org} has no operator with the address {email}"),
            format!("`denizen operator list --org {org}` shows those that exist"),
        ),
        _ => of_directory(&error, About { org, ..About::default() }),
    })?;
    if wanted.output.json {
        return report::print_json(&Made { id: None, email: &email, password: drawn.as_deref() });
    }
    let shown = drawn.map(|password| format!(" It is shown this once:\n\n  {password}\n"));
    report::print(&format!(
        "Set the password of {email}; whoever signed in with the one before is signed out.{}",
        shown.unwrap_or_else(|| "\n".to_owned())
    ))
}

#[derive(Serialize)]
struct Listed {
    operator_id: Uuid,
    email: String,
    name: String,
    company: Option<String>,
    role: &'static str,
    /// Names of the active ones.
    environments: Vec<String>,
    created_at: Timestamp,
}

impl From<OperatorView> for Listed {
    fn from(view: OperatorView) -> Self {
        let OperatorView { operator, places, .. } = view;
        Self {
            operator_id: operator.id(),
            role: match operator.access {
                Access::Administrator => "admin",
                Access::Environments { role, .. } => role.as_str(),
            },
            email: operator.email,
            name: operator.name,
            company: operator.company,
            environments: places.into_iter().map(|place| place.name).collect(),
            created_at: operator.created_at,
        }
    }
}

async fn list(directory: &Directory, org: &str, needle: Option<&str>, output: Output) -> anyhow::Result<()> {
    let about = About { org, ..About::default() };
    let mut listed: Vec<Listed> = Vec::new();
    loop {
        let query = OperatorQuery {
            needle: needle.map(str::to_owned),
            order: OperatorOrder::Name,
            is_descending: false,
            offset: listed.len() as u64,
            limit: PAGE,
        };
        let page =
            directory.list_operators_of(org, query).await.map_err(|error| of_directory(&error, about))?;
        let is_last = page.operators.rows.len() < PAGE;
        listed.extend(page.views().into_iter().map(Listed::from));
        if is_last {
            break;
        }
    }
    if output.json {
        return report::print_json(&listed);
    }
    if listed.is_empty() {
        return report::print(&format!(
            "no operators; add one: denizen operator add EMAIL --org {org} --name NAME --role admin\n"
        ));
    }
    let rows = listed.into_iter().map(|one| {
        vec![
            one.email,
            one.name,
            one.role.to_owned(),
            one.environments.join(", "),
            whole_seconds(one.created_at),
        ]
    });
    report::print(&table(&["EMAIL", "NAME", "ROLE", "ENVIRONMENTS", "CREATED AT"], rows))
}
