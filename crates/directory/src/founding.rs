//! Making an organization: in which cluster, what it begins with, and what becomes of one whose making was cut off.

use std::sync::Arc;

use denizen_domain::ids::{OrgKey, UserId, Uuid};
use denizen_domain::member::{Directory as UserDirectory, Variables};
use denizen_domain::permission::default_roles;
use denizen_domain::text::{ClusterName, Slug};
use denizen_domain::time::Timestamp;
use denizen_store::clusters::registry;
use denizen_store::gate::{self, GateState};
use denizen_store::roles::Role;
use denizen_store::users::NewUser;
use denizen_store::{Conn, StoreError, Tx, control, organizations as stored, roles, users};

use crate::environment::Environment;
use crate::error::{Error, ErrorCode, Result};
use crate::handle::Directory;
use crate::jobs;
use crate::organizations::{FirstAdmin, NewOrganization, SUPER_ROLE};

/// An organization that is on the map and has nothing else after this time is one whose making was cut off, in microseconds.
const UNFINISHED: i64 = 60 * Timestamp::MICROS_PER_SECOND;

impl Directory {
    /// Where a new organization of a caller's is to live.
    pub(crate) async fn cluster_for(&self, home: OrgKey, wanted: Option<&str>) -> Result<ClusterName> {
        let own = self.stores().find_placement(home).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let Some(wanted) = wanted else { return Ok(own) };
        // What no cluster can be called is as unknown as what none is called.
        let wanted = ClusterName::parse(wanted).map_err(|_| ErrorCode::ClusterNotFound)?;
        if wanted == own {
            return Ok(own);
        }
        let known = self.stores().registered().await?;
        // `main` is for those who live there, and for the command line.
        let seen = known.into_iter().find(|cluster| cluster.name == wanted && cluster.is_visible_to(home));
        Ok(seen.ok_or(ErrorCode::ClusterNotFound)?.name)
    }

    /// Puts an organization on the map and writes all that it begins with, into its cluster.
    ///
    /// In `main` that is one transaction. Elsewhere the map comes first, and an organization without a profile, which
    /// nobody finds, is one whose making was cut off: whoever makes it again takes its place.
    pub(crate) async fn found_organization(
        &self,
        plan: Plan,
        (parent, cluster): (Option<OrgKey>, &ClusterName),
        now: Timestamp,
        mut furnish_more: impl FnMut(&Tx<'_>, &Plan) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let unfinished = self.find_unfinished(&plan.new.slug, now).await?;
        let (at, uuid, slug) = (cluster.clone(), plan.uuid, plan.new.slug.clone());
        let register = move |tx: &Tx<'_>| {
            // It may have been removed a moment ago.
            if !at.is_main() && registry::find(tx, &at)?.is_none() {
                return Err(Error::new(ErrorCode::ClusterNotFound));
            }
            let registered = match &unfinished {
                Some(unfinished) => {
                    let renewed = control::renew_organization(tx, unfinished, uuid, &at, parent, now)?;
                    renewed.then_some(unfinished.org)
                }
                None => control::insert_organization(tx, uuid, &slug, &at, parent, now)?,
            };
            Ok(registered.ok_or(ErrorCode::OrganizationExists)?)
        };
        if cluster.is_main() {
            return self
                .write_main(OrgKey::CONTROL, move |tx| {
                    let org = register(tx)?;
                    plan.furnish(&tx.of(org), now)?;
                    furnish_more(&tx.of(org), &plan)
                })
                .await;
        }
        // Before the map is touched: a cluster that is not there or cannot be reached leaves nothing behind.
        let store = self.store_at(cluster).await?;
        let org = self.write_main(OrgKey::CONTROL, register).await?;
        store
            .write(org, move |tx| {
                // Who took this entry over, because its making took so long, was faster at the end, too.
                if stored::find_profile(tx)?.is_some() {
                    return Err(Error::new(ErrorCode::OrganizationExists));
                }
                plan.furnish(tx, now)?;
                furnish_more(tx, &plan)
            })
            .await?;
        self.require_own(org, uuid, cluster).await
    }

