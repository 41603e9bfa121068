//! `serve --demo`: an organization with people in it, for trying denizen out.
//!
//! It goes through the doors of the directory like any other caller, and knows nothing of how people are kept.

mod help_desk;
mod knowledge;
mod operators;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use denizen_directory::ingest::{Ingestor, Outcome, Record};
use denizen_directory::members::{Invitation, MemberQuery, Verification};
use denizen_directory::organizations::{
    CreatedOrganization, FirstAdmin, NewOrganization, OrganizationChanges, SUPER_ROLE,
};
use denizen_directory::{Credentials, Directory, Error, ErrorCode, OpContext};
use denizen_domain::ids::UserId;
use denizen_domain::text::{ClusterName, Email, Origin, Slug};
use tokio::task::{JoinSet, LocalSet};

use self::people::Person;
use crate::config::{Config, Dixa, Way, local_url};
use crate::credentials::{FirstOperator, NewCredentials};
use crate::report::{self, Failure};

const SLUG: &str = "demo";
/// The description of the organization until all its people are there; so a start that was interrupted is recognised by
/// the next one, while people who were deleted on purpose stay deleted.
const FILLING: &str = "Being filled with people by denizen serve --demo.";
const FILLED: &str = "An organization to try denizen with.";
/// The most people that are looked through for those to verify; far more than there are.
const LOOK: usize = 10_000;

/// Makes the organization `demo` with its people, or finds it, and says on standard output what to do with it.
///
/// # Errors
/// A [`Failure`] when the store holds other organizations: it is somebody's, who does not want invented people in it.
pub async fn prepare(
    directory: &Directory,
    config: &Config,
    way: &Way,
    bound: SocketAddr,
) -> anyhow::Result<()> {
    let address = local_url(bound);
    let home = config.home();
    let others = directory.list_organizations().await?;
    if let Some(other) = others.iter().map(|found| found.org_id().as_str()).find(|slug| *slug != SLUG) {
        return Err(Failure::new(
            format!("the store {home} is in use, it holds the organization {other}: a demonstration does not belong there"),
            "name an empty store with --data DIR or --store URL, or start without --demo",
        )
        .into());
    }
    let found = directory.find_organization(SLUG).await.context("looking for the organization `demo`")?;
    if let Some(found) = found {
        let is_complete = found.profile.main_description != FILLING;
        if !is_complete {
            complete(directory).await?;
        }
        let shown = directory.show_organization(SLUG).await?;
        let (members, contacts, operators) = (shown.members, shown.contacts, shown.operators);
        let more =
            if is_complete { "" } else { " An earlier start was interrupted; who was missing is there now." };
        return report::print(&format!(
            "denizen found its data in {home}: the organization `demo` with {members} users, {contacts} contacts and {operators} \
             operators.{more}\n\
             Its credentials were shown when it was made. For new ones:\n\n  \
             denizen key create --org demo --role {SUPER_ROLE} --name demo --days 30{flags}\n  \
             denizen key create --org demo --dialect dixa --name demo{flags}\n  \
             denizen operator set-password {operator} --org demo{flags}\n\n{}",
            way.remark(),
            flags = way.flags,
            operator = operators::ADMINISTRATOR,
        ));
    }
    let created = create(directory, bound).await?;
    // Told before the people are added: the secret exists nowhere else, so whatever happens next, it must be out.
    let administrator = Email::parse(operators::ADMINISTRATOR)?;
    let operator = FirstOperator::make(directory, SLUG, "Demo Administrator", &administrator)
        .await
        .context("making the first operator of the demonstration")?;
    let file = operators::write_file(&config.data, &operator).map_err(|error| {
        Failure::new(
            format!("cannot write an example into {}: {error}", config.data.display()),
            "name another folder with --data DIR",
        )
    })?;
    report::print(&welcome(&created, &operator, &file, &address, config))?;
    fill(directory, &Signing::from(&created)).await.context("adding the people of the demonstration")?;
    finish(directory).await
}

/// Adds who is missing after an interrupted start. The first key's secret is gone, so a key of its own is made for it.
async fn complete(directory: &Directory) -> anyhow::Result<()> {
    let name = Some("completing the demo".to_owned());
    let made = directory.create_key_for(SLUG, SUPER_ROLE.to_owned(), name, 1).await?;
    let keys = directory.keys_of(SLUG).await?;
    let creator = keys.iter().find(|(key, _)| key.key_id == made.key_id).map(|(key, _)| key.creator);
    let creator = creator.context("the key that was just made is not there")?;
    let signing =
        Signing { secret: made.secret, key: made.key_id.to_string(), user: creator.as_member().to_string() };
    let filled = fill(directory, &signing).await.context("adding the missing people of the demonstration");
    directory.revoke_key(SLUG, &signing.key).await?;
    filled?;
    finish(directory).await
}

