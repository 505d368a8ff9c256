//! A server without sockets: two organizations, their keys, and calls.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use url::Url;
use windlass_api::{ApiConfig, CallLimits, Drain, SigningKey, UnknownFields, router};
use windlass_application::issue_key::NewKey;
use windlass_application::ports::destination::OpenedConfiguration;
use windlass_application::ports::egress::EgressRefusal;
use windlass_application::ports::{Clock, DestinationSender, EgressPolicy, PlaybookRules};
use windlass_application::{Application, Operator, OrganizationContext, Ports, Problem, Settings};
use windlass_blobs::Folder;
use windlass_domain::delivery::Attempt;
use windlass_domain::destination::Destination;
use windlass_domain::event::Event;
use windlass_domain::key::Scope;
use windlass_domain::organization::Environment;
use windlass_domain::slot::Caps;
use windlass_queue_local::{LocalLimits, LocalQueue, LocalSignals};
use windlass_store_sqlite::SqliteStore;
use windlass_vault::{KeyVault, MasterKey};

use crate::documented;
use crate::later::Later;
use crate::tables::{Tables, tables};

/// Tests make more calls than anybody.
const UNCOUNTED: CallLimits = CallLimits {
    requests: 0,
    open_calls: 100,
};

/// A server, and the keys to it.
pub(crate) struct Fixture {
    router: Router,
    pub(crate) drain: Drain,
    pub(crate) application: Arc<Application>,
    pub(crate) key: String,
    pub(crate) reader: String,
    pub(crate) worker: String,
    pub(crate) stranger: String,
    /// Of the server and its store.
    pub(crate) clock: Arc<Later>,
    pub(crate) store: Arc<SqliteStore>,
    folder: TempDir,
}

/// What a call answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answered {
    pub(crate) fn body(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a JSON body")
    }

    /// The id of what was made.
    pub(crate) fn id(&self) -> String {
        let body = self.body();
        body["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{body}"))
            .to_owned()
    }

    /// Status and code of the first error.
    pub(crate) fn error(&self) -> (u16, String) {
        let code = self.body()["errors"][0]["code"]
            .as_str()
            .unwrap_or("none")
            .to_owned();
        (self.status.as_u16(), code)
    }
}

