//! The same random steps on the model and on stores, and the comparison of all that they answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use denizen_domain::ids::OrgKey;
use denizen_domain::member::{Directory, UserStats};
use denizen_domain::text::{ClusterName, Email, Slug};
use denizen_domain::time::Timestamp;
use denizen_store::control::{self, Organization};
use denizen_store::jobs::{self, Job};
use denizen_store::users::{self, After, NewUser, UserQuery};
use denizen_store::{StoreError, Value};

use super::chance::Chance;
use super::memory::{Anchor, Memory, Refused, Rows};
use super::steps::{Batch, Op, Question, Sight, unnumbered, written};
use crate::support::{Outside, TestStore, all, bytes, user_id};

/// In the order of bytes, of words, or of length, these are others.
const SLUGS: [&str; 9] = ["a", "a-b", "a_b", "ab", "a0", "0a", "b", "b-", "b_a"];
/// After so many steps everything is read.
const INTERVAL: usize = 70;

/// A store that has to agree.
struct Peer {
    test: TestStore,
    outside: Outside,
    /// The key that each organization of the model has here.
    keys: BTreeMap<OrgKey, OrgKey>,
}

impl Peer {
    async fn new(test: TestStore) -> Self {
        let outside = test.outside().await;
        Self { test, outside, keys: BTreeMap::new() }
    }

    fn write(
        &self,
        org: OrgKey,
        batch: Arc<Batch>,
    ) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send + 'static {
        let (store, key) = (self.test.store.clone(), self.keys[&org]);
        async move { store.write(key, move |tx| batch.run(tx)).await }
    }

    async fn ask(&self, org: OrgKey, question: Question) -> String {
        self.test.store.read(self.keys[&org], move |conn| question.ask(conn)).await.unwrap()
    }

    async fn ask_all(&self, org: OrgKey, questions: Vec<Question>) -> Vec<String> {
        let ask = move |conn: &denizen_store::Conn<'_>| {
            questions.iter().map(|question| question.ask(conn)).collect::<Result<Vec<_>, _>>()
        };
        self.test.store.scan(self.keys[&org], ask).await.unwrap()
    }

    /// What the model calls an organization.
    fn in_model(&self, key: OrgKey) -> OrgKey {
        *self.keys.iter().find(|(_, known)| **known == key).unwrap().0
    }

    fn organization_in_model(&self, found: Organization) -> Organization {
        Organization {
            org: self.in_model(found.org),
            parent: found.parent.map(|key| self.in_model(key)),
            ..found
        }
    }
}

/// A reader who goes from page to page while others write.
struct Walk {
    org: OrgKey,
    query: UserQuery,
    sight: Option<Sight>,
    /// Where the last page ended, in the model and in each store.
    after: Option<(Anchor, Vec<After>)>,
}

/// How often something happened that a trial without it would say little about.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    refused: usize,
    undone: usize,
    later_pages: usize,
    lost_anchors: usize,
    leased: usize,
    erased: usize,
}

pub(crate) struct Trial {
    seed: u64,
    step: usize,
    chance: Chance,
    memory: Memory,
    peers: Vec<Peer>,
    walks: Vec<Walk>,
    /// Off the map, and not erased yet.
    leaving: Vec<OrgKey>,
    tally: Tally,
}

impl Trial {
    pub(crate) async fn new(seed: u64, stores: Vec<TestStore>) -> Self {
        let mut peers = Vec::new();
        for store in stores {
            peers.push(Peer::new(store).await);
        }
        let mut trial = Self {
            seed,
            step: 0,
            chance: Chance::new(seed),
            memory: Memory::default(),
            peers,
            walks: Vec::new(),
            leaving: Vec::new(),
            tally: Tally::default(),
        };
        while trial.memory.map.len() < 2 {
            trial.found().await;
        }
        trial
    }

