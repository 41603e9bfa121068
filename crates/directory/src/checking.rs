//! Looking the databases over, for `denizen check`: each with what the map says of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use denizen_domain::ids::OrgKey;
use denizen_domain::text::ClusterName;
pub use denizen_store::check::{Doing, Kind, Step, Watch};
use denizen_store::check::{Mapped, Placement, Report, SIGNING, UNREACHABLE, UNREGISTERED, mapped};
use denizen_store::{Conn, StoreError, control};

use crate::clusters::erased_in;
use crate::error::Result;
use crate::handle::Directory;

/// What looking over has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    pub findings: Vec<Finding>,
    /// The clusters whose databases were to be looked over, `main` first.
    pub clusters: Vec<ClusterName>,
    /// What could not be looked at, and how it can be; a sentence each.
    pub unseen: Vec<String>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub cluster: ClusterName,
    pub kind: Kind,
    /// Whose rows it is in; `None` where it is in no organization's.
    pub org: Option<OrgKey>,
    /// Its short name, where the map has one.
    pub slug: Option<String>,
    pub place: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.cluster.is_main() {
            write!(f, "{}: ", self.cluster)?;
        }
        match (&self.slug, self.org) {
            (Some(slug), _) => write!(f, "{slug}: ")?,
            (None, Some(org)) => write!(f, "org_id {}: ", org.0)?,
            (None, None) => {}
        }
        write!(f, "{}: {}", self.kind.what, self.place)
    }
}

impl Directory {
    /// Looks every cluster's database over; `watch` is told now and then how far it is. Reads everything and changes nothing;
    /// on SQLite it blocks this thread for as long.
    ///
    /// # Errors
    /// When the control store cannot be read. Of another cluster that is a finding.
    pub async fn look_over(&self, watch: Watch) -> Result<Looked> {
        let mut looked = Looked::default();
        let report = self.stores().main().look_over(Placement::Own, Arc::clone(&watch)).await?;
        looked.add(&ClusterName::MAIN, report);
        // Where the map cannot be read, what was found in it is why.
        let registered = match self.stores().registered().await {
            Ok(registered) => registered,
            Err(_) if !looked.findings.is_empty() => return Ok(looked),
            Err(error) => return Err(error.into()),
        };
        if self.inner.signing_keys.were_gone {
            looked.tell(&ClusterName::MAIN, one(SIGNING, None, "signing_key".to_owned()));
        }
        let map = match self.query(OrgKey::CONTROL, control::list_organizations).await {
            Ok(map) => map,
            Err(_) if !looked.findings.is_empty() => return Ok(looked),
            Err(error) => return Err(error),
        };
        for mapped in &map {
            let cluster = &mapped.cluster;
            if !cluster.is_main() && registered.iter().all(|known| known.name != *cluster) {
                looked.tell(&ClusterName::MAIN, one(UNREGISTERED, Some(mapped.org), cluster.to_string()));
            }
        }
        for cluster in registered {
            let report = self.look_over_cluster(&cluster.name, &watch).await;
            looked.add(&cluster.name, report.unwrap_or_else(|error| unreachable(&error)));
        }
        let names: BTreeMap<OrgKey, String> =
            map.into_iter().map(|one| (one.org, one.slug.as_str().to_owned())).collect();
        for finding in &mut looked.findings {
            finding.slug = finding.org.and_then(|org| names.get(&org).cloned());
        }
        Ok(looked)
    }

    /// The map and the database are read one after the other, and organizations come and go meanwhile. So the map is read
    /// before and after, and of one that is not where it was nothing is said.
    async fn look_over_cluster(&self, cluster: &ClusterName, watch: &Watch) -> Result<Report, StoreError> {
        let store = self.stores().at(cluster).await?;
        let before = self.mapped(cluster).await?;
        let mut report = store.look_over(Placement::Elsewhere(before.clone()), Arc::clone(watch)).await?;
        let after = self.mapped(cluster).await?;
        report.findings.retain(|finding| {
            finding.org.is_none_or(|org| {
                before.here.contains(&org) == after.here.contains(&org)
                    && before.moving.contains(&org) == after.moving.contains(&org)
            })
        });
        Ok(report)
    }

    async fn mapped(&self, cluster: &ClusterName) -> Result<Mapped, StoreError> {
        let cluster = cluster.clone();
        let read = move |conn: &Conn<'_>| {
            let mut mapped = mapped(conn, &cluster)?;
            // The jobs that erase what an organization has left in another cluster lie in the control store, too.
            mapped.moving.extend(erased_in(conn, &cluster)?);
            Ok(mapped)
        };
        self.stores().main().read(OrgKey::CONTROL, read).await
    }

    /// As [`Self::look_over`]; a line for each finding, none when all is well.
    pub async fn check(&self) -> Result<Vec<String>> {
        let looked = self.look_over(Arc::new(|_| ())).await?;
        Ok(looked.findings.iter().map(ToString::to_string).collect())
    }
}

/// What is known of a database that does not answer.
fn unreachable(error: &StoreError) -> Report {
    one(UNREACHABLE, None, error.to_string())
}

fn one(kind: Kind, org: Option<OrgKey>, place: String) -> Report {
    let finding = denizen_store::check::Finding { kind, org, place };
    Report { findings: vec![finding], unseen: Vec::new() }
}

impl Looked {
    fn add(&mut self, cluster: &ClusterName, report: Report) {
        self.clusters.push(cluster.clone());
        self.tell(cluster, report);
    }

    fn tell(&mut self, cluster: &ClusterName, report: Report) {
        let named = |finding: denizen_store::check::Finding| Finding {
            cluster: cluster.clone(),
            kind: finding.kind,
            org: finding.org,
            slug: None,
            place: finding.place,
        };
        self.findings.extend(report.findings.into_iter().map(named));
        let of_cluster = |sentence: String| {
            if cluster.is_main() { sentence } else { format!("in the cluster {cluster}: {sentence}") }
        };
        self.unseen.extend(report.unseen.into_iter().map(of_cluster));
    }
}
