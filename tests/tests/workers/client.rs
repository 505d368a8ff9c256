//! A worker inside the test, on the crate's HTTP client.

use std::sync::Arc;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass_tests::client::{http, text};
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Server};
use windlass_worker::protocol::{CapturedFile, CapturedScreenshot};
use windlass_worker::{
    Agent, Extraction, HttpProtocol, Outcome, RunContext, RunFailure, Worker, WorkerError,
};

use crate::process::PATIENCE;
use crate::worker::calls;

/// How many runs are done at once.
const RUNS: usize = 32;

const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Does runs that end all at once.
struct Together(Arc<Barrier>);

#[async_trait]
impl Agent for Together {
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        context.begin().await?;
        context.unless_stopped(self.0.wait()).await?;
        Ok(Outcome::of(json!({"trace": context.run.trace_parent})))
    }
}

/// Sends a file of several parts, one that breaks off, and a screenshot with much to say.
struct Files;

#[async_trait]
impl Agent for Files {
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        context.begin().await?;
        let file = |parts: Vec<std::io::Result<Bytes>>| CapturedFile {
            file_name: "regning for desember på strøm.bin".to_owned(),
            file_type: "application/octet-stream".to_owned(),
            metadata: json!({"måned": "desember"}).as_object().cloned(),
            extraction: Extraction::Taken(json!({"amount": 1249.5})),
            content: Box::pin(stream::iter(parts)),
        };
        let parts = (0..64_u8).map(|part| Ok(Bytes::from(vec![part; 64 * 1024])));
        let kept = context.store_file(file(parts.collect())).await?;
        let gone = std::io::Error::other("the website hung up");
        let half = file(vec![Ok(Bytes::from_static(b"half")), Err(gone)]);
        let broke = match context.store_file(half).await {
            Err(RunFailure::Failed { errors, .. }) => errors[0].message.clone(),
            other => format!("{other:?}"),
        };
        let kept = kept.map(|id| id.to_string());
        let page = CapturedScreenshot {
            file_name: "side.png".to_owned(),
            file_type: "image/png".to_owned(),
            size: None,
            reasoning: Some("読".repeat(2000)),
            step: None,
            content: Bytes::from_static(b"page"),
        };
        context.screenshot(page).await?;
        Ok(Outcome::of(json!({"kept": kept, "broke": broke})))
    }
}

/// Says whether it has the session's state.
struct Remembers;

#[async_trait]
impl Agent for Remembers {
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        context.begin().await?;
        Ok(Outcome::of(json!({"resumed": context.run.resumed})))
    }
}

/// A worker at work.
struct Working {
    stop: CancellationToken,
    task: JoinHandle<Result<(), WorkerError>>,
}

impl Working {
    /// For so many runs at once. It keeps one session.
    fn begin(server: &Server, agent: impl Agent, capacity: usize) -> anyhow::Result<Self> {
        let protocol = HttpProtocol::new(&server.url(), KEY)?;
        let mut worker = Worker::new("inside-1", protocol, agent);
        worker.capacity = u32::try_from(capacity)?;
        worker.kept_sessions = 1;
        worker.drain = PATIENCE;
        let stop = CancellationToken::new();
        let told = stop.clone();
        let task = tokio::spawn(async move { worker.run(told).await });
        Ok(Self { stop, task })
    }

    async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}

