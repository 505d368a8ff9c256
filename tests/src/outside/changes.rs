//! Changes: what null clears, what is replaced, what is merged, what cannot change.

use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Answered, Outside};
use crate::client::text;

async fn changed(server: &Outside, path: &str, body: &Value) -> anyhow::Result<Answered> {
    server.call(Method::PATCH, path).json(body).send().await
}

/// Changes something, and sees that it is what was asked for, in the answer and when it is read.
async fn becomes(
    server: &Outside,
    path: &str,
    change: Value,
    expected: &[(&str, Value)],
) -> anyhow::Result<()> {
    let answered = changed(server, path, &change).await?;
    ensure!(answered.status == 200, "{change}: {}", answered.body);
    let read = server.get(path).await?;
    for (pointer, value) in expected {
        for body in [&answered.body, &read.body] {
            let seen = body.pointer(pointer);
            ensure!(seen == Some(value), "{change}: {pointer} is {seen:?}");
        }
    }
    Ok(())
}

/// None of these fields can change.
async fn stays(server: &Outside, path: &str, fields: &[(&str, Value)]) -> anyhow::Result<()> {
    for (field, value) in fields {
        let refused = changed(server, path, &json!({*field: value})).await?;
        refused.expect_field(400, "input_invalid", field)?;
    }
    Ok(())
}

pub(super) async fn agent(server: &Outside) -> anyhow::Result<()> {
    let body = json!({"name": "Contract check", "description": "Bills"});
    let agent = server.make("/v2/agents", &body).await?;
    let path = format!("/v2/agents/{}", text(&agent, "id")?);

    let bills = ("/description", json!("Bills"));
    let renamed = ("/name", json!("Renamed"));
    becomes(
        server,
        &path,
        json!({"name": "Renamed"}),
        &[bills.clone(), renamed.clone()],
    )
    .await?;
    becomes(
        server,
        &path,
        json!({"name": null}),
        &[bills, renamed.clone()],
    )
    .await?;
    let cleared = [("/description", Value::Null), renamed];
    becomes(server, &path, json!({"description": null}), &cleared).await?;
    stays(server, &path, &[("id", json!("agt_other"))]).await
}

pub(super) async fn source(server: &Outside) -> anyhow::Result<()> {
    let website = json!({"url": "https://contract-check.example/login"});
    let body = json!({"type": "website", "website": website, "name": "Contract check"});
    let source = server.make("/v2/sources", &body).await?;
    let path = format!("/v2/sources/{}", text(&source, "id")?);

    let named = ("/name", json!("Contract check"));
    let moved = json!("https://contract-check.example/new");
    let change = json!({"website": {"url": moved}});
    becomes(
        server,
        &path,
        change,
        &[("/website/url", moved.clone()), named],
    )
    .await?;
    let cleared = [("/name", Value::Null), ("/website/url", moved)];
    becomes(server, &path, json!({"name": null}), &cleared).await?;
    let blocked = json!({"website": {"url": "http://169.254.169.254/"}});
    let blocked = changed(server, &path, &blocked).await?;
    blocked.expect_field(403, "source_blocked", "website.url")?;
    stays(
        server,
        &path,
        &[("id", json!("src_other")), ("type", json!("website"))],
    )
    .await
}

pub(super) async fn credential(server: &Outside) -> anyhow::Result<()> {
    let source = server.source().await?;
    let body = json!({"source_id": source["id"], "auth_method": "username_password",
        "external_id": "contract-check-change",
        "auth_credentials": {"username": "kari", "password": "hush-contract-check",
            "source_fields": {"customer": "7"}}});
    let credential = server.make("/v2/credentials", &body).await?;
    let path = format!("/v2/credentials/{}", text(&credential, "id")?);

    let kari = ("/auth_credentials/username", json!("kari"));
    let cleared = [("/external_id", Value::Null), kari];
    becomes(server, &path, json!({"external_id": null}), &cleared).await?;
    let change =
        json!({"auth_credentials": {"username": "ola", "password": "hush-contract-check"}});
    let replaced = [
        ("/auth_credentials/username", json!("ola")),
        ("/auth_credentials/source_fields", json!({})),
        ("/status", json!("unverified")),
    ];
    becomes(server, &path, change, &replaced).await?;
    let half = json!({"auth_credentials": {"username": "ola"}});
    let half = changed(server, &path, &half).await?;
    half.expect_field(400, "input_missing", "auth_credentials.password")?;
    let fields = [
        ("source_id", json!(source["id"])),
        ("auth_method", json!("none")),
    ];
    stays(server, &path, &fields).await?;
    server.delete(&path).await?;
    let late = changed(server, &path, &json!({"external_id": "x"})).await?;
    late.expect(409, "credential_deleted")
}

