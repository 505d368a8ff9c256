//! What the OpenAPI document says beside the calls: how to authenticate, and what may go wrong.

use std::collections::BTreeMap;

use http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder,
    SecurityRequirement,
};
use utoipa::{PartialSchema, ToSchema};
use windlass_wire::answer::{ErrorBody, ErrorsBody};

use crate::error_code::ErrorCode;

/// The name of the scheme in the document.
const KEY: &str = "api_key";

/// The document of the routers, with what all calls have in common.
pub(crate) fn completed(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Windlass")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Runs agent task runs. Errors, lists, waiting and idempotency are the same for all \
             calls: docs/api.md.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").build()))
        .build();
    let mut components = document.components.take().unwrap_or_default();
    components.add_security_scheme(
        KEY,
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("An API key: `sk_live_…` or `sk_test_…`."))
                .build(),
        ),
    );
    for (name, schema) in [
        (ErrorsBody::name(), ErrorsBody::schema()),
        (ErrorBody::name(), ErrorBody::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
    document.components = Some(components);
    let security = SecurityRequirement::new(KEY, Vec::<String>::new());
    document.security = Some(vec![security]);
    for (path, item) in &mut document.paths.paths {
        for (is_write, operation) in operations(item) {
            add_errors(path, is_write, operation);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let writes = [&mut item.post, &mut item.put, &mut item.delete];
    let writes = writes
        .into_iter()
        .flatten()
        .map(|operation| (true, operation));
    let reads = item.get.iter_mut().map(|operation| (false, operation));
    writes.chain(reads)
}

/// The statuses that a call may fail with, each with the codes that it has.
fn add_errors(path: &str, is_write: bool, operation: &mut Operation) {
    let names = path.contains('{');
    let mut statuses: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for code in ErrorCode::ALL {
        let applies = match code.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => path.starts_with("/v2"),
            StatusCode::NOT_FOUND => names || is_write,
            StatusCode::METHOD_NOT_ALLOWED => false,
            StatusCode::GONE => path.starts_with("/files"),
            StatusCode::CONFLICT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE => is_write,
            _ => true,
        };
        if applies {
            let codes = statuses.entry(code.status().as_u16()).or_default();
            codes.push(code.as_str());
        }
    }
    for (status, codes) in statuses {
        let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let schema = RefOr::Ref(Ref::from_schema_name(ErrorsBody::name()));
        let response = ResponseBuilder::new()
            .description(format!("One of {}", codes.join(", ")))
            .content(
                "application/json",
                ContentBuilder::new().schema(Some(schema)).build(),
            )
            .build();
        operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert(RefOr::T(response));
    }
}
