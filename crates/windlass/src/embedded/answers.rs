//! What a call that did nothing says to the embedded worker.

use std::error::Error;

use tracing::{error, warn};
use windlass_application::error::chain;
use windlass_application::ports::StoreError;
use windlass_application::ports::blobs::BlobError;
use windlass_application::ports::vault::VaultError;
use windlass_application::{CallError, Resource};
use windlass_domain::run::Refusal;
use windlass_worker::ProtocolError;

/// What is told of a failure of the server's own, whose cause is nobody else's business.
const FAILED: &str = "the server failed";

/// What the worker hears. Its agent may pass the message on to the run's caller, so that the
/// server's own failures are logged here and stay here.
pub(super) fn of_call(error: CallError) -> ProtocolError {
    match error {
        CallError::Refused(Refusal::LeaseLost { .. } | Refusal::LeaseOver { .. })
        | CallError::NotFound(Resource::TaskRun) => ProtocolError::LeaseLost,
        CallError::Store(error) | CallError::Vault(VaultError::Keys(error)) => of_store(&error),
        CallError::Vault(error @ VaultError::DoesNotOpen { .. }) => failed(&error),
        CallError::Blob(error) => of_blobs(&error),
        CallError::Invalid(_)
        | CallError::NotFound(_)
        | CallError::IdTaken(_)
        | CallError::InUse { .. }
        | CallError::SessionMismatch { .. }
        | CallError::CredentialDeleted
        | CallError::Refused(_)
        | CallError::Exceeded(_)
        | CallError::IdempotencyKeyReused => ProtocolError::Refused {
            message: error.to_string(),
        },
    }
}

fn of_store(error: &StoreError) -> ProtocolError {
    match error {
        StoreError::Unavailable(_) => {
            warn!("a worker's call waits for the store: {}", chain(error));
            ProtocolError::Unavailable {
                message: error.to_string(),
            }
        }
        StoreError::Failed(_) | StoreError::Corrupt { .. } => failed(error),
    }
}

fn of_blobs(error: &BlobError) -> ProtocolError {
    match error {
        BlobError::TooLarge { .. } | BlobError::Interrupted(_) => ProtocolError::Refused {
            message: chain(error),
        },
        BlobError::NotFound | BlobError::Failed(_) => failed(error),
    }
}

fn failed(error: &(dyn Error + 'static)) -> ProtocolError {
    error!("a worker's call failed: {}", chain(error));
    ProtocolError::Refused {
        message: FAILED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use windlass_domain::run::{Epoch, Status};

    use super::*;

    #[test]
    fn a_lost_lease_and_a_run_that_is_gone_are_the_same_to_a_worker() {
        let lost = Refusal::LeaseLost {
            given: Epoch(1),
            current: Epoch(2),
        };
        let over = Refusal::LeaseOver {
            given: Epoch(1),
            status: Status::Failed,
        };
        for error in [
            CallError::Refused(lost),
            CallError::Refused(over),
            CallError::NotFound(Resource::TaskRun),
        ] {
            assert!(matches!(of_call(error), ProtocolError::LeaseLost));
        }
    }

    #[test]
    fn a_store_that_is_busy_may_be_asked_again() {
        let busy = StoreError::Unavailable("database is locked".into());

        let answer = of_call(CallError::Store(busy));

        assert!(
            matches!(&answer, ProtocolError::Unavailable { message } if !message.contains("locked")),
            "{answer}"
        );
    }

    #[test]
    fn a_failure_of_the_server_keeps_its_cause_to_itself() {
        let corrupt = StoreError::Corrupt {
            table: "run",
            row: "trun_1".to_owned(),
            rule: "a running run has a lease".to_owned(),
        };

        let answer = of_call(CallError::Store(corrupt));

        assert!(
            matches!(&answer, ProtocolError::Refused { message } if message == FAILED),
            "{answer}"
        );
    }

    #[test]
    fn what_the_lifecycle_refuses_is_said_as_it_is() {
        let status = Status::InteractionRequired;
        let answer = of_call(CallError::Refused(Refusal::RunNotRunning { status }));

        assert!(
            matches!(&answer, ProtocolError::Refused { message } if message.contains("interaction_required")),
            "{answer}"
        );
    }
}
