//! What a command to a run promises.

use serde_json::json;
use windlass_application::ports::WriteError;
use windlass_application::ports::deliveries::DeliveryFilter;
use windlass_domain::Timestamp;
use windlass_domain::credential::CredentialStatus;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{DestinationId, EventId};
use windlass_domain::run::{
    AfterRun, CredentialReport, ErrorCode, Finish, FinishOutcome, Refusal, RunCommand, RunState,
    Status, WorkerCommand,
};
use windlass_domain::session::SessionStatus;
use windlass_domain::task::{Priority, Review};

use crate::stage::{
    Stage, answer, cancel, failure, finish, output, question, sealed, seconds, success,
};
use crate::store::{Fixture, first_page};

/// Another organization's run is not found, whatever is asked of it.
pub async fn a_strangers_run_is_not_found(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;
    let stranger = fixture.stranger;
    let runs = &fixture.ports.runs;

    let commanded = runs
        .command(fixture.write_of(stranger), run.id, cancel(), None)
        .await;
    let timeline = runs
        .timeline(stranger, run.id)
        .await
        .expect("the store reads");
    let session = fixture.ports.sessions.get(stranger, run.session_id).await;

    assert!(
        matches!(commanded, Err(WriteError::NotFound)),
        "{commanded:?}"
    );
    assert_eq!(stage.view_of(stranger, run.id).await, None);
    assert_eq!(timeline, []);
    assert_eq!(session.expect("the store reads"), None);
    assert_eq!(stage.run(run.id).await, run, "it is as it was");
}

/// A finish completes the run, keeps its output, and frees its session.
pub async fn a_finish_completes_the_run_with_its_output(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    stage.pass(seconds(5));

    let finished = stage
        .try_say(run.id, run.epoch, success(output()), None)
        .await;

    let finished = finished.expect("it is running");
    assert_eq!(finished.run.run.status(), Status::Completed);
    assert_eq!(finished.run.output, Some(output()));
    let ended_at = finished.run.run.updated_at;
    assert_eq!(ended_at, fixture.now());
    assert_eq!(finished.run.run.runtime, ended_at.since(run.updated_at));
    assert_eq!(stage.view(run.id).await, finished.run);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Idle);
    let expected = [
        "session.queued",
        "task_run.queued",
        "session.running",
        "task_run.running",
        "task_run.completed",
        "session.idle",
    ];
    assert_eq!(stage.events().await, expected);
}

/// A worker that did not hear the answer says the same again, and gets the same answer.
pub async fn a_repeated_finish_gets_the_same_answer(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let first = stage
        .try_say(run.id, run.epoch, success(output()), None)
        .await;
    let events = stage.events().await;
    stage.pass(seconds(5));

    let second = stage
        .try_say(run.id, run.epoch, success(output()), None)
        .await;
    let other = stage
        .try_say(run.id, run.epoch, failure(ErrorCode::TaskFailed), None)
        .await;

    assert_eq!(
        second.expect("it was heard").run,
        first.expect("it is running").run
    );
    assert!(matches!(other, Err(WriteError::Refused(_))), "{other:?}");
    assert_eq!(stage.events().await, events);
}

/// A command that the lifecycle refuses changes neither the run nor its session, and has no event.
pub async fn a_refusal_changes_nothing(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let asking = stage.asking(None).await;
    let session = stage.session(asking.session_id).await;
    let events = stage.events().await;

    let canceled = stage.command(asking.id, cancel()).await;
    let finished = stage
        .try_say(asking.id, asking.epoch, success(output()), None)
        .await;

    let is_refused = matches!(
        canceled,
        Err(WriteError::Refused(Refusal::NotCancelable {
            status: Status::InteractionRequired
        }))
    );
    assert!(is_refused, "{canceled:?}");
    assert!(
        matches!(finished, Err(WriteError::Refused(_))),
        "{finished:?}"
    );
    assert_eq!(stage.run(asking.id).await, asking);
    assert_eq!(stage.session(asking.session_id).await, session);
    assert_eq!(stage.events().await, events);
}

