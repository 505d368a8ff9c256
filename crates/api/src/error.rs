//! Why a call did nothing, as its caller sees it: every error of the inner layers gets its code
//! here and nowhere else. Causes go to the log, never to the caller.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tracing::{error, info};
use windlass_application::authenticate::NotAuthenticated;
use windlass_application::error::chain;
use windlass_application::ports::blobs::BlobError;
use windlass_application::ports::vault::VaultError;
use windlass_application::ports::{StoreError, WriteError};
use windlass_application::{CallError, Problem, ProblemKind, Resource, shortened};
use windlass_domain::run::Refusal;
use windlass_domain::slot::Exceeded;
use windlass_wire::answer::ErrorBody;

use crate::error_code::ErrorCode;

/// How long a caller waits where the server cannot answer now, or has no room.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a call did nothing.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    errors: Vec<ErrorBody>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log alone.
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// An error on its way out: the outermost layer writes the body, since it knows the request's id.
#[derive(Clone)]
pub(crate) struct Refused(pub(crate) Arc<ApiError>);

/// One thing that is wrong, before it has a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What it is.
    pub(crate) code: ErrorCode,
    /// The field or parameter to blame.
    pub(crate) field: Option<String>,
    /// What is wrong, where, and what would be right, as a sentence.
    pub(crate) message: String,
}

impl Finding {
    /// Something wrong with one field or parameter.
    pub(crate) fn of(
        code: ErrorCode,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            field: Some(field.into()),
            message: message.into(),
        }
    }

    /// The same, for the application to tell with what its rules find; None where it is nothing
    /// that a field is to blame for.
    pub(crate) fn as_problem(&self) -> Option<Problem> {
        let kind = match self.code {
            ErrorCode::InputMissing => ProblemKind::Missing,
            ErrorCode::InputInvalid => ProblemKind::Invalid,
            ErrorCode::InputUnknown => ProblemKind::Unknown,
            _ => return None,
        };
        let field = self.field.as_deref()?;
        Some(Problem::of(kind, field, &self.message))
    }
}

impl ApiError {
    /// One thing that no field is to blame for.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::all(vec![Finding {
            code,
            field: None,
            message: message.into(),
        }])
    }

    /// What the code itself says.
    pub(crate) fn plain(code: ErrorCode) -> Self {
        Self::new(code, code.meaning())
    }

    /// All that is wrong. Where that has several statuses the request as a whole is bad.
    pub(crate) fn all(findings: Vec<Finding>) -> Self {
        let status = match findings.split_first() {
            None => StatusCode::INTERNAL_SERVER_ERROR,
            Some((first, others)) => {
                let status = first.code.status();
                if others.iter().all(|other| other.code.status() == status) {
                    status
                } else {
                    StatusCode::BAD_REQUEST
                }
            }
        };
        let mut headers = Vec::new();
        if let StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS = status {
            headers.push((header::RETRY_AFTER, RETRY_AFTER));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        Self {
            status,
            errors: findings.into_iter().map(body).collect(),
            headers,
            cause: None,
        }
    }

    /// The same with a header; one of this name that it has is replaced.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Why it came to this, for the log.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What the answer's body says.
    pub(crate) fn errors(&self) -> &[ErrorBody] {
        &self.errors
    }

    /// Writes the cause down, where there is one: for whoever tells the error within an answer. What
    /// the caller did, such as to hang up, is nothing that the server's operator has to mend.
    pub(crate) fn log(&self) {
        match self.chain() {
            Some(chain) if self.status.is_server_error() => {
                error!(error = chain, "could not answer: {chain}");
            }
            Some(chain) => info!(error = chain, "refused: {chain}"),
            None => {}
        }
    }

    /// The cause with all that caused it, for the log.
    pub(crate) fn chain(&self) -> Option<String> {
        self.cause.as_deref().map(|cause| chain(cause))
    }
}

