//! What forms send.

use proptest::prelude::*;
use reqwest::StatusCode;
use rstest::rstest;

use super::*;
use crate::page::parse_selector;

fn page(text: &str) -> Page {
    Page::parse(
        Url::parse("https://x.example/in?a=b").unwrap(),
        StatusCode::OK,
        text.to_owned(),
    )
    .unwrap()
}

fn one(page: &Page, css: &str) -> NodeId {
    page.find(&parse_selector(css).unwrap())[0]
}

/// Method, URL and body of a click on `button`.
fn submitted(page: &Page, button: &str) -> (Method, String, String) {
    let submission = page.submission(&page.element(one(page, button)).unwrap());
    let submission = submission.unwrap_or_else(|hindrance| panic!("it {hindrance}"));
    let body = submission
        .body
        .map(|body| body.expose_secret().to_owned())
        .unwrap_or_default();
    (submission.method, submission.url.to_string(), body)
}

#[test]
fn a_form_sends_all_its_fields_and_the_button_that_was_clicked() {
    let mut page = page(
        "<form method=post action=/login>
         <input type=hidden name=token value='a&b'><input name=user value=old>
         <input name=pass type=password><input name=none disabled value=x>
         <input type=checkbox name=stay><input type=checkbox name=news value=yes checked>
         <input type=radio name=who value=me checked><input type=radio name=who value=you>
         <select name=month><option value=1>January<option value=2>February</select>
         <select name=year><option>2025<option selected>2026</select>
         <textarea name=note>\nHi</textarea><fieldset disabled><input name=set value=x></fieldset>
         <button name=go value=in>Log in</button><button name=go value=out>Out</button>
         </form><input name=outside value=x>",
    );
    let (user, stay, you) = (
        one(&page, "[name=user]"),
        one(&page, "[name=stay]"),
        one(&page, "[value=you]"),
    );
    page.change(user, SecretString::from("kari å")).unwrap();
    page.toggle(stay);
    page.toggle(you);
    let month = one(&page, "[name=month]");
    page.change(month, SecretString::from("February")).unwrap();

    let (method, url, body) = submitted(&page, "button");

    assert_eq!(
        (method, url.as_str()),
        (Method::POST, "https://x.example/login")
    );
    let expected = "token=a%26b&user=kari+%C3%A5&pass=&stay=on&news=yes&who=you&month=2&year=2026&note=Hi&go=in";
    assert_eq!(body, expected);
}

#[test]
fn a_form_that_a_table_cut_short_still_has_its_fields() {
    let page = page(
        "<form action=/search><input name=q value=0><button id=other></button></form><table>
         <form method=post action=/in><tr><td><input name=user value=kari>
         <tr><td><input name=pass value=x><td><button>Go</button></form></table><input name=after>",
    );

    let (method, url, body) = submitted(&page, "td button");

    assert_eq!(
        (method, url.as_str()),
        (Method::POST, "https://x.example/in")
    );
    assert_eq!(body, "user=kari&pass=x");
    assert_eq!(submitted(&page, "#other").1, "https://x.example/search?q=0");
}

#[rstest]
#[case(
    "<form><input name=q value=1><button>",
    Method::GET,
    "https://x.example/in?q=1",
    ""
)]
#[case(
    "<form action='s?x=y#f'><input name=q value=1><button>",
    Method::GET,
    "https://x.example/s?q=1#f",
    ""
)]
#[case(
    "<form action=a><button formaction=b formmethod=post>",
    Method::POST,
    "https://x.example/b",
    ""
)]
#[case(
    "<form id=f></form><input form=f name=q value=1><button form=f>",
    Method::GET,
    "https://x.example/in?q=1",
    ""
)]
#[case(
    "<form><input type=image name=i><button disabled name=b>",
    Method::GET,
    "https://x.example/in?i.x=0&i.y=0",
    ""
)]
fn forms_go_where_they_say(
    #[case] html: &str,
    #[case] method: Method,
    #[case] url: &str,
    #[case] body: &str,
) {
    let button = if html.contains("image") {
        "input"
    } else {
        "button"
    };

    assert_eq!(
        submitted(&page(html), button),
        (method, url.to_owned(), body.to_owned())
    );
}

#[rstest]
#[case("<button>", "form")]
#[case("<form method=post enctype=multipart/form-data><button>", "browser")]
#[case("<form method=dialog><button>", "dialog")]
fn what_this_tier_cannot_submit_says_why(#[case] html: &str, #[case] why: &str) {
    let page = page(html);

    let hindrance = page
        .submission(&page.element(one(&page, "button")).unwrap())
        .err()
        .unwrap();

    assert!(hindrance.contains(why), "{hindrance}");
}

#[test]
fn an_option_that_is_not_there_cannot_be_chosen() {
    let mut page = page("<select><option>a</select>");
    let select = one(&page, "select");

    assert_eq!(
        page.change(select, SecretString::from("b")),
        Err("has no such option")
    );
}

proptest! {
    #[test]
    fn no_page_makes_a_click_or_a_change_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "<form id=f action='x:y'>", "<form>", "</form>", "<input form=f>", "<input type=radio name=a>",
            "<input type=checkbox>", "<button>", "<select name=s>", "<option>", "<label for=f>", "<label>",
            "<a href='http://'>", "<a href='#x'>", "<table>", "<tr>", "<td>", "<textarea>", "</textarea>",
            "<template>", "</template>", "<svg>", "<math>", "<base href='//'>", "<frameset>", "x", "</p>",
        ]), 0..40),
    ) {
        let mut page = page(&parts.concat());
        for id in page.find(&parse_selector("*").unwrap()) {
            // Whether it can be done is not the question here.
            let _ = page.click(id);
            let _ = page.change(id, SecretString::from("x"));
        }
    }
}
