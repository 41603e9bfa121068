//! `denizen cluster …`: the databases of an installation beside the one that it begins with.

use std::path::Path;

use denizen_directory::Directory;
use denizen_directory::clusters::{
    Allowed, ClusterChanges, ClusterError, ClusterSummary, MoveSummary, NewCluster,
};
use denizen_domain::text::{ClusterName, Slug};
use denizen_store::PostgresOptions;
use serde::Serialize;

use crate::cli::{Cluster, ClusterAdd, ClusterSet, Output};
use crate::config::{Config, Place, SecretUrl, check_store, sqlite_path};
use crate::credentials::whole_seconds;
use crate::installation::{Missing, with_directory};
use crate::refusal::{About, of_cluster_at, of_directory, reason};
use crate::report::{self, Failure, table};

/// What `check` calls all of them.
const ALL: &str = "all";
const SHOWN: &str = "`denizen cluster list` shows those that there are";

pub fn run(config: &Config, cluster: &Cluster) -> anyhow::Result<()> {
    match cluster {
        Cluster::List { output } => with_directory(config, Missing::Refuse, |directory| async move {
            list(&directory, config, *output).await
        }),
        Cluster::Add(wanted) => {
            let new = new_cluster(wanted)?;
            with_directory(config, Missing::Refuse, |directory| async move { add(&directory, new).await })
        }
        Cluster::Check { name, output } => with_directory(config, Missing::Refuse, |directory| async move {
            check(&directory, config, name, *output).await
        }),
        Cluster::Set(wanted) => {
            let changes = changes(wanted)?;
            with_directory(config, Missing::Refuse, |directory| async move {
                let url = changes.url.clone();
                directory
                    .set_cluster(&wanted.name, changes)
                    .await
                    .map_err(|error| not_set(&error, &wanted.name, url.as_deref()))?;
                report::print(&format!("Changed the cluster {}.\n", wanted.name))
            })
        }
        Cluster::Remove { name, lost } => with_directory(config, Missing::Refuse, |directory| async move {
            directory.remove_cluster(name, *lost).await.map_err(|error| refused(&error, name, None))?;
            let left = if *lost { "" } else { " Its database is nobody's now." };
            report::print(&format!("Removed the cluster {name}.{left}\n"))
        }),
    }
}

fn new_cluster(wanted: &ClusterAdd) -> Result<NewCluster, Failure> {
    if wanted.name.as_str() == ALL {
        return Err(Failure::usage(
            "a cluster cannot be called all, which is what `denizen cluster check` calls them all",
            "choose another name",
        ));
    }
    let url = stored_url(&wanted.url)?;
    let replica_url = wanted.replica.as_deref().map(replica_url).transpose()?;
    Ok(NewCluster {
        name: wanted.name.clone(),
        url,
        replica_url,
        allowed: if wanted.allow_everyone { Allowed::Everyone } else { Allowed::Only(wanted.allow.clone()) },
    })
}

fn changes(wanted: &ClusterSet) -> Result<ClusterChanges, Failure> {
    let replica_url = match &wanted.replica {
        Some(url) => Some(Some(replica_url(url)?)),
        None => wanted.no_replica.then_some(None),
    };
    let allowed = if wanted.allow_everyone {
        Some(Allowed::Everyone)
    } else if wanted.allow_nobody || !wanted.allow.is_empty() {
        Some(Allowed::Only(wanted.allow.clone()))
    } else {
        None
    };
    Ok(ClusterChanges { url: wanted.url.as_deref().map(stored_url).transpose()?, replica_url, allowed })
}

/// A URL as the control store keeps it: every server and every command reads it there, from whichever folder, and so does
/// whoever has a copy of the database.
fn stored_url(url: &str) -> Result<String, Failure> {
    let masked = SecretUrl::from(url.to_owned());
    if masked.is_masked() {
        return Err(Failure::usage(
            format!("the URL {masked} holds a password, and the database of main would keep it"),
            "write the password into a file that only the servers' user may read, and name it in the URL: \
             postgres://USER@HOST:PORT/DATABASE?password_file=/PATH",
        ));
    }
    if let Some(file) = sqlite_path(url) {
        let file = std::path::absolute(file)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display()), "name the whole path"))?;
        return Ok(format!("sqlite:{}", file.display()));
    }
    for name in ["password_file", "sslrootcert"] {
        let file = parameter(url, name).filter(|file| !Path::new(file).is_absolute());
        if let Some(file) = file {
            return Err(Failure::usage(
                format!("{name}={file} is looked for in another folder by whoever runs elsewhere"),
                format!("name the whole path: {name}=/…"),
            ));
        }
    }
    check_store(url).map_err(|problem| {
        Failure::usage(format!("the URL {problem}"), "docs/operations.md says how URLs look")
    })?;
    Ok(url.to_owned())
}

