//! The command line: every command, its arguments and its help. It parses and nothing else; `commands/` acts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use denizen_domain::text::ClusterName;

use crate::config::Flags;

mod cluster;
mod operators;
#[cfg(test)]
mod tests;

pub use cluster::{Cluster, ClusterAdd, ClusterSet, OrgMove};
pub use operators::{
    Export, ExportOperators, Import, ImportOperators, MailLanguage, Operator, OperatorAdd,
    OperatorSetPassword, Role,
};

/// A self-hosted user directory that serves published user APIs, so that their own clients work against it: Amigo's users,
/// Dixa's end users and eva's users with their sign-in.
#[derive(Debug, Parser)]
#[command(name = "denizen", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Example:
  denizen serve --demo
  denizen org create acme --name 'Acme Ltd' --admin-email ada@acme.example")]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Accepted before and after every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Configuration file (TOML); also DENIZEN_CONFIG. Otherwise `denizen.toml` in the data folder, if it exists
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of everything that denizen keeps [default: ./denizen-data]
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The store, `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; also DENIZEN_STORE, which other users of
    /// the machine cannot read as they can arguments [default: denizen.db in the data folder]
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "URL")]
    pub store: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until SIGTERM or SIGINT
    Serve(Serve),
    /// Create, list, show and change organizations, also beside a running server
    #[command(subcommand)]
    #[command(
        after_help = "Example:\n  denizen org create acme --name 'Acme Ltd' --admin-email ada@acme.example"
    )]
    Org(Org),
    /// List, add, check, change and remove the databases among which organizations are spread, also beside a running server
    #[command(subcommand)]
    #[command(after_help = "Example:
  denizen cluster list
  denizen cluster add archive sqlite:/srv/denizen/archive.db")]
    Cluster(Cluster),
    /// Create, list and revoke the credentials of an organization: Amigo's API keys, and Dixa's tokens
    #[command(subcommand)]
    #[command(after_help = "Example:
  denizen key list --org acme
  denizen key list --org acme --dialect dixa")]
    Key(Key),
    /// Take records in: users and what is known of them, one JSON record in each line, also beside a running server
    Ingest(Ingest),
    /// Add and list operators of an organization, and set their passwords, also beside a running server
    #[command(subcommand)]
    #[command(
        after_help = "Example:\n  denizen operator add ada@acme.example --org acme --name 'Ada Lovelace' --role admin"
    )]
    Operator(Operator),
    /// Make the operators that a CSV file lists, also beside a running server
    #[command(subcommand)]
    #[command(after_help = "Example:\n  denizen import operators people.csv --org acme --errors errors.csv")]
    Import(Import),
    /// Give the operators of an organization out as a CSV file, also beside a running server
    #[command(subcommand)]
    #[command(after_help = "Example:\n  denizen export operators people.csv --org acme")]
    Export(Export),
    /// See the keys that sign tokens, replace them, and retire those that have been replaced or have got out
    #[command(subcommand)]
    #[command(after_help = "Example:\n  denizen signing-key list\n  denizen signing-key rotate")]
    SigningKey(SigningKey),
    /// See the work that is waiting or has failed, such as mails, and have it tried again or dropped
    #[command(subcommand)]
    #[command(after_help = "Example:\n  denizen job list")]
    Job(Job),
    /// See what is left of a user or operator who was deleted, or of a contact who was anonymized
    #[command(subcommand)]
    #[command(after_help = "Example:
  denizen user erased --org acme 6650f0a1b2c3d4e5f6071829
  denizen user erased --org acme 0191f2c4-7a3b-7c1d-9e5f-2b8a6d4c1e07")]
    User(User),
    /// Look the database over for damage and contradictions, also beside a running server; exit code 1 if there are any
    #[command(after_help = "Example:\n  denizen check --data /srv/denizen\n  denizen check --json")]
    Check(Check),
    /// Copy the store into a folder while a server goes on working; SQLite only, PostgreSQL has tools of its own
    Backup(Backup),
    /// Make a store from a backup, after looking it over; or only look the backup over
    Restore(Restore),
    /// Ask a running server whether it is ready for requests; exit code 1 if it is not
    #[command(after_help = "Example:
  denizen health
  denizen health --url http://127.0.0.1:8080")]
    Health {
        /// The server's address, `http://HOST:PORT` [default: what `listen` says, on this machine]
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Print the OpenAPI document of a dialect
    #[command(after_help = "Example:\n  denizen openapi amigo > amigo.json")]
    Openapi {
        /// Which API
        dialect: Dialect,
    },
    /// Print the effective configuration as TOML, secrets masked, with the origin of each value
    #[command(after_help = "Example:\n  DENIZEN_LOG_FORMAT=text denizen config --data /srv/denizen")]
    Config,
    /// Print the completion script of a shell
    #[command(after_help = "Example:\n  denizen completions bash > /etc/bash_completion.d/denizen")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen serve --demo
  denizen serve --config /etc/denizen.toml --listen 0.0.0.0:8080")]
