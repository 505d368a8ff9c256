//! What an agent has in its hands while it does a run.

mod questions;

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use windlass_domain::file::{Extraction, MAX_EXTRACTION_BYTES, MAX_METADATA_BYTES};
use windlass_domain::id::StorageId;
use windlass_domain::run::{ErrorCode, RunError};

use self::questions::Asked;
use crate::agent::RunFailure;
use crate::backoff::Backoff;
use crate::lease::{LeasedRun, OpenedCredential};
use crate::protocol::{
    CapturedFile, CapturedScreenshot, LeaseKey, MAX_SCREENSHOT_BYTES, Progress, Protocol,
    ProtocolError,
};
use crate::said::Said;

/// How long what is said waits for what is said next: nobody who looks at a timeline sees the
/// difference, and a quick run says all of it with its end.
const PROGRESS_PAUSE: Duration = Duration::from_millis(500);

/// How long a screenshot is sent again where the server cannot keep it: the run matters more, and long
/// enough for a server to start anew.
const SCREENSHOT: Duration = Duration::from_secs(60);

/// The run is no longer this agent's: it was canceled, or its lease is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Cancel was accepted: stop, then say so by returning.
    #[error("the run is being canceled")]
    Canceled,
    /// Somebody else may have it: stop touching the source at once.
    #[error("the lease is lost")]
    LeaseLost,
}

/// A run and the ways to speak of it. Calls are repeated while the server cannot answer.
pub struct RunContext {
    /// The run.
    pub run: LeasedRun,
    protocol: Arc<dyn Protocol>,
    canceled: CancellationToken,
    lost: CancellationToken,
    attempts: AtomicU32,
    /// The question that is neither answered nor taken back yet.
    asked: Mutex<Option<Asked>>,
    /// The attempt of the question that waits, where another worker can go on from there.
    resting: watch::Sender<Option<u32>>,
    said: Said,
}

impl RunContext {
    /// The context of a run that was just leased. The two tokens are set by whoever renews the
    /// lease.
    pub fn new(
        run: LeasedRun,
        protocol: Arc<dyn Protocol>,
        canceled: CancellationToken,
        lost: CancellationToken,
    ) -> Self {
        Self {
            run,
            protocol,
            canceled,
            lost,
            attempts: AtomicU32::new(0),
            asked: Mutex::default(),
            resting: watch::Sender::new(None),
            said: Said::default(),
        }
    }

    /// The lease that this context speaks for.
    pub fn lease(&self) -> LeaseKey {
        self.run.lease()
    }

