//! The Python that serves the websites of the tests, with their packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use windlass_test_servers::WEBSITES;
use windlass_test_servers::programs::{self, PYTHON};

use crate::place;

/// A Python with these packages: in a virtual environment of its own, which is made once.
///
/// # Errors
/// It cannot be made: there is no Python, or its packages cannot be had.
pub(super) fn environment() -> anyhow::Result<PathBuf> {
    let wanted = Path::new(WEBSITES).join("requirements.txt");
    let requirements = fs::read_to_string(&wanted).context("failed to read the requirements")?;
    let folder = place::target()?.join("test-python");
    let python = folder.join("bin/python");
    // Written last: what an interrupted installation left is made anew.
    let installed = folder.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == requirements) {
        return Ok(python);
    }
    eprintln!(
        "installing the websites of the tests into {}",
        folder.display()
    );
    run(Command::new(programs::find(PYTHON)?)
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg("--requirement")
        .arg(&wanted))?;
    fs::write(&installed, requirements)?;
    Ok(python)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    // What it says must not mix with what a shell evaluates.
    command.stdout(std::io::stderr());
    let status = command
        .status()
        .with_context(|| format!("failed to start {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
