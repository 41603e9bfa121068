//! What can be said of a record by itself: whether its parts are of the form and length that is asked for.

use denizen_domain::member::{MAX_VARIABLES, Preferences, UserDimension, Variables};
use denizen_domain::text::{TextError, bounded, is_audio_keyterm, is_variable_name, stripped};
use denizen_domain::time::Timestamp;

use super::contact_record::{
    check_contact, check_contact_conversation, check_contact_message, check_definition,
};
use super::record::{
    ConversationRecord, ExternalEventRecord, MemoryRecord, MessageRecord, Record, UserModelRecord,
    UserRecord, limits,
};
use super::registry::{check_bot, check_environment};
use crate::error::{Error, Result};
use crate::members::{MAX_ADDITIONAL_CONTEXT, MAX_CONTEXT_LENGTH};

/// The beginning of the year 10000. Times of what users did lie between 1970 and this; 0 stands for "never" in a user's
/// figures.
const END_OF_TIME: i64 = 253_402_300_800 * Timestamp::MICROS_PER_SECOND;

impl Record {
    /// # Errors
    /// [`crate::ErrorCode::InvalidField`] with the field.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::User(record) => user(record),
            Self::Conversation(record) => conversation(record),
            Self::Message(record) => message(record),
            Self::Memory(record) => memory(record),
            Self::UserModel(record) => user_model(record),
            Self::ExternalEvent(record) => external_event(record),
            Self::Contact(record) => check_contact(record),
            Self::AttributeDefinition(record) => check_definition(record),
            Self::ContactConversation(record) => check_contact_conversation(record),
            Self::ContactMessage(record) => check_contact_message(record),
            Self::Environment(record) => check_environment(record),
            Self::Bot(record) => check_bot(record),
        }
    }
}

fn user(record: &UserRecord) -> Result<()> {
    line("first_name", &record.first_name)?;
    line("last_name", &record.last_name)?;
    record.role_name.as_ref().map_or(Ok(()), |name| line("role_name", name))?;
    if let Some(preferences) = &record.preferences {
        check_preferences(preferences)?;
    }
    let (open, secret) = (record.open_variables.as_ref(), record.secret_variables.as_ref());
    if let Some(open) = open {
        variables("nonsensitive_variables", open)?;
    }
    if let Some(secret) = secret {
        variables("sensitive_variables", secret)?;
    }
    if let (Some(open), Some(secret)) = (open, secret)
        && let Some(name) = secret.keys().find(|name| open.contains_key(*name))
    {
        return Err(Error::field(&["sensitive_variables", name], "is also a nonsensitive variable"));
    }
    if let Some(context) = &record.additional_context {
        most("additional_context", context, MAX_ADDITIONAL_CONTEXT)?;
        for entry in context {
            filled("additional_context", entry, MAX_CONTEXT_LENGTH)?;
        }
    }
    record.created_at.map_or(Ok(()), |time| in_time("created_at", time))
}

fn check_preferences(preferences: &Preferences) -> Result<()> {
    let texts =
        [("preferred_language", &preferences.preferred_language), ("timezone", &preferences.timezone)];
    for (field, text) in texts {
        if let Some(text) = text {
            stripped(text, denizen_domain::text::MAX_LINE)
                .map_err(|error| Error::field(&["preferences", field], error.to_string()))?;
        }
    }
    let path = ["preferences", "audio_keyterms"];
    if preferences.audio_keyterms.len() > limits::KEYTERMS {
        return Err(Error::field(&path, too_many(limits::KEYTERMS)));
    }
    if !preferences.audio_keyterms.iter().all(|term| is_audio_keyterm(term)) {
        return Err(Error::field(&path, "must be one to three words of lower-case letters and hyphens"));
    }
    Ok(())
}

