//! All calls in one router, and the document that describes them.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use windlass_application::Application;
use windlass_application::worker::WorkerCalls;

use crate::authentication::authenticate;
use crate::docs::Page;
use crate::openapi;
use crate::request::{answer, json_bytes, json_of, no_such_call, no_such_method};
use crate::state::{Api, ApiConfig};
use crate::{
    agents, credentials, deliveries, destinations, event_stream, events, files, playbooks,
    run_replies, run_story, runs, screenshots, sessions, sources, storage, tasks, test_key, tokens,
    worker,
};

/// Every call that needs a key.
fn keyed() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .merge(test_key::router())
        .merge(tokens::router())
        .merge(agents::router())
        .merge(sources::router())
        .merge(credentials::router())
        .merge(tasks::router())
        .merge(playbooks::router())
        .merge(runs::router())
        .merge(run_replies::router())
        .merge(run_story::router())
        .merge(screenshots::router())
        .merge(sessions::router())
        .merge(storage::router())
        .merge(destinations::router())
        .merge(event_stream::router())
        .merge(deliveries::router())
        .merge(events::router())
        .merge(worker::router())
}

/// The API: every call, `/openapi.json`, `/docs` and `/playbook.schema.json`.
pub fn router(application: Arc<Application>, config: ApiConfig) -> Router {
    let api = Api {
        worker_calls: Arc::new(WorkerCalls::new(&application)),
        application,
        config: Arc::new(config),
        open_calls: Arc::default(),
    };
    let document = document();
    let page = Page::of(&document);
    let document = json_bytes(&document);
    let playbook_schema = api.config.playbook_schema;
    let keyed: Router<Api> = keyed().into();
    let keyed = keyed.route_layer(from_fn_with_state(api.clone(), authenticate));
    let open: Router<Api> = files::router().into();
    keyed
        .merge(open)
        .route(
            "/openapi.json",
            get(|| async move { document_answer(document.clone()) }),
        )
        .route("/docs", get(|| async move { page.clone().answer() }))
        .route(
            "/playbook.schema.json",
            get(move || async move { document_answer(playbook_schema.into()) }),
        )
        .method_not_allowed_fallback(no_such_method)
        .fallback(no_such_call)
        .layer(from_fn_with_state(api.clone(), answer))
        .with_state(api)
}

fn document_answer(bytes: Vec<u8>) -> Response {
    json_of(StatusCode::OK, bytes)
}

/// The OpenAPI document of every call.
pub fn document() -> Value {
    let (_, document) = keyed().merge(files::router()).split_for_parts();
    openapi::completed(document)
}
