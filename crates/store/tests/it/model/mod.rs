//! Random operations against a plain model: an engine must answer what the model answers, and so both engines the same.
//!
//! A failure names its seed; `DENIZEN_TEST_SEED` runs that seed, or any other, alone.

mod chance;
mod memory;
mod steps;
pub(crate) mod trial;

use std::env;

use self::trial::Trial;
use crate::support::{TestStore, all};

pub(crate) fn seeds(usual: &[u64]) -> Vec<u64> {
    match env::var("DENIZEN_TEST_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => usual.to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_operations_are_answered_as_a_plain_model_answers_them() {
    // At the same time, for most of it is waiting.
    let trials = seeds(&[1, 2]).into_iter().map(|seed| async move {
        let mut trial = Trial::new(seed, vec![TestStore::empty()]).await;
        trial.run(500).await;
    });
    all(trials.collect()).await;
}

/// So large that PostgreSQL does not find everybody among the users that it looks through first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_operations_in_a_large_directory_are_answered_as_a_plain_model_answers_them() {
    for seed in seeds(&[4]) {
        let mut trial = Trial::new(seed, vec![TestStore::empty()]).await;
        trial.crowd(1_150).await;
        trial.run(250).await;
    }
}
