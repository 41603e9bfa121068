//! All operators, one part after the other.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::ids::{UserId, Uuid};
use denizen_domain::operator::Access;

use super::{Operator, read_operator};
use crate::conn::Conn;
use crate::error::Result;
use crate::sql::{Param, Sql};

static WALK: Sql = Sql::new(
    "operator.walk",
    "SELECT user_id, email, name, company, image, is_admin, role, created_at FROM operator
     WHERE org_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
);
static WALK_ENVIRONMENTS: Sql = Sql::new(
    "operator.walk_environments",
    "SELECT user_id, environment_id FROM operator_environment
     WHERE org_id = $1 AND user_id > $2 AND user_id <= $3",
);
// Engine: SQLite joins in the order that CROSS JOIN gives; by itself it would begin with all bots.
static WALK_BOTS: Sql = Sql::new(
    "operator.walk_bots",
    "SELECT entrusted.user_id, bot.environment_id, bot.bot_id FROM operator_bot AS entrusted CROSS JOIN bot
     WHERE bot.org_id = $1 AND bot.bot_id = entrusted.bot_id
     AND entrusted.org_id = $1 AND entrusted.user_id > $2 AND entrusted.user_id <= $3",
);

pub(crate) const STATEMENTS: &[&Sql] = &[&WALK, &WALK_ENVIRONMENTS, &WALK_BOTS];

/// Up to `limit` operators whose ids are greater than `after`, in the order of the ids, with all that was granted to them,
/// be it active or not.
pub fn walk(conn: &Conn<'_>, after: Option<UserId>, limit: usize) -> Result<Vec<Operator>> {
    let after = after.unwrap_or(UserId([0; 16]));
    let params =
        [conn.org_param(), Param::Blob(&after.0), Param::Int(i64::try_from(limit).unwrap_or(i64::MAX))];
    let mut operators = conn.all(&WALK, &params, read_operator)?;
    let Some(last) = operators.last().map(|operator| operator.user_id) else { return Ok(operators) };
    let range = [conn.org_param(), Param::Blob(&after.0), Param::Blob(&last.0)];
    let environments = conn.all(&WALK_ENVIRONMENTS, &range, |row| {
        Ok((row.id(0, UserId::from_column)?, row.id(1, Uuid::from_column)?))
    })?;
    let bots = conn.all(&WALK_BOTS, &range, |row| {
        Ok((row.id(0, UserId::from_column)?, row.id(1, Uuid::from_column)?, row.id(2, Uuid::from_column)?))
    })?;
    let mut reached: BTreeMap<UserId, BTreeMap<Uuid, BTreeSet<Uuid>>> = BTreeMap::new();
    for (user, environment) in environments {
        reached.entry(user).or_default().entry(environment).or_default();
    }
    for (user, environment, bot) in bots {
        // A bot that has moved into an environment that its operator does not reach is out of reach.
        if let Some(bots) = reached.get_mut(&user).and_then(|reached| reached.get_mut(&environment)) {
            bots.insert(bot);
        }
    }
    for operator in &mut operators {
        if let Access::Environments { environments, .. } = &mut operator.access {
            *environments = reached.remove(&operator.user_id).unwrap_or_default();
        }
    }
    Ok(operators)
}
