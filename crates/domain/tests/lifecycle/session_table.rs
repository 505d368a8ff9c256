//! The session table of docs/lifecycle.md as data, and every situation × every command against it.

use std::time::Duration;

use windlass_domain::run::{AfterRun, Refusal};
use windlass_domain::session::machine::{self, Command, QueuedRuns};
use windlass_domain::session::{SessionCommand, SessionState, SessionStatus};

use crate::fixture::{STARTED, holder, late, seconds, session};

/// Where a session stands, as far as the table tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Situation {
    Queued,
    QueuedUnwanted,
    RunningWanted,
    RunningUnwanted,
    IdleWanted,
    IdleUnwanted,
    Completing,
    Completed,
    Failed,
}

use Situation::*;

impl Situation {
    pub(crate) const ALL: [Self; 9] = [
        Queued,
        QueuedUnwanted,
        RunningWanted,
        RunningUnwanted,
        IdleWanted,
        IdleUnwanted,
        Completing,
        Completed,
        Failed,
    ];

    pub(crate) fn state(self) -> SessionState {
        let holder = holder(1);
        match self {
            Queued | QueuedUnwanted => SessionState::Queued,
            RunningWanted | RunningUnwanted => SessionState::Running { holder },
            IdleWanted => SessionState::Idle {
                holder,
                ends_at: None,
                secrets_version: None,
            },
            IdleUnwanted => SessionState::Idle {
                holder,
                ends_at: Some(STARTED + seconds(600)),
                secrets_version: None,
            },
            Completing => SessionState::Completing {
                holder: Some(holder),
            },
            Completed => SessionState::Completed,
            Failed => SessionState::Failed,
        }
    }

    pub(crate) fn status(self) -> SessionStatus {
        self.state().status()
    }

    fn queued_runs(self) -> usize {
        match self {
            Queued | RunningWanted | IdleWanted => 1,
            QueuedUnwanted | RunningUnwanted | IdleUnwanted | Completing | Completed | Failed => 0,
        }
    }

    /// What tells it from others of its status.
    pub(crate) fn condition(self) -> &'static str {
        match self {
            Queued | RunningWanted | IdleWanted => "a run is queued for it",
            QueuedUnwanted | RunningUnwanted | IdleUnwanted => "no run is queued for it",
            Completing | Completed | Failed => "",
        }
    }
}

/// What may be asked of a session, by the names of docs/lifecycle.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Lease,
    LeaseByAnother,
    RunOver,
    RunOverKeptForZero,
    RunOverAndEnds,
    RunRequeued,
    RunForced,
    IdleTimedOut,
    Evicted,
    EvictedByAnother,
    Drained,
    AnotherDrained,
    WorkerGone,
    AnotherGone,
    End,
}

use Asked::*;

impl Asked {
    pub(crate) const ALL: [Self; 15] = [
        Lease,
        LeaseByAnother,
        RunOver,
        RunOverKeptForZero,
        RunOverAndEnds,
        RunRequeued,
        RunForced,
        IdleTimedOut,
        Evicted,
        EvictedByAnother,
        Drained,
        AnotherDrained,
        WorkerGone,
        AnotherGone,
        End,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Lease => "lease",
            LeaseByAnother => "lease by another worker",
            RunOver => "run_over",
            RunOverKeptForZero => "run_over, idle for 0 s",
            RunOverAndEnds => "run_over, ended by the worker or its drain",
            RunRequeued => "run_requeued",
            RunForced => "run_forced",
            IdleTimedOut => "idle_timed_out",
            Evicted => "evicted",
            EvictedByAnother => "evicted by another worker",
            Drained => "drained",
            AnotherDrained => "drained, another worker",
            WorkerGone => "worker_gone",
            AnotherGone => "worker_gone, another worker",
            End => "end",
        }
    }

    fn command(self) -> Command {
        let run_over = |after, idle| Command::RunOver { after, idle };
        match self {
            Lease => Command::Lease { holder: holder(1) },
            LeaseByAnother => Command::Lease { holder: holder(2) },
            RunOver => run_over(AfterRun::Keep, seconds(600)),
            RunOverKeptForZero => run_over(AfterRun::Keep, Duration::ZERO),
            RunOverAndEnds => run_over(AfterRun::End, seconds(600)),
            RunRequeued => Command::RunRequeued,
            RunForced => Command::RunForced,
            IdleTimedOut => Command::Outside(SessionCommand::IdleTimedOut),
            Evicted => Command::Outside(SessionCommand::Evicted { holder: holder(1) }),
            EvictedByAnother => Command::Outside(SessionCommand::Evicted { holder: holder(2) }),
            Drained => Command::Outside(SessionCommand::Drained { holder: holder(1) }),
            AnotherDrained => Command::Outside(SessionCommand::Drained { holder: holder(2) }),
            WorkerGone => Command::Outside(SessionCommand::WorkerGone { holder: holder(1) }),
            AnotherGone => Command::Outside(SessionCommand::WorkerGone { holder: holder(2) }),
            End => Command::Outside(SessionCommand::End { grace: seconds(30) }),
        }
    }
}

/// A row of the table: the statuses entered, and what the queued runs hear.
pub(crate) struct Row {
    pub(crate) from: &'static [Situation],
    pub(crate) asked: &'static [Asked],
    pub(crate) entered: &'static [SessionStatus],
    pub(crate) queued_runs: QueuedRuns,
    pub(crate) note: &'static str,
}

use SessionStatus as S;

