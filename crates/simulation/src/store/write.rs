//! The frame of every change that somebody asks for: done once per idempotency key.

use std::time::Duration;

use windlass_application::ports::WriteError;
use windlass_application::{IdempotencyRequest, KeptAnswer, Outcome, Write, Written};
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;

use super::{MemoryStore, State};

/// How long an idempotency key is remembered. Source: docs/api.md, "Idempotency".
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Organization, method, path and key.
pub(super) type IdempotencyKey = (OrganizationId, String, String, String);

/// The first answer to a key.
pub(super) struct Remembered {
    body_hash: [u8; 32],
    answer: KeptAnswer,
    expires_at: Timestamp,
}

/// What a change is made with.
pub(super) struct Change<'a> {
    pub(super) state: &'a mut State,
    pub(super) at: Timestamp,
    pub(super) organization_id: OrganizationId,
}

impl MemoryStore {
    /// One change, unless its idempotency key was used: `act` first refuses and then changes.
    pub(super) async fn write<T>(
        &self,
        call: &'static str,
        write: Write,
        act: impl FnOnce(Change<'_>) -> Result<T, WriteError> + Send,
        outcome: for<'a> fn(&'a T) -> Outcome<'a>,
    ) -> Result<Written<T>, WriteError> {
        self.transact(call, |state, at| {
            let organization_id = write.organization.organization_id();
            if let Some(request) = &write.idempotency
                && let Some(answer) = remembered(state, organization_id, request, at)?
            {
                return Ok(Written::Replayed(answer));
            }
            let done = act(Change {
                state,
                at,
                organization_id,
            })?;
            if let Some(request) = &write.idempotency {
                let kept = Remembered {
                    body_hash: request.body_hash,
                    answer: (request.render)(outcome(&done)),
                    expires_at: at + REMEMBERED,
                };
                state
                    .idempotency
                    .insert(key(organization_id, request), kept);
            }
            Ok(Written::Done(done))
        })
        .await
    }
}

fn remembered(
    state: &State,
    organization_id: OrganizationId,
    request: &IdempotencyRequest,
    at: Timestamp,
) -> Result<Option<KeptAnswer>, WriteError> {
    let kept = state.idempotency.get(&key(organization_id, request));
    match kept.filter(|kept| kept.expires_at > at) {
        Some(kept) if kept.body_hash != request.body_hash => Err(WriteError::IdempotencyKeyReused),
        Some(kept) => Ok(Some(kept.answer.clone())),
        None => Ok(None),
    }
}

fn key(organization_id: OrganizationId, request: &IdempotencyRequest) -> IdempotencyKey {
    let IdempotencyRequest {
        method, path, key, ..
    } = request;
    (organization_id, method.clone(), path.clone(), key.clone())
}

/// Refuses while anything needs it. `users` are counts with their nouns.
pub(super) fn refuse_in_use(users: &[(usize, &str)]) -> Result<(), WriteError> {
    let used = users.iter().filter(|(count, _)| *count > 0);
    let by: Vec<String> = used
        .map(|(count, noun)| {
            let plural = if *count == 1 { "" } else { "s" };
            format!("{count} {noun}{plural}")
        })
        .collect();
    if by.is_empty() {
        Ok(())
    } else {
        let by = by.join(" and ");
        Err(WriteError::InUse { by })
    }
}
