//! What an agent saw, step by step.

use crate::id::{RunId, ScreenshotId};
use crate::time::Timestamp;

/// The page as it was at a step of a run, and why the agent did what it did. Its content lies in
/// the blob store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screenshot {
    /// Its id.
    pub id: ScreenshotId,
    /// The run whose agent saw it.
    pub run_id: RunId,
    /// Its name without any path; at most 255 bytes.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// How long it is, in bytes.
    pub file_size: u64,
    /// Pixels across, where it is an image.
    pub width: Option<u32>,
    /// Pixels down, where it is an image.
    pub height: Option<u32>,
    /// What the agent did, and why; holds no secret.
    pub reasoning: Option<String>,
    /// Which step of the agent's way.
    pub step: Option<u32>,
    /// SHA-256 of its content.
    pub sha256: [u8; 32],
    /// When it was taken.
    pub created_at: Timestamp,
    /// When its content was dropped; the record stays as long as its run.
    pub expired_at: Option<Timestamp>,
}

/// The longest screenshot, in bytes.
pub const MAX_SCREENSHOT_BYTES: u64 = 2 * 1024 * 1024;

/// How many screenshots a run keeps; those after them are left out.
pub const MAX_SCREENSHOTS: u32 = 200;
