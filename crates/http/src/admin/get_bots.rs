//! GET `/bots`.

use denizen_directory::operators::Bot as Found;

use super::MOST_PLACES;
use super::get_environments::{SOME, guid};
use super::wire::registry::{Bot, Bots};
use crate::kernel::caller::authenticate;
use crate::kernel::{Call, Problem, QueryReader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut query = QueryReader::new(&call);
    let environment = query.custom("environment_id", guid);
    let after = query.custom("after", guid);
    let limit = query.int("limit", SOME, 1, MOST_PLACES);
    let (environment, after, limit) = query.finish((environment, after, limit))?;
    let ctx = authenticated.context(&call).await?;
    let limit = usize::try_from(limit).unwrap_or_default();
    let (found, has_more) = call.directory().list_bots(&ctx, environment, after, limit).await?;
    let rendered = |found: Found| Bot {
        bot_id: found.bot_id.to_string(),
        environment_id: found.environment_id.to_string(),
        name: found.name,
        image_url: found.image_url,
        is_active: found.is_active,
        created_at: found.created_at,
        updated_at: found.updated_at,
    };
    Ok(Reply::json(200, &Bots { bots: found.into_iter().map(rendered).collect(), has_more }))
}
