//! How soon a worker that waits has a run: from the answer of the start until it holds the lease. For
//! the embedded worker, and for one over HTTP.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use async_trait::async_trait;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use windlass_domain::id::RunId;
use windlass_domain::pool::Pool;
use windlass_domain::run::AfterRun;
use windlass_worker::{Agent, HttpProtocol, Outcome, RunContext, RunFailure, Worker};

use crate::row::{Figure, Size, middle_and_slowest};
use crate::runs::Runs;
use crate::server::{KEY, Server};
use crate::world::World;

/// How many starts are looked at.
const STARTS: usize = 500;

/// How many come before, so that what is made once is there.
const WARM_UP: usize = 20;

/// From the end of a run until the next start: the worker waits again then, and the disk has nothing
/// left to do.
const PAUSE: Duration = Duration::from_millis(25);

/// About what the transaction of a lease writes.
static SYNCED: [u8; 20_000] = [1; 20_000];

/// Where the runs of the worker over HTTP wait.
const POOL: &str = "pick-up";

/// How long a run may take to arrive, whatever it should take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn measure(binary: &Path, size: Size) -> anyhow::Result<Vec<Figure>> {
    let starts = size.runs.min(STARTS);
    Ok(vec![
        sync(starts)?,
        figure(
            "pick-up by the embedded worker, idle",
            "p50 ≤ 0.9 ms, p99 ≤ 1.8 ms",
            "the lease's line in the log",
            &embedded(binary, starts).await?,
        ),
        figure(
            "pick-up over HTTP, idle",
            "p50 ≤ 2 ms, p99 ≤ 5 ms",
            "when its agent is called",
            &over_http(binary, starts).await?,
        ),
    ])
}

/// What a lease cannot be quicker than, since it is on the disk before it counts: a few pages that are
/// written over and synced, as those of SQLite's log are.
fn sync(count: usize) -> anyhow::Result<Figure> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("log"))?;
    let mut took = Vec::with_capacity(count);
    for number in 0..2 * count {
        std::thread::sleep(PAUSE);
        file.seek(SeekFrom::Start(((number % count) * SYNCED.len()) as u64))?;
        file.write_all(&SYNCED)?;
        let began = Instant::now();
        file.sync_data()?;
        // The first round makes the file as long as it is.
        if number >= count {
            took.push(milliseconds(began.elapsed()));
        }
    }
    let [p50, p99] = middle_and_slowest(took);
    Ok(Figure {
        what: "floor: a sync of this disk, idle",
        measured: format!("p50 {p50:.2} ms, p99 {p99:.2} ms"),
        target: None,
        how: format!("{count} of {} bytes that are written over", SYNCED.len()),
    })
}

/// One start.
struct PickedUp {
    /// From its call until its answer, in milliseconds.
    start: f64,
    /// From its answer until the worker had the run, in milliseconds; below zero where it had it before.
    pick_up: f64,
}

fn figure(what: &'static str, target: &'static str, until: &str, picked_up: &[PickedUp]) -> Figure {
    let starts = picked_up.len();
    let before = picked_up.iter().filter(|one| one.pick_up < 0.0).count();
    let of = |which: fn(&PickedUp) -> f64| {
        let [p50, p99] = middle_and_slowest(picked_up.iter().map(which).collect());
        format!("p50 {p50:.2} ms, p99 {p99:.2} ms")
    };
    Figure {
        what,
        measured: of(|one| one.pick_up),
        target: Some(target),
        how: format!(
            "{starts} starts, one at a time, from the answer until {until}; {before} had a worker before \
             their answer; the start itself {}",
            of(|one| one.start)
        ),
    }
}

