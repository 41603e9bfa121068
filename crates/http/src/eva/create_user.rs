//! POST `/org/{orgUUID}/users` and `/org/{orgUUID}/users/password`: a new user, who sets a password by a link in the mail or
//! is given one (contract section 7).

use denizen_directory::operators::{NewOperator, Welcome};

use super::caller::{Doing, administrator};
use super::wire::{UserInput, UserWithPasswordInput};
use super::{input, render};
use crate::kernel::{Call, Problem, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    create(&call, input::json).await
}

pub(super) async fn with_password(call: Call) -> Result<Reply, Problem> {
    let read = |call: &Call| {
        let UserWithPasswordInput(user) = input::json(call)?;
        if user.password.is_none() {
            return Err(input::refused(["body", "password"], "is missing"));
        }
        Ok(user)
    };
    create(&call, read).await
}

async fn create(
    call: &Call,
    read: impl FnOnce(&Call) -> Result<UserInput, Problem>,
) -> Result<Reply, Problem> {
    let ctx = administrator(call, Doing::Writing).await?;
    let language = input::language(call)?;
    let mut user = read(call)?;
    let new = NewOperator {
        password: input::password(&mut user)?,
        access: input::access(&mut user)?,
        name: user.name,
        email: user.email,
        company: user.company.text(),
        image: user.image.text(),
    };
    let view = call.directory().create_operator(&ctx, new, Welcome::Mail(language)).await?;
    Ok(Reply::json(201, &render::user(&ctx, &view)))
}
