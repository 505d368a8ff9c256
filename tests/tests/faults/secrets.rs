//! Looks for secrets where none may be.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

/// Searches a file, or all files of a folder, for any of these texts. How many bytes were searched.
///
/// # Errors
/// The first file that has one.
pub(crate) fn none_in(path: &Path, secrets: &[String]) -> anyhow::Result<usize> {
    if path.is_dir() {
        let mut searched = 0;
        for entry in fs::read_dir(path)? {
            searched += none_in(&entry?.path(), secrets)?;
        }
        return Ok(searched);
    }
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    for secret in secrets {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        ensure!(!found, "{} has a secret in it", path.display());
    }
    Ok(bytes.len())
}
