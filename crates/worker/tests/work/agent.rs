//! Agents that do as the test says.

use std::future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::Semaphore;
use windlass_worker::{AfterRun, Agent, Outcome, RunContext, RunFailure, SessionId, Stopped};

use crate::server::PATIENCE;

/// What an agent does with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Succeeds at once.
    Succeed,
    /// Succeeds once the test lets it, unless it is stopped before.
    SucceedWhenLet,
    /// Succeeds once a person has answered.
    Ask {
        /// Whether another worker can go on from there.
        with_checkpoint: bool,
    },
    /// Asks with a checkpoint, takes the question back once the test lets it, and acts until it is
    /// stopped.
    Withdraw,
    /// Goes on, whatever it is told.
    GoOn,
    Panic,
}

pub(crate) struct TestAgent {
    act: Act,
    pub(crate) lets: Semaphore,
    /// Whether each run found the state of its session.
    pub(crate) resumed: Mutex<Vec<bool>>,
    pub(crate) stopped: Mutex<Vec<Stopped>>,
    pub(crate) ended_sessions: Mutex<Vec<SessionId>>,
    /// Whether it ends a session only once the test lets it.
    pub(crate) ends_when_let: AtomicBool,
    /// How often it has begun to, not yet seen by the test.
    pub(crate) begins_to_end: Semaphore,
}

impl TestAgent {
    /// Waits until it has begun to end so many sessions.
    pub(crate) async fn begun_to_end(&self, sessions: u32) {
        let begun = self.begins_to_end.acquire_many(sessions);
        let begun = tokio::time::timeout(PATIENCE, begun).await.unwrap();
        begun.unwrap().forget();
    }

    pub(crate) fn new(act: Act) -> Self {
        Self {
            act,
            lets: Semaphore::new(0),
            resumed: Mutex::default(),
            stopped: Mutex::default(),
            ended_sessions: Mutex::default(),
            ends_when_let: AtomicBool::new(false),
            begins_to_end: Semaphore::new(0),
        }
    }
}

#[async_trait]
impl Agent for TestAgent {
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        self.resumed.lock().unwrap().push(context.run.resumed);
        match self.act {
            Act::Succeed => {}
            Act::SucceedWhenLet => {
                let lets = context.unless_stopped(self.lets.acquire()).await;
                match lets {
                    Ok(permit) => permit.unwrap().forget(),
                    Err(stopped) => {
                        self.stopped.lock().unwrap().push(stopped);
                        return Err(stopped.into());
                    }
                }
            }
            Act::Ask { with_checkpoint } => {
                let checkpoint = with_checkpoint.then(|| b"step 3".to_vec().into());
                context.ask("mfa", "Code?", vec![], checkpoint).await?;
            }
            Act::Withdraw => {
                let checkpoint = Some(b"step 3".to_vec().into());
                tokio::select! {
                    answers = context.ask("approval", "Approve it.", vec![], checkpoint) => drop(answers?),
                    lets = self.lets.acquire() => {
                        lets.unwrap().forget();
                        context.withdraw().await?;
                    }
                }
                return Err(context.stopped().await.into());
            }
            Act::GoOn => future::pending().await,
            Act::Panic => panic!("the password is hunter2"),
        }
        Ok(Outcome {
            output: json!({"total": 12}),
            credential: None,
            session: AfterRun::Keep,
            login: None,
        })
    }

    async fn end_session(&self, session_id: SessionId) {
        if self.ends_when_let.load(Ordering::Relaxed) {
            self.begins_to_end.add_permits(1);
            self.lets.acquire().await.unwrap().forget();
        }
        self.ended_sessions.lock().unwrap().push(session_id);
    }
}
