//! Tokens for pages, and what pages of other origins are answered.

use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};

use super::ids::is_id;
use super::server::{Answered, Outside};
use crate::client::text;

const ORIGIN: &str = "https://contract-check.example";

/// A page that holds a token.
struct Page<'a> {
    server: &'a Outside,
    bearer: String,
}

impl<'a> Page<'a> {
    async fn new(server: &'a Outside, narrowing: Value) -> anyhow::Result<Self> {
        let made = server.post("/v2/token", &narrowing).await?;
        ensure!(made.status == 201, "{}", made.status);
        let bearer = format!("Bearer {}", text(&made.body, "token")?);
        Ok(Self { server, bearer })
    }

    async fn get(&self, path: &str) -> anyhow::Result<Answered> {
        let call = self.server.open(Method::GET, path);
        call.header("authorization", &self.bearer).send().await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answered> {
        let call = self.server.open(Method::POST, path);
        let call = call.header("authorization", &self.bearer);
        call.json(body).send().await
    }
}

fn start(task: &Value) -> anyhow::Result<String> {
    Ok(format!("/v2/tasks/{}/run", text(task, "id")?))
}

fn forbidden(answered: &Answered) -> anyhow::Result<()> {
    answered.expect(403, "scope_insufficient")
}

pub(super) async fn made(server: &Outside) -> anyhow::Result<()> {
    let made = server.call(Method::POST, "/v2/token").send().await?;

    ensure!(made.status == 201, "{}", made.status);
    ensure!(made.body["object"] == "token", "its object");
    ensure!(is_id(text(&made.body, "id")?, "tok_"), "its id");
    ensure!(text(&made.body, "token")?.starts_with("tk_"), "its form");
    for moment in ["created_at", "expires_at"] {
        ensure!(made.body[moment].is_string(), "{moment}");
    }
    for (narrowing, code) in [
        (json!({"source_id": "src_unknown"}), "source_invalid"),
        (json!({"task_id": "task_unknown"}), "task_not_found"),
        (json!({"run_id": "trun_unknown"}), "task_run_not_found"),
        (json!({"url": "x"}), "input_unknown"),
    ] {
        let refused = server.post("/v2/token", &narrowing).await?;
        ensure!(refused.code() == code, "{narrowing}: {}", refused.body);
    }
    Ok(())
}

pub(super) async fn allowed(server: &Outside) -> anyhow::Result<()> {
    let (task, source) = (server.task(json!({})).await?, server.source().await?);
    let page = Page::new(server, json!({})).await?;

    let sources = page.get("/v2/sources").await?;
    let read = page
        .get(&format!("/v2/sources/{}", text(&source, "id")?))
        .await?;
    ensure!((sources.status, read.status) == (200, 200), "{}", read.body);
    let body = json!({"source_id": source["id"]});
    let credential = page.post("/v2/credentials", &body).await?;
    ensure!(credential.status == 201, "{}", credential.body);
    forbidden(&page.post("/v2/credentials", &body).await?)?;
    let start = start(&task)?;
    let body = json!({"credential_id": credential.body["id"]});
    let run = page.post(&start, &body).await?;
    ensure!(run.status == 201, "{}", run.body);
    let path = format!("/v2/task-runs/{}", text(&run.body, "id")?);
    let read = page.get(&path).await?;
    ensure!(read.body["id"] == run.body["id"], "{}", read.body);
    let answer = json!({"input": {"code": "1"}});
    let answer = page.post(&format!("{path}/interaction"), &answer).await?;
    answer.expect(409, "interaction_not_pending")?;
    forbidden(&page.get(&format!("{path}?include=input")).await?)?;
    for more in [
        json!({"input": {}}),
        json!({"metadata": {}}),
        json!({"session_id": run.body["session_id"]}),
    ] {
        let mut body = body.clone();
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        forbidden(&page.post(&start, &body).await?)?;
    }
    Ok(())
}

pub(super) async fn refused(server: &Outside) -> anyhow::Result<()> {
    let run = server.run(json!({})).await?;
    let page = Page::new(server, json!({})).await?;

    for (method, path) in [
        (Method::GET, "/v2/test"),
        (Method::GET, "/v2/agents"),
        (Method::POST, "/v2/agents"),
        (Method::POST, "/v2/sources"),
        (Method::GET, "/v2/credentials"),
        (Method::GET, "/v2/tasks"),
        (Method::GET, "/v2/task-runs"),
        (Method::GET, "/v2/sessions"),
        (Method::GET, "/v2/storage"),
        (Method::GET, "/v2/events"),
        (Method::GET, "/v2/events/stream"),
        (Method::GET, "/v2/event-destinations"),
        (Method::POST, "/v2/token"),
    ] {
        let call = server.open(method.clone(), path);
        let call = call.header("authorization", &page.bearer);
        let answered = if method == Method::POST {
            call.json(&json!({})).send().await?
        } else {
            call.send().await?
        };
        forbidden(&answered)?;
    }
    let theirs = page
        .get(&format!("/v2/task-runs/{}", text(&run, "id")?))
        .await?;
    theirs.expect(404, "task_run_not_found")
}

pub(super) async fn narrowed(server: &Outside) -> anyhow::Result<()> {
    let (task, other) = (server.task(json!({})).await?, server.task(json!({})).await?);
    let (source, elsewhere) = (server.source().await?, server.source().await?);
    let narrowing = json!({"source_id": source["id"], "task_id": task["id"],
        "external_id": "contract-check-page"});
    let page = Page::new(server, narrowing).await?;

    forbidden(&page.get("/v2/sources").await?)?;
    let there = page
        .get(&format!("/v2/sources/{}", text(&elsewhere, "id")?))
        .await?;
    there.expect(404, "source_not_found")?;
    let wrong = json!({"source_id": elsewhere["id"]});
    forbidden(&page.post("/v2/credentials", &wrong).await?)?;
    let body = json!({"source_id": source["id"]});
    let credential = page.post("/v2/credentials", &body).await?;
    let name = &credential.body["external_id"];
    ensure!(name == "contract-check-page", "{}", credential.body);
    let body = json!({"credential_id": credential.body["id"]});
    forbidden(&page.post(&start(&other)?, &body).await?)?;
    let run = page.post(&start(&task)?, &body).await?;
    ensure!(run.status == 201, "{}", run.body);

    let of_run = Page::new(server, json!({"run_id": run.body["id"]})).await?;
    let path = format!("/v2/task-runs/{}", text(&run.body, "id")?);
    ensure!(of_run.get(&path).await?.status == 200, "its own run");
    forbidden(&of_run.get("/v2/sources").await?)?;
    forbidden(&of_run.post(&start(&task)?, &body).await?)
}

pub(super) async fn origins(server: &Outside) -> anyhow::Result<()> {
    let asked = |path: &str, method: &str| {
        server
            .open(Method::OPTIONS, path)
            .header("origin", ORIGIN)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization")
    };
    let preflight = asked("/v2/credentials", "POST").send().await?;
    ensure!(preflight.status == 204, "{}", preflight.status);
    ensure!(
        preflight.header("access-control-allow-origin") == "*",
        "any"
    );
    let methods = preflight.header("access-control-allow-methods");
    ensure!(methods.contains("POST"), "{methods}");
    let taken = preflight.header("access-control-allow-headers");
    ensure!(taken.contains("authorization"), "{taken}");
    let page = Page::new(server, json!({})).await?;
    let call = server.open(Method::GET, "/v2/sources");
    let call = call.header("authorization", &page.bearer);
    let sources = call.header("origin", ORIGIN).send().await?;
    ensure!(sources.header("access-control-allow-origin") == "*", "any");
    let with_cookies = sources.header("access-control-allow-credentials");
    ensure!(with_cookies.is_empty(), "{with_cookies}");

    let closed = asked("/v2/agents", "POST").send().await?;
    let agents = server.call(Method::GET, "/v2/agents");
    let agents = agents.header("origin", ORIGIN).send().await?;
    for other in [closed, agents] {
        let shared = other.header("access-control-allow-origin");
        ensure!(shared.is_empty(), "{shared} on a call that is for no page");
    }
    Ok(())
}
