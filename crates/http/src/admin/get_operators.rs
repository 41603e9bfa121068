//! GET `/operators`.

use denizen_directory::operators::{OperatorOrder, OperatorQuery, OperatorView};
use denizen_domain::operator::Access;

use super::MOST_OPERATORS;
use super::wire::registry::{Operator, OperatorEnvironment, Operators};
use crate::kernel::caller::authenticate;
use crate::kernel::{Call, Problem, QueryReader, Reply};

/// How many operators there are when nobody asks for a number.
pub(super) const SOME: i64 = 20;

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let authenticated = authenticate(&call).await?;
    let mut query = QueryReader::new(&call);
    let needle = query.required("query");
    let limit = query.int("limit", SOME, 1, MOST_OPERATORS);
    let (needle, limit) = query.finish((needle, limit))?;
    let ctx = authenticated.context(&call).await?;
    let query = OperatorQuery {
        needle: (!needle.trim().is_empty()).then_some(needle),
        order: OperatorOrder::Name,
        is_descending: false,
        offset: 0,
        limit: usize::try_from(limit).unwrap_or_default(),
    };
    let found = call.directory().list_operators(&ctx, query).await?;
    let total = found.total;
    let operators = found.views().into_iter().map(rendered).collect();
    Ok(Reply::json(200, &Operators { operators, total }))
}

fn rendered(view: OperatorView) -> Operator {
    let OperatorView { operator, places, .. } = view;
    Operator {
        operator_id: operator.id().to_string(),
        role: match operator.access {
            Access::Administrator => "admin",
            Access::Environments { role, .. } => role.as_str(),
        },
        name: operator.name,
        email: operator.email,
        company: operator.company,
        environments: places
            .into_iter()
            .map(|place| OperatorEnvironment {
                environment_id: place.environment_id.to_string(),
                name: place.name,
            })
            .collect(),
        created_at: operator.created_at,
    }
}
