//! A server's process, and how it is ended.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// How long a start may take on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(60);

/// How long a server that was asked to end may take until it is killed.
const END: Duration = Duration::from_secs(10);

/// How often is looked whether a server has started or ended.
const LOOK: Duration = Duration::from_millis(10);

/// Ended when dropped.
pub(crate) struct Process {
    child: Child,
    /// The signal that ends it fast and leaves nothing behind.
    ending: &'static str,
}

impl Process {
    /// Starts a server whose output goes to `log`, and waits until it is ready, of which `ready` is
    /// asked with the number of its process.
    pub(crate) fn start(
        command: &mut Command,
        ending: &'static str,
        log: &Path,
        ready: impl Fn(u32) -> bool,
    ) -> anyhow::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("failed to start {command:?}"))?;
        let mut process = Self { child, ending };
        let deadline = Instant::now() + START;
        while !ready(process.child.id()) {
            if let Some(status) = process.child.try_wait()? {
                bail!("{command:?} ended with {status}: {}", last_lines(log));
            }
            if Instant::now() > deadline {
                bail!(
                    "{command:?} is not ready after {START:?}: {}",
                    last_lines(log)
                );
            }
            sleep(LOOK);
        }
        Ok(process)
    }

    /// Ends it without a word (SIGKILL).
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("failed to kill the server")?;
        self.child.wait().context("failed to wait for the server")?;
        Ok(())
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let number = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &number]).status()?;
        ensure!(sent.success(), "kill -s {name} {number} ended with {sent}");
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        // One that was stopped ends only once it goes on.
        if self.signal(self.ending).is_ok() && self.signal("CONT").is_ok() {
            let deadline = Instant::now() + END;
            while Instant::now() < deadline {
                if self.child.try_wait()?.is_some() {
                    return Ok(());
                }
                sleep(LOOK);
            }
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that was waited for has ended, and its number may be another's by now.
        if let Ok(None) = self.child.try_wait()
            && let Err(error) = self.end()
        {
            eprintln!("failed to end a server: {error}");
        }
    }
}

/// A port that nobody listens on. Another program may take it first; the server then says so and ends.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// A password of 32 letters and digits: other users of the machine reach loopback, too.
pub(crate) fn password() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    let mut source = File::open("/dev/urandom").context("failed to open /dev/urandom")?;
    std::io::Read::read_exact(&mut source, &mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where a server's log lies in its folder.
pub(crate) fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn last_lines(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_else(|error| error.to_string());
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
