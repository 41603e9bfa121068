//! What a store offers, in plain vectors: every answer is a scan, every order a sort. Slow and obvious.
//!
//! It must not use anything of the store but its types.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use denizen_domain::fold::fold;
use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::member::{Directory, UserStats};
use denizen_domain::permission::model::{Target, allows};
use denizen_domain::permission::{Scalar, names};
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use denizen_store::Value;
use denizen_store::api_keys::ApiKey;
use denizen_store::control::Organization;
use denizen_store::jobs::{Job, JobState, Lease};
use denizen_store::links::{Link, LinkPurpose};
use denizen_store::organizations::OrganizationProfile;
use denizen_store::roles::Role;
use denizen_store::users::{NewUser, Position, SortField, SortKey, User, UserQuery, UserSearch};

use super::steps::{Batch, ORG_ID, Op, Question, Report, Sight, unnumbered, written};

/// Stands where the key of an organization does not matter.
pub(super) const NO_ORG: OrgKey = OrgKey(-1);

/// A constraint does not hold.
#[derive(Debug)]
pub(super) struct Refused;

/// The map, and what each organization holds; also of those that are off the map. Organizations are numbered here: what
/// key each has in a store is the store's affair.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    pub(super) map: Vec<Organization>,
    pub(super) orgs: BTreeMap<OrgKey, Rows>,
}

/// What one organization holds, in the order of creation.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) profile: Option<OrganizationProfile>,
    pub(super) roles: Vec<(Role, Timestamp)>,
    pub(super) people: Vec<Person>,
    pub(super) links: Vec<Link>,
    pub(super) keys: Vec<ApiKey>,
    pub(super) jobs: Vec<KeptJob>,
    tombstones: Vec<UserId>,
    people_ever: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) directory: Directory,
    pub(super) user: User,
    context: Vec<String>,
    /// Folded: it takes long, so it is done once.
    first: String,
    last: String,
    email: String,
}

#[derive(Debug, Clone)]
pub(super) struct KeptJob {
    pub(super) job: Job,
    user: Option<UserId>,
    lease_until: Timestamp,
}

/// Where a page ended: what its last user was sorted by at that time.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    pub(super) keys: Vec<Key>,
    pub(super) position: Position,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Text(String),
    Number(i64),
}

impl Key {
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::Text(text.clone()),
            Self::Number(number) => Value::Int(*number),
        }
    }
}

fn compare(a: &Anchor, b: &Anchor, sort: &[SortKey]) -> Ordering {
    for (at, key) in sort.iter().enumerate() {
        let order = a.keys[at].cmp(&b.keys[at]);
        if order != Ordering::Equal {
            return if key.descending { order.reverse() } else { order };
        }
    }
    let order = a.position.cmp(&b.position);
    // Ties follow the direction of the first key.
    if sort.first().is_some_and(|key| key.descending) { order.reverse() } else { order }
}

impl Person {
    fn new(user: User, directory: Directory) -> Self {
        let [first, last, email] = [const { String::new() }; 3];
        let mut person = Self { directory, user, context: Vec::new(), first, last, email };
        person.rename();
        person
    }

    fn rename(&mut self) {
        self.first = fold(&self.user.first_name);
        self.last = fold(&self.user.last_name);
        self.email = fold(&self.user.email);
    }

    pub(super) fn anchor(&self, sort: &[SortKey]) -> Anchor {
        let stats = &self.user.stats;
        let key = |field| match field {
            SortField::FirstName => Key::Text(self.first.clone()),
            SortField::LastName => Key::Text(self.last.clone()),
            SortField::Email => Key::Text(Email::key_of(&self.user.email)),
            SortField::Conversations => Key::Number(stats.conversations),
            SortField::Messages => Key::Number(stats.messages),
            SortField::LastMessage => Key::Number(stats.last_message_at.map_or(0, |at| at.0)),
        };
        Anchor { keys: sort.iter().map(|sort| key(sort.field)).collect(), position: self.user.position }
    }

    fn contains(&self, folded: &str) -> bool {
        format!("{} {}", self.first, self.last).contains(folded) || self.email.contains(folded)
    }
}

