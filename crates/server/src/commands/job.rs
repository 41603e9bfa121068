//! `denizen job …`: work that is waiting, running or has failed, and what can be done about it.

use denizen_directory::Directory;
use denizen_directory::job_control::{Handled, ListedJob};
use denizen_domain::ids::ObjectId;
use denizen_store::jobs::HELD;
use serde_json::json;

use crate::cli::{Job, Output};
use crate::config::Config;
use crate::credentials::whole_seconds;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure, table};

/// The most jobs that are shown.
const MOST: i64 = 10_000;
pub const HOW_TO_GO_ON: &str =
    "`denizen job list` shows them, `denizen job retry` sends them, and `denizen job drop` removes them";
const GONE: &str = "`denizen job list` shows those that are there; one that is done is there no longer";

pub fn run(config: &Config, job: &Job) -> anyhow::Result<()> {
    match job {
        Job::List { org, output } => with_directory(config, Missing::Refuse, |directory| async move {
            list(&directory, org.as_deref(), *output).await
        }),
        Job::Retry { job_id, org, output, .. } => {
            let id = job_id.as_deref().map(parse).transpose()?;
            with_directory(config, Missing::Refuse, |directory| async move {
                match id {
                    Some(id) => retry(&directory, org.as_deref(), id, *output).await,
                    None => retry_all(&directory, org.as_deref(), *output).await,
                }
            })
        }
        Job::Hold { output } => {
            with_directory(
                config,
                Missing::Refuse,
                |directory| async move { hold(&directory, *output).await },
            )
        }
        Job::Drop { job_id, org, yes, output } => {
            let id = parse(job_id)?;
            with_directory(config, Missing::Refuse, |directory| async move {
                drop_one(&directory, org.as_deref(), id, *yes, *output).await
            })
        }
    }
}

fn parse(job_id: &str) -> Result<ObjectId, Failure> {
    ObjectId::parse(job_id).ok_or_else(|| {
        Failure::usage(format!("`{job_id}` is no job's id"), "`denizen job list` shows the ids of jobs")
    })
}

fn about(org: Option<&str>) -> About<'_> {
    About { org: org.unwrap_or_default(), ..About::default() }
}

/// An organization that was deleted has no name any more.
fn organization(listed: &ListedJob) -> String {
    listed.org_id.clone().unwrap_or_else(|| format!("(deleted: {})", listed.org_key))
}

async fn list(directory: &Directory, org: Option<&str>, output: Output) -> anyhow::Result<()> {
    let mut jobs =
        directory.list_all_jobs(org, MOST + 1).await.map_err(|error| of_directory(&error, about(org)))?;
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    if jobs.len() > most {
        jobs.truncate(most);
        report::warn("there are more jobs than these; `--org SLUG` shows those of one organization");
    }
    if output.json {
        return report::print_json(&jobs);
    }
    if jobs.is_empty() {
        return report::print("no jobs: everything is done\n");
    }
    let rows = jobs.iter().map(|listed| {
        let job = &listed.job;
        vec![
            organization(listed),
            job.job_id.to_string(),
            match &listed.cluster {
                Some(cluster) => format!("{} in {cluster}", job.kind),
                None => job.kind.clone(),
            },
            job.state.to_owned(),
            job.attempts.to_string(),
            // One that was given up is not run again, and one that is held not by itself.
            if job.state == "failed" || job.run_at >= HELD {
                "–".to_owned()
            } else {
                whole_seconds(job.run_at)
            },
            job.last_error.clone().or_else(|| job.waits_for.map(str::to_owned)).unwrap_or_default(),
        ]
    });
    let titles = ["ORGANIZATION", "JOB", "KIND", "STATE", "ATTEMPTS", "NEXT RUN", "REASON"];
    report::print(&table(&titles, rows))
}

async fn retry_all(directory: &Directory, org: Option<&str>, output: Output) -> anyhow::Result<()> {
    let jobs = directory.hurry_jobs(org).await.map_err(|error| of_directory(&error, about(org)))?;
    if output.json {
        return report::print_json(&json!({ "made_due": jobs }));
    }
    let what = match jobs {
        0 => "no job waits for a later time".to_owned(),
        1 => "1 job is due now".to_owned(),
        jobs => format!("{jobs} jobs are due now"),
    };
    report::print(&format!("{what}; a running server takes what is due within seconds\n"))
}

async fn hold(directory: &Directory, output: Output) -> anyhow::Result<()> {
    let jobs = directory.hold_mails().await.map_err(|error| of_directory(&error, about(None)))?;
    if output.json {
        return report::print_json(&json!({ "held": jobs }));
    }
    report::print(&match jobs {
        0 => "no mail waits\n".to_owned(),
        1 => format!("1 mail is held; {HOW_TO_GO_ON}\n"),
        jobs => format!("{jobs} mails are held; {HOW_TO_GO_ON}\n"),
    })
}

async fn retry(directory: &Directory, org: Option<&str>, id: ObjectId, output: Output) -> anyhow::Result<()> {
    let handled = directory.hurry_job(org, id).await.map_err(|error| of_directory(&error, about(org)))?;
    if handled.is_empty() {
        return Err(Failure::new(format!("there is no job {id}"), GONE).into());
    }
    if let Some((listed, _)) = handled.iter().find(|(_, handled)| *handled == Handled::GivenUp) {
        return Err(Failure::new(
            format!(
                "the job {id} ({}) was given up, and its payload is gone: it cannot be repeated",
                listed.job.kind
            ),
            "have a new one made, such as by asking for a new link; `denizen job drop` removes this one",
        )
        .into());
    }
    let made_due = handled.iter().filter(|(_, handled)| *handled == Handled::Done).count();
    if output.json {
        return report::print_json(&json!({ "made_due": made_due }));
    }
    report::print(if made_due == 0 {
        "the job is due or under way already\n"
    } else {
        "the job is due now; a running server takes it within seconds\n"
    })
}

async fn drop_one(
    directory: &Directory,
    org: Option<&str>,
    id: ObjectId,
    yes: bool,
    output: Output,
) -> anyhow::Result<()> {
    let failed = |error| of_directory(&error, about(org));
    if !yes {
        let found = directory.find_jobs(org, id).await.map_err(failed)?;
        let Some(listed) = found.first() else {
            return Err(Failure::new(format!("there is no job {id}"), GONE).into());
        };
        return Err(Failure::usage(
            format!(
                "nothing was done: this would drop the job {id}, {} of {}, made at {}",
                listed.job.kind,
                organization(listed),
                whole_seconds(listed.job.created_at)
            ),
            "what it is to do will never be done then, such as an account that stays at Google; --yes drops it",
        )
        .into());
    }
    let handled = directory.drop_job(org, id).await.map_err(failed)?;
    let Some((listed, outcome)) = handled.first() else {
        return Err(Failure::new(format!("there is no job {id}"), GONE).into());
    };
    let kind = &listed.job.kind;
    match outcome {
        Handled::Done if output.json => report::print_json(&json!({ "job_id": id, "dropped": true })),
        Handled::Done => report::print(&format!("dropped the job {id} ({kind}); it will never be done\n")),
        Handled::Underway | Handled::GivenUp => Err(Failure::new(
            format!("the job {id} ({kind}) is being worked on"),
            "try again in a moment; `denizen job list` shows its state",
        )
        .into()),
        Handled::Needed => Err(Failure::new(
            format!("the job {id} ({kind}) erases what this installation holds, and is not dropped"),
            "`denizen job list` shows why it waits; it is tried until it succeeds",
        )
        .into()),
    }
}
