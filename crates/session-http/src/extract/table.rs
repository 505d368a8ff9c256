//! Tables and their columns. Source: the HTML standard, "Forming a table".

mod records;

use std::collections::{HashMap, HashSet};

use ego_tree::NodeId;
use scraper::ElementRef;

use self::records::{Records, shape};
use crate::look::{is_invisible, shown, takes_no_room};
use crate::page::{Page, is};
use crate::reading::normalize;

/// How many columns a table may have.
const MAX_COLUMNS: usize = 1000;

/// How many cells, those that reach over several counted as often, one table may have.
const MAX_CELLS: usize = 1_000_000;

/// How many rows of headers, the last ones, are read.
const MAX_HEADER_ROWS: usize = 10;

/// How long a text may be that names a column or a value. A longer one names nothing.
const MAX_NAME_BYTES: usize = 4096;

type Line = Vec<Option<NodeId>>;

/// A table as a grid: a cell that reaches over several rows or columns stands in each.
#[derive(Debug)]
pub(super) struct Table {
    /// What each column is called: its headers, from the outermost on.
    pub(super) headers: Vec<String>,
    /// The cells of its rows of headers, and the text of each.
    header_rows: Vec<Line>,
    names: HashMap<NodeId, String>,
    /// Those of its headers where one chooses which rows to see.
    filters: HashSet<NodeId>,
    records: Records,
    /// The rows with values.
    pub(super) rows: Vec<Row>,
}

/// One row: itself and its cells by column.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: NodeId,
    cells: Line,
}

/// Why there is no such column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoColumn {
    NoneOfThem,
    Several,
    /// This column has other headers over or under it, none a part of the other: it may be that each
    /// record has as many rows, and a row of headers for each.
    Stacked(usize),
    /// Each record has as many rows as there are rows of headers.
    InSeveralRows,
}

impl Table {
    /// None where it has too many cells.
    pub(super) fn of(page: &Page, table: &ElementRef) -> Option<Self> {
        let rows: Vec<ElementRef> = rows_of(table);
        let grid = grid(&rows)?;
        let headers = header_rows(&rows);
        let has_columns = !grid.iter().all(is_one_cell);
        let (mut header_rows, mut with_values, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (row, cells)) in rows.iter().zip(grid).enumerate() {
            // It says something of the rows around it, or that there are none.
            let is_heading = has_columns && cells.len() > 1 && is_one_cell(&cells);
            if headers.contains(&place) {
                header_rows.push(cells);
            } else if has_values(row) && !is_heading {
                shapes.push(shape(&cells));
                with_values.push(Row {
                    id: row.id(),
                    cells: each_once(&cells),
                });
            }
        }
        // Short rows there are, but the only one of a table says that there are none.
        let has_headers = header_rows.last().is_some_and(|cells| !is_one_cell(cells));
        if has_headers && shapes == [[1]] {
            shapes.clear();
            with_values.clear();
        }
        let names = names(page, &header_rows);
        Some(Self {
            headers: full_names(&header_rows, &names),
            filters: filters(page, &header_rows),
            records: Records::of(&header_rows, &shapes, &with_values),
            header_rows,
            names,
            rows: with_values,
        })
    }

    /// The column under this header, or under these where one stands over several: `2026 Amount`.
    pub(super) fn column(&self, header: &str) -> Result<usize, NoColumn> {
        if self.records == Records::SeveralRows {
            return Err(NoColumn::InSeveralRows);
        }
        let full = (0..self.headers.len()).filter(|column| alike(&self.headers[*column], header));
        let full: Vec<usize> = full.collect();
        if !full.is_empty() {
            return self.only(&full);
        }
        let named = self.names.iter().filter(|(_, name)| alike(name, header));
        let named: HashSet<NodeId> = named.map(|(cell, _)| *cell).collect();
        for row in self.header_rows.iter().rev() {
            let is_named = |cell: &Option<NodeId>| cell.is_some_and(|cell| named.contains(&cell));
            let columns = (0..row.len()).filter(|column| is_named(&row[*column]));
            let columns: Vec<usize> = columns.collect();
            if !columns.is_empty() {
                let column = self.only(&columns)?;
                let is_clear = self.records == Records::OneRow || !self.is_stacked(column);
                return match is_clear {
                    true => Ok(column),
                    false => Err(NoColumn::Stacked(column)),
                };
            }
        }
        Err(NoColumn::NoneOfThem)
    }

