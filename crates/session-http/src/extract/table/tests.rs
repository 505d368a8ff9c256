//! Columns are what who sees a table takes them for.

use reqwest::StatusCode;
use rstest::rstest;
use url::Url;

use super::*;

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
        .map(|cell| {
            cell.map_or("-".to_owned(), |id| {
                page.shown_text(&page.element(id).unwrap())
            })
        })
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
#[case::a_notice_of_one_column("<table><thead><tr><th>A<th>B<tbody><tr><td>No bills found</table>", "A", &[])]
#[case::a_notice_under_a_title(
    "<table><tr><th colspan=2>2026<tr><th>A<th>B<tr><td>No bills found</table>",
    "A",
    &[]
)]
#[case::one_column("<table><tr><th>A<tr><td>1</table>", "A", &["1"])]
#[case::a_short_row("<table><tr><th>A<th>B<tr><td>1<tr><td>2<td>3</table>", "A", &["1", "2"])]
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

#[rstest]
#[case::beside_each_other("<tr><th>Date<th>Amount<tr><th>Reference<th>Note", "Date")]
#[case::the_lower_one("<tr><th>Date<th>Amount<tr><th>Reference<th>Note", "note")]
#[case::wide_under_narrow("<tr><th>Date<th>Amount<tr><th colspan=2>Reference", "Reference")]
#[case::narrow_over_wide("<tr><th>Date<th>Amount<tr><th colspan=2>Reference", "Amount")]
fn a_header_over_another_is_not_guessed(#[case] headers: &str, #[case] header: &str) {
    let text = format!("<table><thead>{headers}<tbody><tr><td>1<td>2<tr><td>3<td>4</table>");
    let page = page(&text);
    let table = Table::of(&page, &first(&page, "table")).unwrap();

    let column = table.column(header);

    assert!(matches!(column, Err(NoColumn::Stacked(_))), "{column:?}");
}

#[rstest]
#[case::of_each_record(
    "<tr><td rowspan=2>1<td>2<tr><td>3<tr><td rowspan=2>4<td>5<tr><td>6",
    Err(NoColumn::Stacked(1))
)]
#[case::of_each_row("<tr><td>1<td>2<tr><td>1<td>2", Ok(1))]
fn a_common_header_tells_how_many_rows_a_record_has(
    #[case] rows: &str,
    #[case] expected: Result<usize, NoColumn>,
) {
    let headers = "<tr><th rowspan=2>Id<th>Date<tr><th>Reference";
    let page = page(&format!("<table><thead>{headers}<tbody>{rows}</table>"));
    let table = Table::of(&page, &first(&page, "table")).unwrap();

    assert_eq!(table.column("Reference"), expected);
}

#[rstest]
#[case::named_by_both("<tr><th>Use<th>Cost<tr><th>kWh<th>NOK", "Use kWh", &["1", "3"])]
#[case::written_twice("<tr><th>Use<th>Cost<tr><th>Use<th>Cost", "Cost", &["2", "4"])]
#[case::beside_a_stack("<tr><th>Use<th>Cost<tr><th>kWh<th>", "Cost", &["2", "4"])]
#[case::over_those_of_a_filter("<tr><th>Use<th>Cost<tr><th><select><option>All</select><th>", "Use", &["1", "3"])]
#[case::beside_a_group("<tr><th colspan=2>Bill<th>Sum<tr><th>Month<th>Number<th>NOK", "Sum", &["-", "-"])]
#[case::hidden_head("<tr hidden><th>A<th>Cost<tr><th>Use<th>B", "Use", &["1", "3"])]
#[case::under_a_hidden_head(
    "<tr><th style='visibility: hidden'>A<th>Cost<tr><th>Use<th><span hidden>B",
    "Use",
    &["1", "3"]
)]
fn a_header_that_is_told_apart_names_its_column(
    #[case] headers: &str,
    #[case] header: &str,
    #[case] expected: &[&str],
) {
    let text = format!("<table><thead>{headers}<tbody><tr><td>1<td>2<tr><td>3<td>4</table>");

    assert_eq!(column(&text, header), expected);
}

#[rstest]
#[case::rows("<thead hidden><tr><th>A<th>B</thead>")]
#[case::head_of_style("<thead style='display: none'><tr><th>A<th>B</thead>")]
#[case::row("<thead><tr hidden><th>A<th>B</thead>")]
#[case::cells(
    "<thead><tr><th style='visibility: hidden'>A<th style='visibility: hidden'>B</thead>"
)]
#[case::first_row("<tr hidden><th>A<th>B</tr>")]
fn a_hidden_header_names_no_column(#[case] head: &str) {
    let page = page(&format!("<table>{head}<tr><td>1<td>2</table>"));
    let table = Table::of(&page, &first(&page, "table")).unwrap();

    assert_eq!(table.column("B"), Err(NoColumn::NoneOfThem));
}

#[rstest]
#[case::one_record("<tr><td colspan=2>x<td>1<tr><td>2<td>3<td>4")]
#[case::two_records(
    "<tr><td colspan=2>x<td>1<tr><td>2<td>3<td>4<tr><td colspan=2>y<td>1<tr><td>2<td>3<td>4"
)]
fn records_of_as_many_rows_as_there_are_headers_have_no_columns(#[case] records: &str) {
    let headers = "<tr><th colspan=2>Text<th>State<tr><th>From<th>To<th>Sum";
    let page = page(&format!("<table><thead>{headers}<tbody>{records}</table>"));
    let table = Table::of(&page, &first(&page, "table")).unwrap();

    for header in ["From", "State Sum"] {
        assert_eq!(table.column(header), Err(NoColumn::InSeveralRows));
    }
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
