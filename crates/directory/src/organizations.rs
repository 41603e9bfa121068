//! Organizations: finding one quickly, making, changing and deleting one.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use denizen_domain::ids::{OrgKey, Uuid};
use denizen_domain::member::{Directory as UserDirectory, Preferences, UserDimension};
use denizen_domain::permission::names;
use denizen_domain::text::{ClusterName, Email, Origin, Slug};
use denizen_domain::time::Timestamp;
pub use denizen_store::organizations::{ImageKind, OrganizationProfile};
use denizen_store::roles::Role;
use denizen_store::{
    Conn, Mark, Store, StoreError, Tx, access_tokens, control, gate, organizations as stored, users,
};
use serde::Serialize;

use crate::access_tokens::{NewAccessToken, draw_token};
use crate::api_keys::{DEFAULT_KEY_DAYS, insert_key, new_key};
use crate::context::OpContext;
use crate::error::{Error, ErrorCode, Result};
use crate::founding::Plan;
use crate::freshness::Freshness;
use crate::handle::Directory;
use crate::room::make_room;
use crate::sessions::Caller;

const MOST: usize = 32_768;

/// The role whose holder may do everything; every organization has it, and its grants cannot be changed.
pub const SUPER_ROLE: &str = "DefaultSuperAdministratorRole";
/// The role whose holder administers the own organization; every organization begins with it.
pub const ADMINISTRATOR_ROLE: &str = "DefaultAdministratorRole";

/// An organization as it was a moment ago.
#[derive(Debug)]
pub struct Organization {
    pub org: OrgKey,
    pub uuid: Uuid,
    pub slug: Slug,
    /// The organization whose callers may act here when they name their own.
    pub parent: Option<OrgKey>,
    pub profile: OrganizationProfile,
    /// Those that were asked for since the organization was read, and are as fresh as it is.
    roles: RwLock<Vec<Arc<Role>>>,
    freshness: Freshness,
}

impl Organization {
    fn find_role(&self, name: &str) -> Option<Arc<Role>> {
        let known = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|role| role.name == name).cloned()
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        self.freshness.lasts(now)
    }

    /// Of before it was read.
    pub(crate) fn mark(&self) -> &Mark {
        self.freshness.mark()
    }

    /// Whether a mailed link may send a browser to this address.
    pub fn allows_redirect(&self, url: &str) -> bool {
        Origin::of(url)
            .is_ok_and(|origin| self.profile.allowed_origins.iter().any(|allowed| allowed == origin.as_str()))
    }
}

/// The organizations that were used lately, by slug.
#[derive(Default)]
pub(crate) struct Organizations(RwLock<HashMap<String, Arc<Organization>>>);

impl Organizations {
    fn find(&self, slug: &str, now: Timestamp) -> Option<Arc<Organization>> {
        let cached = self.0.read().unwrap_or_else(PoisonError::into_inner);
        cached.get(slug).filter(|found| found.is_usable(now)).cloned()
    }

    fn keep(&self, organization: &Arc<Organization>, now: Timestamp) {
        let mut cached = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Those that are usable are the ones that are called now.
        make_room(&mut cached, MOST, organization.slug.as_str(), |known| known.is_usable(now));
        cached.insert(organization.slug.as_str().to_owned(), Arc::clone(organization));
    }
}

/// The words and settings with which an organization begins.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    pub slug: Slug,
    pub profile: OrganizationProfile,
    pub images: Vec<(ImageKind, Vec<u8>)>,
}

impl NewOrganization {
    /// An organization with a name and otherwise nothing.
    pub fn named(slug: Slug, name: &str) -> Self {
        Self {
            slug,
            profile: OrganizationProfile {
                name: name.to_owned(),
                title: name.to_owned(),
                main_description: String::new(),
                sub_description: String::new(),
                onboarding: Vec::new(),
                user_dimensions: Vec::new(),
                default_preferences: None,
                verify_at_creation: false,
                unverified_sign_in: true,
                allowed_origins: Vec::new(),
            },
            images: Vec::new(),
        }
    }
}

/// The first user of an organization, who may do everything in it.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    pub first_name: String,
    pub last_name: String,
    pub email: Email,
}

