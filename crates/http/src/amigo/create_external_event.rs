//! POST `/user/{user_id}/external_event` (contract section 5.12).

use denizen_directory::external_events::{MAX_DESCRIPTION, MAX_TYPE, NewEvent};

use super::caller::authenticate;
use super::input;
use super::wire::CreateExternalEventResponse;
use crate::kernel::{Call, FieldProblem, Problem, Reader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let event = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    let user_id = call.path("user_id").to_owned();
    let event_id = call.directory().create_external_event(&ctx, user_id, event).await?;
    Ok(Reply::json(201, &CreateExternalEventResponse { external_event_id: event_id.to_string() }))
}

fn read(call: &Call) -> Result<NewEvent, Problem> {
    let longest = call.app().settings.transcript_bytes;
    let mut body = Reader::body(call)?;
    let event_type = body.required_text("type", MAX_TYPE);
    let starts_at = body.required_custom("starts_at", |value| input::date_time(&value));
    let ends_at = body.required_custom("ends_at", |value| input::date_time(&value));
    let description = body.required_text("description", MAX_DESCRIPTION);
    let transcript = body.custom("transcript", |value| input::long_text(value, longest));
    let times = starts_at.zip(ends_at);
    if times.is_some_and(|(starts_at, ends_at)| ends_at < starts_at) {
        body.problem("ends_at", FieldProblem::value_error("must not be before starts_at"));
    }
    body.finish_some(times.map(|(starts_at, ends_at)| NewEvent {
        event_type,
        starts_at,
        ends_at,
        description,
        transcript,
    }))
}
