//! Calls that stay open, a thousand long polls and a thousand readers of the stream of events: what each
//! costs in memory, and what all of them cost those who start runs.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::process::resident_kib;
use crate::row::{Figure, Size, middle_and_slowest};
use crate::runs::Runs;
use crate::server::{KEY, Server};

/// How many calls of a kind are open at once.
const OPEN: usize = 1_000;

/// How many read at once before anything is measured.
const WARMING: usize = 8;

/// How many starts one reading of the latency has.
const STARTS: usize = 500;

/// Between two starts: twenty a second, which is no load for a server, so that a start takes what it
/// takes and does not wait for others.
const PACE: Duration = Duration::from_millis(50);

/// Until memory that was let go of is given back.
const SETTLE: Duration = Duration::from_secs(2);

/// How long opening may take.
const PATIENCE: Duration = Duration::from_secs(60);

const MEMORY_TARGET: &str = "≤ 20 KiB";

const LATENCY_TARGET: &str = "≤ 1.5 × without them";

/// A server with a task whose runs nobody takes.
struct Stage {
    runs: Runs,
    /// Runs to wait for, one for each call.
    run_ids: Vec<String>,
}

impl Stage {
    async fn new(binary: &Path, folder: &Path, runs: usize) -> anyhow::Result<Self> {
        let open_calls = (3 * OPEN).to_string();
        let settings = [("WINDLASS_OPEN_CALLS", &*open_calls)];
        let server = Arc::new(Server::start_with(binary, folder, &settings).await?);
        let mut stage = Self {
            runs: Runs::of_no_source(server, "nobody").await?,
            run_ids: Vec::new(),
        };
        for _ in 0..runs {
            stage.run_ids.push(stage.runs.start_one().await?);
        }
        Ok(stage)
    }

    /// How long starts take, one after another, in milliseconds: of the middle one, and of the
    /// hundredth part that took longest the quickest.
    async fn latency(&self, starts: usize) -> anyhow::Result<[f64; 2]> {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut took = Vec::with_capacity(starts);
        for _ in 0..starts {
            pace.tick().await;
            let began = Instant::now();
            self.runs.start_one().await?;
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
        Ok(middle_and_slowest(took))
    }

    /// Has each of the runs read by several at once, so that what the server keeps of its file in memory,
    /// for each of those that read, is not counted as the calls'.
    async fn warm(&self) -> anyhow::Result<()> {
        let mut callers = JoinSet::new();
        for _ in 0..WARMING {
            let server = Arc::clone(&self.runs.server);
            let ids = self.run_ids.clone();
            callers.spawn(async move {
                for id in ids {
                    server.get(&format!("/v2/task-runs/{id}")).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Waits until so many calls are open.
    async fn opened(&self, count: usize) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let open = self.runs.server.gauge("windlass_http_open_calls").await?;
            if open >= exact(count) {
                return Ok(());
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "{open} calls are open of {count}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Long polls, each for a run of its own, begun anew when their time is over.
    fn poll(&self) -> JoinSet<anyhow::Result<()>> {
        let mut polls = JoinSet::new();
        for id in &self.run_ids {
            let (server, path) = (
                Arc::clone(&self.runs.server),
                format!("/v2/task-runs/{id}?wait=60"),
            );
            polls.spawn(async move {
                loop {
                    server.call(Method::GET, &path, None).await?;
                }
            });
        }
        polls
    }

    /// Readers of the stream: of one run each, or of everything.
    fn read(&self, of_all: bool) -> JoinSet<anyhow::Result<()>> {
        let mut readers = JoinSet::new();
        for id in &self.run_ids {
            let path = match of_all {
                true => "/v2/events/stream".to_owned(),
                false => format!("/v2/events/stream?task_run_id={id}"),
            };
            readers.spawn(follow(self.runs.server.address(), path));
        }
        readers
    }
}

/// Reads a stream and keeps nothing of it.
async fn follow(address: SocketAddr, path: String) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {KEY}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut buffer = vec![0; 1024];
    let first = stream.read(&mut buffer).await?;
    let answer = String::from_utf8_lossy(buffer.get(..first).unwrap_or_default()).into_owned();
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    while stream.read(&mut buffer).await? > 0 {}
    anyhow::bail!("the stream has ended")
}

pub(crate) async fn measure(binary: &Path, size: Size) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let (open, starts) = (size.runs.min(OPEN), size.runs.min(STARTS));
    let stage = Stage::new(binary, folder.path(), open).await?;
    let server = stage.runs.server.process_id();
    // What all starts share, caches and threads, is there then.
    stage.latency(starts.min(50)).await?;
    stage.warm().await?;
    let alone = stage.latency(starts).await?;
    tokio::time::sleep(SETTLE).await;

    let before = resident_kib(server)?;
    let mut polls = stage.poll();
    stage.opened(open).await?;
    tokio::time::sleep(SETTLE).await;
    let with_polls = resident_kib(server)?;
    let mut readers = stage.read(false);
    stage.opened(2 * open).await?;
    tokio::time::sleep(SETTLE).await;
    let with_readers = resident_kib(server)?;
    let with_both = stage.latency(starts).await?;

    none_ended(&mut readers)?;
    readers.shutdown().await;
    let mut readers = stage.read(true);
    stage.opened(2 * open).await?;
    tokio::time::sleep(SETTLE).await;
    let with_all = stage.latency(starts).await?;
    none_ended(&mut readers)?;
    none_ended(&mut polls)?;

    let each = |from: f64, to: f64| format!("{:.1} KiB", (to - from).max(0.0) / exact(open));
    let how = |of: &str| format!("{open} of them open, {of}; growth of the server, divided");
    let ratio = |latency: [f64; 2]| {
        let [middle, slow] = [0, 1].map(|it| latency[it] / alone[it]);
        format!("{middle:.2} × p50, {slow:.2} × p99")
    };
    let shown = |[middle, slow]: [f64; 2]| format!("p50 {middle:.2} ms, p99 {slow:.2} ms");
    Ok(vec![
        Figure {
            what: "memory of a long poll that waits",
            measured: each(before, with_polls),
            target: Some(MEMORY_TARGET),
            how: how("each on a connection of its own for a run of its own"),
        },
        Figure {
            what: "memory of a reader of the stream",
            measured: each(with_polls, with_readers),
            target: Some(MEMORY_TARGET),
            how: how("each on a connection of its own"),
        },
        Figure {
            what: "start of a run, nothing open",
            measured: shown(alone),
            target: None,
            how: format!("{starts} starts, one every {} ms", PACE.as_millis()),
        },
        Figure {
            what: "start of a run beside long polls and readers of the stream",
            measured: ratio(with_both),
            target: Some(LATENCY_TARGET),
            how: format!(
                "{open} of each, each for a run of its own; {}",
                shown(with_both)
            ),
        },
        Figure {
            what: "– the same where each reader is sent every event",
            measured: ratio(with_all),
            target: None,
            how: format!(
                "{open} events sent for one that is written, their readers on the same machine; {}",
                shown(with_all)
            ),
        },
    ])
}

/// Fails where one of the calls has ended, which none should.
fn none_ended(calls: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    match calls.try_join_next() {
        None => Ok(()),
        Some(ended) => ended?.context("a call that stays open has ended"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "calls are counted in thousands")]
fn exact(count: usize) -> f64 {
    count as f64
}
