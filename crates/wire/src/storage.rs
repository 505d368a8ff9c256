//! Files and screenshots on the wire.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use windlass_domain::file::{Extraction, StoredFile};
use windlass_domain::run::Outcome;
use windlass_domain::screenshot::Screenshot;

/// A file that a run captured.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "stor_0324ygWvJAh4Zk8gsToV1V", "object": "storage",
    "file_name": "faktura-2025-12.pdf", "file_type": "application/pdf", "file_size": 48211, "purpose": "output",
    "url": "http://localhost:8080/files/stor_0324ygWvJAh4Zk8gsToV1V?expires=1767611100&signature=Qm9XyT",
    "metadata": {"source_url": "https://my.nordlys.example/bills/2025-12.pdf"},
    "extraction": {"amount": 1249.5, "due": "2026-01-20"}, "result": "success", "task_run_id": "trun_0324ygTmLd1GBzfqb28m5Y",
    "fetch_date": "2026-01-05T10:02:18.112Z",
    "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    "created_at": "2026-01-05T10:02:18.112Z"}))]
pub struct StorageBody {
    /// Its id.
    pub id: String,
    /// `storage`.
    pub object: &'static str,
    /// Its name without any path.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// How many bytes it has.
    pub file_size: u64,
    /// `output`: captured in a run.
    pub purpose: &'static str,
    /// Where its content is for an hour, without a key; null once it is gone.
    #[schema(required)]
    pub url: Option<String>,
    /// What the agent noted of it.
    #[schema(required, value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// What the agent took out of it, which fits the task's `storage.extraction_schema`; null where
    /// `storage.extraction` is off, or where it failed.
    #[schema(required)]
    pub extraction: Option<Value>,
    /// `success`, or `failure` where what should be taken out of it could not be, or does not fit.
    pub result: &'static str,
    /// The run that captured it.
    pub task_run_id: String,
    /// When it was captured.
    #[schema(format = DateTime)]
    pub fetch_date: String,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
    /// When it was captured.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The request that this answers; items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What an agent saw, and what it did and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "scr_0324ygYUn0X87kTcdQwEEg", "object": "screenshot", "file_name": "step-4.png",
    "file_type": "image/png", "file_size": 90412,
    "url": "http://localhost:8080/files/scr_0324ygYUn0X87kTcdQwEEg?expires=1767611100&signature=Zk2LpA",
    "reasoning": "The bill list is open; the December row has a download link.", "width": 1280, "height": 800,
    "step": 4, "created_at": "2026-01-05T10:02:16.540Z"}))]
pub struct ScreenshotBody {
    /// Its id.
    pub id: String,
    /// `screenshot`.
    pub object: &'static str,
    /// Its name.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// How many bytes it has.
    pub file_size: u64,
    /// Where its content is for an hour, without a key; null once it is gone.
    #[schema(required)]
    pub url: Option<String>,
    /// What the agent did, and why.
    #[schema(required)]
    pub reasoning: Option<String>,
    /// Pixels across; null where it is a document.
    #[schema(required)]
    pub width: Option<u32>,
    /// Pixels down; null where it is a document.
    #[schema(required)]
    pub height: Option<u32>,
    /// Which step of the agent's way.
    #[schema(required)]
    pub step: Option<u32>,
    /// When it was taken.
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl StorageBody {
    /// A file, with the signed address of its content where that is still there.
    pub fn new(file: &StoredFile, url: Option<String>) -> Self {
        Self {
            id: file.id.to_string(),
            object: "storage",
            file_name: file.file_name.clone(),
            file_type: file.file_type.clone(),
            file_size: file.file_size,
            purpose: "output",
            url,
            metadata: file.metadata.clone(),
            extraction: file.extraction.data().cloned(),
            result: match file.extraction {
                Extraction::None | Extraction::Taken(_) => Outcome::Success.as_str(),
                Extraction::Failed => Outcome::Failure.as_str(),
            },
            task_run_id: file.run_id.to_string(),
            fetch_date: file.created_at.to_string(),
            sha256: hexadecimal(&file.sha256),
            created_at: file.created_at.to_string(),
            request_id: None,
        }
    }
}

impl ScreenshotBody {
    /// A screenshot, with the signed address of its content where that is still there.
    pub fn new(screenshot: &Screenshot, url: Option<String>) -> Self {
        Self {
            id: screenshot.id.to_string(),
            object: "screenshot",
            file_name: screenshot.file_name.clone(),
            file_type: screenshot.file_type.clone(),
            file_size: screenshot.file_size,
            url,
            reasoning: screenshot.reasoning.clone(),
            width: screenshot.width,
            height: screenshot.height,
            step: screenshot.step,
            created_at: screenshot.created_at.to_string(),
        }
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
