//! `denizen cluster …`: its arguments and its help.

use clap::{ArgGroup, Args, Subcommand};
use denizen_domain::text::ClusterName;

use super::Output;

#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// List the clusters: where each is, whether it answers, how many organizations live there, and who may place others
    #[command(after_help = "Example:\n  denizen cluster list --json")]
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Add a database as a cluster, beside the one that --store names; its tables are made
    Add(ClusterAdd),
    /// See whether a cluster can be used; exit code 1 if it cannot, or if its role can look past the walls between organizations
    #[command(after_help = "Example:\n  denizen cluster check all")]
    Check {
        /// The cluster's name; `main` is the database that --store names, and `all` is every one
        name: ClusterName,
        #[command(flatten)]
        output: Output,
    },
    /// Change where a cluster is, or who may place organizations there; running servers follow within seconds
    Set(ClusterSet),
    /// Remove a cluster where no organization lives; its database stays, and is nobody's then
    #[command(after_help = "Example:\n  denizen cluster remove archive")]
    Remove {
        /// The cluster's name
        name: ClusterName,
        /// The database is lost for good: do not ask it whether something is still to be done there
        #[arg(long)]
        lost: bool,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen cluster add archive sqlite:/srv/denizen/archive.db
  denizen cluster add eu 'postgres://denizen@db.example.com/denizen?password_file=/etc/denizen/eu' --allow acme

The command line may place organizations on every cluster, and who is allowed may do so through the API. docs/operations.md
has a chapter on clusters.")]
pub struct ClusterAdd {
    /// What it is called: lower-case letters, digits, `-` and `_`
    pub name: ClusterName,
    /// `sqlite:PATH`, or `postgres://USER@HOST:PORT/DATABASE?password_file=PATH`, which holds no password
    pub url: String,
    /// A copy that PostgreSQL keeps up to date, which may be read: `postgres://…` as above
    #[arg(long, value_name = "URL")]
    pub replica: Option<String>,
    /// An organization whose callers may place others there; may be repeated
    #[arg(long = "allow", value_name = "SLUG", conflicts_with = "allow_everyone")]
    pub allow: Vec<String>,
    /// Let the callers of every organization place others there
    #[arg(long)]
    pub allow_everyone: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen cluster set eu --allow acme --allow globex
  denizen cluster set eu --url 'postgres://denizen@db2.example.com/denizen?password_file=/etc/denizen/eu'")]
// Not as an attribute: the name would be one of the group then, and nothing else be asked for.
#[group(skip)]
#[command(group = ArgGroup::new("cluster_changes").required(true).multiple(true)
    .args(["url", "replica", "no_replica", "allow", "allow_everyone", "allow_nobody"]))]
pub struct ClusterSet {
    /// The cluster's name
    pub name: ClusterName,
    /// Where its database is now; it must be the same database, or a copy of it that is used in its place
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The copy that may be read
    #[arg(long, value_name = "URL", conflicts_with = "no_replica")]
    pub replica: Option<String>,
    /// There is no copy that may be read any more
    #[arg(long)]
    pub no_replica: bool,
    /// An organization whose callers may place others there, in the place of all that were allowed before; may be repeated
    #[arg(long = "allow", value_name = "SLUG", conflicts_with_all = ["allow_everyone", "allow_nobody"])]
    pub allow: Vec<String>,
    /// Let the callers of every organization place others there
    #[arg(long, conflicts_with = "allow_nobody")]
    pub allow_everyone: bool,
    /// Let only the command line place organizations there
    #[arg(long)]
    pub allow_nobody: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Writes of the organization are refused while its rows are copied, with a time after which to try again; reads go on.
Whatever cuts the command off, the organization is whole in one place, and the same command goes on or begins again.

Example:
  denizen org move acme --to archive
  denizen org move acme --cancel"
)]
#[group(id = "what", required = true, multiple = false, args = ["to", "cancel"])]
pub struct OrgMove {
    /// The organization's short name, as in addresses
    pub slug: String,
    /// The cluster that it is to live in; `denizen cluster list` shows them
    #[arg(long, value_name = "CLUSTER")]
    pub to: Option<ClusterName>,
    /// How long to wait for its jobs that are worked on before giving up
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(i64).range(0..=3_600))]
    pub wait: i64,
    /// End a move that is under way, or was cut off, and leave the organization where it was
    #[arg(long)]
    pub cancel: bool,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
    #[command(flatten)]
    pub output: Output,
}
