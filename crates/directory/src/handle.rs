//! The handle that everything above the rules holds.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use denizen_domain::ids::OrgKey;
use denizen_domain::operator::PasswordPolicy;
use denizen_domain::text::ClusterName;
use denizen_domain::time::Timestamp;
use denizen_store::{Clusters, Conn, ReplicaState, Tx};

use crate::cursors::Cursors;
use crate::environment::Environment;
use crate::erasing::ScrubPace;
use crate::error::{ErrorCode, Result};
use crate::known_roles::KnownRoles;
use crate::operator_sessions::{SignInSettings, Throttle};
use crate::organizations::Organizations;
use crate::passwords::{PasswordSettings, Passwords};
use crate::sessions::Sessions;
use crate::signing_keys::SigningKeys;

/// How often a write is begun that meets gates: an organization does not move again and again.
const MOST_ATTEMPTS: u32 = 3;

/// What an installation sets of the rules.
#[derive(Debug, Clone)]
pub struct DirectorySettings {
    /// How long a token is valid, in minutes.
    pub token_minutes: i64,
    /// How long a link that signs in is valid, in minutes.
    pub magic_link_minutes: i64,
    /// How long a link that confirms an address is valid, in days.
    pub verify_link_days: i64,
    /// The most users on a page of a list, and how many there are when nobody asks for a number.
    pub page_limit: usize,
    /// The most users that a search answers.
    pub search_results: i64,
    /// How this installation is reached, without a slash at the end; stands before the paths in mails.
    pub public_url: String,
    /// How often a job is tried before it is given up.
    pub job_attempts: i64,
    /// Whether rate limits hold over all processes on one database, or in each of them; `None` leaves it to the engine:
    /// where several processes are the rule, they hold over all.
    pub share_limits: Option<bool>,
    /// How long what arrived about a user is kept while the user has not come, in days.
    pub awaited_user_days: i64,
    /// The organizations whose users may be linked with accounts at identity providers, by slug; `None` is every one.
    /// The credentials at a provider are the installation's, so linking an account is being able to have it deleted.
    pub account_organizations: Option<BTreeSet<String>>,
    pub passwords: PasswordSettings,
    pub sign_in: SignInSettings,
    /// How long a link with which an operator sets a password is valid, in days.
    pub operator_link_days: i64,
    /// What the passwords of operators must have.
    pub password_policy: PasswordPolicy,
    /// The most bytes of an operator's image.
    pub operator_image_bytes: usize,
}

impl Default for DirectorySettings {
    fn default() -> Self {
        Self {
            token_minutes: 60,
            magic_link_minutes: 15,
            verify_link_days: 7,
            page_limit: 600,
            search_results: 1_000,
            public_url: "http://127.0.0.1:8080".to_owned(),
            job_attempts: 12,
            share_limits: None,
            awaited_user_days: 30,
            account_organizations: None,
            passwords: PasswordSettings::default(),
            sign_in: SignInSettings::default(),
            operator_link_days: 3,
            password_policy: PasswordPolicy::default(),
            operator_image_bytes: 256 << 10,
        }
    }
}

/// The user directory. Cloning shares it.
#[derive(Clone)]
pub struct Directory {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) stores: Clusters,
    pub(crate) environment: Environment,
    pub(crate) settings: DirectorySettings,
    pub(crate) signing_keys: SigningKeys,
    pub(crate) passwords: Passwords,
    pub(crate) organizations: Organizations,
    pub(crate) sessions: Sessions,
    pub(crate) known_roles: Arc<KnownRoles>,
    pub(crate) throttle: Throttle,
    pub(crate) cursors: Cursors,
    /// Told when a job was enqueued, so that a worker in this process need not wait for its next look.
    pub(crate) job_signal: jobs_signal::JobSignal,
    /// Which cluster is the first to be looked through for jobs.
    pub(crate) job_turn: AtomicUsize,
    pub(crate) scrub_pace: ScrubPace,
}

pub(crate) mod jobs_signal {
    //! A wake-up for the worker of this process; a lost one costs only the time until its next look.

    use std::sync::{Arc, Mutex, PoisonError};

    /// What is run when a job was enqueued.
    pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

    #[derive(Default)]
    pub(crate) struct JobSignal(Mutex<Option<Waker>>);

    impl JobSignal {
        pub(crate) fn set(&self, waker: Waker) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
        }

        pub(crate) fn wake(&self) {
            let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(waker) = waker {
                waker();
            }
        }
    }
}

