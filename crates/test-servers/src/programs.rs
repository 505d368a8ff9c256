//! Where the servers' programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

/// A program that the tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// The package that has it on Debian and Ubuntu.
    pub package: &'static str,
}

/// Makes the folder of a PostgreSQL server.
pub const INITDB: Program = Program {
    name: "initdb",
    package: "postgresql",
};

/// The PostgreSQL server.
pub const POSTGRES: Program = Program {
    name: "postgres",
    package: "postgresql",
};

/// The Redis server.
pub const REDIS: Program = Program {
    name: "redis-server",
    package: "redis-server",
};

/// Serves the websites of the tests; with `venv`, which Debian has in a package of its own.
pub const PYTHON: Program = Program {
    name: "python3",
    package: "python3-venv",
};

/// Runs what Chrome's tools are made of.
pub const NODE: Program = Program {
    name: "node",
    package: "nodejs",
};

/// Installs its packages.
pub const NPM: Program = Program {
    name: "npm",
    package: "npm",
};

/// The browser that a worker's example drives. `WINDLASS_CHROMIUM` may name another.
pub const CHROMIUM: Program = Program {
    name: "chromium",
    package: "chromium",
};

/// Where Debian keeps the programs of each version of PostgreSQL, which are not on the path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Those of the seven that are not here, or not whole.
pub fn missing() -> Vec<Program> {
    let found = |program: &Program| match find(*program) {
        Ok(path) => *program != PYTHON || has_venv(&path),
        Err(_) => *program == CHROMIUM && std::env::var_os("WINDLASS_CHROMIUM").is_some(),
    };
    let mut programs = vec![INITDB, POSTGRES, REDIS, PYTHON, NODE, NPM, CHROMIUM];
    programs.retain(|program| !found(program));
    programs
}

/// Whether a Python can make virtual environments.
fn has_venv(python: &Path) -> bool {
    let asked = Command::new(python)
        .args(["-c", "import ensurepip, venv"])
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

/// Where a program is: on the path, or where Debian puts PostgreSQL, the newest version first.
///
/// # Errors
/// It is nowhere.
pub fn find(program: Program) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(versions(Path::new(DEBIAN)))
        .map(|folder| folder.join(program.name))
        .find(|file| file.is_file())
        .with_context(|| {
            format!(
                "`{}` is not installed: the package {} has it",
                program.name, program.package
            )
        })
}

/// The folders of programs below this one, the highest version first.
fn versions(folder: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable();
    versions.into_iter().rev().map(|(_, path)| path).collect()
}