/// One call to be made.
pub(crate) struct Call<'a> {
    fixture: &'a Fixture,
    request: http::request::Builder,
    body: Body,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Body::from(body.to_string());
        self.header("content-type", "application/json")
    }

    pub(crate) fn bytes(mut self, bytes: impl Into<Body>) -> Self {
        self.body = bytes.into();
        self
    }

    /// The answer, of which the body is yet to come.
    pub(crate) async fn begin(self) -> Response<Body> {
        let request = self.request.body(self.body).expect("a request");
        let response = self.fixture.router.clone().oneshot(request).await;
        response.expect("an answer")
    }

    pub(crate) async fn send(self) -> Answered {
        let method = self.request.method_ref().cloned().unwrap_or_default();
        let uri = self.request.uri_ref().cloned().unwrap_or_default();
        let (head, body) = self.begin().await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a whole body");
        let answered = Answered {
            status: head.status,
            headers: head.headers,
            bytes: bytes.to_vec(),
        };
        documented::check(&method, uri.path(), &answered);
        answered
    }
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with_caps(Caps::default()).await
    }

    /// Where organizations may have so much.
    pub(crate) async fn with_caps(caps: Caps) -> Self {
        Self::with(caps, UNCOUNTED, UnknownFields::Refuse).await
    }

    /// Where organizations may make so many calls.
    pub(crate) async fn with_limits(limits: CallLimits) -> Self {
        Self::with(Caps::default(), limits, UnknownFields::Refuse).await
    }

    /// Where what is not known is left aside.
    pub(crate) async fn ignoring() -> Self {
        Self::with(Caps::default(), UNCOUNTED, UnknownFields::Ignore).await
    }

    async fn with(caps: Caps, limits: CallLimits, unknown_fields: UnknownFields) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let clock = Arc::new(Later::default());
        let store = SqliteStore::open(&folder.path().join("windlass.db"), clock.clone()).await;
        let store = Arc::new(store.expect("a new file").with_caps(caps));
        let application = Arc::new(Application::new(
            ports(&store, &folder, clock.clone()),
            Settings::default(),
        ));
        let drain = Drain::default();
        let config = ApiConfig {
            public_url: Url::parse("http://localhost:8080/").expect("a URL"),
            cursor_key: SigningKey::new([1; 32]),
            file_key: SigningKey::new([2; 32]),
            limits,
            unknown_fields,
            heartbeat: Duration::from_millis(50),
            drain: drain.clone(),
            playbook_schema: r#"{"title": "A playbook"}"#,
        };
        let issue = async |organization: &str, scope| {
            let new = NewKey {
                organization: organization.to_owned(),
                environment: Environment::Test,
                scope,
                expires_at: None,
                chosen: None,
            };
            let operator = Operator::now(application.ports.clock.now(), None);
            let issued = application.issue_key.execute(&operator, new).await;
            issued.expect("a key").key.expose_secret().to_owned()
        };
        Self {
            key: issue("ours", Scope::Full).await,
            reader: issue("ours", Scope::Read).await,
            worker: issue("ours", Scope::Worker).await,
            stranger: issue("theirs", Scope::Full).await,
            router: router(Arc::clone(&application), config),
            application,
            drain,
            clock,
            store,
            folder,
        }
    }

    /// The organization of `key`.
    pub(crate) async fn organization(&self) -> OrganizationContext {
        let key = SecretString::from(self.key.clone());
        let caller = self.application.authenticate.execute(&key).await;
        caller.expect("a key").organization
    }

    /// All that the store holds.
    pub(crate) fn tables(&self) -> Tables {
        tables(&self.folder.path().join("windlass.db"))
    }

    /// All calls.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// A call without a key.
    pub(crate) fn open(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            fixture: self,
            request: Request::builder().method(method).uri(path),
            body: Body::empty(),
        }
    }

    pub(crate) fn call_with(&self, key: &str, method: Method, path: &str) -> Call<'_> {
        self.open(method, path)
            .header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        self.call_with(&self.key, method, path)
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.call(Method::GET, path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answered {
        self.call(Method::POST, path).json(&body).send().await
    }

    pub(crate) async fn agent(&self) -> String {
        self.post("/v2/agents", json!({"name": "Utility bills"}))
            .await
            .id()
    }

    pub(crate) async fn source(&self) -> String {
        let website = json!({"url": "https://my.nordlys.example/login"});
        let body = json!({"type": "website", "website": website, "name": "Nordlys Kraft"});
        self.post("/v2/sources", body).await.id()
    }

    pub(crate) async fn credential(&self, source_id: &str) -> String {
        let body = json!({"source_id": source_id, "auth_method": "username_password",
            "auth_credentials": {"username": "kari@bolig.example", "password": "vinter-og-vår"}});
        self.post("/v2/credentials", body).await.id()
    }

    pub(crate) async fn task(&self) -> String {
        let agent_id = self.agent().await;
        let input = json!({"type": "object", "properties": {"month": {"type": "string"}},
            "required": ["month"]});
        let body = json!({"name": "Latest bill", "agent_id": agent_id, "input_schema": input});
        self.post("/v2/tasks", body).await.id()
    }

    pub(crate) async fn destination(&self) -> String {
        let body = json!({"name": "Billing", "webhook": {"url": "https://hooks.bolig.example/"}});
        self.post("/v2/event-destinations", body).await.id()
    }

    /// The session that a run is done in.
    pub(crate) async fn session_of(&self, run_id: &str) -> String {
        let run = self.get(&format!("/v2/task-runs/{run_id}")).await.body();
        let session_id = run["session_id"].as_str();
        session_id.expect("a run has a session").to_owned()
    }

    /// A run in `queued`.
    pub(crate) async fn run(&self) -> String {
        let (task_id, source_id) = (self.task().await, self.source().await);
        let body = json!({"source_id": source_id, "input": {"month": "2025-12"}});
        self.post(&format!("/v2/tasks/{task_id}/run"), body)
            .await
            .id()
    }
}

fn ports(store: &Arc<SqliteStore>, folder: &TempDir, clock: Arc<dyn Clock>) -> Ports {
    let master_key = MasterKey::from_base64(&SecretString::from(
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    ));
    let vault = KeyVault::new(&master_key.expect("32 bytes"), store.clone());
    Ports {
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
        blobs: Arc::new(Folder::open(&folder.path().join("files")).expect("a folder")),
        vault: Arc::new(vault),
        queue: Arc::new(LocalQueue::default()),
        signals: Arc::new(LocalSignals::default()),
        limits: Arc::new(LocalLimits::default()),
        egress: Arc::new(Outside),
        playbook_rules: Arc::new(Outside),
        webhooks: Some(Arc::new(Outside)),
        clock,
    }
}

/// What lies outside of these tests: an egress policy with one blocked host, playbooks with a
/// title, and a receiver that nobody calls.
struct Outside;

#[async_trait]
impl EgressPolicy for Outside {
    async fn check(&self, url: &Url) -> Result<(), EgressRefusal> {
        match url.host_str() {
            Some("blocked.example") => Err(EgressRefusal {
                host: "blocked.example".to_owned(),
                reason: "127.0.0.1 is a loopback address".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

impl PlaybookRules for Outside {
    fn check(&self, document: &Value) -> Result<(), Vec<Problem>> {
        match document["title"].as_str() {
            Some(_) => Ok(()),
            None => Err(vec![Problem::of(
                windlass_application::ProblemKind::Missing,
                "title",
                "`title` is missing.",
            )]),
        }
    }
}

#[async_trait]
impl DestinationSender for Outside {
    async fn send(&self, _: &Event, _: &OpenedConfiguration) -> Attempt {
        unreachable!("no dispatcher runs in these tests")
    }

    async fn ping(&self, destination: &Destination, _: &OpenedConfiguration) -> Attempt {
        Attempt {
            at: destination.created_at,
            status_code: Some(503),
            duration: Duration::from_millis(41),
            error: Some("The receiver answered 503.".to_owned()),
            retry_after: None,
        }
    }
}
