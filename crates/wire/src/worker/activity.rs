//! What a worker says that its agent does, saw and captured.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::storage::hexadecimal;

/// What an agent is doing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"epoch": 1, "message": "Signed in", "step": 3}))]
pub struct ProgressBody {
    /// The lease's number.
    #[schema(maximum = 4_294_967_295_u32)]
    pub epoch: u32,
    /// In a sentence, of which 1000 characters are kept; holds no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Which step of its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    pub step: Option<u32>,
    /// Several at once, the oldest first, at most 1000; in place of `message` and `step`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<ProgressEntryBody>>,
}

/// One thing that an agent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgressEntryBody {
    /// In a sentence, of which 1000 characters are kept; holds no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Which step of its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    pub step: Option<u32>,
}

/// What a worker hears to an activity.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"cancel": false, "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct HeardBody {
    /// Whether the run is being canceled: stop, and say so by a finish.
    pub cancel: bool,
    /// The request that this answers.
    pub request_id: String,
}

/// Which lease a content belongs to.
pub const EPOCH: &str = "Windlass-Epoch";

/// What a content is called.
pub const FILE_NAME: &str = "Windlass-File-Name";

/// What a content is checked by.
pub const SHA256: &str = "Windlass-Sha256";

/// What an agent notes of a file.
pub const METADATA: &str = "Windlass-Metadata";

/// How long what an agent took out of a file is, which comes before its content.
pub const EXTRACTION_BYTES: &str = "Windlass-Extraction-Bytes";

/// What an agent did when it saw something.
pub const REASONING: &str = "Windlass-Reasoning";

/// At which step it did.
pub const STEP: &str = "Windlass-Step";

/// How wide a screenshot is.
pub const WIDTH: &str = "Windlass-Width";

/// How high it is.
pub const HEIGHT: &str = "Windlass-Height";

/// What is told of any content in the head of its request, each text in percent-encoded UTF-8.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ContentHeaders {
    /// The lease's number.
    #[param(rename = "Windlass-Epoch", example = 1)]
    pub epoch: u32,
    /// Its name, in percent-encoded UTF-8; a path before it is left out.
    #[param(rename = "Windlass-File-Name", example = "bill%202025-12.pdf")]
    pub file_name: Option<String>,
    /// SHA-256 of the content, in hexadecimal digits: where it differs nothing is kept. It may come
    /// in a trailer as well, behind a content that is sent in chunks.
    #[param(rename = "Windlass-Sha256")]
    pub sha256: Option<String>,
}

/// What is told of a file beside.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct FileHeaders {
    /// What the agent notes of it: a JSON object of at most 4096 bytes, in percent-encoded UTF-8;
    /// holds no secret.
    #[param(rename = "Windlass-Metadata", example = "%7B%22page%22%3A2%7D")]
    pub metadata: Option<String>,
    /// Where the lease's task has `extraction`: of how many bytes, at most 65536, what the agent took
    /// out of it is. That comes in the body as JSON, right before the content; `null` says that it
    /// failed.
    #[param(rename = "Windlass-Extraction-Bytes", maximum = 65536)]
    pub extraction_bytes: Option<u32>,
}

/// What is told of a screenshot beside.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ScreenshotHeaders {
    /// What the agent did, and why, in a sentence, in percent-encoded UTF-8; holds no secret. Of more than
    /// 1000 characters the first are shown. The head as a whole has at most 16 KiB.
    #[param(rename = "Windlass-Reasoning", example = "click%20%22Next%22")]
    pub reasoning: Option<String>,
    /// Which step of the agent's way.
    #[param(rename = "Windlass-Step", example = 3)]
    pub step: Option<u32>,
    /// Pixels across, with those down, where it is an image.
    #[param(rename = "Windlass-Width", example = 1280)]
    pub width: Option<u32>,
    /// Pixels down.
    #[param(rename = "Windlass-Height", example = 720)]
    pub height: Option<u32>,
}

/// What became of a content.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "stor_0324ygWvJAh4Zk8gsToV1V", "object": "storage",
    "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", "cancel": false,
    "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct ContentKeptBody {
    /// What it is kept as; null where the run is being canceled. Of a file also where the task keeps
    /// none, or drops what an earlier run has captured; of a screenshot also where the run has as many
    /// as it may.
    #[schema(required)]
    pub id: Option<String>,
    /// `storage` for a file, else `screenshot`.
    pub object: String,
    /// SHA-256 of the content that arrived, in hexadecimal digits; null where not all of it was read.
    #[schema(required)]
    pub sha256: Option<String>,
    /// Whether the run is being canceled: stop, and say so by a finish.
    pub cancel: bool,
    /// The request that this answers.
    pub request_id: String,
}

impl ContentKeptBody {
    /// A content that is kept as this; None where it is not.
    pub fn new(
        id: Option<String>,
        object: &str,
        sha256: Option<[u8; 32]>,
        cancel: bool,
        request_id: String,
    ) -> Self {
        Self {
            id,
            object: object.to_owned(),
            sha256: sha256.map(|digest| hexadecimal(&digest)),
            cancel,
            request_id,
        }
    }
}
