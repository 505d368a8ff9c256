//! What a worker asks the person that a run works for, and what it is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::run::InteractionFieldBody;

/// What a person is asked.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"epoch": 1, "attempt": 1, "type": "mfa", "message": "Code from the text message",
    "fields": [{"name": "code", "type": "string", "label": "Code"}]}))]
pub struct AskBody {
    /// The lease's number.
    #[schema(maximum = 4_294_967_295_u32)]
    pub epoch: u32,
    /// Numbers the questions of this lease, from 1: the same number again asks nobody twice.
    #[schema(maximum = 4_294_967_295_u32)]
    pub attempt: u32,
    /// `mfa`, `security_question`, `account_selection` or another.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the person is told.
    pub message: String,
    /// What the person is asked for, at most 20; none where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<AskFieldBody>>,
    /// Where another worker may go on if this one is lost while it waits, in base64: at most 1 MiB
    /// before that; sealed by the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// What the run asks the person for now.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "int_0324yga4GpN8XWy8ytAdSV", "type": "mfa",
    "message": "Code from the text message",
    "fields": [{"name": "code", "type": "string", "label": "Code"}], "attempt": 1,
    "created_at": "2026-01-05T10:01:52.000Z", "expires_at": "2026-01-05T10:16:52.000Z", "cancel": false,
    "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct AskedBody {
    /// Its id; null where nobody is asked, since the run is being canceled.
    #[schema(required)]
    pub id: Option<String>,
    /// `mfa`, `security_question`, `account_selection` or another.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the person is told.
    pub message: String,
    /// What the person is asked for.
    pub fields: Vec<InteractionFieldBody>,
    /// Which question of the lease it is: a later one than was given, where that was asked before.
    pub attempt: u32,
    /// When it was raised; null where nobody is asked.
    #[schema(required, format = DateTime)]
    pub created_at: Option<String>,
    /// When the run fails unless it is answered; null where nobody is asked.
    #[schema(required, format = DateTime)]
    pub expires_at: Option<String>,
    /// Whether the run is being canceled: stop, and say so by a finish.
    pub cancel: bool,
    /// The request that this answers.
    pub request_id: String,
}

/// One thing that a person is asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskFieldBody {
    /// The key of its answer.
    pub name: String,
    /// `string`, `select` or another.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the person reads.
    pub label: String,
    /// What may be chosen, where it is a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<AskOptionBody>>,
    /// Whether it must be answered; it must where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

/// One choice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskOptionBody {
    /// What is answered.
    pub value: String,
    /// What the person reads; the value where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Which lease's answer is read, and how long to wait for it.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AnswerParameters {
    /// The lease's number.
    #[param(minimum = 0, example = 1)]
    pub epoch: u32,
    /// How many seconds to wait, 0 to 30; 0 where left out.
    #[param(minimum = 0, maximum = 30)]
    pub wait: Option<u32>,
}

/// What a person answered; a secret.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"answer": {"code": "604218"}, "cancel": false,
    "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct AnswerBody {
    /// What was answered, by the fields' names; null where nothing came in time. It is given again
    /// until the next question or the finish.
    #[schema(required)]
    pub answer: Option<BTreeMap<String, String>>,
    /// Whether the run is being canceled, or was: stop, and say so by a finish.
    pub cancel: bool,
    /// The request that this answers.
    pub request_id: String,
}
