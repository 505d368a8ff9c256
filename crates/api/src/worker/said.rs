//! What a worker says: who it is, and of which lease it speaks.

use axum::extract::{FromRequest, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_application::worker::LeaseCall;
use windlass_application::{Actor, CallError, OrganizationContext, Resource};
use windlass_domain::id::RunId;
use windlass_domain::run::{Epoch, Holder, Refusal};
use windlass_domain::text::{self, NotAName};

use crate::authentication::Authenticated;
use crate::change::Changing;
use crate::error::{ApiError, Finding, not_found};
use crate::error_code::ErrorCode;
use crate::json::RequestBody;
use crate::request::{Received, is_trace_parent};
use crate::state::Api;

/// The longest body of a worker's call: a checkpoint of 1 MiB in base64, or an output of 1 MiB with a
/// login, and what goes with it.
pub(super) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Who speaks.
#[derive(Debug, Clone)]
pub(super) struct Speaker {
    caller: Authenticated,
    pub(super) received: Received,
}

/// A call with a body.
pub(super) struct Said<T> {
    pub(super) speaker: Speaker,
    pub(super) body: T,
}

impl<T: RequestBody> FromRequest<Api> for Said<T> {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &Api) -> Result<Self, ApiError> {
        request.headers_mut().remove("idempotency-key");
        let Changing { change, body } = Changing::<T>::from_request(request, state).await?;
        let speaker = Speaker::new(change.caller(), change.received().clone());
        Ok(Self { speaker, body })
    }
}

impl Speaker {
    pub(super) fn new(caller: Authenticated, received: Received) -> Self {
        Self { caller, received }
    }

    /// Whose runs it may touch.
    pub(super) fn organization(&self) -> OrganizationContext {
        self.caller.organization()
    }

    pub(super) fn request_id(&self) -> String {
        self.received.request_id.to_string()
    }

    /// The same within this trace, where one is given.
    pub(super) fn within(&self, trace_parent: Option<&str>) -> Result<Self, ApiError> {
        let mut speaker = self.clone();
        match trace_parent {
            None => {}
            Some(text) if is_trace_parent(text) => {
                speaker.received.trace_parent = Some(text.to_owned());
            }
            Some(_) => {
                let message = "`trace_parent` must be what a `traceparent` header holds.";
                let finding = Finding::of(ErrorCode::InputInvalid, "trace_parent", message);
                return Err(ApiError::all(vec![finding]));
            }
        }
        Ok(speaker)
    }

    /// A call about a lease.
    pub(super) fn lease(&self, run_id: RunId, epoch: u32) -> LeaseCall {
        LeaseCall {
            organization: self.organization(),
            actor: Actor::Worker,
            request_id: self.received.request_id,
            trace_parent: self.received.trace_parent.clone(),
            run_id,
            epoch: Epoch(epoch),
        }
    }

    /// The latest start of the worker of this name.
    pub(super) async fn latest(&self, api: &Api, worker: &str) -> Result<Option<Holder>, ApiError> {
        let Ok(name) = text::name(worker) else {
            return Ok(None);
        };
        let workers = &api.application.ports.workers;
        Ok(workers.find(self.organization(), &name).await?)
    }

    /// The start that a worker says it is, where that is its latest.
    pub(super) async fn holder(
        &self,
        api: &Api,
        worker: &str,
        incarnation: u32,
    ) -> Result<Holder, ApiError> {
        let latest = self.latest(api, &named(worker)?).await?;
        latest
            .filter(|holder| holder.incarnation == incarnation)
            .ok_or_else(|| superseded(incarnation))
    }

    /// What is wrong with a call about a run, or that there is no such run: that comes first, since
    /// another organization's run must look as one that never existed.
    pub(super) async fn wrong(&self, api: &Api, run_id: RunId, error: ApiError) -> ApiError {
        let runs = &api.application.ports.runs;
        match runs.get(self.organization(), run_id).await {
            Ok(Some(_)) => error,
            Ok(None) => not_found(Resource::TaskRun),
            Err(failed) => failed.into(),
        }
    }
}

/// The name of a worker in a body.
fn named(worker: &str) -> Result<String, ApiError> {
    text::name(worker).map_err(|wrong| {
        let code = match wrong {
            NotAName::Empty => ErrorCode::InputMissing,
            NotAName::TooLong { .. } | NotAName::Control => ErrorCode::InputInvalid,
        };
        let message = format!("`worker` {wrong}.");
        ApiError::all(vec![Finding::of(code, "worker", message)])
    })
}

/// What a start hears that is not its worker's latest.
pub(super) fn superseded(incarnation: u32) -> ApiError {
    ApiError::new(
        ErrorCode::LeaseLost,
        format!(
            "Incarnation {incarnation} is not the latest start of this worker: start it by \
             `POST /v2/worker/workers`, and use the number that is answered."
        ),
    )
}

/// What is wrong with a call about a start of a worker, and no run: a newer one may have come meanwhile.
pub(super) fn of_start(error: CallError, holder: Holder) -> ApiError {
    match error {
        CallError::Refused(Refusal::LeaseLost { .. }) => superseded(holder.incarnation),
        other => other.into(),
    }
}

/// Bytes that a body holds in base64; what is none is told as the field's fault.
pub(super) fn bytes(field: &str, text: &str, findings: &mut Vec<Finding>) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_else(|_| {
        let message = format!("`{field}` must be base64 (RFC 4648, section 4, with padding).");
        findings.push(Finding::of(ErrorCode::InputInvalid, field, message));
        Vec::new()
    })
}

/// Bytes as a body holds them.
pub(super) fn text_of(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
