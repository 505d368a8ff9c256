//! Ends an idle session that its worker has no room for.

use std::sync::Arc;

use windlass_domain::id::{RequestId, SessionId};
use windlass_domain::run::{Holder, Refusal};
use windlass_domain::session::{SessionCommand, SessionStatus};

use crate::announce::Announcer;
use crate::error::CallError;
use crate::ports::error::WriteError;
use crate::ports::{Sessions, StoreError};
use crate::problem::Resource;
use crate::write::{Actor, OrganizationContext, Write, Written};

/// Ends an idle session that its worker has no room for.
pub struct EvictSession {
    pub(super) sessions: Arc<dyn Sessions>,
    pub(super) announcer: Announcer,
}

impl EvictSession {
    /// The session ends, unless a run is queued for it. One that has ended already is given up all
    /// the same, so that the call may be repeated.
    ///
    /// # Errors
    /// `NotFound`; `Refused(SessionNotReady)` where a run is queued for it, where it is not idle,
    /// or where another start of a worker keeps it.
    pub async fn execute(
        &self,
        organization: OrganizationContext,
        request_id: RequestId,
        holder: Holder,
        session_id: SessionId,
    ) -> Result<(), CallError> {
        let write = Write {
            organization,
            actor: Actor::Worker,
            request_id,
            address: None,
            trace_parent: None,
            idempotency: None,
        };
        let evicted = SessionCommand::Evicted { holder };
        match self.sessions.command(write, session_id, evicted).await {
            Ok(Written::Done(commanded)) => {
                self.announcer.announce(&commanded.signals).await;
                Ok(())
            }
            Ok(Written::Replayed(_)) => {
                let unasked = "the store replayed an answer to a call without idempotency key";
                Err(StoreError::Failed(unasked.into()).into())
            }
            Err(WriteError::Refused(Refusal::SessionNotReady {
                status: SessionStatus::Completed | SessionStatus::Failed,
            })) => Ok(()),
            Err(error) => Err(CallError::of_write(error, Resource::Session)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use windlass_domain::id::{Random, WorkerId};

    use super::*;
    use crate::fixture::{now, organization};
    use crate::ports::sessions::MockSessions;
    use crate::ports::signals::{MockQueue, MockSignals};

    /// What a session that does not take it, since it is in this status, means for its worker.
    #[rstest]
    #[case(SessionStatus::Completed, true)]
    #[case(SessionStatus::Failed, true)]
    #[case(SessionStatus::Idle, false)]
    #[case(SessionStatus::Running, false)]
    #[tokio::test]
    async fn what_has_ended_is_given_up(#[case] status: SessionStatus, #[case] is_over: bool) {
        let mut sessions = MockSessions::new();
        sessions
            .expect_command()
            .times(1)
            .returning(move |_, _, _| {
                Err(WriteError::Refused(Refusal::SessionNotReady { status }))
            });
        let use_case = EvictSession {
            sessions: Arc::new(sessions),
            announcer: Announcer::new(Arc::new(MockQueue::new()), Arc::new(MockSignals::new())),
        };
        let holder = Holder {
            worker_id: WorkerId::new(now(), Random([1; 10])),
            incarnation: 1,
        };
        let session_id = SessionId::new(now(), Random([2; 10]));
        let request_id = RequestId::new(now(), Random([3; 10]));

        let evicted = use_case
            .execute(organization(), request_id, holder, session_id)
            .await;

        assert_eq!(evicted.is_ok(), is_over, "{evicted:?}");
    }
}
