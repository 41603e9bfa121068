//! `denizen job list`: work that is waiting, running or has failed.

use denizen_directory::Directory;
use denizen_directory::jobs::JobSummary;
use serde::Serialize;

use crate::cli::{Job, Output};
use crate::config::Config;
use crate::credentials::whole_seconds;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, table};

/// The most jobs that are shown of one organization.
const MOST: i64 = 1_000;

pub fn run(config: &Config, job: &Job) -> anyhow::Result<()> {
    let Job::List { org, output } = job;
    with_directory(config, Missing::Refuse, |directory| async move {
        list(&directory, org.as_deref(), *output).await
    })
}

/// A job with the organization it belongs to.
#[derive(Serialize)]
struct Listed {
    org_id: String,
    #[serde(flatten)]
    job: JobSummary,
}

async fn list(directory: &Directory, org: Option<&str>, output: Output) -> anyhow::Result<()> {
    let slugs = match org {
        Some(slug) => vec![slug.to_owned()],
        None => directory
            .list_organizations()
            .await
            .map_err(|error| of_directory(&error, About::default()))?
            .into_iter()
            .map(|organization| organization.org_id.to_string())
            .collect(),
    };
    let mut jobs = Vec::new();
    for slug in slugs {
        let about = About { org: &slug, ..About::default() };
        let listed = directory.list_jobs(&slug, MOST).await.map_err(|error| of_directory(&error, about))?;
        jobs.extend(listed.into_iter().map(|job| Listed { org_id: slug.clone(), job }));
    }
    if output.json {
        return report::print_json(&jobs);
    }
    if jobs.is_empty() {
        return report::print("no jobs: everything is done\n");
    }
    let rows = jobs.iter().map(|Listed { org_id, job }| {
        vec![
            org_id.clone(),
            job.job_id.to_string(),
            job.kind.clone(),
            job.state.to_owned(),
            job.attempts.to_string(),
            // One that was given up is not run again.
            if job.state == "failed" { "–".to_owned() } else { whole_seconds(job.run_at) },
            job.last_error.clone().unwrap_or_default(),
        ]
    });
    let titles = ["ORGANIZATION", "JOB", "KIND", "STATE", "ATTEMPTS", "NEXT RUN", "LAST ERROR"];
    report::print(&table(&titles, rows))
}
