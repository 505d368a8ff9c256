//! SIGKILL of workers, and SIGTERM, again and again, with runs in flight: what had begun is repeated only
//! where it may be.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rstest::rstest;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use windlass_demo_site::{DemoSite, MAX_USERS};
use windlass_tests::{Backend, Calls, Server, World, history};

use crate::chance::Chance;
use crate::crowd::{Crowd, Errand};
use crate::outside_workers::{Gone, Leaving, OutsideWorker, POOL};
use crate::secrets;

/// How many workers there are.
const WORKERS: usize = 50;

/// For how long workers are killed, in seconds, before a release longer than in each run of the tests.
const SECONDS: &str = "WINDLASS_TEST_FAULTS_SECONDS";

/// How long a wave of runs is.
const WAVE: Duration = Duration::from_secs(20);

/// How many runs start with each wave, at most.
const RUNS: usize = 100;

/// The most workers that are down at once.
const DOWN: usize = 5;

/// One of so many is asked to leave, and the others are killed.
const ASKED: u64 = 3;

/// How long a page of the website takes meanwhile: so long that many runs are at it.
const SLOW: Duration = Duration::from_secs(2);

/// A worker that is not there.
enum Down {
    Killed(Gone),
    Asked(Leaving),
}

impl Down {
    async fn start_again(self) -> anyhow::Result<OutsideWorker> {
        match self {
            Self::Killed(gone) => gone.start_again(),
            Self::Asked(leaving) => leaving.left().await?.start_again(),
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_had_begun_is_repeated_only_where_it_may_be(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let seconds: u64 = match std::env::var(SECONDS) {
        Ok(given) => given.parse()?,
        Err(_) => WAVE.as_secs(),
    };
    let waves = seconds.div_ceil(WAVE.as_secs()) as usize;
    let runs = RUNS.min(MAX_USERS / waves);
    let mut chance = Chance::seeded()?;
    let ground = backend.ground().await?;
    let log = ground.folder().join("server.log");
    let site = DemoSite::builder().users(runs * waves).start().await?;
    site.slow("/invoices", SLOW);
    let server = Server::start_logging(&ground, &[("WINDLASS_LEASE_SECONDS", "5")], log).await?;
    let world = World::on(server, ground, site).await?;
    let mut up: Vec<OutsideWorker> = (0..WORKERS)
        .map(|number| OutsideWorker::start(format!("worker-{number}"), world.server.url()))
        .collect::<anyhow::Result<_>>()?;
    let mut down: Vec<Down> = Vec::new();

    let calls = Arc::new(Calls::default());
    let (mut crowds, mut people) = (Vec::new(), JoinSet::new());
    let (mut kills, mut asked) = (0, 0);
    for wave in 0..waves {
        let crowd = Crowd::start_in(
            &world,
            wave * runs..(wave + 1) * runs,
            POOL,
            Errand::Invoices,
        )
        .await?;
        let mut attended = crowd.attend(&world, &[world.client()], &calls, &mut chance);
        people.spawn(async move {
            while let Some(attended) = attended.join_next().await {
                attended??;
            }
            anyhow::Ok(())
        });
        crowds.push(crowd);
        let over = Instant::now() + WAVE;
        while Instant::now() < over {
            sleep(chance.up_to(Duration::from_millis(500))).await;
            if down.len() == DOWN || (!down.is_empty() && chance.below(2) == 0) {
                let first = down.remove(0);
                up.push(first.start_again().await?);
                continue;
            }
            let index = chance.below(up.len() as u64) as usize;
            let worker = up.swap_remove(index);
            if chance.below(ASKED) == 0 {
                down.push(Down::Asked(worker.terminate().await?));
                asked += 1;
            } else {
                down.push(Down::Killed(worker.kill().await?));
                kills += 1;
            }
        }
    }
    world.site.slow("/invoices", Duration::ZERO);
    for worker in down {
        up.push(worker.start_again().await?);
    }
    while let Some(attended) = people.join_next().await {
        attended??;
    }

    let run_ids: Vec<String> = crowds.iter().flat_map(Crowd::run_ids).collect();
    let counts = history::check_with(&world.client(), &world.receiver, &run_ids, &calls).await?;
    println!("{kills} kills of {WORKERS} workers, {asked} asked to leave\n{counts:?}");
    for crowd in &crowds {
        crowd.what_may_be_repeated_completes(&world).await?;
        crowd.what_follows_completes_or_is_lost(&world).await?;
        crowd.what_may_not_is_not(&world)?;
    }
    drop(up);
    secrets::none_kept(&world.ground).await.context("secrets")
}
