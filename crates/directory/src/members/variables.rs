//! A member's variables.

use std::collections::BTreeSet;

use denizen_domain::member::{Directory as UserDirectory, MAX_VARIABLES, Variables};
use denizen_store::users::{self, User};

use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;

/// Which variables to set and to delete. Deletions come first, so a variable can change its kind.
#[derive(Debug, Clone, Default)]
pub struct VariableChanges {
    /// Name, value, and whether the value is secret; a later entry of the same name wins.
    pub upserts: Vec<(String, String, bool)>,
    pub deletes: BTreeSet<String>,
}

impl Directory {
    /// Changes a member's variables (contract section 5.10): permission `User:UpdateUserInfo` on the member. Either
    /// all of it happens or nothing.
    ///
    /// # Errors
    /// [`ErrorCode::VariableNotFound`] for a variable to delete that does not exist; [`ErrorCode::LimitReached`] above
    /// [`MAX_VARIABLES`] of one kind.
    pub async fn modify_variables(
        &self,
        ctx: &OpContext,
        user_id: String,
        changes: VariableChanges,
    ) -> Result<()> {
        ctx.require_self()?;
        let op = ctx.clone();
        self.write(ctx.org(), move |tx| {
            let mut target = op.member_to_update(tx, &user_id)?;
            change(&mut target, &changes)?;
            Ok(users::update(tx, UserDirectory::Members, &target, false, op.now)?)
        })
        .await
    }
}

fn change(target: &mut User, changes: &VariableChanges) -> Result<()> {
    for name in &changes.deletes {
        let was_open = target.open_variables.remove(name).is_some();
        if target.secret_variables.remove(name).is_none() && !was_open {
            let text = format!("The variable {name} does not exist");
            return Err(Error::with_text(ErrorCode::VariableNotFound, text));
        }
    }
    for (name, value, is_secret) in &changes.upserts {
        // A name stands for one value: setting it secret takes the open one away, and the other way round.
        target.open_variables.remove(name);
        target.secret_variables.remove(name);
        let kind: &mut Variables =
            if *is_secret { &mut target.secret_variables } else { &mut target.open_variables };
        kind.insert(name.clone(), value.clone());
    }
    for (kind, name) in [(&target.open_variables, "nonsensitive"), (&target.secret_variables, "sensitive")] {
        if kind.len() > MAX_VARIABLES {
            let text = format!("A user can have at most {MAX_VARIABLES} {name} variables");
            return Err(Error::with_text(ErrorCode::LimitReached, text));
        }
    }
    Ok(())
}
