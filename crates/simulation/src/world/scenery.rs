//! What is there before anything happens: two organizations with tasks and receivers.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use windlass_application::contents::{self, SigningSecret};
use windlass_application::ports::credentials::CredentialView;
use windlass_application::ports::destination::OpenedConfiguration;
use windlass_application::ports::{
    Agents, Clock, Credentials, Destinations, Organizations, Sources, Tasks, Vault, WriteError,
};
use windlass_application::random::random;
use windlass_application::{Actor, Operator, OrganizationContext, Write, Written};
use windlass_domain::Timestamp;
use windlass_domain::agent::Agent;
use windlass_domain::credential::{AuthMethod, Credential, CredentialStatus};
use windlass_domain::destination::{
    Configuration, Destination, DestinationStatus, EventFilter, EventPattern, RetryProfile, Webhook,
};
use windlass_domain::id::{
    AgentId, CredentialId, DestinationId, KeyId, OrganizationId, RequestId, SourceId, TaskId,
};
use windlass_domain::organization::{Environment, Organization};
use windlass_domain::pool::Pool;
use windlass_domain::source::Source;
use windlass_domain::task::{Concurrency, Priority, Review, Task, TaskSettings, TaskStatus};

use super::World;
use super::outside::{DEAD, SHAKY, STEADY};

/// An organization, and what it has.
pub(crate) struct Tenant {
    /// Whose calls these are.
    pub(crate) organization: OrganizationContext,
    /// Its tasks.
    pub(crate) tasks: Vec<TaskId>,
    /// Its source.
    pub(crate) source_id: SourceId,
    /// Its credential.
    pub(crate) credential_id: CredentialId,
    /// The key that it shows.
    pub(crate) key_id: KeyId,
}

impl Tenant {
    /// A request of this tenant's.
    pub(crate) fn write(&self, now: Timestamp) -> Write {
        Write {
            organization: self.organization,
            actor: Actor::Key(self.key_id),
            request_id: RequestId::new(now, random()),
            address: None,
            trace_parent: None,
            idempotency: None,
        }
    }
}

/// Where a destination's events go.
pub(crate) fn url(destination: &Destination) -> &str {
    let Configuration::Webhook(webhook) = &destination.configuration;
    &webhook.url
}

/// A destination's configuration, opened.
pub(crate) fn opened(url: &str) -> OpenedConfiguration {
    OpenedConfiguration::Webhook {
        url: url.to_owned(),
        secrets: Vec::new(),
        custom_headers: Vec::new(),
    }
}

/// Makes an organization with all that it has.
///
/// # Errors
/// None in an empty store that nothing goes wrong in.
pub(crate) async fn tenant(world: &World, name: &str) -> Result<Tenant, WriteError> {
    let (store, now) = (&world.store, world.chaos.pacer.now());
    let id = OrganizationId::new(now, random());
    let organization = Organization {
        id,
        name: name.to_owned(),
        environment: Environment::Live,
        suspended: false,
        created_at: now,
    };
    Organizations::create(store, Operator::now(now, None), organization).await?;
    let agent_id = AgentId::new(now, random());
    let mut tenant = Tenant {
        organization: OrganizationContext::of_server(id),
        tasks: Vec::new(),
        source_id: SourceId::new(now, random()),
        credential_id: CredentialId::new(now, random()),
        key_id: KeyId::new(now, random()),
    };
    // First, so that they are to get every event.
    for destination in destinations(world, id, now).await {
        Destinations::create(store, tenant.write(now), destination).await?;
    }
    let agent = Agent {
        id: agent_id.clone(),
        name: "Bills".to_owned(),
        description: None,
        created_at: now,
        updated_at: now,
    };
    Agents::create(store, tenant.write(now), agent).await?;
    let source = Source {
        id: tenant.source_id.clone(),
        name: None,
        url: "https://power.example/".to_owned(),
        created_at: now,
        updated_at: now,
    };
    Sources::create(store, tenant.write(now), source).await?;
    Credentials::create(store, tenant.write(now), credential(&tenant, now)).await?;
    for settings in settings() {
        let task = task(&agent_id, settings, now);
        if let Written::Done(task) = Tasks::create(store, tenant.write(now), task).await? {
            tenant.tasks.push(task.id);
        }
    }
    Ok(tenant)
}

