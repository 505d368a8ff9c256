//! The packages of Node that tests read the exports of Chrome's Recorder with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use windlass_test_servers::programs::{self, NPM};

use crate::place;

/// What is wanted, and exactly which versions.
const WANTED: [&str; 2] = ["package.json", "package-lock.json"];

/// A folder with these packages, which is filled once.
///
/// # Errors
/// It cannot be filled: there is no npm, or the packages cannot be had.
pub(super) fn packages() -> anyhow::Result<PathBuf> {
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tests/recorder/node");
    let folder = place::target()?.join("test-node");
    let packages = folder.join("node_modules");
    let [manifest, lock] = WANTED;
    let locked = fs::read_to_string(wanted.join(lock)).context("failed to read the lock file")?;
    // Written last: what an interrupted installation left is made anew.
    let installed = folder.join("installed.json");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(packages);
    }
    eprintln!(
        "installing the Node packages of the tests into {}",
        folder.display()
    );
    fs::create_dir_all(&folder)?;
    for name in [manifest, lock] {
        fs::copy(wanted.join(name), folder.join(name))
            .with_context(|| format!("failed to copy {name}"))?;
    }
    let status = Command::new(programs::find(NPM)?)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        // Nothing is replayed in a browser here.
        .env("PUPPETEER_SKIP_DOWNLOAD", "1")
        .stdin(Stdio::null())
        // What it says must not mix with what a shell evaluates.
        .stdout(std::io::stderr())
        .status()
        .context("failed to start npm")?;
    ensure!(status.success(), "npm ci ended with {status}");
    fs::write(&installed, locked)?;
    Ok(packages)
}
