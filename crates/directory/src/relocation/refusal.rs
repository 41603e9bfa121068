//! Why an organization was not moved.

use std::fmt;

use denizen_domain::text::ClusterName;
use denizen_domain::time::Timestamp;
use denizen_store::StoreError;
use denizen_store::relocation::Difference;

use crate::error::{Error, ErrorCode};

/// Why an organization was not moved. It lives where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveError {
    /// Also when it was deleted meanwhile.
    OrganizationNotFound,
    ClusterNotFound(ClusterName),
    AlreadyThere(ClusterName),
    /// Somebody else moves it, and is alive.
    UnderWay {
        target: Option<ClusterName>,
        since: Option<Timestamp>,
    },
    /// A cluster's database cannot be used: it cannot be reached, is another one, or was made by a newer denizen.
    Unreachable(ClusterName, StoreError),
    /// So many of its jobs were still worked on.
    Busy(i64),
    /// What lies in the target from an earlier attempt is being erased.
    TargetTaken(ClusterName),
    /// The copy is not what it is a copy of.
    Differs(Vec<Difference>),
    /// Somebody has cancelled it, or this mover was not heard of for too long.
    Lost,
    /// Whoever called has stopped it.
    Stopped,
    /// There is no move to cancel.
    NotMoving,
    /// It has arrived.
    TooLate(ClusterName),
    Store(StoreError),
    Directory(Error),
}

impl From<Error> for MoveError {
    fn from(error: Error) -> Self {
        match error.cause() {
            Some(cause) => cause.clone().into(),
            None if error.code == ErrorCode::OrganizationNotFound => Self::OrganizationNotFound,
            None => Self::Directory(error),
        }
    }
}

impl fmt::Display for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OrganizationNotFound => f.write_str("there is no such organization"),
            Self::ClusterNotFound(name) => write!(f, "there is no cluster {name}"),
            Self::AlreadyThere(name) => write!(f, "the organization lives in the cluster {name} already"),
            Self::UnderWay { target: Some(target), .. } => {
                write!(f, "somebody else is moving the organization to the cluster {target}")
            }
            Self::UnderWay { .. } => f.write_str("somebody else is moving the organization"),
            Self::Unreachable(name, error) => write!(f, "the cluster {name} cannot be used: {error}"),
            Self::Busy(jobs) => write!(f, "{jobs} of the organization's jobs are still worked on"),
            Self::TargetTaken(name) => {
                write!(f, "what an earlier attempt has copied to the cluster {name} is being erased")
            }
            Self::Differs(differences) => {
                f.write_str("the copy differs from what it is a copy of:")?;
                for one in differences {
                    write!(f, " {} has {} rows of {};", one.table, one.target.rows, one.source.rows)?;
                }
                Ok(())
            }
            Self::Lost => {
                f.write_str("the move was cancelled or taken over, or this process was held up for too long")
            }
            Self::Stopped => f.write_str("the move was stopped"),
            Self::NotMoving => f.write_str("nobody is moving the organization"),
            Self::TooLate(name) => write!(f, "the organization has arrived in the cluster {name}"),
            Self::Store(error) => error.fmt(f),
            Self::Directory(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for MoveError {}
