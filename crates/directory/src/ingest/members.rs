//! The members of a batch: who is there, and what a record about one may change.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::{ObjectId, UserId};
use denizen_domain::member::{Directory as UserDirectory, UserStats};
use denizen_domain::patch::Patch;
use denizen_domain::permission::names;
use denizen_domain::text::Email;
use denizen_store::linked_accounts::{self, LinkedAccount, Provider};
use denizen_store::roles::{self, Role};
use denizen_store::users::{self, NewUser, User};
use denizen_store::{Conn, Tx};

use super::Outcome;
use super::batch::{Item, Terms};
use super::record::{NEW_MEMBERS_ROLE, UserRecord};
use crate::error::{Error, ErrorCode, Result};

pub(super) struct Members<'b> {
    terms: &'b Terms,
    /// The directory of everyone whom the batch names and who was there before it.
    places: BTreeMap<UserId, UserDirectory>,
    created: BTreeSet<UserId>,
    /// Those about whom there are records of their own.
    known: BTreeMap<UserId, Known>,
    /// By the key of the address.
    addresses: BTreeMap<String, UserId>,
    accounts: BTreeMap<(Option<String>, String), UserId>,
    roles: Vec<Role>,
    /// Whether whoever sends the records stands above a role.
    stands_above: BTreeMap<ObjectId, bool>,
}

/// A member as the batch has left it so far.
#[derive(Clone, PartialEq)]
struct Known {
    user: User,
    additional_context: Vec<String>,
    account: Option<LinkedAccount>,
}

/// What a record makes of a member who is there.
struct Change {
    before: Known,
    after: Known,
}

impl<'b> Members<'b> {
    pub(super) fn read(
        conn: &Conn<'_>,
        terms: &'b Terms,
        items: &[Item],
        places: BTreeMap<UserId, UserDirectory>,
    ) -> Result<Self> {
        let mut members = Self {
            terms,
            places,
            created: BTreeSet::new(),
            known: BTreeMap::new(),
            addresses: BTreeMap::new(),
            accounts: BTreeMap::new(),
            roles: Vec::new(),
            stands_above: BTreeMap::new(),
        };
        let records = || items.iter().filter_map(Item::as_user);
        let ids: Vec<UserId> =
            records().map(|record| record.user_id).collect::<BTreeSet<_>>().into_iter().collect();
        if ids.is_empty() {
            return Ok(members);
        }
        members.roles = roles::list(conn)?;
        let addresses: Vec<&str> =
            records().map(|record| record.email.key()).collect::<BTreeSet<_>>().into_iter().collect();
        members.addresses = users::find_owners(conn, UserDirectory::Members, &addresses)?;
        for users::Known { user, additional_context } in users::find_many(conn, UserDirectory::Members, &ids)?
        {
            members.known.insert(user.user_id, Known { user, additional_context, account: None });
        }
        members.read_accounts(conn, records())?;
        Ok(members)
    }

