//! A run that waits for a person outlives the server.

use std::collections::BTreeMap;
use std::time::Duration;

use rstest::rstest;
use windlass_demo_site::{DemoSite, PASSWORD};
use windlass_tests::{Backend, World, history};

#[rstest]
#[tokio::test]
async fn a_run_that_waits_for_its_code_goes_on_after_a_kill_without_another_login(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let mut world = World::start(backend, DemoSite::start().await?).await?;
    let user = world.user(0)?;
    let credential_id = world.credential(&user, PASSWORD).await?;
    let task_id = world.task(serde_json::json!({})).await?;
    let run_id = world.run(&task_id, &credential_id).await?;
    let before = world
        .client()
        .run_in(&run_id, &["interaction_required"])
        .await?;
    // So that nothing of it was being sent at the kill, and would come 25 s late.
    world
        .receiver
        .wait_for(
            |webhook| webhook.event_type == "task_run.interaction_required",
            Duration::from_secs(20),
        )
        .await?;

    world.server = world.server.kill_and_start_again().await?;

    let client = world.client();
    // A server that answers knows already what was lost: an answer never goes to the dead lease.
    let again = client
        .run_in(
            &run_id,
            &["interaction_required", "completed", "failed", "canceled"],
        )
        .await?;
    assert_eq!(again["status"], "interaction_required", "{again}");
    assert_ne!(again["interaction"]["id"], before["interaction"]["id"]);
    for part in ["type", "message", "fields", "attempt"] {
        assert_eq!(again["interaction"][part], before["interaction"][part]);
    }
    world.answer_code(&run_id, &user).await?;
    let run = client.ended(&run_id).await?;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["output"], user.expected_output());
    let logins = world
        .site
        .visit_count("POST", "/login", Some(&user.username));
    assert_eq!(logins, 1);
    history::check(&client, &world.receiver, std::slice::from_ref(&run_id)).await?;
    let expected = [
        "queued",
        "running",
        "interaction_required",
        "queued",
        "running",
        "interaction_required",
        "running",
        "completed",
    ];
    assert_eq!(statuses(&world, &run_id), expected);
    Ok(())
}

/// What the receiver was told that the run is, in the order of its versions.
fn statuses(world: &World, run_id: &str) -> Vec<String> {
    let received = world.receiver.received();
    let of_run = received
        .iter()
        .map(|webhook| &webhook.body["data"])
        .filter(|data| data["id"] == run_id);
    let versions: BTreeMap<_, _> = of_run
        .filter_map(|data| Some((data["version"].as_u64()?, data["status"].as_str()?)))
        .collect();
    versions.into_values().map(str::to_owned).collect()
}
