//! Making, changing and deleting operators.

use std::sync::Arc;

use denizen_domain::ids::{ObjectId, OrgKey, UserId, Uuid};
use denizen_domain::operator::{MAX_OPERATOR_LINE, MailLanguage};
use denizen_domain::patch::Patch;
use denizen_domain::permission::names;
use denizen_domain::text::{Email, stripped};
use denizen_domain::time::Timestamp;
use denizen_store::{Conn, Tx, operator_links, operators};

use super::mail::enqueue_mail;
use super::read::view;
use super::{
    AccessInput, EnvironmentInput, NewOperator, Operator, OperatorChange, OperatorView, Registry, Welcome,
};
use crate::context::OpContext;
use crate::erasing::{ErasureJobs, erase_operator};
use crate::error::{Error, ErrorCode, Result};
use crate::handle::{Directory, DirectorySettings};
use crate::passwords::Lane;

/// A text on which nothing more has to be looked at.
fn line(field: &str, text: &str) -> Result<String> {
    stripped(text, MAX_OPERATOR_LINE).map_err(|error| Error::field(&[field], error.to_string()))
}

fn email(text: &str) -> Result<Email> {
    Email::parse(text).map_err(|error| Error::field(&["email"], error.to_string()))
}

/// A blank company is none.
fn company(text: &str) -> Result<Option<String>> {
    if text.trim().is_empty() { Ok(None) } else { line("company", text).map(Some) }
}

fn check_image(image: &str, settings: &DirectorySettings) -> Result<()> {
    let most = settings.operator_image_bytes;
    if image.len() > most {
        return Err(Error::field(&["image"], format!("must have at most {most} bytes")));
    }
    if image.contains('\0') {
        return Err(Error::field(&["image"], "must not contain a NUL character"));
    }
    Ok(())
}

/// A new operator of whom only what the store knows is not looked at yet.
struct Draft {
    user_id: UserId,
    name: String,
    email: Email,
    company: Option<String>,
    image: Option<String>,
    access: AccessInput,
}

impl Draft {
    fn new(user_id: UserId, new: NewOperator, settings: &DirectorySettings) -> Result<Self> {
        let NewOperator { name, email: address, company: of, image, access, password: _ } = new;
        image.iter().try_for_each(|image| check_image(image, settings))?;
        Ok(Self {
            user_id,
            name: line("name", &name)?,
            email: email(&address)?,
            company: of.as_deref().map(company).transpose()?.flatten(),
            image,
            access,
        })
    }

    /// The operator that it comes to, if the store admits it.
    fn check(&self, conn: &Conn<'_>, now: Timestamp) -> Result<Operator> {
        let access = Registry::read_for(conn, &self.access)?.check(&self.access)?;
        check_free(conn, &self.email)?;
        Ok(Operator {
            user_id: self.user_id,
            email: self.email.as_str().to_owned(),
            name: self.name.clone(),
            company: self.company.clone(),
            image: self.image.clone(),
            access,
            created_at: now,
        })
    }
}

fn check_free(conn: &Conn<'_>, email: &Email) -> Result<()> {
    if operators::find_taken(conn, &[email.key()])?.is_empty() {
        Ok(())
    } else {
        Err(ErrorCode::EmailTaken.into())
    }
}

/// A change of which only what the store knows is not looked at yet.
struct Edit {
    user: UserId,
    name: String,
    email: Email,
    company: Patch<String>,
    image: Patch<String>,
    is_admin: Option<bool>,
    environments: Option<Vec<EnvironmentInput>>,
}

impl Edit {
    fn new(user: UserId, change: OperatorChange, settings: &DirectorySettings) -> Result<Self> {
        let OperatorChange { name, email: address, company: of, image, is_admin, environments, password: _ } =
            change;
        if let Patch::Set(image) = &image {
            check_image(image, settings)?;
        }
        let company = match of {
            Patch::Set(text) => company(&text)?.map_or(Patch::Clear, Patch::Set),
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
        };
        Ok(Self {
            user,
            name: line("name", &name)?,
            email: email(&address)?,
            company,
            image,
            is_admin,
            environments,
        })
    }

