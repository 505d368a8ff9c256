//! A task on one of the websites.

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
        let ground = Backend::Sqlite.ground().await?;
        let server = Server::start(&ground).await?;
        let client = server.client();
        let source = json!({"type": "website", "website": {"url": url}});
        let source_id = made(&client, "/v2/sources", &source).await?;
        let agent_id = made(&client, "/v2/agents", &json!({"name": "Clerk"})).await?;
        let task = json!({
            "name": "Read and export", "agent_id": agent_id, "output_schema": output_schema,
            "storage": {"enabled": true},
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
        let credential = json!({
            "source_id": self.source_id, "auth_method": "username_password",
            "auth_credentials": {"username": username, "password": password},
        });
        made(&self.client, "/v2/credentials", &credential).await
    }

    /// A run to its end, with its files.
    pub(crate) async fn run(&self, body: Value) -> anyhow::Result<Value> {
        let path = format!("/v2/tasks/{}/run", self.task_id);
        let run_id = made(&self.client, &path, &body).await?;
        self.client.ended(&run_id).await?;
        let path = format!("/v2/task-runs/{run_id}?include=storage");
        self.client.get(&path).await
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
