//! Following events over the end of a server. Source: docs/api.md, "Following events".

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Method, Response};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use windlass_tests::client::{http, text};
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Client, Server};

/// How long following may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reader as it is written for the stream: it comes back with the last id that it has had.
struct Reader {
    url: String,
    last_event_id: Option<String>,
    open: Option<(Response, String)>,
    /// How often it had to come back.
    cut: usize,
    events: Vec<Value>,
}

impl Reader {
    fn new(url: &str) -> Self {
        Self {
            url: format!("{url}/v2/events/stream"),
            last_event_id: None,
            open: None,
            cut: 0,
            events: Vec::new(),
        }
    }

    /// Connects, where it is not.
    async fn connect(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.open.is_none() {
            let mut request = http().get(&self.url).bearer_auth(KEY);
            if let Some(id) = &self.last_event_id {
                request = request.header("last-event-id", id);
            }
            match request.send().await {
                Ok(response) => {
                    ensure!(response.status() == 200, "{response:?}");
                    self.open = Some((response, String::new()));
                }
                Err(error) => {
                    ensure!(Instant::now() < deadline, "{error}");
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
        Ok(())
    }

    /// Reads until `is_enough`, over as many connections as it takes.
    async fn read_until(&mut self, is_enough: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_enough(self) {
            ensure!(Instant::now() < deadline, "{} events", self.events.len());
            self.connect().await?;
            let (response, text) = self.open.as_mut().context("it is connected")?;
            match tokio::time::timeout(PATIENCE, response.chunk()).await? {
                Ok(Some(chunk)) => {
                    text.push_str(std::str::from_utf8(&chunk)?);
                    while let Some((block, rest)) = text.split_once("\n\n") {
                        for line in block.lines() {
                            if let Some(id) = line.strip_prefix("id: ") {
                                self.last_event_id = Some(id.to_owned());
                            }
                            if let Some(data) = line.strip_prefix("data: ") {
                                self.events.push(serde_json::from_str(data)?);
                            }
                        }
                        *text = rest.to_owned();
                    }
                }
                // It was cut off, or the server has ended it.
                Ok(None) | Err(_) => {
                    self.open = None;
                    self.cut += 1;
                }
            }
        }
        Ok(())
    }

    /// Whether it has had an event of this type about this resource.
    fn has(&self, event_type: &str, id: &str) -> bool {
        let mut events = self.events.iter().rev();
        events.any(|event| event["type"] == event_type && event["data"]["id"] == id)
    }
}

/// Makes agents until it is told to stop. The last that was made while the server was there.
async fn write(client: Client, stop: Arc<AtomicBool>) -> usize {
    let mut made = 0;
    while !stop.load(Ordering::Relaxed) {
        let body = json!({"name": "Bills"});
        match client.call(Method::POST, "/v2/agents", Some(&body)).await {
            Ok(answer) if answer.status == 201 => made += 1,
            // While there is no server.
            Ok(_) | Err(_) => sleep(Duration::from_millis(5)).await,
        }
    }
    made
}

/// A server that is killed again and again while events commit, and one that follows them.
#[rstest]
#[tokio::test]
async fn whoever_is_cut_off_goes_on_without_a_gap_and_without_a_repetition(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let ground = backend.ground().await?;
    let mut server = Server::start(&ground).await?;
    let agent = json!({"name": "The first"});
    server.client().post("/v2/agents", &agent).await?;
    let mut reader = Reader::new(&server.url());
    reader.connect().await?;
    // With the first block it has a place to go on from.
    reader.read_until(|it| it.last_event_id.is_some()).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write(server.client(), Arc::clone(&stop)));

    for kills in 1..=3 {
        let wanted = reader.events.len() + 50;
        reader.read_until(|it| it.events.len() >= wanted).await?;
        let cut = reader.cut;
        server = server.kill_and_start_again().await?;
        reader.read_until(|it| it.cut > cut).await?;
        ensure!(reader.cut >= kills);
    }
    stop.store(true, Ordering::Relaxed);
    let made = writing.await?;
    let last = json!({"name": "The last"});
    let last = server.client().post("/v2/agents", &last).await?;
    let last = text(&last, "id")?.to_owned();
    reader
        .read_until(|it| it.has("agent.created", &last))
        .await?;

    let mut listed = server.client().list("/v2/events").await?;
    listed.sort_by_key(|event| event["sequence"].as_u64());
    // The first was there before the reader.
    assert_eq!(reader.events, listed[1..]);
    ensure!(reader.events.len() > made, "what was answered is an event");
    Ok(())
}

#[tokio::test]
async fn what_one_replica_commits_is_followed_on_another() -> anyhow::Result<()> {
    let ground = Backend::Postgres.ground().await?;
    let one = Server::start_with(&ground, &[("WINDLASS_REPLICA_NAME", "one")]).await?;
    let two = Server::start_with(&ground, &[("WINDLASS_REPLICA_NAME", "two")]).await?;
    let mut reader = Reader::new(&two.url());
    reader.connect().await?;

    let agent = one
        .client()
        .post("/v2/agents", &json!({"name": "Bills"}))
        .await?;
    let task = json!({"name": "Latest bill", "agent_id": agent["id"],
        "settings": {"source": "none"}});
    let task = one.client().post("/v2/tasks", &task).await?;
    let path = format!("/v2/tasks/{}/run", text(&task, "id")?);
    let run = one.client().post(&path, &json!({})).await?;
    let run_id = text(&run, "id")?.to_owned();
    reader
        .read_until(|it| it.has("task_run.queued", &run_id))
        .await?;

    let mut listed = one.client().list("/v2/events").await?;
    listed.sort_by_key(|event| event["sequence"].as_u64());
    assert_eq!(reader.events, listed);
    assert_eq!(reader.cut, 0);
    Ok(())
}

/// A stop ends the streams, and does not wait for their readers.
#[tokio::test]
async fn a_drain_ends_a_stream() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    let server = Server::start(&ground).await?;
    let mut reader = Reader::new(&server.url());
    reader.connect().await?;
    let (mut response, _) = reader.open.take().context("it is connected")?;

    let started = Instant::now();
    server.stop().await?;

    ensure!(
        started.elapsed() < Duration::from_secs(10),
        "it did not wait"
    );
    let mut all = String::new();
    while let Some(chunk) = response.chunk().await? {
        all.push_str(std::str::from_utf8(&chunk)?);
    }
    ensure!(all.starts_with("retry: 1000\n"), "{all}");
    Ok(())
}
