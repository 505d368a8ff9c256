//! Bodies and parameters.

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Answered, Outside};
use crate::client::text;

async fn sent(server: &Outside, content_type: &str, body: &[u8]) -> anyhow::Result<Answered> {
    let call = server.call(Method::POST, "/v2/agents");
    call.header("content-type", content_type)
        .bytes(body)
        .send()
        .await
}

pub(super) async fn content_types(server: &Outside) -> anyhow::Result<()> {
    let body = br#"{"name": "Contract check"}"#;
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "text/json",
        "application/vnd.contract+json",
    ] {
        let answered = sent(server, content_type, body).await?;
        ensure!(answered.status == 201, "{content_type}: {}", answered.body);
    }
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "image/svg+json",
    ] {
        let answered = sent(server, content_type, body).await?;
        answered.expect(415, "media_type_unsupported")?;
    }
    Ok(())
}

pub(super) async fn not_json(server: &Outside) -> anyhow::Result<()> {
    let deep = format!(r#"{{"name": {}{}}}"#, "[".repeat(70), "]".repeat(70));
    for body in [
        &b"{"[..],
        b"nonsense",
        b"[]",
        b"null",
        br#"{"name": "a", "name": "b"}"#,
        br#"{"name": "\ud800"}"#,
        b"{\"name\": \"\xff\"}",
        br#"{"name": NaN}"#,
        deep.as_bytes(),
    ] {
        let answered = sent(server, "application/json", body).await?;
        answered.expect(400, "body_invalid")?;
    }
    Ok(())
}

pub(super) async fn unknown_field(server: &Outside) -> anyhow::Result<()> {
    let body = json!({"name": "Contract check", "colour": "red"});
    let website = json!({"url": "https://contract-check.example/", "port": 1});
    let nested = json!({"type": "website", "website": website});

    let refused = server.post("/v2/agents", &body).await?;
    let inside = server.post("/v2/sources", &nested).await?;

    refused.expect_field(400, "input_unknown", "colour")?;
    inside.expect_field(400, "input_unknown", "website.port")
}

pub(super) async fn misspelt(server: &Outside) -> anyhow::Result<()> {
    let body = json!({"name": "Contract check", "descripton": "x"});

    let refused = server.post("/v2/agents", &body).await?;

    refused.expect_field(400, "input_unknown", "descripton")?;
    let message = text(&refused.body["errors"][0], "message")?;
    ensure!(message.contains("`description`"), "{message}");
    Ok(())
}

pub(super) async fn unknown_parameter(server: &Outside) -> anyhow::Result<()> {
    for path in ["/v2/test", "/v2/agents", "/v2/event-types", "/v2/task-runs"] {
        let refused = server.get(&format!("{path}?colour=red")).await?;
        refused.expect_field(400, "parameter_unknown", "colour")?;
    }
    let written = server
        .post("/v2/agents?dry_run=true", &json!({"name": "a"}))
        .await?;
    written.expect(400, "parameter_unknown")
}

pub(super) async fn null(server: &Outside) -> anyhow::Result<()> {
    let body = json!({"name": "Contract check", "description": null, "id": null});
    let required = server.post("/v2/agents", &json!({"name": null})).await?;

    let made = server.make("/v2/agents", &body).await?;

    ensure!(made["description"].is_null(), "{made}");
    required.expect_field(400, "input_missing", "name")
}

pub(super) async fn all_at_once(server: &Outside) -> anyhow::Result<()> {
    let body = json!({"nam": "x", "description": 7, "id": "nonsense"});

    let refused = server.post("/v2/agents", &body).await?;

    let errors = refused.body["errors"].as_array().context("no errors")?;
    let mut told: Vec<(&str, &str)> = errors
        .iter()
        .map(|error| Ok((text(error, "code")?, text(error, "field")?)))
        .collect::<anyhow::Result<_>>()?;
    told.sort_unstable();
    let expected = [
        ("input_invalid", "description"),
        ("input_invalid", "id"),
        ("input_missing", "name"),
        ("input_unknown", "nam"),
    ];
    ensure!(told == expected, "{told:?}");
    Ok(())
}

pub(super) async fn names(server: &Outside) -> anyhow::Result<()> {
    let trimmed = server
        .make("/v2/agents", &json!({"name": "  Contract check  "}))
        .await?;
    server
        .make("/v2/agents", &json!({"name": "é".repeat(255)}))
        .await?;
    ensure!(trimmed["name"] == "Contract check", "{trimmed}");
    for (name, code) in [
        (json!(""), "input_missing"),
        (json!("   "), "input_missing"),
        (json!("é".repeat(256)), "input_invalid"),
        (json!("a\u{7}b"), "input_invalid"),
        (json!("a\u{0}b"), "input_invalid"),
        (json!(7), "input_invalid"),
    ] {
        let refused = server.post("/v2/agents", &json!({"name": name})).await?;
        refused.expect_field(400, code, "name")?;
    }
    Ok(())
}

pub(super) async fn none(server: &Outside) -> anyhow::Result<()> {
    let bodies: [(&str, &[u8]); 3] = [
        ("application/json", b""),
        ("text/plain", b"{}"),
        ("application/json", b"{}"),
    ];
    for (content_type, body) in bodies {
        let run = server.run(json!({})).await?;
        let path = format!("/v2/task-runs/{}/cancel", text(&run, "id")?);
        let call = server
            .call(Method::POST, &path)
            .header("content-type", content_type);
        let answered = call.bytes(body).send().await?;
        ensure!(answered.status == 200, "{content_type}: {}", answered.body);
        let refused = server.post(&path, &json!({"reason": "x"})).await?;
        refused.expect_field(400, "input_unknown", "reason")?;
    }
    let task = server.task(json!({})).await?;
    let path = format!("/v2/tasks/{}/run", text(&task, "id")?);
    let started = server.call(Method::POST, &path).send().await?;
    ensure!(started.status == 201, "{}", started.body);
    Ok(())
}

pub(super) async fn bounds(server: &Outside) -> anyhow::Result<()> {
    let large = Value::from("x".repeat(2 << 20));
    let large = server.post("/v2/agents", &json!({"name": large})).await?;
    let call = server.call(Method::POST, "/v2/agents");
    let call = call.header("content-encoding", "gzip");
    let packed = call.json(&json!({"name": "Contract check"})).send().await?;

    large.expect(413, "body_too_large")?;
    packed.expect(415, "media_type_unsupported")
}
