//! The worker's part, step by step and in the hands of the test: mails are looked at instead of sent.

use denizen_directory::jobs::{LeasedJob, Task};
use denizen_domain::mail::Mail;

use crate::server::TestServer;

impl TestServer {
    /// Runs every job that is due until none is, and answers the mails that would have been sent.
    pub async fn run_jobs(&self) -> Vec<Mail> {
        let mut mails = Vec::new();
        loop {
            let leased = self.lease_jobs().await;
            if leased.is_empty() {
                return mails;
            }
            for job in leased {
                if let Task::Send(mail) = self.directory().prepare_job(&job).await.unwrap() {
                    mails.push(mail);
                }
                self.directory().finish_job(&job).await.unwrap();
            }
        }
    }

    /// The jobs that are due, taken by this process.
    pub async fn lease_jobs(&self) -> Vec<LeasedJob> {
        self.directory().lease_jobs(100).await.unwrap()
    }
}
