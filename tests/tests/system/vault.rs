//! `windlass vault`: keys are rotated while a server runs, and a rotation that was killed goes on.

use std::process::Stdio;

use anyhow::Context;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use windlass_demo_site::DemoSite;
use windlass_tests::client::text;
use windlass_tests::server::command;
use windlass_tests::{Backend, Ground, World};

use crate::commands::printed;

const ROTATE: [&str; 4] = ["vault", "rotate-data-keys", "--settle-seconds", "1"];

/// Starts a command, and kills it once it has printed its first line.
async fn killed_at_its_first_line(arguments: &[&str], ground: &Ground) -> anyhow::Result<()> {
    let mut child = command()?
        .args(arguments)
        .env("WINDLASS_DATA_DIR", ground.data_folder())
        .envs(ground.variables().iter().cloned())
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()?;
    let output = child.stdout.take().context("its output is piped")?;
    let mut lines = BufReader::new(output).lines();
    let line = lines.next_line().await?;
    line.context("it prints what it has begun")?;
    child.kill().await?;
    Ok(())
}

/// Starts a run that needs its credential and waits for a person, with a checkpoint.
async fn asking(world: &World, task: &str, credential: &str) -> anyhow::Result<Value> {
    let run = world.run(task, credential).await?;
    world.client().run_in(&run, &["interaction_required"]).await
}

#[rstest]
#[tokio::test]
async fn keys_are_rotated_while_runs_go_on(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let site = DemoSite::start().await.unwrap();
    let world = World::start(backend, site).await.unwrap();
    let (client, user) = (world.client(), world.user(0).unwrap());
    let task = world.task(json!({})).await.unwrap();
    let credential = world.credential(&user, windlass_demo_site::PASSWORD);
    let credential = credential.await.unwrap();
    let before = asking(&world, &task, &credential).await.unwrap();

    killed_at_its_first_line(&ROTATE, &world.ground)
        .await
        .unwrap();
    let said = printed(&ROTATE, &world.ground).await;
    assert!(said.contains("sealed with version 2 now"), "{said}");
    let again = printed(&["vault", "rotate-master"], &world.ground).await;
    assert!(again.contains("data keys are wrapped"), "{again}");

    let read = client.get(&format!("/v2/credentials/{credential}")).await;
    assert_eq!(
        read.unwrap()["auth_credentials"]["username"],
        user.username.as_str()
    );
    let run = text(&before, "id").unwrap();
    world.answer_code(run, &user).await.unwrap();
    let ended = client.run_in(run, &["completed", "failed"]).await.unwrap();
    assert_eq!(ended["status"], "completed", "{ended}");
    let input = client
        .get(&format!("/v2/task-runs/{run}?include=input"))
        .await;
    assert_eq!(input.unwrap()["input"], json!({}));
    let later = asking(&world, &task, &credential).await.unwrap();
    assert_eq!(later["status"], "interaction_required");
    let audit = printed(&["audit", "verify"], &world.ground).await;
    assert!(audit.contains("are as they were written"), "{audit}");
}
