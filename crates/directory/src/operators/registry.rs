//! Reading which environments and bots there are. They come as records, which [`crate::ingest`] takes in.

use denizen_domain::ids::Uuid;
use denizen_domain::permission::names;
use denizen_store::{bots, environments};

pub use denizen_store::bots::Bot;
pub use denizen_store::environments::Environment;

use crate::context::OpContext;
use crate::error::{ErrorCode, Result};
use crate::handle::Directory;

impl Directory {
    /// Up to `limit` environments, active or not, whose ids are greater than `after`, in the order of the ids, and whether there
    /// are more: permission `Directory:ReadOperator`.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub async fn list_environments(
        &self,
        ctx: &OpContext,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<(Vec<Environment>, bool)> {
        ctx.require(&names::DIRECTORY_READ_OPERATOR)?;
        let listed =
            self.query_recent(ctx.org(), move |conn| environments::list(conn, after, limit + 1)).await?;
        Ok(cut(listed, limit))
    }

    /// Up to `limit` bots, active or not, of one environment or of all, whose ids are greater than `after`, in the order of
    /// the ids, and whether there are more: permission `Directory:ReadOperator`.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`]; [`ErrorCode::EnvironmentNotFound`].
    pub async fn list_bots(
        &self,
        ctx: &OpContext,
        environment: Option<Uuid>,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<(Vec<Bot>, bool)> {
        ctx.require(&names::DIRECTORY_READ_OPERATOR)?;
        let listed = self
            .read_recent(ctx.org(), move |conn| {
                if let Some(environment) = environment
                    && environments::find_many(conn, &[environment])?.is_empty()
                {
                    return Err(ErrorCode::EnvironmentNotFound.into());
                }
                Ok(bots::list(conn, environment, after, limit + 1)?)
            })
            .await?;
        Ok(cut(listed, limit))
    }
}

/// The list without what was read only to know whether there is more.
fn cut<T>(mut listed: Vec<T>, limit: usize) -> (Vec<T>, bool) {
    let has_more = listed.len() > limit;
    listed.truncate(limit);
    (listed, has_more)
}
