//! The Python of the tests: it serves their websites, tests the API from its document, and drives a
//! browser.

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
    let wanted = [
        Path::new(WEBSITES).join("requirements.txt"),
        place::root().join("tests/tests/contract/requirements.txt"),
        place::root().join("examples/worker-playwright/requirements.txt"),
    ];
    let mut requirements = String::new();
    for wanted in &wanted {
        let read = fs::read_to_string(wanted).context("failed to read the requirements")?;
        requirements.push_str(&read);
    }
    let folder = place::target()?.join("test-python");
    let python = folder.join("bin/python");
    // Written last: what an interrupted installation left is made anew.
    let installed = folder.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == requirements) {
        return Ok(python);
    }
    eprintln!(
        "installing the Python packages of the tests into {}",
        folder.display()
    );
    run(Command::new(programs::find(PYTHON)?)
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet"]);
    install.arg("--disable-pip-version-check");
    for wanted in &wanted {
        install.arg("--requirement").arg(wanted);
    }
    run(&mut install)?;
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