    /// Most records say nothing of accounts, and then none are read.
    fn read_accounts<'r>(
        &mut self,
        conn: &Conn<'_>,
        records: impl Iterator<Item = &'r UserRecord>,
    ) -> Result<()> {
        let mut users = BTreeSet::new();
        let mut wanted = BTreeMap::new();
        for record in records {
            if record.google_account != Patch::Keep {
                users.insert(record.user_id);
            }
            if let Patch::Set(account) = &record.google_account {
                wanted.insert(key_of(account), account);
            }
        }
        if users.is_empty() {
            return Ok(());
        }
        let users: Vec<UserId> = users.into_iter().collect();
        for (user, account) in linked_accounts::find_many(conn, Provider::Google, &users)? {
            self.accounts.insert(key_of(&account), user);
            if let Some(known) = self.known.get_mut(&user) {
                known.account = Some(account);
            }
        }
        let wanted: Vec<&LinkedAccount> = wanted.into_values().collect();
        if !wanted.is_empty() {
            for (user, account) in linked_accounts::find_owners(conn, Provider::Google, &wanted)? {
                self.accounts.insert(key_of(&account), user);
            }
        }
        Ok(())
    }

    /// Whether there is such a member, so far.
    pub(super) fn is_here(&self, user: UserId) -> bool {
        self.created.contains(&user) || self.places.contains_key(&user)
    }

    /// Whether the id is one of another directory.
    pub(super) fn is_elsewhere(&self, user: UserId) -> bool {
        self.places.get(&user).is_some_and(|directory| *directory != UserDirectory::Members)
    }

    /// The members whom the batch has added.
    pub(super) fn created(&self) -> &BTreeSet<UserId> {
        &self.created
    }

    pub(super) fn take(&mut self, tx: &Tx<'_>, record: &UserRecord) -> Result<Outcome> {
        let before = self.known.get(&record.user_id).cloned();
        let role_id = match self.role_of(record, before.as_ref()) {
            Ok(role_id) => role_id,
            Err(error) => return Ok(Outcome::Refused(error)),
        };
        let change = before.map(|before| {
            let mut after = before.clone();
            apply(record, role_id, &mut after);
            Change { before, after }
        });
        if let Err(error) = self.check(record, role_id, change.as_ref()) {
            return Ok(Outcome::Refused(error));
        }
        match change {
            None => self.create(tx, record, role_id),
            Some(change) => self.update(tx, record, change),
        }
    }

    /// The role that the member is to have.
    fn role_of(&self, record: &UserRecord, before: Option<&Known>) -> Result<ObjectId> {
        let name = match (&record.role_name, before) {
            (None, Some(before)) => return Ok(before.user.role_id),
            (None, None) => NEW_MEMBERS_ROLE,
            (Some(name), _) => name,
        };
        let role = self.roles.iter().find(|role| role.name == name);
        role.map(|role| role.role_id).ok_or_else(|| at(ErrorCode::RoleNotFound, "role_name"))
    }

    /// Whether the record may be taken in. What it leaves as it is asks for nothing: a file can be sent again by whoever
    /// may send files at all.
    fn check(&mut self, record: &UserRecord, role_id: ObjectId, change: Option<&Change>) -> Result<()> {
        // But the word "unchanged" would confirm a guess at variables that are never given out.
        let guesses = record.secret_variables.is_some();
        if change.is_some_and(|change| change.before == change.after) && !guesses {
            return Ok(());
        }
        let present = change.map(|change| change.before.user.role_id);
        if present != Some(role_id) && !self.stands_above(role_id) {
            let text = "The authenticated user needs greater privileges than the role";
            return Err(Error::with_text(ErrorCode::Forbidden, text));
        }
        if present.is_some_and(|present| !self.stands_above(present)) {
            let text = "The authenticated user needs greater privileges than the user's present role";
            return Err(Error::with_text(ErrorCode::Forbidden, text));
        }
        let links = match change {
            Some(Change { before, after }) => before.account != after.account,
            None => matches!(record.google_account, Patch::Set(_)),
        };
        let in_account = |mut error: Error| {
            error.field = vec!["google_account".to_owned()];
            error
        };
        if links {
            self.terms.by.require(&names::DIRECTORY_LINK_ACCOUNT).map_err(in_account)?;
        }
        if links && matches!(record.google_account, Patch::Set(_)) {
            self.terms.accounts.clone().map_err(in_account)?;
        }
        let is_others = |owner: Option<&UserId>| owner.is_some_and(|owner| *owner != record.user_id);
        if is_others(self.addresses.get(record.email.key())) {
            return Err(at(ErrorCode::EmailTaken, "email"));
        }
        if let Patch::Set(account) = &record.google_account
            && is_others(self.accounts.get(&key_of(account)))
        {
            return Err(at(ErrorCode::AccountTaken, "google_account"));
        }
        Ok(())
    }

    fn stands_above(&mut self, role_id: ObjectId) -> bool {
        let (roles, by) = (&self.roles, &self.terms.by);
        *self.stands_above.entry(role_id).or_insert_with(|| {
            roles.iter().find(|role| role.role_id == role_id).is_some_and(|role| by.stands_above(role))
        })
    }

    fn create(&mut self, tx: &Tx<'_>, record: &UserRecord, role_id: ObjectId) -> Result<Outcome> {
        let (now, profile) = (self.terms.now, &self.terms.by.organization.profile);
        let new = NewUser {
            directory: UserDirectory::Members,
            user_id: record.user_id,
            email: record.email.clone(),
            first_name: record.first_name.clone(),
            last_name: record.last_name.clone(),
            role_id,
            is_verified: record.is_verified.unwrap_or(false),
            preferences: record
                .preferences
                .clone()
                .or_else(|| profile.default_preferences.clone())
                .unwrap_or_default(),
            open_variables: record.open_variables.clone().unwrap_or_default(),
            secret_variables: record.secret_variables.clone().unwrap_or_default(),
        };
        let additional_context = record.additional_context.clone().unwrap_or_default();
        let created_at = record.created_at.unwrap_or(now);
        users::import(tx, &new, &additional_context, created_at, now)?;
        let account = match &record.google_account {
            Patch::Set(account) => Some(account.clone()),
            Patch::Keep | Patch::Clear => None,
        };
        self.link(tx, record.user_id, None, account.as_ref())?;
        self.addresses.insert(record.email.key().to_owned(), record.user_id);
        self.created.insert(record.user_id);
        let user = User {
            // What an update of a user does not look at.
            position: users::Position::START,
            stats: UserStats::default(),
            created_api_key: false,
            user_id: new.user_id,
            email: new.email.as_str().to_owned(),
            first_name: new.first_name,
            last_name: new.last_name,
            role_id,
            is_verified: new.is_verified,
            preferences: new.preferences,
            open_variables: new.open_variables,
            secret_variables: new.secret_variables,
            created_at,
        };
        self.known.insert(record.user_id, Known { user, additional_context, account });
        Ok(Outcome::Created)
    }

    fn update(&mut self, tx: &Tx<'_>, record: &UserRecord, change: Change) -> Result<Outcome> {
        let Change { before, after } = change;
        if after == before {
            return Ok(Outcome::Unchanged);
        }
        let now = self.terms.now;
        if after.user != before.user {
            let (old, new) = (&before.user, &after.user);
            let renamed = (&old.first_name, &old.last_name, &old.email)
                != (&new.first_name, &new.last_name, &new.email);
            users::update(tx, UserDirectory::Members, new, renamed, now)?;
            self.addresses.remove(&Email::key_of(&old.email));
            self.addresses.insert(record.email.key().to_owned(), record.user_id);
        }
        if after.additional_context != before.additional_context {
            users::set_additional_context(tx, record.user_id, &after.additional_context, now)?;
        }
        self.link(tx, record.user_id, before.account.as_ref(), after.account.as_ref())?;
        self.known.insert(record.user_id, after);
        Ok(Outcome::Updated)
    }

    fn link(
        &mut self,
        tx: &Tx<'_>,
        user: UserId,
        before: Option<&LinkedAccount>,
        after: Option<&LinkedAccount>,
    ) -> Result<()> {
        if before == after {
            return Ok(());
        }
        if let Some(before) = before {
            self.accounts.remove(&key_of(before));
        }
        match after {
            Some(after) => {
                self.accounts.insert(key_of(after), user);
                linked_accounts::put(tx, user, after, self.terms.now)?;
            }
            None => drop(linked_accounts::unlink(tx, user, Provider::Google)?),
        }
        Ok(())
    }
}

