//! What a command lists to be read by people.

use windlass_domain::Timestamp;

/// One row a line, in columns as wide as they need to be.
pub(crate) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let lines = rows.iter().map(|row| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    });
    lines.collect()
}

/// A moment, without what a person does not look at.
pub(crate) fn to_the_minute(moment: Timestamp) -> String {
    moment
        .to_string()
        .chars()
        .take(16)
        .collect::<String>()
        .replace('T', " ")
}
