//! Values that programs keep for the operator who calls (contract section 9).

use denizen_domain::ids::Uuid;
use denizen_domain::operator::{MAX_CONFIGURATION_KEY, MAX_CONFIGURATION_VALUE, MAX_CONFIGURATION_VALUES};
use denizen_domain::text::bounded;
use denizen_store::{Conn, operator_configuration, operators};

use super::Registry;
use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationValue {
    pub key: String,
    pub value: String,
    /// The bot that it is for; `None` where it is for none in particular.
    pub bot: Option<Uuid>,
}

/// For what a value is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// For no bot in particular.
    General,
    Bot(Uuid),
    /// For what cannot be a bot.
    Nothing,
}

impl Scope {
    fn of(bot: Option<&str>) -> Self {
        match bot.map(str::trim).filter(|text| !text.is_empty()) {
            None => Self::General,
            Some(text) => Uuid::parse(text).map_or(Self::Nothing, Self::Bot),
        }
    }

    /// The bot, if it is there and it and its environment are active.
    fn bot(self, conn: &Conn<'_>) -> Result<Option<Uuid>> {
        let Self::Bot(id) = self else { return Ok(None) };
        let mut registry = Registry::read(conn, &[], &[id])?;
        let Some(home) = registry.bots.get(&id).map(|bot| bot.environment_id) else { return Ok(None) };
        registry.environments = Registry::read(conn, &[home], &[])?.environments;
        let is_there = registry.environment(home).is_some() && registry.bot(home, id).is_ok();
        Ok(is_there.then_some(id))
    }
}

/// A key that a value can be asked for under.
fn check_key(key: &str) -> Result<()> {
    let problem = |text: String| Error::field(&["key"], text);
    if key.trim().is_empty() {
        return Err(problem("must not be blank".to_owned()));
    }
    bounded(key, MAX_CONFIGURATION_KEY).map(drop).map_err(|error| problem(error.to_string()))
}

fn check_value(value: &str) -> Result<()> {
    if value.len() > MAX_CONFIGURATION_VALUE {
        let text = format!("must have at most {MAX_CONFIGURATION_VALUE} bytes");
        return Err(Error::field(&["value"], text));
    }
    if value.contains('\0') {
        return Err(Error::field(&["value"], "must not contain a NUL character"));
    }
    Ok(())
}

impl Directory {
    /// The caller's value for a bot, or the one for none in particular where there is none for the bot.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidField`] for a key that no value can have; [`ErrorCode::ConfigurationNotFound`].
    pub async fn configuration_value(
        &self,
        ctx: &OpContext,
        key: &str,
        bot: Option<&str>,
    ) -> Result<ConfigurationValue> {
        check_key(key)?;
        let (user, key, scope) = (ctx.session.user_id, key.to_owned(), Scope::of(bot));
        self.read_recent(ctx.org(), move |conn| {
            let found = |value, bot| ConfigurationValue { key: key.clone(), value, bot };
            if let Some(bot) = scope.bot(conn)?
                && let Some(value) = operator_configuration::find(conn, user, &key, Some(bot))?
            {
                return Ok(found(value, Some(bot)));
            }
            let general = operator_configuration::find(conn, user, &key, None)?;
            general.map(|value| found(value, None)).ok_or_else(|| ErrorCode::ConfigurationNotFound.into())
        })
        .await
    }

    /// Sets a value of the caller's.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidField`] for a blank key, a key or value that is too long, or a bot that is not there;
    /// [`ErrorCode::LimitReached`]; [`ErrorCode::UserNotFound`] when the caller is no operator.
    pub async fn set_configuration_value(
        &self,
        ctx: &OpContext,
        key: &str,
        value: &str,
        bot: Option<&str>,
    ) -> Result<ConfigurationValue> {
        check_key(key)?;
        check_value(value)?;
        let (user, now, scope) = (ctx.session.user_id, ctx.now, Scope::of(bot));
        let (key, value) = (key.to_owned(), value.to_owned());
        self.write(ctx.org(), move |tx| {
            operators::find_credentials(tx, user)?.ok_or(ErrorCode::UserNotFound)?;
            let bot = scope.bot(tx)?;
            if bot.is_none() && scope != Scope::General {
                return Err(Error::field(&["bot"], "names a bot that does not exist or is not active"));
            }
            let is_new = operator_configuration::find(tx, user, &key, bot)?.is_none();
            if is_new && operator_configuration::count(tx, user)? >= MAX_CONFIGURATION_VALUES {
                let text = format!("An operator has at most {MAX_CONFIGURATION_VALUES} configuration values");
                return Err(Error::with_text(ErrorCode::LimitReached, text));
            }
            operator_configuration::put(tx, user, &key, bot, &value, now)?;
            Ok(ConfigurationValue { key: key.clone(), value: value.clone(), bot })
        })
        .await
    }
}
