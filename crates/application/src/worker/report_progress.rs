//! Says what an agent is doing.

use windlass_domain::run::WorkerCommand;

use super::held_runs::{Heard, HeldRuns, LeaseCall};
use crate::error::CallError;
use crate::ports::runs::{Attachment, ProgressLine};

/// The longest message, in characters. What is longer is cut: an agent's words are no contract.
const MAX_MESSAGE_CHARACTERS: usize = 1000;

/// Says what an agent is doing.
pub struct ReportProgress {
    pub(super) held: HeldRuns,
}

impl ReportProgress {
    /// Activities, kept as lines of the run's timeline. No message holds a secret.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`.
    pub async fn execute(
        &self,
        call: &LeaseCall,
        lines: Vec<ProgressLine>,
    ) -> Result<Heard, CallError> {
        let progress = kept(lines);
        let run = self.held.say(call, WorkerCommand::Touch, progress).await?;
        Ok(Heard::of(&run))
    }
}

/// What is kept of lines.
pub(super) fn kept(mut lines: Vec<ProgressLine>) -> Option<Attachment> {
    for line in &mut lines {
        line.message = line.message.as_deref().map(shown);
    }
    (!lines.is_empty()).then_some(Attachment::Progress(lines))
}

/// The message in one line, of bounded length.
pub(super) fn shown(message: &str) -> String {
    let mut shown: String = message
        .chars()
        .take(MAX_MESSAGE_CHARACTERS)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if message.chars().nth(MAX_MESSAGE_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        assert_eq!(shown("log in\nas ada"), "log in as ada");
        assert_eq!(shown(&"ä".repeat(1000)), "ä".repeat(1000));
        assert_eq!(shown(&"ä".repeat(1001)), format!("{}…", "ä".repeat(1000)));
    }
}
