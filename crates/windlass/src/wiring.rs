//! Which adapter stands behind which port.

use std::sync::Arc;

use anyhow::Context;
use secrecy::ExposeSecret;
use url::Url;
use windlass_api::{ApiConfig, Drain, SigningKey};
use windlass_application::{Application, Ports, Settings};
use windlass_blobs::Folder;
use windlass_domain::pool::Pool;
use windlass_egress::{Dialer, Timeouts};
use windlass_events_webhook::WebhookSender;
use windlass_queue_local::{LocalLimits, LocalQueue, LocalSignals};
use windlass_session_http::HttpAgent;
use windlass_vault::{KeyVault, MasterKey};
use windlass_worker::Worker;

use crate::config::ServeConfig;
use crate::data_folder::DataFolder;
use crate::embedded;
use crate::playbook_rules::RecordedPlaybooks;
use crate::store::Store;

/// The name of the embedded worker. One server uses a database, so nobody else has it.
const WORKER: &str = "embedded";

/// Runs that the embedded worker does at once. Each waits for its website nearly all the time, and
/// keeps a page of it in memory.
const CAPACITY: u32 = 64;

/// The use cases over a database, the local adapters, and what the settings say.
///
/// # Errors
/// The folder for files cannot be used, or webhooks cannot be sent.
pub(crate) fn application(
    store: &Arc<dyn Store>,
    master_key: &MasterKey,
    folder: &DataFolder,
    config: &ServeConfig,
) -> anyhow::Result<Arc<Application>> {
    let clock = store.clock();
    let policy = config.egress.egress_allow.clone();
    let webhooks = WebhookSender::new(policy.clone(), clock.clone())
        .context("failed to prepare the sending of webhooks")?;
    let ports = Ports {
        agents: store.clone(),
        sources: store.clone(),
        credentials: store.clone(),
        tasks: store.clone(),
        playbooks: store.clone(),
        runs: store.clone(),
        sessions: store.clone(),
        files: store.clone(),
        events: store.clone(),
        destinations: store.clone(),
        deliveries: store.clone(),
        organizations: store.clone(),
        keys: store.clone(),
        workers: store.clone(),
        blobs: Arc::new(Folder::open(&folder.files())?),
        vault: Arc::new(KeyVault::new(master_key, store.clone())),
        queue: Arc::new(LocalQueue::default()),
        signals: Arc::new(LocalSignals::default()),
        limits: Arc::new(LocalLimits::default()),
        egress: Arc::new(policy),
        playbook_rules: Arc::new(RecordedPlaybooks),
        webhooks: Arc::new(webhooks),
        clock,
    };
    let settings = Settings {
        lease: config.clocks.lease(),
        cancel_grace: config.clocks.cancel_grace(),
    };
    Ok(Arc::new(Application::new(ports, settings)))
}

/// The worker that is part of the server: it plays playbooks over HTTP.
///
/// # Errors
/// Websites cannot be reached for want of a TLS library or a client.
pub(crate) fn worker(application: &Application, config: &ServeConfig) -> anyhow::Result<Worker> {
    let dialer = Dialer::new(config.egress.egress_allow.clone(), Timeouts::default())
        .context("failed to prepare the way to websites")?;
    Ok(Worker {
        name: WORKER.to_owned(),
        pools: vec![Pool::builtin()],
        capacity: CAPACITY,
        kept_sessions: windlass_session_http::KEPT_SESSIONS,
        protocol: embedded::protocol(application),
        agent: Arc::new(HttpAgent::new(dialer)),
    })
}

/// What the API is told. Its keys are derived from the master key, each for one purpose.
pub(crate) fn api_config(master_key: &MasterKey, public_url: Url, drain: Drain) -> ApiConfig {
    let key = |label| SigningKey::new(*master_key.derive(label).expose_secret());
    ApiConfig {
        public_url,
        cursor_key: key("cursor"),
        file_key: key("file-url"),
        drain,
    }
}
