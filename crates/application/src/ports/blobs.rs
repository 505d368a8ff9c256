//! The contents of files.

use std::io;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use windlass_domain::id::{OrganizationId, StorageId};

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

/// The contents of files, each under its organization and id.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a content whole or not at all, durably: written, synced, then renamed.
    async fn put(
        &self,
        organization_id: OrganizationId,
        id: StorageId,
        content: BoxStream<'static, io::Result<Bytes>>,
        limit: u64,
    ) -> Result<BlobFacts, BlobError>;

    /// Reads a content, or a range of its bytes.
    async fn get(
        &self,
        organization_id: OrganizationId,
        id: StorageId,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, BlobError>;

    /// Drops a content; one that is gone already is no error.
    async fn delete(&self, organization_id: OrganizationId, id: StorageId)
    -> Result<(), BlobError>;
}
