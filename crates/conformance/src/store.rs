//! A store with two organizations in it: what its suites begin with.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use windlass_application::ports::events::{EventFilter, Order};
use windlass_application::ports::{
    Agents, Clock, Credentials, DataKeys, Deliveries, Destinations, Events, Files, Keys,
    Organizations, Playbooks, Runs, Screenshots, Sessions, Sources, Tasks, Tokens, Workers,
};
use windlass_application::random::random;
use windlass_application::{
    Actor, IdempotencyRequest, KeptAnswer, Operator, OrganizationContext, Outcome, PageRequest,
    Position, Write, Written,
};
use windlass_domain::Timestamp;
use windlass_domain::event::{Event, EventType};
use windlass_domain::id::{KeyId, OrganizationId, RequestId};
use windlass_domain::organization::{Environment, Organization};
use windlass_domain::sealed::Sealed;
use windlass_domain::slot::Caps;

use crate::clock::VirtualClock;

/// The trace that every request of a caller belongs to.
pub const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Every port of one store.
#[derive(Clone)]
pub struct Ports {
    /// Agents.
    pub agents: Arc<dyn Agents>,
    /// Sources.
    pub sources: Arc<dyn Sources>,
    /// Credentials.
    pub credentials: Arc<dyn Credentials>,
    /// Tasks.
    pub tasks: Arc<dyn Tasks>,
    /// Playbooks.
    pub playbooks: Arc<dyn Playbooks>,
    /// Runs.
    pub runs: Arc<dyn Runs>,
    /// Sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Workers.
    pub workers: Arc<dyn Workers>,
    /// Files.
    pub files: Arc<dyn Files>,
    /// Screenshots.
    pub screenshots: Arc<dyn Screenshots>,
    /// Deliveries.
    pub deliveries: Arc<dyn Deliveries>,
    /// Destinations.
    pub destinations: Arc<dyn Destinations>,
    /// Events.
    pub events: Arc<dyn Events>,
    /// Organizations.
    pub organizations: Arc<dyn Organizations>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// Tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Data keys.
    pub data_keys: Arc<dyn DataKeys>,
}

impl Ports {
    /// The ports of a store that implements all of them.
    pub fn of<S>(store: &Arc<S>) -> Self
    where
        S: Agents
            + Sources
            + Credentials
            + Tasks
            + Playbooks
            + Runs
            + Sessions
            + Workers
            + Files
            + Screenshots
            + Deliveries
            + Destinations
            + Events
            + Organizations
            + Keys
            + Tokens
            + DataKeys
            + 'static,
    {
        Self {
            agents: Arc::clone(store) as Arc<dyn Agents>,
            sources: Arc::clone(store) as Arc<dyn Sources>,
            credentials: Arc::clone(store) as Arc<dyn Credentials>,
            tasks: Arc::clone(store) as Arc<dyn Tasks>,
            playbooks: Arc::clone(store) as Arc<dyn Playbooks>,
            runs: Arc::clone(store) as Arc<dyn Runs>,
            sessions: Arc::clone(store) as Arc<dyn Sessions>,
            workers: Arc::clone(store) as Arc<dyn Workers>,
            files: Arc::clone(store) as Arc<dyn Files>,
            screenshots: Arc::clone(store) as Arc<dyn Screenshots>,
            deliveries: Arc::clone(store) as Arc<dyn Deliveries>,
            destinations: Arc::clone(store) as Arc<dyn Destinations>,
            events: Arc::clone(store) as Arc<dyn Events>,
            organizations: Arc::clone(store) as Arc<dyn Organizations>,
            keys: Arc::clone(store) as Arc<dyn Keys>,
            tokens: Arc::clone(store) as Arc<dyn Tokens>,
            data_keys: Arc::clone(store) as Arc<dyn DataKeys>,
        }
    }
}

/// Opens the store of a test once more, beside the first, with other caps.
pub type Reopen = Box<dyn Fn(Caps) -> Pin<Box<dyn Future<Output = Ports>>> + Send + Sync>;

/// A store with two organizations in it, and the clock that it goes by.
pub struct Fixture {
    /// The store.
    pub ports: Ports,
    /// Its clock.
    pub clock: Arc<VirtualClock>,
    /// The organization that the test is about.
    pub organization: OrganizationContext,
    /// Another one, which must see and touch nothing of it.
    pub stranger: OrganizationContext,
    /// The key that `organization` shows.
    pub key_id: KeyId,
    reopen: Option<Arc<Reopen>>,
}

impl Fixture {
    /// Makes the two organizations in an empty store.
    pub async fn new(ports: Ports, clock: Arc<VirtualClock>) -> Self {
        let organization = new_organization("acme", clock.now());
        let stranger = new_organization("stranger", clock.now());
        for organization in [&organization, &stranger] {
            let created = ports
                .organizations
                .create(Operator::now(clock.now(), None), organization.clone())
                .await;
            created.expect("an empty store takes an organization");
        }
        Self {
            organization: OrganizationContext::of_server(organization.id),
            stranger: OrganizationContext::of_server(stranger.id),
            key_id: KeyId::new(clock.now(), random()),
            ports,
            clock,
            reopen: None,
        }
    }

