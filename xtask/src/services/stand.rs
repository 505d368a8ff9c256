//! What is written down about a keeper and its servers, so that others find them: a folder below the
//! target folder. Its servers' own folders lie in memory or in the system's temporary folder, where
//! another account can reach them, as PostgreSQL needs it where the tests run as root.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::Variables;
use crate::place;

/// Held by the keeper as long as it lives.
const LOCK: &str = "lock";

/// Names the folder of the servers' folders.
const DATA: &str = "data";

/// Written once all servers have started; a keeper ends when it is gone.
const VARIABLES: &str = "variables";

const LOG: &str = "log";

/// Where Linux lends memory as a folder. Making and dropping a database of hundreds of files, as each
/// test does, is some times faster there than on a disk.
const MEMORY: &str = "/dev/shm";

/// In kilobytes. Many times what the servers need; a container often lends less.
const ENOUGH_MEMORY: u64 = 4 << 20;

/// A keeper's folder.
pub(crate) struct Stand {
    folder: PathBuf,
}

impl Stand {
    /// The one of this name, whether it is there or not.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let folder = stands()?.join(name);
        Ok(Self { folder })
    }

    /// A new one, and the lock that its keeper holds.
    pub(crate) fn make(name: &str) -> anyhow::Result<(Self, File)> {
        let stand = Self::named(name)?;
        fs::create_dir(&stand.folder)
            .with_context(|| format!("{} is taken", stand.folder.display()))?;
        let lock = File::create(stand.folder.join(LOCK))?;
        lock.lock()?;
        // Before it is made, so that it cannot be forgotten.
        let number = std::process::id();
        let data = room_for_data().join(format!("windlass-services-{name}-{number}"));
        fs::write(stand.folder.join(DATA), data.as_os_str().as_encoded_bytes())?;
        fs::DirBuilder::new()
            .mode(0o711)
            .create(&data)
            .with_context(|| format!("failed to make {}", data.display()))?;
        Ok((stand, lock))
    }

    /// Where its servers have their folders.
    pub(crate) fn data(&self) -> anyhow::Result<PathBuf> {
        let path = fs::read_to_string(self.folder.join(DATA))?;
        Ok(PathBuf::from(path))
    }

    pub(crate) fn open_log(&self) -> anyhow::Result<File> {
        Ok(File::create(self.folder.join(LOG))?)
    }

    /// What the keeper said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join(LOG)).unwrap_or_else(|error| error.to_string())
    }

    /// Whether a keeper lives.
    pub(crate) fn is_kept(&self) -> anyhow::Result<bool> {
        match File::open(self.folder.join(LOCK)) {
            Ok(lock) => match lock.try_lock() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(error.into()),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What the tests get, once all servers have started.
    pub(crate) fn variables(&self) -> anyhow::Result<Option<Variables>> {
        match fs::read_to_string(self.folder.join(VARIABLES)) {
            Ok(lines) => Ok(Some(
                lines
                    .lines()
                    .filter_map(|line| line.split_once('='))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Says that all servers have started.
    pub(crate) fn tell(&self, variables: &Variables) -> anyhow::Result<()> {
        let lines: String = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        // Whole or not at all, since others wait for it.
        let temporary = self.folder.join("new");
        fs::write(&temporary, lines)?;
        fs::rename(temporary, self.folder.join(VARIABLES))?;
        Ok(())
    }

    /// Asks the keeper to end.
    pub(crate) fn ask_to_end(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.folder.join(VARIABLES)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether the keeper was asked to end, be it by `cargo clean`.
    pub(crate) fn is_to_end(&self) -> bool {
        !self.folder.join(VARIABLES).exists()
    }

    /// Ends what still runs in the servers' folders, and removes them, and this one.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        if let Ok(data) = self.data() {
            remove_data(&data)?;
        }
        gone(fs::remove_dir_all(&self.folder), &self.folder)
    }
}

/// Ends what still runs in the servers' folders, and removes them.
pub(crate) fn remove_data(data: &Path) -> anyhow::Result<()> {
    for process in processes_in(data) {
        // One that has ended meanwhile is what is wanted.
        drop(Command::new("kill").args(["-s", "KILL", &process]).status());
    }
    gone(fs::remove_dir_all(data), data)
}

/// Keeps others out who start or remove at this moment.
pub(crate) fn one_at_a_time() -> anyhow::Result<File> {
    let folder = stands()?;
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let lock = File::create(folder.join(LOCK))?;
    lock.lock()?;
    Ok(lock)
}

/// Removes what keepers left that were killed.
pub(crate) fn remove_left() -> anyhow::Result<()> {
    for entry in fs::read_dir(stands()?)? {
        let stand = Stand {
            folder: entry?.path(),
        };
        if stand.folder.is_dir() && !stand.is_kept()? {
            stand.remove()?;
        }
    }
    Ok(())
}

fn stands() -> anyhow::Result<PathBuf> {
    Ok(place::target()?.join("services"))
}

/// Processes whose current folder lies in this one, by number. Servers stay in theirs; only Linux
/// tells.
fn processes_in(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let inside = processes.filter(|process| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|current| current.starts_with(folder))
    });
    inside
        .filter_map(|process| process.file_name().into_string().ok())
        .collect()
}

fn gone(removed: std::io::Result<()>, path: &Path) -> anyhow::Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn room_for_data() -> PathBuf {
    // Where there is no such folder, or no such command, a disk will do.
    let free = Command::new("df").args(["-Pk", MEMORY]).output();
    let free = free.ok().and_then(|output| {
        let shown = String::from_utf8(output.stdout).ok()?;
        shown
            .lines()
            .last()?
            .split_whitespace()
            .nth(3)?
            .parse::<u64>()
            .ok()
    });
    match free {
        Some(free) if free >= ENOUGH_MEMORY => PathBuf::from(MEMORY),
        Some(_) | None => std::env::temp_dir(),
    }
}
