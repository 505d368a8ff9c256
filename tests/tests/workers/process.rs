//! A worker as a process of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use windlass_tests::server::KEY;

/// How long anything here may take, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A worker. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Process {
    /// Starts it with the server's first key. What it says goes into a file of its name in this folder.
    pub(crate) fn start(
        mut command: Command,
        name: &'static str,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let child = command
            .env("WINDLASS_KEY", KEY)
            .stdin(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&log)?)
            .kill_on_drop(true)
            .spawn()
            .context("failed to start the worker")?;
        Ok(Self { child, name, log })
    }

    /// Sends it this signal.
    pub(crate) async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self.child.id().context("the worker has ended already")?;
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &id.to_string()])
            .status()
            .await?;
        ensure!(sent.success(), "kill ended with {sent}");
        Ok(())
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.with_context(|| format!("{} did not end: {:?}", self.name, self.logged()))??)
    }

    /// Waits until it has logged this.
    pub(crate) async fn says(&self, what: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.logged()?;
            if log.contains(what) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{} says only: {log}", self.name);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// All that it has logged, with what others of its name have.
    pub(crate) fn logged(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }
}
