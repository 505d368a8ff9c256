//! The key file: where the master key lies when no setting gives it. Made at the first start, and
//! never again. Source: docs/security.md, "Secrets at rest".

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use windlass_application::random;
use zeroize::Zeroizing;

use crate::master_key::{MasterKey, NotAMasterKey};

/// Read and written by its owner alone.
const MODE: u32 = 0o600;

/// Whether there is something that only an existing key can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// It is made by this start, so that a new key may be made for it.
    New,
    /// It was there before, and so was its key.
    Existing,
}

/// There is no key to start with.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The database has a key, and it is not here. A new one would not open what is sealed.
    #[error(
        "the master key of this database is missing: put its key file back at {}, or set \
         WINDLASS_MASTER_KEY; a new key is never made for an existing database", .path.display()
    )]
    Missing {
        /// Where the key file should be.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("the key file {} does not hold a master key", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        #[source]
        source: NotAMasterKey,
    },
    /// It cannot be read.
    #[error("the key file {} cannot be read", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be made.
    #[error("the key file {} cannot be made", .path.display())]
    Make {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads the key file, or makes it where the database is new: the start of two at once gives both
/// the same key. It holds one key, and while that is rotated the one before it on a second line.
///
/// # Errors
/// [`KeyFileError`]; above all, [`KeyFileError::Missing`] where the database is not new.
pub fn open(path: &Path, database: Database) -> Result<Vec<MasterKey>, KeyFileError> {
    if let Some(keys) = read(path)? {
        return Ok(keys);
    }
    match database {
        Database::Existing => Err(KeyFileError::Missing {
            path: path.to_owned(),
        }),
        Database::New => make(path),
    }
}

/// Writes these keys in place of those that are there, the newest first: whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn replace(path: &Path, keys: &[&MasterKey]) -> Result<(), KeyFileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let unique = u64::from_be_bytes(random::bytes());
    let temporary = folder.join(format!(".key-{unique:016x}.tmp"));
    write_new(&temporary, keys)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|source| KeyFileError::Make {
            path: path.to_owned(),
            source,
        })
}

/// The keys of the file, the newest first; None where there is no file.
///
/// # Errors
/// It cannot be read, or holds something else.
pub fn read(path: &Path) -> Result<Option<Vec<MasterKey>>, KeyFileError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(KeyFileError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    std::str::from_utf8(&bytes)
        .map_err(|_| NotAMasterKey)
        .and_then(parse)
        .map(Some)
        .map_err(|source| KeyFileError::Malformed {
            path: path.to_owned(),
            source,
        })
}

fn parse(text: &str) -> Result<Vec<MasterKey>, NotAMasterKey> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let keys: Vec<MasterKey> = lines
        .map(|line| MasterKey::from_base64(&SecretString::from(line)))
        .collect::<Result<_, _>>()?;
    match keys.len() {
        1 | 2 => Ok(keys),
        _ => Err(NotAMasterKey),
    }
}

fn make(path: &Path) -> Result<Vec<MasterKey>, KeyFileError> {
    let failed = |source| KeyFileError::Make {
        path: path.to_owned(),
        source,
    };
    let key = MasterKey::generate();
    match write(path, &key) {
        Ok(()) => Ok(vec![key]),
        // Another start was first: its key is the one that stays.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| failed(error))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Writes the file under another name, syncs it and links it to its own: it is there whole or not
/// at all, and never replaces one.
fn write(path: &Path, key: &MasterKey) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let unique = u64::from_be_bytes(random::bytes());
    let temporary = folder.join(format!(".key-{unique:016x}.tmp"));
    let written = write_new(&temporary, &[key]).and_then(|()| fs::hard_link(&temporary, path));
    let removed = match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    written.and(removed)?;
    // Without this the name may be lost with the power, after something was sealed.
    File::open(folder)?.sync_all()
}

fn write_new(path: &Path, keys: &[&MasterKey]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)?;
    for key in keys {
        file.write_all(key.to_base64().expose_secret().as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    fn folder() -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("master.key");
        (folder, path)
    }

    fn probe(key: &MasterKey) -> [u8; 32] {
        *key.derive("probe").expose_secret()
    }

    #[test]
    fn the_first_start_makes_a_key_that_its_owner_alone_can_read() {
        let (folder, path) = folder();

        let made = open(&path, Database::New).ok().unwrap().remove(0);

        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing else is left: {names:?}");
        let text = SecretString::from(fs::read_to_string(&path).unwrap());
        let read = MasterKey::from_base64(&text).ok().unwrap();
        assert_eq!(probe(&read), probe(&made));
    }

    #[test]
    fn a_later_start_reads_the_same_key() {
        let (_folder, path) = folder();
        let made = open(&path, Database::New).ok().unwrap().remove(0);

        for database in [Database::New, Database::Existing] {
            let read = open(&path, database).ok().unwrap().remove(0);
            assert_eq!(probe(&read), probe(&made));
        }
    }

    #[test]
    fn an_existing_database_never_gets_a_new_key() {
        let (folder, path) = folder();

        let refused = open(&path, Database::Existing).err().unwrap();

        assert!(
            matches!(refused, KeyFileError::Missing { .. }),
            "{refused:?}"
        );
        assert!(refused.to_string().contains("WINDLASS_MASTER_KEY"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_replaced_file_has_the_new_key_first_and_is_its_owners_alone() {
        let (folder, path) = folder();
        let made = open(&path, Database::New).ok().unwrap().remove(0);
        let new = MasterKey::generate();

        replace(&path, &[&new, &made]).unwrap();

        let read = open(&path, Database::Existing).ok().unwrap();
        let probes: Vec<_> = read.iter().map(probe).collect();
        assert_eq!(probes, [probe(&new), probe(&made)]);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_left_as_it_is() {
        let (_folder, path) = folder();
        for damaged in [&b""[..], b"hunter2", &[0xff; 44]] {
            fs::write(&path, damaged).unwrap();

            let refused = open(&path, Database::New).err().unwrap();

            assert!(
                matches!(refused, KeyFileError::Malformed { .. }),
                "{refused:?}"
            );
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn starts_at_the_same_time_get_the_same_key() {
        let (_folder, path) = folder();

        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| probe(&open(&path, Database::New).ok().unwrap()[0])))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });

        assert!(keys.iter().all(|key| key == &keys[0]));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let (folder, _) = folder();

        let refused = open(&folder.path().join("no/such.key"), Database::New);

        assert!(matches!(refused, Err(KeyFileError::Make { .. })));
    }
}
