//! Websites that others wrote, for the built-in agent to work on: configured, and not changed.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::folder::Folder;
use crate::process::{self, Process};

/// Names the Python that has the websites' packages.
pub const PYTHON: &str = "WINDLASS_TEST_PYTHON";

/// The files that configure and fill the websites, and `requirements.txt` with their packages.
pub const WEBSITES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/websites");

/// A running website, which ends with this value and is forgotten.
pub struct Website {
    // Before the folder: it is dropped first.
    _process: Process,
    port: u16,
    folder: Folder,
}

impl Website {
    /// Django's administration of its users, with the export of django-import-export: `admin` with
    /// the password `correct horse battery`, and 250 users, of whom each tenth is called Åse and each
    /// 25th is staff. Under `/guarded/` it stands once more, behind the second factor of
    /// django-two-factor-auth.
    ///
    /// # Errors
    /// Its packages are not there, or it does not start.
    pub fn django() -> anyhow::Result<Self> {
        let site = Site::new("django")?;
        site.fill(&[])?;
        let address = format!("127.0.0.1:{}", site.port);
        site.serve(&[
            "-m",
            "django",
            "runserver",
            "--noreload",
            "--insecure",
            &address,
        ])
    }

    /// A Roundup issue tracker as its template `classic` makes it: `kim` with the password
    /// `hunter-hunter`, and 120 open issues, each second one assigned to kim.
    ///
    /// # Errors
    /// Its packages are not there, or it does not start.
    pub fn roundup() -> anyhow::Result<Self> {
        let site = Site::new("roundup")?;
        site.fill(&[&format!("http://127.0.0.1:{}/", site.port)])?;
        let port = site.port.to_string();
        site.serve(&["serve.py", &port])
    }

    /// The address of a page, given from its `/` on.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it has logged: a line each request.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        std::fs::read_to_string(process::log(self.folder.path())).context("failed to read the log")
    }
}

/// A website that is being made.
struct Site {
    source: PathBuf,
    folder: Folder,
    port: u16,
}

impl Site {
    fn new(name: &str) -> anyhow::Result<Self> {
        Ok(Self {
            source: Path::new(WEBSITES).join(name),
            folder: Folder::make(name)?,
            port: process::free_port()?,
        })
    }

    /// Runs `seed.py`, which makes the database.
    fn fill(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = self.python()?;
        let output = command.arg("seed.py").args(arguments).output()?;
        ensure!(
            output.status.success(),
            "{command:?} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn serve(self, arguments: &[&str]) -> anyhow::Result<Website> {
        let mut command = self.python()?;
        command.args(arguments);
        let log = process::log(self.folder.path());
        let port = self.port;
        let listens = |_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        Ok(Website {
            _process: Process::start(&mut command, "TERM", &log, listens)?,
            port,
            folder: self.folder,
        })
    }

    fn python(&self) -> anyhow::Result<Command> {
        let python = std::env::var_os(PYTHON)
            .with_context(|| format!("{PYTHON} is not set: cargo xtask test sets it"))?;
        let mut command = Command::new(python);
        command
            .current_dir(&self.source)
            .env("SITE_FOLDER", self.folder.path())
            .env("DJANGO_SETTINGS_MODULE", "settings")
            // The sources stay as they are.
            .env("PYTHONDONTWRITEBYTECODE", OsStr::new("1"));
        Ok(command)
    }
}
