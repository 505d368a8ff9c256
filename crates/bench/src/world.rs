//! A server with a website, and a task whose runs visit it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::ensure;
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::runs::Runs;
use crate::server::{LOG, Server, text};
use crate::site::{PASSWORD, Site, USERNAME};
use crate::walk;

/// A server, a site, and what a run needs.
pub(crate) struct World {
    pub(crate) site: Site,
    pub(crate) runs: Runs,
    /// Dropped last, with the database.
    folder: TempDir,
}

impl World {
    /// Starts both, and makes source, task, playbook and credential.
    ///
    /// # Errors
    /// Something does not start, or the server refuses something.
    pub(crate) async fn start(binary: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let site = Site::start().await?;
        let server = Arc::new(Server::start(binary, folder.path()).await?);
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
        let body = json!({"credential_id": text(&credential, "id")?});
        Ok(Self {
            runs: Runs::of_task(server, task_id, body),
            site,
            folder,
        })
    }

    /// Where the server writes its log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join(LOG)
    }

    /// Checks that so many runs are completed, and that one of them has the whole output.
    ///
    /// # Errors
    /// It is another number, or the output is not whole.
    pub(crate) async fn completed(&self, expected: usize) -> anyhow::Result<()> {
        let count = self.runs.count("completed", usize::MAX).await?;
        ensure!(
            count == expected,
            "{count} runs are completed of {expected}"
        );
        let run = self.runs.last().await?;
        let rows = run["output"]["invoices"].as_array().map(Vec::len);
        ensure!(rows == Some(walk::ROWS), "an output is not whole: {run}");
        Ok(())
    }
}
