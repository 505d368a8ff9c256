//! What a caller sets up, for suites that need some of it.

use serde_json::json;
use windlass_application::ports::credentials::CredentialView;
use windlass_application::random::random;
use windlass_domain::agent::Agent;
use windlass_domain::credential::{AuthMethod, Credential, CredentialStatus};
use windlass_domain::destination::{
    Configuration, Destination, DestinationStatus, EventFilter, RetryProfile, Webhook,
};
use windlass_domain::id::{AgentId, CredentialId, DestinationId, SourceId, TaskId};
use windlass_domain::sealed::Sealed;
use windlass_domain::source::Source;
use windlass_domain::task::{Task, TaskSettings, TaskStatus};

use crate::store::{Fixture, done};

impl Fixture {
    /// An agent that is not kept yet.
    pub fn new_agent(&self, id: &str) -> Agent {
        Agent {
            id: AgentId::parse(id).expect("a test gives a well-formed id"),
            name: "Billing".to_owned(),
            description: Some("Reads bills.".to_owned()),
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// A source that is not kept yet.
    pub fn new_source(&self, id: &str) -> Source {
        Source {
            id: SourceId::parse(id).expect("a test gives a well-formed id"),
            name: Some("City power".to_owned()),
            url: "https://power.example/login".to_owned(),
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// A task that is not kept yet, with nothing but defaults.
    pub fn new_task(&self, id: &str, agent_id: &AgentId) -> Task {
        Task {
            id: TaskId::parse(id).expect("a test gives a well-formed id"),
            version: 1,
            agent_id: agent_id.clone(),
            name: "Latest bill".to_owned(),
            prompt: None,
            status: TaskStatus::Learning,
            input_schema: None,
            output_schema: Some(json!({"type": "object"})),
            storage: None,
            settings: TaskSettings::default(),
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// A credential that is not kept yet.
    pub fn new_credential(&self, source_id: &SourceId) -> CredentialView {
        CredentialView {
            credential: Credential {
                id: CredentialId::new(self.now(), random()),
                source_id: source_id.clone(),
                auth_method: AuthMethod::UsernamePassword,
                external_id: Some("person-7".to_owned()),
                status: CredentialStatus::Unverified,
                summary: Some(Sealed::from_bytes(b"sealed summary".to_vec())),
                secret: Some(Sealed::from_bytes(b"sealed secret".to_vec())),
                secrets_version: 1,
                created_at: self.now(),
                updated_at: self.now(),
            },
            username: Some("mia".to_owned()),
            source_fields: [("customer".to_owned(), "4711".to_owned())].into(),
        }
    }

    /// A destination that is not kept yet, active and for every event.
    pub fn new_destination(&self) -> Destination {
        Destination {
            id: DestinationId::new(self.now(), random()),
            name: "Receiver".to_owned(),
            status: DestinationStatus::Active,
            events: EventFilter::All,
            configuration: Configuration::Webhook(Webhook {
                url: "https://receiver.example/hook".to_owned(),
                retry_profile: RetryProfile::Durable,
                secret: Sealed::from_bytes(b"sealed signing secret".to_vec()),
                custom_headers: Some(Sealed::from_bytes(b"sealed headers".to_vec())),
            }),
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// An agent, kept.
    pub async fn agent(&self, id: &str) -> Agent {
        let agent = self.new_agent(id);
        let created = self.ports.agents.create(self.write(), agent).await;
        done(created.expect("a new agent")).agent
    }

    /// A source, kept.
    pub async fn source(&self, id: &str) -> Source {
        let source = self.new_source(id);
        let created = self.ports.sources.create(self.write(), source).await;
        done(created.expect("a new source"))
    }

    /// A task, kept.
    pub async fn task(&self, id: &str, agent_id: &AgentId) -> Task {
        let task = self.new_task(id, agent_id);
        let created = self.ports.tasks.create(self.write(), task).await;
        done(created.expect("a new task"))
    }

    /// A credential, kept.
    pub async fn credential(&self, source_id: &SourceId) -> Credential {
        let view = self.new_credential(source_id);
        let created = self.ports.credentials.create(self.write(), view).await;
        done(created.expect("a new credential")).credential
    }

    /// A destination, kept.
    pub async fn destination(&self) -> Destination {
        let destination = self.new_destination();
        let created = self
            .ports
            .destinations
            .create(self.write(), destination)
            .await;
        done(created.expect("a new destination"))
    }
}
