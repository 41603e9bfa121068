//! Random calls with operators, against a plain model in memory: few addresses and few things to reach for many operators,
//! while environments and bots come and go.

use std::collections::{BTreeMap, BTreeSet};

use denizen_directory::ErrorCode;
use denizen_directory::operators::{
    AccessInput, EnvironmentInput, ListedOperator, NewOperator, OperatorChange, OperatorOrder, OperatorQuery,
    OperatorView, Welcome,
};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::{Access, OperatorRole};
use denizen_domain::patch::Patch;
use denizen_domain::permission::model::Rng;

use super::{ALPHA, BETA, GAMMA, LIVE, NOBODY, TEST, Team, admin, entry, invalid, plain, refusal};

/// Each bot with its home.
const BOTS: [(Uuid, Uuid, &str); 3] = [(ALPHA, TEST, "Alpha"), (BETA, TEST, "Beta"), (GAMMA, LIVE, "Gamma")];
const ENVIRONMENTS: [(Uuid, &str); 2] = [(TEST, "Test"), (LIVE, "Live")];

/// What somebody who is no administrator was given, bots by environment.
type Given = (OperatorRole, BTreeMap<Uuid, BTreeSet<Uuid>>);

#[derive(Debug, Clone)]
struct Known {
    name: String,
    email: String,
    company: Option<String>,
    /// `None` of an administrator.
    given: Option<Given>,
}

struct Model {
    operators: BTreeMap<Uuid, Known>,
    inactive: BTreeSet<Uuid>,
}

type Refused = (ErrorCode, String);

impl Model {
    /// What is to come of an input, by the words of the contract.
    fn access(&self, input: &AccessInput) -> Result<Option<Given>, Refused> {
        if input.is_admin {
            return Ok(None);
        }
        let refused = || Err(invalid("environments"));
        let Some(EnvironmentInput { role, .. }) = input.environments.first() else { return refused() };
        let mut given: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
        for one in &input.environments {
            let environment = one.environment.unwrap();
            if one.role != *role || environment == NOBODY || self.inactive.contains(&environment) {
                return refused();
            }
            let known = given.entry(environment).or_default();
            for bot in one.bots.iter().map(|bot| bot.unwrap()) {
                let is_there = BOTS.iter().any(|(id, home, _)| (*id, *home) == (bot, environment));
                if !is_there || self.inactive.contains(&bot) {
                    return refused();
                }
                known.insert(bot);
            }
        }
        if *role != OperatorRole::Supervisor && given.values().any(BTreeSet::is_empty) {
            return refused();
        }
        Ok(Some((*role, given)))
    }

    fn is_taken(&self, email: &str, by_other_than: Option<Uuid>) -> bool {
        let others = self.operators.iter().filter(|(id, _)| Some(**id) != by_other_than);
        others.into_iter().any(|(_, known)| known.email.eq_ignore_ascii_case(email))
    }

    fn create(&self, new: &NewOperator) -> Result<Known, Refused> {
        let given = self.access(&new.access)?;
        if self.is_taken(&new.email, None) {
            return Err(plain(ErrorCode::EmailTaken));
        }
        let (name, email, company) = (new.name.clone(), new.email.clone(), new.company.clone());
        Ok(Known { name, email, company, given })
    }

    fn update(&self, id: Uuid, change: &OperatorChange) -> Result<Known, Refused> {
        let mut known = self.operators.get(&id).cloned().ok_or_else(|| plain(ErrorCode::UserNotFound))?;
        let is_admin = change.is_admin.unwrap_or(known.given.is_none());
        if is_admin {
            known.given = None;
        } else if known.given.is_none() || change.environments.is_some() {
            let environments = change.environments.clone().unwrap_or_default();
            known.given = self.access(&AccessInput { is_admin, environments })?;
        }
        if self.is_taken(&change.email, Some(id)) {
            return Err(plain(ErrorCode::EmailTaken));
        }
        known.name.clone_from(&change.name);
        known.email.clone_from(&change.email);
        change.company.clone().apply(&mut known.company);
        Ok(known)
    }

    /// What is shown of what an operator reaches.
    fn shown(&self, known: &Known) -> Vec<(&'static str, Vec<&'static str>)> {
        let Some((_, given)) = &known.given else { return Vec::new() };
        let is_active = |id: &Uuid| !self.inactive.contains(id);
        let environments = ENVIRONMENTS.iter().filter(|(id, _)| given.contains_key(id) && is_active(id));
        let bots = |home: &Uuid| {
            let reached = BOTS.iter().filter(|(id, _, _)| given[home].contains(id) && is_active(id));
            reached.map(|(_, _, name)| *name).collect()
        };
        environments.map(|(id, name)| (*name, bots(id))).collect()
    }

    fn assert_shows(&self, view: &OperatorView) {
        let OperatorView { operator, .. } = view;
        let known = &self.operators[&operator.id()];
        assert_eq!(
            (&operator.name, &operator.email, &operator.company),
            (&known.name, &known.email, &known.company)
        );
        let role = match &operator.access {
            Access::Administrator => None,
            Access::Environments { role, .. } => Some(*role),
        };
        assert_eq!(role, known.given.as_ref().map(|(role, _)| *role));
        assert_eq!(super::reached(view), self.shown(known), "{known:?}");
    }
}

