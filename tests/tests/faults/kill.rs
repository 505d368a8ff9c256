//! SIGKILL of the server, again and again, with hundreds of runs in flight: what was answered 201 is
//! not lost, and what may not be repeated is not.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use tokio::time::sleep;
use windlass_demo_site::DemoSite;
use windlass_tests::{Backend, Calls, Server, World, history};

use crate::chance::Chance;
use crate::crowd::Crowd;
use crate::secrets;

/// How many runs there are.
const RUNS: usize = 200;

/// How often the server is killed.
const KILLS: usize = 20;

/// How long a page of the website takes while servers are killed: long enough that many runs are at it.
const SLOW: Duration = Duration::from_secs(3);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_outlives_twenty_kills(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let mut chance = Chance::seeded()?;
    let ground = backend.ground().await?;
    let log = ground.folder().join("server.log");
    let site = DemoSite::builder().users(RUNS).start().await?;
    site.slow("/invoices", SLOW);
    let server = Server::start_logging(&ground, &[], log).await?;
    let mut world = World::on(server, ground, site).await?;
    let crowd = Crowd::start(&world, 0..RUNS).await?;

    let calls = Arc::new(Calls::default());
    let mut people = crowd.attend(&world, &[world.client()], &calls, &mut chance);
    let mut in_flight = Vec::new();
    for _ in 0..KILLS {
        sleep(chance.up_to(Duration::from_secs(5))).await;
        while people.try_join_next().transpose()?.transpose()?.is_some() {}
        in_flight.push(people.len());
        world.server = world.server.kill_and_start_again().await?;
    }
    world.site.slow("/invoices", Duration::ZERO);
    while let Some(attended) = people.join_next().await {
        attended??;
    }

    let run_ids = crowd.run_ids();
    let counts = history::check_with(&world.client(), &world.receiver, &run_ids, &calls).await?;
    println!("in flight at each kill: {in_flight:?}\n{counts:?}");
    crowd.what_may_be_repeated_completes(&world).await?;
    crowd.what_may_not_is_not(&world)?;
    secrets::none_kept(&world.ground).await
}
