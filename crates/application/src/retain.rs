//! Drops what has been kept for as long as it is to be. Any replica may do it.
//! Source: docs/operations.md, "Retention".

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use windlass_domain::Timestamp;

use crate::error::chain;
use crate::ports::blobs::OwnedBlob;
use crate::ports::retention::Captured;
use crate::ports::{Blobs, Clock, Retention, StoreError};

/// Between two passes.
const EVERY: Duration = Duration::from_secs(3600);

/// How many rows one transaction looks at or drops: some tens of milliseconds on either store.
const BATCH: u32 = 500;

/// How old a content must be before it can be an orphan: its row is written after it.
const ORPHANED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How long a worker is remembered that says nothing any more.
const WORKERS: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often contents are gone through for orphans: only a crash leaves some.
const ORPHANS_EVERY: Duration = Duration::from_secs(24 * 3600);

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// Runs that have ended, and their sessions. No shorter than `events`, which are shown with what
    /// their runs say.
    pub runs: Duration,
    /// Contents of files.
    pub files: Duration,
    /// Contents of screenshots.
    pub screenshots: Duration,
    /// Events and their deliveries.
    pub events: Duration,
}

/// Drops what is over.
pub struct Retain {
    /// The store.
    pub retention: Arc<dyn Retention>,
    /// The contents.
    pub blobs: Arc<dyn Blobs>,
    /// By which it is told what is over.
    pub clock: Arc<dyn Clock>,
    /// How long what is kept.
    pub periods: Periods,
}

impl Retain {
    /// Goes through everything once an hour, until `stop`.
    pub async fn run_until(&self, stop: &CancellationToken) {
        let mut orphans_at = Instant::now();
        while !stop.is_cancelled() {
            stop.run_until_cancelled(self.pass()).await;
            if Instant::now() >= orphans_at {
                orphans_at = Instant::now() + ORPHANS_EVERY;
                stop.run_until_cancelled(self.sweep_orphans()).await;
            }
            stop.run_until_cancelled(tokio::time::sleep(EVERY)).await;
        }
    }

    /// Drops all that is over. What cannot be dropped now is in the next pass.
    pub async fn pass(&self) {
        let now = self.clock.now();
        let mut dropped = Dropped::default();
        if let Err(error) = self.drop_all(now, &mut dropped).await {
            warn!("what is over is dropped later: {}", chain(&error));
        }
        if dropped != Dropped::default() {
            let Dropped {
                contents,
                events,
                runs,
                sessions,
            } = dropped;
            info!(
                "retention dropped {contents} contents, {events} events, {runs} runs and \
                 {sessions} sessions"
            );
        }
    }

    async fn drop_all(&self, now: Timestamp, dropped: &mut Dropped) -> Result<(), StoreError> {
        for (what, period) in [
            (Captured::Screenshots, self.periods.screenshots),
            (Captured::Files, self.periods.files),
        ] {
            dropped.contents += self.expire(what, now - period).await?;
        }
        let (retention, events_before) = (&self.retention, now - self.periods.events);
        self.repeat(|| retention.drop_answers(BATCH)).await?;
        self.repeat(|| retention.drop_deliveries(events_before, BATCH))
            .await?;
        // Before the runs that they are shown with.
        dropped.events += self
            .repeat(|| retention.drop_events(events_before, BATCH))
            .await?;
        let ended_before = now - self.periods.runs;
        self.drop_runs(ended_before, dropped).await?;
        self.drop_sessions(ended_before, dropped).await?;
        let heard_before = now - WORKERS;
        self.repeat(|| retention.drop_workers(heard_before, BATCH))
            .await?;
        Ok(())
    }

    async fn expire(&self, what: Captured, before: Timestamp) -> Result<u64, StoreError> {
        let mut expired = 0;
        loop {
            let step = self
                .timed(self.retention.expire(what, before, BATCH))
                .await?;
            expired += step.len() as u64;
            let is_last = step.len() < BATCH as usize;
            // The row first: nobody is led to a content that is gone.
            self.delete(step).await;
            if is_last {
                return Ok(expired);
            }
        }
    }

    async fn drop_runs(&self, before: Timestamp, dropped: &mut Dropped) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let step = self.retention.drop_runs(after, before, BATCH);
            let step = self.timed(step).await?;
            dropped.runs += u64::from(step.dropped);
            dropped.contents += step.contents.len() as u64;
            self.delete(step.contents).await;
            after = step.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn drop_sessions(
        &self,
        before: Timestamp,
        dropped: &mut Dropped,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let step = self.retention.drop_sessions(after, before, BATCH);
            let step = self.timed(step).await?;
            dropped.sessions += u64::from(step.dropped);
            after = step.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Repeats a step until it finds less than there could be.
    async fn repeat<Stepping>(&self, step: impl Fn() -> Stepping) -> Result<u64, StoreError>
    where
        Stepping: Future<Output = Result<u32, StoreError>>,
    {
        let mut dropped = 0;
        loop {
            let now = self.timed(step()).await?;
            dropped += u64::from(now);
            if now < BATCH {
                return Ok(dropped);
            }
        }
    }

    /// A step, and then a rest as long as it took: others want to write too.
    async fn timed<T>(&self, step: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = step.await;
        self.clock.clone().wait(started.elapsed()).await;
        done
    }

    /// Deletes contents; one that stays is an orphan, and found as such.
    async fn delete(&self, contents: Vec<OwnedBlob>) {
        for (organization_id, id) in contents {
            if let Err(error) = self.blobs.delete(organization_id, id).await {
                warn!("the content of {id} is deleted later: {}", chain(&error));
            }
        }
    }

    /// Deletes contents that no row tells of: a crash came between the two.
    pub async fn sweep_orphans(&self) {
        let before = self.clock.now() - ORPHANED_AFTER;
        let mut contents = self.blobs.all().chunks(BATCH as usize);
        while let Some(chunk) = contents.next().await {
            let mut old = Vec::new();
            for found in chunk {
                match found {
                    Ok((organization_id, id)) if id.created_at() < before => {
                        old.push((organization_id, id));
                    }
                    Ok(_) => {}
                    Err(error) => warn!("contents cannot be gone through: {}", chain(&error)),
                }
            }
            match self.timed(self.retention.orphans(old)).await {
                Ok(orphans) => self.delete(orphans).await,
                Err(error) => warn!("orphans are looked for later: {}", chain(&error)),
            }
        }
    }
}

/// What a pass dropped.
#[derive(Default, PartialEq, Eq)]
struct Dropped {
    contents: u64,
    events: u64,
    runs: u64,
    sessions: u64,
}

#[cfg(test)]
mod tests;