fn pick<T: Clone>(rng: &mut Rng, of: &[T]) -> T {
    rng.pick(of).clone()
}

fn some_entries(rng: &mut Rng) -> Vec<EnvironmentInput> {
    let role = pick(rng, &OperatorRole::ALL);
    let entries = pick(rng, &[0, 1, 1, 1, 2, 2, 3]);
    (0..entries)
        .map(|_| {
            let role = if rng.below(8) == 0 { pick(rng, &OperatorRole::ALL) } else { role };
            let home = pick(rng, &[TEST, TEST, TEST, TEST, LIVE, LIVE, LIVE, NOBODY]);
            // Mostly bots that live there.
            let fitting: Vec<Uuid> =
                BOTS.iter().filter(|(_, of, _)| *of == home || rng.below(12) == 0).map(|bot| bot.0).collect();
            let count = if fitting.is_empty() { 0 } else { rng.below(3) };
            let bots: Vec<Uuid> = (0..count).map(|_| pick(rng, &fitting)).collect();
            entry(role, home, &bots)
        })
        .collect()
}

fn some_email(rng: &mut Rng) -> String {
    pick(rng, &["ann@x.org", "ANN@x.org", "bob@x.org", "cleo@x.org", "dan@x.org", "eve@x.org"]).to_owned()
}

#[tokio::test]
async fn random_calls_come_to_what_a_plain_model_comes_to() {
    let team = Team::new().await;
    let directory = team.server.directory();
    let mut rng = Rng::new(20_250_710);
    let mut model = Model { operators: BTreeMap::new(), inactive: BTreeSet::new() };
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..160 {
        let mut ids: Vec<Uuid> = model.operators.keys().copied().collect();
        ids.push(NOBODY);
        let id = pick(&mut rng, &ids);
        let name = pick(&mut rng, &["Ann", "Bob", "Zoë"]).to_owned();
        let company = pick(&mut rng, &[None, Some("Acme".to_owned())]);
        let is_admin = rng.below(4) == 0;
        let outcome = match rng.below(9) {
            0..3 => {
                let access = AccessInput { is_admin, environments: some_entries(&mut rng) };
                let new = NewOperator { name, company, access, ..admin(&some_email(&mut rng)) };
                let made = directory.create_operator(&team.ctx, new.clone(), Welcome::Silent).await;
                match model.create(&new) {
                    Ok(known) => {
                        let view = made.unwrap();
                        model.operators.insert(view.operator.id(), known);
                        model.assert_shows(&view);
                        Ok(())
                    }
                    Err(expected) => Err((refusal(made), expected)),
                }
            }
            3..6 => {
                let change = OperatorChange {
                    name,
                    email: some_email(&mut rng),
                    company: company.map_or_else(|| pick(&mut rng, &[Patch::Keep, Patch::Clear]), Patch::Set),
                    image: Patch::Keep,
                    is_admin: pick(&mut rng, &[None, None, Some(false), Some(is_admin)]),
                    environments: (rng.below(2) == 0).then(|| some_entries(&mut rng)),
                    password: None,
                };
                let changed = directory.update_operator(&team.ctx, id, change.clone()).await;
                match model.update(id, &change) {
                    Ok(known) => {
                        model.operators.insert(id, known);
                        model.assert_shows(&changed.unwrap());
                        Ok(())
                    }
                    Err(expected) => Err((refusal(changed), expected)),
                }
            }
            6 => {
                let deleted = directory.delete_operator(&team.ctx, id).await;
                if model.operators.remove(&id).is_some() {
                    deleted.unwrap();
                    Ok(())
                } else {
                    Err((refusal(deleted), plain(ErrorCode::UserNotFound)))
                }
            }
            // What is inactive comes back sooner than others go.
            _ => {
                let id = pick(&mut rng, &[TEST, LIVE, ALPHA, BETA, GAMMA]);
                let is_active = model.inactive.remove(&id) || rng.below(2) == 0;
                if !is_active {
                    model.inactive.insert(id);
                }
                if let Some((_, home, name)) = BOTS.iter().find(|(bot, _, _)| *bot == id) {
                    team.set_bot(id, *home, name, is_active).await;
                } else {
                    let name = ENVIRONMENTS.iter().find(|(known, _)| *known == id).unwrap().1;
                    team.set_environment(id, name, is_active).await;
                }
                Ok(())
            }
        };
        match outcome {
            Ok(()) => accepted += 1,
            Err((found, expected)) => {
                refused += 1;
                assert_eq!(found, expected);
            }
        }
        let query = OperatorQuery {
            needle: None,
            order: OperatorOrder::Id,
            is_descending: false,
            offset: 0,
            limit: 100,
        };
        let list = directory.list_operators(&team.ctx, query).await.unwrap();
        let listed: BTreeSet<Uuid> = list.operators.rows.iter().map(ListedOperator::id).collect();
        assert_eq!(listed, model.operators.keys().copied().collect());
        assert_eq!(list.total, listed.len() as u64);
        if let Ok(view) = team.get(id).await {
            model.assert_shows(&view);
        }
    }
    for id in model.operators.keys() {
        model.assert_shows(&team.get(*id).await.unwrap());
    }
    assert!(accepted > 60 && refused > 30, "{accepted} accepted, {refused} refused");
    team.server.assert_consistent().await;
}
