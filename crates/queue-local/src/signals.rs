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
        let mut there_are_events = false;
        for signal in signals {
            there_are_events |= is_of_event(signal);
            if let Some(topic) = topic(signal) {
                self.bells.ring(&topic);
            }
        }
        if there_are_events {
            self.bells.ring(&Topic::Events);
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

/// Whether what it tells of is an event, too.
fn is_of_event(signal: &Signal) -> bool {
    match signal {
        Signal::RunChanged { .. } | Signal::SessionChanged { .. } => true,
        Signal::Ready { .. } | Signal::Stop { .. } => false,
    }
}
