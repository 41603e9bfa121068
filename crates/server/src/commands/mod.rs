//! One file per command: what is done with parsed arguments.

mod backup;
mod check;
mod cluster;
mod completions;
mod config;
mod export;
mod health;
mod import;
mod ingest;
mod job;
mod key;
mod openapi;
mod operator;
mod org;
mod org_move;
mod progress;
mod restore;
mod serve;
mod signing_key;
mod user;

use crate::cli::{Cli, Command};
use crate::config::{Loaded, Sources};

/// Does what the command line asks for.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    // These two are wanted where no valid configuration exists, for instance while a package is built.
    match cli.command {
        Command::Completions { shell } => return completions::run(shell),
        Command::Openapi { dialect } => return openapi::run(dialect),
        _ => {}
    }
    let loaded = load(cli)?;
    match &cli.command {
        Command::Config => config::run(&loaded),
        Command::Health { url } => health::run(&loaded.config, url.as_deref()),
        Command::Completions { .. } | Command::Openapi { .. } => unreachable!("answered above"),
        Command::Serve(flags) => serve::run(&loaded, flags),
        Command::Org(org) => org::run(&loaded, org),
        Command::Cluster(cluster) => cluster::run(&loaded.config, cluster),
        Command::Key(key) => key::run(&loaded.config, key),
        Command::Ingest(ingest) => ingest::run(&loaded.config, ingest),
        Command::Operator(operator) => operator::run(&loaded.config, operator),
        Command::Import(import) => import::run(&loaded.config, import),
        Command::Export(export) => export::run(&loaded.config, export),
        Command::SigningKey(key) => signing_key::run(&loaded.config, key),
        Command::Job(job) => job::run(&loaded.config, job),
        Command::User(user) => user::run(&loaded.config, user),
        Command::Check(check) => check::run(&loaded.config, check),
        Command::Backup(backup) => backup::run(&loaded.config, backup),
        Command::Restore(restore) => restore::run(&loaded.config, restore),
    }
}

fn load(cli: &Cli) -> anyhow::Result<Loaded> {
    crate::config::load(Sources {
        file: cli.global.config.clone(),
        environment: std::env::vars_os().collect(),
        flags: cli.flags(),
    })
}
