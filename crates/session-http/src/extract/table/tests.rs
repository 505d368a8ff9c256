//! Columns are what who sees a table takes them for.

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

#[rstest]
#[case::a_notice(
    "<table><thead><tr><th>A<th>B<th>C<tbody><tr class=no-items><td colspan=3>No posts found.</table>",
    "B",
    &[]
)]
#[case::a_notice_wider_than_the_table("<table><tr><th>A<th>B<tr><td colspan=100>None</table>", "B", &[])]
#[case::one_column_that_is_wide("<table><tr><th colspan=2>A<tr><td colspan=2>1</table>", "A", &["1"])]
#[case::headings_of_groups(
    "<table><thead><tr><th>A<th>B<tbody><tr class=group><td colspan=2>Alpha<tr><td>1<td>2
     <tr class=group><td colspan=2>Beta<tr><td>3<td>4</table>",
    "B",
    &["2", "4"]
)]
#[case::a_sum_over_columns("<table><tr><th>A<th>B<th>C<tr><td>1<td>2<td>3<tr><td colspan=2>Sum<td>3", "A", &["1", "Sum"])]
#[case::of_none_but_its_first("<table><tr><th>A<th>B<th>C<tr><td>1<td>2<td>3<tr><td colspan=2>Sum<td>3", "B", &["2", "-"])]
#[case::hidden_rows(
    "<table><thead><tr><th>A<th>B<tbody><tr style='display:none'><td>__prefix__<td>x<tr><td>1<td>2
     <tbody hidden><tr><td>3<td>4</table>",
    "A",
    &["1"]
)]
#[case::cells_that_take_no_room("<table><tr><th>A<th>B<tr><td style='display: none'>7<td>1<td>2", "B", &["2"])]
#[case::cells_that_take_room("<table><tr><th>A<th>B<tr><td style='visibility: hidden'>7<td>1", "B", &["1"])]
#[case::filters(
    "<table><thead><tr><th>Id<th>B<tr><td><input name=a><td><input name=b><tbody><tr><td>1<td>2</table>",
    "B",
    &["2"]
)]
#[case::filters_with_choices(
    "<table><thead><tr><th>Id<th>B<tr><th><input><th><select><option>All</select><tbody><tr><td>1<td>2</table>",
    "B",
    &["2"]
)]
#[case::a_header_that_ends_with_its_part(
    "<table><thead><tr><th rowspan=2>A<th>B<tbody><tr><td>1<td>2</table>",
    "B",
    &["2"]
)]
#[case::headers_of_data_cells("<table><thead><tr><td>A<td>B<tbody><tr><td>1<td>2</table>", "B", &["2"])]
#[case::a_title_over_all("<table><tr><th colspan=2>2026<tr><th>A<th>B<tr><td>1<td>2</table>", "B", &["2"])]
fn rows_and_columns_are_what_who_sees_the_page_takes_them_for(
    #[case] text: &str,
    #[case] header: &str,
    #[case] expected: &[&str],
) {
    assert_eq!(column(text, header), expected);
}

#[rstest]
#[case("2026 Amount", Ok(3))]
#[case("2025 vat", Ok(2))]
#[case("Month", Ok(0))]
#[case("Amount", Err(NoColumn::Several))]
#[case("2026", Err(NoColumn::Several))]
#[case("Sum", Err(NoColumn::NoneOfThem))]
fn a_header_over_several_columns_tells_those_below_it_apart(
    #[case] header: &str,
    #[case] expected: Result<usize, NoColumn>,
) {
    let page = page(
        "<table><thead><tr><th rowspan=2>Month<th colspan=2>2025<th colspan=2>2026
         <tr><th>Amount<th>VAT<th>Amount<th>VAT<tbody><tr><td>May<td>1<td>2<td>3<td>4</table>",
    );
    let table = Table::of(&page, &first(&page, "table")).unwrap();

    assert_eq!(table.column(header), expected);
}

#[test]
fn two_columns_of_one_name_are_not_told_apart() {
    let page = page("<table><tr><th>Sum<th>Sum<tr><td>1<td>2");
    let table = Table::of(&page, &first(&page, "table")).unwrap();

    assert_eq!(table.column("Sum"), Err(NoColumn::Several));
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