    /// The same, whose store can be opened once more.
    #[must_use]
    pub fn reopened_by(self, reopen: Reopen) -> Self {
        Self {
            reopen: Some(Arc::new(reopen)),
            ..self
        }
    }

    /// The same store as another process has it, which allows organizations so much.
    ///
    /// # Panics
    /// Where the adapter does not say how its store is opened once more.
    pub async fn with_caps(&self, caps: Caps) -> Self {
        let reopen = self.reopen.as_ref().expect("the adapter says how");
        self.with_ports(reopen(caps).await)
    }

    /// The same organizations by these ports: another process on the same store.
    #[must_use]
    pub fn with_ports(&self, ports: Ports) -> Self {
        Self {
            ports,
            clock: Arc::clone(&self.clock),
            organization: self.organization,
            stranger: self.stranger,
            key_id: self.key_id,
            reopen: self.reopen.clone(),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock on by a second.
    pub fn next_second(&self) {
        self.clock.advance(Duration::from_secs(1));
    }

    /// One act of an operator.
    pub fn operator(&self) -> Operator {
        Operator::now(self.now(), Some("console.example".to_owned()))
    }

    /// A request of a caller of the organization.
    pub fn write(&self) -> Write {
        self.write_of(self.organization)
    }

    /// A request of a caller of this organization.
    pub fn write_of(&self, organization: OrganizationContext) -> Write {
        Write {
            organization,
            actor: Actor::Key(self.key_id),
            request_id: RequestId::new(self.now(), random()),
            address: None,
            trace_parent: Some(TRACE_PARENT.to_owned()),
            idempotency: None,
        }
    }

    /// A request with an idempotency key and a body. The answer that is kept of it says what it
    /// made and by which request.
    pub fn write_once(&self, key: &str, body: &str) -> Write {
        let mut write = self.write();
        let request_id = write.request_id;
        write.idempotency = Some(IdempotencyRequest {
            key: key.to_owned(),
            method: "POST".to_owned(),
            path: "/v2/agents".to_owned(),
            body_hash: body_hash(body),
            render: Arc::new(move |outcome| answer(request_id, outcome)),
        });
        write
    }

    /// All events of an organization, oldest first.
    pub async fn events_of(&self, organization: OrganizationContext) -> Vec<Event> {
        let page = PageRequest {
            limit: 100,
            position: Position::Start,
        };
        let events = &self.ports.events;
        let page = events
            .list(
                organization,
                EventFilter::default(),
                Order::OldestFirst,
                page,
            )
            .await
            .expect("the store lists events");
        assert!(!page.has_more, "a test makes few events");
        page.items
    }

    /// The types of all events of the organization, oldest first.
    pub async fn event_types(&self) -> Vec<EventType> {
        let events = self.events_of(self.organization).await;
        events.iter().map(|event| event.event_type).collect()
    }
}

/// What a write did now.
///
/// # Panics
/// Where it was answered from an idempotency record.
pub fn done<T>(written: Written<T>) -> T {
    match written {
        Written::Done(done) => done,
        Written::Replayed(answer) => panic!("nothing was replayed, but {answer:?}"),
    }
}

/// The first page of a list.
pub fn first_page() -> PageRequest {
    PageRequest {
        limit: 100,
        position: Position::Start,
    }
}

fn new_organization(name: &str, now: Timestamp) -> Organization {
    Organization {
        id: OrganizationId::new(now, random()),
        name: name.to_owned(),
        environment: Environment::Live,
        suspended: false,
        created_at: now,
    }
}

/// Any function of the body that differs for two bodies.
fn body_hash(body: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    for (index, byte) in body.bytes().enumerate() {
        hash[index % 32] ^= byte;
    }
    hash
}

fn answer(request_id: RequestId, outcome: Outcome<'_>) -> KeptAnswer {
    let what = match outcome {
        Outcome::Agent(agent) => agent.agent.id.to_string(),
        Outcome::Source(source) => source.id.to_string(),
        Outcome::Credential(view) => view.credential.id.to_string(),
        Outcome::Task(task) => task.id.to_string(),
        Outcome::Playbook(playbook) => playbook.version.to_string(),
        Outcome::Run(view) => view.run.id.to_string(),
        Outcome::Session(view) => view.session.id.to_string(),
        Outcome::Destination(destination) => destination.id.to_string(),
        Outcome::Delivery(view) => view.delivery.id.to_string(),
        Outcome::Replayed(sent) => sent.to_string(),
        Outcome::Token(token) => token.id.to_string(),
        Outcome::Deleted => "deleted".to_owned(),
    };
    KeptAnswer {
        status: 201,
        body: Sealed::from_bytes(format!("{what} by {request_id}").into_bytes()),
    }
}
