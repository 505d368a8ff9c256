//! Runs a second of a playbook over HTTP, as a user has them: started over the API, executed by the
//! embedded worker on the embedded database, counted once completed.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::process::processor_time;
use crate::row::{Figure, Size, listed, middle};
use crate::world::World;

pub(crate) async fn measure(binary: &Path, size: Size) -> anyhow::Result<Vec<Figure>> {
    let world = World::start(binary).await?;
    // What is made once, such as compiled schemas and connections, is made here.
    let warm_up = size.runs.div_ceil(10);
    world.runs.start(warm_up).await?;
    world.runs.all_ended().await?;
    let (mut queued, mut of_server, mut of_site) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..size.readings {
        let drained = drain(&world, size.runs).await?;
        queued.push(drained.runs_per_second);
        of_server.push(drained.server_us);
        of_site.push(drained.site_us);
    }
    let mut started = Vec::new();
    for _ in 0..size.readings {
        let begun_at = Instant::now();
        world.runs.start(size.runs).await?;
        world.runs.all_ended().await?;
        started.push(per_second(size.runs, begun_at.elapsed()));
    }
    world
        .completed(warm_up + 2 * size.readings * size.runs)
        .await?;
    let runs = size.runs;
    Ok(vec![
        Figure {
            what: "http-tier playbook, runs queued before",
            measured: format!("{:.0} runs/s", middle(queued.clone())),
            target: Some("≥ 500 runs/s"),
            how: format!("{runs} runs drained, readings {}", listed(&queued)),
        },
        Figure {
            what: "– processor time of one such run",
            measured: format!(
                "{:.0} µs server, {:.0} µs site",
                middle(of_server),
                middle(of_site)
            ),
            target: None,
            how: "the site's share holds that of the bench, which looks every 20 ms".to_owned(),
        },
        Figure {
            what: "http-tier playbook, starts and callers included",
            measured: format!("{:.0} runs/s", middle(started.clone())),
            target: None,
            how: format!(
                "{runs} runs started by 32 callers, readings {}",
                listed(&started)
            ),
        },
    ])
}

struct Drained {
    runs_per_second: f64,
    server_us: f64,
    site_us: f64,
}

/// Runs wait until all are queued: those that the worker has taken meanwhile wait at the door.
async fn drain(world: &World, runs: usize) -> anyhow::Result<Drained> {
    world.site.shut("/login");
    world.runs.start(runs).await?;
    let (server, site) = (world.runs.server.process_id(), std::process::id());
    let before = (processor_time(server)?, processor_time(site)?);
    let opened_at = Instant::now();
    world.site.open();
    world.runs.all_ended().await?;
    let took = opened_at.elapsed();
    let after = (processor_time(server)?, processor_time(site)?);
    Ok(Drained {
        runs_per_second: per_second(runs, took),
        server_us: each(after.0 - before.0, runs),
        site_us: each(after.1 - before.1, runs),
    })
}

#[expect(clippy::cast_precision_loss, reason = "runs are counted in thousands")]
pub(crate) fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "runs are counted in thousands")]
pub(crate) fn each(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}
