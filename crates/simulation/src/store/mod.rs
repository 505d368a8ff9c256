//! A store in memory: plain maps, changed as `domain::lifecycle::decide` says. It passes the same
//! conformance suite as the stores that are used, and so may stand for them.
//!
//! A transaction is a function over [`State`] that first refuses and then changes: it cannot fail
//! half-way. Before and after it stands a [`Gate`], where a simulation lets things go wrong.

mod access;
mod agents;
mod credentials;
mod deliveries;
mod destinations;
mod event_log;
mod events;
mod files;
mod lease;
mod page;
mod playbooks;
mod runs;
mod scene;
mod screenshots;
mod sessions;
mod slots;
mod sources;
mod sweep;
mod tasks;
mod timeline;
mod tokens;
mod workers;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;
use windlass_application::ports::deliveries::DeliveryView;
use windlass_application::ports::runs::RunView;
use windlass_application::ports::vault::WrappedKey;
use windlass_application::ports::{Clock, StoreError};
use windlass_domain::Timestamp;
use windlass_domain::agent::Agent;
use windlass_domain::credential::Credential;
use windlass_domain::delivery::Failing;
use windlass_domain::destination::Destination;
use windlass_domain::event::Event;
use windlass_domain::file::StoredFile;
use windlass_domain::id::{
    AgentId, CredentialId, DeliveryId, DestinationId, OrganizationId, RunId, ScreenshotId,
    SessionId, SourceId, StorageId, TaskId, WorkerId,
};
use windlass_domain::key::ApiKey;
use windlass_domain::lifecycle::{self, Changes, Command, Scene};
use windlass_domain::organization::Organization;
use windlass_domain::playbook::Playbook;
use windlass_domain::pool::Pool;
use windlass_domain::run::{Refusal, Run, RunState};
use windlass_domain::screenshot::Screenshot;
use windlass_domain::sealed::Sealed;
use windlass_domain::session::{Session, SessionStatus};
use windlass_domain::slot::{self, Caps};
use windlass_domain::source::Source;
use windlass_domain::task::Task;
use windlass_domain::token::Token;

pub use self::scene::Decided;
use self::slots::Slots;
use self::timeline::Line;
use self::workers::Worker;
use self::write::{IdempotencyKey, Remembered};

/// Where a call of the store may be held up, refused, or its answer lost.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Before the transaction: an error here means that nothing was done.
    async fn before(&self, call: &'static str) -> Result<(), StoreError>;

    /// After the commit: an error here means that the caller does not know of it.
    async fn after(&self, call: &'static str) -> Result<(), StoreError>;
}

/// Lets every call pass.
pub struct Open;

#[async_trait]
impl Gate for Open {
    async fn before(&self, _call: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn after(&self, _call: &'static str) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The rules that a store goes by. Others than the domain's only show that a wrong one is noticed.
#[derive(Clone, Copy)]
pub struct Rules {
    /// What a command changes.
    pub decide: fn(&Scene, Command, Timestamp) -> Result<Changes, Refusal>,
    /// Which clock has run out.
    pub due: fn(&Scene, Timestamp) -> Option<Command>,
    /// Whether a run in this state has slots, or waits for them.
    pub takes_part: fn(&RunState) -> bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            decide: lifecycle::decide,
            due: lifecycle::due,
            takes_part: slot::takes_part,
        }
    }
}

/// One replica's access to the store that all replicas share.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    gate: Arc<dyn Gate>,
    caps: Caps,
}

struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    deliveries_written: Notify,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>, rules: Rules) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State::new(rules)),
                clock,
                deliveries_written: Notify::new(),
            }),
            gate: Arc::new(Open),
            caps: Caps::default(),
        }
    }

    /// The same store behind another gate.
    #[must_use]
    pub fn behind(&self, gate: Arc<dyn Gate>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            gate,
            caps: self.caps,
        }
    }

    /// The same store, where organizations may have so much.
    #[must_use]
    pub fn with_caps(&self, caps: Caps) -> Self {
        Self {
            caps,
            ..self.clone()
        }
    }

    /// What is kept, as it is now; past the gate, for whoever checks it.
    pub fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state())
    }

    /// One transaction.
    async fn transact<T, E: From<StoreError>>(
        &self,
        call: &'static str,
        act: impl FnOnce(&mut State, Timestamp) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        self.gate.before(call).await?;
        let done = {
            let mut state = self.state();
            state.caps = self.caps;
            let before = state.deliveries.len();
            let done = act(&mut state, self.shared.clock.now());
            if state.deliveries.len() > before {
                self.shared.deliveries_written.notify_one();
            }
            done
        };
        self.gate.after(call).await?;
        done
    }

    /// One look, which changes nothing.
    async fn read<T>(
        &self,
        call: &'static str,
        look: impl FnOnce(&State) -> T + Send,
    ) -> Result<T, StoreError> {
        self.transact(call, |state, _| Ok(look(state))).await
    }

    /// Never held across an await; each change is whole, so that what a panic left can be read.
    fn state(&self) -> MutexGuard<'_, State> {
        let state = &self.shared.state;
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run with what lies beside it.
#[derive(Debug, Clone)]
pub struct KeptRun {
    /// What its caller sees.
    pub view: RunView,
    /// Sealed as `run.input` of this run.
    pub input: Sealed,
    /// The trace that its start was a part of.
    trace_parent: Option<String>,
    lines: Vec<Line>,
}

