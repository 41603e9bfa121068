//! Going on where an import was cut off, after any batch.

use super::*;

fn file() -> String {
    (0..700)
        .map(|n| match n % 7 {
            3 => format!("u{n}@x.org;N;;admin;weak\n"),
            5 => format!("u{}@x.org;N;;admin;Abcde1\n", n - 1),
            _ => format!("u{n}@x.org;N;;admin;Abcde1\n"),
        })
        .collect()
}

fn resumable(id: Uuid) -> ImportPlan {
    ImportPlan { import_id: Some(id), ..plan() }
}

#[tokio::test]
async fn an_import_that_was_cut_off_goes_on_and_tells_the_same_as_one_that_was_not() {
    let text = file();
    let whole = Team::new().await;
    let (created, told) = whole.import(&text).await;
    assert_eq!((created, told.len()), (500, 200));

    let team = Team::new().await;
    let id = team.server.directory().import_id(&team.by, &[7; 32]);
    let mut log = Log::default();
    let mut cuts = 0;
    loop {
        let resumed = team.server.directory().claim_operator_import(&team.by, id).await.unwrap();
        // What was told after the last batch that was written is not there any more.
        log.lines.truncate(usize::try_from(resumed.errors_bytes).unwrap());
        let plan = ImportPlan { resumed: Some(resumed), ..resumable(id) };
        let entries = team.entries(&text);
        let (done, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let mut progress = move |now: ImportProgress| done.send(now).unwrap();
        let work =
            team.server.directory().import_operators(&team.by, entries, &plan, &mut log, &mut progress);
        // Dropped after one batch, with others prepared and perhaps half told.
        let ended = tokio::select! {
            biased;
            _ = seen.recv() => None,
            ended = work => Some(ended.unwrap()),
        };
        cuts += 1;
        if let Some(ended) = ended {
            assert_eq!((ended.created, ended.failed, ended.done), (500, 200, 700));
            break;
        }
        assert!(cuts < 10);
    }
    assert!(cuts > 1, "it was cut off");
    assert_eq!(log.lines, told);
    assert_eq!(team.operators().await.len(), 500);
    let left = team.server.directory().find_operator_import(&team.by, id).await.unwrap();
    assert_eq!(left, None, "an import that is over is forgotten");
    // Given once more, it begins from the beginning.
    let again = team.run(&text, &resumable(id), &mut Log::default()).await.unwrap();
    assert_eq!((again.created, again.failed), (0, 700));
}

#[tokio::test]
async fn who_goes_on_with_what_somebody_else_has_moved_on_is_refused() {
    let team = Team::new().await;
    let text = file();
    let id = team.server.directory().import_id(&team.by, &[7; 32]);
    let plan = resumable(id);
    let (done, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut progress = move |now: ImportProgress| done.send(now).unwrap();
    let mut log = Log::default();
    let entries = team.entries(&text);
    let work = team.server.directory().import_operators(&team.by, entries, &plan, &mut log, &mut progress);
    tokio::select! {
        biased;
        _ = seen.recv() => {}
        ended = work => panic!("{ended:?}"),
    }
    // As if it had looked before the other one began.
    let refused = team.run(&text, &plan, &mut Log::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "The same file is being imported by somebody else");
}

#[tokio::test]
async fn who_is_at_an_import_that_somebody_else_takes_over_is_refused() {
    let team = Team::new().await;
    let text = file();
    let directory = team.server.directory();
    let id = directory.import_id(&team.by, &[7; 32]);
    let first = directory.claim_operator_import(&team.by, id).await.unwrap();
    let second = directory.claim_operator_import(&team.by, id).await.unwrap();
    let plan = |resumed| ImportPlan { resumed: Some(resumed), ..resumable(id) };
    let refused = team.run(&text, &plan(first), &mut Log::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "The same file is being imported by somebody else");
    assert_eq!(team.operators().await.len(), 0, "nothing is made by who was refused");
    let done = team.run(&text, &plan(second), &mut Log::default()).await.unwrap();
    assert_eq!((done.created, done.failed), (500, 200));
}

#[tokio::test]
async fn the_id_of_an_import_is_of_the_file_the_organization_and_the_policy() {
    let team = Team::new().await;
    let other = Team::at(team.server.clone(), "other").await;
    let directory = team.server.directory();
    let id = directory.import_id(&team.by, &[7; 32]);
    assert_eq!(id, directory.import_id(&team.by, &[7; 32]));
    assert_ne!(id, directory.import_id(&team.by, &[8; 32]));
    assert_ne!(id, directory.import_id(&other.by, &[7; 32]));
}
