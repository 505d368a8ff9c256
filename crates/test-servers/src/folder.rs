//! The folder of one server, and the account that it belongs to.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;

/// Names the folder that servers put theirs into; the system's temporary folder where it is not set.
/// Whoever sets it removes it, and so removes what a killed test left.
pub const FOLDER: &str = "WINDLASS_TEST_SERVERS_FOLDER";

/// Accounts that a server may run as where the tests run as root, the better first.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// Removed when dropped.
pub(crate) struct Folder {
    path: PathBuf,
    account: Option<Account>,
}

/// Whom files and processes belong to.
#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl Folder {
    /// A new folder for a server of this name. Where root makes it, it belongs to another account:
    /// PostgreSQL does not run as root.
    pub(crate) fn make(name: &str) -> anyhow::Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let parent = std::env::var_os(FOLDER).map_or_else(std::env::temp_dir, PathBuf::from);
        let path = parent.join(format!("windlass-{name}-{}-{number}", process::id()));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("failed to make {}", path.display()))?;
        let mut folder = Self {
            path,
            account: None,
        };
        if fs::metadata(&folder.path)?.uid() == 0 {
            folder.account = Some(unprivileged()?);
        }
        folder.give(&folder.path)?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that the server reads.
    pub(crate) fn write(&self, name: &str, content: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, content).with_context(|| format!("failed to write {}", path.display()))?;
        self.give(&path)?;
        Ok(path)
    }

    /// A command that runs in this folder, as the account that it belongs to.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.path);
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group);
        }
        command
    }

    fn give(&self, path: &Path) -> anyhow::Result<()> {
        match self.account {
            Some(account) => chown(path, Some(account.user), Some(account.group))
                .with_context(|| format!("failed to give {} away", path.display())),
            None => Ok(()),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("failed to remove {}: {error}", self.path.display());
        }
    }
}

fn unprivileged() -> anyhow::Result<Account> {
    let accounts = fs::read_to_string("/etc/passwd").context("failed to read /etc/passwd")?;
    ACCOUNTS
        .iter()
        .find_map(|name| account(&accounts, name))
        .with_context(|| {
            format!(
                "root's servers run as {}: there is neither",
                ACCOUNTS.join(" or ")
            )
        })
}

/// Reads an account out of lines such as `nobody:x:65534:65534:…`.
fn account(accounts: &str, name: &str) -> Option<Account> {
    let mut fields = accounts
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    Some(Account {
        user: fields.nth(1)?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "root:x:0:0::/root:/bin/sh\nnobody2:x:7:8::/:/bin/sh\n\
                        nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n";

        let found = account(accounts, "nobody").map(|account| (account.user, account.group));

        assert_eq!(found, Some((65534, 65533)));
        assert!(account(accounts, "postgres").is_none());
    }

    #[test]
    fn a_folder_goes_with_its_value() {
        let folder = Folder::make("test").unwrap();
        let path = folder.path().to_owned();
        folder.write("file", "content").unwrap();

        drop(folder);

        assert!(!path.exists());
    }
}
