//! A caller's command to a run, and what is told outside after it.

use windlass_domain::id::RunId;
use windlass_domain::run::RunCommand;

use crate::announce::Announcer;
use crate::error::CallError;
use crate::ports::Runs;
use crate::ports::runs::{Commanded, RunView};
use crate::problem::Resource;
use crate::write::{Write, Written};

/// Commands a run and announces what it did.
pub(crate) async fn command(
    runs: &dyn Runs,
    announcer: &Announcer,
    write: Write,
    run_id: RunId,
    command: RunCommand,
) -> Result<Written<RunView>, CallError> {
    let written = runs
        .command(write, run_id, command, None)
        .await
        .map_err(|error| CallError::of_write(error, Resource::TaskRun))?;
    Ok(announced(announcer, written).await)
}

/// Announces what a write did.
pub(crate) async fn announced(
    announcer: &Announcer,
    written: Written<Commanded>,
) -> Written<RunView> {
    match written {
        Written::Done(commanded) => {
            announcer.announce(&commanded.signals).await;
            Written::Done(commanded.run)
        }
        Written::Replayed(answer) => Written::Replayed(answer),
    }
}
