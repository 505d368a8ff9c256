//! Sources on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::edit::Edit;
use windlass_domain::source::Source;

use crate::edit::said;

/// A source to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"type": "website", "website": {"url": "https://my.nordlys.example/login"}, "name": "Nordlys Kraft"}))]
pub struct NewSourceBody {
    /// `website`: there is no other yet.
    #[serde(rename = "type")]
    pub source_type: SourceTypeName,
    /// The website.
    pub website: NewWebsiteBody,
    /// 1 to 255 characters.
    pub name: Option<String>,
    /// An id of your choice: `src_` and 1 to 250 letters, digits, `_` or `-`.
    pub id: Option<String>,
}

/// What changes of a source; what is left out stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": null}))]
pub struct SourceChangeBody {
    /// 1 to 255 characters; null clears it.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub name: Edit<String>,
    /// The website.
    pub website: Option<NewWebsiteBody>,
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceTypeName {
    /// A website.
    Website,
}

/// A website to work on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebsiteBody {
    /// Where work starts: http or https, with a host and without a user name or password.
    pub url: String,
}

/// A website that tasks are done on.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "src_0324ygNUQd6U8RxXTH1COe", "object": "source", "name": "Nordlys Kraft",
    "type": "website", "website": {"url": "https://my.nordlys.example/login"},
    "created_at": "2026-01-05T10:00:02.000Z", "updated_at": "2026-01-05T10:00:02.000Z"}))]
pub struct SourceBody {
    /// Its id.
    pub id: String,
    /// `source`.
    pub object: &'static str,
    /// 1 to 255 characters.
    #[schema(required)]
    pub name: Option<String>,
    /// `website`.
    #[serde(rename = "type")]
    pub source_type: SourceTypeName,
    /// The website.
    pub website: WebsiteBody,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// The request that this answers; items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The website of a source.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WebsiteBody {
    /// Where work starts, as it was given.
    pub url: String,
}

impl From<&Source> for SourceBody {
    fn from(source: &Source) -> Self {
        Self {
            id: source.id.to_string(),
            object: "source",
            name: source.name.clone(),
            source_type: SourceTypeName::Website,
            website: WebsiteBody {
                url: source.url.clone(),
            },
            created_at: source.created_at.to_string(),
            updated_at: source.updated_at.to_string(),
            request_id: None,
        }
    }
}