fn credential(tenant: &Tenant, now: Timestamp) -> CredentialView {
    CredentialView {
        credential: Credential {
            id: tenant.credential_id,
            source_id: tenant.source_id.clone(),
            auth_method: AuthMethod::None,
            external_id: None,
            status: CredentialStatus::Unverified,
            summary: None,
            secret: None,
            secrets_version: 1,
            created_at: now,
            updated_at: now,
        },
        username: None,
        source_fields: BTreeMap::new(),
    }
}

/// Tasks that differ in all that the lifecycle reads, with clocks that run out within minutes.
fn settings() -> [TaskSettings; 4] {
    let seconds = Duration::from_secs;
    let plain = TaskSettings {
        inactivity_timeout: seconds(60),
        interaction_timeout: seconds(60),
        queue_timeout: seconds(180),
        session_idle: seconds(60),
        ..TaskSettings::default()
    };
    let limits = |per_credential, per_source| {
        Some(Concurrency {
            per_credential,
            per_source,
        })
    };
    let repeated = TaskSettings {
        concurrency: limits(None, Some(2)),
        max_attempts: 3,
        session_idle: Duration::ZERO,
        priority: Priority::new(8).unwrap_or(Priority::DEFAULT),
        ..plain.clone()
    };
    let reviewed = TaskSettings {
        concurrency: limits(Some(2), Some(3)),
        review: Review::Required,
        review_timeout: Some(seconds(120)),
        pool: Pool::parse("other").ok(),
        ..plain.clone()
    };
    let short = TaskSettings {
        concurrency: limits(Some(1), None),
        timeout: Some(seconds(45)),
        inactivity_timeout: seconds(30),
        interaction_timeout: seconds(20),
        queue_timeout: seconds(45),
        session_idle: seconds(20),
        max_attempts: 2,
        ..plain.clone()
    };
    [plain, repeated, reviewed, short]
}

fn task(agent_id: &AgentId, settings: TaskSettings, now: Timestamp) -> Task {
    Task {
        id: TaskId::new(now, random()),
        version: 1,
        agent_id: agent_id.clone(),
        name: "Download the bill".to_owned(),
        prompt: None,
        status: TaskStatus::Live,
        input_schema: None,
        output_schema: Some(json!({"type": "object", "required": ["amount"]})),
        storage: None,
        settings,
        created_at: now,
        updated_at: now,
    }
}

async fn destinations(world: &World, owner: OrganizationId, now: Timestamp) -> Vec<Destination> {
    let vault = world.outside.of(owner).await;
    let of_runs = EventFilter::Some(vec![EventPattern::Family("task_run")]);
    let receivers = [
        (STEADY, EventFilter::All, RetryProfile::Durable),
        (SHAKY, of_runs.clone(), RetryProfile::Deck),
        (DEAD, of_runs, RetryProfile::Deck),
    ];
    let mut destinations = Vec::new();
    for (url, events, retry_profile) in receivers {
        let id = DestinationId::new(now, random());
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let secrets = [SigningSecret::present(secret)];
        let Ok(vault) = &vault else { continue };
        destinations.push(Destination {
            id,
            name: url.to_owned(),
            status: DestinationStatus::Active,
            events,
            configuration: Configuration::Webhook(Webhook {
                url: format!("{url}{owner}"),
                retry_profile,
                secret: contents::seal_signing_secrets(&**vault, id, &secrets),
                custom_headers: None,
            }),
            created_at: now,
            updated_at: now,
        });
    }
    destinations
}