/// A parameter of a PostgreSQL URL.
fn parameter<'u>(url: &'u str, name: &str) -> Option<&'u str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// The URL of a replica, as [`stored_url`].
fn replica_url(url: &str) -> Result<String, Failure> {
    let stored = stored_url(url)?;
    match PostgresOptions::parse_replica(&stored) {
        Ok(_) => Ok(stored),
        Err(reason) => Err(Failure::usage(
            format!("the replica {} cannot be used: {reason}", SecretUrl::from(stored)),
            "it is a hot standby of PostgreSQL: postgres://USER@HOST:PORT/DATABASE?password_file=/PATH",
        )),
    }
}

async fn add(directory: &Directory, new: NewCluster) -> anyhow::Result<()> {
    let (name, url) = (new.name.clone(), new.url.clone());
    directory.add_cluster(new).await.map_err(|error| refused(&error, &name, Some(&url)))?;
    report::print(&format!(
        "Added the cluster {name}. This makes an organization there: denizen org create SLUG --cluster {name} --name NAME \
         --admin-email EMAIL\n"
    ))
}

fn refused(error: &ClusterError, name: &ClusterName, url: Option<&str>) -> Failure {
    let hint = match error {
        ClusterError::IsMain => "it is what --store says, and nothing else can be said of it here",
        ClusterError::NameTaken => {
            "`denizen cluster list` shows where it is; `denizen cluster set` changes that, or choose another name"
        }
        ClusterError::Unknown => SHOWN,
        ClusterError::NoOrganization(_) => "`denizen org list` shows those that exist",
        ClusterError::WrongDatabase(_) => {
            "name an empty database: what another installation has is copied with `denizen export`, or moved within its own"
        }
        ClusterError::Needed(_) => {
            "`denizen org list` shows where each organization lives, `denizen org move` moves one, and `denizen job list` shows \
             what is still to be done"
        }
        ClusterError::Database(cause) => {
            return match url {
                Some(url) => of_cluster_at(cause, name, &Place::of(&SecretUrl::from(url.to_owned()))),
                None => Failure::new(
                    format!(
                        "the cluster {name} cannot be asked whether something is still to be done there: {cause}"
                    ),
                    "bring it back, or, if it is lost for good: denizen cluster remove NAME --lost",
                ),
            };
        }
        ClusterError::Other(error) => return of_directory(error, About::default()),
    };
    Failure::new(format!("{name}: {error}"), hint)
}

/// Why a cluster is not changed. Unlike one that is added, it has a database already.
fn not_set(error: &ClusterError, name: &ClusterName, url: Option<&str>) -> Failure {
    match error {
        ClusterError::WrongDatabase(_) => Failure::new(
            format!("{name}: {error}"),
            "name the same database at its new address, or a copy of it that takes its place, such as a backup that was \
             restored; another database is a cluster of its own: `denizen cluster add`, and then `denizen org move`",
        ),
        ClusterError::Database(cause) if url.is_none() => Failure::new(
            format!("{name} is left as it was, for it could not be opened so: {}", reason(cause)),
            "only a cluster on PostgreSQL has replicas; `denizen cluster check` shows whether the database itself answers, and \
             `denizen cluster set NAME --no-replica` does without the replica",
        ),
        error => refused(error, name, url),
    }
}

/// Why a replica cannot be read, if it cannot.
fn problem_of_replica(url: &str) -> Option<String> {
    let options = match PostgresOptions::parse_replica(url) {
        Ok(options) => options,
        Err(reason) => return Some(format!("its replica cannot be used: {reason}")),
    };
    match options.has_tables() {
        Ok(true) => None,
        Ok(false) => Some("its replica has no tables of denizen".to_owned()),
        Err(error) => Some(format!("its replica cannot be read: {error}")),
    }
}

/// A cluster as it is shown.
#[derive(Serialize)]
struct Shown<'c> {
    name: &'c ClusterName,
    kind: &'static str,
    url: String,
    replica_url: Option<String>,
    organizations: i64,
    /// `null` where everybody's callers may.
    placed_by: &'c Option<Vec<Slug>>,
    reachable: bool,
    /// What keeps it from being used, and what whoever runs it should know.
    problems: Vec<String>,
    moves: &'c [MoveSummary],
}

impl<'c> Shown<'c> {
    fn of(cluster: &'c ClusterSummary, config: &Config) -> Self {
        let place = match &cluster.url {
            Some(url) => Place::of(&SecretUrl::from(url.clone())),
            None => config.place(),
        };
        let (kind, url) = match &place {
            Place::Sqlite(file) => ("sqlite", format!("sqlite:{}", file.display())),
            Place::Postgres(url) => ("postgres", url.to_string()),
        };
        let warnings = cluster.warnings.iter().map(|warning| (*warning).to_owned());
        Self {
            name: &cluster.name,
            kind,
            url,
            replica_url: cluster.replica_url.as_ref().map(|url| SecretUrl::from(url.clone()).to_string()),
            organizations: cluster.organizations,
            placed_by: &cluster.placed_by,
            reachable: cluster.unreachable.is_none(),
            problems: cluster.unreachable.iter().cloned().chain(warnings).collect(),
            moves: &cluster.moves,
        }
    }

