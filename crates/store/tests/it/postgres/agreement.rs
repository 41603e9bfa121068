//! Both engines in one process: each must answer what the plain model answers, and so what the other one does.

use crate::model::seeds;
use crate::model::trial::Trial;
use crate::support::TestStore;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_answer_random_operations_alike() {
    let Some(postgres) = TestStore::postgres() else { return };
    let seed = seeds(&[5])[0];
    let mut trial = Trial::new(seed, vec![TestStore::sqlite(), postgres]).await;
    trial.run(500).await;
}
