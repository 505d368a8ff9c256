//! Several servers on one PostgreSQL database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::server::command;
use windlass_tests::{Backend, Ground, Server, World, history};

use crate::logged_server::{Ended, LoggedServer};

/// Replicas with data folders of their own share the key by its variable.
const MASTER_KEY: (&str, &str) = (
    "WINDLASS_MASTER_KEY",
    "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
);

async fn replica(ground: &Ground, name: &str, folder: &Path) -> Result<LoggedServer, Ended> {
    let folder = folder.to_str().expect("a temporary folder's name is text");
    let variables = [
        ("WINDLASS_REPLICA_NAME", name),
        ("WINDLASS_DATA_DIR", folder),
        MASTER_KEY,
    ];
    LoggedServer::start(ground, &variables).await
}

/// What `windlass keys list --json` prints.
async fn keys(ground: &Ground) -> Vec<Value> {
    let output = command()
        .expect("the tests are started by cargo xtask test")
        .args(["keys", "list", "--json"])
        .envs(ground.variables().iter().cloned())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the binary can be started");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("a list")
}

#[tokio::test]
async fn of_two_first_starts_at_once_both_serve_and_one_makes_the_first_key() {
    let ground = Backend::Postgres.ground().await.unwrap();
    let folders = ["one", "two"].map(|name| ground.folder().join(name));

    let (one, two) = tokio::join!(
        replica(&ground, "one", &folders[0]),
        replica(&ground, "two", &folders[1]),
    );

    let servers = [one.unwrap(), two.unwrap()];
    let first_keys: Vec<PathBuf> = folders
        .iter()
        .map(|folder| folder.join("first-key"))
        .filter(|file| file.exists())
        .collect();
    assert_eq!(first_keys.len(), 1, "{first_keys:?}");
    let keys = keys(&ground).await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    let key = fs::read_to_string(&first_keys[0]).unwrap();
    for server in servers {
        let answer = server.client(key.trim()).get("/v2/test").await.unwrap();
        assert_eq!(answer["environment"], "live");
        let ended = server.end_by("TERM").await;
        assert!(ended.status.success(), "{ended:?}");
        let password = ground.variables()[0].1.split([':', '@']).nth(2).unwrap();
        assert!(!ended.log.contains(password), "{}", ended.log);
    }
}

#[tokio::test]
async fn a_replica_with_anothers_key_is_refused() {
    let ground = Backend::Postgres.ground().await.unwrap();
    let first = LoggedServer::start(&ground, &[]).await.unwrap();

    let other = replica(&ground, "other", &ground.folder().join("other")).await;

    let ended = other.err().expect("its key is another");
    assert!(
        ended.log.contains("not the master key of this database"),
        "{}",
        ended.log
    );
    assert!(first.end_by("TERM").await.status.success());
}

#[tokio::test]
async fn of_two_replicas_with_one_name_the_older_ends_and_says_why() {
    let ground = Backend::Postgres.ground().await.unwrap();
    let folder = ground.data_folder();
    let older = replica(&ground, "blue", &folder).await.unwrap();

    let newer = replica(&ground, "blue", &folder).await.unwrap();

    let ended = older.ended().await;
    assert!(!ended.status.success(), "{ended:?}");
    assert!(
        ended.log.contains("blue") && ended.log.contains("--replica-name"),
        "{}",
        ended.log
    );
    assert!(newer.end_by("TERM").await.status.success());
}

#[tokio::test]
async fn replicas_share_runs_and_whoever_is_asked_knows_all() -> anyhow::Result<()> {
    let site = DemoSite::start().await?;
    let world = World::start(Backend::Postgres, site).await?;
    let settings = [("WINDLASS_REPLICA_NAME", "second")];
    let second = Server::start_with(&world.ground, &settings).await?;
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;

    let run_id = world.run(&task_id, &credential_id).await?;
    let there = second.client();
    there.run_in(&run_id, &["interaction_required"]).await?;
    world.answer_code(&run_id, &user).await?;
    // Waited for at the replica that was not asked for it.
    let run = there
        .get(&format!("/v2/task-runs/{run_id}?wait=60"))
        .await?;

    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["output"], user.expected_output());
    history::check(&there, &world.receiver, &[run_id]).await?;
    second.stop().await
}

/// Redis carries the news; without it they are found by looking.
#[tokio::test]
async fn a_run_ends_as_well_without_redis() -> anyhow::Result<()> {
    let site = DemoSite::builder().without_codes().start().await?;
    let ground = Backend::Postgres.ground().await?;
    let nowhere = [("WINDLASS_SIGNALS", "redis://127.0.0.1:1/")];
    let world = World::on(Server::start_with(&ground, &nowhere).await?, ground, site).await?;
    let credential_id = world.credential(&world.user(0)?, PASSWORD).await?;
    let task_id = world.task(json!({})).await?;

    let run_id = world.run(&task_id, &credential_id).await?;

    let run = world.client().ended(&run_id).await?;
    assert_eq!(run["status"], "completed", "{run}");
    Ok(())
}
