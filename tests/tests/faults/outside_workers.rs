//! `windlass work` as processes, on other machines as it were, which a test may kill.

use std::process::Stdio;

use anyhow::Context;
use tokio::process::Child;
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
