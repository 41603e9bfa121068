//! `denizen check`: looks the database over.

use denizen_directory::organizations::ListedOrganization;

use crate::config::{Config, Place};
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure};

pub fn run(config: &Config) -> anyhow::Result<()> {
    let place = config.place();
    let advice = match place {
        Place::Sqlite(_) => "keep a copy of the file as it is, then put a backup in its place",
        Place::Postgres(_) => "keep a dump of the database as it is, then restore a backup into a new one",
    };
    let place = &place;
    with_directory(config, Missing::Refuse, |directory| async move {
        let problems = directory.check().await.map_err(|error| of_directory(&error, About::default()))?;
        if !problems.is_empty() {
            report::print(&format!("{}\n", problems.join("\n")))?;
            let count = problems.len();
            return Err(Failure::new(
                format!("{count} {} in {place}", if count == 1 { "problem" } else { "problems" }),
                advice,
            )
            .into());
        }
        let listed =
            directory.list_organizations().await.map_err(|error| of_directory(&error, About::default()))?;
        let organizations: Vec<_> = listed.iter().filter_map(ListedOrganization::seen).collect();
        let users: i64 = organizations.iter().map(|organization| organization.members).sum();
        let contacts: i64 = organizations.iter().map(|organization| organization.contacts).sum();
        let operators: i64 = organizations.iter().map(|organization| organization.operators).sum();
        report::print(&format!(
            "no problems in {place} (organizations: {}, users: {users}, contacts: {contacts}, operators: {operators})\n",
            organizations.len()
        ))?;
        // No damage, for the API allows it; but whoever looks the store over wants to know.
        for organization in &organizations {
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
    })
}
