//! The master keys that a server knows: the one of its database, and, while that is rotated, the one
//! that comes after it. Source: docs/decisions/0024-keys-are-rotated-while-all-goes-on.md.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretSlice;
use windlass_domain::sealed::Sealed;

use crate::cipher::Belonging;
use crate::key_file;
use crate::master_key::MasterKey;

/// Master keys, of which each may open what is wrapped.
pub struct MasterKeys {
    known: Mutex<Vec<Arc<MasterKey>>>,
    /// Where the keys of a later rotation are found.
    file: Option<PathBuf>,
}

impl MasterKeys {
    /// The keys that the settings give: the present one, and the one before it, if it is still known.
    pub fn given(key: MasterKey, previous: Option<MasterKey>) -> Self {
        let keys = std::iter::once(key).chain(previous);
        Self {
            known: Mutex::new(keys.map(Arc::new).collect()),
            file: None,
        }
    }

    /// The keys of a key file, which is read again where none of them opens something.
    pub fn of_file(path: PathBuf, keys: Vec<MasterKey>) -> Self {
        Self {
            known: Mutex::new(keys.into_iter().map(Arc::new).collect()),
            file: Some(path),
        }
    }

    /// All of them, the newest first.
    pub fn known(&self) -> Vec<Arc<MasterKey>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// The key that opens this, and what it opens to.
    pub(crate) fn open(
        &self,
        belonging: Belonging<'_>,
        sealed: &Sealed,
    ) -> Option<(Arc<MasterKey>, SecretSlice<u8>)> {
        let open = || {
            self.known().into_iter().find_map(|key| {
                let opened = key.cipher().open(belonging, sealed).ok()?;
                Some((key, opened))
            })
        };
        open().or_else(|| {
            self.read_again();
            open()
        })
    }

    /// Somebody may have rotated the key meanwhile.
    fn read_again(&self) {
        let Some(path) = &self.file else {
            return;
        };
        // What cannot be read leaves the keys as they are; whoever asked is told that none opens.
        if let Ok(Some(keys)) = key_file::read(path) {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            *known = keys.into_iter().map(Arc::new).collect();
        }
    }
}
