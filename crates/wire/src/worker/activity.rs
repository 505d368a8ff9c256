//! What a worker says that its agent does, saw and captured.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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

/// What is told of a content in the head of its request, each text in percent-encoded UTF-8.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ContentHeaders {
    /// The lease's number.
    #[serde(rename = "Windlass-Epoch")]
    pub epoch: String,
    /// Its name; a path before it is left out.
    #[serde(rename = "Windlass-File-Name")]
    pub file_name: Option<String>,
    /// SHA-256 of the content, in hexadecimal digits: where it differs nothing is kept. It may come
    /// in a trailer as well, behind a content that is sent in chunks.
    #[serde(rename = "Windlass-Sha256")]
    pub sha256: Option<String>,
}

/// What is told of a screenshot beside.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct ScreenshotHeaders {
    /// What the agent did, and why, in a sentence, in percent-encoded UTF-8; holds no secret.
    #[serde(rename = "Windlass-Reasoning")]
    pub reasoning: Option<String>,
    /// Which step of the agent's way.
    #[serde(rename = "Windlass-Step")]
    pub step: Option<String>,
    /// Pixels across, with those down, where it is an image.
    #[serde(rename = "Windlass-Width")]
    pub width: Option<String>,
    /// Pixels down.
    #[serde(rename = "Windlass-Height")]
    pub height: Option<String>,
}

/// What became of a screenshot.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"screenshot_id": "scr_0324ygYUn0X87kTcdQwEEg", "cancel": false,
    "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct ScreenshotKeptBody {
    /// What it is kept as; null where the run has as many as it may, or is being canceled.
    #[schema(required)]
    pub screenshot_id: Option<String>,
    /// Whether the run is being canceled: stop, and say so by a finish.
    pub cancel: bool,
    /// The request that this answers.
    pub request_id: String,
}

/// What became of a file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"storage_id": "stor_0324ygWvJAh4Zk8gsToV1V", "cancel": false,
    "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct FileKeptBody {
    /// What it is kept as; null where the task keeps no files, or drops what an earlier run has
    /// captured, or the run is being canceled.
    #[schema(required)]
    pub storage_id: Option<String>,
    /// Whether the run is being canceled: stop, and say so by a finish.
    pub cancel: bool,
    /// The request that this answers.
    pub request_id: String,
}
