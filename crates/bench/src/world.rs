//! A server with a website, and a task whose runs visit it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::server::{Server, text};
use crate::site::{PASSWORD, Site, USERNAME};
use crate::walk;

/// Callers that start runs at once.
const CALLERS: usize = 32;

/// Between two looks how far the server is.
const LOOK: Duration = Duration::from_millis(20);

/// A server, a site, and what a run needs.
pub(crate) struct World {
    pub(crate) server: Arc<Server>,
    pub(crate) site: Site,
    run_path: String,
    run_body: Value,
    /// Dropped last, with the database.
    _folder: TempDir,
}

impl World {
    /// Starts both, and makes source, task, playbook and credential.
    ///
    /// # Errors
    /// Something does not start, or the server refuses something.
    pub(crate) async fn start(binary: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let site = Site::start().await?;
        let server = Server::start(binary, folder.path()).await?;
        let source =
            json!({"type": "website", "website": {"url": site.url()}, "name": "Nordlys Kraft"});
        let source = server.post("/v2/sources", &source).await?;
        let source_id = text(&source, "id")?;
        let agent = server.post("/v2/agents", &json!({"name": "Bench"})).await?;
        let task = json!({
            "name": "Invoices", "agent_id": text(&agent, "id")?,
            "input_schema": {"type": "object", "properties": {}, "additionalProperties": false},
            "output_schema": walk::output_schema(),
        });
        let task = server.post("/v2/tasks", &task).await?;
        let task_id = text(&task, "id")?;
        let path = format!("/v2/tasks/{task_id}/playbooks/{source_id}");
        server
            .call(Method::PUT, &path, Some(&walk::playbook()))
            .await?;
        let credential = json!({
            "source_id": source_id, "auth_method": "username_password",
            "auth_credentials": {"username": USERNAME, "password": PASSWORD},
        });
        let credential = server.post("/v2/credentials", &credential).await?;
        Ok(Self {
            run_path: format!("/v2/tasks/{task_id}/run"),
            run_body: json!({"credential_id": text(&credential, "id")?}),
            server: Arc::new(server),
            site,
            _folder: folder,
        })
    }

    /// Starts so many runs.
    ///
    /// # Errors
    /// The server refuses one.
    pub(crate) async fn start_runs(&self, count: usize) -> anyhow::Result<()> {
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let server = Arc::clone(&self.server);
            let (path, body) = (self.run_path.clone(), self.run_body.clone());
            let share = count / CALLERS + usize::from(caller < count % CALLERS);
            callers.spawn(async move {
                for _ in 0..share {
                    server.post(&path, &body).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Waits until no run is queued or running.
    ///
    /// # Errors
    /// The server does not answer.
    pub(crate) async fn all_ended(&self) -> anyhow::Result<()> {
        for status in ["queued", "running"] {
            let path = format!("/v2/task-runs?status={status}&limit=1");
            while !items(&self.server.get(&path).await?)?.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }

    /// Checks that so many runs are completed, and that one of them has the whole output.
    ///
    /// # Errors
    /// It is another number, or the output is not whole.
    pub(crate) async fn completed(&self, expected: usize) -> anyhow::Result<()> {
        let count = self.count("completed", usize::MAX).await?;
        ensure!(
            count == expected,
            "{count} runs are completed of {expected}"
        );
        let page = self.server.get("/v2/task-runs?limit=1").await?;
        let run = items(&page)?.first().context("no run")?;
        let path = format!("/v2/task-runs/{}", text(run, "id")?);
        let run = self.server.get(&path).await?;
        let rows = run["output"]["invoices"].as_array().map(Vec::len);
        ensure!(rows == Some(walk::ROWS), "an output is not whole: {run}");
        Ok(())
    }

    /// How many of the last `most` runs are running.
    ///
    /// # Errors
    /// The server does not answer.
    pub(crate) async fn running(&self, most: usize) -> anyhow::Result<usize> {
        self.count("running", most).await
    }

    /// How many runs have this status; counted up to `most`.
    async fn count(&self, status: &str, most: usize) -> anyhow::Result<usize> {
        let (mut count, mut cursor) = (0, String::new());
        while count < most {
            let path = format!("/v2/task-runs?status={status}&limit=100{cursor}");
            let page = self.server.get(&path).await?;
            count += items(&page)?.len();
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        Ok(count)
    }
}

fn items(page: &Value) -> anyhow::Result<&Vec<Value>> {
    let items = page.get("data").and_then(Value::as_array);
    items.with_context(|| format!("no list: {page}"))
}
