//! The worker of `examples/worker-rust`, and a server for it.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use windlass_demo_site::WebhookReceiver;
use windlass_tests::client::{http, text};
use windlass_tests::{Backend, Client, Ground, Server};

use crate::process::{PATIENCE, Process};
use crate::website::Website;

/// A server with a task that outside workers do, on a website.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) receiver: WebhookReceiver,
    pub(crate) task_id: String,
    source_id: String,
    ground: Ground,
}

impl Place {
    /// A server whose leases live 5 s, the shortest that there are, and whose task has these settings.
    pub(crate) async fn start(
        backend: Backend,
        website: &Website,
        settings: Value,
    ) -> anyhow::Result<Self> {
        Self::leasing_for("5", backend, website, settings).await
    }

    /// The same whose leases live for so many seconds.
    pub(crate) async fn leasing_for(
        seconds: &str,
        backend: Backend,
        website: &Website,
        settings: Value,
    ) -> anyhow::Result<Self> {
        let ground = backend.ground().await?;
        let leases = [("WINDLASS_LEASE_SECONDS", seconds)];
        let server = Server::start_with(&ground, &leases).await?;
        let client = server.client();
        let website = json!({"type": "website", "website": {"url": website.url()}});
        let source = client.post("/v2/sources", &website).await?;
        let agent = client
            .post("/v2/agents", &json!({"name": "Titles"}))
            .await?;
        // As history expects it: younger than these, older than all else.
        let receiver = WebhookReceiver::start(None).await?;
        let hook = json!({"name": "Tests", "webhook": {"url": receiver.url()}});
        let destination = client.post("/v2/event-destinations", &hook).await?;
        receiver.set_secret(text(&destination["webhook"], "secret")?.to_owned());
        let task = json!({"name": "Title", "agent_id": agent["id"], "settings": settings,
            "storage": {"enabled": true}});
        let task = client.post("/v2/tasks", &task).await?;
        Ok(Self {
            task_id: text(&task, "id")?.to_owned(),
            source_id: text(&source, "id")?.to_owned(),
            server,
            receiver,
            ground,
        })
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client()
    }

    /// Starts a run; its id.
    pub(crate) async fn run(&self, input: Value) -> anyhow::Result<String> {
        let path = format!("/v2/tasks/{}/run", self.task_id);
        let body = json!({"source_id": self.source_id, "input": input});
        let run = self.client().post(&path, &body).await?;
        Ok(text(&run, "id")?.to_owned())
    }

    /// Waits until a worker has renewed a lease.
    pub(crate) async fn renewed(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while calls(&self.server, "/v2/worker/leases/{run_id}/renew").await? == 0 {
            ensure!(Instant::now() < deadline, "no lease was renewed");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Starts a worker under this name.
    pub(crate) fn worker(&self, name: &'static str) -> anyhow::Result<Process> {
        let binary = std::env::var_os("WINDLASS_TEST_WORKER")
            .context("WINDLASS_TEST_WORKER is not set: run the tests with `cargo xtask test`")?;
        let mut command = Command::new(binary);
        command.args(["--server", &self.server.url(), "--name", name]);
        Process::start(command, name, self.ground.folder())
    }
}

/// How many calls of this route the server has answered.
pub(crate) async fn calls(server: &Server, route: &str) -> anyhow::Result<u64> {
    let metrics = http().get(format!("{}/metrics", server.ops_url()));
    let metrics = metrics.send().await?.text().await?;
    let route = format!("route=\"{route}\"");
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("windlass_http_requests_total"))
        .filter(|line| line.contains(&route));
    lines
        .map(|line| {
            let count = line.rsplit(' ').next().context("a line without a count")?;
            anyhow::Ok(count.parse::<u64>()?)
        })
        .sum()
}
