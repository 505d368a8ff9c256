//! A worker whose agent has nothing to do, as a process of its own: what is left is leasing and
//! finishing, over HTTP, as everybody's worker in Rust does it.

use std::io::{BufRead, Read, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use clap::Args;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;
use windlass_domain::pool::Pool;
use windlass_domain::run::AfterRun;
use windlass_worker::{Agent, HttpProtocol, Outcome, RunContext, RunFailure, Worker};

use crate::row::Programs;
use crate::server::{KEY, Server};

/// What the process says once the server knows it.
const REGISTERED: &str = "registered";

/// How long it may take to leave; it has nothing to do then.
const LEAVE: Duration = Duration::from_secs(10);

/// What the process is told.
#[derive(Debug, Clone, Args)]
pub struct NoOpWorker {
    /// Where the server is.
    #[arg(long)]
    url: String,

    /// What the worker is called.
    #[arg(long)]
    name: String,

    /// The pool that it leases from.
    #[arg(long)]
    pool: String,

    /// How many runs it has at once.
    #[arg(long)]
    capacity: u32,
}

struct Nothing;

#[async_trait]
impl Agent for Nothing {
    async fn run(&self, _: &RunContext) -> Result<Outcome, RunFailure> {
        Ok(Outcome {
            // One that is kept would have to be given up soon, by a call of its own.
            session: AfterRun::End,
            ..Outcome::of(json!({}))
        })
    }
}

impl NoOpWorker {
    /// Registers, says so, works from the first line of standard input on, and leaves at its end: so none
    /// outlives the bench.
    ///
    /// # Errors
    /// The server does not let it work.
    pub async fn work(self) -> anyhow::Result<()> {
        let worker = Worker {
            pools: vec![Pool::parse(&self.pool)?],
            capacity: self.capacity,
            kept_sessions: 0,
            drain: LEAVE,
            agent: Arc::new(Nothing),
            ..Worker::new(self.name, HttpProtocol::new(&self.url, KEY)?, Nothing)
        };
        let registration = worker.register().await?;
        writeln!(std::io::stdout(), "{REGISTERED}")?;
        let (go, stop) = (CancellationToken::new(), CancellationToken::new());
        let (may_go, must_stop) = (go.clone(), stop.clone());
        // It ends with the process, whoever is first.
        std::thread::spawn(move || {
            let mut input = std::io::stdin().lock();
            // What cannot be read is at its end.
            drop(input.read_line(&mut String::new()));
            may_go.cancel();
            drop(input.read_to_end(&mut Vec::new()));
            must_stop.cancel();
        });
        go.cancelled().await;
        Ok(worker.work(registration, stop).await?)
    }
}

/// A running process of it. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
}

impl Process {
    /// Starts it, and waits until it is registered. It does not work yet.
    ///
    /// # Errors
    /// It does not get so far.
    pub(crate) async fn start(
        programs: &Programs,
        server: &Server,
        name: &str,
        pool: &str,
        capacity: u32,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(&programs.bench)
            .arg("no-op-worker")
            .args(["--url", &format!("http://{}", server.address())])
            .args(["--name", name, "--pool", pool])
            .args(["--capacity", &capacity.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start {}", programs.bench.display()))?;
        let input = child.stdin.take().context("it hears nothing")?;
        let output = child.stdout.take().context("it says nothing")?;
        let mut said = String::new();
        BufReader::new(output).read_line(&mut said).await?;
        ensure!(said.trim_end() == REGISTERED, "the worker said {said:?}");
        Ok(Self { child, input })
    }

    /// It works from now on.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) async fn go(&mut self) -> anyhow::Result<()> {
        Ok(self.input.write_all(b"\n").await?)
    }

    /// Its number, as the system has it.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("the worker has ended")
    }

    /// Lets it leave, and waits until it has.
    ///
    /// # Errors
    /// It failed.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.input);
        let status = self.child.wait().await?;
        ensure!(status.success(), "the worker ended with {status}");
        Ok(())
    }
}