impl KeptJob {
    fn is_open(&self) -> bool {
        matches!(self.job.state, JobState::Waiting | JobState::Running)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.is_open() && self.job.run_at <= now && self.lease_until <= now
    }
}

impl Memory {
    /// Done whole or not at all.
    pub(super) fn apply(&mut self, org: OrgKey, batch: &Batch) -> Result<Vec<String>, Refused> {
        let mut rows = self.orgs.get(&org).cloned().unwrap_or_default();
        let answers = batch.ops.iter().map(|op| rows.apply(op)).collect::<Result<Vec<_>, Refused>>()?;
        if batch.fails {
            return Err(Refused);
        }
        self.orgs.insert(org, rows);
        Ok(answers)
    }

    /// Puts an organization on the map unless its slug is taken.
    pub(super) fn found(&mut self, new: Organization, batch: &Batch) -> Result<bool, Refused> {
        if self.map.iter().any(|old| old.slug == new.slug) {
            return Ok(false);
        }
        let known = |parent| self.map.iter().any(|old| old.org == parent);
        if self.map.iter().any(|old| old.uuid == new.uuid) || !new.parent.is_none_or(known) {
            return Err(Refused);
        }
        self.apply(new.org, batch)?;
        self.map.push(new);
        Ok(true)
    }

    /// Takes an organization off the map.
    pub(super) fn remove(&mut self, org: OrgKey) -> bool {
        let before = self.map.len();
        self.map.retain(|one| one.org != org);
        for child in self.map.iter_mut().filter(|one| one.parent == Some(org)) {
            child.parent = None;
        }
        self.map.len() < before
    }

    pub(super) fn list(&self) -> Vec<Organization> {
        let mut all = self.map.clone();
        all.sort_by(|a, b| a.slug.as_str().as_bytes().cmp(b.slug.as_str().as_bytes()));
        all
    }

    pub(super) fn lease(&mut self, now: Timestamp, until: Timestamp, most: usize) -> Vec<Job> {
        let mut due = Vec::new();
        for (org, rows) in &mut self.orgs {
            due.extend(rows.jobs.iter_mut().filter(|kept| kept.is_due(now)).map(|kept| (*org, kept)));
        }
        due.sort_by_key(|(_, kept)| kept.job.run_at);
        due.truncate(most);
        let mut leased = Vec::new();
        for (org, kept) in due {
            kept.job.attempts += 1;
            kept.job.state = JobState::Running;
            kept.lease_until = until;
            leased.push(Job { org, ..kept.job.clone() });
        }
        leased
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let jobs = self.orgs.values().flat_map(|rows| &rows.jobs);
        jobs.filter(|kept| kept.is_open()).map(|kept| kept.job.run_at.max(kept.lease_until)).min()
    }

    /// How many jobs there are of each kind in each state, in the order of the words.
    pub(super) fn job_counts(&self) -> Vec<(String, &'static str, i64)> {
        let mut counts = BTreeMap::new();
        for kept in self.orgs.values().flat_map(|rows| &rows.jobs) {
            *counts.entry((kept.job.kind.clone(), kept.job.state.as_str())).or_default() += 1;
        }
        counts.into_iter().map(|((kind, state), count)| (kind, state, count)).collect()
    }
}

impl Rows {
    pub(super) fn person(&self, id: UserId) -> Option<&Person> {
        self.people.iter().find(|person| person.user.user_id == id)
    }

    fn person_mut(&mut self, id: UserId) -> Option<&mut Person> {
        self.people.iter_mut().find(|person| person.user.user_id == id)
    }

    pub(super) fn person_at(&self, directory: Directory, position: Position) -> Option<&Person> {
        self.people.iter().find(|person| person.directory == directory && person.user.position == position)
    }

    fn must_have_role(&self, id: ObjectId) -> Result<(), Refused> {
        if self.roles.iter().any(|(role, _)| role.role_id == id) { Ok(()) } else { Err(Refused) }
    }

    pub(super) fn set_stats(&mut self, id: UserId, stats: UserStats) {
        if let Some(person) = self.person_mut(id) {
            person.user.stats = stats;
        }
    }

