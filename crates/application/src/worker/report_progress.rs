//! Says what an agent is doing.

use windlass_domain::run::WorkerCommand;

use super::held_runs::{Heard, HeldRuns, LeaseCall};
use crate::error::CallError;
use crate::ports::runs::Attachment;

/// The longest message, in characters. What is longer is cut: an agent's words are no contract.
const MAX_MESSAGE_CHARACTERS: usize = 1000;

/// Says what an agent is doing.
pub struct ReportProgress {
    pub(super) held: HeldRuns,
}

impl ReportProgress {
    /// An activity, kept as a line of the run's timeline. The message holds no secret.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`.
    pub async fn execute(
        &self,
        call: &LeaseCall,
        message: Option<&str>,
        step: Option<u32>,
    ) -> Result<Heard, CallError> {
        let progress = Attachment::Progress {
            message: message.map(shown),
            step,
        };
        let run = self
            .held
            .say(call, WorkerCommand::Touch, Some(progress))
            .await?;
        Ok(Heard::of(&run))
    }
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
