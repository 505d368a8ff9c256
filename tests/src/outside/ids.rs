//! Ids.

use anyhow::ensure;
use serde_json::{Value, json};

use super::server::Outside;
use crate::client::text;

/// Whether this is an id that the server made: its prefix and 22 characters of base62.
pub(super) fn is_id(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == 22 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// An id of the caller's that nobody has had before.
async fn fresh(server: &Outside, prefix: &str) -> anyhow::Result<String> {
    let answered = server.get("/v2/test").await?;
    let request_id = text(&answered.body, "request_id")?;
    Ok(format!(
        "{prefix}contract-check_{}",
        request_id.trim_start_matches("req_")
    ))
}

pub(super) async fn shape(server: &Outside) -> anyhow::Result<()> {
    let (first, second) = (server.agent().await?, server.agent().await?);
    let source = server.source().await?;
    let credential = json!({"source_id": source["id"]});
    let credential = server.make("/v2/credentials", &credential).await?;
    let run = server.run(json!({})).await?;

    for (value, prefix) in [
        (&first["id"], "agt_"),
        (&second["id"], "agt_"),
        (&source["id"], "src_"),
        (&credential["id"], "cred_"),
        (&run["id"], "trun_"),
        (&run["session_id"], "sess_"),
        (&run["task_id"], "task_"),
    ] {
        ensure!(is_id(value.as_str().unwrap_or_default(), prefix), "{value}");
    }
    ensure!(
        text(&first, "id")? < text(&second, "id")?,
        "{first} {second}"
    );
    Ok(())
}

pub(super) async fn own(server: &Outside) -> anyhow::Result<()> {
    let agent = server.agent().await?;
    let website = json!({"url": "https://contract-check.example/"});
    for (path, prefix, mut body) in [
        ("/v2/agents", "agt_", json!({"name": "Contract check"})),
        (
            "/v2/sources",
            "src_",
            json!({"type": "website", "website": website}),
        ),
        (
            "/v2/tasks",
            "task_",
            json!({"name": "Contract check", "agent_id": agent["id"]}),
        ),
    ] {
        let id = fresh(server, prefix).await?;
        body["id"] = json!(id);
        let made = server.make(path, &body).await?;
        ensure!(made["id"] == id, "{made}");
        let again = server.post(path, &body).await?;
        again.expect_field(409, "id_taken", "id")?;
        for wrong in ["contract-check", &format!("{prefix}a b"), prefix] {
            body["id"] = json!(wrong);
            let refused = server.post(path, &body).await?;
            refused.expect_field(400, "input_invalid", "id")?;
        }
    }
    Ok(())
}

pub(super) async fn malformed(server: &Outside) -> anyhow::Result<()> {
    for (path, code) in [
        ("/v2/agents", "agent_not_found"),
        ("/v2/sources", "source_not_found"),
        ("/v2/credentials", "credential_not_found"),
        ("/v2/tasks", "task_not_found"),
        ("/v2/task-runs", "task_run_not_found"),
        ("/v2/sessions", "session_not_found"),
        ("/v2/storage", "storage_not_found"),
        ("/v2/events", "event_not_found"),
        ("/v2/event-destinations", "event_destination_not_found"),
    ] {
        for id in [
            "1",
            "rubbish",
            "%00",
            "trun_x",
            "agt_0324ygLuwpuEqQLXlTfeFw%20",
        ] {
            server
                .get(&format!("{path}/{id}"))
                .await?
                .expect(404, code)?;
        }
    }
    Ok(())
}

pub(super) async fn in_bodies(server: &Outside) -> anyhow::Result<()> {
    let task = server
        .task(json!({"settings": {"source": "required"}}))
        .await?;
    let run = format!("/v2/tasks/{}/run", text(&task, "id")?);
    let cases: [(&str, Value, u16, &str, &str); 5] = [
        (
            "/v2/credentials",
            json!({"source_id": "x"}),
            400,
            "source_invalid",
            "source_id",
        ),
        (
            "/v2/tasks",
            json!({"name": "a", "agent_id": "x"}),
            404,
            "agent_not_found",
            "agent_id",
        ),
        (
            &run,
            json!({"source_id": "x"}),
            400,
            "source_invalid",
            "source_id",
        ),
        (
            &run,
            json!({"credential_id": "x"}),
            404,
            "credential_not_found",
            "credential_id",
        ),
        (
            &run,
            json!({"session_id": "x"}),
            404,
            "session_not_found",
            "session_id",
        ),
    ];
    for (path, body, status, code, field) in cases {
        let refused = server.post(path, &body).await?;
        refused.expect_field(status, code, field)?;
    }
    Ok(())
}
