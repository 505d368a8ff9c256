//! What a caller sets up once: a destination for events, an agent, a source, a credential, a task and
//! its playbook.

use anyhow::ensure;
use serde_json::{Value, json};
use windlass_demo_site::{input_schema, output_schema, playbook};

use super::client::{Client, text};
use super::screen::Screen;
use super::stage::Stage;

/// What was made.
pub(super) struct Setup {
    pub(super) source_id: String,
    pub(super) credential_id: String,
    pub(super) task_id: String,
    pub(super) destination_id: String,
}

impl Setup {
    /// Makes all of it, by the calls that a caller would make.
    pub(super) async fn make(
        client: &Client,
        stage: &Stage,
        screen: &Screen,
    ) -> anyhow::Result<Self> {
        screen.heading("Set up through the API");
        let answer = client.get("/v2/test").await?;
        ensure!(
            text(&answer, "environment")? == "test",
            "the key is not one for tests: {answer}"
        );
        screen.did("GET  /v2/test", "the key works");
        let maker = Maker { client, screen };
        let destination_id = maker.destination(stage).await?;
        let agent = json!({"name": "Utility bills"});
        let agent_id = maker.make("/v2/agents", &agent).await?;
        let source_id = maker.make("/v2/sources", &source(stage)).await?;
        let credential_id = maker.credential(stage, &source_id).await?;
        let task_id = maker.make("/v2/tasks", &task(&agent_id)).await?;
        maker.playbook(&task_id, &source_id).await?;
        Ok(Self {
            source_id,
            credential_id,
            task_id,
            destination_id,
        })
    }
}

struct Maker<'a> {
    client: &'a Client,
    screen: &'a Screen,
}

impl Maker<'_> {
    async fn make(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let answer = self.client.post(path, body).await?;
        let id = text(&answer, "id")?;
        self.screen.did(&format!("POST {path}"), id);
        Ok(id.to_owned())
    }

    /// First of all, so that the events of everything else are delivered.
    async fn destination(&self, stage: &Stage) -> anyhow::Result<String> {
        let path = "/v2/event-destinations";
        let body = json!({"name": "Demo", "webhook": {"url": stage.receiver().url()}});
        let answer = self.client.post(path, &body).await?;
        // The only answer that shows it.
        let secret = text(&answer["webhook"], "secret")?;
        stage.receiver().set_secret(secret.to_owned());
        let id = text(&answer, "id")?;
        self.screen.did(&format!("POST {path}"), id);
        Ok(id.to_owned())
    }

    async fn credential(&self, stage: &Stage, source_id: &str) -> anyhow::Result<String> {
        let user = stage.user()?;
        let body = json!({
            "source_id": source_id,
            "auth_method": "username_password",
            "auth_credentials": {"username": user.username, "password": user.password},
        });
        self.make("/v2/credentials", &body).await
    }

    async fn playbook(&self, task_id: &str, source_id: &str) -> anyhow::Result<()> {
        let path = format!("/v2/tasks/{task_id}/playbooks/{source_id}");
        let answer = self.client.put(&path, &playbook()).await?;
        self.screen.did(
            "PUT  /v2/tasks/…/playbooks/…",
            &format!("version {}, {} steps", answer["version"], step_count()),
        );
        Ok(())
    }
}

fn source(stage: &Stage) -> Value {
    json!({
        "type": "website",
        "name": "Nordlys Kraft",
        "website": {"url": format!("{}/login", stage.site().url())},
    })
}

fn task(agent_id: &str) -> Value {
    json!({
        "name": "Latest invoice",
        "agent_id": agent_id,
        "prompt": "Download the latest invoice, and list all of them.",
        "input_schema": input_schema(),
        "output_schema": output_schema(),
        "storage": {"enabled": true},
    })
}

/// How many steps the playbook has.
pub(super) fn step_count() -> usize {
    playbook()["steps"].as_array().map_or(0, Vec::len)
}
