//! A server that does nothing, and how long it takes to start on a database that is there.

use std::path::Path;
use std::time::Duration;

use crate::process::resident_kib;
use crate::row::{Figure, listed, middle};
use crate::server::Server;

const STARTS: usize = 5;

/// Until a start has let go of what only it needed.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let first = Server::start(binary, folder.path()).await?;
    tokio::time::sleep(SETTLE).await;
    let idle = resident_kib(first.process_id())? / 1024.0;
    first.stop().await?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let server = Server::start(binary, folder.path()).await?;
        starts.push(server.ready_after.as_secs_f64() * 1e3);
        server.stop().await?;
    }
    Ok(vec![
        Figure {
            what: "memory of an idle server",
            measured: format!("{idle:.1} MiB"),
            target: Some("≤ 40 MiB"),
            how: "resident, two seconds after it was ready".to_owned(),
        },
        Figure {
            what: "cold start",
            measured: format!("{:.0} ms", middle(starts.clone())),
            target: Some("≤ 150 ms"),
            how: format!(
                "from its start until /readyz says so, existing database, readings {}",
                listed(&starts)
            ),
        },
    ])
}