    /// Whether a header stands over another one in this column and not, as that of a group does, over
    /// others beside it too.
    fn is_stacked(&self, column: usize) -> bool {
        let mut above: Option<(&str, usize)> = None;
        let mut last = None;
        for row in &self.header_rows {
            let Some(cell) = row.get(column).copied().flatten() else {
                continue;
            };
            let name = self.names.get(&cell).map_or("", String::as_str);
            if last.replace(cell) == Some(cell) || name.is_empty() || self.filters.contains(&cell) {
                continue;
            }
            let width = row.iter().filter(|other| **other == Some(cell)).count();
            if above.is_some_and(|(over, wide)| wide <= width && !alike(over, name)) {
                return true;
            }
            above = Some((name, width));
        }
        false
    }

    /// The first of these columns, if they have one header in common down to the last row of headers.
    fn only(&self, columns: &[usize]) -> Result<usize, NoColumn> {
        let innermost = |column: &usize| {
            let mut cells = self.header_rows.iter().rev();
            cells.find_map(|row| row.get(*column).copied().flatten())
        };
        let headers: HashSet<_> = columns.iter().map(innermost).collect();
        match (columns.first(), headers.len()) {
            (Some(first), 1) => Ok(*first),
            (None, _) => Err(NoColumn::NoneOfThem),
            (Some(_), _) => Err(NoColumn::Several),
        }
    }
}

/// Those of these cells that have a list to choose from.
fn filters(page: &Page, rows: &[Line]) -> HashSet<NodeId> {
    let cells: HashSet<NodeId> = rows.iter().flatten().flatten().copied().collect();
    let has_list = |cell: &NodeId| {
        let inside = page.element(*cell).into_iter();
        let mut inside = inside.flat_map(|cell| cell.descendants().filter_map(ElementRef::wrap));
        inside.any(|one| is(&one, "select"))
    };
    cells.into_iter().filter(has_list).collect()
}

/// What these cells are called. A cell that reaches over several places is read once, and one that is
/// hidden has no name.
fn names(page: &Page, rows: &[Line]) -> HashMap<NodeId, String> {
    let mut names = HashMap::new();
    for cell in rows.iter().flatten().flatten() {
        names.entry(*cell).or_insert_with(|| {
            let element = page.element(*cell).filter(|cell| !is_invisible(cell));
            let name = element.map(|element| name_of(page, &element));
            name.unwrap_or_default()
        });
    }
    names
}

/// What the columns are called, as far as a name is long.
fn full_names(rows: &[Line], names: &HashMap<NodeId, String>) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let full_name = |column: usize| {
        let (mut full, mut last) = (String::new(), None);
        for cell in rows.iter().map(|row| row.get(column).copied().flatten()) {
            let name = cell.and_then(|cell| names.get(&cell));
            let name = name.filter(|name| cell != last && !name.is_empty());
            last = cell;
            let Some(name) = name.filter(|name| full.len() + name.len() < MAX_NAME_BYTES) else {
                continue;
            };
            if !full.is_empty() {
                full.push(' ');
            }
            full.push_str(name);
        }
        full
    };
    (0..columns).map(full_name).collect()
}

/// The text of a name, as far as one is long.
pub(super) fn name_of(page: &Page, element: &ElementRef) -> String {
    let mut bytes = 0;
    let pieces = shown(page, element).take_while(|piece| {
        bytes += piece.len();
        bytes <= MAX_NAME_BYTES
    });
    normalize(pieces)
}

impl Row {
    pub(super) fn cell(&self, column: usize) -> Option<NodeId> {
        self.cells.get(column).copied().flatten()
    }
}

/// The rows of this table that are shown, and not of one inside it.
fn rows_of<'page>(table: &ElementRef<'page>) -> Vec<ElementRef<'page>> {
    let direct = children(table).filter(|child| !is_invisible(child));
    let rows = direct.flat_map(|child| match child.value().name() {
        "tr" => vec![child],
        "thead" | "tbody" | "tfoot" => children(&child).filter(|row| is(row, "tr")).collect(),
        _ => Vec::new(),
    });
    rows.filter(|row| !is_invisible(row)).collect()
}

fn children<'page>(element: &ElementRef<'page>) -> impl Iterator<Item = ElementRef<'page>> {
    element.children().filter_map(ElementRef::wrap)
}