/// The embedded worker says in its log that it has leased a run, in the moment when it has it, to the
/// microsecond. Both clocks are this machine's.
async fn embedded(binary: &Path, starts: usize) -> anyhow::Result<Vec<PickedUp>> {
    let world = World::start(binary).await?;
    world.runs.start(WARM_UP).await?;
    world.runs.all_ended().await?;
    let mut started = Vec::with_capacity(starts);
    for _ in 0..starts {
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        let run_id = world.runs.start_one().await?;
        started.push((run_id, began.elapsed(), SystemTime::now()));
        tokio::time::sleep(PAUSE).await;
        world.runs.all_ended().await?;
    }
    let log = std::fs::read_to_string(world.log())?;
    let leased = leases(&log);
    let picked_up = started.into_iter().map(|(run_id, took, answered_at)| {
        let leased_at = leased.get(run_id.as_str());
        let leased_at = *leased_at.with_context(|| format!("no lease of {run_id} in the log"))?;
        Ok(PickedUp {
            start: milliseconds(took),
            pick_up: (leased_at - OffsetDateTime::from(answered_at)).as_seconds_f64() * 1e3,
        })
    });
    picked_up.collect()
}

/// When each run was leased, by the lines `2026-11-29T10:00:00.123456Z  INFO …: run trun_… is leased …`.
fn leases(log: &str) -> HashMap<&str, OffsetDateTime> {
    let lines = log.lines().filter_map(|line| {
        let (said, _) = line.split_once(" is leased")?;
        let (_, run_id) = said.rsplit_once("run ")?;
        let (at, _) = said.split_once(' ')?;
        Some((run_id, OffsetDateTime::parse(at, &Rfc3339).ok()?))
    });
    lines.collect()
}

/// Says when it is called.
struct Called(mpsc::Sender<(RunId, Instant)>);

#[async_trait]
impl Agent for Called {
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        let called_at = Instant::now();
        // Nobody listens where the bench has failed already.
        let _ = self.0.send((context.run.run_id, called_at)).await;
        Ok(Outcome {
            session: AfterRun::End,
            ..Outcome::of(json!({}))
        })
    }
}

/// The worker is a part of the bench, which has nothing else to do meanwhile: caller and agent read one
/// clock.
async fn over_http(binary: &Path, starts: usize) -> anyhow::Result<Vec<PickedUp>> {
    let folder = tempfile::tempdir()?;
    let server = Arc::new(Server::start(binary, folder.path()).await?);
    let runs = Runs::of_no_source(Arc::clone(&server), POOL).await?;
    let (called, mut calls) = mpsc::channel(1);
    let protocol = HttpProtocol::new(&format!("http://{}", server.address()), KEY)?;
    let worker = Worker {
        pools: vec![Pool::parse(POOL)?],
        drain: PATIENCE,
        ..Worker::new("pick-up", protocol, Called(called))
    };
    let stop = CancellationToken::new();
    let working = {
        let stop = stop.clone();
        tokio::spawn(async move { worker.run(stop).await })
    };
    let mut picked_up = Vec::with_capacity(starts);
    for number in 0..WARM_UP + starts {
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        let run_id = runs.start_one().await?;
        let answered_at = Instant::now();
        let call = tokio::time::timeout(PATIENCE, calls.recv()).await?;
        let (called_for, called_at) = call.context("the worker has ended")?;
        anyhow::ensure!(
            called_for.to_string() == run_id,
            "the worker does {called_for}, not {run_id}"
        );
        if number >= WARM_UP {
            let after = milliseconds(called_at.saturating_duration_since(answered_at));
            let before = milliseconds(answered_at.saturating_duration_since(called_at));
            picked_up.push(PickedUp {
                start: milliseconds(answered_at - began),
                pick_up: after - before,
            });
        }
    }
    stop.cancel();
    working.await??;
    Ok(picked_up)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_when_a_run_was_leased() {
        let log = "2026-11-29T10:00:00.000001Z  INFO windlass: listens\n\
            2026-11-29T10:00:01.250000Z  INFO windlass_worker::leasing: run trun_1 is leased run.id=trun_1\n\
            2026-11-29T10:00:01.250900Z  INFO run{run.id=trun_1}: windlass_worker::held_run: run trun_1 is completed\n";

        let leases = leases(log);

        assert_eq!(leases.len(), 1);
        let millisecond = leases["trun_1"].millisecond();
        assert_eq!(millisecond, 250);
    }
}
