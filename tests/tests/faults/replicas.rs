//! Three replicas on one PostgreSQL and one Redis, any of which dies under load.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::block_in_place;
use tokio::time::sleep;
use windlass_demo_site::DemoSite;
use windlass_test_servers::{Postgres, Redis};
use windlass_tests::{Calls, Client, Ground, Server, World, history};

use crate::chance::Chance;
use crate::crowd::Crowd;
use crate::secrets;

/// How many runs there are: fewer than three replicas do at once.
const RUNS: usize = 150;

/// How often something goes wrong: each of the five three times.
const FAULTS: usize = 15;

/// How long a page of the website takes meanwhile: so long that runs are under way to the end.
const SLOW: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn replicas_outlive_each_other_and_all_that_they_stand_on() -> anyhow::Result<()> {
    let mut chance = Chance::seeded()?;
    let (mut postgres, mut redis) = block_in_place(|| {
        let servers = (Postgres::start()?, Redis::start()?);
        anyhow::Ok(servers)
    })?;
    let ground = Ground::on(&postgres.url(), &redis.url())?;
    let site = DemoSite::builder().users(RUNS).start().await?;
    site.slow("/invoices", SLOW);
    // Three first starts at once, each of which would make the tables.
    let (one, two, three) = tokio::join!(
        replica(&ground, "one"),
        replica(&ground, "two"),
        replica(&ground, "three"),
    );
    let world = World::on(one?, ground, site).await?;
    let mut others = [Some(two?), Some(three?)];
    let crowd = Crowd::start(&world, 0..RUNS).await?;

    let calls = Arc::new(Calls::default());
    let mut clients: Vec<Client> = others.iter().flatten().map(Server::client).collect();
    clients.push(world.client());
    let mut people = crowd.attend(&world, &clients, &calls, &mut chance);
    let mut in_flight = Vec::new();
    for number in 0..FAULTS {
        sleep(chance.up_to(Duration::from_secs(4))).await;
        while people.try_join_next().transpose()?.transpose()?.is_some() {}
        let name = match number % 5 {
            0 => {
                let other = &mut others[usize::from(chance.below(2) == 0)];
                let server = other.take().context("it was started again")?;
                *other = Some(server.kill_and_start_again().await?);
                "a replica killed"
            }
            1 => {
                block_in_place(|| redis.kill())?;
                sleep(chance.up_to(Duration::from_secs(3))).await;
                block_in_place(|| redis.start_again())?;
                "Redis killed"
            }
            2 => {
                block_in_place(|| postgres.crash());
                sleep(chance.up_to(Duration::from_secs(4))).await;
                block_in_place(|| postgres.start_again())?;
                "PostgreSQL crashed"
            }
            3 => {
                block_in_place(|| flush(&redis.url()))?;
                "Redis emptied"
            }
            _ => {
                block_in_place(|| redis.hang())?;
                sleep(chance.up_to(Duration::from_secs(4))).await;
                block_in_place(|| redis.go_on())?;
                "Redis hung"
            }
        };
        ensure!(!people.is_empty(), "{name}, and nothing was under way");
        in_flight.push((name, people.len()));
    }
    world.site.slow("/invoices", Duration::ZERO);
    while let Some(attended) = people.join_next().await {
        attended??;
    }

    let run_ids = crowd.run_ids();
    let counts = history::check_with(&world.client(), &world.receiver, &run_ids, &calls).await?;
    println!("runs in flight at each fault: {in_flight:?}\n{counts:?}");
    crowd.what_may_be_repeated_completes(&world).await?;
    crowd.what_may_not_is_not(&world)?;
    secrets::none_kept(&world.ground).await
}

async fn replica(ground: &Ground, name: &'static str) -> anyhow::Result<Server> {
    Server::start_with(ground, &[("WINDLASS_REPLICA_NAME", name)]).await
}

/// FLUSHALL.
fn flush(url: &str) -> anyhow::Result<()> {
    let rest = url
        .trim_start_matches("redis://default:")
        .trim_end_matches('/');
    let (password, address) = rest.split_once('@').context("an address with a password")?;
    let mut connection = TcpStream::connect(address)?;
    write!(connection, "AUTH {password}\r\nFLUSHALL\r\nQUIT\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    ensure!(
        answer == "+OK\r\n+OK\r\n+OK\r\n",
        "Redis answered {answer:?}"
    );
    Ok(())
}
