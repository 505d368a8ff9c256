//! What an agent asks a person, as the server hears it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use windlass_worker::protocol::MAX_CHECKPOINT_BYTES;
use windlass_worker::{Protocol, RunContext};

use crate::agent::Act;
use crate::server::{Call, Server, count, run};
use crate::{LONG, Work};

#[tokio::test]
async fn a_checkpoint_goes_with_its_question_unless_it_is_too_long() {
    let server = Arc::new(Server::new(LONG));
    let protocol = Arc::clone(&server) as Arc<dyn Protocol>;
    let token = CancellationToken::new;
    let context = RunContext::new(run(1, 1), protocol, token(), token());

    for bytes in [7, MAX_CHECKPOINT_BYTES, MAX_CHECKPOINT_BYTES + 1] {
        let checkpoint = Some(vec![b'x'; bytes].into());
        let asked = context.ask("mfa", "Code?", vec![], checkpoint).await;
        assert!(asked.is_ok(), "{bytes}");
    }

    let calls = server.told(|calls| calls.len() == 3).await;
    let asked: Vec<_> = calls
        .iter()
        .filter_map(|call| match call {
            Call::Ask(question) => Some((
                question.attempt,
                question
                    .checkpoint
                    .as_ref()
                    .map(|it| it.expose_secret().len()),
            )),
            _ => None,
        })
        .collect();
    let expected = [(1, Some(7)), (2, Some(MAX_CHECKPOINT_BYTES)), (3, None)];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_question_that_the_server_has_not_heard_yet_is_said_before_it_is_withdrawn() {
    let work = Work::begin(Act::Withdraw, LONG, Duration::from_millis(50));
    work.server.answer(|answers| answers.questions_wait = true);
    work.server.queue(run(1, 1));
    let is_question = |call: &Call| matches!(call, Call::Ask(question) if question.attempt == 1);
    work.server
        .told(|calls| count(calls, is_question) == 1)
        .await;

    work.agent.lets.add_permits(1);
    work.server
        .told(|calls| count(calls, is_question) == 2)
        .await;
    work.server.answer(|answers| answers.questions_wait = false);

    let is_withdrawal = |call: &Call| matches!(call, Call::Withdraw(1));
    work.server
        .told(|calls| count(calls, is_withdrawal) == 1)
        .await;
    work.end().await.unwrap();
}
