//! Tables and their columns, and values beside their names. Source: the HTML standard, "Forming a
//! table".

use ego_tree::NodeId;
use scraper::ElementRef;

use crate::look::{Unlookable, shown};
use crate::page::{Page, is};
use crate::reading::normalize;

/// How many columns a table may have.
const MAX_COLUMNS: usize = 1000;

/// How many cells, those that reach over several counted as often, one table may have.
const MAX_CELLS: usize = 1_000_000;

/// How long a text may be that names a column or a value. A longer one names nothing.
const MAX_NAME_BYTES: usize = 4096;

/// A table as a grid: a cell that reaches over several rows or columns stands in each.
#[derive(Debug)]
pub(super) struct Table {
    /// The text of each column's header.
    pub(super) headers: Vec<String>,
    /// The rows with values.
    pub(super) rows: Vec<Row>,
}

/// One row: itself and its cells by column.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: NodeId,
    cells: Vec<Option<NodeId>>,
}

impl Table {
    /// None where it has too many cells.
    pub(super) fn of(page: &Page, table: &ElementRef) -> Option<Self> {
        let rows: Vec<ElementRef> = rows_of(table);
        let grid = grid(&rows)?;
        let header = header(&rows);
        let in_part = |row: &ElementRef, part| {
            let around = row.parent().and_then(ElementRef::wrap);
            around.is_some_and(|around| is(&around, part))
        };
        let headers = header.and_then(|header| grid.get(header));
        let headers = headers.map(|cells| names(page, cells));
        let with_values = rows
            .iter()
            .zip(grid)
            .enumerate()
            .filter(|(place, (row, _))| {
                let has_values = children(row).any(|cell| is(&cell, "td"));
                Some(*place) != header
                    && has_values
                    && !in_part(row, "thead")
                    && !in_part(row, "tfoot")
            });
        let rows = with_values.map(|(_, (row, cells))| Row {
            id: row.id(),
            cells,
        });
        Some(Self {
            headers: headers.unwrap_or_default(),
            rows: rows.collect(),
        })
    }

    /// The column under the header with this text.
    pub(super) fn column(&self, header: &str) -> Option<usize> {
        self.headers.iter().position(|text| alike(text, header))
    }
}

/// What these cells are called. A cell that reaches over many columns is read once.
fn names(page: &Page, cells: &[Option<NodeId>]) -> Vec<String> {
    let mut last = (None, String::new());
    let names = cells.iter().map(|cell| {
        if last.0 != *cell {
            let element = cell.and_then(|id| page.element(id));
            last = (
                *cell,
                element.map(|element| name_of(&element)).unwrap_or_default(),
            );
        }
        last.1.clone()
    });
    names.collect()
}

/// The text of a name, as far as one is long.
fn name_of(element: &ElementRef) -> String {
    let mut bytes = 0;
    let pieces = shown(element).take_while(|piece| {
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

/// The rows of this table, and not of one inside it.
fn rows_of<'page>(table: &ElementRef<'page>) -> Vec<ElementRef<'page>> {
    let direct = children(table);
    direct
        .flat_map(|child| match child.value().name() {
            "tr" => vec![child],
            "thead" | "tbody" | "tfoot" => children(&child).filter(|row| is(row, "tr")).collect(),
            _ => Vec::new(),
        })
        .collect()
}

fn children<'page>(element: &ElementRef<'page>) -> impl Iterator<Item = ElementRef<'page>> {
    element.children().filter_map(ElementRef::wrap)
}

/// The last row of its `thead`; else the first, where all its cells are header cells but the one in the
/// corner; else there is none.
fn header(rows: &[ElementRef]) -> Option<usize> {
    let in_head = |row: &ElementRef| {
        let around = row.parent().and_then(ElementRef::wrap);
        around.is_some_and(|around| is(&around, "thead"))
    };
    let with_header = |row: &&ElementRef| {
        let are_headers = |cells: &[ElementRef]| cells.iter().all(|cell| is(cell, "th"));
        match children(row).collect::<Vec<_>>().as_slice() {
            [] => false,
            [_corner, others @ ..] if !others.is_empty() => are_headers(others),
            only => are_headers(only),
        }
    };
    rows.iter()
        .rposition(in_head)
        .or_else(|| rows.first().filter(with_header).map(|_| 0))
}

