//! The one table of the errors of calls: type, code, status, meaning.
//! The OpenAPI document, the page and the tests are made from it. Source: docs/api.md, "Errors".

use http::StatusCode;

macro_rules! error_codes {
    ($($variant:ident = $type:literal, $code:literal, $status:ident, $meaning:literal;)+) => {
        /// What may be wrong with a call. A failed run's own errors stand in
        /// `windlass_domain::run::ErrorCode`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum ErrorCode {
            $(#[doc = $meaning] $variant,)+
        }

        impl ErrorCode {
            /// Every code.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// Whose matter it is.
            pub(crate) fn error_type(self) -> &'static str {
                match self { $(Self::$variant => $type),+ }
            }

            /// Its name on the wire.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status of an answer that has it.
            pub(crate) fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// What it means, in a sentence.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

error_codes! {
    ApiError = "api", "api_error", INTERNAL_SERVER_ERROR, "The server failed.";
    Timeout = "api", "timeout", INTERNAL_SERVER_ERROR, "The server took too long.";
    Unavailable = "api", "unavailable", SERVICE_UNAVAILABLE, "The server cannot answer now; try again later.";
    InputMissing = "request", "input_missing", BAD_REQUEST, "A required field is absent, null, empty or blank.";
    InputInvalid = "request", "input_invalid", BAD_REQUEST, "A wrong type or value, or fields that do not go together.";
    InputUnknown = "request", "input_unknown", BAD_REQUEST, "A field that is not known, or a property that the task's schema does not allow.";
    BodyInvalid = "request", "body_invalid", BAD_REQUEST, "Not JSON, not an object, too deep, or a key twice.";
    ParameterInvalid = "request", "parameter_invalid", BAD_REQUEST, "A query parameter with a wrong value.";
    ParameterUnknown = "request", "parameter_unknown", BAD_REQUEST, "A query parameter that is not known.";
    IncludeInvalid = "request", "include_invalid", BAD_REQUEST, "Something to include that is not known.";
    CursorInvalid = "request", "cursor_invalid", BAD_REQUEST, "A cursor of another list or with other filters.";
    SchemaInvalid = "request", "schema_invalid", BAD_REQUEST, "A schema that a task must not have.";
    ApiKeyInvalid = "request", "api_key_invalid", UNAUTHORIZED, "No API key, or one that is not valid.";
    ScopeInsufficient = "request", "scope_insufficient", FORBIDDEN, "The key's scope does not reach.";
    AgentNotFound = "request", "agent_not_found", NOT_FOUND, "No agent has this id.";
    CredentialNotFound = "request", "credential_not_found", NOT_FOUND, "No credential has this id.";
    TaskNotFound = "request", "task_not_found", NOT_FOUND, "No task has this id.";
    PlaybookNotFound = "request", "playbook_not_found", NOT_FOUND, "The task has no playbook for this source.";
    TaskRunNotFound = "request", "task_run_not_found", NOT_FOUND, "No task run has this id.";
    SessionNotFound = "request", "session_not_found", NOT_FOUND, "No session has this id.";
    StorageNotFound = "request", "storage_not_found", NOT_FOUND, "No stored file has this id, or the address is not a signed one.";
    EventNotFound = "request", "event_not_found", NOT_FOUND, "No event has this id.";
    EventDestinationNotFound = "request", "event_destination_not_found", NOT_FOUND, "No event destination has this id.";
    EventDeliveryNotFound = "request", "event_delivery_not_found", NOT_FOUND, "No event delivery has this id.";
    WorkerNotFound = "request", "worker_not_found", NOT_FOUND, "No worker has this name.";
    EndpointNotFound = "request", "endpoint_not_found", NOT_FOUND, "There is no such call.";
    MethodNotAllowed = "request", "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not take this method.";
    RunNotCancelable = "request", "run_not_cancelable", CONFLICT, "The run's status does not allow a cancel.";
    RunNotReviewable = "request", "run_not_reviewable", CONFLICT, "The run waits for no review.";
    RunNotRunning = "request", "run_not_running", CONFLICT, "The run's status does not allow this.";
    InteractionNotPending = "request", "interaction_not_pending", CONFLICT, "The run waits for no answer.";
    LeaseLost = "request", "lease_lost", CONFLICT, "The lease is another's now, or over.";
    SessionMismatch = "request", "session_mismatch", CONFLICT, "The session has another credential or source.";
    SessionEnded = "request", "session_ended", CONFLICT, "The session is ending or has ended.";
    CredentialDeleted = "request", "credential_deleted", CONFLICT, "The credential was deleted.";
    ResourceInUse = "request", "resource_in_use", CONFLICT, "Something else needs it; the message says what.";
    IdTaken = "request", "id_taken", CONFLICT, "The organization has something of this id.";
    BodyTooLarge = "request", "body_too_large", PAYLOAD_TOO_LARGE, "The body is larger than the call takes: 1 MiB for most.";
    MediaTypeUnsupported = "request", "media_type_unsupported", UNSUPPORTED_MEDIA_TYPE, "The body is not sent as JSON.";
    IdempotencyKeyError = "idempotency", "idempotency_key_error", BAD_REQUEST, "The idempotency key is not 1 to 256 printable ASCII characters.";
    IdempotencyError = "idempotency", "idempotency_error", CONFLICT, "The idempotency key was used with another body.";
    RateLimitExceeded = "rate_limit", "rate_limit_exceeded", TOO_MANY_REQUESTS, "The organization has made, or holds open, as many calls as it may; try again later.";
    SessionLimitExceeded = "rate_limit", "session_limit_exceeded", TOO_MANY_REQUESTS, "The organization has as many live sessions as it may; try again later.";
    QueueLimitExceeded = "rate_limit", "queue_limit_exceeded", TOO_MANY_REQUESTS, "The organization has as many queued runs as it may; try again later.";
    SourceInvalid = "source", "source_invalid", BAD_REQUEST, "A source's id in a body that is none.";
    SourceBlocked = "source", "source_blocked", FORBIDDEN, "An address that the egress policy refuses.";
    SourceNotFound = "source", "source_not_found", NOT_FOUND, "No source has this id.";
    StorageExpired = "storage", "storage_expired", GONE, "The file is gone, or its address has expired.";
    OrganizationSuspended = "organization", "organization_suspended", FORBIDDEN, "The organization is suspended; retrying will not help.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_codes_look_the_same() {
        let names: BTreeSet<_> = ErrorCode::ALL
            .iter()
            .map(|code| (code.error_type(), code.as_str()))
            .collect();

        assert_eq!(names.len(), ErrorCode::ALL.len());
    }
}