async fn task(server: &Server, storage: Value) -> anyhow::Result<String> {
    let client = server.client();
    let agent = client
        .post("/v2/agents", &json!({"name": "Inside"}))
        .await?;
    let task = json!({"name": "Inside", "agent_id": agent["id"], "storage": storage,
        "settings": {"source": "none"}});
    let task = client.post("/v2/tasks", &task).await?;
    Ok(text(&task, "id")?.to_owned())
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn ends_that_are_due_at_once_go_in_few_calls_and_traces_go_through(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let ground = backend.ground().await?;
    let server = Server::start(&ground).await?;
    let task_id = task(&server, Value::Null).await?;
    let agent = Together(Arc::new(Barrier::new(RUNS)));
    let worker = Working::begin(&server, agent, RUNS)?;

    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let start = http().post(format!("{}/v2/tasks/{task_id}/run", server.url()));
        let start = start.bearer_auth(KEY).header("traceparent", TRACE_PARENT);
        let run: Value = start.json(&json!({})).send().await?.json().await?;
        runs.push(text(&run, "id")?.to_owned());
    }
    for run_id in &runs {
        let run = server.client().ended(run_id).await?;
        assert_eq!(run["output"], json!({"trace": TRACE_PARENT}), "{run}");
    }

    let alone = calls(&server, "/v2/worker/leases/{run_id}/finish").await?;
    let together = calls(&server, "/v2/worker/leases/finish").await?;
    ensure!(together > 0, "{alone} ends alone");
    ensure!(
        alone + together < RUNS as u64,
        "{alone} and {together} calls"
    );
    worker.end().await
}

#[tokio::test]
async fn a_file_is_streamed_with_what_belongs_to_it_or_not_kept() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    let server = Server::start(&ground).await?;
    let task_id = task(&server, json!({"enabled": true, "extraction": true})).await?;
    let worker = Working::begin(&server, Files, 1)?;

    let client = server.client();
    let path = format!("/v2/tasks/{task_id}/run");
    let run = client.post(&path, &json!({})).await?;
    let run_id = text(&run, "id")?;
    let run = client.ended(run_id).await?;

    let files = client
        .list(&format!("/v2/task-runs/{run_id}/storage"))
        .await?;
    assert_eq!(files.len(), 1, "{run}");
    assert_eq!(run["output"]["kept"], files[0]["id"]);
    assert_eq!(files[0]["file_name"], "regning for desember på strøm.bin");
    assert_eq!(files[0]["file_size"], 64 * 64 * 1024);
    assert_eq!(files[0]["metadata"], json!({"måned": "desember"}));
    assert_eq!(files[0]["extraction"], json!({"amount": 1249.5}));
    let broke = text(&run["output"], "broke")?;
    ensure!(broke.contains("the website hung up"), "{broke}");
    let path = format!("/v2/task-runs/{run_id}/screenshots");
    let seen = client.list(&path).await?;
    let shown = format!("{}…", "読".repeat(1000));
    assert_eq!(seen.len(), 1, "{run}");
    assert_eq!(seen[0]["reasoning"], shown);
    worker.end().await
}

#[tokio::test]
async fn sessions_are_kept_resumed_and_given_up_where_there_are_too_many() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    let server = Server::start(&ground).await?;
    let client = server.client();
    let path = format!("/v2/tasks/{}/run", task(&server, Value::Null).await?);
    let worker = Working::begin(&server, Remembers, 1)?;
    let done = async |body: Value| {
        let run = client.post(&path, &body).await?;
        client.ended(text(&run, "id")?).await
    };

    let first = done(json!({})).await?;
    let second = done(json!({})).await?;
    let (first_id, second_id) = (&first["session_id"], &second["session_id"]);
    let given_up = first_id.as_str().context("a run without a session")?;
    client.session_in(given_up, &["completed"]).await?;
    let third = done(json!({"session_id": second_id})).await?;

    assert_eq!(first["output"], json!({"resumed": false}), "{first}");
    assert_eq!(second["output"], json!({"resumed": false}), "{second}");
    assert_eq!(third["output"], json!({"resumed": true}), "{third}");
    worker.end().await
}

#[tokio::test]
async fn a_worker_whose_key_is_wrong_ends_and_says_so() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    let server = Server::start(&ground).await?;
    let protocol = HttpProtocol::new(&server.url(), "sk_test_nobody")?;
    let worker = Worker::new("inside-1", protocol, Files);

    let ended = worker.run(CancellationToken::new()).await;

    let error = ended.err().context("it works")?.to_string();
    ensure!(error.contains("API key"), "{error}");
    Ok(())
}
