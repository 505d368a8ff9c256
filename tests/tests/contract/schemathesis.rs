//! Property tests of all calls, made from the document by schemathesis, which others wrote.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::process::Command;
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_test_servers::PYTHON;
use windlass_tests::client::{http, text};
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Server, World};

/// How many examples of each call are drawn; more are drawn by hand before a release.
const EXAMPLES: &str = "WINDLASS_SCHEMATHESIS_EXAMPLES";

/// The calls' configuration and what goes with it, copied to where the tests may write.
const FILES: [(&str, &str); 2] = [
    ("schemathesis.toml", include_str!("schemathesis.toml")),
    ("hooks.py", include_str!("hooks.py")),
];

/// A program of the environment that the tests' Python is in.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let python = std::env::var_os(PYTHON).with_context(|| format!("{PYTHON} is not set"))?;
    Ok(Path::new(&python).with_file_name(name))
}

/// Runs in each status that stays, and what goes with them, by the names that the configuration has.
async fn seeded(world: &World) -> anyhow::Result<Vec<(&'static str, String)>> {
    let client = world.client();
    let task = world.task(json!({})).await?;
    let reviewed = world.task(json!({"review": "required"})).await?;
    let left = world.task(json!({"pool": "nobody"})).await?;
    let mut runs = Vec::new();
    for (number, task) in [&task, &reviewed, &task, &left].into_iter().enumerate() {
        let user = world.user(number)?;
        let credential = world.credential(&user, PASSWORD).await?;
        runs.push(world.run(task, &credential).await?);
    }
    for (number, run) in runs.iter().take(3).enumerate() {
        client.run_in(run, &["interaction_required"]).await?;
        if number < 2 {
            world.answer_code(run, &world.user(number)?).await?;
        }
    }
    client.run_in(&runs[0], &["completed"]).await?;
    client.run_in(&runs[1], &["review_required"]).await?;
    let files = client
        .list(&format!("/v2/task-runs/{}/storage", runs[0]))
        .await?;
    let events = client
        .list(&format!("/v2/task-runs/{}/events", runs[0]))
        .await?;
    let first = |items: &[serde_json::Value]| {
        let item = items.first().context("an empty list")?;
        anyhow::Ok(text(item, "id")?.to_owned())
    };
    Ok(vec![
        ("RUN_COMPLETED", runs[0].clone()),
        ("RUN_IN_REVIEW", runs[1].clone()),
        ("RUN_ASKING", runs[2].clone()),
        ("RUN_QUEUED", runs[3].clone()),
        ("TASK", task),
        ("SOURCE", world.source_id.clone()),
        ("FILE", first(&files)?),
        ("EVENT", first(&events)?),
    ])
}

#[tokio::test]
async fn every_call_keeps_what_the_document_promises() -> anyhow::Result<()> {
    let site = DemoSite::builder().users(4).start().await?;
    let ground = Backend::Sqlite.ground().await?;
    let log = ground.folder().join("server.log");
    let server = Server::start_logging(&ground, &[], log).await?;
    let world = World::on(server, ground, site).await?;
    let seeds = seeded(&world).await?;
    let folder = tempfile::tempdir()?;
    for (name, content) in FILES {
        std::fs::write(folder.path().join(name), content)?;
    }

    let mut command = Command::new(program("schemathesis")?);
    command
        .args(["--config-file", "schemathesis.toml", "--no-color", "run"])
        .arg(format!("{}/openapi.json", world.server.url()))
        .args(["--checks", "all", "--max-examples"])
        .arg(std::env::var(EXAMPLES).unwrap_or_else(|_| "5".to_owned()))
        .current_dir(folder.path())
        .env("WINDLASS_KEY", KEY)
        .envs(seeds)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    let output = command
        .output()
        .await
        .context("schemathesis is not installed")?;

    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    ensure!(output.status.success(), "{said}");
    let selected = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("Selected: "));
    let (selected, all) = selected
        .and_then(|counts| counts.split_once('/'))
        .context("no count of calls")?;
    ensure!(selected == all, "{selected} of {all} calls");
    let metrics = http().get(format!("{}/metrics", world.server.ops_url()));
    let metrics = metrics.send().await?.text().await?;
    let failed: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("windlass_http_requests_total"))
        .filter(|line| line.contains("status=\"5"))
        .collect();
    ensure!(failed.is_empty(), "{failed:?}");
    Ok(())
}