/// Of two writers at once one wins; the other's refusal changes nothing.
pub async fn of_two_writers_at_once_one_wins(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let said = |digest, amount| {
        let output = json!({"amount": amount});
        let command = finish(digest, FinishOutcome::Success { output });
        stage.try_say(run.id, run.epoch, command, None)
    };

    let (one, two) = tokio::join!(said(1, 1), said(2, 2));

    let (won, lost) = match (one, two) {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
        both => panic!("one wins: {both:?}"),
    };
    assert!(matches!(lost, WriteError::Refused(_)), "{lost:?}");
    assert_eq!(stage.view(run.id).await, won.run);
    let events = stage.events().await;
    let completed = events.iter().filter(|it| **it == "task_run.completed");
    assert_eq!(completed.count(), 1);
}

/// Of an answer and a decline at once one is heard.
pub async fn of_two_answers_at_once_one_is_heard(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.asking(None).await;

    let (answered, declined) = tokio::join!(
        stage.command(run.id, answer(&run)),
        stage.command(run.id, RunCommand::Decline)
    );

    assert_eq!(answered.is_ok(), declined.is_err());
    let expected = if answered.is_ok() {
        Status::Running
    } else {
        Status::Failed
    };
    assert_eq!(stage.status(run.id).await, expected);
}

/// An answer that was checked against one question is none to the next: it changes nothing.
pub async fn an_answer_to_an_earlier_question_is_refused(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.asking(None).await;
    stage
        .say(&first, WorkerCommand::Withdraw { attempt: None })
        .await;
    let second = stage.say(&first, question(2, None)).await;
    let events = stage.events().await;

    let late = stage.command(first.id, answer(&first)).await;

    let is_refused = matches!(
        late,
        Err(WriteError::Refused(Refusal::OtherInteraction { .. }))
    );
    assert!(is_refused, "{late:?}");
    assert_eq!(stage.run(first.id).await, second);
    assert_eq!(stage.events().await, events);
    let answered = stage.command(first.id, answer(&second)).await;
    assert_eq!(
        answered.expect("it asks this").run.run.status(),
        Status::Running
    );
}

/// Every event of what happened has its delivery; what was refused has neither.
pub async fn deliveries_are_made_with_the_events(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let destination = fixture.destination().await;
    let before = fixture.events_of(fixture.organization).await.len();
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;
    let refused = stage.command(run.id, cancel()).await;

    let events = fixture.events_of(fixture.organization).await;
    let mut told: Vec<_> = events[before..].iter().map(|event| event.id).collect();
    let mut delivered = delivered_to(fixture, destination.id).await;

    assert!(refused.is_err(), "{refused:?}");
    told.sort();
    delivered.sort();
    assert_eq!(told.len(), 6);
    assert_eq!(delivered, told);
}

/// What the source said of the credential is kept with the finish.
pub async fn a_finish_reports_the_credential(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    stage.pass(seconds(1));

    let verified = WorkerCommand::Finish(Finish {
        digest: [1; 32],
        outcome: FinishOutcome::Success { output: output() },
        credential: Some(CredentialReport::Verified),
        session: AfterRun::End,
        login: None,
    });
    stage.say(&run, verified).await;

    let credential = credential(&stage).await;
    assert_eq!(credential.0, CredentialStatus::Verified);
    let events = fixture.events_of(fixture.organization).await;
    let verified = events
        .iter()
        .find(|it| it.event_type == EventType::CredentialVerified);
    let verified = verified.expect("it is told");
    let EventData::Credential(told) = &verified.data else {
        panic!("{verified:?}");
    };
    assert_eq!((told.status, told.updated_at), credential);
    assert_eq!((&told.summary, &told.secret), (&None, &None));
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
}

