//! What a worker asks the person that a run works for, and what it is answered.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

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

/// One choice: an object, or a text that is both its value and its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskOptionBody {
    /// What is answered.
    pub value: String,
    /// What the person reads; the value where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The same, as an object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionObject {
    value: String,
    label: Option<String>,
}

struct OptionVisitor;

impl<'de> Visitor<'de> for OptionVisitor {
    type Value = AskOptionBody;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, or an object with `value` and `label`")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<AskOptionBody, E> {
        let value = value.to_owned();
        Ok(AskOptionBody { value, label: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<AskOptionBody, A::Error> {
        let members = MapAccessDeserializer::new(members);
        let OptionObject { value, label } = OptionObject::deserialize(members)?;
        Ok(AskOptionBody { value, label })
    }
}

impl<'de> Deserialize<'de> for AskOptionBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OptionVisitor)
    }
}

// By hand, since the derived one knows no type that is one of two.
impl PartialSchema for AskOptionBody {
    fn schema() -> RefOr<Schema> {
        let text = |description| {
            let text = ObjectBuilder::new().schema_type(Type::String);
            text.description(Some(description))
        };
        let label = text("What the person reads; the value where left out.")
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]));
        let schema = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Object, Type::String]))
            .description(Some(
                "One choice: an object, or a text that is both its value and its label.",
            ))
            .property("value", text("What is answered."))
            .required("value")
            .property("label", label)
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        schema.into()
    }
}

impl ToSchema for AskOptionBody {}

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

/// A question that need not be answered any more.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"epoch": 1, "attempt": 2}))]
pub struct WithdrawBody {
    /// The lease's number.
    #[schema(maximum = 4_294_967_295_u32)]
    pub epoch: u32,
    /// Which question of the lease; left out, the one that is asked now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    pub attempt: Option<u32>,
}
