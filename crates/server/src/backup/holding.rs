//! One state of all databases of an installation.
//!
//! Each database is held at a moment of its own, a few milliseconds apart. Whatever belongs to one organization lies in one
//! database, so only the map could fall apart: it is looked at again after the last database, and must be as it was.

use std::path::Path;

use denizen_store::{Map, Snapshot};

use super::manifest::MAIN;
use super::writing::Source;
use crate::config::{Config, Place, SecretUrl};
use crate::refusal::of_store;
use crate::report::Failure;

/// How often it is begun anew because organizations were made, deleted or moved meanwhile.
const ATTEMPTS: usize = 20;
const LATER: &str =
    "make the backup when they have been moved: `denizen org list` shows where each one lives";

/// What is copied, and what is not.
pub struct Held {
    pub sources: Vec<Source>,
    /// The clusters that lie in PostgreSQL.
    pub not_included: Vec<String>,
}

impl Held {
    /// `file` is the database of `main`, in which the control store lies.
    pub fn take(config: &Config, file: &Path) -> Result<Self, Failure> {
        let of_main = |error| of_store(&error, config);
        for _ in 0..ATTEMPTS {
            let main = Snapshot::take(file).map_err(of_main)?;
            let map = main.map().map_err(of_main)?;
            if !map.moving.is_empty() {
                let names: Vec<&str> = map.moving.iter().map(|(slug, _)| slug.as_str()).collect();
                return Err(Failure::new(
                    format!("organizations are being moved to another cluster: {}", names.join(", ")),
                    LATER,
                ));
            }
            let installation = main.belonging().map_err(of_main)?.map(|(installation, _)| installation);
            let mut held = Self {
                sources: vec![Source { cluster: MAIN.to_owned(), snapshot: main }],
                not_included: Vec::new(),
            };
            for (cluster, url) in &map.clusters {
                match Place::of(&SecretUrl::from(url.clone())) {
                    Place::Postgres(_) => held.not_included.push(cluster.clone()),
                    Place::Sqlite(path) => {
                        held.sources.push(take_cluster(cluster, &path, installation.as_deref())?);
                    }
                }
            }
            if held.sources.len() == 1 || is_as_before(file, &map).map_err(of_main)? {
                return Ok(held);
            }
        }
        Err(Failure::new(
            "organizations are being made, deleted or moved all the time, so no common state of all clusters could be held",
            "try again when less of that is done",
        ))
    }
}

fn is_as_before(file: &Path, map: &Map) -> Result<bool, denizen_store::StoreError> {
    Ok(Snapshot::take(file)?.map()? == *map)
}

fn take_cluster(cluster: &str, path: &Path, installation: Option<&[u8]>) -> Result<Source, Failure> {
    let refused = |reason: String| {
        Failure::new(
            format!("the database {} of the cluster {cluster} cannot be copied: {reason}", path.display()),
            "`denizen cluster check` says what is wrong with it",
        )
    };
    let snapshot = Snapshot::take(path).map_err(|error| refused(error.to_string()))?;
    let belonging = snapshot.belonging().map_err(|error| refused(error.to_string()))?;
    let is_it =
        belonging.is_some_and(|(found, name)| Some(found.as_slice()) == installation && name == cluster);
    if !is_it {
        return Err(refused("it is another one".to_owned()));
    }
    Ok(Source { cluster: cluster.to_owned(), snapshot })
}
