//! The process that starts servers and ends them, whatever becomes of the one that wanted them.

use std::io::{BufRead, stdin};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use windlass_test_servers::{FOLDER, POSTGRES_URL, Postgres, REDIS_URL, Redis};

use super::stand::{self, Stand};
use super::{LOOK, Variables};

/// What the keeper is told when the tests have ended by themselves.
pub(crate) const OVER: &str = "over";

/// How long tests that are asked to end may take.
const TESTS_END: Duration = Duration::from_secs(20);

/// Servers by the variable that names them.
#[derive(Default)]
struct Servers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

/// Starts these servers and keeps them until they are not wanted any more: for tests that is when
/// standard input closes, for `services up` when `services down` says so.
///
/// # Errors
/// A server does not start, or something cannot be removed.
pub(crate) fn keep(name: &str, wanted: &[String]) -> anyhow::Result<()> {
    let stand = Stand::named(name)?;
    let data = stand.data()?;
    let lines = (name != super::UP).then(lines);
    let kept = serve(&stand, wanted, lines.as_ref());
    stand::remove_data(&data)?;
    // A log that says why there are no servers stays for whoever waits for them.
    kept?;
    stand.remove()
}

fn serve(stand: &Stand, wanted: &[String], lines: Option<&Receiver<String>>) -> anyhow::Result<()> {
    let (_servers, mut variables) = start(wanted)?;
    let folder = stand.data()?;
    let folder = folder
        .to_str()
        .context("the temporary folder's name is no text")?;
    variables.push((FOLDER.to_owned(), folder.to_owned()));
    stand.tell(&variables)?;
    let mut tests: Option<String> = None;
    while !stand.is_to_end() {
        match lines.map(|lines| lines.recv_timeout(LOOK)) {
            None => sleep(LOOK),
            Some(Err(RecvTimeoutError::Timeout)) => {}
            Some(Err(RecvTimeoutError::Disconnected)) => break,
            Some(Ok(line)) => tests = (line != OVER).then_some(line),
        }
    }
    // Who started them is gone: without servers they would only fail, one by one.
    if let Some(tests) = tests {
        end(&tests);
    }
    Ok(())
}

fn start(wanted: &[String]) -> anyhow::Result<(Servers, Variables)> {
    let mut servers = Servers::default();
    let mut variables = Variables::new();
    for name in wanted {
        let url = match name.as_str() {
            POSTGRES_URL => servers.postgres.insert(Postgres::start()?).url(),
            REDIS_URL => servers.redis.insert(Redis::start()?).url(),
            other => bail!("{other} names no server"),
        };
        variables.push((name.clone(), url));
    }
    Ok((servers, variables))
}

/// The lines of standard input; disconnected once it is closed.
fn lines() -> Receiver<String> {
    let (tell, told) = channel();
    // Ends with its input or with the process.
    spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}

/// Asks a process to end, and waits until it has.
fn end(process: &str) {
    let signal = |name| Command::new("kill").args(["-s", name, process]).output();
    let deadline = Instant::now() + TESTS_END;
    // No signal reaches a process that is not there.
    if signal("TERM").is_ok_and(|sent| sent.status.success()) {
        while signal("0").is_ok_and(|sent| sent.status.success()) && Instant::now() < deadline {
            sleep(LOOK);
        }
    }
}