impl Directory {
    /// Opens the directory over an installation's databases; makes the signing keys when there are none yet.
    ///
    /// # Errors
    /// When the first of them is another cluster of an installation, beside what can go wrong with a store.
    pub async fn open(
        stores: impl Into<Clusters>,
        environment: Environment,
        settings: DirectorySettings,
    ) -> Result<Self> {
        let stores = stores.into();
        stores.found(environment.uuid()).await?;
        let signing_keys = SigningKeys::open(&stores, &environment).await?;
        let passwords = Passwords::start(settings.passwords, &environment)?;
        Ok(Self {
            inner: Arc::new(Inner {
                stores,
                environment,
                settings,
                signing_keys,
                passwords,
                organizations: Organizations::default(),
                sessions: Sessions::default(),
                known_roles: Arc::default(),
                throttle: Throttle::default(),
                cursors: Cursors::default(),
                job_signal: jobs_signal::JobSignal::default(),
                job_turn: AtomicUsize::default(),
                scrub_pace: ScrubPace::default(),
            }),
        })
    }

    pub fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    pub fn settings(&self) -> &DirectorySettings {
        &self.inner.settings
    }

    pub fn now(&self) -> Timestamp {
        self.inner.environment.now()
    }

    /// The threads that hash passwords.
    pub fn passwords(&self) -> &Passwords {
        &self.inner.passwords
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.inner.stores.main().ping().await?)
    }

    /// What is known of the replicas, where there are any, by the clusters that they are of.
    pub fn replicas(&self) -> Vec<(ClusterName, ReplicaState)> {
        self.inner.stores.replica_states()
    }

    /// Finishes what was acknowledged and closes the databases.
    pub fn close(&self) {
        self.inner.stores.close();
    }

    pub(crate) fn stores(&self) -> &Clusters {
        &self.inner.stores
    }

    /// A write transaction whose errors are those of the rules, where the organization lives. When it is refused there
    /// because the organization has gone elsewhere meanwhile, it is done there.
    ///
    /// # Errors
    /// [`ErrorCode::OrganizationMoving`]; [`ErrorCode::OrganizationNotFound`] when it was deleted meanwhile.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        org: OrgKey,
        closure: impl FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_past_gates(org, closure, false).await
    }

    /// As [`Self::write`], for what only adds a few rows: it may share a transaction with others.
    pub(crate) async fn write_together<T: Send + 'static>(
        &self,
        org: OrgKey,
        closure: impl FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_past_gates(org, closure, true).await
    }

    async fn write_past_gates<T: Send + 'static, F: FnMut(&Tx<'_>) -> Result<T> + Send + 'static>(
        &self,
        org: OrgKey,
        closure: F,
        together: bool,
    ) -> Result<T> {
        // The closure outlives an attempt that is refused.
        let closure = Arc::new(Mutex::new(closure));
        for attempt in 0..MOST_ATTEMPTS {
            let shared = Arc::clone(&closure);
            let run = move |tx: &Tx<'_>| (shared.lock().unwrap_or_else(PoisonError::into_inner))(tx);
            let written = if together {
                self.inner.stores.write_together(org, run).await
            } else {
                self.inner.stores.write(org, run).await
            };
            match written {
                Err(error) if error.code == ErrorCode::OrganizationMoving && attempt + 1 < MOST_ATTEMPTS => {
                    // Boxed: it is rarely gone, and would make every write's future larger.
                    let passed: Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> =
                        Box::pin(self.pass_gate(org));
                    passed.await?;
                }
                result => return result,
            }
        }
        Err(ErrorCode::OrganizationMoving.into())
    }

    /// A write in the control store, or in a table of `main` that no gate shuts.
    pub(crate) async fn write_main<T: Send + 'static>(
        &self,
        org: OrgKey,
        closure: impl FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.stores.main().write_barred(org, closure).await
    }

    /// A read of a few rows that only the store can fail.
    pub(crate) async fn query<T: Send + 'static>(
        &self,
        org: OrgKey,
        closure: impl FnMut(&Conn<'_>) -> denizen_store::Result<T> + Send + 'static,
    ) -> Result<T> {
        Ok(self.inner.stores.read(org, closure).await?)
    }

    /// As [`Self::query`], for what is only shown: what other processes wrote a moment ago may be missing.
    pub(crate) async fn query_recent<T: Send + 'static>(
        &self,
        org: OrgKey,
        closure: impl FnMut(&Conn<'_>) -> denizen_store::Result<T> + Send + 'static,
    ) -> Result<T> {
        Ok(self.inner.stores.read_recent(org, closure).await?)
    }

    /// As [`Self::read`], for what is only shown: what other processes wrote a moment ago may be missing.
    pub(crate) async fn read_recent<T: Send + 'static>(
        &self,
        org: OrgKey,
        closure: impl FnMut(&Conn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.stores.read_recent(org, closure).await
    }

    /// A read of a few rows whose errors are those of the rules.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        org: OrgKey,
        closure: impl FnMut(&Conn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.stores.read(org, closure).await
    }
}
