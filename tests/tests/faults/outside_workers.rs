//! `windlass work`, and the worker of `examples/worker-python`, as processes, on other machines as it were, which a test may kill.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use windlass_test_servers::PYTHON;
use windlass_tests::server::{KEY, command};

/// The pool that they lease from.
pub(crate) const POOL: &str = "outside";

/// How long a worker may take to leave: its drain, and what it has to say over a bad network.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker, running. Dropped, it is killed.
pub(crate) struct OutsideWorker {
    name: String,
    url: String,
    child: Child,
}

impl OutsideWorker {
    /// Starts the worker of this name, for the server at `url`.
    pub(crate) fn start(name: String, url: String) -> anyhow::Result<Self> {
        let child = command()?
            .args(["work", "--pools", POOL, "--capacity", "4"])
            .args(["--log-level", "warn"])
            .env("WINDLASS_URL", &url)
            .env("WINDLASS_KEY", KEY)
            .env("WINDLASS_WORKER_NAME", &name)
            .env("WINDLASS_DRAIN_SECONDS", "2")
            .env("WINDLASS_EGRESS_ALLOW", "127.0.0.0/8")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start a worker")?;
        Ok(Self { name, url, child })
    }

    /// The same of the worker in Python, which plays no playbook.
    pub(crate) fn start_in_python(name: String, url: String) -> anyhow::Result<Self> {
        let python = std::env::var_os(PYTHON).with_context(|| format!("{PYTHON} is not set"))?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/worker-python");
        let child = Command::new(python)
            .arg(folder.join("invoices.py"))
            .args(["--pool", POOL, "--server", &url, "--name", &name])
            .env("WINDLASS_KEY", KEY)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start a worker in Python")?;
        Ok(Self { name, url, child })
    }

    /// Kills it without a word (SIGKILL).
    pub(crate) async fn kill(mut self) -> anyhow::Result<Gone> {
        self.child.kill().await?;
        Ok(Gone(self))
    }

    /// Asks it to leave (SIGTERM).
    pub(crate) async fn terminate(self) -> anyhow::Result<Leaving> {
        let id = self.child.id().context("the worker has ended already")?;
        let sent = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .await?;
        ensure!(sent.success(), "kill ended with {sent}");
        Ok(Leaving(self))
    }

    /// Whether it still runs.
    pub(crate) fn is_up(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

/// A worker that was asked to leave.
pub(crate) struct Leaving(OutsideWorker);

impl Leaving {
    /// Waits until it has left, well.
    pub(crate) async fn left(mut self) -> anyhow::Result<Gone> {
        let ended = timeout(PATIENCE, self.0.child.wait()).await;
        let status = ended.with_context(|| format!("{} does not leave", self.0.name))??;
        ensure!(status.success(), "{} ended with {status}", self.0.name);
        Ok(Gone(self.0))
    }
}

/// A worker that has ended.
pub(crate) struct Gone(OutsideWorker);

impl Gone {
    /// Starts it again, under the same name.
    pub(crate) fn start_again(self) -> anyhow::Result<OutsideWorker> {
        OutsideWorker::start(self.0.name, self.0.url)
    }
}
