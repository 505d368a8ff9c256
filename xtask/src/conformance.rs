//! `cargo xtask conformance`: checks a running server against the contract, from outside.

use std::process::Command;

use anyhow::bail;

use crate::place;
use crate::steps::Steps;

/// The program that checks; it lies with the system tests, which check our own binary with it.
const CHECK: &str = "windlass-contract";

/// Builds the check, and runs it against the server at this address.
///
/// # Errors
/// When it does not build, a promise is broken, or none could be checked.
pub(crate) fn run(url: &str, key: &str) -> anyhow::Result<()> {
    let mut build = place::cargo();
    // Of the whole workspace, so that no dependency is built anew with fewer features.
    build.args(["build", "--locked", "--workspace", "--bin", CHECK]);
    Steps::default().run("build the check", &mut build)?;
    let name = format!("{CHECK}{}", std::env::consts::EXE_SUFFIX);
    let mut check = Command::new(place::target()?.join("debug").join(name));
    check.arg(url).env("WINDLASS_KEY", key);
    match check.status()?.code() {
        Some(0) => Ok(()),
        Some(1) => bail!("the contract is broken"),
        // It has said why.
        _ => bail!("the contract was not checked"),
    }
}
