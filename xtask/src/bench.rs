//! `cargo xtask bench`: measures the built binary. Source: docs/performance.md.

use std::process::Command;

use crate::place;
use crate::steps::Steps;

const CRATES: [&str; 2] = ["windlass", "windlass-bench"];

/// Builds the binary and the bench in this profile, and measures; `arguments` go to the bench.
///
/// # Errors
/// When something does not build, or cannot be measured.
pub(crate) fn run(profile: &str, arguments: &[String]) -> anyhow::Result<()> {
    {
        let mut build = place::cargo();
        build.args(["build", "--locked", "--profile", profile]);
        for name in CRATES {
            build.args(["--package", name]);
        }
        Steps::default().run("build what is measured, and the bench", &mut build)?;
    }
    let folder = place::target()?.join(folder_of(profile));
    let program = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let [binary, bench] = CRATES.map(program);
    let mut measure = Command::new(bench);
    measure.arg("--binary").arg(binary).args(arguments);
    let status = measure.status()?;
    anyhow::ensure!(status.success(), "{measure:?} ended with {status}");
    Ok(())
}

/// Where cargo puts what it builds in this profile.
fn folder_of(profile: &str) -> &str {
    match profile {
        "dev" | "test" => "debug",
        "bench" => "release",
        own => own,
    }
}
