//! Where the workspace lies, and where what is built from it goes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use cargo_metadata::{Metadata, MetadataCommand};

/// The folder that holds the root manifest.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in a folder of the workspace")
}

/// The cargo that started this program, so that a chosen toolchain stays chosen.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What cargo told this program of its package. A build script that looks at such a variable (ring's
    // does) would run again, and all that stands on it be built again, each time that somebody calls
    // cargo by hand in between.
    for (name, _) in std::env::vars_os() {
        let of_package = ["CARGO_MANIFEST_", "CARGO_PKG_"];
        if name
            .to_str()
            .is_some_and(|name| of_package.iter().any(|of| name.starts_with(of)))
        {
            command.env_remove(name);
        }
    }
    command
}

/// The workspace's own packages, as their manifests say, and the target folder, which
/// `CARGO_TARGET_DIR` may have moved. Needs no network.
pub(crate) fn manifests() -> anyhow::Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("failed to read the workspace's manifests")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    Ok(manifests()?.target_directory.into_std_path_buf())
}
