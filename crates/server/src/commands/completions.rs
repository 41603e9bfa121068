//! `denizen completions SHELL`: a script for the shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::report;

pub fn run(shell: Shell) -> anyhow::Result<()> {
    // The generator panics when it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "denizen", &mut script);
    report::print(&String::from_utf8_lossy(&script))
}
