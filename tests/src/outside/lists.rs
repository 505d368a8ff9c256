//! Lists: pages, cursors, filters.

use anyhow::{Context, ensure};
use serde_json::json;

use super::server::Outside;
use crate::client::text;

/// Tasks of one agent, which nobody else has; the agent's id, and theirs, newest first.
async fn tasks(server: &Outside, count: usize) -> anyhow::Result<(String, Vec<String>)> {
    let agent = server.agent().await?;
    let agent_id = text(&agent, "id")?.to_owned();
    let mut ids = Vec::new();
    for _ in 0..count {
        let body = json!({"name": "Contract check", "agent_id": agent_id});
        let task = server.make("/v2/tasks", &body).await?;
        ids.insert(0, text(&task, "id")?.to_owned());
    }
    Ok((agent_id, ids))
}

fn next(page: &super::server::Answered) -> anyhow::Result<String> {
    Ok(text(&page.body, "next_cursor")?.to_owned())
}

pub(super) async fn pages(server: &Outside) -> anyhow::Result<()> {
    let (agent_id, ids) = tasks(server, 5).await?;

    let first = server
        .get(&format!("/v2/tasks?agent_id={agent_id}&limit=2"))
        .await?;
    // What is added meanwhile is on no page after it.
    let body = json!({"name": "Contract check", "agent_id": agent_id});
    server.make("/v2/tasks", &body).await?;
    let mut seen = first.ids()?;
    let mut page = first;
    while page.body["has_more"] == true {
        let cursor = next(&page)?;
        page = server
            .get(&format!("/v2/tasks?cursor={cursor}&limit=2"))
            .await?;
        ensure!(page.status == 200, "{}", page.body);
        seen.extend(page.ids()?);
    }

    ensure!(seen == ids, "{seen:?}, not {ids:?}");
    ensure!(page.body["next_cursor"].is_null(), "{}", page.body);
    Ok(())
}

pub(super) async fn limit(server: &Outside) -> anyhow::Result<()> {
    server.agent().await?;
    for wrong in ["0", "-1", "101", "x", "1.5", ""] {
        let refused = server.get(&format!("/v2/agents?limit={wrong}")).await?;
        refused.expect_field(400, "parameter_invalid", "limit")?;
    }
    for right in ["limit=1", "Limit=1"] {
        let page = server.get(&format!("/v2/agents?{right}")).await?;
        ensure!(page.ids()?.len() == 1, "{right}: {}", page.body);
    }
    Ok(())
}

pub(super) async fn cursors(server: &Outside) -> anyhow::Result<()> {
    let (agent_id, ids) = tasks(server, 3).await?;
    let filter = format!("agent_id={agent_id}");
    let page = server.get(&format!("/v2/tasks?{filter}&limit=1")).await?;
    let cursor = next(&page)?;

    let same = server
        .get(&format!("/v2/tasks?{filter}&cursor={cursor}"))
        .await?;
    ensure!(same.ids()? == ids[1..], "{}", same.body);
    let mut changed = cursor.clone();
    let last = changed.pop().context("an empty cursor")?;
    changed.push(if last == 'A' { 'B' } else { 'A' });
    for query in [
        format!("/v2/tasks?{filter}&status=live&cursor={cursor}"),
        format!("/v2/tasks?agent_id=agt_unknown&cursor={cursor}"),
        format!("/v2/agents?cursor={cursor}"),
        format!("/v2/tasks?cursor={changed}"),
        "/v2/tasks?cursor=nonsense".to_owned(),
        "/v2/tasks?cursor=".to_owned(),
    ] {
        let refused = server.get(&query).await?;
        refused.expect_field(400, "cursor_invalid", "cursor")?;
    }
    Ok(())
}

