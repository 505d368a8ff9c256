//! Looks for secrets where none may be.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use windlass_demo_site::PASSWORD;
use windlass_tests::Ground;
use windlass_tests::server::KEY;

/// What was given to the server, and is kept nowhere as it was given.
const PLANTED: [&str; 2] = [PASSWORD, KEY];

/// Searches the files and logs of a server, and its tables where they are on PostgreSQL, for what was
/// given to it in secret.
///
/// # Errors
/// The first place that has a secret.
pub(crate) async fn none_kept(ground: &Ground) -> anyhow::Result<()> {
    let mut searched = none_in_files(ground.folder())?;
    for (table, rows) in ground.tables().await? {
        for secret in PLANTED {
            // PostgreSQL writes bytes in hexadecimal.
            let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let found = rows.contains(secret) || rows.contains(&hexadecimal);
            ensure!(!found, "the table {table} has a secret in it");
        }
        searched += rows.len();
    }
    println!("no secret in {searched} bytes of files, logs and tables");
    Ok(())
}

/// How many bytes of a file, or of all files of a folder, were searched.
fn none_in_files(path: &Path) -> anyhow::Result<usize> {
    if path.is_dir() {
        let mut searched = 0;
        for entry in fs::read_dir(path)? {
            searched += none_in_files(&entry?.path())?;
        }
        return Ok(searched);
    }
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    for secret in PLANTED {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        ensure!(!found, "{} has a secret in it", path.display());
    }
    Ok(bytes.len())
}