fn variables(field: &str, variables: &Variables) -> Result<()> {
    if variables.len() > MAX_VARIABLES {
        return Err(Error::field(&[field], too_many(MAX_VARIABLES)));
    }
    for (name, value) in variables {
        if !is_variable_name(name) {
            let text = "must be lower-case letters, digits and underscores, beginning with no digit, and not user_id";
            return Err(Error::field(&[field, name], text));
        }
        let value = bounded(value, limits::VARIABLE)
            .and_then(|value| if value.is_empty() { Err(TextError::Empty) } else { Ok(value) });
        value.map_err(|error| Error::field(&[field, name], error.to_string()))?;
    }
    Ok(())
}

fn conversation(record: &ConversationRecord) -> Result<()> {
    in_time("started_at", record.started_at)?;
    record.ended_at.map_or(Ok(()), |time| in_time("ended_at", time))?;
    if record.ended_at.is_some_and(|ended_at| ended_at < record.started_at) {
        return Err(Error::field(&["ended_at"], "must not be before started_at"));
    }
    record.title.as_ref().map_or(Ok(()), |title| text("title", title, limits::TITLE))
}

fn message(record: &MessageRecord) -> Result<()> {
    in_time("created_at", record.created_at)?;
    filled("sender", &record.sender, limits::SENDER)?;
    text("content", &record.content, limits::CONTENT)
}

fn memory(record: &MemoryRecord) -> Result<()> {
    in_time("created_at", record.created_at)?;
    most("references", &record.references, limits::REFERENCES)?;
    filled("content", &record.content, limits::CONTENT)?;
    text("context", &record.context, limits::CONTENT)
}

fn user_model(record: &UserModelRecord) -> Result<()> {
    text("content", &record.content, limits::CONTENT)?;
    most("insight_ids", &record.insight_ids, limits::INSIGHTS)?;
    for id in &record.insight_ids {
        filled("insight_ids", id, limits::INSIGHT_ID)?;
    }
    most("dimensions", &record.dimensions, limits::DIMENSIONS)?;
    for UserDimension { description, tags } in &record.dimensions {
        text("dimensions", description, limits::CONTENT)?;
        most("dimensions", tags, limits::TAGS)?;
        for tag in tags {
            text("dimensions", tag, limits::TITLE)?;
        }
    }
    record.created_at.map_or(Ok(()), |time| in_time("created_at", time))
}

fn external_event(record: &ExternalEventRecord) -> Result<()> {
    filled("event_type", &record.event_type, limits::EVENT_TYPE)?;
    filled("description", &record.description, limits::EVENT_DESCRIPTION)?;
    // How long it may be is a setting, and so for whoever reads the record.
    record.transcript.as_ref().map_or(Ok(()), |transcript| text("transcript", transcript, usize::MAX))?;
    if record.ends_at < record.starts_at {
        return Err(Error::field(&["ends_at"], "must not be before starts_at"));
    }
    Ok(())
}

pub(super) fn text(field: &str, value: &str, longest: usize) -> Result<()> {
    bounded(value, longest).map(drop).map_err(|error| Error::field(&[field], error.to_string()))
}

/// A text that is kept as it is, and of which something must be left when its white space is not counted.
pub(super) fn filled(field: &str, value: &str, longest: usize) -> Result<()> {
    stripped(value, longest).map(drop).map_err(|error| Error::field(&[field], error.to_string()))?;
    text(field, value, longest)
}

fn line(field: &str, value: &str) -> Result<()> {
    filled(field, value, limits::TITLE)
}

fn most<T>(field: &str, list: &[T], entries: usize) -> Result<()> {
    if list.len() > entries { Err(Error::field(&[field], too_many(entries))) } else { Ok(()) }
}

pub(super) fn too_many(entries: usize) -> String {
    format!("must have at most {entries} entries")
}

pub(super) fn in_time(field: &str, time: Timestamp) -> Result<()> {
    if (1..END_OF_TIME).contains(&time.0) {
        Ok(())
    } else {
        Err(Error::field(&[field], "must be between the years 1970 and 9999"))
    }
}
