//! What operators and their tools ask: alive, ready, metrics. On a listener of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use tracing::warn;
use windlass_application::Application;
use windlass_application::error::chain;

use crate::drain::Drain;
use crate::request::json;

/// How long the store has to say that it is there.
const READY_WITHIN: Duration = Duration::from_secs(3);

/// Buckets of durations, in seconds: from a cached answer to the longest request.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// What the answers to operators are made from.
#[derive(Clone)]
pub struct Ops {
    /// What is asked whether the store is there.
    pub application: Arc<Application>,
    /// Tells when the server stops.
    pub drain: Drain,
    /// The metrics of this process.
    pub metrics: PrometheusHandle,
}

/// Collects this process's metrics from now on. Once per process.
///
/// # Errors
/// Where another collector was installed before.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .install_recorder()
}

/// `/healthz`, `/readyz` and `/metrics`.
pub fn ops_router(ops: Ops) -> Router {
    Router::new()
        .route("/healthz", get(is_alive))
        .route("/readyz", get(is_ready))
        .route("/metrics", get(read_metrics))
        .with_state(ops)
}

async fn is_alive() -> Response {
    json(StatusCode::OK, &json!({"status": "alive"}))
}

/// Ready while the store answers and the server does not stop.
async fn is_ready(State(ops): State<Ops>) -> Response {
    let not_ready = |why: &str| {
        let body = json!({"status": "not_ready", "reason": why});
        json(StatusCode::SERVICE_UNAVAILABLE, &body)
    };
    if ops.drain.is_draining() {
        return not_ready("draining");
    }
    let asked = ops.application.ports.keys.find([0; 32]);
    match tokio::time::timeout(READY_WITHIN, asked).await {
        Ok(Ok(_)) => json(StatusCode::OK, &json!({"status": "ready"})),
        Ok(Err(error)) => {
            warn!("not ready, the store does not answer: {}", chain(&error));
            not_ready("store")
        }
        Err(_elapsed) => not_ready("store"),
    }
}

async fn read_metrics(State(ops): State<Ops>) -> Response {
    ops.metrics.run_upkeep();
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (content_type, ops.metrics.render()).into_response()
}
