//! PUT `/org/{orgUUID}/users/{userUUID}` (contract section 8).

use denizen_directory::operators::OperatorChange;

use super::caller::{Doing, administrator};
use super::wire::UserInput;
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = administrator(&call, Doing::Writing).await?;
    let id = input::user_id(&call)?;
    let mut user: UserInput = input::json(&call)?;
    let change = OperatorChange {
        password: input::password(&mut user)?,
        environments: input::environments(&mut user)?,
        is_admin: user.admin,
        name: user.name,
        email: user.email,
        company: user.company.0,
        image: user.image.0,
    };
    let view = call.directory().update_operator(&ctx, id, change).await?;
    Ok(Reply::json(200, &render::user(&ctx, &view)))
}