/// A new organization's credentials. The secrets of key and token are shown here and never again.
#[derive(Debug, Clone, Serialize)]
pub struct CreatedOrganization {
    /// The slug, as it stands in paths.
    pub org_id: Slug,
    pub org_uuid: Uuid,
    pub member_id: String,
    pub api_key_id: Uuid,
    pub api_key: String,
    /// When the key stops working.
    pub expires_at: Timestamp,
    /// A token of [`ADMINISTRATOR_ROLE`] that does not expire. `None` where an organization was recovered, whose programs
    /// have their tokens.
    #[serde(skip)]
    pub access_token: Option<NewAccessToken>,
}

/// An organization in a list.
#[derive(Debug, Clone, Serialize)]
pub struct OrganizationSummary {
    pub org_id: Slug,
    pub org_uuid: Uuid,
    pub name: String,
    pub created_at: Timestamp,
    /// Where it lives.
    pub cluster: ClusterName,
    pub members: i64,
    /// Those who were made anonymous among them.
    pub contacts: i64,
    pub operators: i64,
    pub verify_at_creation: bool,
    pub unverified_sign_in: bool,
    pub allowed_origins: Vec<String>,
}

/// An organization in a list of them all.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum ListedOrganization {
    Seen(OrganizationSummary),
    /// Its cluster does not answer.
    Unseen {
        org_id: Slug,
        org_uuid: Uuid,
        created_at: Timestamp,
        cluster: ClusterName,
        unreachable: String,
    },
}

impl ListedOrganization {
    pub fn org_id(&self) -> &Slug {
        match self {
            Self::Seen(OrganizationSummary { org_id, .. }) | Self::Unseen { org_id, .. } => org_id,
        }
    }

    /// What is known of it, if its cluster answers.
    pub fn seen(&self) -> Option<&OrganizationSummary> {
        match self {
            Self::Seen(summary) => Some(summary),
            Self::Unseen { .. } => None,
        }
    }
}

/// What of an organization's settings is to change; `None` keeps.
#[derive(Debug, Clone, Default)]
pub struct OrganizationChanges {
    pub name: Option<String>,
    pub title: Option<String>,
    pub main_description: Option<String>,
    pub sub_description: Option<String>,
    pub onboarding: Option<Vec<String>>,
    pub user_dimensions: Option<Vec<UserDimension>>,
    pub default_preferences: Option<Preferences>,
    pub verify_at_creation: Option<bool>,
    pub unverified_sign_in: Option<bool>,
    pub add_origins: Vec<Origin>,
    pub remove_origins: Vec<Origin>,
    pub images: Vec<(ImageKind, Vec<u8>)>,
}

impl OrganizationChanges {
    fn apply(&self, profile: &mut OrganizationProfile) {
        fn set<T: Clone>(field: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        set(&mut profile.name, self.name.as_ref());
        set(&mut profile.title, self.title.as_ref());
        set(&mut profile.main_description, self.main_description.as_ref());
        set(&mut profile.sub_description, self.sub_description.as_ref());
        set(&mut profile.onboarding, self.onboarding.as_ref());
        set(&mut profile.user_dimensions, self.user_dimensions.as_ref());
        set(&mut profile.verify_at_creation, self.verify_at_creation.as_ref());
        set(&mut profile.unverified_sign_in, self.unverified_sign_in.as_ref());
        if let Some(preferences) = &self.default_preferences {
            profile.default_preferences = Some(preferences.clone());
        }
        let origins = &mut profile.allowed_origins;
        origins.retain(|kept| !self.remove_origins.iter().any(|removed| removed.as_str() == kept));
        for added in &self.add_origins {
            if !origins.iter().any(|kept| kept == added.as_str()) {
                origins.push(added.as_str().to_owned());
            }
        }
    }
}

impl Directory {
    /// The organization with this slug.
    pub async fn find_organization(&self, slug: &str) -> Result<Option<Arc<Organization>>> {
        let now = self.now();
        if let Some(found) = self.inner.organizations.find(slug, now) {
            return Ok(Some(found));
        }
        // Callers invent names, and one that no organization can have is not worth asking the store.
        if Slug::parse(slug).is_err() {
            return Ok(None);
        }
        // Boxed, so that a call whose organization is known does not carry the room that reading one needs.
        Box::pin(self.read_organization(slug, now)).await
    }