pub(super) async fn task(server: &Outside) -> anyhow::Result<()> {
    let schema = json!({"type": "object", "properties": {"month": {"type": "string"}}});
    let task = server
        .task(
            json!({"prompt": "Find it.", "input_schema": schema, "output_schema": schema,
            "storage": {"enabled": true, "deduplication": true}}),
        )
        .await?;
    let path = format!("/v2/tasks/{}", text(&task, "id")?);

    let own = [
        ("/settings/priority", json!(7)),
        ("/settings/pool", json!("contract-check")),
        ("/settings/source", json!("none")),
        ("/prompt", json!("Find it.")),
    ];
    becomes(server, &path, json!({"settings": {"priority": 7}}), &own).await?;
    let kept = [
        ("/extraction", json!(true)),
        ("/storage/deduplication", json!(true)),
    ];
    becomes(server, &path, json!({"extraction": true}), &kept).await?;
    let replaced = [
        ("/storage/deduplication", json!(false)),
        ("/extraction", json!(false)),
    ];
    becomes(
        server,
        &path,
        json!({"storage": {"enabled": true}}),
        &replaced,
    )
    .await?;
    for field in ["prompt", "input_schema", "output_schema", "storage"] {
        let cleared = (&*format!("/{field}"), Value::Null);
        becomes(
            server,
            &path,
            json!({field: null}),
            &[cleared, own[0].clone()],
        )
        .await?;
    }
    let wrong = changed(server, &path, &json!({"settings": {"priority": 99}})).await?;
    wrong.expect_field(400, "input_invalid", "settings.priority")?;
    let fields = [
        ("id", json!("task_other")),
        ("agent_id", task["agent_id"].clone()),
    ];
    stays(server, &path, &fields).await
}

pub(super) async fn destination(server: &Outside) -> anyhow::Result<()> {
    let url = "https://contract-check.example:9/";
    let body = json!({"name": "Contract check", "events": ["event_delivery.parked"],
        "webhook": {"url": url}});
    let made = server.make("/v2/event-destinations", &body).await?;
    let path = format!("/v2/event-destinations/{}", text(&made, "id")?);

    let merged = [
        ("/webhook/retry_profile", json!("deck")),
        ("/webhook/url", json!(url)),
        ("/events", json!(["event_delivery.parked"])),
    ];
    let change = json!({"webhook": {"retry_profile": "deck"}});
    becomes(server, &path, change, &merged).await?;
    let replaced = [("/events", json!(["task.reset"])), merged[0].clone()];
    becomes(server, &path, json!({"events": ["task.reset"]}), &replaced).await?;
    for status in ["inactive", "active"] {
        let now = [("/status", json!(status))];
        becomes(server, &path, json!({"status": status}), &now).await?;
    }
    for (wrong, field) in [
        (json!({"events": []}), "events"),
        (json!({"status": "pending_verification"}), "status"),
        (json!({"type": "webhook"}), "type"),
    ] {
        let refused = changed(server, &path, &wrong).await?;
        refused.expect_field(400, "input_invalid", field)?;
    }
    Ok(())
}

pub(super) async fn nothing(server: &Outside) -> anyhow::Result<()> {
    let agent = server.agent().await?;
    let path = format!("/v2/agents/{}", text(&agent, "id")?);

    let same = changed(server, &path, &json!({"name": "Contract check"})).await?;
    let empty = changed(server, &path, &json!({})).await?;

    for answered in [same, empty] {
        ensure!(answered.status == 200, "{}", answered.body);
        ensure!(
            answered.body["updated_at"] == agent["updated_at"],
            "{}",
            answered.body
        );
    }
    Ok(())
}

pub(super) async fn reset(server: &Outside) -> anyhow::Result<()> {
    let (task, source) = (server.task(json!({})).await?, server.source().await?);
    let path = format!("/v2/tasks/{}", text(&task, "id")?);
    let playbook = format!("{path}/playbooks/{}", text(&source, "id")?);
    let document = json!({"title": "Contract check",
        "steps": [{"type": "navigate", "url": "{{source.url}}"}]});
    let put = server.call(Method::PUT, &playbook).json(&document);
    put.send().await?;

    let reset = server.call(Method::POST, &format!("{path}/reset"));
    let reset = reset.send().await?;

    ensure!(reset.status == 200, "{}", reset.body);
    ensure!(reset.body["id"] == task["id"], "{}", reset.body);
    ensure!(reset.body["status"] == "learning", "{}", reset.body);
    let kept = server.get(&playbook).await?;
    ensure!(kept.body["playbook"] == document, "{}", kept.body);
    let unknown = server.call(Method::POST, "/v2/tasks/task_unknown/reset");
    unknown.send().await?.expect(404, "task_not_found")
}
