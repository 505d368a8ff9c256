//! The text of an element as it is shown: lines and blocks stand apart, and what is hidden is no part of
//! it. Source: HTML standard, "The innerText and outerText properties".

use std::collections::HashSet;

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use scraper::ElementRef;

use crate::look::hidden::is_invisible;
use crate::look::name::stands_apart;
use crate::page::Page;
use crate::reading::{SEAM, normalize};

/// A piece of the text of an element.
enum Piece<'page> {
    Text(&'page str),
    /// A text whose ends of lines are shown.
    Lines(&'page str),
    /// Between lines and blocks.
    Break,
    /// Where something begins or ends that is shown beside what is around it and not read on with it.
    Seam,
}

impl Page {
    /// The element's text as it shows: of a list of options those that are chosen. Of an element that is
    /// hidden itself it is all that is in it.
    pub(crate) fn shown_text(&self, element: &ElementRef) -> String {
        normalize(shown(self, element))
    }
}

/// The pieces of an element's text, with a space between lines and blocks.
pub(crate) fn shown<'page>(
    page: &'page Page,
    element: &ElementRef<'page>,
) -> impl Iterator<Item = &'page str> {
    joinable(pieces(Some(page), element))
}

/// The same, but with all options of its lists, as `innerText` has them.
pub(crate) fn text_of(element: &ElementRef) -> String {
    normalize(joinable(pieces(None, element)))
}

fn joinable<'page>(pieces: impl Iterator<Item = Piece<'page>>) -> impl Iterator<Item = &'page str> {
    pieces.filter_map(|piece| match piece {
        Piece::Text(text) | Piece::Lines(text) => Some(text),
        Piece::Break => Some(" "),
        Piece::Seam => None,
    })
}

/// The element's text for whoever must not read on across a line, or a [`SEAM`]: white space is one
/// space within a line.
pub(crate) fn shown_in_lines(page: &Page, element: &ElementRef) -> String {
    let mut lines = String::new();
    for piece in pieces(Some(page), element) {
        match piece {
            Piece::Text(text) => add_words(&mut lines, text),
            Piece::Lines(text) => {
                for (place, line) in text.split('\n').enumerate() {
                    if place > 0 {
                        end_line(&mut lines);
                    }
                    add_words(&mut lines, line);
                }
            }
            Piece::Break => end_line(&mut lines),
            Piece::Seam if lines.is_empty() => {}
            Piece::Seam => lines.push(SEAM),
        }
    }
    let is_nothing = |letter: char| letter.is_whitespace() || letter == SEAM;
    lines.truncate(lines.trim_end_matches(is_nothing).len());
    lines
}

fn add_words(lines: &mut String, text: &str) {
    for letter in text.chars() {
        if !letter.is_whitespace() {
            lines.push(letter);
        } else if !lines.is_empty() && !lines.ends_with([' ', '\n']) {
            lines.push(' ');
        }
    }
}

fn end_line(lines: &mut String) {
    lines.truncate(lines.trim_end().len());
    if !lines.is_empty() {
        lines.push('\n');
    }
}

/// With the page it is known which options of a list are chosen.
fn pieces<'page>(
    page: Option<&'page Page>,
    element: &ElementRef<'page>,
) -> impl Iterator<Item = Piece<'page>> {
    let root = element.id();
    let (mut hidden, mut in_lines) = (None, None);
    let mut chosen: Option<HashSet<NodeId>> = None;
    element.traverse().filter_map(move |edge| match edge {
        Edge::Open(_) if hidden.is_some() => None,
        Edge::Open(node) => {
            if let Some(text) = node.value().as_text() {
                return Some(match in_lines {
                    None => Piece::Text(text),
                    Some(_) => Piece::Lines(text),
                });
            }
            let element = ElementRef::wrap(node)?;
            if node.id() != root && is_invisible(&element) {
                hidden = Some(node.id());
                return None;
            }
            match (element.value().name(), &chosen) {
                ("pre" | "textarea", _) => in_lines = in_lines.or(Some(node.id())),
                ("select", _) => {
                    let of_page = page.map(|page| page.chosen(&element));
                    chosen = of_page.map(|all| all.iter().map(|option| option.id()).collect());
                }
                ("option", Some(chosen)) => {
                    let label = element.attr("label").filter(|label| !label.is_empty());
                    let is_chosen = chosen.contains(&node.id());
                    if label.is_some() || !is_chosen {
                        hidden = Some(node.id());
                        return label.filter(|_| is_chosen).map(Piece::Text);
                    }
                }
                _ => {}
            }
            edge_of(&element)
        }
        Edge::Close(node) => {
            let element = ElementRef::wrap(node)?;
            if hidden.is_some() {
                hidden = hidden.filter(|hidden| *hidden != node.id());
                // Its label may have stood in its place.
                let is_over = hidden.is_none() && chosen.is_some();
                return is_over.then_some(Piece::Break);
            }
            in_lines = in_lines.filter(|outermost| *outermost != node.id());
            if element.value().name() == "select" {
                chosen = None;
            }
            edge_of(&element)
        }
    })
}