    async fn read_organization(&self, slug: &str, now: Timestamp) -> Result<Option<Arc<Organization>>> {
        let map = self.stores().mark_map();
        let Some(mapped) = self.find_mapped(slug).await? else {
            return Ok(None);
        };
        self.stores().note(mapped.org, &mapped.cluster, &map);
        let mark = self.stores().mark(mapped.org).await?.with_older(&map);
        let Some(profile) = self.query(mapped.org, stored::find_profile).await? else {
            return Ok(None);
        };
        let organization = Arc::new(Organization {
            org: mapped.org,
            uuid: mapped.uuid,
            slug: mapped.slug,
            parent: mapped.parent,
            profile,
            roles: RwLock::default(),
            freshness: Freshness::new(now, mark),
        });
        self.inner.organizations.keep(&organization, now);
        Ok(Some(organization))
    }

    /// A role as it was when the organization was read, or later.
    pub(crate) async fn recent_role(
        &self,
        organization: &Organization,
        name: &str,
    ) -> Result<Option<Arc<Role>>> {
        if let Some(known) = organization.find_role(name) {
            return Ok(Some(known));
        }
        let (wanted, mut roles) = (name.to_owned(), self.inner.known_roles.of_read());
        let found = self.query(organization.org, move |conn| roles.find_by_name(conn, &wanted)).await?;
        organization.roles.write().unwrap_or_else(PoisonError::into_inner).extend(found.clone());
        Ok(found)
    }

    /// The organization with this UUID or slug. The UUID goes first: a slug may look like one, and is chosen by whoever makes
    /// the organization.
    pub async fn find_realm(&self, name: &str) -> Result<Option<Arc<Organization>>> {
        if let Some(uuid) = Uuid::parse(name) {
            let find = move |conn: &Conn<'_>| control::find_by_uuid(conn, uuid);
            if let Some(mapped) = self.query(OrgKey::CONTROL, find).await? {
                return self.find_organization(mapped.slug.as_str()).await;
            }
        }
        self.find_organization(name).await
    }

    /// Makes an organization with its default roles, its first administrator, an API key for that administrator, and an
    /// access token for its programs.
    /// This is the command line's door; a caller of the API uses [`Self::create_child_organization`].
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationExists`]; [`ErrorCode::ClusterNotFound`].
    pub async fn create_organization(
        &self,
        new: NewOrganization,
        admin: FirstAdmin,
        cluster: &ClusterName,
    ) -> Result<CreatedOrganization> {
        let now = self.now();
        let environment = self.inner.environment.clone();
        let secret = environment.secret();
        let shown = secret.clone();
        let plan = Plan::new(&environment, new, admin, now);
        let (org_id, org_uuid, member) = (plan.new.slug.clone(), plan.uuid, plan.admin_id);
        let key_id = environment.uuid();
        let record_id = environment.object_id(now);
        let expires_at = now.plus_seconds(DEFAULT_KEY_DAYS * 86_400);
        let (shown_token, mut token) =
            draw_token(&environment, org_id.as_str(), Some("first token".to_owned()), None, now);
        token.role_id = plan.role(ADMINISTRATOR_ROLE).role_id;
        let furnish_more = move |tx: &Tx<'_>, plan: &Plan| {
            access_tokens::insert(tx, &token)?;
            let role = plan.role(SUPER_ROLE);
            let key = new_key(
                key_id,
                record_id,
                Some("first key"),
                role.role_id,
                (tx.org, plan.admin_id),
                now,
                expires_at,
                &secret,
            );
            insert_key(tx, &key)
        };
        // Boxed, as below: it is rarely gone, and long.
        Box::pin(self.found_organization(plan, (None, cluster), now, furnish_more)).await?;
        Ok(CreatedOrganization {
            org_id,
            org_uuid,
            member_id: member.as_member().to_string(),
            api_key_id: key_id,
            api_key: shown,
            expires_at,
            access_token: Some(shown_token),
        })
    }

    /// Makes an organization on behalf of a caller of another one, who can act in it from then on (contract section
    /// 8). The caller's name and address become its first administrator's.
    ///
    /// It lives in the cluster that is named, and where its maker lives if none is.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`]; [`ErrorCode::OrganizationExists`]; [`ErrorCode::ClusterNotFound`] also for a cluster that
    /// callers of this organization must not see.
    pub async fn create_child_organization(
        &self,
        caller: &Caller,
        request_id: &Arc<str>,
        new: NewOrganization,
        cluster: Option<&str>,
    ) -> Result<Slug> {
        let ctx = self.context_in(caller, Arc::clone(&caller.session.home), request_id);
        let wanted = caller.session.filter(&names::ORGANIZATION_CREATE_ORGANIZATION, new.slug.as_str());
        if !wanted.admits(&|_| None) {
            return Err(ErrorCode::Forbidden.into());
        }
        let (now, home, user_id) = (ctx.now, ctx.org(), ctx.session.user_id);
        let actor = self
            .query(home, move |conn| users::find(conn, UserDirectory::Members, user_id))
            .await?
            .ok_or(ErrorCode::InvalidCredentials)?;
        let email =
            Email::parse(&actor.email).map_err(|error| Error::field(&["email"], error.to_string()))?;
        let admin = FirstAdmin { first_name: actor.first_name, last_name: actor.last_name, email };
        let cluster = self.cluster_for(home, cluster).await?;
        let plan = Plan::new(&ctx.environment, new, admin, now);
        let slug = plan.new.slug.clone();
        Box::pin(self.found_organization(plan, (Some(home), &cluster), now, |_, _| Ok(()))).await?;
        Ok(slug)
    }

