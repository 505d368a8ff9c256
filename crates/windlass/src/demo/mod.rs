//! `windlass demo`: the main job from end to end on this machine, checked as it goes. It uses the
//! public API over HTTP and nothing else, as a caller of Windlass does.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::Args;

use crate::stop_signal::StopSignal;

mod again;
mod client;
mod follow;
mod screen;
mod setup;
mod stage;
mod verdict;

use client::Client;
use screen::Screen;
use setup::Setup;
use stage::Stage;
use verdict::Verdict;

/// How long a run may take that nobody has to answer by hand.
const RUN_LIMIT: Duration = Duration::from_secs(20);

/// How long a person may take: the run's own clock ends it after 15 minutes.
const INTERACTIVE_RUN_LIMIT: Duration = Duration::from_secs(16 * 60);

/// What to do differently in the demo.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArguments {
    /// Asks you for the code that the website sends, instead of reading it from the demo's phone.
    #[arg(long)]
    interactive: bool,

    /// Keeps everything running afterwards, until Ctrl-C, so that you can go on by hand.
    #[arg(long)]
    stay: bool,
}

/// Plays the demo.
///
/// # Errors
/// Something is not as it should be; says what.
pub(crate) async fn run(arguments: &DemoArguments, stop: &StopSignal) -> anyhow::Result<()> {
    let started = Instant::now();
    let screen = Screen::new();
    screen.title(
        "Windlass demo",
        "A caller starts a task on a website that needs a login. All of it runs on this machine.",
    );
    let stage = Stage::set(&screen).await?;
    let outcome = tokio::select! {
        outcome = play(arguments, &screen, &stage, started) => outcome,
        () = stop.asked() => Err(anyhow!("stopped before it was done")),
    };
    if outcome.is_ok() && arguments.stay {
        screen.note("Everything keeps running. Ctrl-C ends it and leaves nothing behind.");
        stop.asked().await;
    }
    let log = stage.strike(outcome.is_ok()).await?;
    outcome.map_err(|error| match log {
        Some(log) => anyhow!("{error:#}\nThe server's log is {}", log.display()),
        None => error,
    })
}

async fn play(
    arguments: &DemoArguments,
    screen: &Screen,
    stage: &Stage,
    started: Instant,
) -> anyhow::Result<()> {
    let client = Client::new(stage.api_url(), stage.key().clone())?;
    let setup = Setup::make(&client, stage, screen).await?;
    let limit = match arguments.interactive {
        true => INTERACTIVE_RUN_LIMIT,
        false => RUN_LIMIT,
    };
    let following = follow::run(&client, stage, &setup, screen, arguments.interactive);
    let run_id = tokio::time::timeout(limit, following)
        .await
        .with_context(|| format!("the run had not ended after {} s", limit.as_secs()))??;
    let mut verdict = Verdict::default();
    verdict.judge_run(&client, stage, &run_id, screen).await?;
    verdict
        .judge_webhooks(&client, stage, &setup, &run_id, screen)
        .await?;
    again::show(&client, stage, &setup, &run_id, screen, arguments.stay);
    verdict.show(screen);
    match verdict.failures() {
        0 => {
            screen.done(&format!(
                "All is as it should be, in {:.1} s.",
                started.elapsed().as_secs_f64()
            ));
            Ok(())
        }
        1 => bail!("one thing is not as it should be, see above"),
        failures => bail!("{failures} things are not as they should be, see above"),
    }
}
