//! Tokens for browser pages on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::token::Token;

/// To what a token is narrowed; all of it may be left out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"external_id": "customer-7"}))]
pub struct NewTokenBody {
    /// The source that it may read, and make its credential for.
    pub source_id: Option<String>,
    /// The person whose credential it makes, by your own name: 1 to 255 characters.
    pub external_id: Option<String>,
    /// The task that it may run.
    pub task_id: Option<String>,
    /// The run that it may read and whose question it may answer, and nothing else.
    pub run_id: Option<String>,
}

/// A token, shown once.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "tok_0324ygXtO5lQ7Wx2Yb9dKe", "object": "token",
    "token": "tk_5bNcH0nq2mZ8wYx1vTrPqLkJhGfDsAzXcVbNmQwErTy", "expires_at": "2026-01-05T10:31:00.000Z",
    "created_at": "2026-01-05T10:01:00.000Z"}))]
pub struct TokenBody {
    /// Its id.
    pub id: String,
    /// `token`.
    pub object: &'static str,
    /// What a page sends as its Bearer key.
    pub token: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl TokenBody {
    /// A token as its caller sees it, once.
    pub fn new(token: &Token, shown: String) -> Self {
        Self {
            id: token.id.to_string(),
            object: "token",
            token: shown,
            expires_at: token.expires_at.to_string(),
            created_at: token.created_at.to_string(),
            request_id: None,
        }
    }
}
