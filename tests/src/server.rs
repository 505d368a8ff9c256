//! The built binary, as a user starts it.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::client::{Client, http};
use crate::ground::Ground;

/// The first key of every server here.
pub const KEY: &str = "sk_test_0123456789abcdefghijABCDEFGHIJ01";

/// How long a server may take until it is ready. A start takes a fraction of a second; this is for a
/// machine that is busy with other tests.
const START: Duration = Duration::from_secs(30);

/// How long a stop may take: longer than the drain that it is given.
const STOP: Duration = Duration::from_secs(40);

/// A running server. Dropped, it is killed.
pub struct Server {
    child: Child,
    address: SocketAddr,
    ops_address: SocketAddr,
    data_folder: PathBuf,
    variables: Vec<(&'static str, String)>,
    /// Where it writes its log, where that is kept.
    log: Option<PathBuf>,
}

impl Server {
    /// Starts a server on this ground, on free ports.
    ///
    /// # Errors
    /// Where it does not get ready.
    pub async fn start(ground: &Ground) -> anyhow::Result<Self> {
        Self::start_with(ground, &[]).await
    }

    /// The same with settings of the test's own, such as a name beside other replicas.
    ///
    /// # Errors
    /// Where it does not get ready.
    pub async fn start_with(
        ground: &Ground,
        settings: &[(&'static str, &str)],
    ) -> anyhow::Result<Self> {
        Self::start_at(ground, settings, None).await
    }

    /// The same, and what it logs goes to this file, through all of its starts.
    ///
    /// # Errors
    /// Where it does not get ready.
    pub async fn start_logging(
        ground: &Ground,
        settings: &[(&'static str, &str)],
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        Self::start_at(ground, settings, Some(log)).await
    }

    async fn start_at(
        ground: &Ground,
        settings: &[(&'static str, &str)],
        log: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let own = settings
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let variables = ground.variables().iter().cloned().chain(own).collect();
        let addresses = (free_address()?, free_address()?);
        Self::start_on(ground.data_folder(), variables, log, addresses).await
    }

    async fn start_on(
        data_folder: PathBuf,
        variables: Vec<(&'static str, String)>,
        log: Option<PathBuf>,
        (address, ops_address): (SocketAddr, SocketAddr),
    ) -> anyhow::Result<Self> {
        let logs_to = match &log {
            Some(log) => File::options().create(true).append(true).open(log)?.into(),
            None => Stdio::inherit(),
        };
        let child = command()?
            .stderr(logs_to)
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .args(["--ops-listen", &ops_address.to_string()])
            .arg("--data-dir")
            .arg(&data_folder)
            .envs(variables.clone())
            .env("WINDLASS_BOOTSTRAP_KEY", KEY)
            .env("WINDLASS_EGRESS_ALLOW", "127.0.0.0/8")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start the binary")?;
        let mut server = Self {
            child,
            address,
            ops_address,
            data_folder,
            variables,
            log,
        };
        server.ready().await?;
        Ok(server)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let url = format!("http://{}/readyz", self.ops_address);
        let client = http();
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended while it started: {status}");
            }
            let answer = client.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the server was not ready within {START:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A client with the server's first key.
    pub fn client(&self) -> Client {
        Client::new(self.url(), KEY)
    }

    /// Where the API is served, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where health, readiness and metrics are served, without a slash at the end.
    pub fn ops_url(&self) -> String {
        format!("http://{}", self.ops_address)
    }

    /// Kills it without a word (SIGKILL) and starts another on the same folder and ports.
    ///
    /// # Errors
    /// Where the other does not get ready.
    pub async fn kill_and_start_again(mut self) -> anyhow::Result<Self> {
        self.child.kill().await?;
        Self::start_on(
            self.data_folder,
            self.variables,
            self.log,
            (self.address, self.ops_address),
        )
        .await
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// Where it does not end, or not with success.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.ask_to_stop().await?;
        self.stopped().await
    }

    /// Asks it to stop (SIGTERM).
    ///
    /// # Errors
    /// Where it has ended already.
    pub async fn ask_to_stop(&self) -> anyhow::Result<()> {
        let id = self.child.id().context("the server has ended already")?;
        let asked = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .await?;
        ensure!(asked.success(), "kill ended with {asked}");
        Ok(())
    }

    /// Waits until it has stopped, as it was asked to.
    ///
    /// # Errors
    /// Where it does not end, or not with success.
    pub async fn stopped(mut self) -> anyhow::Result<()> {
        let status = timeout(STOP, self.child.wait())
            .await
            .context("the server did not stop")??;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// The built binary, without arguments yet and without settings of this machine's environment.
///
/// # Errors
/// Where the tests were not started by `cargo xtask test`.
pub fn command() -> anyhow::Result<Command> {
    let binary = std::env::var_os("WINDLASS_TEST_BINARY")
        .context("WINDLASS_TEST_BINARY is not set: run the tests with `cargo xtask test`")?;
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WINDLASS_") {
            command.env_remove(name);
        }
    }
    // Tests make more requests than anybody; a test of the limit sets its own.
    command.env("WINDLASS_RATE_LIMIT", "0");
    Ok(command)
}

/// A port that nobody listens on. Another program may take it first; a test then fails to start its
/// server and says so.
/// Nobody is given one of these who asks for any port, such as a client of another test: it would have
/// that of a server that does not listen yet, or is started anew.
const PORTS: Range<u16> = 10_000..32_768;

fn free_address() -> anyhow::Result<SocketAddr> {
    // Each test begins somewhere else.
    let random = RandomState::new().build_hasher().finish();
    let ports = u64::from(PORTS.end - PORTS.start);
    let first = usize::try_from(random % ports)?;
    let mut addresses = PORTS
        .cycle()
        .skip(first)
        .take(PORTS.len())
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let free = addresses.find(|address| TcpListener::bind(address).is_ok());
    free.context("no port is free")
}
