//! POST `/user/signin_with_api_key` (contract section 4.1).

use super::wire::SignInWithApiKeyResponse;
use crate::kernel::{Call, Problem, QueryReader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let mut headers = QueryReader::new(&call);
    let secret = headers.required_header("x-api-key");
    let key_id = headers.required_header("x-api-key-id");
    let user_id = headers.required_header("x-user-id");
    let (secret, key_id, user_id) = headers.finish((secret, key_id, user_id))?;
    let issued =
        call.directory().sign_in_with_key(call.path("organization"), &secret, &key_id, &user_id).await?;
    Ok(Reply::json(200, &SignInWithApiKeyResponse { id_token: issued.token, expires_at: issued.expires_at }))
}
