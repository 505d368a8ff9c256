//! A server that is started with settings of a test's own, may refuse to start, and whose log is read.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use windlass_tests::server::command;
use windlass_tests::{Client, Ground};

/// How long a start or a stop may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

const SERVE: [&str; 4] = [
    "serve",
    "--listen=127.0.0.1:0",
    "--ops-listen=127.0.0.1:0",
    "--log-format=json",
];

/// A running `windlass serve`. Killed when dropped.
pub(crate) struct LoggedServer {
    child: Child,
    /// The address of the API.
    url: String,
    log: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
}

/// A server that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// All that it wrote to standard error.
    pub(crate) log: String,
}

impl LoggedServer {
    /// Starts a server on this ground with these variables. Where it ends instead of serving: how.
    pub(crate) async fn start(ground: &Ground, variables: &[(&str, &str)]) -> Result<Self, Ended> {
        let mut child = command()
            .expect("the tests are started by cargo xtask test")
            .args(SERVE)
            .env("WINDLASS_DATA_DIR", ground.data_folder())
            .envs(ground.variables().iter().cloned())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary can be started");
        let log = Arc::new(Mutex::new(String::new()));
        let (tell, told) = oneshot::channel();
        let reading = tokio::spawn(read(
            child.stderr.take().expect("standard error is piped"),
            Arc::clone(&log),
            tell,
        ));
        match timeout(PATIENCE, told)
            .await
            .expect("it serves or ends in time")
        {
            Ok(url) => Ok(Self {
                child,
                url,
                log,
                reading,
            }),
            // It will never tell: its standard error is closed.
            Err(_) => {
                let status = child.wait().await.expect("it can be waited for");
                let log = log.lock().expect("no holder of the log panics").clone();
                Err(Ended { status, log })
            }
        }
    }

    /// The address of the API, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A client with this key.
    pub(crate) fn client(&self, key: &str) -> Client {
        Client::new(self.url.clone(), key)
    }

    /// Sends a signal by its name, such as `TERM`, and waits until the server has ended.
    pub(crate) async fn end_by(self, signal: &str) -> Ended {
        let process = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &process])
            .status()
            .await
            .expect("kill can be started");
        assert!(sent.success(), "kill -s {signal} {process}: {sent}");
        self.ended().await
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> Ended {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status
            .expect("it ends in time")
            .expect("it can be waited for");
        self.reading.await.expect("its log can be read");
        let log = self
            .log
            .lock()
            .expect("no holder of the log panics")
            .clone();
        Ended { status, log }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log
            .lock()
            .expect("no holder of the log panics")
            .clone()
    }
}

/// Reads the log to its end, and tells the API's address as soon as it is in it.
async fn read(stderr: ChildStderr, log: Arc<Mutex<String>>, tell: oneshot::Sender<String>) {
    let mut tell = Some(tell);
    let mut lines = BufReader::new(stderr).lines();
    while let Some(line) = lines.next_line().await.expect("its log is text") {
        // What is said before there is a log, such as why the start failed, is no JSON.
        let fields: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(url) = fields["api.url"].as_str()
            && let Some(tell) = tell.take()
        {
            // Nobody listens where the test has ended.
            drop(tell.send(url.to_owned()));
        }
        let mut log = log.lock().expect("no holder of the log panics");
        log.push_str(&line);
        log.push('\n');
    }
}
