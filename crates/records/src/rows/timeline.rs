//! A line of a run's timeline, as a `SELECT` over events, files,
//! screenshots and the agent's words brings it.

use windlass_application::ports::runs::{TimelineEntry, TimelineKind};

use super::{Row, known};
use crate::Impossible;
use crate::columns::{At, Count};

/// How many lines of a run are kept, and shown: what comes after is no use to anybody.
pub const MAX_LINES: u32 = 10_000;

/// The kinds of lines, by their names in rows.
const KINDS: [(TimelineKind, &str); 5] = [
    (TimelineKind::Event, "event"),
    (TimelineKind::File, "file"),
    (TimelineKind::Screenshot, "screenshot"),
    (TimelineKind::Progress, LineKind::Progress.as_str()),
    (TimelineKind::Interaction, LineKind::Interaction.as_str()),
];

/// A kind of line that is kept in `timeline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// The agent's own words.
    Progress,
    /// A person was asked.
    Interaction,
}

impl LineKind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Progress => "progress",
            Self::Interaction => "interaction",
        }
    }
}

row! {
    /// A line.
    #[derive(Debug)]
    pub struct LineRow {
        at: At,
        kind: String,
        message: Option<String>,
        step: Option<Count>,
    }
}

impl Row for LineRow {
    type Kept = TimelineEntry;
    const TABLE: &'static str = "timeline";

    fn name(&self) -> String {
        format!("of {} ms", self.at.0.millis())
    }

    fn kept(self) -> Result<TimelineEntry, Impossible> {
        let kind = known("kind", &self.kind, |name| {
            let mut kinds = KINDS.into_iter();
            kinds
                .find(|(_, known)| *known == name)
                .map(|(kind, _)| kind)
        })?;
        Ok(TimelineEntry {
            at: self.at.0,
            kind,
            message: self.message,
            step: self.step.map(|step| step.0),
        })
    }
}
