//! Keeps what an agent saw.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use windlass_domain::id::ScreenshotId;
use windlass_domain::run::{Status, WorkerCommand};
use windlass_domain::screenshot::{MAX_SCREENSHOT_BYTES, MAX_SCREENSHOTS, Screenshot};

use super::held_runs::{HeldRuns, LeaseCall};
use super::report_progress::shown;
use super::store_file::{drop_content, named, typed};
use crate::error::CallError;
use crate::ports::blobs::BlobError;
use crate::ports::runs::Attachment;
use crate::ports::{Blobs, Clock, Screenshots};
use crate::random::random;

/// Keeps what an agent saw.
pub struct StoreScreenshot {
    pub(super) held: HeldRuns,
    pub(super) screenshots: Arc<dyn Screenshots>,
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) clock: Arc<dyn Clock>,
}

/// What an agent saw, without its content.
pub struct CapturedScreenshot {
    /// Its name; a path before it is left out.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// Pixels across and down, where it is an image.
    pub size: Option<(u32, u32)>,
    /// What the agent did, and why; holds no secret.
    pub reasoning: Option<String>,
    /// Which step of its way.
    pub step: Option<u32>,
}

/// What became of a screenshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenshotKept {
    /// What it is kept as; None where the run has as many as it may, or the agent should stop.
    pub screenshot_id: Option<ScreenshotId>,
    /// Whether the agent should stop.
    pub cancel: bool,
}

impl ScreenshotKept {
    const CANCELING: Self = Self {
        screenshot_id: None,
        cancel: true,
    };
}

impl StoreScreenshot {
    /// Stores the content, which is read where the run is still the worker's, then its row with an activity of the run. The same content twice in a
    /// run is one screenshot. Of a run that has [`MAX_SCREENSHOTS`] no more are kept; that is no
    /// error, and an activity all the same.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`; `Blob` where the content did not arrive, is longer than
    /// [`MAX_SCREENSHOT_BYTES`] or cannot be stored. Nothing is kept then.
    pub async fn execute(
        &self,
        call: &LeaseCall,
        screenshot: CapturedScreenshot,
        content: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<ScreenshotKept, CallError> {
        let run = self.held.look(call).await?;
        if run.status() == Status::Canceling {
            return Ok(ScreenshotKept::CANCELING);
        }
        let content = whole(content).await?;
        let sha256: [u8; 32] = Sha256::digest(&content).into();
        let kept = &self.screenshots;
        let tally = kept.tally(call.organization, call.run_id, sha256).await?;
        if tally.same.is_some() || tally.count >= MAX_SCREENSHOTS {
            let run = self.held.say(call, WorkerCommand::Touch, None).await?;
            return Ok(ScreenshotKept {
                screenshot_id: tally.same,
                cancel: run.status() == Status::Canceling,
            });
        }
        self.add(call, screenshot, content, tally.newest).await
    }

    async fn add(
        &self,
        call: &LeaseCall,
        screenshot: CapturedScreenshot,
        content: Bytes,
        newest: Option<ScreenshotId>,
    ) -> Result<ScreenshotKept, CallError> {
        let owner = call.organization.organization_id();
        // Ids put them in the order of their moments: no two of a run have the same.
        let now = self.clock.now();
        let created_at = newest.map_or(now, |newest| now.following(newest.created_at()));
        let id = ScreenshotId::new(created_at, random());
        let content = stream::iter([Ok(content)]).boxed();
        let facts = self
            .blobs
            .put(owner, id.into(), content, MAX_SCREENSHOT_BYTES)
            .await?;
        let (width, height) = screenshot.size.unzip();
        let row = Attachment::Screenshot(Screenshot {
            id,
            run_id: call.run_id,
            file_name: named(&screenshot.file_name),
            file_type: typed(&screenshot.file_type),
            file_size: facts.bytes,
            width,
            height,
            reasoning: screenshot.reasoning.as_deref().map(shown),
            step: screenshot.step,
            sha256: facts.sha256,
            created_at,
            expired_at: None,
        });
        match self.held.say(call, WorkerCommand::Touch, Some(row)).await {
            // Canceled while its content was written: nothing was saved.
            Ok(run) if run.status() == Status::Canceling => {
                drop_content(&*self.blobs, owner, id.into()).await;
                Ok(ScreenshotKept::CANCELING)
            }
            Ok(_) => {
                // The same content may have come by another call at the same moment.
                let kept = &self.screenshots;
                let tally = kept
                    .tally(call.organization, call.run_id, facts.sha256)
                    .await?;
                let screenshot_id = tally.same.unwrap_or(id);
                if screenshot_id != id {
                    drop_content(&*self.blobs, owner, id.into()).await;
                }
                Ok(ScreenshotKept {
                    screenshot_id: Some(screenshot_id),
                    cancel: false,
                })
            }
            // The row may be there all the same, and then needs its content.
            Err(error @ CallError::Store(_)) => Err(error),
            Err(error) => {
                drop_content(&*self.blobs, owner, id.into()).await;
                Err(error)
            }
        }
    }
}

/// A content that is taken at once.
async fn whole(mut content: BoxStream<'static, io::Result<Bytes>>) -> Result<Bytes, BlobError> {
    let limit = MAX_SCREENSHOT_BYTES;
    let mut whole = BytesMut::new();
    while let Some(bytes) = content.try_next().await.map_err(BlobError::Interrupted)? {
        if (whole.len() + bytes.len()) as u64 > limit {
            return Err(BlobError::TooLarge { limit });
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests;
