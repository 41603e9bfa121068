//! `denizen config`: the effective configuration.

use crate::config::Loaded;
use crate::report;

pub fn run(loaded: &Loaded) -> anyhow::Result<()> {
    report::print(&loaded.to_toml())
}
