//! All use cases, built once at start over the ports that the binary chose.

use std::sync::Arc;
use std::time::Duration;

use crate::announce::Announcer;
use crate::answer_interaction::AnswerInteraction;
use crate::authenticate::Authenticate;
use crate::cancel_run::CancelRun;
use crate::create_agent::CreateAgent;
use crate::create_credential::CreateCredential;
use crate::create_destination::CreateDestination;
use crate::create_source::CreateSource;
use crate::create_task::CreateTask;
use crate::dispatch::Dispatcher;
use crate::end_session::EndSession;
use crate::follow_events::FollowEvents;
use crate::issue_key::IssueKey;
use crate::issue_token::IssueToken;
use crate::ports::workers::GONE_AFTER;
use crate::ports::{
    Agents, Blobs, Clock, Credentials, Deliveries, DestinationSender, Destinations, EgressPolicy,
    Events, Files, Keys, Limits, Organizations, PlaybookRules, Playbooks, Queue, Runs, Screenshots,
    Sessions, Signals, Sources, Tasks, Tokens, Vault, Workers,
};
use crate::put_playbook::PutPlaybook;
use crate::read_credentials::ReadCredentials;
use crate::read_run_input::ReadRunInput;
use crate::replay_events::ReplayEvents;
use crate::review_run::ReviewRun;
use crate::rotate_secret::RotateSecret;
use crate::schema::Schemas;
use crate::start_run::StartRun;
use crate::sweep::Sweeper;
use crate::test_destination::TestDestination;
use crate::update_agent::UpdateAgent;
use crate::update_credential::UpdateCredential;
use crate::update_destination::UpdateDestination;
use crate::update_source::UpdateSource;
use crate::update_task::UpdateTask;
use crate::wait_for_run::WaitForRun;

/// What the use cases need from the outside. Plain reads are asked of a port itself.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its name")]
pub struct Ports {
    pub agents: Arc<dyn Agents>,
    pub sources: Arc<dyn Sources>,
    pub credentials: Arc<dyn Credentials>,
    pub tasks: Arc<dyn Tasks>,
    pub playbooks: Arc<dyn Playbooks>,
    pub runs: Arc<dyn Runs>,
    pub sessions: Arc<dyn Sessions>,
    pub files: Arc<dyn Files>,
    pub screenshots: Arc<dyn Screenshots>,
    pub events: Arc<dyn Events>,
    pub destinations: Arc<dyn Destinations>,
    pub deliveries: Arc<dyn Deliveries>,
    pub organizations: Arc<dyn Organizations>,
    pub keys: Arc<dyn Keys>,
    pub tokens: Arc<dyn Tokens>,
    pub workers: Arc<dyn Workers>,
    pub blobs: Arc<dyn Blobs>,
    pub vault: Arc<dyn Vault>,
    pub queue: Arc<dyn Queue>,
    pub signals: Arc<dyn Signals>,
    pub limits: Arc<dyn Limits>,
    pub egress: Arc<dyn EgressPolicy>,
    pub playbook_rules: Arc<dyn PlaybookRules>,
    /// None where the build has no adapter for them.
    pub webhooks: Option<Arc<dyn DestinationSender>>,
    pub clock: Arc<dyn Clock>,
}

/// What an operator sets of the lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a worker holds a run without renewing.
    pub lease: Duration,
    /// How long an agent has to stop after a cancel.
    pub cancel_grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            cancel_grace: Duration::from_secs(30),
        }
    }
}

/// All that Windlass can do.
#[expect(missing_docs, reason = "each field is the use case of its name")]
pub struct Application {
    pub ports: Ports,
    pub settings: Settings,
    /// Compiled schemas, shared with the worker's use cases.
    pub schemas: Arc<Schemas>,
    pub announcer: Announcer,
    pub authenticate: Authenticate,
    pub issue_key: IssueKey,
    pub issue_token: IssueToken,
    pub create_agent: CreateAgent,
    pub update_agent: UpdateAgent,
    pub create_source: CreateSource,
    pub update_source: UpdateSource,
    pub create_credential: CreateCredential,
    pub update_credential: UpdateCredential,
    pub read_credentials: ReadCredentials,
    pub create_task: CreateTask,
    pub update_task: UpdateTask,
    pub put_playbook: PutPlaybook,
    pub create_destination: CreateDestination,
    pub update_destination: UpdateDestination,
    pub rotate_secret: RotateSecret,
    pub test_destination: TestDestination,
    pub replay_events: ReplayEvents,
    pub start_run: StartRun,
    pub cancel_run: CancelRun,
    pub end_session: EndSession,
    pub answer_interaction: AnswerInteraction,
    pub review_run: ReviewRun,
    pub wait_for_run: WaitForRun,
    pub follow_events: Arc<FollowEvents>,
    pub read_run_input: ReadRunInput,
    pub sweeper: Sweeper,
    /// None where nothing can be sent: another replica, or a later start, finds the deliveries.
    pub dispatcher: Option<Arc<Dispatcher>>,
}

