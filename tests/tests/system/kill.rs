//! SIGKILL of the server while runs are in flight: what was answered 201 is not lost.

use std::collections::BTreeSet;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use windlass_demo_site::{DemoSite, PASSWORD, User};
use windlass_tests::client::text;
use windlass_tests::{Backend, World, history};

/// Half of them may be repeated, half not: every other one.
const RUNS: usize = 10;

/// How often the server is killed.
const KILLS: usize = 3;

/// One run in so many is killed while it reads, the others while they wait for a code.
const READS: usize = 3;

#[rstest]
#[tokio::test]
async fn runs_in_flight_at_a_kill_end_once_and_every_event_arrives(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let site = DemoSite::builder().users(RUNS).start().await?;
    // None that reads comes to its end before the server is killed.
    site.slow("/invoices", Duration::from_secs(50));
    let mut world = World::start(backend, site).await?;
    let once = world.task(json!({})).await?;
    let repeated = world.task(json!({"max_attempts": 25})).await?;
    let mut runs = Vec::new();
    for number in 0..RUNS {
        let user = world.user(number)?;
        let credential_id = world.credential(&user, PASSWORD).await?;
        let task_id = if is_repeated(number) {
            &repeated
        } else {
            &once
        };
        runs.push((world.run(task_id, &credential_id).await?, user));
    }

    let mut asked = BTreeSet::new();
    let mut in_flight = Vec::new();
    for _ in 0..KILLS {
        in_flight.push(until_under_way(&world, &runs, &mut asked).await?);
        world.server = world.server.kill_and_start_again().await?;
    }
    world.site.slow("/invoices", Duration::ZERO);
    end_all(&world, &runs, &mut asked).await?;

    let run_ids: Vec<String> = runs.iter().map(|(run_id, _)| run_id.clone()).collect();
    let counts = history::check(&world.client(), &world.receiver, &run_ids).await?;
    println!("killed with {in_flight:?} runs in flight: {counts:?}");
    let lost = (0..RUNS).filter(|number| reads(*number) && !is_repeated(*number));
    let left = RUNS - lost.count();
    assert_eq!(in_flight, [RUNS, left, left]);
    for (number, (run_id, user)) in runs.iter().enumerate() {
        let run = world.client().ended(run_id).await?;
        if reads(number) && !is_repeated(number) {
            assert_eq!(run["status"], "failed", "it had read: {run}");
            assert_eq!(run["errors"][0]["code"], "session_lost", "{run}");
        } else {
            assert_eq!(run["status"], "completed", "{run}");
            assert_eq!(run["output"], user.expected_output());
        }
        let attempts = if reads(number) && is_repeated(number) {
            1 + KILLS
        } else {
            1
        };
        let logins = world
            .site
            .visit_count("POST", "/login", Some(&user.username));
        assert_eq!(logins, attempts, "logins of {}", user.username);
    }
    Ok(())
}

fn is_repeated(number: usize) -> bool {
    number % 2 == 1
}

fn reads(number: usize) -> bool {
    number.is_multiple_of(READS)
}

/// Waits until every run that is live waits for a code under its present lease, and lets some of
/// them read on. How many are live.
async fn until_under_way(
    world: &World,
    runs: &[(String, User)],
    asked: &mut BTreeSet<String>,
) -> anyhow::Result<usize> {
    let mut waiting = Vec::new();
    for (number, (run_id, user)) in runs.iter().enumerate() {
        if asks(world, run_id, asked).await? {
            waiting.push((number, run_id, user));
        }
    }
    for (_, run_id, user) in waiting.iter().filter(|(number, ..)| reads(*number)) {
        world.answer_code(run_id, user).await?;
    }
    Ok(waiting.len())
}

/// Answers every code that is asked for until all runs have ended.
async fn end_all(
    world: &World,
    runs: &[(String, User)],
    asked: &mut BTreeSet<String>,
) -> anyhow::Result<()> {
    for (run_id, user) in runs {
        while asks(world, run_id, asked).await? {
            world.answer_code(run_id, user).await?;
        }
    }
    Ok(())
}

/// Whether the run asks for a code that it has not asked for before; false once it has ended.
async fn asks(world: &World, run_id: &str, asked: &mut BTreeSet<String>) -> anyhow::Result<bool> {
    let run = world.client().asks_anew_or_ended(run_id, asked).await?;
    if run["status"] != "interaction_required" {
        return Ok(false);
    }
    asked.insert(text(&run["interaction"], "id")?.to_owned());
    Ok(true)
}
