//! A PostgreSQL server.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::folder::Folder;
use crate::process::{self, Process};
use crate::programs;

/// What a test's server is started with. Small, without what only a crash of the machine needs: a
/// killed process loses nothing without `fsync`. Enough connections for the tests of many cores, each
/// with pools of its own.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 400
shared_buffers = 32MB
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
jit = off
";

/// The superuser.
const USER: &str = "windlass";

/// Ends all processes at once, and leaves no shared memory behind: what PostgreSQL calls an immediate
/// shutdown. The next start recovers from the log.
const IMMEDIATE: &str = "QUIT";

/// How long the last processes of a killed server may take to notice.
const LAST_OF_THE_KILLED: Duration = Duration::from_secs(20);

/// What a start says while they are there.
const STILL_THERE: &str = "pre-existing shared memory block";

/// A running PostgreSQL server, which ends with this value.
pub struct Postgres {
    // Before the folder: it is dropped first.
    process: Option<Process>,
    port: u16,
    password: String,
    folder: Folder,
}

impl Postgres {
    /// Makes an empty server and starts it: about two seconds.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start.
    pub fn start() -> anyhow::Result<Self> {
        let folder = Folder::make("postgres")?;
        let (port, password) = (process::free_port()?, process::password()?);
        // `md5` where the default takes milliseconds of computing for each connection.
        let made = folder
            .command(&programs::find(programs::INITDB)?)
            .args([
                "--pgdata=data",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ])
            .args(["--auth=md5", "--username", USER, "--pwfile"])
            .arg(folder.write("password", &password)?)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            made.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        folder.write(
            "data/postgresql.conf",
            &format!("{SETTINGS}port = {port}\n"),
        )?;
        let mut server = Self {
            process: None,
            port,
            password,
            folder,
        };
        server.start_again()?;
        Ok(server)
    }

    /// Where it is, with the superuser's name and password, and its first database.
    pub fn url(&self) -> String {
        format!(
            "postgres://{USER}:{}@127.0.0.1:{}/postgres",
            self.password, self.port
        )
    }

    /// Ends it as a crash does: every connection breaks, nothing is saved that was not (immediate
    /// mode).
    pub fn crash(&mut self) {
        self.process = None;
    }

    /// Ends its first process without a word (SIGKILL); the others notice and end.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Starts it on the same folder and port, ending it first where it runs.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = None;
        let deadline = Instant::now() + LAST_OF_THE_KILLED;
        loop {
            match self.started() {
                Err(error)
                    if error.to_string().contains(STILL_THERE) && Instant::now() < deadline =>
                {
                    sleep(Duration::from_millis(50));
                }
                started => {
                    self.process = Some(started?);
                    return Ok(());
                }
            }
        }
    }

    fn started(&self) -> anyhow::Result<Process> {
        let data = self.folder.path().join("data");
        let mut command = self.folder.command(&programs::find(programs::POSTGRES)?);
        command.arg("-D").arg(&data).env("LC_ALL", "C");
        // It begins with the number of the process, and says further down how far that is. The one
        // that a killed process left says ready, too.
        let state = data.join("postmaster.pid");
        let ready = |process: u32| {
            fs::read_to_string(&state).is_ok_and(|state| {
                state.starts_with(&format!("{process}\n")) && state.contains("\nready")
            })
        };
        let log = process::log(self.folder.path());
        Process::start(&mut command, IMMEDIATE, &log, ready)
    }
}