    /// After an organization was furnished: whether the entry of the map is still its maker's. Somebody else may have taken
    /// it over, and made the organization in another cluster; then what was written here is nobody's.
    async fn require_own(&self, org: OrgKey, uuid: Uuid, cluster: &ClusterName) -> Result<()> {
        let find = move |conn: &Conn<'_>| control::find_by_key(conn, org);
        let mapped = self.query(OrgKey::CONTROL, find).await?;
        if mapped.as_ref().is_some_and(|mapped| mapped.uuid == uuid) {
            return Ok(());
        }
        if mapped.is_none_or(|mapped| mapped.cluster != *cluster) {
            // As after a move: the organization lives elsewhere, and may come here one day.
            let (owner, now) = (self.environment().uuid(), self.now());
            let until = now.plus_seconds(1);
            let store = self.store_at(cluster).await?;
            store
                .write_gate(org, move |tx| gate::take(tx, (GateState::Closed, owner, until), false, now))
                .await?;
            store.write_gate(org, move |tx| gate::set_moved(tx, owner)).await?;
            let job = self.environment().object_id(now);
            let work = jobs::Work::EraseOrganization { org_key: Some(org.0), cluster: cluster.to_string() };
            let enqueue = move |tx: &Tx<'_>| jobs::enqueue(tx, job, None, &work, now);
            self.write_main(OrgKey::CONTROL, enqueue).await?;
            self.inner.job_signal.wake();
        }
        Err(ErrorCode::OrganizationExists.into())
    }

    /// The entry of an organization whose making was cut off some time ago.
    async fn find_unfinished(&self, slug: &Slug, now: Timestamp) -> Result<Option<control::Organization>> {
        let Some(mapped) = self.find_mapped(slug.as_str()).await? else { return Ok(None) };
        let is_old = now.0.saturating_sub(mapped.created_at.0) > UNFINISHED;
        if !is_old || mapped.cluster.is_main() {
            return Ok(None);
        }
        let store = self.store_at(&mapped.cluster).await?;
        let profile = store.read(mapped.org, stored::find_profile).await?;
        Ok(profile.is_none().then_some(mapped))
    }
}

/// Everything a new organization needs, with its ids drawn beforehand, so that the transaction can run again.
pub(crate) struct Plan {
    pub(crate) uuid: Uuid,
    pub(crate) new: NewOrganization,
    roles: Vec<Role>,
    admin: FirstAdmin,
    pub(crate) admin_id: UserId,
}

impl Plan {
    pub(crate) fn new(
        environment: &Environment,
        new: NewOrganization,
        admin: FirstAdmin,
        now: Timestamp,
    ) -> Self {
        // Ids that rise in the order of the roles, in which they are listed.
        let roles = default_roles()
            .into_iter()
            .zip(0..)
            .map(|(role, at)| Role {
                role_id: environment.object_id(now.plus_micros(at)),
                name: role.name.to_owned(),
                description: role.description.to_owned(),
                frontend_view: role.frontend_view,
                grants: Arc::new(role.grants),
                is_super: role.is_super,
            })
            .collect();
        Self { uuid: environment.uuid(), new, roles, admin, admin_id: environment.member_id(now) }
    }

    /// One of the default roles, by its name.
    pub(crate) fn role(&self, name: &str) -> &Role {
        self.roles.iter().find(|role| role.name == name).expect("the default roles include it")
    }

    /// Writes what an organization on the map begins with.
    fn furnish(&self, tx: &Tx<'_>, now: Timestamp) -> Result<()> {
        stored::put_profile(tx, &self.new.profile, now)?;
        for (kind, content) in &self.new.images {
            stored::put_image(tx, *kind, content)?;
        }
        for role in &self.roles {
            roles::insert(tx, role, now)?;
        }
        let admin = NewUser {
            directory: UserDirectory::Members,
            user_id: self.admin_id,
            email: self.admin.email.clone(),
            first_name: self.admin.first_name.clone(),
            last_name: self.admin.last_name.clone(),
            role_id: self.role(SUPER_ROLE).role_id,
            is_verified: true,
            preferences: self.new.profile.default_preferences.clone().unwrap_or_default(),
            open_variables: Variables::new(),
            secret_variables: Variables::new(),
        };
        users::insert(tx, &admin, now)?
            .ok_or_else(|| StoreError::Corrupt("a new organization has users".to_owned()))?;
        Ok(())
    }
}