    /// Whether the agent should stop, without waiting.
    ///
    /// # Errors
    /// [`Stopped`] says why.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.lost.is_cancelled() {
            return Err(Stopped::LeaseLost);
        }
        if self.canceled.is_cancelled() {
            return Err(Stopped::Canceled);
        }
        Ok(())
    }

    /// Waits until the agent should stop.
    pub async fn stopped(&self) -> Stopped {
        tokio::select! {
            biased;
            () = self.lost.cancelled() => Stopped::LeaseLost,
            () = self.canceled.cancelled() => Stopped::Canceled,
        }
    }

    /// Waits until a person is asked and another worker can go on from there; which attempt that is.
    pub(crate) async fn rests(&self) -> u32 {
        let mut resting = self.resting.subscribe();
        loop {
            if let Some(attempt) = *resting.borrow_and_update() {
                return attempt;
            }
            // The sender is this context's own.
            drop(resting.changed().await);
        }
    }

    /// Waits until that is over.
    pub(crate) async fn rested(&self) {
        let mut resting = self.resting.subscribe();
        drop(resting.wait_for(Option::is_none).await);
    }

    /// Does `work` unless the run is to be stopped before it is done.
    ///
    /// # Errors
    /// [`Stopped`] says why it was dropped half-way.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            stopped = self.stopped() => Err(stopped),
            done = work => Ok(done),
        }
    }

    /// Says that the source may be touched from here on, and opens the credential.
    ///
    /// # Errors
    /// Where the run is to be stopped, or the server refuses.
    pub async fn begin(&self) -> Result<Option<OpenedCredential>, RunFailure> {
        let begun = self.call(|| self.protocol.begin(self.lease())).await?;
        self.heard(begun.cancel)?;
        Ok(begun.credential)
    }

    /// Says what the agent is doing: an activity, shown in the run's timeline. `message` holds no
    /// secret. It goes to the server within half a second, together with what else is said meanwhile.
    ///
    /// # Errors
    /// Where the run is to be stopped.
    pub fn progress(&self, step: u32, message: &str) -> Result<(), Stopped> {
        self.check()?;
        self.said.say(Progress {
            message: Some(message.to_owned()),
            step: Some(step),
        });
        Ok(())
    }

    /// Sends what is said, together what comes within a moment. Ends never.
    pub(crate) async fn send_progress(&self) -> Infallible {
        loop {
            self.said.something().await;
            tokio::time::sleep(PROGRESS_PAUSE).await;
            // Who is to stop hears it at the next call of the agent.
            let _ = self.send_said().await;
        }
    }

    /// Sends what is said and was not sent yet. What the server does not take is left out: the run
    /// matters more.
    pub(crate) async fn send_said(&self) -> Result<(), Stopped> {
        let mut unsent = self.said.unsent().await;
        if unsent.is_empty() {
            return Ok(());
        }
        let sending = self.call(|| {
            self.protocol
                .progress(self.lease(), unsent.lines().to_vec())
        });
        let heard = sending.await;
        // Dropped before this, it is still there for the finish.
        unsent.forget();
        match heard {
            Ok(heard) => self.heard(heard.cancel),
            Err(RunFailure::Stopped(stopped)) => Err(stopped),
            Err(RunFailure::Failed { errors, .. }) => {
                let run_id = self.run.run_id;
                debug!(run.id = %run_id, "what run {run_id} does was not heard: {errors:?}");
                Ok(())
            }
        }
    }

    /// What is said and was not sent yet, so that it is not sent any more: it goes with the finish.
    pub async fn take_progress(&self) -> Vec<Progress> {
        let mut unsent = self.said.unsent().await;
        let lines = unsent.lines().to_vec();
        unsent.forget();
        lines
    }

    /// Keeps a file; None where the task keeps none, or drops it since an earlier run has captured
    /// it. A note of it that is too long is left out, and what was taken out of it fails where that is,
    /// since the file matters more.
    ///
    /// # Errors
    /// `storage/storage_error` where it cannot be kept; [`Stopped`] where the run is.
    pub async fn store_file(&self, file: CapturedFile) -> Result<Option<StorageId>, RunFailure> {
        self.check()?;
        let file = self.shortened(file);
        let keeping = self.protocol.store_file(self.lease(), file);
        match self.unless_stopped(keeping).await? {
            Ok(kept) => {
                self.heard(kept.cancel)?;
                Ok(kept.storage_id)
            }
            Err(ProtocolError::LeaseLost) => Err(self.lease_lost().into()),
            Err(ProtocolError::Refused { message } | ProtocolError::Unavailable { message }) => {
                let message = format!("The file could not be kept: {message}.");
                Err(RunError::new(ErrorCode::StorageError, message).into())
            }
        }
    }

    fn shortened(&self, mut file: CapturedFile) -> CapturedFile {
        let run_id = self.run.run_id;
        let is_long = |what: &str, json: String, most: usize| {
            let bytes = json.len();
            if bytes > most {
                warn!(run.id = %run_id, body_bytes = bytes, "the {what} of a file of run {run_id} is too long: it is left out");
            }
            bytes > most
        };
        file.metadata = file.metadata.filter(|metadata| {
            let json = serde_json::to_string(metadata).unwrap_or_default();
            !is_long("metadata", json, MAX_METADATA_BYTES)
        });
        if let Some(data) = file.extraction.data()
            && is_long("extraction", data.to_string(), MAX_EXTRACTION_BYTES)
        {
            file.extraction = Extraction::Failed;
        }
        file
    }

    /// Keeps what the agent saw: an activity, shown in the run's timeline. The server keeps 200 of
    /// a run, and the same content once, so it is sent until it is answered. One that is too long, that the
    /// server refuses or cannot keep for a minute is left out, since the run matters more.
    ///
    /// # Errors
    /// Where the run is to be stopped.
    pub async fn screenshot(&self, screenshot: CapturedScreenshot) -> Result<(), Stopped> {
        let run_id = self.run.run_id;
        let bytes = screenshot.content.len();
        if bytes > MAX_SCREENSHOT_BYTES {
            warn!(run.id = %run_id, body_bytes = bytes, "a screenshot of run {run_id} is too long: it is left out");
            return self.check();
        }
        let keeping = Backoff::default().within(SCREENSHOT, || {
            self.protocol
                .store_screenshot(self.lease(), screenshot.clone())
        });
        match self.unless_stopped(keeping).await? {
            Ok(heard) => self.heard(heard.cancel),
            Err(ProtocolError::LeaseLost) => Err(self.lease_lost()),
            Err(ProtocolError::Refused { message } | ProtocolError::Unavailable { message }) => {
                warn!(run.id = %run_id, "a screenshot of run {run_id} is left out: {message}");
                self.check()
            }
        }
    }

    fn heard(&self, cancel: bool) -> Result<(), Stopped> {
        if cancel {
            self.canceled.cancel();
        }
        self.check()
    }

    fn lease_lost(&self) -> Stopped {
        self.lost.cancel();
        Stopped::LeaseLost
    }

    /// Calls until the server has answered. Who renews the lease says when the run is lost: no other
    /// clock ends this.
    async fn call<T, Called>(&self, call: impl Fn() -> Called) -> Result<T, RunFailure>
    where
        Called: Future<Output = Result<T, ProtocolError>>,
    {
        let calling = Backoff::default().until_answered(call);
        match self.unless_stopped(calling).await? {
            Ok(answer) => Ok(answer),
            Err(ProtocolError::LeaseLost) => Err(self.lease_lost().into()),
            Err(ProtocolError::Refused { message } | ProtocolError::Unavailable { message }) => {
                let message = format!("The server did not take a call of the agent: {message}.");
                Err(RunError::new(ErrorCode::ApiError, message).into())
            }
        }
    }
}
