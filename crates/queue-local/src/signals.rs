//! Signals inside one process.

use async_trait::async_trait;
use windlass_application::ports::signals::{Listener, Signals, Topic};
use windlass_domain::lifecycle::Signal;

use crate::bells::Bells;

/// Wakes those of this process who wait for a run, a session or a worker.
#[derive(Default)]
pub struct LocalSignals {
    bells: Bells<Topic>,
}

#[async_trait]
impl Signals for LocalSignals {
    async fn send(&self, signals: &[Signal]) {
        for topic in signals.iter().filter_map(topic) {
            self.bells.ring(&topic);
        }
    }

    fn listen(&self, topics: &[Topic]) -> Box<dyn Listener> {
        self.bells.listen(topics)
    }
}

fn topic(signal: &Signal) -> Option<Topic> {
    match signal {
        Signal::Ready { .. } => None,
        Signal::RunChanged { run_id } => Some(Topic::Run(*run_id)),
        Signal::SessionChanged { session_id } => Some(Topic::Session(*session_id)),
        Signal::Stop { holder, .. } => Some(Topic::Worker(holder.worker_id)),
    }
}
