//! How many rows a record has in a table with several rows of headers.

use super::{Line, Row, is_one_cell};

/// How many rows a record has, as far as a table with several rows of headers tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Records {
    OneRow,
    /// As many as there are rows of headers.
    SeveralRows,
    Unknown,
}

impl Records {
    /// `shapes` are those of the rows.
    pub(super) fn of(header_rows: &[Line], shapes: &[Vec<usize>], rows: &[Row]) -> Self {
        let titles = header_rows.iter().take_while(|cells| is_one_cell(cells));
        let header_rows = &header_rows[titles.count()..];
        let headers: Vec<_> = header_rows.iter().map(shape).collect();
        let Some((innermost, outer)) = headers.split_last().filter(|(_, outer)| !outer.is_empty())
        else {
            return Self::OneRow;
        };
        // What stands over all rows of headers would stand over all rows of a record too.
        let columns = 0..innermost.iter().sum();
        let mut over_all = columns.filter(|column| {
            let mut cells = header_rows
                .iter()
                .map(|row| row.get(*column).copied().flatten());
            let first = cells.next().flatten();
            first.is_some() && cells.all(|cell| cell == first)
        });
        let in_each_row = |column: usize| {
            let of_two = |two: &[Row]| two[0].cell(column).zip(two[1].cell(column));
            let mut pairs = rows.windows(2).filter_map(of_two);
            pairs.all(|(one, next)| one != next)
        };
        if over_all.any(in_each_row) {
            return Self::OneRow;
        }
        let mut other = outer.iter().filter(|shape| *shape != innermost).peekable();
        if other.peek().is_none() {
            return Self::Unknown;
        }
        if !rows.is_empty() && shapes.chunks(headers.len()).all(|record| record == headers) {
            return Self::SeveralRows;
        }
        match other.any(|shape| shapes.contains(shape)) {
            true => Self::Unknown,
            false => Self::OneRow,
        }
    }
}

/// How many columns each cell of a row reaches over, one after the other.
pub(super) fn shape(cells: &Line) -> Vec<usize> {
    cells
        .chunk_by(|one, other| one == other && one.is_some())
        .map(<[_]>::len)
        .collect()
}
