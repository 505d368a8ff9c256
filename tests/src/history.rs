//! Checks what a receiver was told and what callers saw against the table of docs/lifecycle.md: each run
//! by a legal path to one final status, nothing lost, nothing forged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::time::{Instant, sleep};
use windlass_demo_site::WebhookReceiver;

use crate::calls::{CallCounts, Calls, Entered};
use crate::client::{Client, text};
use crate::table::Table;

/// How long the last webhooks may take, those among them that a server was sending when it was killed:
/// they wait 25 s.
const LAST_WEBHOOKS: Duration = Duration::from_secs(45);

const FINAL: &[&str] = &["completed", "failed", "canceled"];

/// What a check has seen, for the test to show.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that the server lists, each of which the receiver has.
    pub events: usize,
    /// Attempts that the receiver got; more than events where one came twice.
    pub attempts: usize,
    /// Runs by their final status.
    pub runs: BTreeMap<String, usize>,
    /// Calls of callers that were checked.
    pub calls: CallCounts,
}

/// Proves on these runs, all ended, that each came by a legal path to the one final status that the
/// server shows, and that every event reached the receiver, rightly signed.
///
/// # Errors
/// What is broken.
pub async fn check(
    client: &Client,
    receiver: &WebhookReceiver,
    run_ids: &[String],
) -> anyhow::Result<Counts> {
    check_with(client, receiver, run_ids, &Calls::default()).await
}

/// The same, and that the callers can have seen what they saw.
///
/// # Errors
/// What is broken.
pub async fn check_with(
    client: &Client,
    receiver: &WebhookReceiver,
    run_ids: &[String],
    calls: &Calls,
) -> anyhow::Result<Counts> {
    let table = Table::read()?;
    let listed = everything_received(client, receiver).await?;
    let received = receiver.received();
    let mut paths: BTreeMap<String, BTreeMap<u64, Entered>> = BTreeMap::new();
    for webhook in &received {
        if let Err(error) = &webhook.verified {
            bail!("{} {}: {error}", webhook.event_type, webhook.id);
        }
        ensure!(
            listed.contains(&webhook.id),
            "the receiver has {}, which the server does not list",
            webhook.id
        );
        let data = &webhook.body["data"];
        if data["object"] == "task_run" {
            let version = data["version"].as_u64().context("no version")?;
            let status = text(data, "status")?.to_owned();
            let entered = (status, text(data, "updated_at")?.to_owned());
            let path = paths.entry(text(data, "id")?.to_owned()).or_default();
            if let Some(other) = path.insert(version, entered.clone()) {
                ensure!(
                    other == entered,
                    "version {version} is both {other:?} and {entered:?}"
                );
            }
        }
    }
    let mut counts = Counts {
        events: listed.len(),
        attempts: received.len(),
        runs: BTreeMap::new(),
        calls: CallCounts::default(),
    };
    let mut ways = BTreeMap::new();
    for run_id in run_ids {
        let path = paths.get(run_id).context("a run without any event")?;
        let last = check_path(&table, run_id, path)?;
        let shown = client.get(&format!("/v2/task-runs/{run_id}")).await?;
        ensure!(
            shown["status"] == last,
            "{run_id} is {}, and its last event says {last}",
            shown["status"]
        );
        *counts.runs.entry(last).or_default() += 1;
        ways.insert(run_id.clone(), path.values().cloned().collect());
    }
    counts.calls = calls.check(&table, &ways)?;
    Ok(counts)
}

/// Every version once from 1, each status after one that it may follow, the last of them final.
fn check_path(
    table: &Table,
    run_id: &str,
    path: &BTreeMap<u64, Entered>,
) -> anyhow::Result<String> {
    let mut before = "";
    for ((version, (status, _)), expected) in path.iter().zip(1..) {
        ensure!(
            *version == expected,
            "{run_id}: version {expected} is missing in {path:?}"
        );
        ensure!(
            !table.between(before, status).is_empty(),
            "{run_id}: {status} after {before:?} in {path:?}"
        );
        before = status;
    }
    ensure!(FINAL.contains(&before), "{run_id} has not ended: {path:?}");
    Ok(before.to_owned())
}

/// Waits until the receiver has every event that the server lists; their ids.
async fn everything_received(
    client: &Client,
    receiver: &WebhookReceiver,
) -> anyhow::Result<BTreeSet<String>> {
    let deadline = Instant::now() + LAST_WEBHOOKS;
    loop {
        let events = client.list("/v2/events").await?;
        // The destination itself is younger than these: what happened before it is not sent to it.
        let sent = events.iter().filter(|event| {
            let family = event["type"].as_str().unwrap_or_default();
            !family.starts_with("source.") && !family.starts_with("agent.")
        });
        let listed: BTreeSet<String> = sent
            .map(|event| text(event, "id").map(str::to_owned))
            .collect::<anyhow::Result<_>>()?;
        let received: BTreeSet<String> = receiver
            .received()
            .into_iter()
            .map(|webhook| webhook.id)
            .collect();
        let missing: Vec<_> = listed.difference(&received).collect();
        if missing.is_empty() {
            return Ok(listed);
        }
        ensure!(
            Instant::now() < deadline,
            "{} of {} events did not reach the receiver, such as {:?}",
            missing.len(),
            listed.len(),
            missing.first()
        );
        sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(statuses: &[&str]) -> BTreeMap<u64, Entered> {
        let entered = statuses
            .iter()
            .map(|status| ((*status).to_owned(), String::new()));
        (1..).zip(entered).collect()
    }

    fn last_of(path: &BTreeMap<u64, Entered>) -> anyhow::Result<String> {
        check_path(&Table::read()?, "trun_1", path)
    }

    #[test]
    fn a_legal_path_ends_in_its_last_status() {
        let last = last_of(&path(&["queued", "running", "completed"])).unwrap();

        assert_eq!(last, "completed");
    }

    #[test]
    fn what_the_tables_do_not_have_is_found() {
        for broken in [
            &["queued", "completed"][..],
            &["queued", "running"],
            &["running", "completed"],
            &["queued", "running", "completed", "failed"],
            &["queued", "running", "canceling", "completed"],
        ] {
            assert!(last_of(&path(broken)).is_err(), "{broken:?}");
        }
        let mut gap = path(&["queued", "running", "completed"]);
        gap.remove(&2);
        assert!(last_of(&gap).is_err());
    }
}
