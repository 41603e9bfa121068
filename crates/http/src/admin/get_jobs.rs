//! GET `/jobs`.

use super::MOST_JOBS;
use super::wire::{Job, Jobs};
use crate::kernel::caller::authenticate;
use crate::kernel::{Call, Problem, QueryReader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut query = QueryReader::new(&call);
    let limit = query.int("limit", MOST_JOBS, 1, MOST_JOBS);
    let limit = query.finish(limit)?;
    let ctx = authenticated.context(&call).await?;
    let jobs = call.directory().jobs(&ctx, limit).await?.into_iter().map(|job| Job {
        job_id: job.job_id.to_string(),
        kind: job.kind,
        state: job.state,
        attempts: job.attempts,
        run_at: job.run_at,
        created_at: job.created_at,
        last_error: job.last_error,
        waits_for: job.waits_for,
    });
    Ok(Reply::json(200, &Jobs { jobs: jobs.collect() }))
}
