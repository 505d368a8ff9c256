//! Callers: they start runs, cancel them, answer and review, and ask again where no answer came.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use windlass_application::answer_interaction::Reply;
use windlass_application::ports::Clock;
use windlass_application::review_run::{Decision, Review};
use windlass_application::start_run::NewTaskRun;
use windlass_application::{CallError, IdempotencyRequest, KeptAnswer, Outcome, Write, Written};
use windlass_domain::id::{RunId, SessionId};
use windlass_domain::run::Status;
use windlass_domain::sealed::Sealed;

use super::World;
use super::network::Served;
use super::replica::Replica;
use super::scenery::Tenant;

/// How many runs a tenant starts.
const RUNS: usize = 14;

/// How often a start is asked for until it is answered.
const TRIES: usize = 6;

/// What a caller does until all is over.
pub(super) async fn demand(world: Rc<World>, tenant: Rc<Tenant>) {
    let mut started = 0;
    while started < RUNS || !world.is_settled() {
        world.sleep_up_to(Duration::from_secs(25)).await;
        let starts = started < RUNS && world.chaos.draw(|chance| chance.permille(550));
        if starts || (started < RUNS && !world.chaos.is_on()) {
            started += 1;
            start(&world, &tenant, started).await;
        } else {
            speak(&world, &tenant).await;
        }
    }
}

/// Starts a run, with the same idempotency key until it is answered.
async fn start(world: &Rc<World>, tenant: &Rc<Tenant>, number: usize) {
    let task_id = world
        .chaos
        .draw(|chance| chance.one_of(&tenant.tasks).cloned());
    let Some(task_id) = task_id else { return };
    let session = world.draw_session(tenant.organization.organization_id());
    let with_credential = world.chaos.draw(|chance| chance.permille(500));
    let new = NewTaskRun {
        source_id: session.is_none().then(|| tenant.source_id.to_string()),
        credential_id: (session.is_none() && with_credential)
            .then(|| tenant.credential_id.to_string()),
        session_id: session.map(|id| id.to_string()),
        metadata: BTreeMap::from([("start".to_owned(), number.to_string())]),
        ..NewTaskRun::default()
    };
    let key = format!("start {number}");
    for _ in 0..TRIES {
        let (tenant, task_id) = (Rc::clone(tenant), task_id.clone());
        let (new, key) = (new.clone(), key.clone());
        let forgets = world.sabotage.forgets_keys;
        let now = world.chaos.pacer.now();
        let called = world.call(move |replica| -> Served<_> {
            let mut write = tenant.write(now);
            write.idempotency = (!forgets).then(|| once(&key));
            let (task_id, new) = (task_id.clone(), new.clone());
            Box::pin(async move {
                let start_run = &replica.application.start_run;
                start_run.execute(write, &task_id, new).await
            })
        });
        match called.await {
            Some(Ok(Written::Done(view))) => return world.accept(view.run.id),
            Some(Ok(Written::Replayed(answer))) => {
                let text = String::from_utf8_lossy(answer.body.as_bytes()).into_owned();
                return match RunId::parse(&text) {
                    Ok(id) => world.accept(id),
                    Err(_) => world.complain(format!("`{text}` was answered to start {number}")),
                };
            }
            // It cannot be started: its session has ended, or is another's.
            Some(Err(CallError::Refused(_) | CallError::SessionMismatch { .. })) => return,
            Some(Err(CallError::Store(_))) | None => {}
            Some(Err(error)) => return world.complain(format!("a start: {error}")),
        }
        world.sleep_up_to(Duration::from_secs(10)).await;
    }
}

/// The caller's key, under which the run's id is kept.
fn once(key: &str) -> IdempotencyRequest {
    IdempotencyRequest {
        key: key.to_owned(),
        method: "POST".to_owned(),
        path: "/v2/tasks/run".to_owned(),
        body_hash: [7; 32],
        render: Arc::new(|outcome| {
            let id = match outcome {
                Outcome::Run(view) => view.run.id.to_string(),
                Outcome::Agent(_)
                | Outcome::Source(_)
                | Outcome::Credential(_)
                | Outcome::Task(_)
                | Outcome::Playbook(_)
                | Outcome::Session(_)
                | Outcome::Destination(_)
                | Outcome::Token(_)
                | Outcome::Deleted
                | Outcome::Delivery(_)
                | Outcome::Replayed(_) => String::new(),
            };
            KeptAnswer {
                status: 201,
                body: Sealed::from_bytes(id.into_bytes()),
            }
        }),
    }
}

/// What may be said to a run that is not final.
#[derive(Clone)]
enum Word {
    Cancel,
    Answer(String),
    Decline,
    Review(Decision),
    End,
}

async fn speak(world: &Rc<World>, tenant: &Rc<Tenant>) {
    let drawn = world.draw_run(tenant.organization.organization_id());
    let Some((run_id, session_id, status)) = drawn else {
        return;
    };
    let number = world.chaos.draw(crate::random::Chance::next);
    let said = number % 100;
    let word = match status {
        Status::InteractionRequired if said < 80 => Word::Answer(format!("code {number}")),
        Status::InteractionRequired if said < 90 => Word::Decline,
        Status::ReviewRequired if said < 60 => Word::Review(Decision::Approve),
        Status::ReviewRequired if said < 80 => Word::Review(Decision::Reject),
        Status::Queued | Status::Running if said < 15 => Word::Cancel,
        Status::Canceling if said < 30 => Word::Cancel,
        Status::Queued | Status::Running | Status::InteractionRequired if said > 92 => Word::End,
        Status::Queued
        | Status::Running
        | Status::InteractionRequired
        | Status::ReviewRequired
        | Status::Canceling
        | Status::Completed
        | Status::Failed
        | Status::Canceled => return,
    };
    let write = tenant.write(world.chaos.pacer.now());
    let called = world.call(move |replica| -> Served<_> {
        let (write, word) = (write.clone(), word.clone());
        Box::pin(async move { say(&replica, write, (run_id, session_id), word).await })
    });
    match called.await {
        Some(Ok(())) | Some(Err(CallError::Refused(_) | CallError::Store(_))) | None => {}
        Some(Err(error)) => world.complain(format!("a caller's word to {run_id}: {error}")),
    }
}

async fn say(
    replica: &Replica,
    write: Write,
    (run_id, session_id): (RunId, SessionId),
    word: Word,
) -> Result<(), CallError> {
    let application = &replica.application;
    let reply = match word {
        Word::Cancel => {
            application.cancel_run.execute(write, run_id).await?;
            return Ok(());
        }
        Word::End => {
            application.end_session.execute(write, session_id).await?;
            return Ok(());
        }
        Word::Review(decision) => {
            let review = Review {
                decision,
                output: None,
                reason: None,
                wrong: Vec::new(),
            };
            application
                .review_run
                .execute(write, run_id, review)
                .await?;
            return Ok(());
        }
        Word::Decline => Reply::Declined,
        Word::Answer(code) => Reply::Answers(BTreeMap::from([(
            "code".to_owned(),
            SecretString::from(code),
        )])),
    };
    let answering = &application.answer_interaction;
    answering.execute(write, run_id, reply).await?;
    Ok(())
}
