//! `windlass work`, and the worker of `examples/worker-python`, as processes, on other machines as it were, which a test may kill.

use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use tokio::process::{Child, Command};
use windlass_test_servers::PYTHON;
use windlass_tests::server::{KEY, command};

/// The pool that they lease from.
pub(crate) const POOL: &str = "outside";

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
    pub(crate) async fn kill(mut self) -> anyhow::Result<Killed> {
        self.child.kill().await?;
        Ok(Killed {
            name: self.name,
            url: self.url,
        })
    }

    /// Whether it still runs.
    pub(crate) fn is_up(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

/// A worker that was killed.
pub(crate) struct Killed {
    name: String,
    url: String,
}

impl Killed {
    /// Starts it again, under the same name.
    pub(crate) fn start_again(self) -> anyhow::Result<OutsideWorker> {
        OutsideWorker::start(self.name, self.url)
    }
}
