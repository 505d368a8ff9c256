//! Files that a run captured.

use crate::id::{RunId, StorageId};
use crate::time::Timestamp;

/// A file that a run captured. Its content lies in the blob store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFile {
    /// Its id.
    pub id: StorageId,
    /// The run that captured it.
    pub run_id: RunId,
    /// Its name without any path; at most 255 bytes.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// How long it is, in bytes.
    pub file_size: u64,
    /// SHA-256 of its content.
    pub sha256: [u8; 32],
    /// What was taken out of it, where extraction is on.
    pub extraction: Option<serde_json::Value>,
    /// When it was captured.
    pub created_at: Timestamp,
    /// When its content was dropped; the record stays as long as its run.
    pub expired_at: Option<Timestamp>,
}

/// A file is kept under its id, so that no two rows share content.
pub const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;
