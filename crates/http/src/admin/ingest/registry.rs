//! Lines about environments and bots: from what stands on the wire to records of the rules.

use denizen_directory::ingest::{BotRecord, EnvironmentRecord, Record};

use crate::admin::wire::registry as wire;

pub(super) fn environment(record: wire::EnvironmentRecord) -> Record {
    Record::Environment(EnvironmentRecord {
        environment_id: record.environment_id.0,
        name: record.name,
        is_active: record.is_active.unwrap_or(true),
    })
}

pub(super) fn bot(record: wire::BotRecord) -> Record {
    Record::Bot(BotRecord {
        bot_id: record.bot_id.0,
        environment_id: record.environment_id.0,
        name: record.name,
        image_url: record.image_url,
        is_active: record.is_active.unwrap_or(true),
    })
}
