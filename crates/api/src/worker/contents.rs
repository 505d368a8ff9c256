//! Contents that workers send: files, and what their agents saw. Each is checked while it comes.

mod arriving;
mod head;
mod sent;

use std::io;

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::CallError;
use windlass_application::ports::blobs::BlobError;
use windlass_application::worker::{CapturedFile, CapturedScreenshot};
use windlass_domain::file::{Extraction, MAX_EXTRACTION_BYTES};
use windlass_wire::worker::activity::{
    ContentHeaders, ContentKeptBody, EXTRACTION_BYTES, FileHeaders, HEIGHT, METADATA, REASONING,
    SHA256, STEP, ScreenshotHeaders, WIDTH,
};

use self::arriving::{Content, is_another};
use self::sent::{Kept, Sent};
use crate::error::{ApiError, Finding};
use crate::error_code::ErrorCode;
use crate::json;
use crate::openapi::AsItIs;
use crate::state::Api;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(store_file))
        .routes(routes!(store_screenshot))
}

/// Keeps a file that the agent captured: an activity. The body is its content, of at most 100 MiB, as it
/// is, and `Content-Type` its type. The same content twice in a run is one file.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/files", tag = "workers",
    params(("run_id" = String, Path), ContentHeaders, FileHeaders),
    request_body(description = "The content", content(
        (inline(AsItIs) = "application/octet-stream"), (inline(AsItIs) = "*/*"))),
    responses((status = 201, body = ContentKeptBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn store_file(State(api): State<Api>, mut sent: Sent) -> Result<Response, ApiError> {
    let kept = keep_file(&api, &mut sent).await;
    sent.answer(&api, kept).await
}

async fn keep_file(api: &Api, sent: &mut Sent) -> Result<Kept, ApiError> {
    let told = sent.told(api, |head| {
        let extraction_bytes = head.number(EXTRACTION_BYTES);
        if extraction_bytes.is_some_and(|bytes| bytes as usize > MAX_EXTRACTION_BYTES) {
            let what = format!("must be {MAX_EXTRACTION_BYTES} at most");
            head.invalid(EXTRACTION_BYTES, &what);
        }
        (head.object(METADATA), extraction_bytes)
    });
    let (told, (metadata, extraction_bytes)) = told.await?;
    let extraction = match extraction_bytes {
        None => Extraction::None,
        Some(bytes) => match extraction(&sent.content, bytes as usize).await {
            Ok(extraction) => extraction,
            Err(error) => return Err(sent.wrong(api, error).await),
        },
    };
    let file = CapturedFile {
        file_name: told.file_name,
        file_type: told.file_type,
        metadata,
        extraction,
        content: sent.content.stream(),
    };
    let kept = api.worker_calls.store_file.execute(&told.call, file).await;
    let kept = kept.map_err(of_content)?;
    Ok(Kept {
        id: kept.storage_id.map(|id| id.to_string()),
        object: "storage",
        cancel: kept.cancel,
    })
}

/// Keeps what the agent saw, an image or a document: an activity. The body is its content, of at most
/// 2 MiB, as it is, and `Content-Type` its type. A run has 200 at most, and the same content once.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/screenshots", tag = "workers",
    params(("run_id" = String, Path), ContentHeaders, ScreenshotHeaders),
    request_body(description = "The content", content(
        (inline(AsItIs) = "application/octet-stream"), (inline(AsItIs) = "image/*"), (inline(AsItIs) = "*/*"))),
    responses((status = 201, body = ContentKeptBody, example = json!({"id": "scr_0324ygYUn0X87kTcdQwEEg",
        "object": "screenshot", "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "cancel": false, "request_id": "req_0324ygme6xlgGg9YYevL5s"}))),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn store_screenshot(State(api): State<Api>, mut sent: Sent) -> Result<Response, ApiError> {
    let kept = keep_screenshot(&api, &mut sent).await;
    sent.answer(&api, kept).await
}

async fn keep_screenshot(api: &Api, sent: &mut Sent) -> Result<Kept, ApiError> {
    let told = sent.told(api, |head| {
        let (width, height) = (head.number(WIDTH), head.number(HEIGHT));
        if width.is_some() != height.is_some() {
            head.invalid(WIDTH, "goes with the other of the two; give both or none");
        }
        (head.text(REASONING), head.number(STEP), width.zip(height))
    });
    let (told, (reasoning, step, size)) = told.await?;
    let screenshot = CapturedScreenshot {
        file_name: told.file_name,
        file_type: told.file_type,
        size,
        reasoning,
        step,
    };
    let store = &api.worker_calls.store_screenshot;
    let kept = store.execute(&told.call, screenshot, sent.content.stream());
    let kept = kept.await.map_err(of_content)?;
    Ok(Kept {
        id: kept.screenshot_id.map(|id| id.to_string()),
        object: "screenshot",
        cancel: kept.cancel,
    })
}

/// What the agent took out of a file, which comes before its content.
async fn extraction(content: &Content, bytes: usize) -> Result<Extraction, ApiError> {
    let invalid = |what: &str| {
        let message = format!("`{EXTRACTION_BYTES}`: {what}.");
        ApiError::all(vec![Finding::of(
            ErrorCode::InputInvalid,
            EXTRACTION_BYTES,
            message,
        )])
    };
    let json = content.first(bytes).await.map_err(not_whole)?;
    if json.len() < bytes {
        return Err(invalid("the body ends before so many bytes"));
    }
    match json::read(&json) {
        Ok(Value::Null) => Ok(Extraction::Failed),
        Ok(value) if json::has_nul(&value) => {
            Err(invalid("no text of it may hold a NUL character"))
        }
        Ok(value) => Ok(Extraction::Taken(value)),
        Err(_) => Err(invalid("the first bytes of the body must be JSON")),
    }
}

fn not_whole(error: io::Error) -> ApiError {
    ApiError::new(ErrorCode::BodyInvalid, "The content did not arrive whole.").because(error)
}

/// What is wrong with a call that sends a content.
fn of_content(error: CallError) -> ApiError {
    match error {
        CallError::Blob(BlobError::Interrupted(error)) if is_another(&error) => {
            let message =
                format!("`{SHA256}` is not that of the content that arrived; send it again.");
            ApiError::all(vec![Finding::of(ErrorCode::InputInvalid, SHA256, message)])
        }
        CallError::Blob(BlobError::Interrupted(error)) => not_whole(error),
        CallError::Blob(BlobError::TooLarge { limit }) => ApiError::new(
            ErrorCode::BodyTooLarge,
            format!("The content is longer than {limit} bytes."),
        ),
        other => other.into(),
    }
}