/// A name that the caller made up may be as long as the body, and the message has it once more.
fn body(finding: Finding) -> ErrorBody {
    let (mut field, mut message) = (finding.field, finding.message);
    if let Some(name) = &field
        && let Cow::Owned(short) = shortened(name)
    {
        message = message.replace(name.as_str(), &short);
        field = Some(short);
    }
    ErrorBody {
        error_type: finding.code.error_type(),
        code: finding.code.as_str(),
        message,
        field,
    }
}

/// A text of the inner layers as a sentence.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    let mut sentence: String = first.into_iter().flatten().chain(characters).collect();
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(Refused(Arc::new(self)));
        response
    }
}

/// The code of a resource that does not exist.
pub(crate) fn not_found_code(resource: Resource) -> ErrorCode {
    match resource {
        Resource::Agent => ErrorCode::AgentNotFound,
        Resource::Source => ErrorCode::SourceNotFound,
        Resource::Credential => ErrorCode::CredentialNotFound,
        Resource::Task => ErrorCode::TaskNotFound,
        Resource::Playbook => ErrorCode::PlaybookNotFound,
        Resource::TaskRun => ErrorCode::TaskRunNotFound,
        Resource::Session => ErrorCode::SessionNotFound,
        Resource::Storage => ErrorCode::StorageNotFound,
        Resource::Event => ErrorCode::EventNotFound,
        Resource::EventDestination => ErrorCode::EventDestinationNotFound,
        Resource::EventDelivery => ErrorCode::EventDeliveryNotFound,
        Resource::Worker => ErrorCode::WorkerNotFound,
    }
}

/// A resource that does not exist, or is another organization's.
pub(crate) fn not_found(resource: Resource) -> ApiError {
    ApiError::plain(not_found_code(resource))
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        let code = match problem.kind {
            ProblemKind::Missing => ErrorCode::InputMissing,
            ProblemKind::Invalid => ErrorCode::InputInvalid,
            ProblemKind::Unknown => ErrorCode::InputUnknown,
            ProblemKind::SchemaInvalid => ErrorCode::SchemaInvalid,
            ProblemKind::SourceInvalid => ErrorCode::SourceInvalid,
            ProblemKind::SourceBlocked => ErrorCode::SourceBlocked,
            ProblemKind::NotFound(resource) => not_found_code(resource),
        };
        Self {
            code,
            field: problem.field,
            message: problem.message,
        }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Invalid(problems) => {
                Self::all(problems.into_iter().map(Finding::from).collect())
            }
            CallError::NotFound(resource) => not_found(resource),
            CallError::IdTaken(resource) => Self::all(vec![Finding::of(
                ErrorCode::IdTaken,
                "id",
                format!("The organization has {} of this id.", resource.one()),
            )]),
            CallError::InUse { by } => {
                Self::new(ErrorCode::ResourceInUse, format!("It is in use by {by}."))
            }
            CallError::SessionMismatch { what } => Self::new(
                ErrorCode::SessionMismatch,
                format!("The session has another {what}; leave it out."),
            ),
            CallError::CredentialDeleted => Self::plain(ErrorCode::CredentialDeleted),
            CallError::Refused(refusal) => refusal.into(),
            CallError::Exceeded(exceeded) => exceeded.into(),
            CallError::IdempotencyKeyReused => Self::new(
                ErrorCode::IdempotencyError,
                "This idempotency key was used with another body.",
            ),
            CallError::Blob(error) => error.into(),
            CallError::Vault(error) => error.into(),
            CallError::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NotCancelable { .. } => ErrorCode::RunNotCancelable,
            Refusal::InteractionNotPending { .. } | Refusal::OtherInteraction { .. } => {
                ErrorCode::InteractionNotPending
            }
            Refusal::NotReviewable { .. } => ErrorCode::RunNotReviewable,
            Refusal::LeaseLost { .. } | Refusal::LeaseOver { .. } => ErrorCode::LeaseLost,
            Refusal::RunNotRunning { .. } | Refusal::NotDue { .. } => ErrorCode::RunNotRunning,
            Refusal::SessionEnded { .. } | Refusal::SessionNotReady { .. } => {
                ErrorCode::SessionEnded
            }
            // A store loads the scene that a command is about, so a caller cannot bring this about.
            Refusal::NotInScene | Refusal::NotLoaded { .. } => {
                return Self::plain(ErrorCode::ApiError).because(refusal);
            }
        };
        Self::new(code, sentence(&refusal.to_string()))
    }
}