fn is_in(row: &ElementRef, part: &str) -> bool {
    let around = row.parent().and_then(ElementRef::wrap);
    around.is_some_and(|around| is(&around, part))
}

/// Whether the row has values: not of the head or foot.
fn has_values(row: &ElementRef) -> bool {
    children(row).any(|cell| is(&cell, "td")) && !is_in(row, "thead") && !is_in(row, "tfoot")
}

/// Whether one cell reaches over all of the row.
fn is_one_cell(cells: &Line) -> bool {
    cells.windows(2).all(|two| two[0] == two[1])
}

/// What a cell over several columns says is of none but its first.
fn each_once(cells: &Line) -> Line {
    let before = std::iter::once(&None).chain(cells);
    let cells = cells.iter().zip(before);
    cells
        .map(|(cell, before)| cell.filter(|_| cell != before))
        .collect()
}

/// The rows with headers: those of the `thead` that have header cells, else those that have any; without
/// them the first rows whose cells are all header cells but the one in the corner.
fn header_rows(rows: &[ElementRef]) -> Vec<usize> {
    let has = |row: &ElementRef, name| children(row).any(|cell| is(&cell, name));
    let in_head = |has_headers: &dyn Fn(&ElementRef) -> bool| -> Vec<usize> {
        let all = rows.iter().enumerate();
        all.filter(|(_, row)| is_in(row, "thead") && has_headers(row))
            .map(|(place, _)| place)
            .collect()
    };
    let only_headers = |row: &&ElementRef| {
        let are_headers = |cells: &[ElementRef]| cells.iter().all(|cell| is(cell, "th"));
        match children(row).collect::<Vec<_>>().as_slice() {
            [] => false,
            [_corner, others @ ..] if !others.is_empty() => are_headers(others),
            only => are_headers(only),
        }
    };
    let mut found = in_head(&|row| has(row, "th"));
    // A title over the whole table names no column.
    if found
        .iter()
        .all(|place| children(&rows[*place]).count() < 2)
    {
        found = in_head(&|row| has(row, "th") || has(row, "td"));
    }
    if found.is_empty() {
        found = (0..rows.iter().take_while(only_headers).count()).collect();
    }
    found.split_off(found.len().saturating_sub(MAX_HEADER_ROWS))
}

/// The cells of each row by column; None where there are too many. A cell that takes no room has no
/// place.
fn grid(rows: &[ElementRef]) -> Option<Vec<Line>> {
    let mut grid: Vec<Line> = vec![Vec::new(); rows.len()];
    let mut cells_so_far = 0;
    let mut end_of_part = 0;
    for (row_place, row) in rows.iter().enumerate() {
        if row_place >= end_of_part {
            let part = |row: &ElementRef| row.parent().map(|part| part.id());
            let others = rows[row_place..].iter();
            end_of_part = row_place + others.take_while(|other| part(other) == part(row)).count();
        }
        let mut column = 0;
        let is_cell = |cell: &ElementRef| is(cell, "td") || is(cell, "th");
        for cell in children(row).filter(|cell| is_cell(cell) && !takes_no_room(cell)) {
            while grid[row_place].get(column).is_some_and(Option::is_some) {
                column += 1;
            }
            let wide = span(&cell, "colspan").min(MAX_COLUMNS.saturating_sub(column));
            if wide == 0 {
                break;
            }
            let high = span(&cell, "rowspan").min(end_of_part - row_place);
            cells_so_far += wide * high;
            if cells_so_far > MAX_CELLS {
                return None;
            }
            for line in &mut grid[row_place..row_place + high] {
                if line.len() < column + wide {
                    line.resize(column + wide, None);
                }
                for place in &mut line[column..column + wide] {
                    place.get_or_insert(cell.id());
                }
            }
            column += wide;
        }
    }
    Some(grid)
}

/// Over how many; 1 where it does not say.
fn span(cell: &ElementRef, attribute: &str) -> usize {
    let written = cell
        .attr(attribute)
        .and_then(|text| text.trim().parse().ok());
    written.filter(|span| *span > 0).unwrap_or(1)
}

/// Whether two names are the same to who reads the page: case and a colon at the end do not count.
pub(super) fn alike(text: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.trim().trim_end_matches(':').trim_end().to_lowercase();
    plain(text) == plain(wanted)
}

#[cfg(test)]
mod tests;