    pub(super) fn apply(&mut self, op: &Op) -> Result<String, Refused> {
        match op {
            Op::InsertRole(role, now) => return self.insert_role(role, *now).map(|new| written(&new)),
            Op::UpdateRole(role, _) => {
                for (old, _) in self.roles.iter_mut().filter(|(old, _)| old.role_id == role.role_id) {
                    old.description.clone_from(&role.description);
                    old.frontend_view = role.frontend_view;
                    old.grants = role.grants.clone();
                }
            }
            Op::PutProfile(profile, _) => self.profile = Some(profile.clone()),
            Op::PutImage(..) if self.profile.is_none() => return Err(Refused),
            Op::PutImage(..) => {}
            Op::InsertUser(user, now) => return self.insert_user(user, *now).map(|new| written(&new)),
            Op::UpdateUser(_, user, _, _) => self.update_user(user)?,
            Op::SetContext(id, context, _) => {
                if let Some(person) = self.person_mut(*id) {
                    person.context.clone_from(context);
                }
            }
            Op::DeleteUser(_, id, tombstone, _) => {
                if self.person(*id).is_some() && *tombstone {
                    self.tombstones.push(*id);
                }
                self.forget(&[*id]);
            }
            Op::InsertLink(link, now) => {
                let gone = |old: &Link| old.user_id == link.user_id && old.expires_at <= *now;
                self.links.retain(|old| !gone(old));
                let taken = self.links.iter().any(|old| old.secret_hash == link.secret_hash);
                if taken || self.person(link.user_id).is_none() {
                    return Err(Refused);
                }
                self.links.push(link.clone());
            }
            Op::DeleteLink(hash) => {
                return Ok(written(&(remove(&mut self.links, |link| link.secret_hash == *hash) > 0)));
            }
            Op::InsertKey(key) => {
                self.must_have_role(key.role_id)?;
                if self.keys.iter().any(|old| old.key_id == key.key_id) {
                    return Err(Refused);
                }
                self.keys.push(key.clone());
            }
            Op::DeleteKey(id) => return Ok(written(&(remove(&mut self.keys, |key| key.key_id == *id) > 0))),
            Op::DeleteExpiredKeys(before) => {
                return Ok(written(&remove(&mut self.keys, |key| key.expires_at <= *before)));
            }
            Op::InsertJob { id, kind, user, payload, now } => {
                if self.jobs.iter().any(|kept| kept.job.job_id == *id) {
                    return Err(Refused);
                }
                let job = Job {
                    org: NO_ORG,
                    job_id: *id,
                    kind: (*kind).to_owned(),
                    payload: payload.clone(),
                    state: JobState::Waiting,
                    attempts: 0,
                    run_at: *now,
                    last_error: None,
                    created_at: *now,
                };
                self.jobs.push(KeptJob { job, user: *user, lease_until: Timestamp(0) });
            }
            Op::ReportJob(lease, report, _) => return Ok(written(&self.report(lease, report))),
            Op::EraseSmall(user) => {
                self.jobs.retain(|kept| kept.user != Some(*user));
                self.links.retain(|link| link.user_id != *user);
            }
            Op::EraseUsers(most) => {
                let mut ids: Vec<UserId> = self.people.iter().map(|person| person.user.user_id).collect();
                ids.sort_unstable();
                ids.truncate(usize::try_from(*most).unwrap());
                self.forget(&ids);
                return Ok(written(&ids.len()));
            }
            Op::EraseRest => {
                if !self.people.is_empty() {
                    return Err(Refused);
                }
                let kept = |kept: &KeptJob| kept.job.kind == "organization.erase";
                let jobs = self.jobs.iter().filter(|job| kept(job)).cloned().collect();
                *self = Self { jobs, people_ever: self.people_ever, ..Self::default() };
            }
        }
        Ok(written(&()))
    }

    fn insert_role(&mut self, role: &Role, now: Timestamp) -> Result<bool, Refused> {
        if self.roles.iter().any(|(old, _)| old.name == role.name) {
            return Ok(false);
        }
        if self.must_have_role(role.role_id).is_ok() {
            return Err(Refused);
        }
        self.roles.push((role.clone(), now));
        Ok(true)
    }

