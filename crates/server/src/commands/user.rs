//! `denizen user …`: what an operator can be shown of a user.

use denizen_directory::Directory;
use denizen_directory::erased::{Erased, ErasureReport};

use crate::cli::{Output, User};
use crate::config::Config;
use crate::credentials::whole_seconds;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure, table};

/// How an id is found by what somebody is known by. Erasing frees the address, so this works only before.
const FIND: &str = "while a contact is there, GET /v1/endusers?email= finds the UUID by an address, and \
    GET /admin/v1/{organization}/contacts?query= by a part of a name; `denizen operator list --json` shows those of operators";

pub fn run(config: &Config, user: &User) -> anyhow::Result<()> {
    let User::Erased { org, user_id, output } = user;
    let Some(whose) = Erased::parse(user_id) else {
        return Err(Failure::usage(
            format!("`{user_id}` is no user's id"),
            format!("an id is 24 hexadecimal digits in lower case, such as 6650f0a1b2c3d4e5f6071829, or the UUID of a contact or operator; {FIND}"),
        )
        .into());
    };
    with_directory(config, Missing::Refuse, |directory| async move {
        erased(&directory, org, whose, *output).await
    })
}

async fn erased(directory: &Directory, org: &str, whose: Erased, output: Output) -> anyhow::Result<()> {
    let about = About { org, ..About::default() };
    let refused = |error| of_directory(&error, about);
    let whose = directory.whose_erasure(org, whose).await.map_err(refused)?;
    let found = directory.erasure_report(org, whose).await.map_err(refused)?;
    if output.json {
        report::print_json(&found)?;
    } else {
        report::print(&page(&found, whose))?;
    }
    match refusal(&found, whose, org) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

fn page(found: &ErasureReport, whose: Erased) -> String {
    match whose {
        Erased::Member(_) => user_page(found),
        Erased::Contact(_) => contact_page(found),
        Erased::Operator(_) => operator_page(found),
    }
}

fn operator_page(found: &ErasureReport) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let receipt = found.erased_at.map_or("none".to_owned(), |at| format!("erased at {}", whole_seconds(at)));
    let mut lines = vec![
        ["kind".to_owned(), "operator".to_owned()],
        ["receipt".to_owned(), receipt],
        ["exists".to_owned(), yes(found.exists).to_owned()],
    ];
    // The operator's own row comes first: who is there is one row here, and none in the table of members.
    let (own, others): (Vec<_>, Vec<_>) = found.rows.iter().partition(|of| of.table == "operator");
    lines.extend(own.into_iter().chain(others).map(|of| [holds(of.table), of.rows.to_string()]));
    lines.push(["jobs store.scrub".to_owned(), found.jobs.scrub_store.to_string()]);
    table(&["OF THE OPERATOR", "FOUND"], lines.into_iter().map(Vec::from))
}

/// Says that only rows count of which something personal is left.
fn holds(table: &str) -> String {
    format!("rows in {table} that hold something")
}

fn contact_page(found: &ErasureReport) -> String {
    let state = match found.anonymized_at.map(whole_seconds) {
        Some(at) if found.rows_left() == 0 => {
            format!("anonymized at {at}; its id and the times stay, nothing else")
        }
        Some(at) => format!("anonymized at {at}; what is left of it goes next"),
        None if found.exists => "not anonymized".to_owned(),
        None => "not there".to_owned(),
    };
    let receipt = found.erased_at.map_or("none".to_owned(), |at| format!("left at {}", whole_seconds(at)));
    let mut lines = vec![
        ["kind".to_owned(), "contact".to_owned()],
        ["state".to_owned(), state],
        ["receipt".to_owned(), receipt],
    ];
    lines.extend(found.rows.iter().map(|of| [holds(of.table), of.rows.to_string()]));
    for (kind, count) in
        [("contact.anonymize", found.jobs.anonymize), ("store.scrub", found.jobs.scrub_store)]
    {
        lines.push([format!("jobs {kind}"), count.to_string()]);
    }
    table(&["OF THE CONTACT", "FOUND"], lines.into_iter().map(Vec::from))
}

