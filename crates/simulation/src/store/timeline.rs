//! What happened in a run: its events, its files, and what its agent said and saw, in one order.

use windlass_application::ports::runs::{TimelineEntry, TimelineKind};
use windlass_domain::Timestamp;
use windlass_domain::event::EventData;
use windlass_domain::id::RunId;

use super::State;

/// How many lines of a run are kept, and shown.
const MAX_LINES: usize = 10_000;

/// A line that no event and no file stands for.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) kind: TimelineKind,
    pub(super) message: Option<String>,
    pub(super) step: Option<u32>,
}

impl State {
    pub(super) fn keep_line(&mut self, run_id: RunId, line: Line) {
        let kept = self.runs.get_mut(&run_id);
        if let Some(kept) = kept.filter(|kept| kept.lines.len() < MAX_LINES) {
            kept.lines.push(line);
        }
    }

    /// Of what happened at one moment, the status that was entered comes first. The event of a
    /// file is left out: the file is a line itself.
    pub(super) fn timeline(&self, run_id: RunId) -> Vec<TimelineEntry> {
        let events = self.events.iter().filter_map(|(_, event)| {
            let EventData::Run(run) = &event.data else {
                return None;
            };
            (run.id == run_id).then(|| TimelineEntry {
                at: event.created_at,
                kind: TimelineKind::Event,
                message: Some(event.event_type.to_string()),
                step: None,
            })
        });
        let lines = self.runs.get(&run_id).into_iter();
        let lines = lines
            .flat_map(|kept| &kept.lines)
            .map(|line| TimelineEntry {
                at: line.at,
                kind: line.kind,
                message: line.message.clone(),
                step: line.step,
            });
        let files = self.files_of(run_id).map(|file| TimelineEntry {
            at: file.created_at,
            kind: TimelineKind::File,
            message: Some(file.file_name.clone()),
            step: None,
        });
        let screenshots = self.screenshots.values().map(|(_, screenshot)| screenshot);
        let screenshots = screenshots.filter(|it| it.run_id == run_id);
        let screenshots = screenshots.map(|screenshot| TimelineEntry {
            at: screenshot.created_at,
            kind: TimelineKind::Screenshot,
            message: Some(match &screenshot.reasoning {
                Some(reasoning) => reasoning.clone(),
                None => screenshot.file_name.clone(),
            }),
            step: screenshot.step,
        });
        let told = events.chain(lines).chain(files).chain(screenshots);
        let mut timeline: Vec<TimelineEntry> = told.collect();
        // Stable: of one moment, events before lines, lines before files, files before screenshots.
        timeline.sort_by_key(|entry| entry.at);
        timeline.truncate(MAX_LINES);
        timeline
    }
}
