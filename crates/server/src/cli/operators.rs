//! The commands about operators: one at a time, and many of them as files.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Output;

#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Add an operator, with a password that is printed once, or with a mail in which the operator is asked to choose one
    Add(OperatorAdd),
    /// List the operators of an organization, in the order of their names
    #[command(after_help = "Example:
  denizen operator list --org acme
  denizen operator list --org acme --query lovelace --json")]
    List {
        /// The organization's short name
        #[arg(long, value_name = "SLUG")]
        org: String,
        /// Only those whose name, address or company contains this
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Set an operator's password: whoever signed in with the one before is signed out
    SetPassword(OperatorSetPassword),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen operator add ada@acme.example --org acme --name 'Ada Lovelace' --role admin
  denizen operator add ben@acme.example --org acme --name Ben --role editor --mail es \\
    --environment 6f1c2a50-0d3e-4c8e-9d0a-5f2b7c1e0010=6f1c2a50-0d3e-4c8e-9d0a-5f2b7c1e0011,6f1c2a50-0d3e-4c8e-9d0a-5f2b7c1e0012")]
pub struct OperatorAdd {
    /// The e-mail address, with which the operator signs in
    pub email: String,
    /// The organization's short name
    #[arg(long, value_name = "SLUG")]
    pub org: String,
    /// The name
    #[arg(long)]
    pub name: String,
    /// Whom the operator works for
    #[arg(long)]
    pub company: Option<String>,
    /// What the operator may do
    #[arg(long)]
    pub role: Role,
    /// An environment that the operator reaches and the bots in it, by their ids; may be repeated. An administrator reaches
    /// everything, and a supervisor needs no bots
    #[arg(long = "environment", value_name = "ENVIRONMENT[=BOT,BOT…]")]
    #[arg(required_if_eq_any([("role", "supervisor"), ("role", "editor"), ("role", "viewer")]))]
    pub environments: Vec<String>,
    /// Read the password from standard input instead of making one up
    #[arg(long, conflicts_with = "mail")]
    pub password_stdin: bool,
    /// Set no password, but have the server mail a link to choose one, in this language
    #[arg(long, value_name = "LANGUAGE")]
    pub mail: Option<MailLanguage>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen operator set-password ada@acme.example --org acme
  denizen operator set-password ada@acme.example --org acme --password-stdin < password.txt")]
pub struct OperatorSetPassword {
    /// The operator's e-mail address
    pub email: String,
    /// The organization's short name
    #[arg(long, value_name = "SLUG")]
    pub org: String,
    /// Read the password from standard input instead of making one up and printing it
    #[arg(long)]
    pub password_stdin: bool,
    #[command(flatten)]
    pub output: Output,
}

/// The roles of operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything, the operators included
    Admin,
    /// Whole environments
    Supervisor,
    /// Builds bots
    Editor,
    /// Looks at bots
    Viewer,
}

#[derive(Debug, Subcommand)]
pub enum Import {
    /// Make the operators that a CSV file lists. An import that was cut off goes on where it was when the same file is given
    /// again
    Operators(ImportOperators),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen import operators people.csv --org acme --dry-run
  denizen import operators people.csv --org acme --mail es --errors errors.csv

docs/eva.md describes the file. Exit code 0 when every operator of the file was made, 1 when some or
all were not (the others are made all the same), 2 when the file cannot be read.")]
pub struct ImportOperators {
    /// The file, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The organization's short name
    #[arg(long, value_name = "SLUG")]
    pub org: String,
    /// Make nobody, and tell what would be wrong
    #[arg(long)]
    pub dry_run: bool,
    /// Write a mail to each new operator, in this language; without it, nobody is written to. An import that goes on minds
    /// the language that is given then
    #[arg(long, value_name = "LANGUAGE")]
    pub mail: Option<MailLanguage>,
    /// Write what is wrong into this CSV file instead of telling it here; a file that is there is overwritten, unless an
    /// import goes on
    #[arg(long, value_name = "FILE")]
    pub errors: Option<PathBuf>,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
}

/// The languages of mails to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MailLanguage {
    /// English
    En,
    /// Spanish
    Es,
    /// Japanese
    Ja,
    /// Portuguese
    Pt,
}

#[derive(Debug, Subcommand)]
pub enum Export {
    /// Write the operators of an organization, with all that was granted to them and without passwords, into a CSV file that
    /// can be imported once passwords stand in it
    Operators(ExportOperators),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  denizen export operators people.csv --org acme
  denizen export operators --org acme | gzip > people.csv.gz")]
pub struct ExportOperators {
    /// The file; a file that is there is overwritten [default: standard output]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The organization's short name
    #[arg(long, value_name = "SLUG")]
    pub org: String,
}
