//! POST `/organization/api_key/` (contract section 7).

use denizen_directory::api_keys::MAX_KEY_DAYS;
use denizen_domain::text::{MAX_LINE, stripped};
use denizen_domain::time::Timestamp;

use super::caller::authenticate;
use super::input;
use super::wire::CreateApiKeyResponse;
use crate::kernel::{Call, FieldProblem, Problem, Reader, Reply};

const DEFAULT_ROLE: &str = "DefaultAdministratorRole";

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut body = Reader::body(&call)?;
    // The key must be there; its value may be null.
    let name = body.required_custom("name", |value| match value {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(stripped(&text, MAX_LINE)?)),
        _ => Err(FieldProblem::string_type()),
    });
    let day = Timestamp::MICROS_PER_DAY;
    let bounds = format!("1 to {MAX_KEY_DAYS} days");
    let life = body.required_custom("duration", |value| {
        input::duration_micros(&value, day, MAX_KEY_DAYS * day, &bounds)
    });
    let role_name = body.optional_raw_text("role_name", MAX_LINE).unwrap_or_else(|| DEFAULT_ROLE.to_owned());
    let (name, life) = body.finish_some(name.zip(life))?;
    let ctx = authenticated.context(&call).await?;
    let key = call.directory().create_api_key(&ctx, name, role_name, life).await?;
    let answer = CreateApiKeyResponse {
        api_key_id: key.key_id.to_string(),
        api_key: key.secret,
        expires_at: key.expires_at,
    };
    Ok(Reply::json(201, &answer))
}
