//! What a click meets.

use reqwest::StatusCode;

use super::*;

/// Where a click on the cell of this content leads.
fn click_on_cell(content: &str) -> Result<Click, Hindrance> {
    let text = format!("<form action=/sent><table><tr><td>{content}</table></form>");
    let url = Url::parse("https://x.example/").unwrap();
    let mut page = Page::parse(url, StatusCode::OK, text, encoding_rs::UTF_8).unwrap();
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
        let url = Url::parse("https://x.example/").unwrap();
        let mut page = Page::parse(url, StatusCode::OK, text, encoding_rs::UTF_8).unwrap();
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
