//! Agents, sources, credentials, tasks, playbooks, event destinations.

use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};

use super::server::Outside;
use crate::client::text;

/// The body without what differs from one to the next.
fn fields(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(members) = body.as_object_mut() {
        for name in ["id", "created_at", "updated_at", "request_id"] {
            members.remove(name);
        }
    }
    body
}

fn same(seen: &Value, expected: &Value) -> anyhow::Result<()> {
    ensure!(seen == expected, "{seen}, not {expected}");
    Ok(())
}

pub(super) async fn agent(server: &Outside) -> anyhow::Result<()> {
    let agent = server.agent().await?;
    let expected = json!({"object": "agent", "name": "Contract check", "description": null,
        "tasks": []});
    same(&fields(&agent), &expected)?;

    let task = json!({"name": "Contract check", "agent_id": agent["id"]});
    let task = server.make("/v2/tasks", &task).await?;
    let read = server
        .get(&format!("/v2/agents/{}", text(&agent, "id")?))
        .await?;
    let tasks = json!([{"id": task["id"], "object": "task", "name": "Contract check",
        "status": "learning"}]);
    same(&read.body["tasks"], &tasks)
}

pub(super) async fn source(server: &Outside) -> anyhow::Result<()> {
    let source = server.source().await?;
    let website = json!({"url": "https://contract-check.example/login"});
    let expected = json!({"object": "source", "type": "website", "name": null,
        "website": website});
    same(&fields(&source), &expected)?;

    for url in [
        "file:///etc/passwd",
        "https://user:word@contract-check.example/",
        "https:///a",
        "nonsense",
        "https://contract-check.example/\r\nX: y",
    ] {
        let body = json!({"type": "website", "website": {"url": url}});
        let refused = server.post("/v2/sources", &body).await?;
        refused.expect_field(400, "input_invalid", "website.url")?;
    }
    let body = json!({"type": "website", "website": {"url": "http://169.254.169.254/"}});
    let blocked = server.post("/v2/sources", &body).await?;
    blocked.expect_field(403, "source_blocked", "website.url")
}

pub(super) async fn credential(server: &Outside) -> anyhow::Result<()> {
    let source = server.source().await?;
    let secrets = ["hush-contract-check", "JBSWY3DPEHPK3PXP"];
    let body = json!({"source_id": source["id"], "auth_method": "username_password",
        "auth_credentials": {"username": "kari@bolig.example", "password": secrets[0],
            "totp_secret": secrets[1], "source_fields": {"customer": "7"}},
        "external_id": "contract-check"});
    let made = server.make("/v2/credentials", &body).await?;
    let expected = json!({"object": "credential", "status": "unverified",
        "external_id": "contract-check", "source_id": source["id"],
        "auth_method": "username_password",
        "auth_credentials": {"username": "kari@bolig.example", "key": null,
            "source_fields": {"customer": "7"}}});
    same(&fields(&made), &expected)?;

    let path = format!("/v2/credentials/{}", text(&made, "id")?);
    let read = server.get(&path).await?;
    let listed = server
        .get("/v2/credentials?external_id=contract-check&limit=1")
        .await?;
    for shown in [&made, &read.body, &listed.body] {
        let shown = shown.to_string();
        ensure!(
            secrets.iter().all(|secret| !shown.contains(secret)),
            "{shown}"
        );
    }
    let deleted = server.delete(&path).await?;
    ensure!(deleted.body["deleted"] == true, "{}", deleted.body);
    let left = server.get(&path).await?;
    ensure!(left.body["status"] == "deleted", "{}", left.body);
    let empty = json!({"username": null, "key": null, "source_fields": {}});
    same(&left.body["auth_credentials"], &empty)?;
    for wrong in [
        json!({"auth_method": "username_password"}),
        json!({"auth_credentials": {"username": "a", "password": "b"}}),
        json!({"auth_method": "username_password", "auth_credentials": {"username": "a"}}),
        json!({"auth_credentials": {"source_fields": {"Key": "a"}}}),
        json!({"auth_method": "username_password", "auth_credentials":
            {"username": "a", "password": "b", "totp_secret": "not base32!"}}),
    ] {
        let mut body = json!({"source_id": source["id"]});
        if let (Some(body), Value::Object(wrong)) = (body.as_object_mut(), wrong) {
            body.extend(wrong);
        }
        let refused = server.post("/v2/credentials", &body).await?;
        ensure!(refused.status == 400, "{body}: {}", refused.body);
        ensure!(
            refused.field().starts_with("auth_credentials"),
            "{}",
            refused.body
        );
    }
    Ok(())
}

