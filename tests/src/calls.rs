//! What callers saw, and whether it can have been so: each call has one moment between its start and
//! its end at which the run stood as the answer says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::client::{Client, text};
use crate::table::Table;

/// What a caller asks of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// How it stands.
    Read,
    /// That it stops.
    Cancel,
    /// That it takes an answer.
    Answer,
}

/// What it heard.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    /// The run, in this status since this moment.
    Run { status: String, since: String },
    /// That the run's status does not allow it.
    Refused { code: String },
    /// Nothing, or that the server cannot say: it may have been done.
    Unknown,
}

#[derive(Debug, Clone)]
struct Call {
    asked: Asked,
    started: Instant,
    ended: Instant,
    heard: Heard,
}

/// All calls, by run.
#[derive(Default)]
pub struct Calls(Mutex<BTreeMap<String, Vec<Call>>>);

/// How many calls were checked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct CallCounts {
    /// In all.
    pub calls: usize,
    /// Of these, those that were refused.
    pub refused: usize,
    /// Those whose outcome nobody was told.
    pub unknown: usize,
}

/// A status that a run entered, and since when it has it.
pub type Entered = (String, String);

impl Calls {
    /// Makes a call and writes down what came of it; the run, where it was answered.
    ///
    /// # Errors
    /// Where the answer is none that may be given.
    pub async fn call(
        &self,
        client: &Client,
        run_id: &str,
        asked: Asked,
        body: Option<&Value>,
    ) -> anyhow::Result<Option<Value>> {
        let run = format!("/v2/task-runs/{run_id}");
        let (method, path) = match asked {
            Asked::Read => (Method::GET, run),
            Asked::Cancel => (Method::POST, format!("{run}/cancel")),
            Asked::Answer => (Method::POST, format!("{run}/interaction")),
        };
        let started = Instant::now();
        let answer = client.call(method, &path, body).await;
        let ended = Instant::now();
        let (heard, shown) = match answer {
            Ok(answer) if answer.status.is_success() => {
                let heard = Heard::Run {
                    status: text(&answer.body, "status")?.to_owned(),
                    since: text(&answer.body, "updated_at")?.to_owned(),
                };
                (heard, Some(answer.body))
            }
            Ok(answer) if answer.status.as_u16() == 409 => {
                let code = answer.code();
                (Heard::Refused { code }, None)
            }
            Ok(answer) if answer.status.is_server_error() => {
                let is_unavailable = answer.status.as_u16() == 503;
                ensure!(
                    is_unavailable,
                    "{asked:?} of {run_id} was answered {answer:?}"
                );
                (Heard::Unknown, None)
            }
            Ok(answer) => anyhow::bail!("{asked:?} of {run_id} was answered {answer:?}"),
            Err(_) => (Heard::Unknown, None),
        };
        let call = Call {
            asked,
            started,
            ended,
            heard,
        };
        self.lock().entry(run_id.to_owned()).or_default().push(call);
        Ok(shown)
    }