    /// The operator before and after, if the store admits it.
    fn check(&self, conn: &Conn<'_>) -> Result<(Operator, Operator)> {
        let before = operators::find(conn, self.user)?.ok_or(ErrorCode::UserNotFound)?;
        let was_admin = before.access.is_administrator();
        let is_admin = self.is_admin.unwrap_or(was_admin);
        let mut after = before.clone();
        // Who stays no administrator and is given nothing else keeps what may be inactive now.
        if is_admin || was_admin || self.environments.is_some() {
            let environments = self.environments.clone().unwrap_or_default();
            let input = AccessInput { is_admin, environments };
            after.access = Registry::read_for(conn, &input)?.check(&input)?;
        }
        if self.email.key() != Email::key_of(&before.email) {
            check_free(conn, &self.email)?;
        }
        after.name.clone_from(&self.name);
        self.email.as_str().clone_into(&mut after.email);
        self.company.clone().apply(&mut after.company);
        self.image.clone().apply(&mut after.image);
        Ok((before, after))
    }
}

/// Adds operators, each with the hash of the password if there is one, and has them written to in a language, each by the
/// job of the same place.
///
/// What they reach was checked and their addresses were found to be free in this transaction.
pub(crate) fn insert_checked(
    tx: &Tx<'_>,
    operators: &[(Operator, Option<String>)],
    mails: Option<(MailLanguage, &[ObjectId])>,
    now: Timestamp,
) -> Result<()> {
    operators::insert(tx, operators)?;
    let Some((language, jobs)) = mails else { return Ok(()) };
    for ((operator, hash), job) in operators.iter().zip(jobs) {
        enqueue_mail(tx, *job, operator.user_id, language, hash.is_none(), now)?;
    }
    Ok(())
}

/// Whoever reads the mails of an address that turned out to be another's must not open the account with the link there. The
/// operator, who has no password as long as there is a link, is sent one to the new address; `true` when that is so.
fn invite_elsewhere(tx: &Tx<'_>, job: ObjectId, user: UserId, now: Timestamp) -> Result<bool> {
    let Some(link) = operator_links::find_last_of(tx, user)? else { return Ok(false) };
    operator_links::delete_of(tx, user)?;
    enqueue_mail(tx, job, user, link.language, true, now)?;
    Ok(true)
}

impl Directory {
    /// Makes an operator: permission `Directory:WriteOperator`. The mail is a job of the same transaction.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`]; [`ErrorCode::InvalidField`]; [`ErrorCode::EmailTaken`]; [`ErrorCode::Busy`] when too many
    /// passwords are waiting to be hashed.
    pub async fn create_operator(
        &self,
        ctx: &OpContext,
        new: NewOperator,
        welcome: Welcome,
    ) -> Result<OperatorView> {
        ctx.require(&names::DIRECTORY_WRITE_OPERATOR)?;
        let actor = Some(ctx.session.user_id);
        self.create_operator_in(ctx.org(), actor, new, welcome, ctx.now).await
    }

