//! Runs, sessions and events.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Answered, Outside};
use crate::client::text;

fn path_of(run: &Value) -> anyhow::Result<String> {
    Ok(format!("/v2/task-runs/{}", text(run, "id")?))
}

async fn cancel(server: &Outside, run: &Value) -> anyhow::Result<Answered> {
    server
        .call(Method::POST, &format!("{}/cancel", path_of(run)?))
        .send()
        .await
}

pub(super) async fn canceled(server: &Outside) -> anyhow::Result<()> {
    let run = server.run(json!({})).await?;
    for (name, value) in [
        ("object", json!("task_run")),
        ("status", json!("queued")),
        ("result", Value::Null),
        ("source_id", Value::Null),
        ("credential_id", Value::Null),
        ("workflow_id", Value::Null),
        ("runtime_ms", json!(0)),
        ("output", Value::Null),
        ("errors", json!([])),
        ("interaction", Value::Null),
        ("metadata", json!({})),
        ("canceled_at", Value::Null),
    ] {
        ensure!(run.get(name) == Some(&value), "{name}: {run}");
    }

    let first = cancel(server, &run).await?;
    let second = cancel(server, &run).await?;

    ensure!(
        (first.status, second.status) == (200, 200),
        "{}",
        second.body
    );
    ensure!(first.body["status"] == "canceled", "{}", first.body);
    ensure!(first.body["result"] == "unknown", "{}", first.body);
    ensure!(first.body["canceled_at"].is_string(), "{}", first.body);
    ensure!(
        second.body["updated_at"] == first.body["updated_at"],
        "{}",
        second.body
    );
    Ok(())
}

pub(super) async fn input(server: &Outside) -> anyhow::Result<()> {
    let schema = json!({"type": "object", "required": ["month"], "additionalProperties": false,
        "properties": {"month": {"type": "string"}, "rows": {"type": "array", "items": {"type": "integer"}}}});
    let task = server.task(json!({"input_schema": schema})).await?;
    let path = format!("/v2/tasks/{}/run", text(&task, "id")?);

    for (input, code, field) in [
        (json!({}), "input_missing", "/month"),
        (json!({"month": 12}), "input_invalid", "/month"),
        (
            json!({"month": "a", "rows": [1, "b"]}),
            "input_invalid",
            "/rows/1",
        ),
        (
            json!({"month": "a", "mouth": "b"}),
            "input_unknown",
            "/mouth",
        ),
    ] {
        let refused = server.post(&path, &json!({"input": input})).await?;
        refused.expect_field(400, code, field)?;
    }
    let left_out = server.post(&path, &json!({})).await?;
    left_out.expect_field(400, "input_missing", "/month")?;
    let started = server
        .make(&path, &json!({"input": {"month": "2025-12"}}))
        .await?;
    ensure!(started["status"] == "queued", "{started}");
    Ok(())
}

pub(super) async fn metadata(server: &Outside) -> anyhow::Result<()> {
    let metadata = json!({"order": "7", "note": "é".repeat(500)});
    let run = server
        .run(json!({"metadata": metadata, "request_id": "mine"}))
        .await?;
    let read = server.get(&path_of(&run)?).await?;
    ensure!(read.body["metadata"] == metadata, "{}", read.body);
    ensure!(read.body["request_id"] != "mine", "{}", read.body);

    let task_id = text(&run, "task_id")?;
    let many: serde_json::Map<String, Value> = (0..51)
        .map(|number| (format!("k{number}"), json!("v")))
        .collect();
    for wrong in [
        json!({"k".repeat(41): "v"}),
        json!({"k": "v".repeat(501)}),
        json!({"k": 7}),
        Value::Object(many),
    ] {
        let path = format!("/v2/tasks/{task_id}/run");
        let refused = server.post(&path, &json!({"metadata": wrong})).await?;
        ensure!(refused.status == 400, "{wrong}: {}", refused.body);
        ensure!(refused.field().starts_with("metadata"), "{}", refused.body);
    }
    Ok(())
}

pub(super) async fn include(server: &Outside) -> anyhow::Result<()> {
    let run = server.run(json!({"input": {"a": 1}})).await?;
    let path = path_of(&run)?;
    let names = ["input", "storage", "screenshots", "artifacts"];

    let plain = server.get(&path).await?;
    let all = server
        .get(&format!("{path}?include={}", names.join(",")))
        .await?;

    for name in names {
        ensure!(plain.body.get(name).is_none(), "{name}: {}", plain.body);
        ensure!(all.body.get(name).is_some(), "{name}: {}", all.body);
    }
    ensure!(all.body["input"] == json!({"a": 1}), "{}", all.body);
    ensure!(
        all.body["artifacts"] == json!({"screenshots": []}),
        "{}",
        all.body
    );
    let wrong = server.get(&format!("{path}?include=input,secrets")).await?;
    wrong.expect_field(400, "include_invalid", "include")
}

