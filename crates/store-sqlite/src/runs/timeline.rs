//! `Runs::timeline`: the events of a run, its files, and what its agent said, in one order.

use rusqlite::params;
use windlass_application::OrganizationContext;
use windlass_application::ports::StoreError;
use windlass_application::ports::runs::TimelineEntry;
use windlass_domain::id::RunId;
use windlass_records::columns::Id;
use windlass_records::rows::{LineRow, MAX_LINES};

use crate::error::read;
use crate::store::SqliteStore;

/// Of what happened at one moment, the status that was entered comes first. The event of a file
/// is left out: the file is a line itself. The plus keeps SQLite from reading all files of the
/// organization by an index of theirs.
pub(super) async fn timeline(
    store: &SqliteStore,
    organization: OrganizationContext,
    run_id: RunId,
) -> Result<Vec<TimelineEntry>, StoreError> {
    let rows: Vec<LineRow> = store
        .read(move |connection| {
            connection.rows(
                "SELECT at, kind, message, step
         FROM (
             SELECT event.created_at AS at, 'event' AS kind, event.type AS message,
                    NULL AS step, 1 AS rank, event.sequence AS place
             FROM event
             WHERE event.run_id = ?1 AND event.organization_id = ?2 AND event.file_id IS NULL
             UNION ALL
             SELECT timeline.at, timeline.kind, timeline.message, timeline.step, 2, timeline.line
             FROM timeline
             JOIN run ON run.id = timeline.run_id
             WHERE timeline.run_id = ?1 AND run.organization_id = ?2
             UNION ALL
             SELECT file.created_at, 'file', file.file_name, NULL, 3, 0
             FROM file
             WHERE file.run_id = ?1 AND +file.organization_id = ?2
             UNION ALL
             SELECT screenshot.created_at, 'screenshot',
                    ifnull(screenshot.reasoning, screenshot.file_name), screenshot.step, 4, 0
             FROM screenshot
             WHERE screenshot.run_id = ?1 AND screenshot.organization_id = ?2
         )
         ORDER BY at, rank, place
         LIMIT ?3 + 0",
                params![
                    Id(run_id.uuid()),
                    Id(organization.organization_id().uuid()),
                    MAX_LINES
                ],
            )
        })
        .await?;
    rows.into_iter().map(read).collect()
}