    fn insert_user(&mut self, new: &NewUser, now: Timestamp) -> Result<bool, Refused> {
        let same_directory = self.people.iter().filter(|person| person.directory == new.directory);
        if same_directory.into_iter().any(|person| Email::key_of(&person.user.email) == new.email.key()) {
            return Ok(false);
        }
        self.must_have_role(new.role_id)?;
        if self.person(new.user_id).is_some() {
            return Err(Refused);
        }
        self.people_ever += 1;
        let user = User {
            position: Position(self.people_ever),
            user_id: new.user_id,
            email: new.email.as_str().to_owned(),
            first_name: new.first_name.clone(),
            last_name: new.last_name.clone(),
            role_id: new.role_id,
            is_verified: new.is_verified,
            preferences: new.preferences.clone(),
            open_variables: new.open_variables.clone(),
            secret_variables: new.secret_variables.clone(),
            stats: UserStats::default(),
            created_api_key: false,
            created_at: now,
        };
        self.people.push(Person::new(user, new.directory));
        Ok(true)
    }

    fn update_user(&mut self, user: &User) -> Result<(), Refused> {
        let Some(directory) = self.person(user.user_id).map(|person| person.directory) else {
            return Ok(());
        };
        self.must_have_role(user.role_id)?;
        let has_address = |person: &Person| {
            person.directory == directory && Email::key_of(&person.user.email) == Email::key_of(&user.email)
        };
        if self.people.iter().any(|person| person.user.user_id != user.user_id && has_address(person)) {
            return Err(Refused);
        }
        if let Some(person) = self.person_mut(user.user_id) {
            let old = person.user.clone();
            person.user = User { position: old.position, stats: old.stats, ..user.clone() };
            person.rename();
        }
        Ok(())
    }

    fn forget(&mut self, ids: &[UserId]) {
        self.people.retain(|person| !ids.contains(&person.user.user_id));
        self.links.retain(|link| !ids.contains(&link.user_id));
    }

    fn report(&mut self, lease: &Lease, report: &Report) -> bool {
        let held = |kept: &KeptJob| {
            kept.job.job_id == lease.job_id
                && kept.job.attempts == lease.attempt
                && kept.job.state == JobState::Running
        };
        let Some(at) = self.jobs.iter().position(held) else { return false };
        let kept = &mut self.jobs[at];
        match report {
            Report::Renew(until) => kept.lease_until = *until,
            Report::Finish => drop(self.jobs.remove(at)),
            Report::Retry(at, error) => {
                kept.job.state = JobState::Waiting;
                kept.job.run_at = *at;
                kept.job.last_error = Some(error.clone());
                kept.lease_until = Timestamp(0);
            }
            Report::HandBack => {
                kept.job.state = JobState::Waiting;
                kept.lease_until = Timestamp(0);
            }
            Report::Fail(error) => {
                kept.job.state = JobState::Failed;
                "{}".clone_into(&mut kept.job.payload);
                kept.job.last_error = Some(error.clone());
                kept.lease_until = Timestamp(0);
            }
        }
        true
    }

    pub(super) fn ask(&self, question: &Question) -> String {
        match question {
            Question::Profile => written(&self.profile),
            Question::Roles => {
                let mut roles: Vec<&(Role, Timestamp)> = self.roles.iter().collect();
                roles.sort_by_key(|(role, created_at)| (*created_at, role.role_id));
                written(&roles.iter().map(|(role, _)| role).collect::<Vec<_>>())
            }
            Question::Role(id) => written(&self.roles().find(|role| role.role_id == *id)),
            Question::RoleByName(name) => written(&self.roles().find(|role| role.name == *name)),
            Question::User(directory, id) => {
                let person = self.person(*id).filter(|person| person.directory == *directory);
                written(&person.map(|person| unnumbered(&person.user)))
            }
            Question::UserByEmail(directory, key) => {
                let same = |person: &&Person| {
                    person.directory == *directory && Email::key_of(&person.user.email) == *key
                };
                written(&self.people.iter().find(same).map(|person| unnumbered(&person.user)))
            }
            Question::Count(directory) => {
                written(&self.people.iter().filter(|person| person.directory == *directory).count())
            }
            Question::Context(id) => {
                written(&self.person(*id).map(|person| person.context.clone()).unwrap_or_default())
            }
            Question::IsBuried(id) => written(&self.tombstones.contains(id)),
            Question::Page(query, sight) => {
                let (users, next) = self.page(query, sight.as_ref(), None);
                written(&(users, next))
            }
            Question::Search(search, sight) => written(&self.search(search, sight.as_ref())),
            Question::Link(hash) => written(&self.links.iter().find(|link| link.secret_hash == *hash)),
            Question::OpenLinks(user, now) => {
                let open = |link: &&Link| {
                    link.user_id == *user && link.purpose == LinkPurpose::SignIn && link.expires_at > *now
                };
                written(&self.links.iter().filter(open).count())
            }
            Question::Keys => {
                let mut keys: Vec<&ApiKey> = self.keys.iter().collect();
                keys.sort_by_key(|key| (key.created_at, key.key_id.0));
                written(&keys)
            }
            Question::Key(id) => written(&self.keys.iter().find(|key| key.key_id == *id)),
            Question::ValidKeys(now) => {
                written(&self.keys.iter().filter(|key| key.expires_at > *now).count())
            }
            Question::Jobs(most) => {
                let mut jobs: Vec<&Job> = self.jobs.iter().map(|kept| &kept.job).collect();
                jobs.sort_by_key(|job| job.job_id);
                jobs.truncate(usize::try_from(*most).unwrap());
                written(&jobs)
            }
        }
    }

    fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().map(|(role, _)| role)
    }

    pub(super) fn target(&self, user: &User) -> Target {
        let role = self.roles().find(|role| role.role_id == user.role_id).unwrap();
        [
            ("org_id", Scalar::from(ORG_ID)),
            ("user_id", Scalar::from(user.user_id.as_member().to_string().as_str())),
            ("email", Scalar::from(Email::key_of(&user.email).as_str())),
            ("role_id", Scalar::from(user.role_id.to_string().as_str())),
            ("role_name", Scalar::from(role.name.as_str())),
            ("is_verified", Scalar::from(user.is_verified)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn sees(&self, sight: Option<&Sight>, user: &User) -> bool {
        sight.is_none_or(|sight| {
            allows(&sight.grants, &names::USER_GET_USER_INFO, &sight.who, &self.target(user))
        })
    }

    /// The users of a page, and whether there are more. What `query` says of sight and where it begins is not looked at.
    pub(super) fn page(
        &self,
        query: &UserQuery,
        sight: Option<&Sight>,
        after: Option<&Anchor>,
    ) -> (Vec<User>, bool) {
        let matches = |person: &&Person| {
            person.directory == query.directory
                && query.ids.as_ref().is_none_or(|ids| ids.contains(&person.user.user_id))
                && query
                    .email_keys
                    .as_ref()
                    .is_none_or(|keys| keys.contains(&Email::key_of(&person.user.email)))
                && query.is_verified.is_none_or(|wanted| person.user.is_verified == wanted)
                && self.sees(sight, &person.user)
        };
        let mut all: Vec<(Anchor, &Person)> =
            self.people.iter().filter(matches).map(|person| (person.anchor(&query.sort), person)).collect();
        all.sort_by(|(a, _), (b, _)| compare(a, b, &query.sort));
        all.retain(|(at, _)| after.is_none_or(|after| compare(at, after, &query.sort) == Ordering::Greater));
        let has_more = all.len() > query.limit;
        (all.iter().take(query.limit).map(|(_, person)| unnumbered(&person.user)).collect(), has_more)
    }

    fn search(&self, search: &UserSearch, sight: Option<&Sight>) -> Vec<User> {
        let folded = fold(&search.needle);
        let matches = |person: &&Person| {
            person.directory == search.directory
                && person.contains(&folded)
                && search.ids.as_ref().is_none_or(|ids| ids.contains(&person.user.user_id))
                && search.is_verified.is_none_or(|wanted| person.user.is_verified == wanted)
                && self.sees(sight, &person.user)
        };
        let found = self.people.iter().filter(matches);
        found.take(usize::try_from(search.limit).unwrap()).map(|person| unnumbered(&person.user)).collect()
    }
}

/// How many there were that are removed.
fn remove<T>(all: &mut Vec<T>, mut which: impl FnMut(&T) -> bool) -> usize {
    let before = all.len();
    all.retain(|one| !which(one));
    before - all.len()
}
