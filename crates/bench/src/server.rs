//! The built binary on a data folder, and its API.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::Method;
use serde_json::Value;

/// The key of every server here.
pub(crate) const KEY: &str = "sk_test_0123456789abcdefghijABCDEFGHIJ01";

/// The file of its folder that a server writes its log to.
pub(crate) const LOG: &str = "log";

/// How long a start may take, whatever it should take.
const START: Duration = Duration::from_secs(30);

/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(40);

/// Between two looks whether it is ready: a hundredth of what a start may take.
const LOOK: Duration = Duration::from_millis(1);

/// A running server. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    ops_address: SocketAddr,
    client: reqwest::Client,
    /// From its start until it was ready.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts the binary on this folder with the settings that a user has who sets none, but that
    /// websites of this machine may be visited, that runs wait for them as long as the bench likes, and
    /// that one organization may call as often as it can.
    ///
    /// # Errors
    /// It does not get ready.
    pub(crate) async fn start(binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        Self::start_with(binary, folder, &[]).await
    }

    /// The same with settings that the row needs, by their variables.
    ///
    /// # Errors
    /// It does not get ready.
    pub(crate) async fn start_with(
        binary: &Path,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let (address, ops_address) = (free_address()?, free_address()?);
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join(LOG))?;
        let client = http_client();
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WINDLASS_") {
                command.env_remove(name);
            }
        }
        let started_at = Instant::now();
        let child = command
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .args(["--ops-listen", &ops_address.to_string()])
            .arg("--data-dir")
            .arg(folder.join("data"))
            .env("WINDLASS_BOOTSTRAP_KEY", KEY)
            .env("WINDLASS_EGRESS_ALLOW", "127.0.0.0/8")
            .env("WINDLASS_RATE_LIMIT", "0")
            .env("WINDLASS_SOURCE_HEAD_SECONDS", "600")
            .env("WINDLASS_SOURCE_LOAD_SECONDS", "3600")
            .env("WINDLASS_SOURCE_STEP_SECONDS", "3600")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to start {}", binary.display()))?;
        let mut server = Self {
            child,
            address,
            ops_address,
            client,
            ready_after: Duration::ZERO,
        };
        let ready = format!("http://{ops_address}/readyz");
        loop {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended while it started: {status}");
            }
            let answer = server.client.get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                server.ready_after = started_at.elapsed();
                return Ok(server);
            }
            ensure!(
                started_at.elapsed() < START,
                "it was not ready in {START:?}"
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Where the API is served.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `/metrics` says of a gauge without labels; 0 where it has not been set yet.
    ///
    /// # Errors
    /// It does not answer, or with no number.
    pub(crate) async fn gauge(&self, name: &str) -> anyhow::Result<f64> {
        let url = format!("http://{}/metrics", self.ops_address);
        let text = self.client.get(url).send().await?.text().await?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(Ok(0.0), |number| Ok(number.parse()?))
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Calls, and answers the body; anything but success is an error.
    ///
    /// # Errors
    /// What was answered instead.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.client.request(method, url).bearer_auth(KEY);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        ensure!(status.is_success(), "{path} answered {status}: {body}");
        Ok(body)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// It does not end.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let id = self.process_id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(asked.success(), "kill ended with {asked}");
        let asked_at = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(asked_at.elapsed() < STOP, "it did not stop in {STOP:?}");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Both fail only where it has ended meanwhile.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A client of HTTP that follows nothing.
pub(crate) fn http_client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Nobody else here installs one; where somebody had, theirs would do.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap_or_default()
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// The text of a member that must be there.
pub(crate) fn text<'a>(value: &'a Value, member: &str) -> anyhow::Result<&'a str> {
    let found = value.get(member).and_then(Value::as_str);
    found.with_context(|| format!("no {member} in {value}"))
}
