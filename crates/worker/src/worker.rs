//! A worker: leases runs while it has hands free, and lets its agent do them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use windlass_domain::pool::Pool;

use crate::agent::Agent;
use crate::backoff::Backoff;
use crate::leasing::Leasing;
use crate::protocol::{Protocol, ProtocolError, Registration};
use crate::signal;
use crate::start::Start;

/// How many sessions a worker keeps where it is not told otherwise.
const KEPT_SESSIONS: u32 = 16;

/// How long what a worker does has to end where it is not told otherwise. Source: docs/workers.md, "Writing a
/// worker in Rust".
const DRAIN: Duration = Duration::from_secs(30);

/// What everybody's worker is: a name, the pools that it leases from, and an agent.
pub struct Worker {
    /// Its name, unlike that of any other worker of its organization: a start under the same name
    /// takes its place.
    pub name: String,
    /// From where it leases, in this order of preference.
    pub pools: Vec<Pool>,
    /// How many runs it does at once, at most.
    pub capacity: u32,
    /// How many sessions it keeps between runs, at most, since each costs its agent memory. Where
    /// there are more, it gives up those that were idle for the longest time.
    pub kept_sessions: u32,
    /// How long what it does has to end once it is to leave; what needs longer is given back.
    pub drain: Duration,
    /// How it speaks with the server.
    pub protocol: Arc<dyn Protocol>,
    /// Who does the runs.
    pub agent: Arc<dyn Agent>,
}

/// Why a worker ended without having been stopped.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A newer start of the worker of this name holds its leases now.
    #[error("another start of the worker {name:?} has taken its place")]
    Superseded {
        /// The worker.
        name: String,
    },
    /// The server does not let it work.
    #[error("the server refuses the worker {name:?}: {message}")]
    Refused {
        /// The worker.
        name: String,
        /// What is wrong.
        message: String,
    },
}

impl Worker {
    /// A worker that does one run at a time, from the pool `default`, and drains for 30 s.
    pub fn new(
        name: impl Into<String>,
        protocol: impl Protocol + 'static,
        agent: impl Agent,
    ) -> Self {
        Self {
            name: name.into(),
            pools: vec![Pool::default_pool()],
            capacity: 1,
            kept_sessions: KEPT_SESSIONS,
            drain: DRAIN,
            protocol: Arc::new(protocol),
            agent: Arc::new(agent),
        }
    }

    /// Works until the process is asked to end, by SIGTERM or Ctrl-C. Then it leases no more, gives what
    /// its agent is doing the time [`drain`](Self::drain), and gives back what is left.
    ///
    /// # Errors
    /// As [`Worker::run`].
    pub async fn serve(&self) -> Result<(), WorkerError> {
        let stop = CancellationToken::new();
        let asked = tokio::spawn(signal::asked_to_end(stop.clone()));
        let ended = self.run(stop).await;
        asked.abort();
        ended
    }

    /// The same until `stop` is set.
    ///
    /// # Errors
    /// [`WorkerError`] where it had to stop by itself; what it held is finished or given back then
    /// too, unless another has taken its place.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), WorkerError> {
        match stop.run_until_cancelled(self.register()).await {
            Some(registered) => self.work(registered?, stop).await,
            None => Ok(()),
        }
    }

    /// Declares this start: what the one before it held is lost when this returns. Repeated while
    /// the server cannot answer.
    ///
    /// # Errors
    /// [`WorkerError`] where the server does not let it work.
    pub async fn register(&self) -> Result<Registration, WorkerError> {
        let mut backoff = Backoff::default();
        // Without randomness a call that is made again is another start, which takes over from the first.
        let start = getrandom::u64().map(|start| format!("{start:016x}")).ok();
        loop {
            let registered = self.protocol.register(&self.name, start.as_deref());
            match registered.await {
                Ok(registration) => return Ok(registration),
                Err(ProtocolError::Unavailable { message }) => {
                    warn!(
                        worker.name = self.name,
                        "worker {} cannot start yet: {message}", self.name
                    );
                    tokio::time::sleep(backoff.next()).await;
                }
                Err(ProtocolError::Refused { message }) => return Err(self.refused(message)),
                Err(ProtocolError::LeaseLost) => return Err(self.superseded()),
            }
        }
    }

    /// [`Worker::run`] for a start that is declared already: for who must do something between the
    /// two, as a server does that answers callers only once what was lost is known.
    ///
    /// # Errors
    /// As [`Worker::run`].
    pub async fn work(
        &self,
        registration: Registration,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        info!(
            worker.name = self.name,
            worker.incarnation = registration.incarnation,
            "worker {} has started; {} leases of its last start are lost",
            self.name,
            registration.lost_leases
        );
        let start = Arc::new(Start::new(
            Arc::clone(&self.protocol),
            Arc::clone(&self.agent),
            &registration,
        ));
        let mut leasing = Leasing::new(self, start);
        let ended = leasing.until(&stop).await;
        match &ended {
            Err(WorkerError::Superseded { .. }) => leasing.abandon().await,
            Ok(()) | Err(WorkerError::Refused { .. }) => leasing.drain(self.drain).await,
        }
        ended
    }

    pub(crate) fn refused(&self, message: String) -> WorkerError {
        WorkerError::Refused {
            name: self.name.clone(),
            message,
        }
    }

    pub(crate) fn superseded(&self) -> WorkerError {
        WorkerError::Superseded {
            name: self.name.clone(),
        }
    }
}
