//! The folder: a content is written under another name, synced, and renamed to its own.
//! Source: docs/architecture.md, "Where the data lies".

use std::fs::{self, DirBuilder, DirEntry};
use std::io;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use sha2::{Digest, Sha256};
use windlass_application::ports::blobs::{BlobError, BlobFacts, BlobId, Blobs, OwnedBlob};
use windlass_domain::id::OrganizationId;

/// What is held in memory of each content that is on its way to the disk.
const CHUNK_BYTES: usize = 256 * 1024;

/// How many chunks of one content may be on their way at once: a slow disk slows its sender.
const CHUNKS_UNDER_WAY: usize = 2;

/// How long nobody has written to what is left half-written for good: a content takes seconds.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

/// Contents in a folder of the file system.
pub struct Folder {
    store: LocalFileSystem,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the folder {} for files cannot be used", .path.display())]
pub struct OpenError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Folder {
    /// Opens a folder, or makes it, for its owner alone; removes what a crash left half-written an hour
    /// ago. Several processes may have it: what another is writing has been written to since.
    ///
    /// # Errors
    /// It cannot be made, read or written.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError {
            path: path.to_owned(),
            source,
        };
        let mut folder = DirBuilder::new();
        folder
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        remove_half_written(path).map_err(failed)?;
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|error| failed(io::Error::other(error)))?
            .with_fsync(true);
        Ok(Self { store })
    }
}

#[async_trait]
impl Blobs for Folder {
    async fn put(
        &self,
        organization_id: OrganizationId,
        id: BlobId,
        content: BoxStream<'static, io::Result<Bytes>>,
        limit: u64,
    ) -> Result<BlobFacts, BlobError> {
        let key = key(organization_id, id);
        let mut incoming = Incoming::new(content, limit);
        let (mut chunks, mut held) = (Vec::new(), 0);
        while held < CHUNK_BYTES {
            match incoming.next().await? {
                Some(chunk) => {
                    held += chunk.len();
                    chunks.push(chunk);
                }
                // Written in one go, on a thread that may wait for the disk.
                None => {
                    let written = self.store.put(&key, PutPayload::from_iter(chunks)).await;
                    written.map_err(failed)?;
                    return Ok(incoming.facts());
                }
            }
        }
        // Dropped before it is finished, the upload removes what it has written.
        let upload = self.store.put_multipart(&key).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, CHUNK_BYTES);
        for chunk in chunks {
            upload.put(chunk);
        }
        match incoming.copy(&mut upload).await {
            Ok(()) => {
                upload.finish().await.map_err(failed)?;
                Ok(incoming.facts())
            }
            Err(error) => {
                // What it cannot remove is removed at the next open; the caller is told why it
                // was given up.
                drop(upload.abort().await);
                Err(error)
            }
        }
    }

    async fn get(
        &self,
        organization_id: OrganizationId,
        id: BlobId,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, BlobError> {
        let key = key(organization_id, id);
        let options = match range {
            None => GetOptions::default(),
            Some(range) => {
                let stored = self.store.head(&key).await.map_err(failed)?.size;
                // The store refuses a range of nothing; here it is nothing.
                if range.is_empty() || range.start >= stored {
                    return Ok(stream::empty().boxed());
                }
                GetOptions {
                    range: Some(GetRange::Bounded(range)),
                    ..GetOptions::default()
                }
            }
        };
        let found = self.store.get_opts(&key, options).await.map_err(failed)?;
        Ok(found.into_stream().map_err(io::Error::other).boxed())
    }

    async fn delete(&self, organization_id: OrganizationId, id: BlobId) -> Result<(), BlobError> {
        match self.store.delete(&key(organization_id, id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn all(&self) -> BoxStream<'static, Result<OwnedBlob, BlobError>> {
        let listed = self.store.list(None);
        let named = listed.filter_map(|listed| async {
            match listed {
                // What else lies there is not ours.
                Ok(listed) => owned(&listed.location).map(Ok),
                Err(error) => Some(Err(failed(error))),
            }
        });
        named.boxed()
    }
}

/// A content on its way, counted and hashed.
struct Incoming {
    content: BoxStream<'static, io::Result<Bytes>>,
    limit: u64,
    bytes: u64,
    hash: Sha256,
}

impl Incoming {
    fn new(content: BoxStream<'static, io::Result<Bytes>>, limit: u64) -> Self {
        Self {
            content,
            limit,
            bytes: 0,
            hash: Sha256::new(),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, BlobError> {
        let Some(chunk) = self.content.next().await else {
            return Ok(None);
        };
        let chunk = chunk.map_err(BlobError::Interrupted)?;
        self.bytes += chunk.len() as u64;
        if self.bytes > self.limit {
            return Err(BlobError::TooLarge { limit: self.limit });
        }
        self.hash.update(&chunk);
        Ok(Some(chunk))
    }

    async fn copy(&mut self, upload: &mut WriteMultipart) -> Result<(), BlobError> {
        while let Some(chunk) = self.next().await? {
            let room = upload.wait_for_capacity(CHUNKS_UNDER_WAY).await;
            room.map_err(failed)?;
            upload.put(chunk);
        }
        Ok(())
    }

    fn facts(self) -> BlobFacts {
        BlobFacts {
            bytes: self.bytes,
            sha256: self.hash.finalize().into(),
        }
    }
}

/// Nothing of it comes from a caller: both parts are a prefix and letters and digits.
fn key(organization_id: OrganizationId, id: BlobId) -> Key {
    Key::from_iter([organization_id.to_string(), id.to_string()])
}

/// Whose content has this key, if one can have it.
fn owned(key: &Key) -> Option<OwnedBlob> {
    let mut parts = key.parts();
    let (organization, id) = (parts.next()?, parts.next()?);
    let organization_id = OrganizationId::parse(organization.as_ref()).ok()?;
    let id = BlobId::parse(id.as_ref())?;
    parts.next().is_none().then_some((organization_id, id))
}

fn failed(error: object_store::Error) -> BlobError {
    match error {
        object_store::Error::NotFound { .. } => BlobError::NotFound,
        error => BlobError::Failed(Box::new(error)),
    }
}

/// The store writes under the content's name, `#` and a number, and renames.
fn remove_half_written(folder: &Path) -> io::Result<()> {
    for organization in fs::read_dir(folder)? {
        let organization = organization?;
        if !organization.file_type()?.is_dir() {
            continue;
        }
        for content in fs::read_dir(organization.path())? {
            let content = content?;
            if content.file_name().as_encoded_bytes().contains(&b'#') {
                match remove_abandoned(&content) {
                    // Whoever was at it has renamed or removed it meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    removed => removed?,
                }
            }
        }
    }
    Ok(())
}

fn remove_abandoned(content: &DirEntry) -> io::Result<()> {
    let modified = content.metadata()?.modified()?;
    let is_abandoned = modified.elapsed().is_ok_and(|age| age > ABANDONED_AFTER);
    if is_abandoned {
        fs::remove_file(content.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
