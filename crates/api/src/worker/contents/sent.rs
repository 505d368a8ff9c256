//! A call that sends a content, a file or a screenshot: who makes it, what its head tells, how it is
//! answered.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use windlass_application::worker::LeaseCall;
use windlass_domain::id::RunId;
use windlass_wire::worker::activity::{ContentKeptBody, FILE_NAME};

use super::arriving::Content;
use super::head::Head;
use crate::authentication::Authenticated;
use crate::error::ApiError;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;
use crate::worker::said::Speaker;

/// A call that sends a content.
pub(super) struct Sent {
    speaker: Speaker,
    run_id: RunId,
    headers: HeaderMap,
    /// What is wrong with its query, which it needs none of.
    query: Result<(), ApiError>,
    /// Its body.
    pub(super) content: Content,
}

/// What the head of any content tells.
pub(super) struct Told {
    pub(super) call: LeaseCall,
    pub(super) file_name: String,
    pub(super) file_type: String,
}

/// What became of a content.
pub(super) struct Kept {
    /// What it is kept as.
    pub(super) id: Option<String>,
    /// What that is called.
    pub(super) object: &'static str,
    pub(super) cancel: bool,
}

impl FromRequest<Api> for Sent {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        async fn read<T>(parts: &mut Parts, api: &Api) -> Result<T, ApiError>
        where
            T: FromRequestParts<Api, Rejection = ApiError>,
        {
            T::from_request_parts(parts, api).await
        }
        let (mut parts, body) = request.into_parts();
        let caller = read::<Authenticated>(&mut parts, api).await?;
        let received = read::<Received>(&mut parts, api).await?;
        let Path(run_id) = read(&mut parts, api).await?;
        let query = read::<Query>(&mut parts, api).await?.end();
        Ok(Self {
            speaker: Speaker::new(caller, received),
            run_id,
            headers: parts.headers,
            query,
            content: Content::new(body),
        })
    }
}

impl Sent {
    /// What its head tells, and `more` that not every content has.
    pub(super) async fn told<T>(
        &mut self,
        api: &Api,
        more: impl FnOnce(&mut Head<'_>) -> T,
    ) -> Result<(Told, T), ApiError> {
        let mut head = Head::of(&self.headers);
        let (epoch, file_name, file_type) = (head.epoch(), head.text(FILE_NAME), head.file_type());
        let (sha256, more) = (head.sha256(), more(&mut head));
        let query = std::mem::replace(&mut self.query, Ok(()));
        let head = head.end();
        if let Err(error) = query.and(head) {
            return Err(self.wrong(api, error).await);
        }
        self.content.check_by(sha256).await;
        let told = Told {
            call: self.speaker.lease(self.run_id, epoch.unwrap_or_default()),
            file_name: file_name.unwrap_or_default(),
            file_type,
        };
        Ok((told, more))
    }

    /// What is wrong with it, or that there is no such run.
    pub(super) async fn wrong(&self, api: &Api, error: ApiError) -> ApiError {
        self.speaker.wrong(api, self.run_id, error).await
    }

    /// Says what became of it: of one that is kept, or would be if the task wanted it, once all of it has
    /// come, and else at once.
    pub(super) async fn answer(
        self,
        api: &Api,
        kept: Result<Kept, ApiError>,
    ) -> Result<Response, ApiError> {
        let sha256 = if kept.as_ref().is_ok_and(|kept| !kept.cancel) {
            self.content.drop_rest().await
        } else {
            let arrived = self.content.arrived().await;
            let stop = self.speaker.received.waits_until.clone();
            let dropping = self.content.drop_rest_meanwhile(stop);
            api.config.drain.writes().spawn(dropping);
            arrived
        };
        let Kept { id, object, cancel } = kept?;
        let request_id = self.speaker.request_id();
        let body = ContentKeptBody::new(id, object, sha256, cancel, request_id);
        Ok(json(StatusCode::CREATED, &body))
    }
}
