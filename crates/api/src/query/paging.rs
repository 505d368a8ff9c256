//! Pages as callers ask for them, and as they are answered.

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use windlass_application::{Key, OrganizationContext, Page, PageRequest, Position};
use windlass_wire::answer::PageBody;

use crate::cursor::{Cursor, Filters, ListOf};
use crate::error::{ApiError, Finding};
use crate::error_code::ErrorCode;
use crate::listed::Listed;
use crate::request::json;
use crate::state::Api;

/// Which page a caller asks for.
#[derive(Debug)]
pub(crate) struct Paging {
    pub(super) path: String,
    pub(super) request_id: String,
    pub(super) filters: Filters,
    pub(super) limit: u32,
    pub(super) start: Start,
}

/// Where a page starts, as its caller says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    At(Position),
    /// `starting_after` this id.
    AfterId(String),
    /// `ending_before` this id.
    BeforeId(String),
}

impl Paging {
    /// The id of the list that the page is to start at, where its caller named one.
    pub(crate) fn named(&self) -> Option<&str> {
        match &self.start {
            Start::At(_) => None,
            Start::AfterId(id) | Start::BeforeId(id) => Some(id),
        }
    }

    /// The page; `key` is that of the item that [`Paging::named`] names.
    ///
    /// # Errors
    /// Where an item is named and there is none of its id.
    pub(crate) fn request(&self, key: Option<Key>) -> Result<PageRequest, ApiError> {
        let position = match (&self.start, key) {
            (Start::At(position), _) => position.clone(),
            (Start::AfterId(_), Some(key)) => Position::After(key),
            (Start::BeforeId(_), Some(key)) => Position::Before(key),
            (Start::AfterId(_), None) => return Err(names_nothing("starting_after")),
            (Start::BeforeId(_), None) => return Err(names_nothing("ending_before")),
        };
        Ok(PageRequest {
            limit: self.limit,
            position,
        })
    }

    /// Answers with the page.
    pub(crate) fn answer<'a, T: Listed, B: Serialize>(
        &self,
        api: &Api,
        organization: OrganizationContext,
        page: &'a Page<T>,
        item: impl Fn(&'a T) -> B,
    ) -> Response {
        let upwards = matches!(
            self.start,
            Start::At(Position::Before(_)) | Start::BeforeId(_)
        );
        let position = if upwards {
            page.items.first().map(|item| Position::Before(item.key()))
        } else {
            page.items.last().map(|item| Position::After(item.key()))
        };
        let list = ListOf {
            path: &self.path,
            organization_id: organization.organization_id(),
        };
        let next_cursor = position.filter(|_| page.has_more).map(|position| {
            Cursor {
                filters: self.filters.clone(),
                position,
            }
            .to_text(list, &api.config.cursor_key)
        });
        let body = PageBody {
            data: page.items.iter().map(item).collect(),
            has_more: page.has_more,
            next_cursor,
            request_id: self.request_id.clone(),
        };
        json(StatusCode::OK, &body)
    }

    /// Answers with all that there is, on one page.
    pub(crate) fn answer_whole<B: Serialize>(&self, data: Vec<B>) -> Response {
        let body = PageBody {
            data,
            has_more: false,
            next_cursor: None,
            request_id: self.request_id.clone(),
        };
        json(StatusCode::OK, &body)
    }

    /// Answers with nothing: the filters can match nothing.
    pub(crate) fn answer_nothing(&self) -> Response {
        self.answer_whole(Vec::<()>::new())
    }
}

fn names_nothing(name: &str) -> ApiError {
    ApiError::all(vec![Finding::of(
        ErrorCode::ParameterInvalid,
        name,
        format!("`{name}` must be the id of an item of this list."),
    )])
}
