//! Every cluster's database is looked over, and compared with what the map says of it.

use denizen_domain::ids::ObjectId;
use denizen_domain::member::Directory as UserDirectory;
use denizen_store::{Store, StoreError, Tx, control, erasures, jobs, roles};
use denizen_testkit::{FAR, NOON, TestServer};

async fn write(
    store: &Store,
    org: denizen_domain::ids::OrgKey,
    closure: impl FnMut(&Tx<'_>) -> Result<(), StoreError> + Send + 'static,
) {
    store.write(org, closure).await.unwrap();
}

#[tokio::test]
async fn an_organization_in_a_cluster_that_is_not_registered_is_told() {
    let server = TestServer::over_two_clusters().await;
    let far_key = server.org_in("far-away", FAR).await.key_in_store().await;
    let named = |name| denizen_domain::text::ClusterName::parse(name).unwrap();
    let (far, lost) = (named(FAR), named("lost"));
    write(server.store(), denizen_domain::ids::OrgKey::CONTROL, move |tx| {
        assert!(control::set_cluster(tx, far_key, &far, &lost)?);
        Ok(())
    })
    .await;
    let found = server.directory().check().await.unwrap();
    let told = "far-away: the map places an organization in a cluster that is not registered: lost";
    assert_eq!(found[0], told, "{found:?}");
    assert!(found[1..].iter().all(|line| line.starts_with("far: far-away: there are rows")), "{found:?}");
}

#[tokio::test]
async fn what_contradicts_the_map_is_told_with_cluster_and_organization() {
    let server = TestServer::over_two_clusters().await;
    let (near, far) = (server.org("near").await, server.org_in("far-away", FAR).await);
    let (near_key, far_key) = (near.key_in_store().await, far.key_in_store().await);
    server.assert_consistent().await;

    // Rows of an organization in a database in which it does not live.
    let far_store = server.far_store().await;
    write(&far_store, near_key, |tx| {
        jobs::insert(tx, ObjectId([1; 12]), "organization.erase", None, "{}", NOON)?;
        erasures::put(tx, UserDirectory::Members, denizen_domain::ids::UserId([9; 16]), NOON)
    })
    .await;
    server.assert_consistent().await;
    let stray = |tx: &Tx<'_>| jobs::drop_undone(tx, ObjectId([1; 12])).map(drop);
    write(&far_store, near_key, stray).await;
    let unplaced = "there are rows of an organization that the map does not place here: erasure_receipt";
    assert_eq!(server.directory().check().await, Ok(vec![format!("far: near: {unplaced}")]));
    write(&far_store, near_key, |tx| {
        jobs::insert(tx, ObjectId([1; 12]), "organization.erase", None, "{}", NOON)
    })
    .await;

    // The map sends callers where there is nothing of the organization.
    let cluster = denizen_domain::text::ClusterName::parse(FAR).unwrap();
    let main = denizen_domain::text::ClusterName::MAIN;
    let there = cluster.clone();
    write(server.store(), denizen_domain::ids::OrgKey::CONTROL, move |tx| {
        assert!(control::set_cluster(tx, far_key, &there, &main)?);
        Ok(())
    })
    .await;
    let found = server.directory().check().await.unwrap();
    let unfinished =
        "far-away: an organization that the map places here has no profile: organization_profile";
    assert_eq!(found[0], unfinished, "{found:?}");
    assert!(found[1].starts_with("far: far-away: there are rows of an organization"), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(far_store.read(far_key, roles::list).await.unwrap().len() > 1, "looking mends nothing");
}