    /// Many members of the first organization, several in a closure.
    pub(crate) async fn crowd(&mut self, size: u64) {
        let org = self.memory.map[0].org;
        for start in (0..size).step_by(50) {
            let mut ops = Vec::new();
            for number in start..(start + 50).min(size) {
                let rows = &self.memory.orgs[&org];
                let user = NewUser {
                    directory: Directory::Members,
                    user_id: user_id(1_000_000 + number),
                    email: Email::parse(&format!("Crowd{number}@b.org")).unwrap(),
                    role_id: rows.roles[0].0.role_id,
                    ..self.chance.new_user(rows)
                };
                ops.push(Op::InsertUser(user, self.chance.now()));
            }
            self.write(org, Batch { ops, fails: false }).await;
        }
    }

    pub(crate) async fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step += 1;
            self.change().await;
            for _ in 0..3 {
                let org = self.some_org();
                let question = self.chance.question(&self.memory.orgs[&org]);
                let expected = self.memory.orgs[&org].ask(&question);
                for peer in &self.peers {
                    let found = peer.ask(org, question.clone()).await;
                    assert_eq!(found, expected, "{}: {question:?}", self.place());
                }
            }
            self.walk().await;
            if self.step.is_multiple_of(INTERVAL) {
                self.compare_everything().await;
            }
        }
        self.compare_everything().await;
        for peer in &self.peers {
            // Figures are set without the messages that they are of, and jobs for users who are deleted by themselves.
            let found = crate::checking::findings_but(&peer.test.store, &["figures", "stranger"]).await;
            assert_eq!(found, [""; 0], "{}", self.place());
        }
        let Tally { done, refused, undone, later_pages, lost_anchors, leased, erased } = self.tally;
        let least = steps / 50;
        let shown = [done / 50, refused, undone, later_pages / 2, leased, 2 * lost_anchors, 20 * erased];
        assert!(shown.iter().all(|times| *times >= least), "the steps show little: {:?}", self.tally);
    }

    fn place(&self) -> String {
        format!("seed {}, step {}", self.seed, self.step)
    }

    /// One that is on the map.
    fn some_org(&mut self) -> OrgKey {
        self.chance.rng.pick(&self.memory.map).org
    }

    async fn change(&mut self) {
        match self.chance.rng.below(100) {
            0..60 => {
                let org = self.some_org();
                let batch = self.chance.batch(&self.memory.orgs[&org], 6);
                self.write(org, batch).await;
            }
            60..70 => self.write_at_once().await,
            70..76 => self.found().await,
            76..79 if self.memory.map.len() > 2 => self.remove().await,
            79..83 if !self.leaving.is_empty() => {
                let org = *self.chance.rng.pick(&self.leaving);
                let batch = self.chance.erasing();
                self.write(org, batch).await;
            }
            83..88 => self.set_stats().await,
            88..94 => self.lose_an_anchor().await,
            _ => self.lease().await,
        }
    }

    async fn write(&mut self, org: OrgKey, batch: Batch) {
        let expected = self.memory.apply(org, &batch);
        let batch = Arc::new(batch);
        for peer in &self.peers {
            let found = peer.write(org, Arc::clone(&batch)).await;
            assert_same(&found, &expected, &batch, &self.place());
        }
        self.note(org, &batch, expected.is_ok());
    }

    /// Every organization at the same time, and each one twice: these follow one another.
    async fn write_at_once(&mut self) {
        let orgs: Vec<OrgKey> = self.memory.map.iter().map(|one| one.org).collect();
        let mut writes = Vec::new();
        for org in orgs {
            let mut own = Vec::new();
            for _ in 0..2 {
                let batch = self.chance.batch(&self.memory.orgs[&org], 3);
                let expected = self.memory.apply(org, &batch);
                self.note(org, &batch, expected.is_ok());
                own.push((Arc::new(batch), expected));
            }
            writes.push((org, own));
        }
        for peer in &self.peers {
            let futures = writes.iter().map(|(org, own)| {
                let [first, second] = [0, 1].map(|at: usize| peer.write(*org, Arc::clone(&own[at].0)));
                async move { [first.await, second.await] }
            });
            let found = all(futures.collect()).await;
            for ((_, own), found) in writes.iter().zip(found) {
                for ((batch, expected), found) in own.iter().zip(found) {
                    assert_same(&found, expected, batch, &self.place());
                }
            }
        }
    }

    fn note(&mut self, org: OrgKey, batch: &Batch, done: bool) {
        if done {
            self.tally.done += batch.ops.len();
        } else if batch.fails {
            self.tally.undone += 1;
        } else {
            self.tally.refused += 1;
        }
        if done && batch.ops.iter().any(|op| matches!(op, Op::EraseRest)) {
            self.leaving.retain(|one| *one != org);
            self.tally.erased += 1;
        }
    }

    /// Puts an organization with a first role on the map, unless the slug or the id is taken or the parent is gone.
    async fn found(&mut self) {
        let org = OrgKey(1 + i64::try_from(self.memory.orgs.len()).unwrap());
        let taken = self.memory.map.first().filter(|_| self.chance.rng.chance(10)).map(|one| one.uuid);
        let known: Vec<OrgKey> = self.memory.orgs.keys().copied().collect();
        let parent = if known.is_empty() || self.chance.rng.chance(50) {
            None
        } else {
            Some(*self.chance.rng.pick(&known))
        };
        let new = Organization {
            org,
            uuid: match taken {
                Some(taken) => taken,
                None => self.chance.uuid(),
            },
            slug: Slug::parse(self.chance.rng.pick::<&str>(&SLUGS)).unwrap(),
            cluster: ClusterName::MAIN,
            parent,
            created_at: self.chance.now(),
        };
        let mut ops = vec![Op::PutProfile(self.chance.profile(), self.chance.now())];
        ops.push(Op::InsertRole(self.chance.new_role(&Rows::default()), self.chance.now()));
        let batch = Arc::new(Batch { ops, fails: self.chance.rng.chance(10) });
        let expected = self.memory.found(new.clone(), &batch);
        let place = self.place();
        for peer in &mut self.peers {
            let parent = parent.map(|parent| peer.keys[&parent]);
            let (new, its_batch) = (new.clone(), Arc::clone(&batch));
            let found = peer.test.store.write(OrgKey::CONTROL, move |tx| {
                let key = control::insert_organization(
                    tx,
                    new.uuid,
                    &new.slug,
                    &ClusterName::MAIN,
                    parent,
                    new.created_at,
                )?;
                if let Some(key) = key {
                    its_batch.run(&tx.of(key))?;
                }
                Ok::<_, StoreError>(key)
            });
            let found = found.await;
            if let Ok(Some(key)) = found {
                assert!(!peer.keys.values().any(|old| *old == key), "{place}: a key is given twice");
                peer.keys.insert(org, key);
            }
            let found = found.map(|key| vec![written(&key.is_some())]);
            let expected = expected.as_ref().map(|new| vec![written(new)]).map_err(|_| Refused);
            assert_same(&found, &expected, &batch, &place);
        }
    }

    /// Takes an organization off the map; the first one stays.
    async fn remove(&mut self) {
        let org = self.chance.rng.pick(&self.memory.map[1..]).org;
        assert!(self.memory.remove(org));
        self.leaving.push(org);
        self.walks.retain(|walk| walk.org != org);
        for peer in &self.peers {
            let key = peer.keys[&org];
            for there in [true, false] {
                let found = peer
                    .test
                    .store
                    .write(OrgKey::CONTROL, move |tx| control::delete_organization(tx, key))
                    .await;
                assert_eq!(found, Ok(there), "{}", self.place());
            }
        }
    }

    /// The statistics have no writer in the store yet.
    async fn set_stats(&mut self) {
        let org = self.some_org();
        for _ in 0..8 {
            let rng = &mut self.chance.rng;
            let [conversations, messages, last] =
                [rng.below(3), rng.below(2), rng.below(3)].map(|figure| i64::try_from(figure).unwrap());
            let id = self.chance.user(&self.memory.orgs[&org]);
            let last_message_at = (last > 0).then_some(Timestamp(last));
            if let Some(rows) = self.memory.orgs.get_mut(&org) {
                rows.set_stats(id, UserStats { conversations, messages, last_message_at });
            }
            for peer in &self.peers {
                let key = peer.keys[&org];
                let id = bytes(&peer.outside, &id.0);
                peer.outside.enter(key).await;
                let update = format!(
                    "UPDATE users SET num_conversations = {conversations}, num_messages = {messages},
                     last_message_at = {last} WHERE org_id = {} AND user_id = {id}",
                    key.0
                );
                peer.outside.run(&update).await;
            }
        }
    }

    async fn lease(&mut self) {
        let now = self.chance.new_now().plus_seconds(10);
        let until = now.plus_seconds(1 + i64::try_from(self.chance.rng.below(30)).unwrap());
        let most = self.chance.rng.below(6);
        let expected = self.memory.lease(now, until, most);
        let most = i64::try_from(most).unwrap();
        for peer in &self.peers {
            let leased =
                peer.test.store.write(OrgKey::CONTROL, move |tx| jobs::lease_due(tx, now, until, most));
            let leased: Vec<Job> = leased
                .await
                .unwrap()
                .into_iter()
                .map(|job| Job { org: peer.in_model(job.org), ..job })
                .collect();
            assert_eq!(leased, expected, "{}", self.place());
        }
        self.tally.leased += expected.len();
    }

    /// Deletes or moves the user at whom a page ended.
    async fn lose_an_anchor(&mut self) {
        let begun = self.walks.iter().find(|walk| walk.after.is_some());
        let Some(Walk { org, query, after: Some((anchor, _)), .. }) = begun else { return };
        let (org, directory) = (*org, query.directory);
        let Some(person) = self.memory.orgs[&org].person_at(directory, anchor.position) else { return };
        let user = person.user.clone();
        let op = if self.chance.rng.chance(70) {
            Op::DeleteUser(directory, user.user_id, false, self.chance.now())
        } else {
            let renamed = users::User { first_name: user.last_name, last_name: "zz".to_owned(), ..user };
            Op::UpdateUser(directory, renamed, true, self.chance.now())
        };
        self.write(org, Batch { ops: vec![op], fails: false }).await;
        self.tally.lost_anchors += 1;
    }

    /// Reads one more page.
    async fn walk(&mut self) {
        if self.walks.len() < 3 {
            let org = self.some_org();
            let (query, sight) = self.chance.page(&self.memory.orgs[&org]);
            self.walks.push(Walk { org, query, sight, after: None });
        }
        let at = self.chance.rng.below(self.walks.len());
        let mut walk = self.walks.swap_remove(at);
        walk.query.limit = 1 + self.chance.rng.below(5);
        let rows = &self.memory.orgs[&walk.org];
        let anchor = walk.after.as_ref().map(|(anchor, _)| anchor);
        let expected = rows.page(&walk.query, walk.sight.as_ref(), anchor);
        let next = expected
            .0
            .last()
            .filter(|_| expected.1)
            .map(|last| rows.person(last.user_id).unwrap().anchor(&walk.query.sort));
        let next_values = next.as_ref().map(values);
        let mut ends = Vec::new();
        for (at, peer) in self.peers.iter().enumerate() {
            let mut query = walk.query.clone();
            query.after = walk.after.as_ref().map(|(_, afters)| afters[at].clone());
            let key = peer.keys[&walk.org];
            if let (Some((anchor, _)), Some(after)) = (&walk.after, &query.after) {
                let (directory, position, sort) = (query.directory, after.position, query.sort.clone());
                let known = rows.person_at(directory, anchor.position);
                let known = known.map(|person| values(&person.anchor(&walk.query.sort)));
                let found = peer
                    .test
                    .store
                    .read(key, move |conn| users::sort_values(conn, directory, position, &sort));
                assert_eq!(found.await, Ok(known), "{}: {:?}", self.place(), walk.query);
                self.tally.later_pages += usize::from(at == 0);
            }
            let asked = query.clone();
            let page = peer.test.store.scan(key, move |conn| users::page(conn, &asked)).await.unwrap();
            let found = (page.users.apart().iter().map(unnumbered).collect::<Vec<_>>(), page.has_more);
            assert_eq!(found, expected, "{}: {query:?} after {anchor:?}", self.place());
            let found_values = page.next.as_ref().map(|after| after.values.clone());
            assert_eq!(found_values, next_values, "{}: {query:?}", self.place());
            ends.extend(page.next);
        }
        if let Some(next) = next {
            walk.after = Some((next, ends));
            self.walks.push(walk);
        }
    }

    async fn compare_everything(&mut self) {
        let orgs: Vec<OrgKey> = self.memory.orgs.keys().copied().collect();
        for org in orgs {
            let rows = &self.memory.orgs[&org];
            let questions = self.chance.everything(rows);
            for peer in &self.peers {
                let answers = peer.ask_all(org, questions.clone()).await;
                for (question, found) in questions.iter().zip(answers) {
                    assert_eq!(found, rows.ask(question), "{}: {org:?} {question:?}", self.place());
                }
            }
        }
        for peer in &self.peers {
            self.compare_map(peer).await;
        }
    }

    /// What is kept over all organizations.
    async fn compare_map(&self, peer: &Peer) {
        let store = &peer.test.store;
        let place = self.place();
        let list = store.scan(OrgKey::CONTROL, control::list_organizations).await.unwrap();
        let list: Vec<Organization> = list.into_iter().map(|one| peer.organization_in_model(one)).collect();
        assert_eq!(list, self.memory.list(), "{place}");
        for slug in SLUGS {
            let expected = self.memory.map.iter().find(|one| one.slug.as_str() == slug);
            let found = store.read(OrgKey::CONTROL, move |conn| control::find_by_slug(conn, slug)).await;
            let found = found.unwrap().map(|one| peer.organization_in_model(one));
            assert_eq!(found.as_ref(), expected, "{place}: {slug}");
        }
        for (org, key) in &peer.keys {
            let expected = self.memory.map.iter().find(|one| one.org == *org);
            let key = *key;
            let found = store.read(OrgKey::CONTROL, move |conn| control::find_by_key(conn, key)).await;
            let found = found.unwrap().map(|one| peer.organization_in_model(one));
            assert_eq!(found.as_ref(), expected, "{place}: {org:?}");
        }
        let next_due = store.read(OrgKey::CONTROL, jobs::next_due).await;
        assert_eq!(next_due, Ok(self.memory.next_due()), "{place}");
        let counts = store.scan(OrgKey::CONTROL, jobs::counts).await.unwrap();
        let mut counts: Vec<_> =
            counts.into_iter().map(|(kind, state, count)| (kind, state.as_str(), count)).collect();
        counts.sort_unstable();
        assert_eq!(counts, self.memory.job_counts(), "{place}");
    }
}

fn values(anchor: &Anchor) -> Vec<Value> {
    anchor.keys.iter().map(super::memory::Key::value).collect()
}

/// Of a closure that runs into a constraint and fails by itself as well, either may be said.
fn assert_same(
    found: &Result<Vec<String>, StoreError>,
    expected: &Result<Vec<String>, Refused>,
    batch: &Batch,
    place: &str,
) {
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{place}: {batch:?}"),
        (Err(StoreError::Constraint(_)), Err(Refused)) => {}
        (Err(StoreError::Interrupted), Err(Refused)) if batch.fails => {}
        _ => panic!("{place}: {found:?} instead of {expected:?}: {batch:?}"),
    }
}
