//! `Runs::sweep`: acts on the clocks that have run out.

use windlass_application::ports::runs::Swept;
use windlass_domain::Timestamp;
use windlass_domain::id::SessionId;
use windlass_domain::lifecycle;
use windlass_domain::session;

use super::State;
use super::scene::follow;

impl State {
    pub(super) fn sweep(&mut self, limit: u32, now: Timestamp) -> Swept {
        let mut swept = Swept {
            signals: self.let_in(),
            ..Swept::default()
        };
        for (_, session_id) in self.overdue(now) {
            let Some(mut scene) = self.scene(session_id, None) else {
                continue;
            };
            while let Some(command) = (self.rules.due)(&scene, now) {
                if swept.acted >= limit {
                    swept.more = true;
                    return swept;
                }
                // A clock that the lifecycle does not take is left for the next sweep.
                let Ok(changes) = self.command(scene.clone(), command, now) else {
                    break;
                };
                follow(&mut scene, &changes);
                swept.acted += 1;
                swept.signals.extend(changes.signals);
            }
        }
        swept
    }

    /// The sessions of which a clock has run out, their own or a run's, the earliest first.
    fn overdue(&self, now: Timestamp) -> Vec<(Timestamp, SessionId)> {
        let mut overdue: Vec<_> = self.deadlines().filter(|(at, _)| *at <= now).collect();
        overdue.sort();
        let mut seen = Vec::new();
        overdue.retain(|(_, id)| {
            let is_new = !seen.contains(id);
            seen.push(*id);
            is_new
        });
        overdue
    }

    /// When the first clock of all runs out, and the first session must be taken from its worker.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let of_clocks = self.deadlines().map(|(at, _)| at);
        of_clocks.chain(self.worker_deadlines()).min()
    }

    fn deadlines(&self) -> impl Iterator<Item = (Timestamp, SessionId)> {
        let of_runs = self
            .unfinished()
            .filter_map(|run| Some((lifecycle::check_at(run)?, run.session_id)));
        let sessions = self.sessions.values();
        let of_sessions = sessions.filter_map(|it| Some((session::check_at(it)?, it.id)));
        of_runs.chain(of_sessions)
    }
}