fn apply(record: &UserRecord, role_id: ObjectId, known: &mut Known) {
    let Known { user, additional_context, account } = known;
    record.email.as_str().clone_into(&mut user.email);
    user.first_name.clone_from(&record.first_name);
    user.last_name.clone_from(&record.last_name);
    user.role_id = role_id;
    user.is_verified = record.is_verified.unwrap_or(user.is_verified);
    if let Some(preferences) = &record.preferences {
        user.preferences.clone_from(preferences);
    }
    // A name stands for one value: what comes as one kind is not of the other any more.
    if let Some(open) = &record.open_variables {
        user.secret_variables.retain(|name, _| !open.contains_key(name));
        user.open_variables.clone_from(open);
    }
    if let Some(secret) = &record.secret_variables {
        user.open_variables.retain(|name, _| !secret.contains_key(name));
        user.secret_variables.clone_from(secret);
    }
    if let Some(context) = &record.additional_context {
        additional_context.clone_from(context);
    }
    user.created_at = record.created_at.unwrap_or(user.created_at);
    record.google_account.clone().apply(account);
}

/// What an account is unique by.
fn key_of(account: &LinkedAccount) -> (Option<String>, String) {
    (account.tenant.clone(), account.account_id.clone())
}

/// An error about a field.
pub(super) fn at(code: ErrorCode, field: &str) -> Error {
    let mut error = Error::new(code);
    error.field = vec![field.to_owned()];
    error
}
