//! Bodies that are no JSON: the bytes of a file or screenshot.

use utoipa::openapi::schema::{KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A content in the document, of whatever type its head says: bytes as they are.
pub(crate) enum AsItIs {}

impl PartialSchema for AsItIs {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            // Not of JSON Schema, but what makers of clients look for.
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}

impl ToSchema for AsItIs {}
