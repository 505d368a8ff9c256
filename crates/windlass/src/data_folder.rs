//! The data folder: what lies in it, and the lock that keeps a second server out.
//! Source: docs/operations.md, "The data folder".

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::address::Database;
use crate::config::DataConfig;

/// A folder that exists, readable by its owner alone where it was made here.
#[derive(Debug, Clone)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

/// Held as long as a server uses the folder. The operating system lets go of it with the process,
/// however that ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    /// The open file is the lock.
    _file: File,
}

impl DataFolder {
    /// The folder that is configured; made where it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn open(config: &DataConfig) -> anyhow::Result<Self> {
        let path = &config.data_dir;
        make_private(path)
            .with_context(|| format!("failed to make the data folder {}", path.display()))?;
        Self::open_existing(config)
    }

    /// The folder that is configured, where it is there.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn open_existing(config: &DataConfig) -> anyhow::Result<Self> {
        let path = &config.data_dir;
        let path = fs::canonicalize(path)
            .with_context(|| format!("failed to find the data folder {}", path.display()))?;
        Ok(Self { path })
    }

    /// Keeps every other server out.
    ///
    /// # Errors
    /// Another one is in.
    pub(crate) fn lock(&self) -> anyhow::Result<FolderLock> {
        let path = self.path.join("windlass.lock");
        let file = private_file(fs::OpenOptions::new().create(true), &path)
            .with_context(|| format!("failed to open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "another `windlass serve` uses the data folder {}: stop it first, or give this one \
                 a folder of its own with --data-dir",
                self.path.display()
            ),
            Err(TryLockError::Error(error)) => Err(error)
                .with_context(|| format!("failed to lock the data folder {}", self.path.display())),
        }
    }

    /// Keeps every other rotation of the key file out.
    ///
    /// # Errors
    /// Another one is in.
    pub(crate) fn lock_rotation(&self) -> anyhow::Result<FolderLock> {
        let path = self.path.join("rotation.lock");
        let file = private_file(fs::OpenOptions::new().create(true), &path)
            .with_context(|| format!("failed to open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!("another `windlass vault rotate-master` is at work on this data folder")
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("failed to lock {}", path.display()))
            }
        }
    }

    /// The database that lies in it, where none is configured.
    pub(crate) fn database(&self) -> Database {
        Database::Sqlite(self.path.join("windlass.db"))
    }

    /// Where the master key lies, if the environment does not give it.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.path.join("master.key")
    }

    /// Where the first API key is left, where no terminal can show it.
    pub(crate) fn first_key_file(&self) -> PathBuf {
        self.path.join("first-key")
    }

    /// Where the contents of files lie.
    pub(crate) fn files(&self) -> PathBuf {
        self.path.join("files")
    }
}

/// Writes a file that only its owner may read, whole and durably. One that is there is replaced.
///
/// # Errors
/// The file system's.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = private_file(
        fs::OpenOptions::new().create(true).truncate(true),
        &temporary,
    )?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn private_file(options: &mut fs::OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    options.write(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private_file(options: &mut fs::OpenOptions, path: &Path) -> io::Result<File> {
    options.write(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &Path) -> DataFolder {
        let config = DataConfig {
            data_dir: path.join("data"),
            database: None,
        };
        DataFolder::open(&config).unwrap()
    }

    #[test]
    fn a_second_server_is_kept_out_until_the_first_has_gone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(parent.path());
        let lock = folder.lock().unwrap();

        let refusal = folder.lock().unwrap_err().to_string();

        assert!(refusal.contains("another `windlass serve`"), "{refusal}");
        drop(lock);
        assert!(folder.lock().is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_what_is_private() {
        use std::os::unix::fs::PermissionsExt;

        let parent = tempfile::tempdir().unwrap();
        let folder = folder(parent.path());
        write_private(&folder.first_key_file(), b"sk_live_x\n").unwrap();
        write_private(&folder.first_key_file(), b"sk_live_y\n").unwrap();

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path), 0o700);
        assert_eq!(mode(&folder.first_key_file()), 0o600);
        assert_eq!(fs::read(folder.first_key_file()).unwrap(), b"sk_live_y\n");
    }
}
