//! PUT `/org/{orgUUID}/users/configuration`: sets a value of the calling user's (contract section 9, O8). The organization in
//! the path is not used.

use serde_json::Number;

use super::caller::authenticate;
use super::wire::{ConfigurationInput, ConfigurationText};
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

/// Up to here a number that is not written as a whole one of 64 bits is what was sent.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let sent: ConfigurationInput = input::json(&call)?;
    let value = match sent.value {
        ConfigurationText::Text(text) => text,
        ConfigurationText::Truth(truth) => truth.to_string(),
        ConfigurationText::Number(number) => text_of(&number).ok_or_else(|| {
            input::refused(["body", "value"], "is too large for a number: send it as a text")
        })?,
    };
    let bot = input::bot([sent.bot.as_deref(), sent.bot_uuid.as_deref()]);
    let value = call.directory().set_configuration_value(&ctx, &sent.key, &value, bot).await?;
    Ok(Reply::json(200, &render::configuration(value)))
}

/// `None` for a number that was rounded when it was read: what was sent is not known any more.
fn text_of(number: &Number) -> Option<String> {
    let is_exact = !number.is_f64() || number.as_f64().is_some_and(|value| value.abs() < EXACT);
    is_exact.then(|| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_as_it_is_written_or_not_at_all() {
        for (sent, kept) in [
            ("0", Some("0")),
            ("-7", Some("-7")),
            ("1.5", Some("1.5")),
            ("0.1", Some("0.1")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("18446744073709551616", None),
            ("1e300", None),
        ] {
            assert_eq!(text_of(&serde_json::from_str(sent).unwrap()).as_deref(), kept, "{sent}");
        }
    }
}