/// The cells of each row by column; None where there are too many.
fn grid(rows: &[ElementRef]) -> Option<Vec<Vec<Option<NodeId>>>> {
    let mut grid: Vec<Vec<Option<NodeId>>> = vec![Vec::new(); rows.len()];
    let mut cells_so_far = 0;
    for (row_place, row) in rows.iter().enumerate() {
        let mut column = 0;
        let cells = children(row).filter(|cell| is(cell, "td") || is(cell, "th"));
        for cell in cells {
            while grid[row_place].get(column).is_some_and(Option::is_some) {
                column += 1;
            }
            let wide = span(&cell, "colspan").min(MAX_COLUMNS.saturating_sub(column));
            if wide == 0 {
                break;
            }
            let high = span(&cell, "rowspan").min(rows.len() - row_place);
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

/// The element with the value beside a name: the `dd` of a `dt`, or the cell after a cell.
///
/// # Errors
/// There is too much to read: names may stand in names.
pub(super) fn beside(
    page: &Page,
    list: &ElementRef,
    term: &str,
) -> Result<Option<NodeId>, Unlookable> {
    let mut visits = page.visits();
    for name in list.descendants().filter_map(ElementRef::wrap) {
        visits.add(1)?;
        if !matches!(name.value().name(), "dt" | "th" | "td") {
            continue;
        }
        for node in name.descendants() {
            visits.read(node)?;
        }
        if alike(&name_of(&name), term)
            && let Some(value) = value_beside(&name)
        {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn value_beside(name: &ElementRef) -> Option<NodeId> {
    let wanted: &[&str] = match name.value().name() {
        "dt" => &["dd"],
        _ => &["td", "th"],
    };
    let mut after = name.next_siblings().filter_map(ElementRef::wrap);
    let value = after.find(|next| !is(name, "dt") || !is(next, "dt"));
    value
        .filter(|value| wanted.contains(&value.value().name()))
        .map(|value| value.id())
}

/// Whether two names are the same to who reads the page: case and a colon at the end do not count.
fn alike(text: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.trim().trim_end_matches(':').trim_end().to_lowercase();
    plain(text) == plain(wanted)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use rstest::rstest;
    use url::Url;

    use super::*;
    use crate::page::text_of;

    fn page(text: &str) -> Page {
        let url = Url::parse("https://x.example/").unwrap();
        Page::parse(url, StatusCode::OK, text.to_owned(), encoding_rs::UTF_8).unwrap()
    }

    fn first<'page>(page: &'page Page, css: &str) -> ElementRef<'page> {
        let found = page.css(css);
        page.element(found[0]).unwrap()
    }

    fn column(text: &str, header: &str) -> Vec<String> {
        let page = page(text);
        let table = Table::of(&page, &first(&page, "table")).unwrap();
        let column = table.column(header).unwrap();
        let cells = table.rows.iter().map(|row| row.cell(column));
        cells
            .map(|cell| cell.map_or("-".to_owned(), |id| text_of(&page.element(id).unwrap())))
            .collect()
    }

    #[rstest]
    #[case("<table><thead><tr><th>A<th>B</thead><tr><td>1<td>2<tr><td>3<td>4</table>")]
    #[case("<table><tr><th>A<th> b : </tr><tr><td>1<td>2<tr><th>3<td>4</table>")]
    #[case("<table><thead><tr><th rowspan=2>A<th>X<tr><th>B</thead><tr><td>1<td>2<tr><td>3<td>4")]
    #[case("<table><tr><th colspan=2>A<th>B<tr><td>1<td>1<td>2<tr><td colspan=2>3<td>4</table>")]
    #[case("<table><tr><th>A<th>B<tr><td>1<td>2<table><tr><td>9</table><tr><td>3<td>4")]
    #[case("<table><tr><th>A<th>B<tr><td>1<td>2<tr><td>3<td>4<tfoot><tr><td>Sum<td>6</table>")]
    fn a_column_is_found_by_its_header(#[case] text: &str) {
        let found = column(text, "B");

        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with('2') && found[1] == "4", "{found:?}");
    }

    #[test]
    fn a_cell_over_several_rows_stands_in_each() {
        let text = "<table><tr><th>A<th>B<tr><td rowspan=2>1<td>2<tr><td>3<tr><td>4";

        assert_eq!(column(text, "A"), ["1", "1", "4"]);
        assert_eq!(column(text, "B"), ["2", "3", "-"]);
    }

    #[test]
    fn spans_without_end_are_cut() {
        let wide = "<td colspan=9999999 rowspan=9999999>x";
        let page = page(&format!("<table>{}", format!("<tr>{wide}").repeat(3000)));

        assert!(Table::of(&page, &first(&page, "table")).is_none());
    }

    #[test]
    fn a_long_header_over_all_columns_is_read_once_and_cut() {
        let long = "long ".repeat(1_000_000);
        let text = format!("<table><tr><th colspan=1000>{long}<tr><td>1");
        let page = page(&text);

        let table = Table::of(&page, &first(&page, "table")).unwrap();

        assert_eq!(table.headers.len(), MAX_COLUMNS);
        assert!(
            table
                .headers
                .iter()
                .all(|name| name.len() <= MAX_NAME_BYTES)
        );
    }

    #[test]
    fn names_in_names_are_no_endless_work() {
        let deep = "<dl><dt>".repeat(200);
        let page = page(&format!("{deep}{}", "word ".repeat(1_000_000)));
        let lists = page.css("dl");

        let found: Result<Vec<_>, _> = lists
            .iter()
            .map(|list| beside(&page, &page.element(*list).unwrap(), "Due"))
            .collect();

        assert_eq!(found, Err(Unlookable::TooMuch));
    }

    #[test]
    fn a_cell_beyond_the_last_column_takes_no_room() {
        let text = format!(
            "<table><tr>{}<td rowspan=50000>{}",
            "<td>".repeat(MAX_COLUMNS),
            "<tr>".repeat(50_000)
        );
        let page = page(&text);

        let rows = rows_of(&first(&page, "table"));
        let grid = grid(&rows).unwrap();

        let cells: usize = grid.iter().map(Vec::len).sum();
        assert_eq!((grid.len(), cells), (50_001, MAX_COLUMNS));
    }

    #[rstest]
    #[case("<dl><dt>Name<dd>Kari<dt>Due:<dd>1</dl>", Some("1"))]
    #[case("<dl><div><dt>due</dt><dd>1</dd></div></dl>", Some("1"))]
    #[case("<dl><dt>Due<dt>Payable<dd>1</dl>", Some("1"))]
    #[case("<table><tr><th>Due<td>1<tr><th>Name<td>Kari</table>", Some("1"))]
    #[case("<table><tr><td>Due<td>1</table>", Some("1"))]
    #[case("<dl><dt>Due</dl>", None)]
    #[case("<dl><dt>Overdue<dd>1</dl>", None)]
    fn a_value_stands_beside_its_name(#[case] text: &str, #[case] expected: Option<&str>) {
        let page = page(text);

        let found = beside(&page, &first(&page, "dl, table"), "Due").unwrap();

        let found = found.map(|id| text_of(&page.element(id).unwrap()));
        assert_eq!(found.as_deref(), expected);
    }
}