pub(super) async fn by_id(server: &Outside) -> anyhow::Result<()> {
    let (agent_id, ids) = tasks(server, 4).await?;
    let at = format!("/v2/tasks?agent_id={agent_id}");

    let below = server
        .get(&format!("{at}&starting_after={}", ids[1]))
        .await?;
    let above = server
        .get(&format!("{at}&limit=1&ending_before={}", ids[2]))
        .await?;
    let both = format!("{at}&starting_after={}&ending_before={}", ids[1], ids[2]);
    let both = server.get(&both).await?;

    ensure!(below.ids()? == ids[2..], "{}", below.body);
    ensure!(above.ids()? == ids[1..2], "{}", above.body);
    both.expect(400, "parameter_invalid")
}

pub(super) async fn created(server: &Outside) -> anyhow::Result<()> {
    let (agent_id, ids) = tasks(server, 3).await?;
    let middle = server.get(&format!("/v2/tasks/{}", ids[1])).await?;
    let moment = text(&middle.body, "created_at")?;
    let at = format!("/v2/tasks?agent_id={agent_id}");

    let after = server
        .get(&format!("{at}&created_after={moment}"))
        .await?
        .ids()?;
    let before = server
        .get(&format!("{at}&created_before={moment}"))
        .await?
        .ids()?;

    ensure!(
        !after.contains(&ids[1]) && !before.contains(&ids[1]),
        "{moment}"
    );
    ensure!(
        !after.contains(&ids[2]) && !before.contains(&ids[0]),
        "{moment}"
    );
    for query in [
        "created_after=yesterday",
        "created_before=2026-13-01T00:00:00Z",
        "created_after=2026-01-02T00:00:00Z&created_before=2026-01-01T00:00:00Z",
    ] {
        let refused = server.get(&format!("{at}&{query}")).await?;
        refused.expect(400, "parameter_invalid")?;
    }
    Ok(())
}

pub(super) async fn filters(server: &Outside) -> anyhow::Result<()> {
    let (agent_id, ids) = tasks(server, 1).await?;
    let at = format!("/v2/tasks?agent_id={agent_id}");

    for (query, is_there) in [
        ("status=learning", true),
        ("status=live", false),
        ("status=live&status=learning", true),
        ("status=live,learning", true),
    ] {
        let page = server.get(&format!("{at}&{query}")).await?;
        ensure!(
            page.ids()?.contains(&ids[0]) == is_there,
            "{query}: {}",
            page.body
        );
    }
    let elsewhere = server.get("/v2/tasks?agent_id=agt_unknown").await?;
    ensure!(elsewhere.ids()?.is_empty(), "{}", elsewhere.body);
    let wrong = server.get(&format!("{at}&status=sleeping")).await?;
    wrong.expect_field(400, "parameter_invalid", "status")
}

pub(super) async fn sessions(server: &Outside) -> anyhow::Result<()> {
    let (older, newer) = (server.run(json!({})).await?, server.run(json!({})).await?);
    let (first, second) = (text(&older, "session_id")?, text(&newer, "session_id")?);

    // Others may begin sessions meanwhile.
    let above = server
        .get(&format!("/v2/sessions?ending_before={first}&limit=100"))
        .await?;
    let items = above.body["data"].as_array().context("no list")?;
    let session = items.iter().find(|session| session["id"] == second);
    let session = session.with_context(|| format!("{second} is not above {first}"))?;
    ensure!(session["object"] == "session", "{session}");
    ensure!(session["task_runs"][0]["id"] == newer["id"], "{session}");
    let below = server
        .get(&format!("/v2/sessions?starting_after={second}&limit=100"))
        .await?;
    ensure!(below.ids()?.iter().any(|id| id == first), "{}", below.body);
    for query in [
        "created_before=2000-01-01T00:00:00Z",
        "created_after=2999-01-01T00:00:00Z",
    ] {
        let none = server.get(&format!("/v2/sessions?{query}")).await?;
        ensure!(none.ids()?.is_empty(), "{query}: {}", none.body);
    }
    let runs = server
        .get(&format!("/v2/task-runs?session_id={first}"))
        .await?;
    ensure!(runs.ids()? == [text(&older, "id")?], "{}", runs.body);
    let unknown = server.get("/v2/sessions?status=queued").await?;
    unknown.expect_field(400, "parameter_unknown", "status")
}
