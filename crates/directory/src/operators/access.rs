//! What operators may be given to reach.

use std::collections::BTreeMap;

use denizen_domain::ids::Uuid;
use denizen_domain::operator::Access;
use denizen_store::Conn;
use denizen_store::bots::Bot;
use denizen_store::environments::Environment;

use super::AccessInput;
use crate::error::Result;

/// Why something cannot be given (contract section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessProblem {
    /// Who is no administrator reaches at least one environment.
    NoEnvironment,
    /// One role for all environments.
    SeveralRoles,
    /// An editor or viewer needs at least one bot in each environment.
    NoBot,
    /// Unknown, inactive or of another organization.
    UnknownEnvironment,
    /// Unknown or inactive.
    UnknownBot,
    /// The bot lives in another environment.
    BotElsewhere,
}

/// The environments and bots that some inputs are about, read in one go.
pub(crate) struct Registry {
    pub environments: BTreeMap<Uuid, Environment>,
    pub bots: BTreeMap<Uuid, Bot>,
}

impl Registry {
    /// Those with these ids.
    pub(crate) fn read(conn: &Conn<'_>, environments: &[Uuid], bots: &[Uuid]) -> Result<Self> {
        todo!()
    }

    /// What the input comes to, or what is wrong with it.
    pub(crate) fn check(&self, input: &AccessInput) -> std::result::Result<Access, AccessProblem> {
        todo!()
    }
}
