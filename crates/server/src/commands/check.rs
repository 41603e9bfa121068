//! `denizen check`: looks the databases over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use denizen_directory::Directory;
use denizen_directory::checking::{Doing, Looked, Step, Watch};
use denizen_directory::organizations::{ListedOrganization, OrganizationSummary};
use denizen_domain::text::ClusterName;
use serde_json::{Value, json};

use super::progress::{self, Progress, bar, grouped, rate};
use crate::cli::Check;
use crate::config::{Config, Place};
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure, Silent};

const ADVICE: &str = "the chapter \"What `denizen check` finds\" of docs/operations.md says what each means and what mends it; \
                      before that,";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "every command takes its flags so")]
pub fn run(config: &Config, check: &Check) -> anyhow::Result<()> {
    let place = config.place();
    let keep = match place {
        Place::Sqlite(_) => "keep a copy of the file as it is",
        Place::Postgres(_) => "keep a dump of the database as it is",
    };
    let place = &place;
    with_directory(config, Missing::Refuse, |directory| async move {
        let looked = directory.look_over(watch(check.quiet || check.output.json)).await;
        progress::clear_line();
        let looked = looked.map_err(|error| of_directory(&error, About::default()))?;
        let count = looked.findings.len();
        if check.output.json {
            let listed = if count == 0 { Some(list(&directory).await?) } else { None };
            report::print_json(&as_json(&looked, listed.as_deref()))?;
            return if count == 0 { Ok(()) } else { Err(Silent.into()) };
        }
        let place = match looked.clusters.len() {
            0 | 1 => place.to_string(),
            2 => format!("{place} and 1 more cluster"),
            many => format!("{place} and {} more clusters", many - 1),
        };
        if count > 0 {
            report::print(&as_text(&looked))?;
        } else {
            let listed = list(&directory).await?;
            let organizations: Vec<_> = listed.iter().filter_map(ListedOrganization::seen).collect();
            report::print(&summary(&organizations, &place))?;
            report::print(&as_text(&looked))?;
            tell_unadministered(&directory, &organizations).await?;
        }
        if count == 0 {
            return Ok(());
        }
        let message = format!("{count} {} in {place}", if count == 1 { "problem" } else { "problems" });
        Err(Failure::new(message, format!("{ADVICE} {keep}")).into())
    })
}

async fn list(directory: &Directory) -> Result<Vec<ListedOrganization>, Failure> {
    directory.list_organizations().await.map_err(|error| of_directory(&error, About::default()))
}

/// Shows how far it is.
fn watch(is_quiet: bool) -> Watch {
    let progress = Mutex::new(Progress::start(is_quiet));
    Arc::new(move |step| {
        let progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.show(|elapsed| line(step, elapsed));
    })
}

fn line(step: Step, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match step.doing {
        Doing::Pages => format!("reading pages and indexes, for {seconds} s"),
        Doing::Organizations => {
            let (begun, all) = (step.organization as u64, step.organizations as u64);
            format!(
                "{}organization {} of {}, {} users, {} a second",
                bar(begun.saturating_sub(1), Some(all)),
                grouped(begun),
                grouped(all),
                grouped(step.rows),
                grouped(rate(step.rows, elapsed))
            )
        }
        Doing::SearchIndex => format!("search index: {} entries, for {seconds} s", grouped(step.rows)),
    }
}

fn as_text(looked: &Looked) -> String {
    let findings = looked.findings.iter().map(|finding| format!("{finding} ({})\n", finding.kind.name));
    findings.chain(looked.unseen.iter().map(|what| format!("not looked at: {what}\n"))).collect()
}

/// `listed` is what there is, where nothing is wrong with it.
fn as_json(looked: &Looked, listed: Option<&[ListedOrganization]>) -> Value {
    let finding = |finding: &denizen_directory::checking::Finding| {
        json!({
            "cluster": finding.cluster.as_str(),
            "kind": finding.kind.name,
            "what": finding.kind.what,
            "organization": finding.slug,
            "org_id": finding.org.map(|org| org.0),
            "place": finding.place,
        })
    };
    let organizations: Option<Vec<_>> =
        listed.map(|listed| listed.iter().filter_map(ListedOrganization::seen).collect());
    let counts = organizations.map(|all| {
        let counts = Counts::of(&all);
        json!({
            "organizations": counts.organizations,
            "users": counts.users,
            "contacts": counts.contacts,
            "operators": counts.operators,
        })
    });
    json!({
        "findings": looked.findings.iter().map(finding).collect::<Vec<_>>(),
        "unseen": looked.unseen,
        "clusters": looked.clusters.iter().map(ClusterName::as_str).collect::<Vec<_>>(),
        "counts": counts,
    })
}

struct Counts {
    organizations: usize,
    users: i64,
    contacts: i64,
    operators: i64,
}

impl Counts {
    fn of(organizations: &[&OrganizationSummary]) -> Self {
        let sum = |of: fn(&OrganizationSummary) -> i64| organizations.iter().map(|one| of(one)).sum::<i64>();
        Self {
            organizations: organizations.len(),
            users: sum(|one| one.members),
            contacts: sum(|one| one.contacts),
            operators: sum(|one| one.operators),
        }
    }
}

fn summary(all: &[&OrganizationSummary], place: &str) -> String {
    let Counts { organizations, users, contacts, operators } = Counts::of(all);
    format!(
        "no problems in {place} (organizations: {organizations}, users: {users}, contacts: {contacts}, operators: {operators})\n"
    )
}

/// No damage, for the API allows it; but whoever looks the store over wants to know.
async fn tell_unadministered(
    directory: &Directory,
    organizations: &[&OrganizationSummary],
) -> anyhow::Result<()> {
    for organization in organizations {
        let slug = organization.org_id.as_str();
        let is_administered = directory
            .has_super_administrator(slug)
            .await
            .map_err(|error| of_directory(&error, About { org: slug, ..About::default() }))?;
        if !is_administered {
            report::print(&format!(
                "the organization {slug} has no super administrator: `denizen org recover {slug} --admin-email EMAIL` makes \
                 somebody one\n"
            ))?;
        }
    }
    Ok(())
}
