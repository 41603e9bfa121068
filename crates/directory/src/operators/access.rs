//! What operators may be given to reach.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::Uuid;
use denizen_domain::operator::Access;
use denizen_store::bots::{self, Bot};
use denizen_store::environments::{self, Environment};
use denizen_store::{Conn, Result as StoreResult};

use super::AccessInput;
use crate::error::Error;

/// Why something cannot be given (contract section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessProblem {
    /// Who is no administrator reaches at least one environment.
    NoEnvironment,
    /// One role for all environments.
    SeveralRoles,
    /// An editor or viewer needs at least one bot in each environment.
    NoBot,
    /// Unknown, inactive or of another organization.
    UnknownEnvironment,
    /// Unknown or inactive.
    UnknownBot,
    /// The bot lives in another environment.
    BotElsewhere,
}

impl AccessProblem {
    fn text(self) -> &'static str {
        match self {
            Self::NoEnvironment => "must have at least one entry for an operator who is no administrator",
            Self::SeveralRoles => "must have the same role in every entry",
            Self::NoBot => "must name at least one bot in each environment for an editor or viewer",
            Self::UnknownEnvironment => "names an environment that does not exist or is not active",
            Self::UnknownBot => "names a bot that does not exist or is not active",
            Self::BotElsewhere => "names a bot that does not belong to its environment",
        }
    }
}

impl From<AccessProblem> for Error {
    fn from(problem: AccessProblem) -> Self {
        Self::field(&["environments"], problem.text())
    }
}

/// The environments and bots that some inputs are about, read in one go.
pub(crate) struct Registry {
    pub environments: BTreeMap<Uuid, Environment>,
    pub bots: BTreeMap<Uuid, Bot>,
}

impl Registry {
    /// Those with these ids, active or not.
    pub(crate) fn read(conn: &Conn<'_>, environments: &[Uuid], bots: &[Uuid]) -> StoreResult<Self> {
        Ok(Self {
            environments: environments::find_many(conn, environments)?,
            bots: bots::find_many(conn, bots)?,
        })
    }

    /// Those that an input names.
    pub(crate) fn read_for(conn: &Conn<'_>, input: &AccessInput) -> StoreResult<Self> {
        if input.is_admin {
            return Ok(Self { environments: BTreeMap::new(), bots: BTreeMap::new() });
        }
        let environments: BTreeSet<Uuid> =
            input.environments.iter().filter_map(|entry| entry.environment).collect();
        let bots: BTreeSet<Uuid> =
            input.environments.iter().flat_map(|entry| entry.bots.iter().flatten().copied()).collect();
        Self::read(conn, &Vec::from_iter(environments), &Vec::from_iter(bots))
    }

    /// The environment with this id, if it can be given.
    pub(crate) fn environment(&self, id: Uuid) -> Option<&Environment> {
        self.environments.get(&id).filter(|environment| environment.is_active)
    }

    /// The bot with this id, if it can be given as one of an environment.
    pub(crate) fn bot(&self, environment: Uuid, id: Uuid) -> Result<&Bot, AccessProblem> {
        let bot = self.bots.get(&id).filter(|bot| bot.is_active).ok_or(AccessProblem::UnknownBot)?;
        if bot.environment_id == environment { Ok(bot) } else { Err(AccessProblem::BotElsewhere) }
    }

    /// What the input comes to, or what is wrong with it. Entries of the same environment are taken together.
    pub(crate) fn check(&self, input: &AccessInput) -> Result<Access, AccessProblem> {
        if input.is_admin {
            return Ok(Access::Administrator);
        }
        let role = input.environments.first().ok_or(AccessProblem::NoEnvironment)?.role;
        if input.environments.iter().any(|entry| entry.role != role) {
            return Err(AccessProblem::SeveralRoles);
        }
        let mut environments: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
        for entry in &input.environments {
            let known = entry.environment.and_then(|id| self.environment(id));
            let id = known.ok_or(AccessProblem::UnknownEnvironment)?.environment_id;
            let given = environments.entry(id).or_default();
            for bot in &entry.bots {
                let bot = bot.ok_or(AccessProblem::UnknownBot)?;
                given.insert(self.bot(id, bot)?.bot_id);
            }
        }
        if role.needs_bots() && environments.values().any(BTreeSet::is_empty) {
            return Err(AccessProblem::NoBot);
        }
        Ok(Access::Environments { role, environments })
    }
}

#[cfg(test)]
mod tests {
    use denizen_domain::operator::OperatorRole;
    use denizen_domain::operator::OperatorRole::{Editor, Supervisor, Viewer};
    use denizen_domain::time::Timestamp;

    use super::super::EnvironmentInput;
    use super::*;

    const NOW: Timestamp = Timestamp(0);

