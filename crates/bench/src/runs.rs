//! Runs of one task: started by many callers, waited for, counted.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::server::{Server, text};

/// Callers that start runs at once.
const CALLERS: usize = 32;

/// Between two looks how far the server is.
const LOOK: Duration = Duration::from_millis(20);

/// Runs of one task on a server that does nothing else.
pub(crate) struct Runs {
    pub(crate) server: Arc<Server>,
    path: String,
    body: Value,
}

impl Runs {
    /// Those of this task, each started with this body.
    pub(crate) fn of_task(server: Arc<Server>, task_id: &str, body: Value) -> Self {
        Self {
            server,
            path: format!("/v2/tasks/{task_id}/run"),
            body,
        }
    }

    /// Those of a new task that visits nothing, which wait in this pool.
    ///
    /// # Errors
    /// The server refuses the task.
    pub(crate) async fn of_no_source(server: Arc<Server>, pool: &str) -> anyhow::Result<Self> {
        let agent = server.post("/v2/agents", &json!({"name": "Bench"})).await?;
        let task = json!({"name": "Nothing", "agent_id": text(&agent, "id")?,
            "settings": {"pool": pool, "source": "none"}});
        let task = server.post("/v2/tasks", &task).await?;
        let task_id = text(&task, "id")?.to_owned();
        Ok(Self::of_task(server, &task_id, json!({})))
    }

    /// Starts one; its id.
    ///
    /// # Errors
    /// The server refuses it.
    pub(crate) async fn start_one(&self) -> anyhow::Result<String> {
        let run = self.server.post(&self.path, &self.body).await?;
        Ok(text(&run, "id")?.to_owned())
    }

    /// Starts so many.
    ///
    /// # Errors
    /// The server refuses one.
    pub(crate) async fn start(&self, count: usize) -> anyhow::Result<()> {
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let server = Arc::clone(&self.server);
            let (path, body) = (self.path.clone(), self.body.clone());
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

    /// Waits until none is queued or running.
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

    /// How many have this status; counted up to `most`.
    ///
    /// # Errors
    /// The server does not answer.
    pub(crate) async fn count(&self, status: &str, most: usize) -> anyhow::Result<usize> {
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

    /// One that was started last, as a caller reads it.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn last(&self) -> anyhow::Result<Value> {
        let page = self.server.get("/v2/task-runs?limit=1").await?;
        let run = items(&page)?.first().context("no run")?;
        let path = format!("/v2/task-runs/{}", text(run, "id")?);
        self.server.get(&path).await
    }
}

fn items(page: &Value) -> anyhow::Result<&Vec<Value>> {
    let items = page.get("data").and_then(Value::as_array);
    items.with_context(|| format!("no list: {page}"))
}