    /// As [`Directory::create_operator`], on behalf of `actor`, or of nobody.
    pub(super) async fn create_operator_in(
        &self,
        org: OrgKey,
        actor: Option<UserId>,
        mut new: NewOperator,
        welcome: Welcome,
        now: Timestamp,
    ) -> Result<OperatorView> {
        let environment = self.environment();
        let user_id = UserId::from_uuid(environment.ordered_uuid(now));
        let job = environment.object_id(now);
        let password = new.password.take();
        let draft = Arc::new(Draft::new(user_id, new, self.settings())?);
        let hash = match password {
            Some(password) => {
                self.check_password(&password)?;
                // Hashing takes as long as many reads: who is refused is refused before.
                let draft = Arc::clone(&draft);
                self.read(org, move |conn| draft.check(conn, now)).await?;
                Some(self.hash_password(password).await?)
            }
            None => None,
        };
        let view = self
            .write(org, move |tx| {
                let operator = draft.check(tx, now)?;
                let made = [(operator, hash.clone())];
                let jobs = [job];
                let mails = match welcome {
                    Welcome::Mail(language) => Some((language, jobs.as_slice())),
                    Welcome::Silent => None,
                };
                insert_checked(tx, &made, mails, now)?;
                let [(operator, _)] = made;
                Ok(view(tx, operator, actor)?)
            })
            .await?;
        if matches!(welcome, Welcome::Mail(_)) {
            self.inner.job_signal.wake();
        }
        Ok(view)
    }

    /// Changes an operator: permission `Directory:WriteOperator`. A link that was mailed to another address is good for nothing
    /// any more, and whoever has not used it yet is written to at the new one.
    ///
    /// # Errors
    /// As [`Directory::create_operator`], and [`ErrorCode::UserNotFound`].
    pub async fn update_operator(
        &self,
        ctx: &OpContext,
        id: Uuid,
        mut change: OperatorChange,
    ) -> Result<OperatorView> {
        ctx.require(&names::DIRECTORY_WRITE_OPERATOR)?;
        let (org, now, actor) = (ctx.org(), ctx.now, Some(ctx.session.user_id));
        let password = change.password.take();
        let edit = Arc::new(Edit::new(UserId::from_uuid(id), change, self.settings())?);
        let hash = match password {
            Some(password) => {
                self.check_password(&password)?;
                // As for a new operator.
                let edit = Arc::clone(&edit);
                self.read(org, move |conn| edit.check(conn)).await?;
                Some(self.hash_password(password).await?)
            }
            None => None,
        };
        let job = self.environment().object_id(now);
        let (view, is_mailed) = self
            .write(org, move |tx| {
                let (before, after) = edit.check(tx)?;
                operators::update(tx, &before, &after, now)?;
                let mut is_mailed = false;
                if let Some(hash) = &hash {
                    operators::set_password(tx, edit.user, hash, true, now)?;
                    operator_links::delete_of(tx, edit.user)?;
                } else if edit.email.key() != Email::key_of(&before.email) {
                    is_mailed = invite_elsewhere(tx, job, edit.user, now)?;
                }
                Ok((view(tx, after, actor)?, is_mailed))
            })
            .await?;
        if is_mailed {
            self.inner.job_signal.wake();
        }
        Ok(view)
    }

    /// Erases an operator: permission `Directory:WriteOperator`. Whoever signed in as it is refused from now on.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], for the own account too; [`ErrorCode::UserNotFound`].
    pub async fn delete_operator(&self, ctx: &OpContext, id: Uuid) -> Result<()> {
        ctx.require(&names::DIRECTORY_WRITE_OPERATOR)?;
        let (org, now, user) = (ctx.org(), ctx.now, UserId::from_uuid(id));
        if user == ctx.session.user_id {
            return Err(Error::with_text(ErrorCode::Forbidden, "Nobody can delete the own account"));
        }
        let jobs = ErasureJobs::new(self, now);
        self.write(org, move |tx| {
            operators::find(tx, user)?.ok_or(ErrorCode::UserNotFound)?;
            erase_operator(tx, user, &jobs, now)
        })
        .await?;
        self.inner.job_signal.wake();
        Ok(())
    }

    /// The hash of a password that somebody waits for.
    pub(super) async fn hash_password(&self, password: String) -> Result<String> {
        self.inner.passwords.hash(password, Lane::Prompt).await
    }

    /// Whether a password may be set.
    pub(super) fn check_password(&self, password: &str) -> Result<()> {
        let policy = &self.inner.settings.password_policy;
        if policy.admits(password) { Ok(()) } else { Err(Error::field(&["password"], policy.to_string())) }
    }
}
