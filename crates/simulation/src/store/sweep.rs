//! `Runs::sweep`: acts on the clocks that have run out.

use windlass_application::ports::runs::Swept;
use windlass_domain::Timestamp;
use windlass_domain::id::{RunId, SessionId};
use windlass_domain::lifecycle;
use windlass_domain::session;

use super::State;

impl State {
    pub(super) fn sweep(&mut self, limit: u32, now: Timestamp) -> Swept {
        let mut swept = self.clocks(limit, now);
        swept.signals.extend(self.let_in());
        swept
    }

    fn clocks(&mut self, limit: u32, now: Timestamp) -> Swept {
        let mut swept = Swept::default();
        for (_, session_id, run_id) in self.overdue(now) {
            while let Some(scene) = self.scene(session_id, run_id)
                && let Some(command) = (self.rules.due)(&scene, now)
            {
                if swept.acted >= limit {
                    swept.more = true;
                    return swept;
                }
                // A clock that the lifecycle does not take is left for the next sweep.
                let Ok(changes) = self.command(scene, command, now) else {
                    break;
                };
                swept.acted += 1;
                swept.signals.extend(changes.signals);
            }
        }
        swept
    }

    /// The runs of which a clock has run out, and, without one, the sessions; the earliest first.
    fn overdue(&self, now: Timestamp) -> Vec<(Timestamp, SessionId, Option<RunId>)> {
        let mut overdue: Vec<_> = self.deadlines().filter(|(at, ..)| *at <= now).collect();
        overdue.sort();
        overdue
    }

    /// When the first clock of all runs out, and the first session must be taken from its worker.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let of_clocks = self.deadlines().map(|(at, ..)| at);
        of_clocks.chain(self.worker_deadlines()).min()
    }

    fn deadlines(&self) -> impl Iterator<Item = (Timestamp, SessionId, Option<RunId>)> {
        let of_runs = self.unfinished();
        let of_runs = of_runs
            .filter_map(|run| Some((lifecycle::check_at(run)?, run.session_id, Some(run.id))));
        let sessions = self.sessions.values();
        let of_sessions = sessions.filter_map(|it| Some((session::check_at(it)?, it.id, None)));
        of_runs.chain(of_sessions)
    }
}
