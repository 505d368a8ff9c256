//! What answers have in common: lists, deletions, errors, the request that they answer.

use serde::Serialize;
use utoipa::ToSchema;

use crate::agent::AgentBody;
use crate::credential::CredentialBody;
use crate::delivery::DeliveryBody;
use crate::destination::DestinationBody;
use crate::event::EventBody;
use crate::playbook::PlaybookBody;
use crate::run::RunBody;
use crate::session::SessionBody;
use crate::source::SourceBody;
use crate::storage::StorageBody;
use crate::task::TaskBody;
use crate::token::TokenBody;

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PageBody<T> {
    /// The items, newest first where the call says nothing else.
    pub data: Vec<T>,
    /// Whether there is more.
    pub has_more: bool,
    /// What to give as `cursor` for the next page; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// The request that this answers.
    pub request_id: String,
}

/// Something that was deleted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeletedBody {
    /// Its id.
    pub id: String,
    /// What it was.
    pub object: &'static str,
    /// Always true.
    pub deleted: bool,
    /// The request that this answers.
    pub request_id: String,
}

/// Whether a key works.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"status": "ready", "environment": "test"}))]
pub struct TestBody {
    /// `ready`.
    pub status: &'static str,
    /// `live` or `test`.
    pub environment: &'static str,
    /// The request that this answers.
    pub request_id: String,
}

/// Why a request did nothing.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"errors": [{"type": "request", "code": "input_missing", "field": "name",
    "message": "`name` is missing."}], "request_id": "req_0324yi079gvoyldtQqlVbZ"}))]
pub struct ErrorsBody {
    /// All that is wrong; never empty.
    pub errors: Vec<ErrorBody>,
    /// The request that this answers; it leads to the server's log lines.
    pub request_id: String,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// Whose matter it is.
    #[serde(rename = "type")]
    pub error_type: &'static str,
    /// What it is; go by this.
    pub code: &'static str,
    /// For people; may change.
    pub message: String,
    /// The field or query parameter to blame, dotted inside objects; a JSON Pointer into a run's
    /// input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// A resource that answers a request by itself.
pub trait Answer: Serialize {
    /// Says which request it answers.
    #[must_use]
    fn answering(self, request_id: String) -> Self;
}

macro_rules! answers {
    ($($body:ty),+ $(,)?) => {
        $(impl Answer for $body {
            fn answering(mut self, request_id: String) -> Self {
                self.request_id = Some(request_id);
                self
            }
        })+
    };
}

answers!(
    AgentBody,
    CredentialBody,
    DeliveryBody,
    DestinationBody,
    EventBody,
    PlaybookBody,
    RunBody,
    SessionBody,
    SourceBody,
    StorageBody,
    TaskBody,
    TokenBody,
);
