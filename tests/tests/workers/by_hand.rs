//! A worker that makes its calls one by one, and no more of them than it needs.

use rstest::rstest;
use serde_json::{Value, json};
use windlass_tests::client::text;
use windlass_tests::{Backend, Client, Server};

/// How many runs it holds.
const RUNS: usize = 5;

#[rstest]
#[tokio::test]
async fn a_lease_call_that_names_no_run_is_told_of_a_cancel_at_once_and_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let ground = backend.ground().await?;
    let server = Server::start(&ground).await?;
    let client = server.client();
    let run_ids = held(&client).await?;
    let lease = async |wait: u32| {
        let call = json!({"worker": "by-hand", "incarnation": 1, "capacity": 0, "wait": wait});
        client.post("/v2/worker/leases", &call).await
    };

    let waiting = lease(30);
    let canceling = async {
        // The first of them may come before the call does.
        for run_id in &run_ids[1..] {
            cancel(&client, run_id).await?;
        }
        anyhow::Ok(())
    };
    let (told, canceled) = tokio::join!(waiting, canceling);
    canceled?;
    let again = lease(1).await?;
    let path = format!("/v2/worker/leases/{}/renew", run_ids[1]);
    let renewed = client.post(&path, &json!({"epoch": 1})).await?;

    let stopping = told?["stopping"].clone();
    let stopping = stopping.as_array().map(Vec::as_slice).unwrap_or_default();
    assert_ne!(stopping, [Value::Null; 0], "nothing was told");
    for run_id in stopping {
        assert!(run_ids[1..].iter().any(|it| run_id == it), "{run_id}");
    }
    assert_eq!(
        again["stopping"],
        json!([]),
        "what was told is not told for ever"
    );
    assert_eq!(renewed["cancel"], true, "{renewed}");
    Ok(())
}

/// Runs that the worker holds; their ids.
async fn held(client: &Client) -> anyhow::Result<Vec<String>> {
    let agent = client
        .post("/v2/agents", &json!({"name": "By hand"}))
        .await?;
    let task = json!({"name": "By hand", "agent_id": agent["id"], "settings": {"source": "none"}});
    let task = client.post("/v2/tasks", &task).await?;
    let start = format!("/v2/tasks/{}/run", text(&task, "id")?);
    for _ in 0..RUNS {
        client.post(&start, &json!({})).await?;
    }
    client
        .post("/v2/worker/workers", &json!({"worker": "by-hand"}))
        .await?;
    let call = json!({"worker": "by-hand", "incarnation": 1, "capacity": RUNS, "wait": 1});
    let leased = client.post("/v2/worker/leases", &call).await?;
    let leases = leased["leases"].as_array().cloned().unwrap_or_default();
    assert_eq!(leases.len(), RUNS, "{leased}");
    let ids = leases.iter().map(|lease| text(&lease["run"], "id"));
    ids.map(|id| Ok(id?.to_owned())).collect()
}

async fn cancel(client: &Client, run_id: &str) -> anyhow::Result<Value> {
    let path = format!("/v2/task-runs/{run_id}/cancel");
    client.post(&path, &json!({})).await
}
