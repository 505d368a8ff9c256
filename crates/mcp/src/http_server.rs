//! `/mcp`: the Model Context Protocol over HTTP, beside the API.
//!
//! Each request stands alone and brings its key: any replica answers any of them, and nothing is lost
//! with one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::assistant::{Assistant, Door};
use crate::call::Call;
use crate::reach::InProcess;

/// The largest request, in bytes: as large as a body of the API, with what is put around it.
const MAX_REQUEST_BYTES: usize = 2 * 1024 * 1024;

/// How long a request may take: the longest wait of a tool, and a request of the API.
const AT_MOST: Duration = Duration::from_secs(95);

/// The API `api`, and beside it `/mcp`, whose tools are its calls.
pub fn router(api: Router) -> Router {
    let assistant = Assistant::new(Door::Http(api.clone()));
    let mut config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_REQUEST_BYTES)
        // A page that is tricked into calling has no key to show.
        .disable_allowed_hosts();
    config.sse_keep_alive = None;
    let service = StreamableHttpService::new(
        move || Ok(assistant.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let mcp = Router::new()
        .route_service("/mcp", service)
        .route_layer(from_fn_with_state(api.clone(), with_a_key));
    api.merge(mcp)
}

/// Lets through whose key the API knows.
async fn with_a_key(State(api): State<Router>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let api = InProcess::of(api, &parts);
    let known = match api.respond(Call::get(&["test"])).await {
        Ok(known) => known,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    if !known.status().is_success() {
        return known;
    }
    let answered = tokio::time::timeout(AT_MOST, next.run(Request::from_parts(parts, body)));
    match answered.await {
        Ok(answer) => answer,
        Err(_elapsed) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Json;
    use axum::extract::Path;
    use axum::routing::{get, post};
    use http::Method;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    /// An API of three tasks of one name, and which of them were read.
    fn api(read: &Arc<Mutex<Vec<String>>>) -> Router {
        let read = Arc::clone(read);
        let read_task = move |Path(id): Path<String>| {
            read.lock().expect("nobody panics").push(id.clone());
            async move { Json(json!({"id": id, "name": "Latest bill"})) }
        };
        let start = |Path(id): Path<String>| async move { Json(json!({"task_id": id})) };
        Router::new()
            .route("/v2/test", get(|| async { Json(json!({})) }))
            .route("/v2/tasks/{id}", get(read_task))
            .route("/v2/tasks/{id}/run", post(start))
    }

    async fn asked(router: &Router, key: &str, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = http::Request::builder()
            .method(Method::POST)
            .uri("/mcp?tasks=task_a,task_b,task_c")
            .header("host", "windlass.example.com")
            .header("authorization", format!("Bearer {key}"))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(axum::body::Body::from(body.to_string()));
        let answered = router.clone().oneshot(request.expect("a request")).await;
        let answered = answered.expect("an answer").into_body().collect().await;
        let bytes = answered.expect("a body").to_bytes();
        let answered = serde_json::from_slice::<Value>(&bytes);
        answered.unwrap_or_else(|_| panic!("{text}", text = String::from_utf8_lossy(&bytes)))["result"].take()
    }

    #[tokio::test]
    async fn a_call_of_a_tasks_tool_reads_that_task_alone() {
        let read = Arc::default();
        let router = router(api(&read));
        let reads = || std::mem::take(&mut *read.lock().expect("nobody panics"));
        let tools = asked(&router, "sk_1", "tools/list", json!({})).await;
        let tools = tools["tools"].as_array().cloned().expect("tools");
        let names = tools.iter().filter_map(|tool| tool["name"].as_str());
        let names: Vec<&str> = names
            .filter(|name| name.starts_with("run_latest"))
            .collect();
        assert_eq!(reads(), ["task_a", "task_b", "task_c"]);

        for (name, task_id) in names.iter().zip(["task_a", "task_b", "task_c"]) {
            let call = json!({"name": name, "arguments": {}});
            let run = asked(&router, "sk_1", "tools/call", call).await;
            assert_eq!(run["structuredContent"]["task_id"], task_id);
            assert_eq!(reads(), [task_id]);
        }

        // Another key was told nothing, and a name that nobody was told is nobody's.
        let call = json!({"name": names[1], "arguments": {}});
        let run = asked(&router, "sk_2", "tools/call", call).await;
        assert_eq!(run["structuredContent"]["task_id"], "task_b");
        assert_eq!(reads().len(), 3);
        let call = json!({"name": "run_latest_bill", "arguments": {}});
        assert_eq!(
            asked(&router, "sk_1", "tools/call", call).await,
            Value::Null
        );
    }
}
