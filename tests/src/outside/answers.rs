//! What all answers have in common.

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::json;

use super::ids::is_id;
use super::server::Outside;
use crate::client::text;

pub(super) async fn request_id(server: &Outside) -> anyhow::Result<()> {
    server.agent().await?;

    let mut seen = Vec::new();
    for path in [
        "/v2/test",
        "/v2/agents",
        "/v2/agents/agt_unknown",
        "/v2/nothing",
    ] {
        let answered = server.get(path).await?;
        let request_id = text(&answered.body, "request_id")?.to_owned();
        ensure!(is_id(&request_id, "req_"), "{request_id}");
        ensure!(answered.header("x-request-id") == request_id, "{path}");
        ensure!(!seen.contains(&request_id), "{request_id} is there twice");
        let item = &answered.body["data"][0];
        ensure!(item.get("request_id").is_none(), "{path} {item}");
        seen.push(request_id);
    }
    Ok(())
}

pub(super) async fn no_such_call(server: &Outside) -> anyhow::Result<()> {
    let nowhere = server.get("/v2/nothing").await?;
    let wrong = server.call(Method::DELETE, "/v2/agents").send().await?;

    nowhere.expect(404, "endpoint_not_found")?;
    wrong.expect(405, "method_not_allowed")?;
    ensure!(
        wrong.header("allow").contains("POST"),
        "{:?}",
        wrong.headers
    );
    Ok(())
}

pub(super) async fn errors(server: &Outside) -> anyhow::Result<()> {
    let refused = server.post("/v2/agents", &json!({})).await?;
    let unknown = server.get("/v2/agents/agt_unknown").await?;

    refused.expect_field(400, "input_missing", "name")?;
    unknown.expect(404, "agent_not_found")?;
    for answered in [&refused, &unknown] {
        let errors = answered.body["errors"].as_array().context("no errors")?;
        for error in errors {
            ensure!(error["type"] == "request", "{error}");
            ensure!(text(error, "message")?.ends_with('.'), "{error}");
        }
    }
    ensure!(
        unknown.body["errors"][0].get("field").is_none(),
        "{}",
        unknown.body
    );
    Ok(())
}

pub(super) async fn moments(server: &Outside) -> anyhow::Result<()> {
    let agent = server.agent().await?;

    for name in ["created_at", "updated_at"] {
        let moment = text(&agent, name)?;
        let shape: String = moment
            .chars()
            .map(|character| {
                if character.is_ascii_digit() {
                    '0'
                } else {
                    character
                }
            })
            .collect();
        ensure!(shape == "0000-00-00T00:00:00.000Z", "{moment}");
    }
    Ok(())
}

pub(super) async fn statuses(server: &Outside) -> anyhow::Result<()> {
    let agent = server
        .post("/v2/agents", &json!({"name": "Contract check"}))
        .await?;
    let website = json!({"url": "https://contract-check.example/"});
    let source = json!({"type": "website", "website": website});
    let source = server.post("/v2/sources", &source).await?;
    let path = format!("/v2/agents/{}", text(&agent.body, "id")?);
    let deleted = server.delete(&path).await?;
    let again = server.delete(&path).await?;

    ensure!(
        (agent.status, source.status) == (201, 200),
        "{} {}",
        agent.status,
        source.status
    );
    ensure!(deleted.status == 200, "{}", deleted.body);
    let confirmation = json!({"id": agent.body["id"], "object": "agent", "deleted": true,
        "request_id": deleted.body["request_id"]});
    ensure!(deleted.body == confirmation, "{}", deleted.body);
    again.expect(404, "agent_not_found")?;
    server.get(&path).await?.expect(404, "agent_not_found")
}

pub(super) async fn in_use(server: &Outside) -> anyhow::Result<()> {
    let task = server.task(json!({})).await?;
    let source = server.source().await?;
    server
        .make("/v2/credentials", &json!({"source_id": source["id"]}))
        .await?;

    for path in [
        format!("/v2/agents/{}", text(&task, "agent_id")?),
        format!("/v2/sources/{}", text(&source, "id")?),
    ] {
        server.delete(&path).await?.expect(409, "resource_in_use")?;
    }
    Ok(())
}
