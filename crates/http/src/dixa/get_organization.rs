//! GET `/organization`: the organization of the token (contract section 2, row 20).

use super::caller::authenticate;
use super::wire::{Data, Id, OrganizationDetails};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = authenticate(&call).await?;
    let organization = &ctx.organization;
    let data = OrganizationDetails {
        id: Id(organization.uuid),
        name: organization.profile.name.clone(),
        subdomain: organization.slug.to_string(),
        // One that is not is not there.
        status: "Active",
    };
    Ok(Reply::json(200, &Data { data }))
}
