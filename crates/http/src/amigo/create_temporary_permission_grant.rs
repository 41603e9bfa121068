//! POST `/role/temporary_permission_grant/` (contract section 6).

use denizen_directory::temporary_grants::{MAX_DAYS, NewTemporaryGrant};
use denizen_domain::text::{MAX_LINE, stripped};
use denizen_domain::time::Timestamp;
use serde_json::Value;

use super::caller::authenticate;
use super::input;
use super::wire::CreateTemporaryPermissionGrantResponse;
use crate::kernel::{Call, FieldProblem, Problem, Reader, Reply};

const LEAST_JUSTIFICATION: usize = 10;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let new = read(&call)?;
    let ctx = authenticated.context(&call).await?;
    let created = call.directory().create_temporary_grant(&ctx, new).await?;
    let answer = CreateTemporaryPermissionGrantResponse {
        temporary_permission_grant_id: created.grant_id.to_string(),
        expires_at: created.expires_at,
    };
    Ok(Reply::json(201, &answer))
}

fn read(call: &Call) -> Result<NewTemporaryGrant, Problem> {
    let mut body = Reader::body(call)?;
    let user_id = body.required_raw_text("user_id", MAX_LINE);
    let (second, day) = (Timestamp::MICROS_PER_SECOND, Timestamp::MICROS_PER_DAY);
    let bounds = format!("1 second to {MAX_DAYS} days");
    let life = body
        .required_custom("duration", |value| input::duration_micros(&value, second, MAX_DAYS * day, &bounds));
    let grant = body.required_custom("permission_grant", |value| input::grant(value, &mut 0));
    let tags = body.required_custom("tags", input::tags).unwrap_or_default();
    let justification = body.required_custom("justification", |value| justification(&value));
    let justification = justification.unwrap_or_default();
    body.finish_some(grant.zip(life).map(|(grant, life_micros)| NewTemporaryGrant {
        user_id,
        grant,
        life_micros,
        justification,
        tags,
    }))
}

fn justification(value: &Value) -> Result<String, FieldProblem> {
    let text = stripped(value.as_str().ok_or_else(FieldProblem::string_type)?, MAX_LINE)?;
    if text.chars().count() < LEAST_JUSTIFICATION {
        return Err(FieldProblem::string_too_short(LEAST_JUSTIFICATION));
    }
    Ok(text)
}