impl From<Exceeded> for ApiError {
    fn from(exceeded: Exceeded) -> Self {
        let code = match exceeded {
            Exceeded::Sessions { .. } => ErrorCode::SessionLimitExceeded,
            Exceeded::Queued { .. } => ErrorCode::QueueLimitExceeded,
        };
        Self::new(code, sentence(&exceeded.to_string()))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Unavailable(_) => ErrorCode::Unavailable,
            StoreError::Failed(_) | StoreError::Corrupt { .. } => ErrorCode::ApiError,
        };
        Self::plain(code).because(error)
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Keys(error) => error.into(),
            VaultError::DoesNotOpen { .. } => Self::plain(ErrorCode::ApiError).because(error),
        }
    }
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        let code = match error {
            BlobError::TooLarge { .. } => ErrorCode::BodyTooLarge,
            BlobError::Interrupted(_) => ErrorCode::BodyInvalid,
            BlobError::NotFound => ErrorCode::StorageExpired,
            BlobError::Failed(_) => ErrorCode::ApiError,
        };
        Self::plain(code).because(error)
    }
}

impl From<NotAuthenticated> for ApiError {
    fn from(error: NotAuthenticated) -> Self {
        match error {
            NotAuthenticated::InvalidKey => Self::new(
                ErrorCode::ApiKeyInvalid,
                "The API key is missing or not valid.",
            ),
            NotAuthenticated::Suspended => Self::plain(ErrorCode::OrganizationSuspended),
            NotAuthenticated::Store(error) => error.into(),
        }
    }
}

/// What a store says of a write to this resource.
pub(crate) fn of_write(resource: Resource) -> impl Fn(WriteError) -> ApiError {
    move |error| CallError::of_write(error, resource).into()
}

#[cfg(test)]
mod tests {
    use windlass_domain::run::Status;

    use super::*;

    #[test]
    fn a_refusal_is_told_as_a_sentence() {
        let error = ApiError::from(Refusal::NotCancelable {
            status: Status::Completed,
        });

        assert_eq!(error.status(), StatusCode::CONFLICT);
        assert_eq!(error.errors()[0].code, "run_not_cancelable");
        assert_eq!(
            error.errors()[0].message,
            "A run that is `completed` cannot be canceled."
        );
    }

    #[test]
    fn an_id_that_is_taken_is_told_in_good_english() {
        for (resource, message) in [
            (Resource::Agent, "The organization has an agent of this id."),
            (
                Resource::Source,
                "The organization has a source of this id.",
            ),
        ] {
            let error = ApiError::from(CallError::IdTaken(resource));
            assert_eq!(error.errors()[0].message, message);
        }
    }

    #[test]
    fn what_a_store_says_stays_in_the_log() {
        let error = ApiError::from(StoreError::Failed("no such table: run".into()));

        assert_eq!(error.errors()[0].message, "The server failed.");
        assert_eq!(
            error.chain().as_deref(),
            Some("the store failed: no such table: run")
        );
    }

    #[test]
    fn problems_of_several_statuses_are_one_bad_request() {
        let of = |kind| Problem::of(kind, "a", "It is wrong.");
        let one = ApiError::from(CallError::Invalid(vec![of(ProblemKind::SourceBlocked)]));
        let two = ApiError::from(CallError::Invalid(vec![
            of(ProblemKind::SourceBlocked),
            of(ProblemKind::Missing),
        ]));

        assert_eq!(one.status(), StatusCode::FORBIDDEN);
        assert_eq!(two.status(), StatusCode::BAD_REQUEST);
        assert_eq!(two.errors().len(), 2);
    }
}
