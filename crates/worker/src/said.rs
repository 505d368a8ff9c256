//! What an agent has said it does, until the server has heard it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::protocol::Progress;

/// The most lines that wait: as many as a timeline shows of a second or two. Beyond it the newest are
/// left out.
const MOST_LINES: usize = 200;

/// Lines, the oldest first.
#[derive(Default)]
pub(crate) struct Said {
    lines: Mutex<Vec<Progress>>,
    /// Held while some are sent.
    sending: tokio::sync::Mutex<()>,
    news: Notify,
}

/// The lines that nobody else sends meanwhile.
pub(crate) struct Unsent<'said> {
    said: &'said Said,
    lines: Vec<Progress>,
    _sending: tokio::sync::MutexGuard<'said, ()>,
}

impl Said {
    pub(crate) fn say(&self, line: Progress) {
        let mut lines = self.lock();
        if lines.len() < MOST_LINES {
            lines.push(line);
        }
        self.news.notify_one();
    }

    /// Waits until something was said.
    pub(crate) async fn something(&self) {
        self.news.notified().await;
    }

    /// What was not sent yet, once nobody sends any of it.
    pub(crate) async fn unsent(&self) -> Unsent<'_> {
        let sending = self.sending.lock().await;
        let lines = self.lock().clone();
        Unsent {
            said: self,
            lines,
            _sending: sending,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Progress>> {
        // Each change is one push or drain.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unsent<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn lines(&self) -> &[Progress] {
        &self.lines
    }

    /// They are heard, or nobody will hear them.
    pub(crate) fn forget(&mut self) {
        self.said.lock().drain(..self.lines.len());
        self.lines.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u32) -> Progress {
        Progress {
            message: None,
            step: Some(step),
        }
    }

    #[tokio::test]
    async fn what_is_said_while_lines_are_sent_is_sent_next() {
        let said = Said::default();
        said.say(line(1));
        let mut unsent = said.unsent().await;
        said.say(line(2));

        unsent.forget();
        drop(unsent);

        assert_eq!(said.unsent().await.lines(), [line(2)]);
    }

    #[tokio::test]
    async fn what_was_not_heard_to_the_end_is_still_there() {
        let said = Said::default();
        said.say(line(1));

        drop(said.unsent().await);

        assert_eq!(said.unsent().await.lines(), [line(1)]);
    }

    #[tokio::test]
    async fn no_more_lines_wait_than_anybody_reads() {
        let said = Said::default();

        (0..1000).for_each(|step| said.say(line(step)));

        assert_eq!(said.unsent().await.lines().len(), MOST_LINES);
    }
}
