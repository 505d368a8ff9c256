//! Memory of a session: of one that is kept between runs, and of one whose run waits for a slow site.

use std::path::Path;
use std::time::Duration;

use crate::process::resident_kib;
use crate::row::{Figure, Size};
use crate::world::World;

/// How many sessions the embedded worker keeps: `KEPT_SESSIONS` of the http tier.
const KEPT: usize = 1_000;

/// The last page of the list: a run that waits there has read the others.
const LAST_PAGE: &str = "/invoices?page=3";

/// Until memory that was let go of is given back, and runs have come as far as they come.
const SETTLE: Duration = Duration::from_secs(2);

const TARGET: &str = "≤ 200 KiB";

pub(crate) async fn measure(binary: &Path, size: Size) -> anyhow::Result<Vec<Figure>> {
    let world = World::start(binary).await?;
    let server = world.runs.server.process_id();
    let kept = KEPT.min(size.runs);
    let waiting = size.runs.min(1_000);
    // So that what every run shares, caches and threads, is not counted as a session's.
    world.runs.start(waiting.min(64)).await?;
    world.runs.all_ended().await?;
    tokio::time::sleep(SETTLE).await;

    let before = resident_kib(server)?;
    world.site.shut(LAST_PAGE);
    world.runs.start(waiting).await?;
    let mut at_once = 0;
    loop {
        tokio::time::sleep(SETTLE).await;
        let running = world.runs.count("running", waiting).await?;
        if running == at_once {
            break;
        }
        at_once = running;
    }
    let of_waiting = grown(before, resident_kib(server)?, at_once);
    world.site.open();
    world.runs.all_ended().await?;

    world.runs.start(kept.saturating_sub(waiting)).await?;
    world.runs.all_ended().await?;
    tokio::time::sleep(SETTLE).await;
    let of_kept = grown(before, resident_kib(server)?, kept);
    Ok(vec![
        Figure {
            what: "memory of an http session whose run waits for a slow site",
            measured: format!("{of_waiting:.0} KiB"),
            target: Some(TARGET),
            how: format!(
                "growth of the server over {at_once} runs that wait at once for their last page, divided"
            ),
        },
        Figure {
            what: "memory of an http session that is kept between runs",
            measured: format!("{of_kept:.0} KiB"),
            target: Some(TARGET),
            how: format!(
                "growth of the server once {kept} sessions idle, divided; what their runs have left \
                 behind in caches is in it"
            ),
        },
    ])
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sessions are counted in thousands"
)]
fn grown(before: f64, after: f64, sessions: usize) -> f64 {
    (after - before).max(0.0) / sessions.max(1) as f64
}
