//! A server with a website, a receiver of webhooks, and all that runs need set up.

use anyhow::Context;
use serde_json::{Value, json};
use windlass_demo_site::{DemoSite, User, WebhookReceiver, input_schema, output_schema, playbook};

use crate::client::{Client, text};
use crate::ground::{Backend, Ground};
use crate::server::Server;

/// A server, a website with its users, and a receiver of every event.
pub struct World {
    /// The server.
    pub server: Server,
    /// The website.
    pub site: DemoSite,
    /// Gets every event, and knows the secret.
    pub receiver: WebhookReceiver,
    /// The website, as a source.
    pub source_id: String,
    /// The agent that every task here belongs to.
    pub agent_id: String,
    /// What the server stands on.
    pub ground: Ground,
}

impl World {
    /// Starts all three, and makes source, agent and destination.
    ///
    /// # Errors
    /// Where something does not start, or the server refuses something.
    pub async fn start(backend: Backend, site: DemoSite) -> anyhow::Result<Self> {
        let ground = backend.ground().await?;
        let server = Server::start(&ground).await?;
        Self::on(server, ground, site).await
    }

    /// The same on a server that the test has started.
    ///
    /// # Errors
    /// Where the receiver does not start, or the server refuses something.
    pub async fn on(server: Server, ground: Ground, site: DemoSite) -> anyhow::Result<Self> {
        let receiver = WebhookReceiver::start(None).await?;
        let client = server.client();
        let source = client
            .post(
                "/v2/sources",
                &json!({"type": "website", "website": {"url": site.url()}, "name": "Nordlys Kraft"}),
            )
            .await?;
        let agent = client
            .post("/v2/agents", &json!({"name": "Utility bills"}))
            .await?;
        let destination = client
            .post(
                "/v2/event-destinations",
                &json!({"name": "Tests", "webhook": {"url": receiver.url()}}),
            )
            .await?;
        receiver.set_secret(text(&destination["webhook"], "secret")?.to_owned());
        Ok(Self {
            source_id: text(&source, "id")?.to_owned(),
            agent_id: text(&agent, "id")?.to_owned(),
            server,
            site,
            receiver,
            ground,
        })
    }

    /// A client with the first key.
    pub fn client(&self) -> Client {
        self.server.client()
    }

    /// A task that reads the invoices of a user, with these settings; its id.
    ///
    /// # Errors
    /// Where the server refuses it.
    pub async fn task(&self, settings: Value) -> anyhow::Result<String> {
        self.task_with(output_schema(), settings, &playbook()).await
    }

    /// A task with another output schema or playbook; its id.
    ///
    /// # Errors
    /// Where the server refuses it.
    pub async fn task_with(
        &self,
        output_schema: Value,
        settings: Value,
        playbook: &Value,
    ) -> anyhow::Result<String> {
        let client = self.client();
        let task = client
            .post(
                "/v2/tasks",
                &json!({
                    "name": "Invoices", "agent_id": self.agent_id, "settings": settings,
                    "input_schema": input_schema(), "output_schema": output_schema,
                    "storage": {"enabled": true},
                }),
            )
            .await?;
        let task_id = text(&task, "id")?;
        let path = format!("/v2/tasks/{task_id}/playbooks/{}", self.source_id);
        client.put(&path, playbook).await?;
        Ok(task_id.to_owned())
    }

    /// The website's user of this number, from 0.
    ///
    /// # Errors
    /// Where it has no such user.
    pub fn user(&self, number: usize) -> anyhow::Result<User> {
        let users = self.site.users();
        users.into_iter().nth(number).context("no such user")
    }

    /// A credential of this user, with a password of theirs or another; its id.
    ///
    /// # Errors
    /// Where the server refuses it.
    pub async fn credential(&self, user: &User, password: &str) -> anyhow::Result<String> {
        let credential = self
            .client()
            .post(
                "/v2/credentials",
                &json!({
                    "source_id": self.source_id, "auth_method": "username_password",
                    "auth_credentials": {"username": user.username, "password": password},
                }),
            )
            .await?;
        Ok(text(&credential, "id")?.to_owned())
    }

    /// Starts a run; its id.
    ///
    /// # Errors
    /// Where the server refuses it.
    pub async fn run(&self, task_id: &str, credential_id: &str) -> anyhow::Result<String> {
        let path = format!("/v2/tasks/{task_id}/run");
        let body = json!({"credential_id": credential_id});
        let run = self.client().post(&path, &body).await?;
        Ok(text(&run, "id")?.to_owned())
    }

    /// Answers the code that the site has sent to this user last.
    ///
    /// # Errors
    /// Where it sent none, or the server refuses it.
    pub async fn answer_code(&self, run_id: &str, user: &User) -> anyhow::Result<Value> {
        let code = self.site.phone().latest_code(&user.username);
        let code = code.context("the site has sent no code")?;
        let path = format!("/v2/task-runs/{run_id}/interaction");
        self.client()
            .post(&path, &json!({"input": {"code": code}}))
            .await
    }
}
