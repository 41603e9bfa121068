//! Random steps, of which most do something: they name what the model knows, and sometimes what it does not.

use std::sync::Arc;

use denizen_domain::ids::{ObjectId, OrgKey, UserId, Uuid};
use denizen_domain::member::{Directory, Preferences, UserDimension, Variables};
use denizen_domain::permission::model::{Rng, Target, Universe};
use denizen_domain::permission::{Filter, FrontendView, Scalar, names};
use denizen_domain::text::Email;
use denizen_domain::time::Timestamp;
use denizen_store::api_keys::ApiKey;
use denizen_store::jobs::Lease;
use denizen_store::links::{Link, LinkPurpose};
use denizen_store::organizations::{ImageKind, OrganizationProfile};
use denizen_store::roles::Role;
use denizen_store::users::{NewUser, SortField, SortKey, UserQuery, UserSearch};

use super::memory::{Person, Rows};
use super::steps::{Batch, Op, Question, Report, Sight};
use crate::support::{NOW, name, needle, query, user_id};

pub(super) const DIRECTORIES: [Directory; 3] =
    [Directory::Members, Directory::Contacts, Directory::Operators];
/// Mail addresses and names that tie, fold together, or mean something to a pattern.
const LOCAL_PARTS: [&str; 12] =
    ["ada", "Ada", "ADA", "jürgen", "JÜRGEN", "jurgen", "иван", "o'brien", "x_y", "x%y", "a.b", "ada+b"];
const NAMES: [&str; 17] = [
    "ada",
    "Ada",
    "Åda",
    "A\u{30a}da",
    "",
    "ß",
    "ss",
    "李",
    "\u{10ffff}",
    "\u{fffd}",
    "a",
    "ab",
    "a b",
    "Z",
    "_",
    "a\u{1}b\t",
    "😀",
];
const NEEDLES: [&str; 22] = [
    "%", "_", "\\", "'", "\"", " ", "\u{1}", "\u{2}", "\t", "*", "\u{e020}", "é", "E", "@", "\u{301}", "😀",
    "ad", "da ", "a l", ".org", "%y", "",
];
/// Of jobs; erasing an organization leaves those of one kind, which do that work.
const KINDS: [&str; 3] = ["mail", "organization.erase", "Mail"];

pub(super) struct Chance {
    pub(super) rng: Rng,
    now: Timestamp,
    /// Numbers whatever has to be new.
    number: u64,
}

fn object_id(number: u64) -> ObjectId {
    let mut bytes = [0xa5; 12];
    // The last bytes first, so that the order of ids is not that of creation.
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    ObjectId(bytes)
}

