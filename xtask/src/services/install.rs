//! Installs what the tests need and the machine has not.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use windlass_test_servers::programs::{self, Program};

/// Says to Debian's package scripts whether a service may start.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// No service starts.
const NONE_STARTS: &str =
    "#!/bin/sh\n# Of cargo xtask; left behind, it may be removed.\nexit 101\n";

/// Installs PostgreSQL, Redis, Python, Node and Chromium where they are missing, this is Debian or one of its
/// kin, and we are root.
///
/// # Errors
/// They are missing and cannot be installed; names what to install.
pub(super) fn missing() -> anyhow::Result<()> {
    let missing = programs::missing();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    packages.dedup();
    if !(Path::new("/etc/debian_version").exists() && is_root()?) {
        bail!(
            "the tests need {}, which are not installed. On Debian or Ubuntu: apt-get install {}",
            names(&missing),
            packages.join(" ")
        );
    }
    eprintln!("installing {} for the tests", packages.join(" and "));
    install(&packages)?;
    let missing = programs::missing();
    ensure!(
        missing.is_empty(),
        "{} was installed, and {} is still not found",
        packages.join(" and "),
        names(&missing)
    );
    Ok(())
}

fn names(programs: &[Program]) -> String {
    let names: Vec<&str> = programs.iter().map(|program| program.name).collect();
    names.join(", ")
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let _policy = Policy::set()?;
    let install =
        || apt_get(&[&["install", "--yes", "--no-install-recommends"], packages].concat());
    // A fresh machine knows no packages yet, and one that is not fresh may know versions that are gone.
    install().or_else(|_| {
        apt_get(&["update"])?;
        install()
    })
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // What it says must not mix with what a shell evaluates.
        .stdout(std::io::stderr())
        .status()
        .context("failed to start apt-get")?;
    ensure!(
        status.success(),
        "apt-get {} ended with {status}",
        arguments.join(" ")
    );
    Ok(())
}

/// While it lives, no package starts a service of the system. A policy that is there stays.
struct Policy {
    is_ours: bool,
}

impl Policy {
    fn set() -> anyhow::Result<Self> {
        // One of ours was left by a chore that was killed.
        let is_ours = fs::read_to_string(POLICY).map_or(true, |policy| policy == NONE_STARTS);
        if is_ours {
            fs::write(POLICY, NONE_STARTS)?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { is_ours })
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.is_ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("failed to remove {POLICY}: {error}");
        }
    }
}

/// Whether this process is root's: what it makes is.
fn is_root() -> anyhow::Result<bool> {
    let path = std::env::temp_dir().join(format!("windlass-whose-{}", std::process::id()));
    fs::create_dir(&path).with_context(|| format!("failed to make {}", path.display()))?;
    let owner = fs::metadata(&path).map(|metadata| metadata.uid());
    fs::remove_dir(&path)?;
    Ok(owner? == 0)
}