    fn placed_by(&self) -> String {
        match self.placed_by.as_deref() {
            _ if self.name.is_main() => "who lives there".to_owned(),
            None => "everyone".to_owned(),
            Some([]) => "nobody".to_owned(),
            Some(slugs) => slugs.iter().map(Slug::as_str).collect::<Vec<_>>().join(","),
        }
    }
}

async fn list(directory: &Directory, config: &Config, output: Output) -> anyhow::Result<()> {
    let clusters = clusters(directory, None).await?;
    let shown: Vec<_> = clusters.iter().map(|cluster| Shown::of(cluster, config)).collect();
    if output.json {
        return report::print_json(&shown);
    }
    let rows = shown.iter().map(|cluster| {
        vec![
            cluster.name.to_string(),
            cluster.kind.to_owned(),
            cluster.organizations.to_string(),
            cluster.placed_by(),
            if cluster.reachable { "answers" } else { "does not answer" }.to_owned(),
            cluster.url.clone(),
        ]
    });
    let titles = ["CLUSTER", "KIND", "ORGANIZATIONS", "PLACED BY", "STATE", "WHERE"];
    let mut lines = vec![table(&titles, rows)];
    for cluster in &shown {
        let name = cluster.name;
        if let Some(url) = &cluster.replica_url {
            lines.push(format!("{name} has a replica: {url}\n"));
        }
        for problem in &cluster.problems {
            lines.push(format!("{name}: {problem}\n"));
        }
        // Each of both ends has it.
        for one in cluster.moves.iter().filter(|one| one.source == *name) {
            let MoveSummary { org_id, source, target, begun_at } = one;
            let since = whole_seconds(*begun_at);
            lines.push(format!(
                "{org_id} is moving from {source} to {target} since {since}
"
            ));
        }
    }
    report::print(&lines.concat())
}

async fn clusters(directory: &Directory, only: Option<&ClusterName>) -> Result<Vec<ClusterSummary>, Failure> {
    directory.list_clusters(only).await.map_err(|error| of_directory(&error, About::default()))
}

async fn check(
    directory: &Directory,
    config: &Config,
    name: &ClusterName,
    output: Output,
) -> anyhow::Result<()> {
    let clusters = clusters(directory, Some(name).filter(|name| name.as_str() != ALL)).await?;
    if clusters.is_empty() {
        return Err(Failure::new(format!("there is no cluster {name}"), SHOWN).into());
    }
    let mut shown: Vec<_> = clusters.iter().map(|cluster| Shown::of(cluster, config)).collect();
    for (cluster, shown) in clusters.iter().zip(&mut shown) {
        shown.problems.extend(cluster.replica_url.as_deref().and_then(problem_of_replica));
    }
    if output.json {
        report::print_json(&shown)?;
    } else {
        let line = |cluster: &Shown<'_>| {
            let found = match cluster.problems.as_slice() {
                [] => "answers, is this installation's, and has the tables of this denizen".to_owned(),
                problems => problems.join("; "),
            };
            format!("{}: {found}\n", cluster.name)
        };
        report::print(&shown.iter().map(line).collect::<String>())?;
    }
    let bad: Vec<_> =
        shown.iter().filter(|cluster| !cluster.problems.is_empty()).map(|one| one.name.as_str()).collect();
    if bad.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        format!("not all is well with {}", bad.join(", ")),
        "docs/operations.md has a chapter on clusters; `denizen cluster set` changes where one is",
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_holds_a_password_is_not_kept_and_not_repeated() {
        for url in [
            "postgres://d:pa55@db.example/d",
            "postgres://d@db.example/d?password=pa55",
            "postgres://db.example/d?user=d&password=pa55",
        ] {
            let failure = stored_url(url).unwrap_err();
            assert!(!failure.to_string().contains("pa55"), "{failure}");
            assert!(failure.hint().contains("password_file"), "{}", failure.hint());
        }
    }

    #[test]
    fn a_path_is_kept_as_one_that_means_the_same_in_every_folder() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(stored_url("sqlite:c.db").unwrap(), format!("sqlite:{}", here.join("c.db").display()));
        assert_eq!(stored_url("sqlite:/srv/c.db").unwrap(), "sqlite:/srv/c.db");
        for (url, name) in [
            ("postgres://d@h/d?password_file=secret", "password_file=secret"),
            ("postgres://d@h/d?application_name=x&sslrootcert=ca.pem", "sslrootcert=ca.pem"),
        ] {
            assert!(stored_url(url).unwrap_err().to_string().contains(name));
        }
    }

    #[test]
    fn what_is_no_url_of_a_store_is_refused() {
        for url in ["", "db", "mysql://h/d", "sqlite:", "postgres://d@h/d?unheard_of=1"] {
            assert!(stored_url(url).is_err(), "{url}");
        }
    }
}
