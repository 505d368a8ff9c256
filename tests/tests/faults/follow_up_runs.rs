//! Runs that are queued for a session while its first one is under way: each finds the login, also where
//! its worker is given it before it has heard that the one before is over.

use anyhow::ensure;
use rstest::rstest;
use serde_json::json;
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::client::text;
use windlass_tests::{Backend, World, history};

use crate::chance::Chance;
use crate::network::Network;
use crate::outside_workers::{OutsideWorker, POOL};

/// How many runs each session has.
const RUNS: usize = 4;

/// A server with a website of so many users, whose runs need nobody.
async fn world(backend: Backend, users: usize) -> anyhow::Result<World> {
    let site = DemoSite::builder().users(users).without_codes();
    World::start(backend, site.start().await?).await
}

/// Starts a session for each user with all its runs, and lets them end: there is one login in each.
async fn one_login_in_each_session(world: &World, pool: &str) -> anyhow::Result<()> {
    let client = world.client();
    let task_id = world.task(json!({"pool": pool})).await?;
    let path = format!("/v2/tasks/{task_id}/run");
    let users = world.site.users();
    let mut run_ids = Vec::new();
    for user in &users {
        let body = json!({"credential_id": world.credential(user, PASSWORD).await?});
        let first = client.post(&path, &body).await?;
        let next = json!({"session_id": first["session_id"]});
        run_ids.push(text(&first, "id")?.to_owned());
        for _ in 1..RUNS {
            let next = client.post(&path, &next).await?;
            run_ids.push(text(&next, "id")?.to_owned());
        }
    }

    for run_id in &run_ids {
        let run = client.ended(run_id).await?;
        ensure!(run["status"] == "completed", "{run}");
    }
    for user in &users {
        let username = Some(user.username.as_str());
        let logins = world.site.visit_count("POST", "/login", username);
        ensure!(logins == 1, "{} logged in {logins} times", user.username);
    }
    history::check(&client, &world.receiver, &run_ids).await?;
    Ok(())
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_follow_up_run_of_the_built_in_worker_finds_its_login(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = world(backend, 24).await?;

    one_login_in_each_session(&world, "builtin").await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_follow_up_run_of_an_outside_worker_finds_its_login(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let world = world(backend, 8).await?;
    let url = world.server.url();
    let network = Network::answering_ends_late(url, Chance::seeded()?).await?;
    let _worker = OutsideWorker::start("outside".to_owned(), network.url())?;

    one_login_in_each_session(&world, POOL).await
}
