//! Values that programs keep for the operator who calls (contract section 9).

use crate::context::OpContext;
use crate::error::Result;
use crate::handle::Directory;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationValue {
    pub key: String,
    pub value: String,
    /// The bot that it is for; `None` where it is for none in particular.
    pub bot: Option<denizen_domain::ids::Uuid>,
}

impl Directory {
    /// The caller's value for a bot, or the one for none in particular where there is none for the bot.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidField`] for a blank key; [`crate::ErrorCode::ConfigurationNotFound`].
    pub async fn configuration_value(
        &self,
        ctx: &OpContext,
        key: &str,
        bot: Option<&str>,
    ) -> Result<ConfigurationValue> {
        todo!()
    }

    /// Sets a value of the caller's.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidField`] for a blank key, a key or value that is too long, or a bot that is not there;
    /// [`crate::ErrorCode::LimitReached`].
    pub async fn set_configuration_value(
        &self,
        ctx: &OpContext,
        key: &str,
        value: &str,
        bot: Option<&str>,
    ) -> Result<ConfigurationValue> {
        todo!()
    }
}