pub(super) async fn task(server: &Outside) -> anyhow::Result<()> {
    let agent = server.agent().await?;
    let body = json!({"name": "Contract check", "agent_id": agent["id"]});
    let made = server.make("/v2/tasks", &body).await?;
    let settings = json!({"inactivity_timeout_seconds": 1800, "timeout_seconds": null,
        "interaction_timeout_seconds": 900, "queue_timeout_seconds": 1800,
        "review_timeout_seconds": null, "review": "none", "pool": null, "max_attempts": 1,
        "priority": 5, "concurrency": null, "keep_login": false, "session_idle_seconds": 600,
        "source": "required", "engine": "auto"});
    let expected = json!({"object": "task", "name": "Contract check", "prompt": null,
        "status": "learning", "agent_id": agent["id"], "input_schema": null,
        "output_schema": null, "storage": null, "extraction": false, "settings": settings});
    same(&fields(&made), &expected)?;

    for more in [
        json!({"extraction": true}),
        json!({"storage": {"enabled": true, "extraction": true}}),
    ] {
        let task = server.task(more).await?;
        ensure!(task["extraction"] == true, "{task}");
        ensure!(task["storage"]["extraction"] == true, "{task}");
    }
    Ok(())
}

pub(super) async fn schemas(server: &Outside) -> anyhow::Result<()> {
    let agent = server.agent().await?;
    for schema in [
        json!({"type": "nonsense"}),
        json!({"$ref": "https://contract-check.example/schema.json"}),
        json!({"pattern": "(a+)+\\1"}),
        json!({"pattern": "["}),
    ] {
        let body = json!({"name": "a", "agent_id": agent["id"], "input_schema": schema});
        let refused = server.post("/v2/tasks", &body).await?;
        refused.expect(400, "schema_invalid")?;
        ensure!(
            refused.field().starts_with("input_schema"),
            "{}",
            refused.body
        );
    }
    Ok(())
}

pub(super) async fn playbook(server: &Outside) -> anyhow::Result<()> {
    let (task, source) = (server.task(json!({})).await?, server.source().await?);
    let (task_id, source_id) = (text(&task, "id")?, text(&source, "id")?);
    let path = format!("/v2/tasks/{task_id}/playbooks/{source_id}");
    let document = json!({"title": "Contract check",
        "steps": [{"type": "navigate", "url": "{{source.url}}"}]});
    let put = || server.call(Method::PUT, &path).json(&document).send();

    let (first, second) = (put().await?, put().await?);
    let live = server.get(&format!("/v2/tasks/{task_id}")).await?;
    let read = server.get(&path).await?;
    let list = server
        .get(&format!("/v2/tasks/{task_id}/playbooks"))
        .await?;
    let deleted = server.delete(&path).await?;
    let learning = server.get(&format!("/v2/tasks/{task_id}")).await?;

    ensure!(live.body["status"] == "live", "{}", live.body);
    ensure!(learning.body["status"] == "learning", "{}", learning.body);
    ensure!(
        first.body["version"] == 1 && second.body["version"] == 2,
        "{}",
        second.body
    );
    same(&read.body["playbook"], &document)?;
    ensure!(
        list.body["data"][0]["source_id"] == source_id,
        "{}",
        list.body
    );
    let gone = json!({"object": "playbook", "task_id": task_id, "source_id": source_id,
        "deleted": true, "request_id": deleted.body["request_id"]});
    same(&deleted.body, &gone)?;
    server.get(&path).await?.expect(404, "playbook_not_found")?;
    let wrong = server
        .call(Method::PUT, &path)
        .json(&json!({"title": "x"}))
        .send()
        .await?;
    wrong.expect_field(400, "input_missing", "steps")
}

pub(super) async fn destination(server: &Outside) -> anyhow::Result<()> {
    // Port 9 of a name for examples: nothing is delivered anywhere.
    let url = "https://contract-check.example:9/";
    let body = json!({"name": "Contract check", "events": ["event_delivery.parked"],
        "webhook": {"url": url}});
    let made = server.make("/v2/event-destinations", &body).await?;
    let secret = text(&made["webhook"], "secret")?;
    ensure!(secret.starts_with("whsec_"), "its form");

    let path = format!("/v2/event-destinations/{}", text(&made, "id")?);
    let read = server.get(&path).await?;
    let webhook = json!({"url": url, "retry_profile": "durable"});
    same(&read.body["webhook"], &webhook)?;
    ensure!(
        !read.body.to_string().contains(secret),
        "the secret is shown again"
    );
    let list = server.get(&format!("{path}/event-deliveries")).await?;
    ensure!(list.ids()?.is_empty(), "{}", list.body);
    for wrong in [
        json!({"url": "ftp://contract-check.example/"}),
        json!({"url": url, "secret": "short"}),
        json!({"url": url, "custom_headers": {"webhook-signature": "v1,x"}}),
        json!({"url": url, "custom_headers": {"X-A": "a\r\nX-B: b"}}),
    ] {
        let body = json!({"name": "Contract check", "webhook": wrong});
        let refused = server.post("/v2/event-destinations", &body).await?;
        ensure!(refused.status == 400, "{body}: {}", refused.body);
        ensure!(refused.field().starts_with("webhook."), "{}", refused.body);
    }
    Ok(())
}