pub struct Serve {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Fill an empty store with the organization `demo` and print its credentials once
    #[arg(long)]
    pub demo: bool,
    /// Answer any number of requests, per minute and per second
    #[arg(long)]
    pub no_rate_limits: bool,
}

#[derive(Debug, Subcommand)]
pub enum Org {
    /// Create an organization with its first administrator, and print the credentials once
    Create(OrgCreate),
    /// List the organizations
    #[command(after_help = "Example:\n  denizen org list --json")]
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show the settings and numbers of an organization
    #[command(after_help = "Example:\n  denizen org show acme")]
    Show {
        /// The organization's short name, as in addresses
        slug: String,
        #[command(flatten)]
        output: Output,
    },
    /// Change settings of an organization
    Set(OrgSet),
    /// Give an organization that nobody can administer any more a super administrator, and print new credentials once
    Recover(OrgRecover),
    /// Move an organization to another cluster, beside running servers
    Move(OrgMove),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen org create acme --name 'Acme Ltd' --admin-email ada@acme.example --json")]
pub struct OrgCreate {
    /// The organization's short name, as in addresses
    pub slug: String,
    /// The organization's name, for people
    #[arg(long)]
    pub name: String,
    /// E-mail address of the first administrator
    #[arg(long, value_name = "EMAIL")]
    pub admin_email: String,
    /// First name of the first administrator
    #[arg(long, value_name = "NAME")]
    pub admin_first_name: Option<String>,
    /// Last name of the first administrator
    #[arg(long, value_name = "NAME")]
    pub admin_last_name: Option<String>,
    /// The cluster that it is to live in; `denizen cluster list` shows them
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub cluster: ClusterName,
    /// E-mail address of the first operator, who administers the others in eva's dialect [default: the first administrator's]
    #[arg(long, value_name = "EMAIL")]
    pub operator_email: Option<String>,
    /// Count invited members as verified from their creation
    #[arg(long)]
    pub verify_new_members: bool,
    /// Refuse the sign-in of members who are not verified yet
    #[arg(long)]
    pub refuse_unverified_sign_in: bool,
    /// An origin that magic links may lead to, such as https://app.example.com; may be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub allow_origins: Vec<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen org set acme --unverified-sign-in false --allow-origin https://app.acme.example")]
#[group(id = "changes", required = true, multiple = true, args = ["name", "verify_new_members", "unverified_sign_in", "allow_origins", "remove_origins"])]
pub struct OrgSet {
    /// The organization's short name, as in addresses
    pub slug: String,
    /// A new name, for people
    #[arg(long)]
    pub name: Option<String>,
    /// Whether invited members count as verified from their creation
    #[arg(long, value_name = "true|false")]
    pub verify_new_members: Option<bool>,
    /// Whether members who are not verified yet may sign in
    #[arg(long, value_name = "true|false")]
    pub unverified_sign_in: Option<bool>,
    /// An origin that magic links may lead to from now on; may be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub allow_origins: Vec<String>,
    /// An origin that magic links may lead to no longer; may be repeated
    #[arg(long = "remove-origin", value_name = "ORIGIN")]
    pub remove_origins: Vec<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen org recover acme --admin-email ada@acme.example")]
pub struct OrgRecover {
    /// The organization's short name, as in addresses
    pub slug: String,
    /// E-mail address of the user who becomes super administrator; who is not there yet is added
    #[arg(long, value_name = "EMAIL")]
    pub admin_email: String,
    /// First name, if the user has to be added
    #[arg(long, value_name = "NAME")]
    pub admin_first_name: Option<String>,
    /// Last name, if the user has to be added
    #[arg(long, value_name = "NAME")]
    pub admin_last_name: Option<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
pub enum Key {
    /// Create an API key of Amigo's, or a token of Dixa's, and print its secret once
    Create(KeyCreate),
    /// List the API keys or tokens of an organization, without their secrets
    #[command(after_help = "Example:
  denizen key list --org acme
  denizen key list --org acme --dialect dixa --json")]
    List {
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        org: String,
        /// Whose credentials: API keys of `amigo`, or tokens of `dixa`
        #[arg(long, default_value = "amigo")]
        dialect: KeyDialect,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke an API key or token at once
    #[command(visible_alias = "delete")]
    #[command(after_help = "Example:
  denizen key revoke --org acme 6f1f0f0e-9a51-4a7b-8f10-0d8a3f1c2b4d
  denizen key revoke --org acme --dialect dixa 0b9a4c1e-52d7-4f0e-8a86-3c5f7d9e1b24")]
    Revoke {
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        org: String,
        /// Whose credentials: an API key of `amigo`, or a token of `dixa`
        #[arg(long, default_value = "amigo")]
        dialect: KeyDialect,
        /// The id of the key or token, as `denizen key list` prints it
        key_id: String,
        #[command(flatten)]
        output: Output,
    },
}

/// The dialects that have credentials of their own. The native API is called with Amigo's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyDialect {
    /// API keys, which sign users in
    Amigo,
    /// Tokens, with which programs call in their own name
    Dixa,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen key create --org acme --role DefaultAdministratorRole --name 'nightly import' --days 30
  denizen key create --org acme --dialect dixa --name 'help desk'")]
pub struct KeyCreate {
    /// The organization's short name
    #[arg(long, value_name = "SLUG")]
    pub org: String,
    /// What to create: an API key of `amigo`, which is also good for the native API, or a token of `dixa` [default: amigo]
    #[arg(long)]
    pub dialect: Option<KeyDialect>,
    /// The role. An API key signs in only users whose role is below it, and one of DefaultSuperAdministratorRole everybody;
    /// a token may do what the role may [default for a token: DefaultAdministratorRole]
    #[arg(long, required_unless_present = "dialect", required_if_eq("dialect", "amigo"))]
    pub role: Option<String>,
    /// What the key or token is for; optional for a token
    #[arg(long, required_unless_present = "dialect", required_if_eq("dialect", "amigo"))]
    pub name: Option<String>,
    /// Days until it expires: 1 to 90 for an API key; 1 to 36500 for a token, which does not expire without it
    #[arg(long, visible_alias = "expires-days", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=36_500))]
    #[arg(required_unless_present = "dialect", required_if_eq("dialect", "amigo"))]
    pub days: Option<u16>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
pub enum SigningKey {
    /// List the keys: which sign, which are published and sign soon, which only verify, and which are retired
    #[command(after_help = "Example:\n  denizen signing-key list --json")]
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Make new keys, which are published now and sign in ten minutes; those that there are go on verifying
    #[command(after_help = "Example:
  denizen signing-key rotate
  denizen signing-key rotate --retire 6f1f0f0e-9a51-4a7b-8f10-0d8a3f1c2b4d")]
    Rotate {
        /// Retire this key at once, because it has got out: what it signed is refused
        #[arg(long, value_name = "KID")]
        retire: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Retire a key: what it signed is refused from now on
    #[command(after_help = "Example:\n  denizen signing-key retire 6f1f0f0e-9a51-4a7b-8f10-0d8a3f1c2b4d")]
    Retire {
        /// The key's id, as `denizen signing-key list` prints it
        kid: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub enum Job {
    /// List jobs that are waiting, running or failed, those of deleted organizations included
    #[command(after_help = "Example:\n  denizen job list --org acme")]
    List {
        /// Only this organization's
        #[arg(long, value_name = "SLUG")]
        org: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Make waiting jobs due at once, for instance after settings were mended; a running server takes them within seconds
    #[command(after_help = "Example:
  denizen job retry 6650f0a1b2c3d4e5f6071829
  denizen job retry --all")]
    Retry {
        /// The job's id, as `denizen job list` prints it
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        job_id: Option<String>,
        /// Every job that waits for a later time
        #[arg(long)]
        all: bool,
        /// Only this organization's
        #[arg(long, value_name = "SLUG")]
        org: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Hold the mails that wait until they are retried: after PostgreSQL was put back to an earlier state, which may hold
    /// mails that have been sent since
    #[command(after_help = "Example:
  denizen job hold
  denizen job retry --all")]
    Hold {
        #[command(flatten)]
        output: Output,
    },
    /// Remove a job undone: a mail, a job that was given up, or the deletion of an account that Google will never delete
    #[command(after_help = "Example:\n  denizen job drop 6650f0a1b2c3d4e5f6071829 --yes")]
    Drop {
        /// The job's id, as `denizen job list` prints it
        job_id: String,
        /// Only this organization's
        #[arg(long, value_name = "SLUG")]
        org: Option<String>,
        /// Do it; without it, only what would be dropped is told
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// Show whether a user is erased: the receipt, what the tables still hold, and the jobs that wait
    #[command(after_help = "Example:
  denizen user erased --org acme 6650f0a1b2c3d4e5f6071829
  denizen user erased --org acme 0191f2c4-7a3b-7c1d-9e5f-2b8a6d4c1e07

Exit code 0 when there is a receipt and nothing is left, 1 otherwise.")]
    Erased {
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        org: String,
        /// The id that the user had; the UUID of an operator, or of a contact who was anonymized
        user_id: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen ingest --org acme records.ndjson
  zcat export.ndjson.gz | denizen ingest --org acme - --json > results.ndjson

docs/native.md describes the records. Exit code 1 when a line was refused; the others are taken in all the same.")]
pub struct Ingest {
    /// The file, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The organization's short name
    #[arg(long, value_name = "SLUG")]
    pub org: String,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
    /// Print what became of every line, as JSON, instead of the refused lines as text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen backup /backups/denizen-2026-11-22 --data /srv/denizen
  denizen restore /backups/denizen-2026-11-22 --verify-only

docs/operations.md says what is in a backup, and what PostgreSQL needs instead.")]
pub struct Backup {
    /// The folder to be made, which must not be there yet
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Copy at most so many MiB in a second [default: rest for as long as it works]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen restore /backups/denizen-2026-11-22 --data /srv/denizen
  denizen restore /backups/denizen-2026-11-22 --verify-only

What was done after the backup is undone, deletions included: docs/operations.md says what to do before the server starts.")]
pub struct Restore {
    /// The folder that `denizen backup` made
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Only look the backup over, and write nothing
    #[arg(long)]
    pub verify_only: bool,
    /// Where the database of another cluster of the backup is to be; once for each of them
    #[arg(long = "cluster", value_name = "NAME=PATH", conflicts_with = "verify_only")]
    pub clusters: Vec<String>,
    /// Let the server send the mails that waited when the backup was made, instead of holding them: some may have been sent
    #[arg(long, conflicts_with = "verify_only")]
    pub send_mails: bool,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct Check {
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
    #[command(flatten)]
    pub output: Output,
}

/// How a command prints its answer.
#[derive(Debug, Clone, Copy, Args)]
pub struct Output {
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// Amigo, `User`
    Amigo,
    /// Dixa, end users
    Dixa,
    /// eva, users
    Eva,
    /// Signing in to eva
    Openid,
    /// The native API
    Admin,
}

impl Cli {
    /// The flags that stand for a key of the configuration.
    pub fn flags(&self) -> Flags {
        let (listen, no_rate_limits) = match &self.command {
            Command::Serve(serve) => (serve.listen.clone(), serve.no_rate_limits),
            _ => (None, false),
        };
        Flags { data: self.global.data.clone(), listen, store: self.global.store.clone(), no_rate_limits }
    }
}