/// A login that was refused makes the credential invalid, and the run's errors say so.
pub async fn a_refused_login_makes_the_credential_invalid(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    stage.pass(seconds(1));

    stage.say(&run, failure(ErrorCode::AuthInvalid)).await;

    assert_eq!(stage.errors(run.id).await, ["auth/auth_invalid"]);
    assert_eq!(credential(&stage).await.0, CredentialStatus::Invalid);
    assert_eq!(stage.view(run.id).await.output, None);
}

/// The worker that asked reads the answers; once the run is over they are gone.
pub async fn answers_are_erased_with_the_end_of_the_run(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let asking = stage.asking(Some("page 3")).await;

    let answers = answer(&asking);
    stage.command(asking.id, answers).await.expect("it asks");
    let answered = stage.run(asking.id).await;
    stage.say(&answered, success(output())).await;

    let RunState::Running {
        answered: Some(kept),
        ..
    } = &answered.state
    else {
        panic!("{answered:?}");
    };
    assert_eq!(kept.answers, Some(sealed("the code")));
    assert_eq!(stage.run(asking.id).await.state, RunState::Completed);
}

/// A review accepts the output, or a corrected one, and only then it is final.
pub async fn a_review_may_correct_the_output(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.review = Review::Required).await;
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;
    let proposed = stage.view(run.id).await;
    let corrected = json!({"amount": 43});

    let approve = RunCommand::Approve {
        output: Some(corrected.clone()),
    };
    let approved = stage
        .command(run.id, approve)
        .await
        .expect("it waits for it");

    assert_eq!(proposed.run.status(), Status::ReviewRequired);
    assert_eq!(proposed.output, Some(output()));
    assert_eq!(approved.run.run.status(), Status::Completed);
    assert_eq!(approved.run.output, Some(corrected));
    assert_eq!(stage.view(run.id).await, approved.run);
}

/// A rejected output is not shown any more.
pub async fn a_rejected_output_is_not_shown(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.review = Review::Required).await;
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;

    let reject = RunCommand::Reject {
        reason: Some("the amount is wrong".to_owned()),
    };
    stage
        .command(run.id, reject)
        .await
        .expect("it waits for it");

    assert_eq!(stage.errors(run.id).await, ["task/review_rejected"]);
    assert_eq!(stage.view(run.id).await.output, None);
}

/// When a session's run is over, the next one that waits for it may be leased: the highest
/// priority first, then the oldest.
pub async fn the_next_run_of_a_session_follows(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let urgent = stage
        .task_with("task_urgent", |settings| {
            settings.priority = Priority::new(9).expect("0 to 9");
        })
        .await;
    let first = stage.begun().await;
    let second = stage.start(stage.new_run_in(first.session_id)).await;
    stage.pass(seconds(1));
    let mut third = stage.new_run_of(&urgent);
    third.run.session_id = first.session_id;
    third.run.opened_session = false;
    let third = stage.start(third).await;

    stage.say(&first, success(output())).await;
    let next = stage.next().await.expect("one may be leased");
    stage.say(&next.run, success(output())).await;
    let last = stage.next().await.expect("the other may be leased");

    assert_eq!((next.run.id, last.run.id), (third.id, second.id));
    assert!(
        next.resumed() && last.resumed(),
        "the worker has the session's state"
    );
}

/// The credential's status, and when it was last changed.
async fn credential(stage: &Stage<'_>) -> (CredentialStatus, Timestamp) {
    let credentials = &stage.fixture.ports.credentials;
    let credential = credentials
        .get(stage.fixture.organization, stage.credential.id)
        .await;
    let credential = credential.expect("the store reads").expect("it is kept");
    (credential.status, credential.updated_at)
}

async fn delivered_to(fixture: &Fixture, destination_id: DestinationId) -> Vec<EventId> {
    let filter = DeliveryFilter::default();
    let deliveries = &fixture.ports.deliveries;
    let page = deliveries.list(fixture.organization, destination_id, filter, first_page());
    let page = page.await.expect("the store reads");
    page.items
        .iter()
        .map(|view| view.delivery.event_id)
        .collect()
}