    /// Proves on the ways of these runs, by version from 1, that every call can have been answered
    /// as it was, and that nothing happened that nobody can have asked for.
    ///
    /// # Errors
    /// What is broken.
    pub fn check(
        &self,
        table: &Table,
        paths: &BTreeMap<String, Vec<Entered>>,
    ) -> anyhow::Result<CallCounts> {
        let calls = self.lock();
        let mut counts = CallCounts::default();
        for (run_id, calls) in calls.iter() {
            let path = paths.get(run_id).context("a run without any event")?;
            check_run(table, path, calls).with_context(|| format!("{run_id}: {path:?}"))?;
            let heard =
                |is: fn(&Heard) -> bool| calls.iter().filter(|call| is(&call.heard)).count();
            counts.calls += calls.len();
            counts.refused += heard(|heard| matches!(heard, Heard::Refused { .. }));
            counts.unknown += heard(|heard| *heard == Heard::Unknown);
        }
        Ok(counts)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Call>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Versions are the one order in which a run changed. A call gets the earliest version that it can
/// have met: at least that of every call that had ended before it started.
fn check_run(table: &Table, path: &[Entered], calls: &[Call]) -> anyhow::Result<()> {
    let mut calls: Vec<&Call> = calls.iter().collect();
    calls.sort_by_key(|call| call.started);
    let mut placed: Vec<(&Call, usize)> = Vec::new();
    let (mut answered, mut unknown, mut canceled) = (Vec::new(), Vec::new(), false);
    for call in calls {
        let before = placed
            .iter()
            .filter(|(other, _)| other.ended < call.started);
        let earliest = before.map(|(_, version)| *version).max().unwrap_or(1);
        let version = match &call.heard {
            Heard::Unknown => {
                unknown.push(call.asked);
                continue;
            }
            Heard::Run { status, since } => {
                let version = path
                    .iter()
                    .position(|it| *it == (status.clone(), since.clone()));
                let version =
                    version.with_context(|| format!("was never {status} since {since}"))?;
                version + 1
            }
            Heard::Refused { code } => refused_at(table, path, call.asked, code, earliest)?,
        };
        ensure!(
            version >= earliest,
            "{:?} met version {version}, and version {earliest} had been seen before",
            call.asked
        );
        if call.asked == Asked::Answer && matches!(call.heard, Heard::Run { .. }) {
            ensure!(
                version > earliest,
                "version {version} was seen before its answer was given"
            );
            ensure!(
                !answered.contains(&version),
                "version {version} has two answers"
            );
            answered.push(version);
        }
        canceled |= call.asked == Asked::Cancel && matches!(call.heard, Heard::Run { .. });
        placed.push((call, version));
    }
    every_step_has_a_cause(table, path, &answered, &unknown, canceled)
}

/// The first version from `earliest` on whose status refuses it.
fn refused_at(
    table: &Table,
    path: &[Entered],
    asked: Asked,
    code: &str,
    earliest: usize,
) -> anyhow::Result<usize> {
    let (command, expected) = match asked {
        Asked::Cancel => ("cancel", "request/run_not_cancelable"),
        Asked::Answer => ("answer", "request/interaction_not_pending"),
        Asked::Read => anyhow::bail!("a read was refused with {code}"),
    };
    ensure!(code == expected, "{asked:?} was refused with {code}");
    let from = path.iter().enumerate().skip(earliest - 1);
    // What was asked for meanwhile is no question that the answer is for.
    let asks_again = path
        .iter()
        .filter(|(status, _)| status == "interaction_required")
        .count()
        > 1;
    let mut refusing = from.filter(|(_, (status, _))| {
        !table.takes(status, command) || (asked == Asked::Answer && asks_again)
    });
    let found = refusing.next().map(|(index, _)| index + 1);
    found.with_context(|| {
        format!("{asked:?} was refused, and every status from version {earliest} on takes it")
    })
}

/// Each step is one of the table, and what only a caller can bring about a caller asked for. Nobody
/// here ends a session, and the website never goes on without its answer.
fn every_step_has_a_cause(
    table: &Table,
    path: &[Entered],
    answered: &[usize],
    unknown: &[Asked],
    canceled: bool,
) -> anyhow::Result<()> {
    let unheard = |asked| unknown.iter().filter(|it| **it == asked).count();
    let (mut before, mut unheard_answers) = ("", unheard(Asked::Answer));
    for (index, (status, _)) in path.iter().enumerate() {
        let version = index + 1;
        let mut ways = table.between(before, status);
        ensure!(!ways.is_empty(), "{status} after {before:?}");
        ways.remove("session_ended");
        ways.remove("withdraw");
        if answered.contains(&version) {
            ensure!(
                ways.contains("answer"),
                "an answer led from {before} to {status}"
            );
        } else if ways == BTreeSet::from(["answer"]) {
            let cause = unheard_answers.checked_sub(1);
            unheard_answers =
                cause.with_context(|| format!("nobody answered version {version}"))?;
        } else if ways == BTreeSet::from(["cancel"]) {
            let is_asked_for = canceled || unheard(Asked::Cancel) > 0;
            ensure!(is_asked_for, "nobody canceled version {version}");
        }
        before = status;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Statuses by version, each since the moment that is its version.
    fn path(statuses: &[&str]) -> Vec<Entered> {
        let versions = statuses.iter().zip(1..);
        versions
            .map(|(status, version)| ((*status).to_owned(), version.to_string()))
            .collect()
    }

    /// Calls one after the other, each with what it was answered.
    fn check(statuses: &[&str], heard: &[(Asked, Heard)]) -> anyhow::Result<()> {
        let start = Instant::now();
        let second = |count: usize| start + Duration::from_secs(count as u64);
        let calls: Vec<Call> = heard
            .iter()
            .enumerate()
            .map(|(index, (asked, heard))| Call {
                asked: *asked,
                started: second(2 * index),
                ended: second(2 * index + 1),
                heard: heard.clone(),
            })
            .collect();
        check_run(&Table::read()?, &path(statuses), &calls)
    }

    fn run(status: &str, version: usize) -> Heard {
        Heard::Run {
            status: status.to_owned(),
            since: version.to_string(),
        }
    }

    fn refused(code: &str) -> Heard {
        Heard::Refused {
            code: code.to_owned(),
        }
    }

    const ANSWERED: &[&str] = &[
        "queued",
        "running",
        "interaction_required",
        "running",
        "completed",
    ];

    #[test]
    fn a_history_that_can_have_been_is_right() {
        let heard = [
            (Asked::Read, run("running", 2)),
            (Asked::Answer, refused("request/interaction_not_pending")),
            (Asked::Read, run("interaction_required", 3)),
            (Asked::Answer, run("running", 4)),
            (Asked::Cancel, refused("request/run_not_cancelable")),
            (Asked::Read, run("completed", 5)),
        ];

        check(ANSWERED, &heard).unwrap();
    }

    #[test]
    fn an_answer_that_nobody_heard_of_may_have_been_given() {
        check(ANSWERED, &[(Asked::Answer, Heard::Unknown)]).unwrap();
    }

    #[test]
    fn what_cannot_have_been_is_found() {
        let answer = (Asked::Answer, run("running", 4));
        for (heard, expected) in [
            (vec![], "nobody answered"),
            (
                vec![(Asked::Read, run("failed", 5)), answer.clone()],
                "was never failed",
            ),
            (
                vec![answer.clone(), (Asked::Read, run("running", 2))],
                "had been seen before",
            ),
            (
                vec![(Asked::Read, run("running", 4)), answer.clone()],
                "was seen before its answer",
            ),
            (
                vec![
                    answer.clone(),
                    (Asked::Read, run("completed", 5)),
                    (Asked::Answer, run("running", 4)),
                ],
                "had been seen before",
            ),
            (
                vec![
                    (Asked::Cancel, run("running", 4)),
                    answer.clone(),
                    answer.clone(),
                ],
                "was seen before",
            ),
        ] {
            let found = check(ANSWERED, &heard).expect_err(expected);
            assert!(format!("{found:#}").contains(expected), "{found:#}");
        }
        let refused_in_vain = [(Asked::Cancel, refused("request/run_not_cancelable"))];
        check(&["queued", "running", "queued"], &refused_in_vain).unwrap_err();
        check(&["queued", "canceling", "canceled"], &[]).unwrap_err();
    }
}