const ENDS: &[SessionStatus] = &[S::Completing, S::Completed];
const ENDED: QueuedRuns = QueuedRuns::Ended {
    grace: Duration::from_secs(30),
};

macro_rules! rows {
    ($([$($from:ident),+], [$($asked:ident),+] => $entered:expr, $queued_runs:expr, $note:literal;)+) => {
        &[$(Row {
            from: &[$($from),+],
            asked: &[$($asked),+],
            entered: $entered,
            queued_runs: $queued_runs,
            note: $note,
        }),+]
    };
}

/// Every row. What is not in it is refused.
pub(crate) const ROWS: &[Row] = rows! {
    [Queued, QueuedUnwanted], [Lease, LeaseByAnother] => &[S::Running], QueuedRuns::Wait,
        "bound to the worker that took its run";
    [IdleWanted, IdleUnwanted], [Lease] => &[S::Running], QueuedRuns::Wait,
        "only by the worker that keeps it";
    [RunningWanted, RunningUnwanted], [RunOver] => &[S::Idle], QueuedRuns::Wait,
        "its idle clock runs while no run is queued for it";
    [RunningWanted], [RunOverKeptForZero] => &[S::Idle], QueuedRuns::Wait,
        "a queued run keeps it";
    [RunningUnwanted], [RunOverKeptForZero] => ENDS, QueuedRuns::Failed,
        "nobody wants it";
    [RunningWanted, RunningUnwanted], [RunOverAndEnds] => ENDS, QueuedRuns::Failed,
        "its queued runs fail";
    [QueuedUnwanted], [RunOver, RunOverKeptForZero, RunOverAndEnds] => ENDS, QueuedRuns::Failed,
        "the last run that waited for it is gone";
    [RunningWanted, RunningUnwanted], [RunRequeued] => &[S::Queued], QueuedRuns::Wait,
        "without a worker: the next one starts from nothing, or from the checkpoint";
    [RunningWanted, RunningUnwanted, Completing], [RunForced] => &[S::Failed], QueuedRuns::Failed,
        "an agent may still be acting in it";
    [Completing], [RunOver, RunOverKeptForZero, RunOverAndEnds] => &[S::Completed], QueuedRuns::Wait,
        "its last run has stopped";
    [IdleUnwanted], [IdleTimedOut, Evicted] => ENDS, QueuedRuns::Failed,
        "never while a run is queued for it";
    [IdleWanted, IdleUnwanted], [Drained] => ENDS, QueuedRuns::Failed,
        "its worker leases nothing more, so that its queued runs fail";
    [IdleWanted, IdleUnwanted], [WorkerGone] => &[S::Failed], QueuedRuns::Failed,
        "its state is gone with the worker";
    [Queued, QueuedUnwanted, IdleWanted, IdleUnwanted], [End] => ENDS, ENDED,
        "its queued runs are canceled";
    [RunningWanted, RunningUnwanted], [End] => &[S::Completing], ENDED,
        "its queued and leased runs are canceled";
    [Completing, Completed, Failed], [End] => &[], QueuedRuns::Wait,
        "a retry is harmless";
};

#[test]
fn every_status_takes_the_commands_of_its_rows_and_no_other() {
    for situation in Situation::ALL {
        for asked in Asked::ALL {
            let before = session(situation.state());

            let answer = machine::apply(&before, asked.command(), situation.queued_runs(), late());

            let pair = format!("{situation:?} × {asked:?}");
            let rows: Vec<&Row> = ROWS
                .iter()
                .filter(|row| row.from.contains(&situation) && row.asked.contains(&asked))
                .collect();
            let status = situation.status();
            match (rows.as_slice(), answer) {
                ([], answer) => assert_eq!(answer, Err(refusal(status, asked)), "{pair}"),
                ([row], Ok(transition)) => {
                    let entered: Vec<SessionStatus> = transition
                        .entered
                        .iter()
                        .map(|entered| entered.status)
                        .collect();
                    assert_eq!(entered, row.entered, "{pair}");
                    assert_eq!(transition.queued_runs, row.queued_runs, "{pair}");
                    let last = entered.last().copied().unwrap_or(status);
                    assert_eq!(transition.session.status(), last, "{pair}");
                    let steps = u32::try_from(entered.len()).expect("two at most");
                    assert_eq!(transition.session.version, before.version + steps, "{pair}");
                }
                ([_], Err(refusal)) => panic!("{pair} is refused: {refusal}"),
                (_, _) => panic!("{pair} has two rows"),
            }
        }
    }
}

fn refusal(status: SessionStatus, asked: Asked) -> Refusal {
    let is_lease = matches!(asked, Lease | LeaseByAnother);
    let has_ended = matches!(status, S::Completing | S::Completed | S::Failed);
    if is_lease && has_ended {
        Refusal::SessionEnded { status }
    } else {
        Refusal::SessionNotReady { status }
    }
}

#[test]
fn an_idle_clock_starts_with_the_idleness_unless_a_run_is_queued() {
    let keep = Command::RunOver {
        after: AfterRun::Keep,
        idle: seconds(600),
    };
    for (queued, ends_at) in [(0, Some(late() + seconds(600))), (1, None)] {
        let before = session(RunningUnwanted.state());

        let transition = machine::apply(&before, keep, queued, late()).expect("it was running");

        let holder = holder(1);
        let idle = SessionState::Idle {
            holder,
            ends_at,
            secrets_version: None,
        };
        assert_eq!(transition.session.state, idle, "{queued} queued");
    }
}
