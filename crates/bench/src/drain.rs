//! No-op runs that are queued before, drained over HTTP by worker processes: how many are leased and
//! finished a second, by one process and by four.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http_tier::{each, per_second};
use crate::no_op_worker::Process;
use crate::process::processor_time;
use crate::row::{Figure, Programs, Size, listed, middle};
use crate::runs::Runs;
use crate::server::Server;

/// How many runs are drained for each that has a website: they cost a fraction of it.
const TIMES: usize = 5;

/// Where the runs wait.
const POOL: &str = "no-op";

/// How many runs one process has at once.
const CAPACITY: u32 = 512;

const TARGET: &str = "≥ 20,000 runs/s";

pub(crate) async fn measure(programs: &Programs, size: Size) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let count = TIMES * size.runs;
    let queue_cap = count.to_string();
    let settings = [("WINDLASS_QUEUE_CAP", &*queue_cap)];
    let server = Server::start_with(&programs.windlass, folder.path(), &settings).await?;
    let runs = Runs::of_no_source(Arc::new(server), POOL).await?;
    // What is made once, such as compiled schemas and connections, is made here.
    drain(programs, &runs, count.div_ceil(10), 1).await?;
    let mut figures = Vec::new();
    for (what, processes) in [
        ("drain of no-op runs over HTTP, one worker process", 1),
        ("drain of no-op runs over HTTP, four worker processes", 4),
    ] {
        let (mut rates, mut of_server, mut of_workers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..size.readings {
            let drained = drain(programs, &runs, count, processes).await?;
            rates.push(per_second(count, drained.took));
            of_server.push(each(drained.server, count));
            of_workers.push(each(drained.workers, count));
        }
        figures.push(Figure {
            what,
            measured: format!("{:.0} runs/s", middle(rates.clone())),
            target: Some(TARGET),
            how: format!(
                "{count} runs queued before, {CAPACITY} at once in each process, readings {}",
                listed(&rates)
            ),
        });
        figures.push(Figure {
            what: "– processor time of one such run",
            measured: format!(
                "{:.0} µs server, {:.0} µs workers",
                middle(of_server),
                middle(of_workers)
            ),
            target: None,
            how: "leased and finished; its start is not in it".to_owned(),
        });
    }
    let expected = count.div_ceil(10) + 2 * size.readings * count;
    let completed = runs.count("completed", usize::MAX).await?;
    anyhow::ensure!(
        completed == expected,
        "{completed} runs are completed of {expected}"
    );
    Ok(figures)
}

/// What a drain took: on the clock, and of the processors.
struct Drained {
    took: Duration,
    server: Duration,
    workers: Duration,
}

/// Queues runs, and then lets the workers go.
async fn drain(
    programs: &Programs,
    runs: &Runs,
    count: usize,
    processes: usize,
) -> anyhow::Result<Drained> {
    runs.start(count).await?;
    let mut workers = Vec::with_capacity(processes);
    for number in 0..processes {
        let name = format!("no-op-{number}");
        workers.push(Process::start(programs, &runs.server, &name, POOL, CAPACITY).await?);
    }
    let server = runs.server.process_id();
    let of_workers = |workers: &[Process]| -> anyhow::Result<Duration> {
        let each = workers.iter().map(|worker| processor_time(worker.id()?));
        each.sum()
    };
    let before = (processor_time(server)?, of_workers(&workers)?);
    let began = Instant::now();
    for worker in &mut workers {
        worker.go().await?;
    }
    runs.all_ended().await?;
    let took = began.elapsed();
    let after = (processor_time(server)?, of_workers(&workers)?);
    for worker in workers {
        worker.stop().await?;
    }
    Ok(Drained {
        took,
        server: after.0 - before.0,
        workers: after.1 - before.1,
    })
}
