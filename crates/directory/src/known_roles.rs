//! The roles that this process has read, so that a session that is read again need not take apart anew what its role may do.
//!
//! A role is taken from here only when its version has just been read and is still the same. Most organizations have the
//! default roles as these came, so what they may do is kept once for all of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use denizen_domain::ids::{ObjectId, OrgKey};
use denizen_domain::permission::Grants;
use denizen_domain::time::Timestamp;
use denizen_store::roles::{self, Role};
use denizen_store::{Conn, Result};

use crate::room::make_room;

const MOST: usize = 65_536;

#[derive(Default)]
pub(crate) struct KnownRoles(Mutex<Known>);

#[derive(Default)]
struct Known {
    roles: HashMap<(OrgKey, ObjectId), (Timestamp, Arc<Role>)>,
    grants: HashSet<Arc<Grants>>,
}

/// The roles that one read asks for. It is run again on PostgreSQL after each answer and has to ask the same then, so what was
/// known when it first looked stays as it was, whatever others or itself have found meanwhile.
pub(crate) struct RolesOfRead {
    known: Arc<KnownRoles>,
    looked: HashMap<(ObjectId, Timestamp), Option<Arc<Role>>>,
}

impl RolesOfRead {
    pub(crate) fn find(&mut self, conn: &Conn<'_>, role: ObjectId) -> Result<Option<Arc<Role>>> {
        let Some(version) = roles::find_version(conn, role)? else { return Ok(None) };
        self.find_as_of(conn, role, version)
    }

    pub(crate) fn find_by_name(&mut self, conn: &Conn<'_>, name: &str) -> Result<Option<Arc<Role>>> {
        let Some((role, version)) = roles::find_version_by_name(conn, name)? else { return Ok(None) };
        self.find_as_of(conn, role, version)
    }

    fn find_as_of(
        &mut self,
        conn: &Conn<'_>,
        role: ObjectId,
        version: Timestamp,
    ) -> Result<Option<Arc<Role>>> {
        if let Some(known) = self.look(conn.org, role, version) {
            return Ok(Some(known));
        }
        let found = roles::find_with_version(conn, role)?;
        Ok(found.map(|(role, version)| self.known.keep(conn.org, role, version)))
    }

    /// What was known when this was looked for first.
    fn look(&mut self, org: OrgKey, role: ObjectId, version: Timestamp) -> Option<Arc<Role>> {
        let look = || self.known.known((org, role), version);
        self.looked.entry((role, version)).or_insert_with(look).clone()
    }
}

impl KnownRoles {
    /// For one read.
    pub(crate) fn of_read(self: &Arc<Self>) -> RolesOfRead {
        RolesOfRead { known: Arc::clone(self), looked: HashMap::new() }
    }

    fn known(&self, key: (OrgKey, ObjectId), version: Timestamp) -> Option<Arc<Role>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.roles.get(&key).filter(|(read, _)| *read == version).map(|(_, role)| Arc::clone(role))
    }

    fn keep(&self, org: OrgKey, mut role: Role, version: Timestamp) -> Arc<Role> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (org, role.role_id);
        // Nothing tells which roles are still asked for.
        make_room(&mut known.roles, MOST, &key, |_| true);
        if known.grants.len() >= MOST {
            known.grants.retain(|grants| Arc::strong_count(grants) > 1);
        }
        if let Some(same) = known.grants.get(&role.grants) {
            role.grants = Arc::clone(same);
        } else {
            known.grants.insert(Arc::clone(&role.grants));
        }
        let role = Arc::new(role);
        known.roles.insert(key, (version, Arc::clone(&role)));
        role
    }
}

#[cfg(test)]
mod tests {
    use denizen_domain::permission::{FrontendView, Grant, names};

    use super::*;

    fn role(number: u8, grants: &[Grant]) -> Role {
        Role {
            role_id: ObjectId([number; 12]),
            name: format!("role {number}"),
            description: String::new(),
            frontend_view: FrontendView::Client,
            grants: Arc::new(Grants(grants.to_vec())),
            is_super: false,
        }
    }

    #[test]
    fn a_role_is_known_in_its_organization_and_version_only() {
        let known = KnownRoles::default();
        let kept = known.keep(OrgKey(1), role(1, &[]), Timestamp(5));
        let key = (OrgKey(1), kept.role_id);
        assert_eq!(known.known(key, Timestamp(5)), Some(kept));
        assert_eq!(known.known(key, Timestamp(6)), None);
        assert_eq!(known.known((OrgKey(2), key.1), Timestamp(5)), None);
        assert_eq!(known.known((OrgKey(1), ObjectId([2; 12])), Timestamp(5)), None);
    }

    #[test]
    fn a_read_that_is_run_again_looks_for_what_was_not_known_when_it_looked_first() {
        let known = Arc::new(KnownRoles::default());
        let mut read = known.of_read();
        let look = |read: &mut RolesOfRead| read.look(OrgKey(1), ObjectId([1; 12]), Timestamp(5));
        assert_eq!(look(&mut read), None);
        let kept = known.keep(OrgKey(1), role(1, &[]), Timestamp(5));
        assert_eq!(look(&mut read), None);
        assert_eq!(look(&mut known.of_read()), Some(kept));
    }

    #[test]
    fn what_roles_may_do_is_kept_once_for_all_that_may_do_the_same() {
        let known = KnownRoles::default();
        let one = known.keep(OrgKey(1), role(1, &[Grant::allow(names::ROLE_GET_ROLE)]), Timestamp(1));
        let same = known.keep(OrgKey(2), role(2, &[Grant::allow(names::ROLE_GET_ROLE)]), Timestamp(2));
        let other = known.keep(OrgKey(2), role(3, &[Grant::allow(names::ROLE_CREATE_ROLE)]), Timestamp(2));
        assert!(Arc::ptr_eq(&one.grants, &same.grants));
        assert!(!Arc::ptr_eq(&one.grants, &other.grants));
    }
}
