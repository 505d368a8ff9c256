//! What a click meets.

use reqwest::StatusCode;
use rstest::rstest;

use super::*;

fn page(text: String) -> Page {
    let url = Url::parse("https://x.example/").unwrap();
    Page::parse(url, StatusCode::OK, text, encoding_rs::UTF_8).unwrap()
}

/// Where a click on the cell of this content leads.
fn click_on_cell(content: &str) -> Result<Click, Hindrance> {
    let text = format!("<form action=/sent><table><tr><td>{content}</table></form>");
    let mut page = page(text);
    let cell = page.css("td")[0];
    page.click(cell)
}

#[test]
fn what_holds_one_button_is_a_place_to_click_it() {
    let clicked = click_on_cell("<input type=hidden name=token><input type=submit value=Send>");

    assert!(matches!(clicked, Ok(Click::Submit(_))));
}

#[test]
fn what_shows_more_than_its_one_button_is_no_place_to_click_it() {
    for content in [
        "Bill 5 <a href=/delete>x</a>",
        "<h3>Bill 5</h3><button>Delete</button>",
        "<div onclick='show()'><input type=submit value=Delete></div>",
    ] {
        let text = format!("<form action=/sent><div id=it>{content}</div></form>");
        let text = text.replace("<div id=it><div", "<div id=it");
        let mut page = page(text);
        let held = page.css("form > div")[0];

        let clicked = page.click(held);

        assert!(
            matches!(clicked, Err(hindrance) if hindrance.starts_with("does nothing")),
            "{content}"
        );
    }
}

#[test]
fn what_holds_several_does_nothing() {
    let clicked = click_on_cell("<a href=/one>one</a> <a href=/two>two</a>");

    assert!(matches!(clicked, Err(hindrance) if hindrance.starts_with("does nothing")));
}

#[rstest]
#[case::of_no_list(
    "<datalist><option>May</datalist>",
    "is a choice (`option`) of no list"
)]
#[case::alone("<p><option>May</p>", "is a choice (`option`) of no list")]
#[case::itself("<select><option disabled>May</select>", "is disabled")]
#[case::its_group("<select><optgroup disabled><option>May</select>", "is disabled")]
#[case::its_list("<select disabled><option>May</select>", "is disabled")]
fn a_choice_that_nobody_can_make_says_why(#[case] text: &str, #[case] expected: &str) {
    let mut page = page(text.to_owned());
    let option = page.css("option")[0];

    let clicked = page.click(option);

    let hindrance = clicked.err().unwrap_or_default();
    assert!(hindrance.starts_with(expected), "{hindrance}");
}