pub(super) async fn waits(server: &Outside) -> anyhow::Result<()> {
    let run = server.run(json!({})).await?;
    let path = path_of(&run)?;
    for wrong in ["0", "61", "-1", "x", ""] {
        let refused = server.get(&format!("{path}?wait={wrong}")).await?;
        refused.expect_field(400, "parameter_invalid", "wait")?;
    }

    let began = Instant::now();
    let read = server.get(&format!("{path}?wait=1")).await?;
    let took = began.elapsed();
    ensure!(read.body["status"] == "queued", "{}", read.body);
    ensure!(took >= Duration::from_millis(900), "it took {took:?}");
    let start = format!("/v2/tasks/{}/run", text(&run, "task_id")?);
    let call = server.call(Method::POST, &start).header("prefer", "wait=1");
    let started = call.json(&json!({})).send().await?;
    ensure!(started.status == 201, "{}", started.body);
    ensure!(
        began.elapsed() >= took + Duration::from_millis(900),
        "it did not wait"
    );

    let waiting = format!("{path}?wait=30");
    let began = Instant::now();
    let (waited, canceled) = tokio::join!(server.get(&waiting), cancel(server, &run));
    canceled?;
    ensure!(waited?.body["status"] == "canceled", "it had ended");
    ensure!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    Ok(())
}

pub(super) async fn story(server: &Outside) -> anyhow::Result<()> {
    let run = server.run(json!({})).await?;
    let path = path_of(&run)?;
    cancel(server, &run).await?;

    let events = server.get(&format!("{path}/events")).await?;
    let types: Vec<&str> = events.body["data"]
        .as_array()
        .context("no list")?
        .iter()
        .map(|event| text(event, "type"))
        .collect::<anyhow::Result<_>>()?;
    ensure!(types.first() == Some(&"task_run.queued"), "{types:?}");
    ensure!(types.last() == Some(&"task_run.canceled"), "{types:?}");
    for name in ["timeline", "storage", "screenshots"] {
        let page = server.get(&format!("{path}/{name}")).await?;
        ensure!(
            page.status == 200 && page.body["data"].is_array(),
            "{}",
            page.body
        );
    }
    Ok(())
}

pub(super) async fn session(server: &Outside) -> anyhow::Result<()> {
    let run = server.run(json!({})).await?;
    let path = format!("/v2/sessions/{}", text(&run, "session_id")?);

    let session = server.get(&path).await?;
    ensure!(session.body["object"] == "session", "{}", session.body);
    ensure!(
        session.body["task_runs"][0]["id"] == run["id"],
        "{}",
        session.body
    );
    let body = json!({"session_id": run["session_id"]});
    let start = format!("/v2/tasks/{}/run", text(&run, "task_id")?);
    let second = server.make(&start, &body).await?;
    ensure!(second["session_id"] == run["session_id"], "{second}");
    for _ in 0..2 {
        let ended = server
            .call(Method::POST, &format!("{path}/end"))
            .send()
            .await?;
        ensure!(ended.status == 200, "{}", ended.body);
        ensure!(ended.body["status"] == "completed", "{}", ended.body);
    }
    let left = server.get(&path_of(&run)?).await?;
    ensure!(left.body["status"] == "canceled", "{}", left.body);
    server
        .post(&start, &body)
        .await?
        .expect(409, "session_ended")
}

pub(super) async fn older_filters(server: &Outside) -> anyhow::Result<()> {
    let run = server.run(json!({})).await?;
    cancel(server, &run).await?;
    let at = format!("/v2/task-runs?task_id={}", text(&run, "task_id")?);
    let id = text(&run, "id")?.to_owned();

    for (query, is_there) in [
        ("status=canceled", true),
        ("status=queued", false),
        ("result=unknown", true),
        ("outcome=unknown", true),
        ("outcome=success", false),
        ("workflow_id=any", false),
    ] {
        let page = server.get(&format!("{at}&{query}")).await?;
        ensure!(
            page.ids()?.contains(&id) == is_there,
            "{query}: {}",
            page.body
        );
    }
    Ok(())
}

pub(super) async fn no_answer(server: &Outside) -> anyhow::Result<()> {
    let run = server.run(json!({})).await?;
    let path = path_of(&run)?;

    for name in ["input", "inputs"] {
        let body = json!({name: {"code": "1"}});
        let answered = server.post(&format!("{path}/interaction"), &body).await?;
        answered.expect(409, "interaction_not_pending")?;
    }
    let declined = server
        .post(&format!("{path}/interaction"), &json!({"decline": true}))
        .await?;
    declined.expect(409, "interaction_not_pending")?;
    let reviewed = json!({"decision": "approve"});
    let reviewed = server.post(&format!("{path}/review"), &reviewed).await?;
    reviewed.expect(409, "run_not_reviewable")
}

pub(super) async fn events(server: &Outside) -> anyhow::Result<()> {
    let run = server
        .run(json!({"input": {"canary": "contract-check-canary"}}))
        .await?;
    let run_id = text(&run, "id")?;
    cancel(server, &run).await?;

    let list = server
        .get(&format!("/v2/events?task_run_id={run_id}"))
        .await?;
    let all = server.get("/v2/events?limit=20").await?;
    let numbers: Vec<u64> = list.body["data"]
        .as_array()
        .context("no list")?
        .iter()
        .filter_map(|event| event["sequence"].as_u64())
        .collect();
    let is_falling = numbers.windows(2).all(|pair| pair[0] > pair[1]);
    ensure!(numbers.len() > 1 && is_falling, "{numbers:?}");
    ensure!(
        !all.body.to_string().contains("contract-check-canary"),
        "an input is shown"
    );
    let event = &list.body["data"][0];
    let read = server
        .get(&format!("/v2/events/{}", text(event, "id")?))
        .await?;
    ensure!(read.body["data"]["id"] == run_id, "{}", read.body);
    ensure!(read.body["data"]["object"] == "task_run", "{}", read.body);
    let types = server.get("/v2/event-types").await?;
    let known = types.body["data"].as_array().context("no list")?;
    ensure!(
        known.iter().any(|known| known["type"] == event["type"]),
        "{event}"
    );
    Ok(())
}
