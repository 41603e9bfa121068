//! Who may do what with operators.

use denizen_directory::ErrorCode;
use denizen_directory::operators::{OperatorOrder, OperatorQuery, Welcome};
use denizen_directory::{OpContext, Result};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::OperatorRole::Supervisor;
use serde_json::json;

use super::{TEST, Team, admin, entry, keep, plain, reaching, refusal};

fn everybody() -> OperatorQuery {
    OperatorQuery {
        needle: None,
        order: OperatorOrder::CreatedAt,
        is_descending: false,
        offset: 0,
        limit: 10,
    }
}

/// What comes of each operation that reads, and of each that writes.
async fn outcomes(team: &Team, ctx: &OpContext, id: Uuid) -> (Vec<Result<()>>, Vec<Result<()>>) {
    let directory = team.server.directory();
    let reads = vec![
        directory.list_operators(ctx, everybody()).await.map(drop),
        directory.suggest_operator_names(ctx, "a", 5).await.map(drop),
        directory.get_operator(ctx, id).await.map(drop),
    ];
    let writes = vec![
        directory.create_operator(ctx, admin("new@example.org"), Welcome::Silent).await.map(drop),
        directory.update_operator(ctx, id, keep("Ann Smith", "ann@example.org")).await.map(drop),
        directory.delete_operator(ctx, id).await,
    ];
    (reads, writes)
}

fn assert_all(outcomes: Vec<Result<()>>, is_allowed: bool) {
    for outcome in outcomes {
        if is_allowed {
            assert_eq!(outcome, Ok(()));
        } else {
            assert_eq!(refusal(outcome), plain(ErrorCode::Forbidden));
        }
    }
}

#[tokio::test]
async fn who_has_a_permission_may_read_or_write_and_nobody_else() {
    let team = Team::new().await;
    let granted = |names: &[&str]| {
        let grants: Vec<_> =
            names.iter().map(|name| json!({"permission_name": name, "conditions": {}})).collect();
        json!(grants)
    };
    for (names, may_read, may_write) in [
        (&["Directory:ReadContact", "Directory:WriteContact", "User:GetUserInfo"][..], false, false),
        (&["Directory:ReadOperator"], true, false),
        (&["Directory:WriteOperator"], false, true),
    ] {
        let ann = team.create(admin("ann@example.org")).await.unwrap().operator.id();
        let ctx = team.org.access_token_with(&granted(names)).await.context().await;
        let (reads, writes) = outcomes(&team, &ctx, ann).await;
        assert_all(reads, may_read);
        assert_all(writes, may_write);
        if !may_write {
            assert_eq!(team.get(ann).await.unwrap().operator.name, "Ann Lee");
            team.server.directory().delete_operator(&team.ctx, ann).await.unwrap();
        }
        // Nobody who is refused learns whether there is such an operator.
        let (reads, writes) = outcomes(&team, &ctx, super::NOBODY).await;
        for (outcomes, is_allowed) in [(reads, may_read), (writes, may_write)] {
            if !is_allowed {
                assert_all(outcomes, false);
            }
        }
    }
}

#[tokio::test]
async fn an_operator_who_is_no_administrator_sees_the_own_account_and_no_more() {
    let team = Team::new().await;
    let access = reaching(vec![entry(Supervisor, TEST, &[])]);
    let own = team.operator("sue@example.org", access).await;
    let sue = team.sign_in("sue@example.org").await;
    for id in [own, super::NOBODY] {
        let (reads, writes) = outcomes(&team, &sue, id).await;
        assert_all(reads, false);
        assert_all(writes, false);
    }
    let shown = team.server.directory().get_own_operator(&sue).await.unwrap();
    assert_eq!((shown.operator.id(), shown.is_deletable), (own, false));
}

#[tokio::test]
async fn the_flag_of_an_administrator_is_felt_at_once() {
    let team = Team::new().await;
    let directory = team.server.directory();
    let id = team.operator("ann@example.org", admin("").access).await;
    let token = team.token("ann@example.org", super::PASSWORD).await.unwrap();
    let lists = async || {
        let ctx = team.context_of(&token).await.unwrap();
        directory.list_operators(&ctx, everybody()).await.map(|list| list.total)
    };
    assert_eq!(lists().await, Ok(1));
    let flag = |is_admin| denizen_directory::operators::OperatorChange {
        is_admin: Some(is_admin),
        environments: Some(vec![entry(Supervisor, TEST, &[])]),
        ..keep("Ann Lee", "ann@example.org")
    };
    team.update(id, flag(false)).await.unwrap();
    assert_eq!(refusal(lists().await), plain(ErrorCode::Forbidden));
    team.update(id, flag(true)).await.unwrap();
    assert_eq!(lists().await, Ok(1));
}

#[tokio::test]
async fn a_caller_who_is_no_operator_has_no_account_of_its_own_here() {
    let team = Team::new().await;
    let own = team.server.directory().get_own_operator(&team.ctx).await;
    assert_eq!(refusal(own), plain(ErrorCode::UserNotFound));
    let set = team.server.directory().set_configuration_value(&team.ctx, "theme", "dark", None).await;
    assert_eq!(refusal(set), plain(ErrorCode::UserNotFound));
}