impl KeptRun {
    /// The run.
    pub fn run(&self) -> &Run {
        &self.view.run
    }
}

/// A delivery with its attempts, and whose it is.
#[derive(Debug, Clone)]
pub struct KeptDelivery {
    /// Whose.
    pub organization_id: OrganizationId,
    /// It.
    pub view: DeliveryView,
}

/// All that is kept.
pub struct State {
    /// What is decided by.
    rules: Rules,
    /// What an organization may have, in the eyes of who has the transaction.
    caps: Caps,
    slots: Slots,
    organizations: Vec<Organization>,
    keys: Vec<ApiKey>,
    tokens: Vec<Token>,
    data_keys: BTreeMap<(OrganizationId, u32), WrappedKey>,
    canary: Option<Sealed>,
    idempotency: BTreeMap<IdempotencyKey, Remembered>,
    agents: BTreeMap<(OrganizationId, AgentId), Agent>,
    sources: BTreeMap<(OrganizationId, SourceId), Source>,
    credentials: BTreeMap<CredentialId, (OrganizationId, Credential)>,
    logins: BTreeMap<CredentialId, Sealed>,
    /// The newest versions of tasks that are not deleted.
    tasks: BTreeMap<(OrganizationId, TaskId), u32>,
    task_versions: BTreeMap<(OrganizationId, TaskId, u32), Task>,
    playbooks: BTreeMap<(OrganizationId, TaskId, SourceId), Playbook>,
    playbook_versions: BTreeMap<(OrganizationId, TaskId, SourceId, u32), Playbook>,
    /// Destinations of events, with whose they are.
    pub destinations: BTreeMap<DestinationId, (OrganizationId, Destination)>,
    failing: BTreeMap<DestinationId, Failing>,
    /// Every delivery that was made.
    pub deliveries: BTreeMap<DeliveryId, KeptDelivery>,
    /// Those that are not over, by when they are tried next.
    due: BTreeSet<(Timestamp, DeliveryId)>,
    /// At which destination the last look at what is due ended, and when it was.
    last_look: (Timestamp, Option<DestinationId>),
    /// Every event in the order of commits.
    pub events: Vec<(OrganizationId, Event)>,
    /// Every session.
    pub sessions: BTreeMap<SessionId, Session>,
    /// Every run.
    pub runs: BTreeMap<RunId, KeptRun>,
    files: BTreeMap<StorageId, (OrganizationId, StoredFile)>,
    screenshots: BTreeMap<ScreenshotId, (OrganizationId, Screenshot)>,
    workers: BTreeMap<WorkerId, Worker>,
    /// Whose turn it was last, by pool.
    turns: BTreeMap<Pool, OrganizationId>,
    /// What was decided since it was last taken, for whoever checks it.
    pub journal: Vec<Decided>,
}

impl State {
    /// The runs that are not final.
    pub fn unfinished(&self) -> impl Iterator<Item = &Run> {
        let runs = self.runs.values().map(KeptRun::run);
        runs.filter(|run| !run.status().is_final())
    }

    /// The sessions of an organization that take runs.
    pub fn open_sessions(&self, organization_id: OrganizationId) -> Vec<SessionId> {
        let sessions = self.sessions.values();
        let open = sessions.filter(|session| {
            let takes_runs = match session.status() {
                SessionStatus::Queued | SessionStatus::Running | SessionStatus::Idle => true,
                SessionStatus::Completing | SessionStatus::Completed | SessionStatus::Failed => {
                    false
                }
            };
            takes_runs && session.organization_id == organization_id
        });
        open.map(|session| session.id).collect()
    }

    fn new(rules: Rules) -> Self {
        Self {
            rules,
            caps: Caps::default(),
            slots: Slots::default(),
            organizations: Vec::new(),
            keys: Vec::new(),
            tokens: Vec::new(),
            data_keys: BTreeMap::new(),
            canary: None,
            idempotency: BTreeMap::new(),
            agents: BTreeMap::new(),
            sources: BTreeMap::new(),
            credentials: BTreeMap::new(),
            logins: BTreeMap::new(),
            tasks: BTreeMap::new(),
            task_versions: BTreeMap::new(),
            playbooks: BTreeMap::new(),
            playbook_versions: BTreeMap::new(),
            destinations: BTreeMap::new(),
            failing: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            due: BTreeSet::new(),
            last_look: (Timestamp::EPOCH, None),
            events: Vec::new(),
            sessions: BTreeMap::new(),
            runs: BTreeMap::new(),
            files: BTreeMap::new(),
            screenshots: BTreeMap::new(),
            workers: BTreeMap::new(),
            turns: BTreeMap::new(),
            journal: Vec::new(),
        }
    }
}