async fn create(directory: &Directory, bound: SocketAddr) -> anyhow::Result<CreatedOrganization> {
    let mut new = NewOrganization::named(Slug::parse(SLUG)?, "Demo");
    FILLING.clone_into(&mut new.profile.main_description);
    // What the examples of the documentation use.
    new.profile.allowed_origins.push("https://app.example.com".to_owned());
    for host in ["localhost", "127.0.0.1"] {
        // The server itself, and where front ends are usually developed.
        for port in [bound.port(), 3000] {
            let origin = Origin::of(&format!("http://{host}:{port}"))?;
            new.profile.allowed_origins.push(origin.as_str().to_owned());
        }
    }
    let admin = FirstAdmin {
        first_name: "Demo".to_owned(),
        last_name: "Administrator".to_owned(),
        email: Email::parse("admin@example.com")?,
    };
    directory
        .create_organization(new, admin, &ClusterName::MAIN)
        .await
        .context("creating the organization `demo`")
}

async fn finish(directory: &Directory) -> anyhow::Result<()> {
    let changes =
        OrganizationChanges { main_description: Some(FILLED.to_owned()), ..OrganizationChanges::default() };
    directory.set_organization(SLUG, changes).await.context("marking the demonstration as complete")
}

/// An API key with the user in whose name it is used.
struct Signing {
    secret: String,
    key: String,
    user: String,
}

impl From<&CreatedOrganization> for Signing {
    fn from(created: &CreatedOrganization) -> Self {
        Self {
            secret: created.api_key.clone(),
            key: created.api_key_id.to_string(),
            user: created.member_id.clone(),
        }
    }
}

/// Adds everybody who is not there yet, and verifies those who should be.
async fn fill(directory: &Directory, signing: &Signing) -> denizen_directory::Result<()> {
    let credentials =
        Credentials::ApiKey { secret: &signing.secret, key_id: &signing.key, user_id: &signing.user };
    let caller = directory.authenticate(credentials, SLUG, None).await?;
    let ctx = directory.context(&caller, &Arc::from("demo")).await?;

    // All at once, so that they share commits; in one local set, which begins them in order, so that the list of the
    // demonstration has the same order on every machine.
    let local = LocalSet::new();
    let mut adding = JoinSet::new();
    for person in people::all() {
        adding.spawn_local_on(add(directory.clone(), ctx.clone(), person), &local);
    }
    local.run_until(all_done(adding)).await?;

    let to_verify: BTreeSet<String> =
        people::all().filter(|person| person.is_verified).map(|person| person.email).collect();
    let query = MemberQuery { is_verified: Some(false), limit: LOOK, ..MemberQuery::default() };
    let unverified = directory.list_members(&ctx, query).await?.members;
    let mut verifying = JoinSet::new();
    for user in unverified.apart().into_iter().filter(|user| to_verify.contains(&user.email)) {
        let (directory, ctx) = (directory.clone(), ctx.clone());
        let user_id = user.user_id.as_member().to_string();
        verifying.spawn_local_on(
            async move { directory.verify_member(&ctx, user_id, Verification::default()).await },
            &local,
        );
    }
    local.run_until(all_done(verifying)).await?;

    let everybody = MemberQuery { limit: LOOK, ..MemberQuery::default() };
    let ids: BTreeMap<String, UserId> = directory
        .list_members(&ctx, everybody)
        .await?
        .members
        .apart()
        .into_iter()
        .map(|user| (user.email, user.user_id))
        .collect();
    let records = people::all()
        .enumerate()
        .filter_map(|(number, person)| Some(knowledge::of(number, *ids.get(&person.email)?)))
        .flatten();
    let records = records.chain(help_desk::all()).chain(operators::records());
    take_in(directory, records.collect()).await?;
    operators::fill(directory).await
}

/// Takes in what the demonstration's conversation platform and help desk know.
async fn take_in(directory: &Directory, records: Vec<Record>) -> denizen_directory::Result<()> {
    let platform = Ingestor::operator(directory, SLUG).await?;
    for taken in directory.ingest(&platform, records).await? {
        if let Outcome::Refused(error) = taken.outcome {
            return Err(error);
        }
    }
    Ok(())
}

async fn all_done(mut tasks: JoinSet<denizen_directory::Result<()>>) -> denizen_directory::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|_| Error::new(ErrorCode::Internal))??;
    }
    Ok(())
}

async fn add(directory: Directory, ctx: OpContext, person: Person) -> denizen_directory::Result<()> {
    let email = Email::parse(&person.email)
        .map_err(|error| Error::with_text(ErrorCode::Internal, error.to_string()))?;
    let invitation = Invitation {
        first_name: person.first_name.to_owned(),
        last_name: person.last_name.to_owned(),
        email,
        role_name: person.role.to_owned(),
        login_link: None,
        preferences: Some(person.preferences),
        open_variables: person.open_variables,
        secret_variables: person.secret_variables,
    };
    match directory.invite_member(&ctx, invitation).await {
        // Added by the start that was interrupted.
        Err(error) if error.code == ErrorCode::EmailTaken => Ok(()),
        added => added.map(drop),
    }
}

