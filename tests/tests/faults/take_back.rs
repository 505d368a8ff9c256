//! What workers take back and give back over a bad network: questions, sessions, runs, and themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use windlass_demo_site::DemoSite;
use windlass_tests::client::text;
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Client, Server, World, history};
use windlass_worker::{
    Agent, CapturedFile, CapturedScreenshot, Field, HttpProtocol, Outcome, Pool, RunContext,
    RunFailure, Worker, WorkerError,
};

use crate::chance::Chance;
use crate::network::Network;
use crate::outside_workers::POOL;

/// How many workers there are. Each keeps fewer sessions than it does runs.
const WORKERS: usize = 3;

const CAPACITY: u32 = 8;

const KEPT_SESSIONS: u32 = 2;

/// How many runs they do.
const RUNS: u64 = 90;

/// One in so many is canceled.
const CANCELED: u64 = 15;

/// How long until the next worker drains, at most.
const BETWEEN_DRAINS: Duration = Duration::from_secs(1);

/// What a run may take, drains and all.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a person looks.
const LOOK: Duration = Duration::from_millis(300);

/// How long the website takes to go on by itself, at most: some do before their question was heard.
const APPROVED_WITHIN: u64 = 400;

/// Asks for an approval that comes by itself, then for a code that a person has; with a file and a
/// screenshot before and behind.
struct Asks;

#[async_trait]
impl Agent for Asks {
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        let number = context.run.input["number"].as_u64().unwrap_or_default();
        // Where it left word it goes on, and asks again.
        if context.run.checkpoint.is_none() {
            context.begin().await?;
            keep(context, number, "first").await?;
            tokio::select! {
                answers = context.ask("approval", "Approve it.", vec![], None) => drop(answers?),
                () = sleep(Duration::from_millis(number * 7_919 % APPROVED_WITHIN)) => {
                    context.withdraw().await?;
                }
            }
        }
        let field = Field {
            name: "code".to_owned(),
            kind: "string".to_owned(),
            label: "Code".to_owned(),
            options: None,
            required: true,
        };
        let checkpoint = Some(b"the code".to_vec().into());
        let answers = context.ask("mfa", "Code?", vec![field], checkpoint).await?;
        context.begin().await?;
        keep(context, number, "second").await?;
        let asked = answers.iter().map(|(name, _)| name.as_str());
        Ok(Outcome::of(
            json!({"number": number, "asked": asked.collect::<Vec<_>>()}),
        ))
    }
}

/// Keeps a file and a screenshot.
async fn keep(context: &RunContext, number: u64, which: &str) -> Result<(), RunFailure> {
    context.progress(1, which)?;
    let content = format!("the {which} of run {number}");
    let screenshot = CapturedScreenshot {
        file_name: format!("{which}.txt"),
        file_type: "text/plain".to_owned(),
        size: None,
        reasoning: None,
        step: None,
        content: content.clone().into(),
    };
    context.screenshot(screenshot).await?;
    let file = CapturedFile::new(format!("{which}.txt"), "text/plain", content);
    context.store_file(file).await?;
    Ok(())
}

/// A start of a worker.
struct Working {
    name: String,
    stop: CancellationToken,
    task: JoinHandle<Result<(), WorkerError>>,
}

impl Working {
    fn start(name: String, url: &str) -> anyhow::Result<Self> {
        let worker = Worker {
            pools: vec![Pool::parse(POOL)?],
            capacity: CAPACITY,
            kept_sessions: KEPT_SESSIONS,
            drain: Duration::from_secs(1),
            ..Worker::new(name.clone(), HttpProtocol::new(url, KEY)?, Asks)
        };
        let stop = CancellationToken::new();
        let told = stop.clone();
        let task = tokio::spawn(async move { worker.run(told).await });
        Ok(Self { name, stop, task })
    }

    /// Drains it; its name.
    async fn leave(self) -> anyhow::Result<String> {
        self.stop.cancel();
        self.task.await??;
        Ok(self.name)
    }
}

/// Somebody who has the code, and now and then has enough.
struct Person {
    client: Client,
    run_id: String,
    cancels: bool,
}

