//! Which adapter stands behind which port.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use secrecy::ExposeSecret;
use url::Url;
use windlass_api::{ApiConfig, Drain, SigningKey};
use windlass_application::link_audit::LinkAudit;
use windlass_application::ports::{Clock, DestinationSender, Limits, Queue, Signals};
use windlass_application::retain::{Periods, Retain};
use windlass_application::{Application, Ports, Settings};
use windlass_blobs::Folder;
use windlass_domain::pool::Pool;
use windlass_egress::{Dialer, Policy};
use windlass_queue_local::{LocalLimits, LocalQueue, LocalSignals};
use windlass_session_http::HttpAgent;
use windlass_vault::{KeyVault, MasterKeys};
use windlass_worker::Worker;

use crate::address;
use crate::config::{CallConfig, ReplicaConfig, ServeConfig};
use crate::data_folder::DataFolder;
use crate::embedded;
use crate::first_start::Proven;
use crate::playbook_rules::RecordedPlaybooks;
use crate::store::Store;

/// Between two heartbeats of a stream: proxies close a connection that is silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The use cases over a database, the local adapters, and what the settings say.
///
/// # Errors
/// The folder for files cannot be used, or webhooks cannot be sent.
pub(crate) fn application(
    store: &Arc<dyn Store>,
    master_keys: &Arc<MasterKeys>,
    folder: &DataFolder,
    config: &ServeConfig,
) -> anyhow::Result<Arc<Application>> {
    let clock = store.clock();
    let policy = config.egress.egress_allow.clone();
    let webhooks = webhooks(&policy, &clock)?;
    let between = between_replicas(&config.replicas)?;
    let ports = Ports {
        agents: store.clone(),
        sources: store.clone(),
        credentials: store.clone(),
        tasks: store.clone(),
        playbooks: store.clone(),
        runs: store.clone(),
        sessions: store.clone(),
        files: store.clone(),
        screenshots: store.clone(),
        events: store.clone(),
        destinations: store.clone(),
        deliveries: store.clone(),
        organizations: store.clone(),
        keys: store.clone(),
        tokens: store.clone(),
        workers: store.clone(),
        blobs: Arc::new(Folder::open(&folder.files())?),
        vault: Arc::new(KeyVault::of_keys(Arc::clone(master_keys), store.clone())),
        queue: between.queue,
        signals: between.signals,
        limits: between.limits,
        egress: Arc::new(policy),
        playbook_rules: Arc::new(RecordedPlaybooks),
        webhooks,
        clock,
    };
    let settings = Settings {
        lease: config.clocks.lease(),
        cancel_grace: config.clocks.cancel_grace(),
    };
    Ok(Arc::new(Application::new(ports, settings)))
}

/// What links the audit's entries.
pub(crate) fn link_audit(store: &Arc<dyn Store>, application: &Application) -> LinkAudit {
    LinkAudit::new(store.clone(), application.ports.vault.clone())
}

/// What drops what is over.
pub(crate) fn retain(
    store: &Arc<dyn Store>,
    application: &Application,
    periods: Periods,
) -> Retain {
    Retain {
        retention: store.clone(),
        blobs: application.ports.blobs.clone(),
        clock: store.clock(),
        periods,
    }
}

#[cfg(feature = "webhook")]
fn webhooks(
    policy: &Policy,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Arc<dyn DestinationSender>>> {
    let sender = windlass_events_webhook::WebhookSender::new(policy.clone(), clock.clone())
        .context("failed to prepare the sending of webhooks")?;
    Ok(Some(Arc::new(sender)))
}

#[cfg(not(feature = "webhook"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "with the feature it is made, which can fail"
)]
fn webhooks(_: &Policy, _: &Arc<dyn Clock>) -> anyhow::Result<Option<Arc<dyn DestinationSender>>> {
    Ok(None)
}

/// What goes between replicas.
struct Between {
    queue: Arc<dyn Queue>,
    signals: Arc<dyn Signals>,
    limits: Arc<dyn Limits>,
}

fn between_replicas(config: &ReplicaConfig) -> anyhow::Result<Between> {
    let local = Between {
        queue: Arc::new(LocalQueue::default()),
        signals: Arc::new(LocalSignals::default()),
        limits: Arc::new(LocalLimits::default()),
    };
    match &config.signals {
        address::Signals::Local => Ok(local),
        #[cfg(feature = "redis")]
        address::Signals::Redis(url) => {
            let local = windlass_queue_redis::Local {
                queue: local.queue,
                signals: local.signals,
                limits: local.limits,
            };
            let prefix = &config.signals_prefix;
            let redis = windlass_queue_redis::Redis::new(url.expose(), prefix, local);
            let redis = Arc::new(redis.with_context(|| format!("failed to use {url}"))?);
            Ok(Between {
                queue: redis.clone(),
                signals: redis.clone(),
                limits: redis,
            })
        }
        #[cfg(not(feature = "redis"))]
        address::Signals::Redis(url) => anyhow::bail!(
            "this build of windlass has no Redis, and cannot use {url}: build it with the feature \
             `redis`, or leave out --signals"
        ),
    }
}

/// The worker that is part of the server: it plays playbooks over HTTP.
///
/// # Errors
/// Websites cannot be reached for want of a TLS library or a client.
pub(crate) fn worker(
    application: &Application,
    name: String,
    config: &ServeConfig,
) -> anyhow::Result<Worker> {
    let dialer = Dialer::new(config.egress.egress_allow.clone(), config.source.timeouts())
        .context("failed to prepare the way to websites")?;
    Ok(Worker {
        name,
        pools: vec![Pool::builtin()],
        capacity: config.agent.capacity,
        kept_sessions: windlass_session_http::KEPT_SESSIONS,
        drain: config.clocks.drain(),
        protocol: embedded::protocol(application),
        agent: Arc::new(HttpAgent::new(dialer, config.source.manners())),
    })
}

/// What the API is told. Its keys are derived from the master key, each for one purpose.
pub(crate) fn api_config(
    keys: &Proven,
    public_url: Url,
    calls: &CallConfig,
    drain: Drain,
) -> ApiConfig {
    let key = |label| {
        let others = keys.master_keys.known();
        let others = others.iter().map(|key| *key.derive(label).expose_secret());
        SigningKey::new(*keys.proven.derive(label).expose_secret()).accepting(others)
    };
    ApiConfig {
        public_url,
        cursor_key: key("cursor"),
        file_key: key("file-url"),
        limits: calls.limits(),
        unknown_fields: calls.unknown_fields.into(),
        heartbeat: HEARTBEAT,
        drain,
        playbook_schema: windlass_playbook::SCHEMA,
    }
}
