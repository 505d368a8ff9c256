//! Waits until a run needs somebody or has ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use windlass_domain::id::RunId;
use windlass_domain::run::Status;

use crate::error::{CallError, chain};
use crate::ports::runs::RunView;
use crate::ports::signals::Topic;
use crate::ports::{Runs, Signals};
use crate::problem::Resource;
use crate::write::OrganizationContext;

/// How often all runs that are waited for are looked at: a lost signal costs a second, or two of who
/// has just come.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// In how many parts they are looked at, one after the other: nobody else waits long for the store.
const PARTS: u32 = 10;

/// How many runs one look asks for at most.
const MAX_RUNS_A_LOOK: usize = 1_000;

/// Waits until a run needs somebody or has ended.
pub struct WaitForRun {
    runs: Arc<dyn Runs>,
    signals: Arc<dyn Signals>,
    waited: Mutex<HashMap<RunId, Waited>>,
}

/// A run that is waited for.
struct Waited {
    waiters: usize,
    settled: Arc<Notify>,
}

/// Whether whoever waits for a run has something to do now.
fn is_settled(status: Status) -> bool {
    match status {
        Status::InteractionRequired
        | Status::ReviewRequired
        | Status::Completed
        | Status::Failed
        | Status::Canceled => true,
        Status::Queued | Status::Running | Status::Canceling => false,
    }
}

impl WaitForRun {
    pub(crate) fn new(runs: Arc<dyn Runs>, signals: Arc<dyn Signals>) -> Self {
        Self {
            runs,
            signals,
            waited: Mutex::default(),
        }
    }

    /// The run, once it needs somebody or has ended, or as it is when `at_most` is over or `stop`
    /// is set.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn execute(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
        at_most: Duration,
        stop: &CancellationToken,
    ) -> Result<RunView, CallError> {
        let deadline = Instant::now() + at_most;
        // Before the first look, so that nothing falls between the two.
        let mut listener = self.signals.listen(&[Topic::Run(run_id)]);
        let waiting = Waiting::enter(self, run_id);
        let mut is_over = false;
        loop {
            {
                let view = self.runs.get(organization, run_id).await?;
                let view = view.ok_or(CallError::NotFound(Resource::TaskRun))?;
                if is_over || is_settled(view.run.status()) {
                    return Ok(view);
                }
                // Whoever waits keeps nothing of the run: thousands may.
            }
            is_over = tokio::select! {
                () = listener.heard() => false,
                () = waiting.settled.notified() => false,
                () = stop.cancelled() => true,
                () = tokio::time::sleep_until(deadline) => true,
            };
        }
    }

    /// Looks at all runs that are waited for, each once a second, until `stop`.
    pub async fn look_until(&self, stop: &CancellationToken) {
        let settled = Status::ALL.into_iter().filter(|it| is_settled(*it));
        let settled: Vec<Status> = settled.collect();
        let looking = async {
            loop {
                let run_ids: Vec<RunId> = self.lock().keys().copied().collect();
                self.look(&run_ids, &settled).await;
            }
        };
        let _: Option<()> = stop.run_until_cancelled(looking).await;
    }

    /// Looks which of these are settled. Takes a second, or longer where it takes more than ten looks.
    async fn look(&self, run_ids: &[RunId], settled: &[Status]) {
        let ends_at = Instant::now() + LOOK_EVERY;
        let part = run_ids.len().div_ceil(PARTS as usize);
        for some in run_ids.chunks(part.clamp(1, MAX_RUNS_A_LOOK)) {
            tokio::time::sleep(LOOK_EVERY / PARTS).await;
            match self.runs.of_status(some, settled).await {
                Ok(settled) => self.tell(&settled),
                Err(error) => warn!(
                    "could not look at the runs that are waited for: {}",
                    chain(&error)
                ),
            }
        }
        tokio::time::sleep_until(ends_at).await;
    }

    fn tell(&self, settled: &[RunId]) {
        let waited = self.lock();
        for run_id in settled {
            if let Some(run) = waited.get(run_id) {
                run.settled.notify_waiters();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Waited>> {
        // Each change is one insert, count or remove, which a panic cannot have left half done.
        self.waited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One caller's wait; ends with it.
struct Waiting<'a> {
    all: &'a WaitForRun,
    run_id: RunId,
    settled: Arc<Notify>,
}

impl<'a> Waiting<'a> {
    fn enter(all: &'a WaitForRun, run_id: RunId) -> Self {
        let mut waited = all.lock();
        let run = waited.entry(run_id).or_insert_with(|| Waited {
            waiters: 0,
            settled: Arc::default(),
        });
        run.waiters += 1;
        let settled = run.settled.clone();
        Self {
            all,
            run_id,
            settled,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waited = self.all.lock();
        if let Some(run) = waited.get_mut(&self.run_id) {
            run.waiters -= 1;
            if run.waiters == 0 {
                waited.remove(&self.run_id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
