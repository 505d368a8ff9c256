//! Licences, bans and sources of the dependencies, by cargo-deny, as `deny.toml` says.
//!
//! Advisories are left out: their database is on the network and changes by the day, so the same
//! commit would pass today and fail tomorrow. They are asked before a release.

use crate::steps::Steps;
use crate::{place, tests};

const VERSION: &str = "0.20.2";

/// Checks the lock file's packages without the network.
///
/// Where cargo-deny is not installed it is built into the target folder, so that the next run
/// finds it there: a minute and a half on two cores, unoptimized and without the parts that speak
/// to a network.
///
/// # Errors
/// When it cannot be built, or finds something.
pub(crate) fn check(steps: &mut Steps) -> anyhow::Result<()> {
    let check = [
        "--offline",
        "--locked",
        "check",
        "bans",
        "licenses",
        "sources",
    ];
    if tests::is_installed("deny") {
        return steps.run("dependencies", place::cargo().arg("deny").args(check));
    }
    let tools = place::target()?.join("tools");
    let program = tools
        .join("bin")
        .join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        steps.run(
            "build cargo-deny",
            place::cargo()
                .args(["install", "--locked", "--debug", "--no-default-features"])
                .args(["cargo-deny", "--version", VERSION, "--root"])
                .arg(&tools)
                .env("CARGO_TARGET_DIR", tools.join("build"))
                .env("CARGO_PROFILE_DEV_DEBUG", "0"),
        )?;
    }
    let mut command = std::process::Command::new(program);
    steps.run(
        "dependencies",
        command.current_dir(place::root()).args(check),
    )
}
