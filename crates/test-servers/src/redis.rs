//! A Redis server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::Context;

use crate::folder::Folder;
use crate::process::{self, Process};
use crate::programs;

/// How long a server that listens may take to answer.
const ANSWER: Duration = Duration::from_millis(500);

/// A running Redis server without anything on disk, which ends with this value.
pub struct Redis {
    // Before the folder: it is dropped first.
    process: Option<Process>,
    port: u16,
    password: String,
    folder: Folder,
}

impl Redis {
    /// Starts an empty server.
    ///
    /// # Errors
    /// Redis is not installed, or does not start.
    pub fn start() -> anyhow::Result<Self> {
        let mut server = Self {
            process: None,
            port: process::free_port()?,
            password: process::password()?,
            folder: Folder::make("redis")?,
        };
        server.start_again()?;
        Ok(server)
    }

    /// Where it is, with its password.
    pub fn url(&self) -> String {
        format!("redis://default:{}@127.0.0.1:{}/", self.password, self.port)
    }

    /// Ends it without a word (SIGKILL).
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Lets it hang (SIGSTOP): connections stay, nothing is answered.
    ///
    /// # Errors
    /// It does not run.
    pub fn hang(&self) -> anyhow::Result<()> {
        self.signal("STOP")
    }

    /// Lets one that hangs go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn go_on(&self) -> anyhow::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> anyhow::Result<()> {
        let process = self.process.as_ref().context("the server does not run")?;
        process.signal(name)
    }

    /// Starts it on the same port, empty, ending it first where it runs.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = None;
        let (port, password) = (self.port, &self.password);
        // In a file, since every user of the machine can read a command line.
        let settings = self.folder.write(
            "redis.conf",
            &format!(
                "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\n"
            ),
        )?;
        let mut command = self.folder.command(&programs::find(programs::REDIS)?);
        command.arg(settings);
        let log = process::log(self.folder.path());
        let ready = |_| answers(port);
        self.process = Some(Process::start(&mut command, "TERM", &log, ready)?);
        Ok(())
    }
}

/// Whether something is answered: at the least that a password is needed.
fn answers(port: u16) -> bool {
    let asked = || -> std::io::Result<()> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        connection.set_read_timeout(Some(ANSWER))?;
        connection.write_all(b"PING\r\n")?;
        connection.read_exact(&mut [0])
    };
    asked().is_ok()
}
