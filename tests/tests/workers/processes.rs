//! Workers that are killed, stopped, canceled and drained.

use anyhow::ensure;
use rstest::rstest;
use serde_json::{Value, json};
use windlass_tests::client::text;
use windlass_tests::{Backend, history};

use crate::website::Website;
use crate::worker::Place;

#[rstest]
#[tokio::test]
async fn a_run_is_done_by_a_worker_of_ones_own(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let website = Website::holding(&[]).await?;
    let place = Place::start(backend, &website, json!({})).await?;
    let _worker = place.worker("titles-1")?;

    let run_id = place.run(json!({"approve": true})).await?;
    let client = place.client();
    let asking = client.run_in(&run_id, &["interaction_required"]).await?;
    let path = format!("/v2/task-runs/{run_id}/interaction");
    client.post(&path, &json!({"input": {}})).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(asking["interaction"]["type"], "approval");
    assert_eq!(run["output"], json!({"title": "Page 1"}), "{run}");
    let files = client
        .list(&format!("/v2/task-runs/{run_id}/storage"))
        .await?;
    assert_eq!(files.len(), 1);
    assert_eq!(files[0]["file_name"], "page.html");
    let timeline = client
        .get(&format!("/v2/task-runs/{run_id}/timeline"))
        .await?;
    assert!(timeline.to_string().contains("open the page"), "{timeline}");
    let counts = history::check(&client, &place.receiver, &[run_id]).await?;
    assert_eq!(counts.runs["completed"], 1);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_worker_that_was_stopped_beyond_its_lease_changes_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    // The first worker waits for the website when it is stopped.
    let website = Website::holding(&[1]).await?;
    let place = Place::start(backend, &website, json!({"max_attempts": 2})).await?;
    let client = place.client();
    let first = place.worker("titles-1")?;
    let run_id = place.run(json!({})).await?;
    website.asked(1).await?;

    first.signal("STOP").await?;
    let second = place.worker("titles-2")?;
    let run = client.ended(&run_id).await?;
    let path = format!("/v2/task-runs/{run_id}");
    let before = client.get(&format!("{path}?include=storage")).await?;
    website.let_go();
    first.signal("CONT").await?;
    first.says("is no longer this worker's").await?;

    assert_eq!(run["output"], json!({"title": "Page 2"}), "{run}");
    // It is as good as new: it does the next run, alone.
    drop(second);
    let next_id = place.run(json!({})).await?;
    let next = client.ended(&next_id).await?;
    assert_eq!(next["output"], json!({"title": "Page 3"}), "{next}");
    let after = client.get(&format!("{path}?include=storage")).await?;
    ensure!(told(&before) == told(&after), "{before} became {after}");
    assert_eq!(website.requests(), 3, "it opened the page once");
    let counts = history::check(&client, &place.receiver, &[run_id, next_id]).await?;
    assert_eq!(counts.runs["completed"], 2);
    Ok(())
}

/// A run without what each answer has of its own.
fn told(run: &Value) -> Value {
    let mut run = run.clone();
    run["request_id"] = Value::Null;
    for file in run["storage"].as_array_mut().into_iter().flatten() {
        // Its signature has the moment in it.
        file["url"] = Value::Null;
    }
    run
}

#[rstest]
#[tokio::test]
async fn a_worker_that_was_killed_loses_its_run_to_another(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let website = Website::holding(&[1]).await?;
    let place = Place::start(backend, &website, json!({"max_attempts": 2})).await?;
    let first = place.worker("titles-1")?;
    let run_id = place.run(json!({})).await?;
    website.asked(1).await?;

    first.signal("KILL").await?;
    // The same worker, started again: what it held is lost at once.
    let _second = place.worker("titles-1")?;
    let run = place.client().ended(&run_id).await?;

    assert_eq!(run["output"], json!({"title": "Page 2"}), "{run}");
    let client = place.client();
    let counts = history::check(&client, &place.receiver, &[run_id]).await?;
    assert_eq!(counts.runs["completed"], 1);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_server_that_starts_again_is_waited_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let website = Website::holding(&[1]).await?;
    let mut place = Place::leasing_for("60", backend, &website, json!({})).await?;
    let _worker = place.worker("titles-1")?;
    let run_id = place.run(json!({})).await?;
    website.asked(1).await?;
    // From here on the lease lives for a minute.
    place.renewed().await?;

    place.server = place.server.kill_and_start_again().await?;
    website.let_go();
    let client = place.client();
    let run = client.ended(&run_id).await?;

    assert_eq!(run["output"], json!({"title": "Page 1"}), "{run}");
    assert_eq!(website.requests(), 1, "the page is not opened again");
    let counts = history::check(&client, &place.receiver, &[run_id]).await?;
    assert_eq!(counts.runs["completed"], 1);
    Ok(())
}

#[rstest]
#[case::while_it_waits_for_the_website(json!({}), &[1], "running")]
#[case::while_a_person_is_asked(json!({"approve": true}), &[], "interaction_required")]
#[tokio::test]
async fn a_cancel_reaches_a_worker_whatever_it_waits_for(
    #[case] input: Value,
    #[case] held: &[u32],
    #[case] status: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let website = Website::holding(held).await?;
    let place = Place::start(backend, &website, json!({})).await?;
    let client = place.client();
    let worker = place.worker("titles-1")?;
    let run_id = place.run(input).await?;
    website.asked(1).await?;
    let run = client.run_in(&run_id, &[status]).await?;

    // A run that waits for a person is canceled with its session.
    let session_id = text(&run, "session_id")?;
    let path = match status {
        "running" => format!("/v2/task-runs/{run_id}/cancel"),
        _ => format!("/v2/sessions/{session_id}/end"),
    };
    client.post(&path, &json!({})).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(run["status"], "canceled", "{run}");
    worker.says("is canceled").await?;
    // By its worker's own word: one that was canceled by force takes its session with it.
    let session = client
        .session_in(session_id, &["idle", "completed", "failed"])
        .await?;
    assert_ne!(session["status"], "failed", "{session}");
    let counts = history::check(&client, &place.receiver, &[run_id]).await?;
    assert_eq!(counts.runs["canceled"], 1);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_drain_gives_what_it_holds_to_others_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let website = Website::holding(&[]).await?;
    let place = Place::start(backend, &website, json!({})).await?;
    let client = place.client();
    let mut first = place.worker("titles-1")?;
    let run_id = place.run(json!({"approve": true})).await?;
    let asking = client.run_in(&run_id, &["interaction_required"]).await?;

    first.signal("TERM").await?;
    let ended = first.ended().await?;
    let given_back = client.run_in(&run_id, &["queued"]).await?;
    let second = place.worker("titles-2")?;
    let asked = [text(&asking["interaction"], "id")?.to_owned()].into();
    client.asks_anew_or_ended(&run_id, &asked).await?;
    let path = format!("/v2/task-runs/{run_id}/interaction");
    client.post(&path, &json!({"input": {}})).await?;
    let run = client.ended(&run_id).await?;

    assert!(ended.success(), "{ended}");
    assert_eq!(given_back["interaction"], Value::Null);
    assert_eq!(run["output"], json!({"title": "Page 1"}), "{run}");
    assert_eq!(website.requests(), 1, "the page is not opened again");
    second.says("is completed").await?;
    let counts = history::check(&client, &place.receiver, &[run_id]).await?;
    assert_eq!(counts.runs["completed"], 1);
    Ok(())
}