/// What stands where this element begins and ends.
fn edge_of<'page>(element: &ElementRef) -> Option<Piece<'page>> {
    match element.value().name() {
        // Cents, the mark of a note, the price of yesterday beside that of today.
        "sub" | "sup" | "del" | "ins" | "s" | "strike" => Some(Piece::Seam),
        _ => stands_apart(element).then_some(Piece::Break),
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;
    use reqwest::StatusCode;
    use rstest::rstest;
    use url::Url;

    use super::shown_in_lines;
    use crate::page::Page;

    fn page(html: &str) -> Page {
        let url = Url::parse("https://x.example/").unwrap();
        Page::parse(url, StatusCode::OK, html.to_owned(), UTF_8).unwrap()
    }

    #[rstest]
    #[case::lines("12<br>34", "12 34")]
    #[case::blocks("<div>100</div><div>200</div>", "100 200")]
    #[case::an_address("12 Main St 1<br>0150 Oslo", "12 Main St 1 0150 Oslo")]
    #[case::marks_within_a_word("<b>1</b>,<i>249</i><span>.50</span>", "1,249.50")]
    #[case::hidden("a<span hidden>b<p>c</p></span><p style='display: none'>d</p>e", "ae")]
    #[case::not_for_readers_of_screens("<span aria-hidden=true>$</span>12", "$12")]
    #[case::code("1<script>2</script><style>3</style>4", "14")]
    fn a_text_is_as_it_is_shown(#[case] html: &str, #[case] expected: &str) {
        let page = page(&format!("<main>{html}</main>"));
        let main = page.elements().find(|it| it.value().name() == "main");

        assert_eq!(page.shown_text(&main.unwrap()), expected);
    }

    #[rstest]
    #[case::lines(" 12 <br>\n 34 <br>", "12\n34")]
    #[case::blocks("<div>100</div> <div>2\n00</div>", "100\n2 00")]
    #[case::one_line("<b>1</b>,<i>249</i><span>.50</span>", "1,249.50")]
    #[case::raised("12<sup>50</sup> kr", "12~50~ kr")]
    #[case::struck_out("<del>120</del> <ins>100</ins>", "120~ ~100")]
    #[case::nothing("<sup> </sup><br>", "")]
    #[case::as_written("<pre>1\n<b>2 \n3</b></pre>", "1\n2\n3")]
    fn lines_stay_apart_for_whom_they_matter(#[case] html: &str, #[case] expected: &str) {
        let page = page(&format!("<main>{html}</main>"));
        let main = page.elements().find(|it| it.value().name() == "main");

        let lines = shown_in_lines(&page, &main.unwrap());

        assert_eq!(lines, expected.replace('~', "\u{1f}"));
    }

    #[rstest]
    #[case::the_first("<select><option>x<option>y</select>", "a x b")]
    #[case::the_page_s_own("<select><option>x<option selected>y</select>", "a y b")]
    #[case::a_hint(
        "<select><option disabled selected>Choose<option>y</select>",
        "a Choose b"
    )]
    #[case::a_label(
        "<select><option>x<option selected label='May 2026'>5</select>",
        "a May 2026 b"
    )]
    #[case::in_groups(
        "<select><optgroup label=A><option>x<optgroup><option selected>y</select>",
        "a y b"
    )]
    #[case::several(
        "<select multiple><option selected>x<option>y<option selected label=Z>z<option selected>w</select>",
        "a x Z w b"
    )]
    #[case::none("<select multiple><option>x<option>y</select>", "a b")]
    #[case::none_that_may_be("<select><option disabled>x</select>", "a b")]
    fn of_a_list_shows_what_is_chosen(#[case] html: &str, #[case] expected: &str) {
        let page = page(&format!("<main>a{html}b</main>"));
        let main = page.element(page.css("main")[0]).unwrap();

        assert_eq!(page.shown_text(&main), expected);
        let lines = shown_in_lines(&page, &main);
        assert_eq!(lines.split('\n').collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn of_a_list_shows_what_the_run_chose() {
        let mut page = page("<p><select><option>x<option selected>y<option value=3>z</select>");
        page.change(page.css("select")[0], "3".into()).unwrap();

        let read = |css: &str| page.shown_text(&page.element(page.css(css)[0]).unwrap());

        assert_eq!(
            (read("p"), read("option")),
            ("z".to_owned(), "x".to_owned())
        );
    }

    #[test]
    fn what_is_hidden_itself_has_its_text() {
        let page = page("<p hidden>a<br>b</p>");
        let hidden = page.elements().find(|it| it.value().name() == "p");

        assert_eq!(page.shown_text(&hidden.unwrap()), "a b");
    }
}