/// Calls that find one of the contacts, and what was talked about with it.
fn contact_calls(address: &str, token: &str) -> String {
    let email = help_desk::SOMEBODY.replace('@', "%40");
    let call = |path: &str| {
        format!("  curl -sS -w '\\n' '{address}/v1/endusers{path}' \\\n    -H 'authorization: {token}'\n")
    };
    let conversations = format!("/{}/conversations", help_desk::somebody());
    format!("{}\n{}", call(&format!("?email={email}")), call(&conversations))
}

/// A call that makes the operators of a file, with the token of the call before it.
fn upload_call(address: &str, org_uuid: &str, file: &Path) -> String {
    format!(
        "  curl -sS -w '\\n' '{address}/eva-user/org/{org_uuid}/users/csv' \\\n    -H \"authorization: Bearer $TOKEN\" \
         -F 'file=@\"{}\"'\n",
        file.display()
    )
}

/// What whoever tries a client has to know: a client that repeats a refused call sleeps for seconds, and seems to hang.
fn limit_of_tokens(config: &Config) -> String {
    let Dixa { requests_per_second, burst, .. } = config.dixa;
    if !config.rate_limits.enabled || requests_per_second == 0 {
        return String::new();
    }
    let usual = Config::default().dixa;
    let is_usual = (requests_per_second, burst) == (usual.requests_per_second, usual.burst);
    let vendors = if is_usual { ", as Dixa's own are" } else { "" };
    format!(
        "Answers to a Dixa token are limited to {requests_per_second} a second with a burst of {burst}{vendors}: a client that repeats\n\
         refused calls then sleeps for seconds. `--no-rate-limits` lifts this and every other limit of calls.\n\n"
    )
}

/// What a first start prints: all that is needed to make the first calls, pasteable as it stands.
fn welcome(
    created: &CreatedOrganization,
    operator: &FirstOperator,
    file: &Path,
    address: &str,
    config: &Config,
) -> String {
    let shown = NewCredentials::of(created, Some(operator), address);
    let (count, home, data) = (people::COUNT, config.home(), config.data.display());
    let contact = shown.dixa_token.map(|token| contact_calls(address, token)).unwrap_or_default();
    let limit = limit_of_tokens(config);
    let operators = operators::COUNT;
    let upload = upload_call(address, &shown.org_uuid, file);
    let (list, exports, headers, first_calls) =
        (shown.list(), shown.exports(), shown.headers(), shown.first_calls());
    format!(
        "denizen has made the organization `demo` with {count} people in {home}.
Its credentials are shown this once:

{list}
{exports}
{limit}Calls to paste: three of the people, three of them as contacts of a help desk, a token of eva's with three of the {operators}
operators and a file with more of them, of which two are wrong, one of the contacts by an address and its conversations, the
people who talk most, a search that minds neither case nor accents, a record as a conversation platform
sends it, and an invitation, which is mailed: while no mail server is configured, as a file in {data}/mail.

{first_calls}
{upload}
{contact}
  curl -sS -w '\\n' '{address}/v1/demo/user/?sort_by=-user_stats.num_messages&limit=3' \\
    {headers}

  curl -sS -w '\\n' '{address}/v1/demo/user/search/?query=garcia' \\
    {headers}

  curl -sS '{address}/admin/v1/demo/ingest' \\
    {headers} \\
    -H 'content-type: application/x-ndjson' \\
    -d '{{\"type\": \"user\", \"user_id\": \"65f000000000000000000001\", \"email\": \"grace.hopper@example.com\", \"first_name\": \"Grace\", \"last_name\": \"Hopper\"}}'

  curl -sS -w '\\n' '{address}/v1/demo/user/' \\
    {headers} \\
    -H 'content-type: application/json' \\
    -d '{{\"first_name\": \"Ada\", \"last_name\": \"Lovelace\", \"email\": \"ada.lovelace@example.com\", \"role_name\": \"DefaultUserRole\", \"login_link\": \"http://localhost:3000/welcome\"}}'

Every operation, described for browsers: {address}/docs

"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_tokens_is_told_as_it_is_set() {
        let mut config = Config::default();
        let told = limit_of_tokens(&config);
        assert!(told.contains("10 a second with a burst of 4, as Dixa's own are"), "{told}");
        assert!(told.contains("`--no-rate-limits`"), "{told}");
        config.dixa.burst = 40;
        assert!(limit_of_tokens(&config).contains("10 a second with a burst of 40: a client"));
        config.dixa.requests_per_second = 0;
        assert_eq!(limit_of_tokens(&config), "");
        config.dixa = Config::default().dixa;
        config.rate_limits.enabled = false;
        assert_eq!(limit_of_tokens(&config), "");
    }
}