impl Person {
    /// Does what the run asks for until it has ended.
    async fn attend(self) -> anyhow::Result<Value> {
        let path = format!("/v2/task-runs/{}", self.run_id);
        let until = Instant::now() + PATIENCE;
        let mut answered = BTreeSet::new();
        loop {
            ensure!(Instant::now() < until, "{} does not end", self.run_id);
            let run = self.client.get(&path).await?;
            match text(&run, "status")? {
                "completed" | "failed" | "canceled" => return Ok(run),
                "running" if self.cancels => {
                    let cancel = format!("{path}/cancel");
                    // It may ask or have ended in the same moment.
                    drop(self.client.post(&cancel, &json!({})).await);
                }
                "interaction_required" if run["interaction"]["type"] == "mfa" => {
                    let id = text(&run["interaction"], "id")?.to_owned();
                    if answered.insert(id) {
                        let answer = json!({"input": {"code": "604218"}});
                        // It may have been given back in the same moment, and is asked again.
                        drop(
                            self.client
                                .post(&format!("{path}/interaction"), &answer)
                                .await,
                        );
                    }
                }
                _ => {}
            }
            sleep(LOOK).await;
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_over_a_bad_network_is_taken_back_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let mut chance = Chance::seeded()?;
    let ground = backend.ground().await?;
    let server = Server::start_with(&ground, &[("WINDLASS_LEASE_SECONDS", "15")]).await?;
    let world = World::on(server, ground, DemoSite::start().await?).await?;
    let client = world.client();
    let network = Network::to(world.server.url(), Chance::seeded()?).await?;
    let task = json!({"name": "Asks", "agent_id": world.agent_id, "storage": {"enabled": true},
        "settings": {"pool": POOL, "source": "none", "max_attempts": 25}});
    let task = client.post("/v2/tasks", &task).await?;
    let start = format!("/v2/tasks/{}/run", text(&task, "id")?);
    let mut run_ids = Vec::new();
    let mut people = JoinSet::new();
    for number in 0..RUNS {
        let run = client
            .post(&start, &json!({"input": {"number": number}}))
            .await?;
        let run_id = text(&run, "id")?.to_owned();
        run_ids.push(run_id.clone());
        people.spawn(
            Person {
                client: client.clone(),
                run_id,
                cancels: number % CANCELED == 0,
            }
            .attend(),
        );
    }

    let mut workers = Vec::new();
    for number in 0..WORKERS {
        workers.push(Working::start(format!("worker-{number}"), &network.url())?);
    }
    let mut ended = Vec::new();
    let mut drains = 0;
    while ended.len() < run_ids.len() {
        tokio::select! {
            Some(run) = people.join_next() => ended.push(run??),
            () = sleep(chance.up_to(BETWEEN_DRAINS)) => {
                let worker = workers.swap_remove(chance.below(WORKERS as u64) as usize);
                let name = worker.leave().await?;
                workers.push(Working::start(name, &network.url())?);
                drains += 1;
            }
        }
    }

    // They leave over the same network.
    for worker in workers {
        worker.leave().await?;
    }
    let completed = each_is_whole(&client, &ended).await?;
    ensure!(completed >= RUNS - RUNS.div_ceil(CANCELED), "{completed}");
    let counts = history::check(&client, &world.receiver, &run_ids).await?;
    let faults = network.faults();
    println!("{drains} drains\n{counts:?}\n{faults:#?}");
    let given_up = faults.keys().find(|call| call.ends_with("evict"));
    given_up.context("no session was given up")?;
    Ok(())
}

/// Each has a session that has ended, and each that nobody canceled is completed with what its agent kept,
/// once, and its session well. How many those are.
async fn each_is_whole(client: &Client, ended: &[Value]) -> anyhow::Result<u64> {
    let mut completed = 0;
    for run in ended {
        let session_id = text(run, "session_id")?;
        let ends = ["completed", "failed"];
        let session = client.session_in(session_id, &ends).await?;
        if run["status"] == "canceled" {
            // Its worker may have drained before it heard of the lease, and asks for it no more: a run that
            // is canceled then ends by force with its lease, and its session fails with it.
            continue;
        }
        ensure!(session["status"] == "completed", "{session} of {run}");
        ensure!(run["status"] == "completed", "{run}");
        ensure!(run["output"]["asked"] == json!(["code"]), "{run}");
        completed += 1;
        let run_id = text(run, "id")?;
        for what in ["storage", "screenshots"] {
            let path = format!("/v2/task-runs/{run_id}/{what}");
            let kept = client.list(&path).await?;
            ensure!(kept.len() == 2, "{what} of {run}: {kept:?}");
        }
    }
    Ok(completed)
}