fn hash_of(number: u64) -> [u8; 32] {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), now: NOW, number: 0 }
    }

    /// Rises with every call, mostly.
    pub(super) fn now(&mut self) -> Timestamp {
        if self.rng.chance(80) {
            self.now = self.now.plus_micros(1 + self.micros(5_000_000));
        }
        self.now
    }

    /// A time that no other job is due at: which of two such jobs comes first is left open.
    pub(super) fn new_now(&mut self) -> Timestamp {
        self.now = self.now.plus_micros(1 + self.micros(5_000_000));
        self.now
    }

    fn micros(&mut self, most: usize) -> i64 {
        i64::try_from(self.rng.below(most)).unwrap()
    }

    fn new_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub(super) fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.rng.next_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&self.new_number().to_be_bytes());
        Uuid(bytes)
    }

    /// A user's id: of somebody who is there, or of anybody.
    pub(super) fn user(&mut self, rows: &Rows) -> UserId {
        if !rows.people.is_empty() && self.rng.chance(85) {
            self.rng.pick(&rows.people).user.user_id
        } else {
            let number = self.rng.below(80) as u64;
            let directory = *self.rng.pick(&DIRECTORIES);
            id_in(directory, number)
        }
    }

    fn role_id(&mut self, rows: &Rows) -> ObjectId {
        if !rows.roles.is_empty() && self.rng.chance(97) {
            self.rng.pick(&rows.roles).0.role_id
        } else {
            object_id(u64::MAX)
        }
    }

    fn name(&mut self) -> String {
        if self.rng.chance(60) { (*self.rng.pick(&NAMES)).to_owned() } else { name(&mut self.rng) }
    }

    fn address(&mut self) -> Email {
        let host = *self.rng.pick(&["b.org", "B.ORG", "exämple.org", "a-b.dev"]);
        let local = *self.rng.pick(&LOCAL_PARTS);
        Email::parse(&format!("{local}{}@{host}", self.rng.below(9))).unwrap()
    }

    fn texts(&mut self) -> Vec<String> {
        (0..self.rng.below(4)).map(|_| self.name()).collect()
    }

    fn variables(&mut self) -> Variables {
        if self.rng.chance(70) {
            return Variables::new();
        }
        (0..self.rng.below(4)).map(|_| (self.name(), self.name())).collect()
    }

    fn preferences(&mut self) -> Preferences {
        if self.rng.chance(60) {
            return Preferences::default();
        }
        Preferences {
            enable_response_recommendation: self.rng.chance(50),
            preferred_language: self.rng.chance(50).then(|| "deu".to_owned()),
            conversations_visible_to_admins: self.rng.chance(50),
            user_model_visible_to_admins: self.rng.chance(50),
            timezone: self.rng.chance(50).then(|| "Asia/Kolkata".to_owned()),
            audio_keyterms: self.texts(),
        }
    }

    fn view(&mut self) -> FrontendView {
        *self.rng.pick(&[FrontendView::Client, FrontendView::Admin])
    }

    pub(super) fn new_role(&mut self, rows: &Rows) -> Role {
        let universe = Universe::of(names::USER_GET_USER_INFO).unwrap();
        let taken = !rows.roles.is_empty() && self.rng.chance(10);
        let role_id =
            if taken { self.rng.pick(&rows.roles).0.role_id } else { object_id(self.rng.next_u64() >> 1) };
        Role {
            role_id,
            // Often taken.
            name: format!("{}{}", self.rng.pick(&["Agent", "agent", "Ünï'\"%"]), self.rng.below(4)),
            description: self.name(),
            frontend_view: self.view(),
            grants: Arc::new(universe.grants(&mut self.rng)),
            is_super: self.rng.chance(10),
        }
    }

    pub(super) fn profile(&mut self) -> OrganizationProfile {
        OrganizationProfile {
            name: self.name(),
            title: self.name(),
            main_description: self.name(),
            sub_description: self.name(),
            onboarding: self.texts(),
            user_dimensions: vec![UserDimension { description: self.name(), tags: self.texts() }],
            default_preferences: if self.rng.chance(50) { Some(self.preferences()) } else { None },
            verify_at_creation: self.rng.chance(50),
            unverified_sign_in: self.rng.chance(50),
            allowed_origins: self.texts(),
        }
    }

    pub(super) fn new_user(&mut self, rows: &Rows) -> NewUser {
        let directory = *self.rng.pick(&[
            Directory::Members,
            Directory::Members,
            Directory::Contacts,
            Directory::Operators,
        ]);
        let user_id = if !rows.people.is_empty() && self.rng.chance(5) {
            self.rng.pick(&rows.people).user.user_id
        } else if self.rng.chance(30) {
            // Perhaps somebody's who was deleted.
            id_in(directory, self.rng.below(80) as u64)
        } else {
            id_in(directory, self.rng.next_u64())
        };
        NewUser {
            directory,
            user_id,
            email: self.address(),
            first_name: self.name(),
            last_name: self.name(),
            role_id: self.role_id(rows),
            is_verified: self.rng.chance(50),
            preferences: self.preferences(),
            open_variables: self.variables(),
            secret_variables: self.variables(),
        }
    }

    fn update(&mut self, rows: &Rows) -> Op {
        let at = self.rng.below(rows.people.len());
        let Person { directory, user, .. } = rows.people[at].clone();
        let mut new = user.clone();
        if self.rng.chance(50) {
            new.first_name = self.name();
        }
        if self.rng.chance(50) {
            new.last_name = self.name();
        }
        if self.rng.chance(20) {
            self.address().as_str().clone_into(&mut new.email);
        }
        if self.rng.chance(20) {
            new.created_at = self.now();
        }
        if self.rng.chance(30) {
            new.role_id = self.role_id(rows);
        }
        if self.rng.chance(30) {
            new.is_verified = !new.is_verified;
            new.preferences = self.preferences();
            new.open_variables = self.variables();
            new.secret_variables = self.variables();
            new.created_api_key = self.rng.chance(50);
        }
        let renamed =
            (&new.first_name, &new.last_name, &new.email) != (&user.first_name, &user.last_name, &user.email);
        // What says that the user was renamed when it was not changes nothing; somebody may be gone meanwhile.
        let renamed = renamed || self.rng.chance(20);
        if self.rng.chance(5) {
            new.user_id = id_in(directory, u64::MAX);
        }
        Op::UpdateUser(directory, new, renamed, self.now())
    }

    fn link(&mut self, rows: &Rows) -> Link {
        let old = rows.links.first().map(|link| link.secret_hash).filter(|_| self.rng.chance(5));
        Link {
            secret_hash: match old {
                Some(old) => old,
                None => hash_of(self.new_number()),
            },
            user_id: self.user(rows),
            purpose: *self.rng.pick(&[LinkPurpose::SignIn, LinkPurpose::Verify]),
            redirect: self.name(),
            expires_at: self.now.plus_seconds(self.micros(60)),
        }
    }

    fn api_key(&mut self, rows: &Rows) -> ApiKey {
        let old = rows.keys.first().map(|key| key.key_id).filter(|_| self.rng.chance(5));
        let now = self.now();
        ApiKey {
            key_id: match old {
                Some(old) => old,
                None => self.uuid(),
            },
            record_id: object_id(self.rng.next_u64()),
            name: if self.rng.chance(50) { Some(self.name()) } else { None },
            role_id: self.role_id(rows),
            creator_org: OrgKey(self.micros(3)),
            creator: self.user(rows),
            created_at: now,
            updated_at: now,
            expires_at: now.plus_seconds(self.micros(200)),
            secret_hash: hash_of(self.rng.next_u64()),
        }
    }

    /// Often just when something expires.
    fn expiry(&mut self, rows: &Rows) -> Timestamp {
        match self.rng.below(3) {
            0 if !rows.links.is_empty() => self.rng.pick(&rows.links).expires_at,
            1 if !rows.keys.is_empty() => self.rng.pick(&rows.keys).expires_at,
            _ => self.now,
        }
    }

    fn lease(&mut self, rows: &Rows) -> Lease {
        if rows.jobs.is_empty() || self.rng.chance(5) {
            return Lease { job_id: object_id(u64::MAX), attempt: 1 };
        }
        let mut lease = self.rng.pick(&rows.jobs).job.lease();
        if self.rng.chance(10) {
            lease.attempt -= 1;
        }
        lease
    }

    fn report(&mut self) -> Report {
        match self.rng.below(5) {
            0 => Report::Renew(self.now.plus_seconds(self.micros(60))),
            1 => Report::Finish,
            2 => Report::Retry(self.new_now().plus_seconds(self.micros(20)), self.name()),
            3 => Report::HandBack,
            _ => Report::Fail(self.name()),
        }
    }

    /// One change to an organization that is on the map.
    fn op(&mut self, rows: &Rows) -> Op {
        let what = if rows.people.is_empty() { 0 } else { self.rng.below(100) };
        match what {
            0..24 => Op::InsertUser(self.new_user(rows), self.now()),
            24..42 => self.update(rows),
            42..48 => Op::SetContext(self.user(rows), self.texts(), self.now()),
            48..57 => {
                let id = self.user(rows);
                let directory = rows.person(id).map_or(Directory::Members, |person| person.directory);
                Op::DeleteUser(directory, id, self.rng.chance(50), self.now())
            }
            // Often just when an old one expires.
            57..64 if !rows.links.is_empty() && self.rng.chance(30) => {
                let old = self.rng.pick(&rows.links).clone();
                Op::InsertLink(Link { user_id: old.user_id, ..self.link(rows) }, old.expires_at)
            }
            57..64 => Op::InsertLink(self.link(rows), self.now()),
            64..67 => {
                let known = (!rows.links.is_empty()).then(|| self.rng.pick(&rows.links).secret_hash);
                Op::DeleteLink(known.unwrap_or([0; 32]))
            }
            67..73 => Op::InsertKey(self.api_key(rows)),
            73..75 => {
                let known = (!rows.keys.is_empty()).then(|| self.rng.pick(&rows.keys).key_id);
                Op::DeleteKey(known.unwrap_or(Uuid([0; 16])))
            }
            75 => Op::DeleteExpiredKeys(self.expiry(rows)),
            76..83 => self.new_job(rows),
            83..90 => Op::ReportJob(self.lease(rows), self.report(), self.now()),
            90 => Op::EraseSmall(self.user(rows)),
            91..94 => {
                let old = rows.roles.first().map(|(_, created_at)| *created_at);
                let now = old.filter(|_| self.rng.chance(50)).unwrap_or(self.now);
                Op::InsertRole(self.new_role(rows), now)
            }
            94..97 if !rows.roles.is_empty() => {
                let mut role = self.rng.pick(&rows.roles).0.clone();
                let universe = Universe::of(names::USER_GET_USER_INFO).unwrap();
                role.description = self.name();
                role.frontend_view = self.view();
                role.grants = Arc::new(universe.grants(&mut self.rng));
                Op::UpdateRole(role, self.now())
            }
            97 | 98 => Op::PutProfile(self.profile(), self.now()),
            _ => {
                let kind = *self.rng.pick(&[ImageKind::Logo, ImageKind::Favicon]);
                Op::PutImage(kind, vec![0, 255, 7])
            }
        }
    }

    fn new_job(&mut self, rows: &Rows) -> Op {
        let old = rows.jobs.first().map(|kept| kept.job.job_id).filter(|_| self.rng.chance(3));
        Op::InsertJob {
            id: old.unwrap_or_else(|| object_id(self.rng.next_u64() >> 1)),
            kind: KINDS[self.rng.below(KINDS.len())],
            user: if self.rng.chance(50) { Some(self.user(rows)) } else { None },
            payload: format!("{{\"text\": {:?}}}", self.rng.pick(&["", "é\u{10ffff}", "' OR 1 = 1 --"])),
            now: self.new_now(),
        }
    }

    /// One closure: up to `most` changes, of which each one may build on those before it.
    pub(super) fn batch(&mut self, rows: &Rows, most: usize) -> Batch {
        let mut rows = rows.clone();
        let mut ops = Vec::new();
        for _ in 0..=self.rng.below(most) {
            let op = self.op(&rows);
            let refused = rows.apply(&op).is_err();
            ops.push(op);
            if refused {
                break;
            }
        }
        Batch { ops, fails: self.rng.chance(15) }
    }

    /// One closure that erases some of an organization that is off the map.
    pub(super) fn erasing(&mut self) -> Batch {
        let mut ops = vec![Op::EraseUsers(1 + self.micros(12))];
        if self.rng.chance(40) {
            ops.push(Op::EraseRest);
        }
        Batch { ops, fails: self.rng.chance(15) }
    }

    fn sort(&mut self) -> Vec<SortKey> {
        let key = |rng: &mut Rng| SortKey { field: *rng.pick(&SortField::ALL), descending: rng.chance(50) };
        (0..self.rng.below(4)).map(|_| key(&mut self.rng)).collect()
    }

    /// Grants made of values of real users. Of members only: a grant names users by their member's ids.
    fn sight(&mut self, rows: &Rows, directory: Directory) -> Option<Sight> {
        if directory != Directory::Members || rows.people.is_empty() || self.rng.chance(50) {
            return None;
        }
        let mut universe = Universe::of(names::USER_GET_USER_INFO).unwrap();
        let targets: Vec<Target> = (0..4).map(|_| rows.target(&self.rng.pick(&rows.people).user)).collect();
        for attribute in &mut universe.attributes {
            attribute.values = targets.iter().map(|target| target[&attribute.name].clone()).collect();
            if !matches!(attribute.values[0], Scalar::Bool(_)) {
                attribute.values.extend(["", "no id", "' OR 1 = 1 --"].map(Scalar::from));
            }
        }
        Some(Sight { grants: universe.grants(&mut self.rng), who: universe.who(&mut self.rng) })
    }

    fn ids(&mut self, rows: &Rows) -> Option<Vec<UserId>> {
        let most = *self.rng.pick(&[1, 2, 40]);
        self.rng.chance(20).then(|| (0..self.rng.below(most + 1)).map(|_| self.user(rows)).collect())
    }

    pub(super) fn page(&mut self, rows: &Rows) -> (UserQuery, Option<Sight>) {
        let directory = *self.rng.pick(&DIRECTORIES);
        let sight = self.sight(rows, directory);
        let emails = self
            .rng
            .chance(10)
            .then(|| (0..self.rng.below(30)).map(|_| self.address().key().to_owned()).collect::<Vec<_>>());
        let query = UserQuery {
            directory,
            ids: self.ids(rows),
            email_keys: emails,
            is_verified: self.rng.chance(20).then(|| self.rng.chance(50)),
            visible: sight.as_ref().map_or_else(Filter::always, Sight::filter),
            sort: self.sort(),
            limit: self.rng.below(12),
            ..query()
        };
        (query, sight)
    }

    /// What to look for, and where: mostly somebody, and often one of the youngest, whom a walk meets last.
    fn needle(&mut self, rows: &Rows) -> (Directory, String) {
        if rows.people.is_empty() || self.rng.chance(25) {
            return (*self.rng.pick(&DIRECTORIES), (*self.rng.pick(&NEEDLES)).to_owned());
        }
        let youngest = if self.rng.chance(40) { rows.people.len() * 9 / 10 } else { 0 };
        let Person { directory, user, .. } = self.rng.pick(&rows.people[youngest..]);
        let source = if self.rng.chance(30) {
            user.email.clone()
        } else {
            format!("{} {}", user.first_name, user.last_name)
        };
        let letters: Vec<char> = source.chars().collect();
        let from = self.rng.below(letters.len());
        let length = *self.rng.pick(&[1, 2, 3, 4, 5, 9]);
        let mut text: String = letters[from..].iter().take(length).collect();
        if self.rng.chance(15) {
            text.push_str(self.rng.pick::<&str>(&NEEDLES));
        }
        (*directory, if self.rng.chance(15) { text.to_uppercase() } else { text })
    }

    fn search(&mut self, rows: &Rows) -> Question {
        let (directory, text) = self.needle(rows);
        let sight = self.sight(rows, directory).filter(|_| self.rng.chance(40));
        let search = UserSearch {
            directory,
            ids: self.ids(rows).filter(|_| self.rng.chance(50)),
            is_verified: self.rng.chance(20).then(|| self.rng.chance(50)),
            visible: sight.as_ref().map_or_else(Filter::always, Sight::filter),
            limit: if self.rng.chance(50) { self.micros(10) } else { 10_000 },
            ..needle(&text)
        };
        Question::Search(search, sight)
    }

    pub(super) fn question(&mut self, rows: &Rows) -> Question {
        match self.rng.below(20) {
            0..7 => self.search(rows),
            7..14 => {
                let (query, sight) = self.page(rows);
                Question::Page(query, sight)
            }
            14 => {
                let user = rows.links.first().map_or_else(|| self.user(rows), |link| link.user_id);
                Question::OpenLinks(user, self.expiry(rows))
            }
            15 => Question::UserByEmail(*self.rng.pick(&DIRECTORIES), self.address().key().to_owned()),
            16 => Question::User(*self.rng.pick(&DIRECTORIES), self.user(rows)),
            17 => Question::ValidKeys(self.expiry(rows)),
            18 => Question::Jobs(self.micros(6)),
            _ => Question::Context(self.user(rows)),
        }
    }

    /// Everything that can be read of an organization; of the users as such who were never there, a few.
    pub(super) fn everything(&mut self, rows: &Rows) -> Vec<Question> {
        let mut questions = vec![Question::Profile, Question::Roles, Question::Keys, Question::Jobs(10_000)];
        questions.push(Question::ValidKeys(self.now));
        for directory in DIRECTORIES {
            questions.push(Question::Count(directory));
            let all = UserQuery { directory, limit: 100_000, ..query() };
            questions.push(Question::Page(all, None));
            questions.extend((0..6).map(|number| Question::IsBuried(id_in(directory, number))));
        }
        for (role, _) in &rows.roles {
            questions.extend([Question::Role(role.role_id), Question::RoleByName(role.name.clone())]);
        }
        // The first ones are enough of a large organization.
        for Person { directory, user, .. } in rows.people.iter().take(60) {
            questions.push(Question::User(*directory, user.user_id));
            questions.push(Question::UserByEmail(*directory, Email::key_of(&user.email)));
            questions.push(Question::Context(user.user_id));
            questions.push(Question::IsBuried(user.user_id));
            questions.push(Question::OpenLinks(user.user_id, self.now));
        }
        questions.extend(rows.links.iter().map(|link| Question::Link(link.secret_hash)));
        questions.extend(rows.keys.iter().map(|key| Question::Key(key.key_id)));
        questions
    }
}

/// Members have ids of 12 bytes, the others of 16.
fn id_in(directory: Directory, number: u64) -> UserId {
    let mut id = user_id(number);
    if directory != Directory::Members {
        id.0[15] = 1 + u8::try_from(directory.number()).unwrap();
    }
    id
}
