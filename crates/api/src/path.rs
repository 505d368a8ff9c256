//! Ids in paths: a malformed one answers as an unknown one does.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use windlass_application::Resource;
use windlass_application::ports::blobs::BlobId;
use windlass_domain::id::{
    AgentId, CredentialId, DeliveryId, DestinationId, EventId, RunId, ScreenshotId, SessionId,
    SourceId, StorageId, TaskId,
};

use crate::error::{ApiError, not_found};
use crate::error_code::ErrorCode;

/// What a path names.
#[derive(Debug, Clone)]
pub(crate) struct Path<T>(pub(crate) T);

/// An id that a path, a body or a parameter may name.
pub(crate) trait Id: Sized + Send {
    /// What it names.
    const RESOURCE: Resource;

    /// The id that this text is.
    fn of(text: &str) -> Option<Self>;
}

macro_rules! ids {
    ($($id:ident => $resource:ident),+ $(,)?) => {
        $(impl Id for $id {
            const RESOURCE: Resource = Resource::$resource;

            fn of(text: &str) -> Option<Self> {
                Self::parse(text).ok()
            }
        })+
    };
}

ids!(
    AgentId => Agent,
    SourceId => Source,
    CredentialId => Credential,
    TaskId => Task,
    RunId => TaskRun,
    SessionId => Session,
    StorageId => Storage,
    EventId => Event,
    DestinationId => EventDestination,
    DeliveryId => EventDelivery,
);

impl Id for BlobId {
    const RESOURCE: Resource = Resource::Storage;

    fn of(text: &str) -> Option<Self> {
        let file = StorageId::parse(text).map(Self::File);
        file.or_else(|_| ScreenshotId::parse(text).map(Self::Screenshot))
            .ok()
    }
}

/// All that the parameters of a path name, in their order.
pub(crate) trait FromPath: Sized + Send {
    /// Reads them.
    fn from_path(texts: &[&str]) -> Result<Self, ApiError>;
}

fn parsed<T: Id>(texts: &[&str], index: usize) -> Result<T, ApiError> {
    let text = texts.get(index).copied().unwrap_or_default();
    T::of(text).ok_or_else(|| not_found(T::RESOURCE))
}

impl<T: Id> FromPath for T {
    fn from_path(texts: &[&str]) -> Result<Self, ApiError> {
        parsed(texts, 0)
    }
}

/// The name of a worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerName(pub(crate) String);

impl FromPath for WorkerName {
    fn from_path(texts: &[&str]) -> Result<Self, ApiError> {
        Ok(Self(texts.first().copied().unwrap_or_default().to_owned()))
    }
}

impl FromPath for (TaskId, SourceId) {
    fn from_path(texts: &[&str]) -> Result<Self, ApiError> {
        Ok((parsed(texts, 0)?, parsed(texts, 1)?))
    }
}

impl<S: Send + Sync, T: FromPath> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // What is no UTF-8 names nothing.
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::plain(ErrorCode::EndpointNotFound))?;
        let texts: Vec<&str> = parameters.iter().map(|(_, text)| text).collect();
        T::from_path(&texts).map(Self)
    }
}
