//! What a batch says of environments and of the bots that live in them.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::Uuid;
use denizen_domain::permission::names;
use denizen_domain::time::Timestamp;
use denizen_store::bots::{self, Bot};
use denizen_store::environments::{self, Environment};
use denizen_store::{Conn, Tx};

use super::batch::Item;
use super::check::{filled, text};
use super::record::limits;
use super::{Ingestor, Outcome};
use crate::error::{Error, Result};

/// An environment. It replaces the whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRecord {
    pub environment_id: Uuid,
    pub name: String,
    /// One that is not active is as if it were not there, with all its bots.
    pub is_active: bool,
}

/// A bot. It replaces the whole one, but for the environment, in which it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotRecord {
    pub bot_id: Uuid,
    /// Has to be there, active or not.
    pub environment_id: Uuid,
    pub name: String,
    pub image_url: Option<String>,
    /// One that is not active is as if it were not there.
    pub is_active: bool,
}

pub(super) fn check_environment(record: &EnvironmentRecord) -> Result<()> {
    filled("name", &record.name, limits::PLACE_NAME)
}

pub(super) fn check_bot(record: &BotRecord) -> Result<()> {
    filled("name", &record.name, limits::PLACE_NAME)?;
    record.image_url.as_ref().map_or(Ok(()), |url| text("image_url", url, limits::URL))
}

/// What is there of what the batch names: first as it was read, then as the batch has changed it.
pub(super) struct Registry {
    now: Timestamp,
    environments: BTreeMap<Uuid, Environment>,
    bots: BTreeMap<Uuid, Bot>,
    /// Whether anything of it may change.
    may_write: Result<()>,
}

impl Registry {
    /// Nothing is asked about what the batch does not name.
    pub(super) fn read(conn: &Conn<'_>, items: &[Item], by: &Ingestor, now: Timestamp) -> Result<Self> {
        let (mut environments, mut bots) = (BTreeSet::new(), BTreeSet::new());
        for item in items {
            match item {
                Item::Environment(record) => {
                    environments.insert(record.environment_id);
                }
                Item::Bot(record) => {
                    environments.insert(record.environment_id);
                    bots.insert(record.bot_id);
                }
                _ => {}
            }
        }
        let environments: Vec<Uuid> = environments.into_iter().collect();
        let bots: Vec<Uuid> = bots.into_iter().collect();
        Ok(Self {
            now,
            environments: match environments.as_slice() {
                [] => BTreeMap::new(),
                ids => environments::find_many(conn, ids)?,
            },
            bots: match bots.as_slice() {
                [] => BTreeMap::new(),
                ids => bots::find_many(conn, ids)?,
            },
            may_write: by.require(&names::DIRECTORY_WRITE_OPERATOR),
        })
    }

    pub(super) fn take_environment(&mut self, tx: &Tx<'_>, record: &EnvironmentRecord) -> Result<Outcome> {
        let before = self.environments.get(&record.environment_id);
        let environment = Environment {
            environment_id: record.environment_id,
            // It is what people write into the cells of a table, where what surrounds it is dropped.
            name: record.name.trim().to_owned(),
            is_active: record.is_active,
            created_at: before.map_or(self.now, |before| before.created_at),
            updated_at: before.map_or(self.now, |before| before.updated_at),
        };
        if before == Some(&environment) {
            return Ok(Outcome::Unchanged);
        }
        // What an operator reaches depends on it, so that it asks for no less than changing the operator does.
        if let Err(error) = &self.may_write {
            return Ok(Outcome::Refused(error.clone()));
        }
        let outcome = if before.is_some() { Outcome::Updated } else { Outcome::Created };
        let environment = Environment { updated_at: self.now, ..environment };
        environments::put(tx, &environment)?;
        self.environments.insert(environment.environment_id, environment);
        Ok(outcome)
    }

    pub(super) fn take_bot(&mut self, tx: &Tx<'_>, record: &BotRecord) -> Result<Outcome> {
        let refused = |text: &str| Ok(Outcome::Refused(Error::field(&["environment_id"], text)));
        let before = self.bots.get(&record.bot_id);
        let bot = Bot {
            bot_id: record.bot_id,
            environment_id: record.environment_id,
            name: record.name.trim().to_owned(),
            image_url: record.image_url.clone(),
            is_active: record.is_active,
            created_at: before.map_or(self.now, |before| before.created_at),
            updated_at: before.map_or(self.now, |before| before.updated_at),
        };
        if before == Some(&bot) {
            return Ok(Outcome::Unchanged);
        }
        if let Err(error) = &self.may_write {
            return Ok(Outcome::Refused(error.clone()));
        }
        // Who reaches the bot reaches its environment; a bot that moved would be reached without.
        if before.is_some_and(|before| before.environment_id != record.environment_id) {
            return refused("The bot lives in another environment, and stays there");
        }
        if !self.environments.contains_key(&record.environment_id) {
            return refused("There is no such environment; it has to come before its bots");
        }
        let outcome = if before.is_some() { Outcome::Updated } else { Outcome::Created };
        let bot = Bot { updated_at: self.now, ..bot };
        bots::put(tx, &bot)?;
        self.bots.insert(bot.bot_id, bot);
        Ok(outcome)
    }
}
