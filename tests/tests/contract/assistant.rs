//! An assistant has a task done by the tools of `/mcp` and of `windlass mcp`, with the client that those
//! who keep the protocol have written.

use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::server::KEY;
use windlass_tests::{Backend, World};

use crate::schemathesis::program;

/// What the assistant does.
const ASSISTANT: &str = include_str!("assistant.py");

/// Through how many doors it does so.
const DOORS: usize = 3;

#[tokio::test]
async fn an_assistant_has_a_task_done_through_each_door() -> anyhow::Result<()> {
    let world = World::start(Backend::Sqlite, DemoSite::start().await?).await?;
    let user = world.user(0)?;
    let credential = world.credential(&user, PASSWORD).await?;
    let task = world.task(json!({"review": "required"})).await?;
    let queued = world.task(json!({"pool": "nobody"})).await?;
    let binary = std::env::var("WINDLASS_TEST_BINARY").context("no binary is given")?;
    let mut assistant = Command::new(program("python")?)
        .args(["-c", ASSISTANT])
        .env("WINDLASS_URL", world.server.url())
        .env("WINDLASS_KEY", KEY)
        .env("WINDLASS", binary)
        .env("TASK", task)
        .env("QUEUED_TASK", queued)
        .env("CREDENTIAL", credential)
        .env("PASSWORD", PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = assistant.stdin.take().context("it has no input")?;
    let output = assistant.stdout.take().context("it has no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut said = async || -> anyhow::Result<Value> {
        let line = lines.next_line().await?.context("it has ended")?;
        Ok(serde_json::from_str(&line)?)
    };

    for _ in 0..DOORS {
        assert_eq!(said().await?, json!({"asks": "code"}));
        let code = world.site.phone().latest_code(&user.username);
        let code = code.context("the site has sent no code")?;
        input.write_all(format!("{code}\n").as_bytes()).await?;
        let ended = said().await?;
        assert_eq!(ended["output"], user.expected_output());
        assert!(ended["happened"].as_u64() > Some(3), "{ended}");
    }
    let status = assistant.wait().await?;
    ensure!(status.success(), "{status}");
    Ok(())
}
