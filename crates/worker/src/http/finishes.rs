//! Ends of runs: one is sent at once, and those that are due while others are on their way go together.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use reqwest::Method;
use serde::Deserialize;
use tokio::sync::oneshot;
use windlass_domain::run::Status;
use windlass_wire::worker::finish::{FinishRunsBody, RunEndedBody, RunFinishBody};

use super::call::{Server, ToldError, answered};
use crate::protocol::{LeaseKey, ProtocolError};

/// The most ends of one call. Source: docs/workers.md, "The calls".
const MOST: usize = 100;

/// How much several ends may have in one call, so that it stays below what a body may have.
const MOST_BYTES: usize = 1024 * 1024;

/// How many calls are under way at once.
const MOST_CALLS: u32 = 2;

/// Ends of runs on their way to the server.
#[derive(Clone)]
pub(super) struct Finishes {
    server: Arc<Server>,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    due: VecDeque<Due>,
    /// How many calls are under way.
    calls: u32,
}

/// One end that is to be sent.
struct Due {
    lease: LeaseKey,
    finish: RunFinishBody,
    bytes: usize,
    told: oneshot::Sender<Result<Status, ProtocolError>>,
}

/// What became of many ends.
#[derive(Deserialize)]
struct Ended {
    finishes: Vec<OneEnded>,
}

#[derive(Deserialize)]
struct OneEnded {
    status: Option<String>,
    errors: Vec<ToldError>,
}

impl Finishes {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self {
            server,
            waiting: Arc::default(),
        }
    }

    /// Says it, alone or with others. One that is no longer waited for is sent all the same.
    pub(super) async fn say(
        &self,
        lease: LeaseKey,
        finish: RunFinishBody,
    ) -> Result<Status, ProtocolError> {
        let (told, heard) = oneshot::channel();
        let bytes = serde_json::to_vec(&finish).map_or(0, |json| json.len());
        let is_free = {
            let mut waiting = self.lock();
            waiting.due.push_back(Due {
                lease,
                finish,
                bytes,
                told,
            });
            let is_free = waiting.calls < MOST_CALLS;
            waiting.calls += u32::from(is_free);
            is_free
        };
        if is_free {
            tokio::spawn(self.clone().send_all());
        }
        heard.await.unwrap_or_else(|_| {
            let message = "the call broke off".to_owned();
            Err(ProtocolError::Unavailable { message })
        })
    }

    async fn send_all(self) {
        // What is due in the same moment goes together.
        tokio::task::yield_now().await;
        while let Some(batch) = self.next() {
            self.send(batch).await;
        }
    }

    /// Those that go together now; None where there are none, and one call fewer is under way.
    fn next(&self) -> Option<Vec<Due>> {
        let mut waiting = self.lock();
        let mut bytes = 0;
        let fitting = waiting.due.iter().take(MOST).take_while(|due| {
            bytes += due.bytes;
            bytes <= MOST_BYTES
        });
        let count = fitting.count().max(1).min(waiting.due.len());
        if count == 0 {
            waiting.calls -= 1;
            return None;
        }
        Some(waiting.due.drain(..count).collect())
    }

    async fn send(&self, batch: Vec<Due>) {
        if batch.len() > 1 {
            let finishes = batch.iter().map(|due| due.finish.clone()).collect();
            let body = FinishRunsBody { finishes };
            let request = self.server.request(Method::POST, "leases/finish");
            match answered::<Ended>(request.json(&body)).await {
                Ok(ended) if ended.finishes.len() == batch.len() => {
                    for (due, ended) in batch.into_iter().zip(ended.finishes) {
                        due.hear(ended.status());
                    }
                    return;
                }
                // Each is heard by itself, but where all of them come to nothing: a proxy may take less in one
                // body than the server.
                Ok(_) | Err(ProtocolError::Refused { .. }) => {}
                Err(error) => {
                    let message = error.to_string();
                    for due in batch {
                        due.hear(Err(ProtocolError::Unavailable {
                            message: message.clone(),
                        }));
                    }
                    return;
                }
            }
        }
        join_all(batch.into_iter().map(|due| self.send_alone(due))).await;
    }

    async fn send_alone(&self, due: Due) {
        // One that nobody waits for may be sent once its lease is forgotten.
        let trace_parent = due.finish.trace_parent.clone();
        let server = &self.server;
        let request = server.within(trace_parent, Method::POST, due.lease, "finish");
        let body = due.finish.clone().alone();
        let ended = answered::<RunEndedBody>(request.json(&body)).await;
        due.hear(ended.and_then(|ended| status(&ended.status)));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Each change is whole before the lock is let go of.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Due {
    fn hear(self, told: Result<Status, ProtocolError>) {
        // Nobody may wait for it any more.
        drop(self.told.send(told));
    }
}

impl OneEnded {
    fn status(&self) -> Result<Status, ProtocolError> {
        match &self.status {
            Some(name) => status(name),
            None => Err(ToldError::meaning(&self.errors)),
        }
    }
}

/// The status of this name.
pub(super) fn status(name: &str) -> Result<Status, ProtocolError> {
    Status::parse(name).ok_or_else(|| ProtocolError::Unavailable {
        message: format!("it answers the unknown status {name:?}"),
    })
}
