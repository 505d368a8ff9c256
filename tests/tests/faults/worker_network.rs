//! Workers over a network on which calls come late, twice and out of order, or not at all: each run ends
//! as over a good one, and no site is visited twice.

use std::sync::Arc;

use anyhow::ensure;
use rstest::rstest;
use windlass_demo_site::DemoSite;
use windlass_tests::{Backend, Calls, Server, World, history};

use crate::chance::Chance;
use crate::crowd::{Crowd, Errand};
use crate::network::Network;
use crate::outside_workers::{OutsideWorker, POOL};

/// How many workers there are.
const WORKERS: usize = 4;

/// How many runs they do.
const RUNS: usize = 100;

#[rstest]
#[case::for_windlass_work(Errand::Invoices, Backend::Sqlite)]
#[case::for_windlass_work_on_postgresql(Errand::Invoices, Backend::Postgres)]
#[case::for_a_worker_in_python(Errand::NewestInvoice, Backend::Sqlite)]
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_network_changes_no_end(
    #[case] errand: Errand,
    #[case] backend: Backend,
) -> anyhow::Result<()> {
    let mut chance = Chance::seeded()?;
    let ground = backend.ground().await?;
    let site = DemoSite::builder().users(RUNS).start().await?;
    let server = Server::start_with(&ground, &[("WINDLASS_LEASE_SECONDS", "15")]).await?;
    let world = World::on(server, ground, site).await?;
    let network = Network::to(world.server.url(), Chance::seeded()?).await?;
    let mut workers: Vec<OutsideWorker> = (0..WORKERS)
        .map(|number| {
            let name = format!("worker-{number}");
            match errand {
                Errand::Invoices => OutsideWorker::start(name, network.url()),
                Errand::NewestInvoice => OutsideWorker::start_in_python(name, network.url()),
            }
        })
        .collect::<anyhow::Result<_>>()?;

    let crowd = Crowd::start_in(&world, 0..RUNS, POOL, errand).await?;
    let calls = Arc::new(Calls::default());
    let mut people = crowd.attend(&world, &[world.client()], &calls, &mut chance);
    while let Some(attended) = people.join_next().await {
        attended??;
    }

    let run_ids = crowd.run_ids();
    let counts = history::check_with(&world.client(), &world.receiver, &run_ids, &calls).await?;
    println!("{counts:?}\n{:#?}", network.faults());
    for worker in &mut workers {
        ensure!(worker.is_up()?, "a worker has ended by itself");
    }
    crowd.everything_completes(&world).await?;
    crowd.nothing_shows_twice(&world).await?;
    let again = network.said_again();
    ensure!(again.is_empty(), "lines that show twice: {again:#?}");
    crowd.nothing_is_repeated(&world)?;
    // They leave over the same network, and take nothing with them.
    for worker in workers {
        worker.terminate().await?.left().await?;
    }
    crowd.every_session_is_completed(&world).await
}
