//! `denizen user …`: what an operator can be shown of a user.

use denizen_directory::Directory;
use denizen_directory::erased::ErasureReport;
use denizen_domain::ids::UserId;

use crate::cli::{Output, User};
use crate::config::Config;
use crate::credentials::whole_seconds;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure, table};

pub fn run(config: &Config, user: &User) -> anyhow::Result<()> {
    let User::Erased { org, user_id, output } = user;
    let Some(user) = UserId::parse_member(user_id) else {
        return Err(Failure::usage(
            format!("`{user_id}` is no user's id"),
            "an id is 24 hexadecimal digits in lower case, such as 6650f0a1b2c3d4e5f6071829",
        )
        .into());
    };
    with_directory(config, Missing::Refuse, |directory| async move {
        erased(&directory, org, user, *output).await
    })
}

async fn erased(directory: &Directory, org: &str, user: UserId, output: Output) -> anyhow::Result<()> {
    let about = About { org, ..About::default() };
    let found = directory.erasure_report(org, user).await.map_err(|error| of_directory(&error, about))?;
    if output.json {
        report::print_json(&found)?;
    } else {
        report::print(&page(&found))?;
    }
    match refusal(&found, org) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

fn page(found: &ErasureReport) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let receipt = found.erased_at.map_or("none".to_owned(), |at| format!("erased at {}", whole_seconds(at)));
    let tombstone = if found.tombstone { "yes: the user had created an API key" } else { "no" };
    let mut lines = vec![
        ["receipt".to_owned(), receipt],
        ["exists".to_owned(), yes(found.exists).to_owned()],
        ["awaited".to_owned(), yes(found.awaited).to_owned()],
        ["tombstone".to_owned(), tombstone.to_owned()],
    ];
    lines.extend(found.rows.iter().map(|of| [format!("rows in {}", of.table), of.rows.to_string()]));
    let jobs = &found.jobs;
    for (kind, count) in [
        ("user.erase", jobs.erase_user),
        ("store.scrub", jobs.scrub_store),
        ("identity.delete_account", jobs.delete_account),
    ] {
        lines.push([format!("jobs {kind}"), count.to_string()]);
    }
    table(&["OF THE USER", "FOUND"], lines.into_iter().map(Vec::from))
}

/// Why this is no proof, if it is none.
fn refusal(found: &ErasureReport, org: &str) -> Option<Failure> {
    if found.is_done() {
        return None;
    }
    let id = &found.user_id;
    let (reason, hint) = if found.exists {
        (
            format!("the user {id} was not deleted"),
            "DELETE /v1/{organization}/user/{user_id} deletes a user".to_owned(),
        )
    } else if found.awaited {
        (
            format!("the user {id} was not deleted: records of the user came, and the user is awaited"),
            "DELETE /v1/{organization}/user/{user_id} erases what came".to_owned(),
        )
    } else if found.erased_at.is_none() {
        (
            format!("there is no receipt: a user {id} of {org} was never deleted"),
            "is it the right id, and the right organization?".to_owned(),
        )
    } else if found.rows_left() > 0 {
        (
            format!("the user {id} was deleted, and {} rows are not erased yet", found.rows_left()),
            "a job erases them while a server runs; docs/erasure.md".to_owned(),
        )
    } else {
        (
            format!("the user {id} was deleted, and jobs about what is left are not done yet"),
            format!("`denizen job list --org {org}` shows why they wait"),
        )
    };
    Some(Failure::new(reason, hint))
}

#[cfg(test)]
mod tests {
    use denizen_directory::erased::{ErasureJobCounts, TableRows};
    use denizen_domain::time::Timestamp;

    use super::*;

    #[test]
    fn only_a_receipt_with_nothing_left_is_a_proof() {
        let done = ErasureReport {
            user_id: "6650f0a1b2c3d4e5f6071829".to_owned(),
            erased_at: Some(Timestamp(0)),
            exists: false,
            awaited: false,
            tombstone: true,
            rows: vec![TableRows { table: "message", rows: 0 }],
            jobs: ErasureJobCounts { erase_user: 0, scrub_store: 0, delete_account: 0 },
        };
        assert!(refusal(&done, "acme").is_none());
        let with = |change: fn(&mut ErasureReport)| {
            let mut changed = done.clone();
            change(&mut changed);
            refusal(&changed, "acme").map(|failure| failure.to_string()).unwrap_or_default()
        };
        assert!(with(|report| report.erased_at = None).contains("never deleted"));
        assert!(with(|report| report.rows[0].rows = 3).contains("3 rows are not erased"));
        assert!(with(|report| report.jobs.scrub_store = 1).contains("not done yet"));
        assert!(with(|report| report.jobs.delete_account = 1).contains("not done yet"));
        assert!(
            with(|report| {
                report.erased_at = None;
                report.exists = true;
            })
            .contains("was not deleted")
        );
    }
}
