//! Values beside their names: in lists of definitions, and in tables of two columns.

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use scraper::ElementRef;

use super::table::{alike, name_of};
use crate::look::{Unlookable, is_invisible};
use crate::page::{Page, is};

/// The element with the value beside a name: the `dd` of a `dt`, or the cell after a cell.
///
/// # Errors
/// There is too much to read: names may stand in names.
pub(super) fn beside(
    page: &Page,
    list: &ElementRef,
    term: &str,
) -> Result<Option<NodeId>, Unlookable> {
    let (mut visits, mut hidden) = (page.visits(), None);
    for edge in list.traverse() {
        let node = match edge {
            Edge::Close(node) => {
                hidden = hidden.filter(|hidden| *hidden != node.id());
                continue;
            }
            Edge::Open(_) if hidden.is_some() => {
                visits.add(1)?;
                continue;
            }
            Edge::Open(node) => node,
        };
        visits.read(node)?;
        let Some(name) = ElementRef::wrap(node) else {
            continue;
        };
        if node.id() != list.id() && is_invisible(&name) {
            hidden = Some(node.id());
            continue;
        }
        if !matches!(name.value().name(), "dt" | "th" | "td") {
            continue;
        }
        for node in name.descendants() {
            visits.read(node)?;
        }
        if alike(&name_of(page, &name), term)
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
        // Beside another header it is the header of a column.
        "th" => &["td"],
        _ => &["td", "th"],
    };
    let after = name.next_siblings().filter_map(ElementRef::wrap);
    let mut after = after.filter(|next| !is_invisible(next));
    let value = after.find(|next| !is(name, "dt") || !is(next, "dt"));
    value
        .filter(|value| wanted.contains(&value.value().name()))
        .map(|value| value.id())
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use rstest::rstest;
    use url::Url;

    use super::*;

    fn page(text: &str) -> Page {
        let url = Url::parse("https://x.example/").unwrap();
        Page::parse(url, StatusCode::OK, text.to_owned(), encoding_rs::UTF_8).unwrap()
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

    #[rstest]
    #[case("<dl><dt>Name<dd>Kari<dt>Due:<dd>1</dl>", Some("1"))]
    #[case("<dl><div><dt>due</dt><dd>1</dd></div></dl>", Some("1"))]
    #[case("<dl><dt>Due<dt>Payable<dd>1</dl>", Some("1"))]
    #[case("<table><tr><th>Due<td>1<tr><th>Name<td>Kari</table>", Some("1"))]
    #[case("<table><tr><td>Due<td>1</table>", Some("1"))]
    #[case::hidden_row("<table><tr hidden><th>Due<td>7<tr><th>Due<td>1</table>", Some("1"))]
    #[case::hidden_group(
        "<dl><div style='display:none'><dt>Due<dd>7</div><dt>Due<dd>1</dl>",
        Some("1")
    )]
    #[case::hidden_name("<dl><dt hidden>Due<dd>7</dl>", None)]
    #[case::hidden_value("<dl><dt>Due<dd hidden>7<dd>1</dl>", Some("1"))]
    #[case::hidden_list("<dl hidden><dt>Due<dd>1</dl>", Some("1"))]
    #[case("<dl><dt>Due</dl>", None)]
    #[case("<dl><dt>Overdue<dd>1</dl>", None)]
    #[case("<table><tr><th>Due<th>Amount<tr><td>May<td>1</table>", None)]
    fn a_value_stands_beside_its_name(#[case] text: &str, #[case] expected: Option<&str>) {
        let page = page(text);

        let found = beside(
            &page,
            &page.element(page.css("dl, table")[0]).unwrap(),
            "Due",
        )
        .unwrap();

        let found = found.map(|id| page.shown_text(&page.element(id).unwrap()));
        assert_eq!(found.as_deref(), expected);
    }
}
