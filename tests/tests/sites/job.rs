//! A task on one of the websites.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::{Value, json};
use windlass_tests::client::{Client, http, text};
use windlass_tests::{Backend, Ground, Server};

/// A server, and a task with a playbook for one website.
pub(crate) struct Job {
    pub(crate) client: Client,
    task_id: String,
    source_id: String,
    // Dropped in this order: the server, then what it stands on.
    _server: Server,
    _ground: Ground,
}

impl Job {
    /// A task on the website at this address, with its playbook and what its output must look like.
    pub(crate) async fn new(
        url: String,
        playbook: &str,
        output_schema: Value,
    ) -> anyhow::Result<Self> {
        Self::with_settings(url, playbook, output_schema, json!({})).await
    }

    /// The same, with settings of the task.
    pub(crate) async fn with_settings(
        url: String,
        playbook: &str,
        output_schema: Value,
        settings: Value,
    ) -> anyhow::Result<Self> {
        let ground = Backend::Sqlite.ground().await?;
        let server = Server::start(&ground).await?;
        let client = server.client();
        let source = json!({"type": "website", "website": {"url": url}});
        let source_id = made(&client, "/v2/sources", &source).await?;
        let agent_id = made(&client, "/v2/agents", &json!({"name": "Clerk"})).await?;
        let task = json!({
            "name": "Read and export", "agent_id": agent_id, "output_schema": output_schema,
            "storage": {"enabled": true}, "settings": settings,
        });
        let task_id = made(&client, "/v2/tasks", &task).await?;
        let playbook: Value = serde_json::from_str(playbook)?;
        let path = format!("/v2/tasks/{task_id}/playbooks/{source_id}");
        client.put(&path, &playbook).await?;
        Ok(Self {
            client,
            task_id,
            source_id,
            _server: server,
            _ground: ground,
        })
    }

    /// A credential of the website; its id.
    pub(crate) async fn credential(
        &self,
        username: &str,
        password: &str,
    ) -> anyhow::Result<String> {
        let fields = json!({"username": username, "password": password});
        self.credential_of(fields).await
    }

    /// A credential with all that a person has; its id.
    pub(crate) async fn credential_of(&self, auth_credentials: Value) -> anyhow::Result<String> {
        let credential = json!({
            "source_id": self.source_id, "auth_method": "username_password",
            "auth_credentials": auth_credentials,
        });
        made(&self.client, "/v2/credentials", &credential).await
    }

    /// Starts a run; its id.
    pub(crate) async fn start(&self, body: Value) -> anyhow::Result<String> {
        let path = format!("/v2/tasks/{}/run", self.task_id);
        made(&self.client, &path, &body).await
    }

    /// A run to its end, with its files.
    pub(crate) async fn run(&self, body: Value) -> anyhow::Result<Value> {
        let run_id = self.start(body).await?;
        self.client.ended(&run_id).await?;
        let path = format!("/v2/task-runs/{run_id}?include=storage");
        self.client.get(&path).await
    }

    /// The question that this run asks, once it asks one that is none of these; it is one of them then.
    pub(crate) async fn question(
        &self,
        run_id: &str,
        asked: &mut BTreeSet<String>,
    ) -> anyhow::Result<Value> {
        let run = self.client.asks_anew_or_ended(run_id, asked).await?;
        let interaction = run["interaction"].clone();
        asked.insert(
            text(&interaction, "id")
                .with_context(|| format!("it asks nothing: {run}"))?
                .to_owned(),
        );
        Ok(interaction)
    }

    /// Replies to what this run asks.
    pub(crate) async fn reply(&self, run_id: &str, reply: Value) -> anyhow::Result<()> {
        let path = format!("/v2/task-runs/{run_id}/interaction");
        self.client.post(&path, &reply).await?;
        Ok(())
    }

    /// The status of a credential.
    pub(crate) async fn status_of(&self, credential_id: &str) -> anyhow::Result<Value> {
        let path = format!("/v2/credentials/{credential_id}");
        Ok(self.client.get(&path).await?["status"].clone())
    }
}

/// The text of a run's only file.
pub(crate) async fn file(run: &Value) -> anyhow::Result<String> {
    let files = run["storage"]
        .as_array()
        .context("the files were asked for")?;
    anyhow::ensure!(files.len() == 1, "one file, not {files:?}");
    let url = text(&files[0], "url")?;
    Ok(http()
        .get(url)
        .send()
        .await?
        .error_for_status()?
        .text()
        .await?)
}

async fn made(client: &Client, path: &str, body: &Value) -> anyhow::Result<String> {
    let answer = client.post(path, body).await?;
    Ok(text(&answer, "id")?.to_owned())
}
