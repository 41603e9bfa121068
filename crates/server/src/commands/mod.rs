//! One file per command: what is done with parsed arguments.

mod completions;
mod config;

use anyhow::bail;

use crate::cli::{Cli, Command, Job, Key, Org};
use crate::config::{Loaded, Sources};

/// Does what the command line asks for.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    // These two are wanted where no valid configuration exists, for instance while a package is built.
    match cli.command {
        Command::Completions { shell } => return completions::run(shell),
        Command::Openapi { .. } => bail!("`openapi` is not wired yet"),
        _ => {}
    }
    let loaded = load(cli)?;
    match &cli.command {
        Command::Config => config::run(&loaded),
        Command::Completions { .. } | Command::Openapi { .. } => unreachable!("answered above"),
        Command::Serve(_) => bail!("`serve` is not wired yet"),
        Command::Org(Org::Create(_)) => bail!("`org create` is not wired yet"),
        Command::Org(Org::List { .. }) => bail!("`org list` is not wired yet"),
        Command::Org(Org::Show { .. }) => bail!("`org show` is not wired yet"),
        Command::Org(Org::Set(_)) => bail!("`org set` is not wired yet"),
        Command::Key(Key::Create(_)) => bail!("`key create` is not wired yet"),
        Command::Key(Key::List { .. }) => bail!("`key list` is not wired yet"),
        Command::Key(Key::Revoke { .. }) => bail!("`key revoke` is not wired yet"),
        Command::Job(Job::List { .. }) => bail!("`job list` is not wired yet"),
    }
}

fn load(cli: &Cli) -> anyhow::Result<Loaded> {
    crate::config::load(Sources {
        file: cli.global.config.clone(),
        environment: std::env::vars_os().collect(),
        flags: cli.flags(),
    })
}
