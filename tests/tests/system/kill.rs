//! SIGKILL of the server while runs are in flight: what was answered 201 is not lost.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::json;
use windlass_demo_site::{DemoSite, PASSWORD, User};
use windlass_tests::{World, history};

/// Half of them may be repeated, half not.
const RUNS: usize = 10;

/// How often the server is killed.
const KILLS: usize = 3;

#[tokio::test]
async fn runs_in_flight_at_a_kill_end_once_and_every_event_arrives() -> anyhow::Result<()> {
    let site = DemoSite::builder().users(RUNS).start().await?;
    // Long enough that all ten are on their way when the server is killed.
    site.slow("/invoices", Duration::from_millis(500));
    let mut world = World::start(site).await?;
    let once = world.task(json!({})).await?;
    let repeated = world.task(json!({"max_attempts": 25})).await?;
    let mut runs = Vec::new();
    for number in 0..RUNS {
        let user = world.user(number)?;
        let credential_id = world.credential(&user, PASSWORD).await?;
        let task_id = if number % 2 == 0 { &once } else { &repeated };
        runs.push((world.run(task_id, &credential_id).await?, user));
    }

    let mut in_flight = Vec::new();
    for _ in 0..KILLS {
        in_flight.push(until_under_way(&world, &runs).await?);
        world.server = world.server.kill_and_start_again().await?;
    }
    end_all(&world, &runs).await?;

    let run_ids: Vec<String> = runs.iter().map(|(run_id, _)| run_id.clone()).collect();
    let counts = history::check(&world.client(), &world.receiver, &run_ids).await?;
    println!("killed with {in_flight:?} runs in flight: {counts:?}");
    assert_eq!(
        in_flight[0], RUNS,
        "all runs were in flight at the first kill"
    );
    assert_eq!(counts.runs.values().sum::<usize>(), RUNS);
    assert_eq!(
        counts.runs.get("completed"),
        Some(&(RUNS / 2)),
        "what may be repeated completes, what may not fails: {counts:?}"
    );
    for (_, user) in runs.iter().step_by(2) {
        let logins = world
            .site
            .visit_count("POST", "/login", Some(&user.username));
        assert_eq!(logins, 1, "{} was logged in again", user.username);
    }
    Ok(())
}

/// Waits until every run that is live has been leased; some wait for a code, some read on. How many
/// are live.
async fn until_under_way(world: &World, runs: &[(String, User)]) -> anyhow::Result<usize> {
    let client = world.client();
    let mut live = 0;
    for (run_id, _) in runs {
        let run = client
            .run_in(run_id, &["interaction_required", "failed", "completed"])
            .await?;
        if run["status"] == "interaction_required" {
            live += 1;
        }
    }
    // Some go on and are killed while they read, the others while they wait.
    for (run_id, user) in runs.iter().step_by(3) {
        answer(world, run_id, user).await?;
    }
    Ok(live)
}

/// Answers the code that was sent last, if the run still waits for one.
async fn answer(world: &World, run_id: &str, user: &User) -> anyhow::Result<()> {
    let code = world.site.phone().latest_code(&user.username);
    let code = code.context("the site has sent no code")?;
    let path = format!("/v2/task-runs/{run_id}/interaction");
    let body = json!({"input": {"code": code}});
    let answer = world
        .client()
        .call(Method::POST, &path, Some(&body))
        .await?;
    // Where its lease was lost in between, the page that asked is gone with it.
    let too_late = answer.code() == "request/interaction_not_pending";
    ensure!(
        too_late || answer.status.is_success(),
        "{run_id}: {}",
        answer.body
    );
    Ok(())
}

/// Answers every code that is asked for until all runs have ended.
async fn end_all(world: &World, runs: &[(String, User)]) -> anyhow::Result<()> {
    let client = world.client();
    for (run_id, user) in runs {
        loop {
            let run = client
                .run_in(
                    run_id,
                    &["interaction_required", "failed", "completed", "canceled"],
                )
                .await?;
            if run["status"] != "interaction_required" {
                break;
            }
            answer(world, run_id, user).await?;
        }
    }
    Ok(())
}
