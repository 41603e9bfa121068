//! Looks, beside all work, for a server that has taken over.
//!
//! A primary that dies breaks its connections, and whoever made them looks for another server. One that is frozen, or cut
//! off from its standby, breaks none: statements would wait on it for as long as statements may take, or be answered from
//! what is old by now. So the other servers of the URL are asked every second whether they are standbys still.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select};
use tokio::sync::oneshot;

use super::hosts::{Hosts, View};
use crate::error::{Result, StoreError};

const EVERY: Duration = Duration::from_secs(1);

/// A thread that looks; it ends soon after this is dropped.
pub(crate) struct Lookout(
    #[allow(dead_code, reason = "its end is what the thread waits for")] oneshot::Sender<()>,
);

impl Lookout {
    /// None where there is one server only.
    pub(crate) fn start(hosts: &Arc<Hosts>) -> Result<Option<Self>> {
        if !hosts.have_a_choice() {
            return Ok(None);
        }
        let failed = |error: std::io::Error| StoreError::Io(format!("no lookout could be started: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let hosts = Arc::clone(hosts);
        let (keeper, end) = oneshot::channel();
        std::thread::Builder::new()
            .name("denizen-lookout".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    select(std::pin::pin!(look(&hosts)), end).await;
                });
            })
            .map_err(failed)?;
        Ok(Some(Self(keeper)))
    }
}

async fn look(hosts: &Hosts) {
    let mut views: Vec<View> = (0..hosts.number()).map(View::new).collect();
    loop {
        let first = hosts.first();
        let looks = views.iter_mut().enumerate().map(async |(at, view)| {
            // The one that is used needs no look: whoever uses it sees how it is.
            if at == first {
                *view = View::new(at);
            } else if let Some(course) = view.look(hosts).await {
                hosts.note(at, course);
            }
        });
        join_all(looks).await;
        tokio::time::sleep(EVERY).await;
    }
}