    /// The database of a cluster.
    ///
    /// # Errors
    /// [`ErrorCode::ClusterNotFound`]; [`ErrorCode::Unavailable`].
    pub(crate) async fn store_at(&self, cluster: &ClusterName) -> Result<Store> {
        self.stores().at(cluster).await.map_err(|error| match error {
            StoreError::Corrupt(_) => ErrorCode::ClusterNotFound.into(),
            other => other.into(),
        })
    }

    /// Changes an organization (contract section 8): permission `Organization:ModifyOrganization`.
    pub async fn modify_organization(&self, ctx: &OpContext, changes: OrganizationChanges) -> Result<()> {
        ctx.require(&names::ORGANIZATION_MODIFY_ORGANIZATION)?;
        self.change_organization(ctx.org(), changes).await
    }

    /// Changes an organization from the command line.
    pub async fn set_organization(&self, slug: &str, changes: OrganizationChanges) -> Result<()> {
        let organization = self.find_organization(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.change_organization(organization.org, changes).await
    }

    async fn change_organization(&self, org: OrgKey, changes: OrganizationChanges) -> Result<()> {
        let now = self.now();
        self.write(org, move |tx| {
            let mut profile = stored::find_profile(tx)?.ok_or(ErrorCode::OrganizationNotFound)?;
            changes.apply(&mut profile);
            stored::put_profile(tx, &profile, now)?;
            for (kind, content) in &changes.images {
                stored::put_image(tx, *kind, content)?;
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Deletes an organization (contract section 8): from the answer on nobody finds it, and a job erases its rows.
    /// Permission `Organization:DeleteOrganization`.
    pub async fn delete_organization(&self, ctx: &OpContext) -> Result<()> {
        ctx.require(&names::ORGANIZATION_DELETE_ORGANIZATION)?;
        let (org, now) = (ctx.org(), ctx.now);
        let cluster = self.stores().find_placement(org).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        let store = self.store_at(&cluster).await?;
        // First, so that nothing is written any more that the job would not erase. Of whoever is cut off here, the next one
        // who wants to write does the rest.
        if !store.write_gate(org, move |tx| gate::set_deleted(tx, now)).await? {
            return Err(ErrorCode::OrganizationMoving.into());
        }
        store.write_gate(org, gate::wait_for_writers).await?;
        self.finish_deletion(org, cluster).await
    }

    /// What only callers with `Organization:GetOrganizationDetails` are shown.
    pub fn may_see_details(ctx: &OpContext) -> bool {
        ctx.require(&names::ORGANIZATION_GET_ORGANIZATION_DETAILS).is_ok()
    }

    /// The dimensions along which the organization models its users: permission
    /// `Organization:GetOrganizationDetails`.
    pub fn user_dimensions(ctx: &OpContext) -> Result<Vec<UserDimension>> {
        ctx.require(&names::ORGANIZATION_GET_ORGANIZATION_DETAILS)?;
        Ok(ctx.organization.profile.user_dimensions.clone())
    }

    /// Every organization, for the command line.
    pub async fn list_organizations(&self) -> Result<Vec<ListedOrganization>> {
        let map = self.stores().mark_map();
        let mapped = self.query(OrgKey::CONTROL, control::list_organizations).await?;
        let all = self.of_each(mapped, &map, summarize).await?;
        let listed = all.into_iter().filter_map(|(mapped, summary)| match summary {
            // Without a profile its making was cut off, and nobody finds it.
            Ok(summary) => summary.map(ListedOrganization::Seen),
            Err(reason) => Some(ListedOrganization::Unseen {
                org_id: mapped.slug,
                org_uuid: mapped.uuid,
                created_at: mapped.created_at,
                cluster: mapped.cluster,
                unreachable: reason,
            }),
        });
        Ok(listed.collect())
    }

    /// How many organizations there are, those whose making was cut off included.
    pub async fn count_organizations(&self) -> Result<usize> {
        Ok(self.query(OrgKey::CONTROL, control::list_organizations).await?.len())
    }

    /// One organization, for the command line.
    pub async fn show_organization(&self, slug: &str) -> Result<OrganizationSummary> {
        let map = self.stores().mark_map();
        let mapped = self.find_mapped(slug).await?.ok_or(ErrorCode::OrganizationNotFound)?;
        self.stores().note(mapped.org, &mapped.cluster, &map);
        let summary = self.query(mapped.org, move |conn| summarize(conn, &mapped)).await?;
        summary.ok_or_else(|| ErrorCode::OrganizationNotFound.into())
    }

    /// The entry of the map from slugs to organizations.
    pub(crate) async fn find_mapped(&self, slug: &str) -> Result<Option<control::Organization>> {
        let slug = slug.to_owned();
        self.query(OrgKey::CONTROL, move |conn| control::find_by_slug(conn, &slug)).await
    }
}

fn summarize(
    conn: &Conn<'_>,
    mapped: &control::Organization,
) -> denizen_store::Result<Option<OrganizationSummary>> {
    let Some(profile) = stored::find_profile(conn)? else { return Ok(None) };
    Ok(Some(OrganizationSummary {
        org_id: mapped.slug.clone(),
        org_uuid: mapped.uuid,
        name: profile.name,
        created_at: mapped.created_at,
        cluster: mapped.cluster.clone(),
        members: users::count(conn, UserDirectory::Members)?,
        contacts: users::count(conn, UserDirectory::Contacts)?,
        operators: users::count(conn, UserDirectory::Operators)?,
        verify_at_creation: profile.verify_at_creation,
        unverified_sign_in: profile.unverified_sign_in,
        allowed_origins: profile.allowed_origins,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing_keys::tests::NOW;

    fn organization(number: usize, loaded_at: Timestamp, mark: &Mark) -> Arc<Organization> {
        let slug = Slug::parse(&format!("org-{number}")).unwrap();
        Arc::new(Organization {
            org: OrgKey::CONTROL,
            uuid: Uuid([0; 16]),
            profile: NewOrganization::named(slug.clone(), "").profile,
            slug,
            parent: None,
            roles: RwLock::default(),
            freshness: Freshness::new(loaded_at, mark.clone()),
        })
    }

    #[test]
    fn a_full_memory_drops_the_old_ones_first_and_none_for_one_that_is_read_again() {
        let (known, mark) = (Organizations::default(), Mark::default());
        let later = NOW.plus_seconds(1);
        for number in 0..MOST {
            known.keep(&organization(number, if number < 100 { NOW } else { later }, &mark), later);
        }
        let count = || known.0.read().unwrap().len();
        known.keep(&organization(MOST - 1, later, &mark), later);
        assert_eq!(count(), MOST);
        known.keep(&organization(MOST, later, &mark), later);
        assert_eq!(count(), MOST - 100 + 1);
        assert!(known.find("org-0", later).is_none());
        assert!(known.find("org-100", later).is_some());
    }

    #[test]
    fn a_memory_that_is_full_of_fresh_ones_begins_anew() {
        let (known, mark) = (Organizations::default(), Mark::default());
        (0..=MOST).for_each(|number| known.keep(&organization(number, NOW, &mark), NOW));
        assert_eq!(known.0.read().unwrap().len(), 1);
        assert!(known.find(&format!("org-{MOST}"), NOW).is_some());
    }
}
