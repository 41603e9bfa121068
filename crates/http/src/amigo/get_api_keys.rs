//! GET `/organization/api_key/` (contract section 7).

use super::caller::authenticate;
use super::wire::{ApiKey, GetApiKeysResponse, UserReference};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?.context(&call).await?;
    let org_id = ctx.organization.slug.as_str();
    let keys = call.directory().list_api_keys(&ctx).await?.into_iter().map(|listed| ApiKey {
        record_id: listed.key.record_id.to_string(),
        name: listed.key.name,
        org_id: org_id.to_owned(),
        created_at: listed.key.created_at,
        updated_at: listed.key.updated_at,
        key_id: listed.key.key_id.to_string(),
        expires_at: listed.key.expires_at,
        creator: UserReference {
            user_id: listed.key.creator.as_member().to_string(),
            // The creator's organization may have been deleted since.
            org_id: listed.creator_org.map_or_else(String::new, |slug| slug.to_string()),
        },
        role_id: listed.key.role_id.to_string(),
    });
    Ok(Reply::json(200, &GetApiKeysResponse { api_keys: keys.collect() }))
}
