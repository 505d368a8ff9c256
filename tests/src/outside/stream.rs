//! Events as they commit, as server-sent events.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::ids::is_id;
use super::server::Outside;
use crate::client::text;

const STREAM: &str = "/v2/events/stream";

/// The longest that anything on a stream is waited for: longer than between two heartbeats.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open stream.
struct Reader {
    response: Response,
    text: String,
    /// The last id that it was told: where it would go on.
    last_id: Option<String>,
}

/// What stands between two blank lines.
#[derive(Default)]
struct Block {
    event: Option<String>,
    data: Option<Value>,
    /// Whether a line of it is a colon alone.
    is_heartbeat: bool,
}

impl Reader {
    async fn new(server: &Outside, query: &str, after: Option<&str>) -> anyhow::Result<Self> {
        let call = server.call(Method::GET, &format!("{STREAM}{query}"));
        let call = match after {
            Some(id) => call.header("last-event-id", id),
            None => call,
        };
        let response = call.begin(PATIENCE * 3).await?;
        let status = response.status();
        ensure!(status == 200, "{query}: {status}");
        let content_type = response.headers().get("content-type");
        ensure!(
            content_type.is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream")),
            "{content_type:?}"
        );
        let mut reader = Self {
            response,
            text: String::new(),
            last_id: None,
        };
        // The stream begins with how long to wait before coming back: from here on nothing is missed.
        let first = reader.block().await?;
        ensure!(first.data.is_none(), "it begins with {:?}", first.data);
        Ok(reader)
    }

    async fn block(&mut self) -> anyhow::Result<Block> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some((lines, rest)) = self.text.split_once("\n\n") {
                let (lines, rest) = (lines.to_owned(), rest.to_owned());
                self.text = rest;
                return self.read(&lines);
            }
            let chunk = timeout_at(until, self.response.chunk()).await;
            let chunk = chunk.context("nothing came, no heartbeat either")??;
            let chunk = chunk.context("the stream has ended")?;
            self.text.push_str(std::str::from_utf8(&chunk)?);
        }
    }

    fn read(&mut self, lines: &str) -> anyhow::Result<Block> {
        let mut block = Block::default();
        for line in lines.lines() {
            match line.split_once(':') {
                Some(("id", id)) => self.last_id = Some(id.trim().to_owned()),
                Some(("event", name)) => block.event = Some(name.trim().to_owned()),
                Some(("data", data)) => block.data = Some(serde_json::from_str(data)?),
                Some(("", _)) => block.is_heartbeat = true,
                Some(("retry", milliseconds)) => drop(milliseconds.trim().parse::<u32>()?),
                Some(_) | None => bail!("what is `{line}`?"),
            }
        }
        Ok(block)
    }

    /// The next event, as its block and as its data.
    async fn event(&mut self) -> anyhow::Result<Value> {
        loop {
            let block = self.block().await?;
            if let Some(data) = block.data {
                ensure!(block.event.as_deref() == data["type"].as_str(), "{data}");
                ensure!(self.last_id.as_deref() == data["id"].as_str(), "{data}");
                return Ok(data);
            }
        }
    }

    /// The next event about this. There may be others between: the server may do more than this.
    async fn about(&mut self, id: &Value) -> anyhow::Result<Value> {
        loop {
            let event = self.event().await?;
            if event["data"]["id"] == *id {
                return Ok(event);
            }
        }
    }
}

pub(super) async fn arrives(server: &Outside) -> anyhow::Result<()> {
    let mut reader = Reader::new(server, "", None).await?;

    let agent = server.agent().await?;
    let event = reader.about(&agent["id"]).await?;

    ensure!(event["type"] == "agent.created", "{event}");
    ensure!(is_id(text(&event, "id")?, "evt_"), "{event}");
    ensure!(event.get("request_id").is_none(), "{event}");
    let mut read = server
        .get(&format!("/v2/events/{}", text(&event, "id")?))
        .await?
        .body;
    if let Some(members) = read.as_object_mut() {
        members.remove("request_id");
    }
    ensure!(read == event, "{read}, not {event}");
    Ok(())
}

pub(super) async fn resumes(server: &Outside) -> anyhow::Result<()> {
    let mut reader = Reader::new(server, "?type=agent.*", None).await?;
    let first = server.agent().await?;
    reader.about(&first["id"]).await?;
    let after = reader.last_id.clone().context("no id")?;
    drop(reader);
    let mut missed = Vec::new();
    for _ in 0..3 {
        missed.push(server.agent().await?["id"].clone());
    }

    let mut reader = Reader::new(server, "?type=agent.*", Some(&after)).await?;
    let live = server.agent().await?;
    missed.push(live["id"].clone());

    let mut last = 0;
    for id in &missed {
        let event = reader.about(id).await?;
        let sequence = event["sequence"].as_u64().context("no sequence")?;
        ensure!(sequence > last, "{event} is behind {last}");
        last = sequence;
    }
    // All of the time since then are there, in their order, and none twice.
    let mut reader = Reader::new(server, "?type=agent.*", Some(&after)).await?;
    let mut seen = Vec::new();
    while seen.last() != missed.last() {
        seen.push(reader.event().await?["data"]["id"].clone());
    }
    let own: Vec<_> = seen.iter().filter(|id| missed.contains(id)).collect();
    ensure!(own == missed.iter().collect::<Vec<_>>(), "{own:?}");
    for wrong in ["evt_0324ygeZw1tX8yVkXrRz5e", "nonsense"] {
        let call = server.call(Method::GET, STREAM);
        let refused = call.header("last-event-id", wrong).send().await?;
        refused.expect_field(400, "parameter_invalid", "Last-Event-ID")?;
    }
    Ok(())
}

pub(super) async fn filtered(server: &Outside) -> anyhow::Result<()> {
    let run = server.run(json!({})).await?;
    let run_id = text(&run, "id")?;
    let mut by_run = Reader::new(server, &format!("?task_run_id={run_id}"), None).await?;
    let mut by_type = Reader::new(server, "?type=source.*,task.created", None).await?;

    server.agent().await?;
    let source = server.source().await?;
    let path = format!("/v2/task-runs/{run_id}/cancel");
    server.call(Method::POST, &path).send().await?;

    for expected in ["task_run.canceling", "task_run.canceled"] {
        let event = by_run.event().await?;
        ensure!(event["type"] == expected, "{event}");
        ensure!(event["data"]["id"] == run_id, "{event}");
    }
    let event = by_type.event().await?;
    let is_asked_for = text(&event, "type")?.starts_with("source.");
    ensure!(is_asked_for || event["type"] == "task.created", "{event}");
    if event["data"]["id"] != source["id"] {
        by_type.about(&source["id"]).await?;
    }
    for (query, status, code) in [
        ("?type=agent.lost", 400, "parameter_invalid"),
        ("?task_run_id=trun_unknown", 404, "task_run_not_found"),
        ("?limit=1", 400, "parameter_unknown"),
    ] {
        let refused = server.get(&format!("{STREAM}{query}")).await?;
        refused.expect(status, code)?;
    }
    Ok(())
}

pub(super) async fn beats(server: &Outside) -> anyhow::Result<()> {
    // A family that nothing here makes events of.
    let mut reader = Reader::new(server, "?type=event_delivery.parked", None).await?;
    loop {
        let block = reader.block().await?;
        if block.is_heartbeat {
            return Ok(());
        }
    }
}