    fn id(number: u8) -> Uuid {
        Uuid([number; 16])
    }

    /// Environments 1 and 2 and the inactive 3; bots 10 and 11 and the inactive 12 live in 1, and 20 in 2.
    fn registry() -> Registry {
        let environment = |number, is_active| Environment {
            environment_id: id(number),
            name: format!("environment {number}"),
            is_active,
            created_at: NOW,
            updated_at: NOW,
        };
        let bot = |number, home, is_active| Bot {
            bot_id: id(number),
            environment_id: id(home),
            name: format!("bot {number}"),
            image_url: None,
            is_active,
            created_at: NOW,
            updated_at: NOW,
        };
        let environments = [environment(1, true), environment(2, true), environment(3, false)];
        let bots =
            [bot(10, 1, true), bot(11, 1, true), bot(12, 1, false), bot(20, 2, true), bot(30, 3, true)];
        Registry {
            environments: environments.into_iter().map(|one| (one.environment_id, one)).collect(),
            bots: bots.into_iter().map(|one| (one.bot_id, one)).collect(),
        }
    }

    fn entry(role: OperatorRole, environment: u8, bots: &[u8]) -> EnvironmentInput {
        EnvironmentInput {
            role,
            environment: Some(id(environment)),
            bots: bots.iter().map(|number| Some(id(*number))).collect(),
        }
    }

    fn check(environments: Vec<EnvironmentInput>) -> Result<Access, AccessProblem> {
        registry().check(&AccessInput { is_admin: false, environments })
    }

    fn access(role: OperatorRole, environments: &[(u8, &[u8])]) -> Access {
        let of = |bots: &[u8]| bots.iter().map(|number| id(*number)).collect();
        let environments = environments.iter().map(|(number, bots)| (id(*number), of(bots))).collect();
        Access::Environments { role, environments }
    }

    #[test]
    fn an_administrator_reaches_everything_and_what_else_was_sent_is_not_looked_at() {
        let nonsense = vec![entry(Viewer, 99, &[98]), entry(Editor, 3, &[])];
        let input = AccessInput { is_admin: true, environments: nonsense };
        assert_eq!(registry().check(&input), Ok(Access::Administrator));
    }

    #[test]
    fn entries_of_one_environment_are_taken_together() {
        let twice = vec![entry(Editor, 1, &[]), entry(Editor, 2, &[20]), entry(Editor, 1, &[11, 10, 11])];
        assert_eq!(check(twice), Ok(access(Editor, &[(1, &[10, 11]), (2, &[20])])));
    }

    #[test]
    fn a_supervisor_needs_no_bots_and_others_need_one_in_each_environment() {
        assert_eq!(check(vec![entry(Supervisor, 1, &[])]), Ok(access(Supervisor, &[(1, &[])])));
        assert_eq!(check(vec![entry(Supervisor, 1, &[10])]), Ok(access(Supervisor, &[(1, &[10])])));
        for role in [Editor, Viewer] {
            assert_eq!(check(vec![entry(role, 1, &[10])]), Ok(access(role, &[(1, &[10])])));
            assert_eq!(check(vec![entry(role, 1, &[])]), Err(AccessProblem::NoBot));
            let second = vec![entry(role, 1, &[10]), entry(role, 2, &[])];
            assert_eq!(check(second), Err(AccessProblem::NoBot));
        }
    }

    #[test]
    fn each_breach_is_told_from_the_others() {
        let no_id = |entry: EnvironmentInput| EnvironmentInput { environment: None, ..entry };
        let no_bot_id = |entry: EnvironmentInput| EnvironmentInput { bots: vec![None], ..entry };
        for (environments, problem) in [
            (vec![], AccessProblem::NoEnvironment),
            (vec![entry(Editor, 1, &[10]), entry(Viewer, 2, &[20])], AccessProblem::SeveralRoles),
            (vec![entry(Editor, 99, &[10])], AccessProblem::UnknownEnvironment),
            (vec![entry(Editor, 3, &[30])], AccessProblem::UnknownEnvironment),
            (vec![no_id(entry(Editor, 1, &[10]))], AccessProblem::UnknownEnvironment),
            (vec![entry(Editor, 1, &[99])], AccessProblem::UnknownBot),
            (vec![entry(Editor, 1, &[10, 12])], AccessProblem::UnknownBot),
            (vec![entry(Supervisor, 1, &[12])], AccessProblem::UnknownBot),
            (vec![no_bot_id(entry(Supervisor, 1, &[]))], AccessProblem::UnknownBot),
            (vec![entry(Editor, 1, &[10, 20])], AccessProblem::BotElsewhere),
        ] {
            assert_eq!(check(environments.clone()), Err(problem), "{environments:?}");
        }
    }
}
