//! The contents of files and screenshots.

use std::fmt;
use std::io;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use windlass_domain::Timestamp;
use windlass_domain::id::{OrganizationId, ScreenshotId, StorageId};

/// Whose content it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlobId {
    /// A file's.
    File(StorageId),
    /// A screenshot's.
    Screenshot(ScreenshotId),
}

/// A content's id and whose it is.
pub type OwnedBlob = (OrganizationId, BlobId);

impl BlobId {
    /// The id of this text, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let file = StorageId::parse(text).map(Self::File);
        file.or_else(|_| ScreenshotId::parse(text).map(Self::Screenshot))
            .ok()
    }

    /// The moment that the id carries.
    pub fn created_at(self) -> Timestamp {
        match self {
            Self::File(id) => id.created_at(),
            Self::Screenshot(id) => id.created_at(),
        }
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(id) => id.fmt(f),
            Self::Screenshot(id) => id.fmt(f),
        }
    }
}

impl From<StorageId> for BlobId {
    fn from(id: StorageId) -> Self {
        Self::File(id)
    }
}

impl From<ScreenshotId> for BlobId {
    fn from(id: ScreenshotId) -> Self {
        Self::Screenshot(id)
    }
}

/// What was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobFacts {
    /// How long it is.
    pub bytes: u64,
    /// SHA-256 of it.
    pub sha256: [u8; 32],
}

/// Why a content was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Longer than allowed.
    #[error("the file is longer than {limit} bytes")]
    TooLarge {
        /// The most bytes.
        limit: u64,
    },
    /// Whoever sends it stopped half-way.
    #[error("the file did not arrive whole")]
    Interrupted(#[source] io::Error),
    /// There is no such content.
    #[error("the file's content is gone")]
    NotFound,
    /// The store failed.
    #[error("the file store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The contents of files and screenshots, each under its organization and id.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a content whole or not at all, durably: written, synced, then renamed.
    async fn put(
        &self,
        organization_id: OrganizationId,
        id: BlobId,
        content: BoxStream<'static, io::Result<Bytes>>,
        limit: u64,
    ) -> Result<BlobFacts, BlobError>;

    /// Reads a content, or a range of its bytes.
    async fn get(
        &self,
        organization_id: OrganizationId,
        id: BlobId,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, BlobError>;

    /// Drops a content; one that is gone already is no error.
    async fn delete(&self, organization_id: OrganizationId, id: BlobId) -> Result<(), BlobError>;

    /// Every content that is stored, in no order; what is stored meanwhile may be among it.
    fn all(&self) -> BoxStream<'static, Result<OwnedBlob, BlobError>>;
}
