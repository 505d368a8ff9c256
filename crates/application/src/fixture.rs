//! What the tests of use cases share: a vault that keeps to its promise, and things to work on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretSlice;
use windlass_domain::Timestamp;
use windlass_domain::id::{
    AgentId, KeyId, OrganizationId, Random, RequestId, RunId, SessionId, SourceId, TaskId, WorkerId,
};
use windlass_domain::pool::Pool;
use windlass_domain::run::{
    Epoch, Field, FieldOption, Holder, Interaction, Lease, Run, RunState, Waiting,
};
use windlass_domain::sealed::Sealed;
use windlass_domain::task::{Task, TaskSettings, TaskStatus};

use crate::ports::clock::MockClock;
use crate::ports::runs::RunView;
use crate::ports::vault::{OrganizationVault, Place, Vault, VaultError};
use crate::write::{Actor, OrganizationContext, Write};

/// The present moment of every test.
pub(crate) const NOW: i64 = 1_767_607_300_000;

/// Binds a value to its place, as the real one does, and hides nothing.
pub(crate) struct OpenVault;

impl OrganizationVault for OpenVault {
    fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> Sealed {
        let mut bytes = format!("{}@{}\n", place.name, place.row).into_bytes();
        bytes.extend_from_slice(plaintext);
        Sealed::from_bytes(bytes)
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretSlice<u8>, VaultError> {
        let place_of = format!("{}@{}\n", place.name, place.row);
        let plaintext = sealed.as_bytes().strip_prefix(place_of.as_bytes());
        plaintext
            .map(|plaintext| SecretSlice::from(plaintext.to_vec()))
            .ok_or(VaultError::DoesNotOpen { name: place.name })
    }
}

#[async_trait]
impl Vault for OpenVault {
    async fn of(&self, _: OrganizationId) -> Result<Arc<dyn OrganizationVault>, VaultError> {
        Ok(Arc::new(Self))
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

pub(crate) fn clock() -> Arc<MockClock> {
    let mut clock = MockClock::new();
    clock.expect_now().return_const(now());
    clock.expect_wait().returning(|_| ());
    Arc::new(clock)
}

pub(crate) fn organization() -> OrganizationContext {
    OrganizationContext::of_server(OrganizationId::new(now(), Random([1; 10])))
}

pub(crate) fn write() -> Write {
    Write {
        organization: organization(),
        actor: Actor::Key(KeyId::new(now(), Random([2; 10]))),
        request_id: RequestId::new(now(), Random([3; 10])),
        address: None,
        trace_parent: None,
        idempotency: None,
    }
}

pub(crate) fn source_id() -> SourceId {
    SourceId::parse("src_nordlys").unwrap()
}

pub(crate) fn task_id() -> TaskId {
    TaskId::parse("task_bills").unwrap()
}

pub(crate) fn task() -> Task {
    Task {
        id: task_id(),
        version: 3,
        agent_id: AgentId::parse("agt_bills").unwrap(),
        name: "Bills".to_owned(),
        prompt: None,
        status: TaskStatus::Learning,
        input_schema: None,
        output_schema: None,
        storage: None,
        settings: TaskSettings::default(),
        created_at: now(),
        updated_at: now(),
    }
}

pub(crate) fn run_id() -> RunId {
    RunId::new(now(), Random([4; 10]))
}

pub(crate) fn view(state: RunState) -> RunView {
    RunView {
        run: Run {
            id: run_id(),
            organization_id: organization().organization_id(),
            opened_session: true,
            session_id: SessionId::new(now(), Random([5; 10])),
            task_id: task_id(),
            task_version: 3,
            agent_id: task().agent_id,
            source_id: Some(source_id()),
            credential_id: None,
            playbook_version: None,
            pool: Pool::builtin(),
            settings: TaskSettings::default(),
            state,
            version: 1,
            epoch: Epoch(1),
            attempts: 0,
            losses: 0,
            runtime: Duration::ZERO,
            finished: None,
            created_at: now(),
            updated_at: now(),
        },
        metadata: std::collections::BTreeMap::new(),
        output: None,
    }
}

pub(crate) fn queued() -> RunState {
    RunState::Queued {
        waiting: Waiting::ForWorker,
        checkpoint: None,
        secrets_version: None,
    }
}

/// Waits for a code, and optionally for an account of two.
pub(crate) fn asking() -> RunState {
    let field = |name: &str, required, options: Option<Vec<FieldOption>>| Field {
        name: name.to_owned(),
        kind: "string".to_owned(),
        label: name.to_owned(),
        options,
        required,
    };
    let option = |value: &str| FieldOption {
        value: value.to_owned(),
        label: None,
    };
    RunState::InteractionRequired {
        lease: Lease {
            epoch: Epoch(1),
            holder: Holder {
                worker_id: WorkerId::new(now(), Random([6; 10])),
                incarnation: 1,
            },
            expires_at: now() + Duration::from_secs(30),
            resumed: false,
            begun: true,
            checkpoint: None,
            secrets_version: None,
            inherited_secrets_version: None,
        },
        interaction: Interaction {
            id: windlass_domain::id::InteractionId::new(now(), Random([7; 10])),
            kind: "mfa".to_owned(),
            message: "Code?".to_owned(),
            fields: vec![
                field("code", true, None),
                field("account", false, Some(vec![option("a"), option("b")])),
            ],
            attempt: 1,
            created_at: now(),
            expires_at: now() + Duration::from_secs(900),
        },
        checkpoint: None,
    }
}

/// Kinds and fields of what is wrong, in order.
pub(crate) fn told(error: &crate::CallError) -> Vec<(crate::ProblemKind, String)> {
    match error {
        crate::CallError::Invalid(problems) => problems
            .iter()
            .map(|problem| (problem.kind, problem.field.clone().unwrap_or_default()))
            .collect(),
        other => panic!("not a wrong request: {other:?}"),
    }
}
