//! One slot of each kind, and few queued runs: what a history loses or gives twice shows.

use windlass_application::ports::WriteError;
use windlass_domain::run::{RunCommand, RunState};
use windlass_domain::slot::{Caps, Exceeded, Overflow};
use windlass_domain::task::Concurrency;

use crate::stage::{Stage, output, seconds, success};
use crate::store::done;

/// Caps that leave one live session, and few queued runs.
pub const STRICT: Caps = Caps {
    sessions: 1,
    queued: 8,
    overflow: Overflow::Wait,
};

/// One run at a time for a credential, and at a source.
pub fn one_at_a_time() -> Option<Concurrency> {
    Some(Concurrency {
        per_credential: Some(1),
        per_source: Some(1),
    })
}

/// Nothing is left of a history: under [`STRICT`] caps and with [`one_at_a_time`], one run may be
/// leased and no second, and as many be queued as may, and no more.
pub async fn nothing_is_taken(stage: &Stage<'_>) {
    let worker = stage
        .fixture
        .ports
        .workers
        .register(None, "last", None)
        .await;
    let stage = Stage {
        worker: worker.expect("a first start").holder,
        fixture: stage.fixture,
        task: stage.task.clone(),
        source: stage.source.clone(),
        credential: stage.credential.clone(),
    };
    let mut runs = Vec::new();
    for _ in 0..STRICT.queued {
        stage.pass(seconds(1));
        runs.push(stage.started().await);
    }
    let one_more = stage.new_run();
    let refused = stage
        .fixture
        .ports
        .runs
        .start(stage.fixture.write(), one_more)
        .await;
    let is_full = matches!(
        refused,
        Err(WriteError::Exceeded(Exceeded::Queued { cap: 8 }))
    );
    assert!(is_full, "{refused:?}");

    for run in &runs {
        let leased = stage.lease(stage.lease_request()).await.runs;
        assert_eq!(leased.len(), 1, "one at a time");
        assert_eq!(leased[0].run.id, run.id);
        let said = stage.say(&leased[0].run, success(output())).await;
        if let RunState::ReviewRequired { .. } = said.state {
            let approve = RunCommand::Approve { output: None };
            stage.command(run.id, approve).await.expect("it waits");
        }
    }
    assert_eq!(stage.next().await, None);
    done(
        stage
            .fixture
            .ports
            .runs
            .start(stage.fixture.write(), stage.new_run())
            .await
            .expect("nothing is queued any more"),
    );
}
