//! What every handler has at hand.

use std::sync::Arc;
use std::time::Duration;

use url::Url;
use windlass_application::Application;
use windlass_application::worker::WorkerCalls;

use crate::call_limits::{CallLimits, OpenCalls};
use crate::drain::Drain;
use crate::signing_key::SigningKey;
use crate::unknown_fields::UnknownFields;

/// What the API is told at start.
pub struct ApiConfig {
    /// Where callers reach the server. The addresses of files start with it, never with what a
    /// request calls the server.
    pub public_url: Url,
    /// Signs the cursors of lists.
    pub cursor_key: SigningKey,
    /// Signs the addresses of files.
    pub file_key: SigningKey,
    /// What each organization may do.
    pub limits: CallLimits,
    /// What becomes of fields and parameters that are not known.
    pub unknown_fields: UnknownFields,
    /// How often a stream that has nothing to say shows that it lives.
    pub heartbeat: Duration,
    /// Tells when the server stops.
    pub drain: Drain,
    /// The JSON Schema of playbooks, as it is served.
    pub playbook_schema: &'static str,
}

/// What every handler has at hand.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) application: Arc<Application>,
    pub(crate) worker_calls: Arc<WorkerCalls>,
    pub(crate) config: Arc<ApiConfig>,
    pub(crate) open_calls: Arc<OpenCalls>,
}
