//! `cargo xtask fuzz`: feeds the parsers of outside input with what libFuzzer finds.

use std::process::Command;

use anyhow::Context;

use crate::steps::Steps;
use crate::{place, tests};

const VERSION: &str = "0.13.2";

/// Runs one target of `fuzz/`, or each of them, for this long.
///
/// Coverage and sanitizers are unstable options of the compiler. The stable one takes them where it is
/// told that it builds itself, so that no second toolchain is needed.
///
/// # Errors
/// When cargo-fuzz cannot be built, or the target found an input that breaks something.
pub(crate) fn run(target: Option<&str>, seconds: u32) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let folder = place::target()?;
    let tools = folder.join("tools");
    let program = tools
        .join("bin")
        .join(format!("cargo-fuzz{}", std::env::consts::EXE_SUFFIX));
    let installed = tests::is_installed("fuzz");
    if !installed && !program.exists() {
        steps.run(
            "build cargo-fuzz",
            place::cargo()
                .args(["install", "--locked", "--debug", "cargo-fuzz"])
                .args(["--version", VERSION, "--root"])
                .arg(&tools)
                .env("CARGO_TARGET_DIR", tools.join("build"))
                .env("CARGO_PROFILE_DEV_DEBUG", "0"),
        )?;
    }
    let targets = match target {
        Some(target) => vec![target.to_owned()],
        None => all()?,
    };
    for target in targets {
        let mut command = match installed {
            true => place::cargo(),
            false => Command::new(&program),
        };
        let corpus = folder.join("fuzz-corpus").join(&target);
        std::fs::create_dir_all(&corpus)
            .with_context(|| format!("failed to make {}", corpus.display()))?;
        steps.run(
            &target,
            command
                .current_dir(place::root())
                // The flags of a debug build would go beyond the profile of `fuzz/Cargo.toml`.
                .args(["fuzz", "run", "--release", "--sanitizer", "none", &target])
                .arg(&corpus)
                .arg(place::root().join("fuzz/seeds").join(&target))
                .args(["--", "-rss_limit_mb=2048", "-timeout=20", "-max_len=65536"])
                .arg(format!("-max_total_time={seconds}"))
                .env("CARGO_TARGET_DIR", folder.join("fuzz"))
                .env("RUSTC_BOOTSTRAP", "1"),
        )?;
    }
    Ok(())
}

/// The names of all targets, in order.
fn all() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(place::root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        let name = path.file_stem().context("a target without a name")?;
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