fn user_page(found: &ErasureReport) -> String {
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
fn refusal(found: &ErasureReport, whose: Erased, org: &str) -> Option<Failure> {
    if found.is_done() {
        return None;
    }
    let (who, done, how) = match whose {
        Erased::Member(_) => ("user", "deleted", "DELETE /v1/{organization}/user/{user_id} deletes a user"),
        Erased::Contact(_) => {
            ("contact", "anonymized", "PATCH /v1/endusers/{userId}/anonymize asks for it, and a job does it")
        }
        Erased::Operator(_) => {
            ("operator", "deleted", "DELETE /eva-user/org/{orgUUID}/users/{userUUID} deletes an operator")
        }
    };
    let (reason, hint) = if found.exists {
        (format!("the {who} {whose} was not {done}"), how.to_owned())
    } else if found.awaited {
        (
            format!("the user {whose} was not deleted: records of the user came, and the user is awaited"),
            "DELETE /v1/{organization}/user/{user_id} erases what came".to_owned(),
        )
    } else if found.erased_at.is_none() {
        (
            match whose {
                // By its form alone a UUID may be either's.
                Erased::Contact(_) => format!(
                    "there is no receipt: {org} never had a contact or operator {whose} who was anonymized or deleted"
                ),
                Erased::Member(_) | Erased::Operator(_) => {
                    format!("there is no receipt: a {who} {whose} of {org} was never {done}")
                }
            },
            match whose {
                Erased::Member(_) | Erased::Operator(_) => {
                    "is it the right id, and the right organization?".to_owned()
                }
                Erased::Contact(_) => format!("is it the right id, and the right organization? {FIND}"),
            },
        )
    } else if found.rows_left() > 0 {
        (
            format!("the {who} {whose} was {done}, and {} rows are not erased yet", found.rows_left()),
            "a job erases them while a server runs; docs/erasure.md".to_owned(),
        )
    } else {
        (
            format!("the {who} {whose} was {done}, and jobs about what is left are not done yet"),
            format!("`denizen job list --org {org}` shows why they wait"),
        )
    };
    Some(Failure::new(reason, hint))
}

#[cfg(test)]
mod tests {
    use denizen_directory::erased::{ErasureJobCounts, TableRows};
    use denizen_domain::ids::Uuid;
    use denizen_domain::time::Timestamp;

    use super::*;

    #[test]
    fn only_a_receipt_with_nothing_left_is_a_proof() {
        const USER: &str = "6650f0a1b2c3d4e5f6071829";
        let whose = Erased::parse(USER).unwrap();
        let done = ErasureReport {
            user_id: USER.to_owned(),
            erased_at: Some(Timestamp(0)),
            exists: false,
            anonymized_at: None,
            awaited: false,
            tombstone: true,
            rows: vec![TableRows { table: "message", rows: 0 }],
            jobs: ErasureJobCounts::default(),
        };
        assert!(refusal(&done, whose, "acme").is_none());
        let with = |change: fn(&mut ErasureReport)| {
            let mut changed = done.clone();
            change(&mut changed);
            refusal(&changed, whose, "acme").map(|failure| failure.to_string()).unwrap_or_default()
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
        let contact = "01919191-0000-7000-8000-000000000001";
        let waits = ErasureReport {
            jobs: ErasureJobCounts { anonymize: 1, ..ErasureJobCounts::default() },
            ..done.clone()
        };
        let refused = refusal(&waits, Erased::parse(contact).unwrap(), "acme").unwrap().to_string();
        assert!(refused.contains(contact) && refused.contains("was anonymized, and jobs"), "{refused}");
    }

    #[test]
    fn of_an_operator_the_own_row_comes_first_of_what_holds_something() {
        let whose = Erased::Operator(Uuid::parse("01919191-0000-7000-8000-000000000002").unwrap());
        let there = ErasureReport {
            user_id: whose.to_string(),
            erased_at: None,
            exists: true,
            anonymized_at: None,
            awaited: false,
            tombstone: false,
            rows: vec![
                TableRows { table: "users", rows: 0 },
                TableRows { table: "operator", rows: 1 },
                TableRows { table: "operator_link", rows: 2 },
            ],
            jobs: ErasureJobCounts::default(),
        };
        assert_eq!(
            page(&there, whose).split_whitespace().collect::<Vec<_>>().join(" "),
            "OF THE OPERATOR FOUND kind operator receipt none exists yes \
             rows in operator that hold something 1 rows in users that hold something 0 \
             rows in operator_link that hold something 2 jobs store.scrub 0"
        );
    }

    #[test]
    fn of_a_contact_it_is_said_what_stays_and_what_still_holds_something() {
        let whose = Erased::parse("01919191-0000-7000-8000-000000000001").unwrap();
        let named = ErasureReport {
            user_id: whose.to_string(),
            erased_at: None,
            exists: true,
            anonymized_at: None,
            awaited: false,
            tombstone: false,
            rows: vec![
                TableRows { table: "contact", rows: 1 },
                TableRows { table: "contact_message", rows: 3 },
            ],
            jobs: ErasureJobCounts { anonymize: 1, ..ErasureJobCounts::default() },
        };
        let shown =
            |report: &ErasureReport| page(report, whose).split_whitespace().collect::<Vec<_>>().join(" ");
        let text = shown(&named);
        assert!(
            text.starts_with("OF THE CONTACT FOUND kind contact state not anonymized receipt none"),
            "{text}"
        );
        assert!(text.ends_with("jobs contact.anonymize 1 jobs store.scrub 0"), "{text}");
        let mut going = named.clone();
        (going.exists, going.anonymized_at, going.erased_at) =
            (false, Some(Timestamp(0)), Some(Timestamp(0)));
        going.rows[0].rows = 0;
        let text = shown(&going);
        assert!(
            text.contains("state anonymized at 1970-01-01T00:00:00Z; what is left of it goes next"),
            "{text}"
        );
        assert!(text.contains("rows in contact_message that hold something 3"), "{text}");
        going.rows[1].rows = 0;
        let text = shown(&going);
        assert!(
            text.contains("1970-01-01T00:00:00Z; its id and the times stay, nothing else receipt left"),
            "{text}"
        );
        assert!(text.contains("rows in contact that hold something 0"), "{text}");
        going.anonymized_at = None;
        assert!(shown(&going).contains("state not there"), "{}", shown(&going));
    }
}