impl Application {
    /// All use cases over these ports.
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let schemas = Arc::new(Schemas::default());
        let announcer = Announcer::new(ports.queue.clone(), ports.signals.clone());
        Self {
            authenticate: Authenticate::new(
                ports.keys.clone(),
                ports.tokens.clone(),
                ports.clock.clone(),
            ),
            issue_key: IssueKey::new(
                ports.keys.clone(),
                ports.organizations.clone(),
                ports.clock.clone(),
            ),
            issue_token: IssueToken {
                tokens: ports.tokens.clone(),
                sources: ports.sources.clone(),
                tasks: ports.tasks.clone(),
                runs: ports.runs.clone(),
                clock: ports.clock.clone(),
            },
            create_agent: CreateAgent {
                agents: ports.agents.clone(),
                clock: ports.clock.clone(),
            },
            update_agent: UpdateAgent {
                agents: ports.agents.clone(),
            },
            create_source: CreateSource {
                sources: ports.sources.clone(),
                egress: ports.egress.clone(),
                clock: ports.clock.clone(),
            },
            update_source: UpdateSource {
                sources: ports.sources.clone(),
                egress: ports.egress.clone(),
            },
            create_credential: CreateCredential {
                credentials: ports.credentials.clone(),
                sources: ports.sources.clone(),
                vault: ports.vault.clone(),
                clock: ports.clock.clone(),
            },
            update_credential: UpdateCredential {
                credentials: ports.credentials.clone(),
                vault: ports.vault.clone(),
            },
            read_credentials: ReadCredentials {
                credentials: ports.credentials.clone(),
                vault: ports.vault.clone(),
            },
            create_task: CreateTask {
                tasks: ports.tasks.clone(),
                agents: ports.agents.clone(),
                clock: ports.clock.clone(),
            },
            update_task: UpdateTask {
                tasks: ports.tasks.clone(),
            },
            put_playbook: PutPlaybook {
                playbooks: ports.playbooks.clone(),
                tasks: ports.tasks.clone(),
                sources: ports.sources.clone(),
                rules: ports.playbook_rules.clone(),
            },
            create_destination: CreateDestination {
                destinations: ports.destinations.clone(),
                egress: ports.egress.clone(),
                vault: ports.vault.clone(),
                clock: ports.clock.clone(),
                sends_webhooks: ports.webhooks.is_some(),
            },
            update_destination: UpdateDestination {
                destinations: ports.destinations.clone(),
                egress: ports.egress.clone(),
                vault: ports.vault.clone(),
            },
            rotate_secret: RotateSecret {
                destinations: ports.destinations.clone(),
                vault: ports.vault.clone(),
            },
            test_destination: TestDestination {
                destinations: ports.destinations.clone(),
                vault: ports.vault.clone(),
                clock: ports.clock.clone(),
                webhooks: ports.webhooks.clone(),
            },
            replay_events: ReplayEvents {
                deliveries: ports.deliveries.clone(),
            },
            start_run: StartRun {
                runs: ports.runs.clone(),
                tasks: ports.tasks.clone(),
                sources: ports.sources.clone(),
                credentials: ports.credentials.clone(),
                sessions: ports.sessions.clone(),
                playbooks: ports.playbooks.clone(),
                vault: ports.vault.clone(),
                schemas: schemas.clone(),
                announcer: announcer.clone(),
                clock: ports.clock.clone(),
            },
            cancel_run: CancelRun {
                runs: ports.runs.clone(),
                announcer: announcer.clone(),
                grace: settings.cancel_grace,
            },
            end_session: EndSession {
                sessions: ports.sessions.clone(),
                announcer: announcer.clone(),
                grace: settings.cancel_grace,
            },
            answer_interaction: AnswerInteraction {
                runs: ports.runs.clone(),
                vault: ports.vault.clone(),
                announcer: announcer.clone(),
            },
            review_run: ReviewRun {
                runs: ports.runs.clone(),
                tasks: ports.tasks.clone(),
                schemas: schemas.clone(),
                announcer: announcer.clone(),
            },
            wait_for_run: WaitForRun::new(ports.runs.clone(), ports.signals.clone()),
            follow_events: Arc::new(FollowEvents::new(
                ports.events.clone(),
                ports.signals.clone(),
            )),
            read_run_input: ReadRunInput {
                runs: ports.runs.clone(),
                vault: ports.vault.clone(),
            },
            sweeper: Sweeper {
                runs: ports.runs.clone(),
                workers: ports.workers.clone(),
                destinations: ports.destinations.clone(),
                announcer: announcer.clone(),
                workers_after: GONE_AFTER,
            },
            dispatcher: ports.webhooks.clone().map(|webhooks| {
                Arc::new(Dispatcher {
                    deliveries: ports.deliveries.clone(),
                    webhooks,
                    vault: ports.vault.clone(),
                    clock: ports.clock.clone(),
                })
            }),
            schemas,
            announcer,
            settings,
            ports,
        }
    }
}
