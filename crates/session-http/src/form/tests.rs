//! What forms send.

use encoding_rs::UTF_8;
use proptest::prelude::*;
use reqwest::StatusCode;
use rstest::rstest;

use super::*;
use crate::click::Click;

fn page(text: &str) -> Page {
    Page::parse(
        Url::parse("https://x.example/in?a=b").unwrap(),
        StatusCode::OK,
        text.to_owned(),
        UTF_8,
    )
    .unwrap()
}

fn one(page: &Page, css: &str) -> NodeId {
    page.css(css)[0]
}

/// Method, URL and body of a click on `button`.
fn submitted(page: &Page, button: &str) -> (Method, String, String) {
    let submission = page.submission(&page.element(one(page, button)).unwrap());
    let submission = submission.unwrap_or_else(|hindrance| panic!("it {hindrance}"));
    sent(submission.expect("a form is sent"))
}

fn sent(submission: Submission) -> (Method, String, String) {
    let body = submission
        .body
        .map(|body| String::from_utf8_lossy(body.bytes()).into_owned())
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
    page.toggle(stay).unwrap();
    page.toggle(you).unwrap();
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
#[case::the_fields_after_the_block_that_it_began_in(
    "<div><form method=post action=/s><input name=a value=1><input type=submit id=go></div>
     <div><input type=hidden name=token value=T></div></form><input name=after>",
    "a=1&token=T"
)]
#[case::its_button_in_another_block(
    "<div><form method=post action=/s><input name=a value=1></div>
     <div><button id=go name=b value=2></button></div></form>",
    "a=1&b=2"
)]
#[case::not_what_comes_after_its_end_in_the_table(
    "<table><form method=post action=/s><tr><td><input name=q value=1><input type=submit id=go></tr>
     </form><tr><td><input type=hidden name=delete value=1></table>",
    "q=1"
)]
#[case::what_stands_in_it_after_its_end(
    "<form method=post action=/s><div><input name=a value=1></form><input name=b value=2>
     <input type=submit id=go></div>",
    "a=1&b=2"
)]
#[case::the_form_within_one_that_ended(
    "<form method=post action=/o><div></form><form method=post action=/s><input name=a value=1>
     <input type=submit id=go></form></div>",
    "a=1"
)]
fn a_field_is_of_the_form_that_was_open_where_it_is_written(
    #[case] html: &str,
    #[case] fields: &str,
) {
    let (_, url, body) = submitted(&page(html), "#go");

    assert_eq!(
        (url.as_str(), body.as_str()),
        ("https://x.example/s", fields)
    );
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
#[case("<form action='mailto:x@x.example'><button>", "browser")]
#[case("<form action='javascript:go()' method=post><button>", "browser")]
#[case("<form action='http://['><button>", "address")]
fn what_this_tier_cannot_submit_says_why(#[case] html: &str, #[case] why: &str) {
    let page = page(html);

    let hindrance = page
        .submission(&page.element(one(&page, "button")).unwrap())
        .err()
        .unwrap();

    assert!(hindrance.contains(why), "{hindrance}");
}

#[rstest]
#[case::unchecked("<input type=checkbox name=a value=1>", "")]
#[case::last_radio(
    "<input type=radio name=a value=1 checked><input name=b value=x><input type=radio name=a value=2 checked>",
    "b=x&a=2"
)]
#[case::many(
    "<select name=a multiple><option selected>1<option>2<option selected>3</select>",
    "a=1&a=3"
)]
#[case::many_none("<select name=a multiple><option>1</select>", "")]
#[case::open_list("<select name=a size=3><option>1</select>", "")]
#[case::disabled_option("<select name=a><option disabled>1<option value=2>x</select>", "a=2")]
#[case::disabled_group(
    "<select name=a><optgroup disabled><option>1</optgroup><option>2</select>",
    "a=2"
)]
#[case::disabled_selected("<select name=a><option selected disabled>1<option>2</select>", "")]
#[case::option_text("<select name=a><option> one\n two </select>", "a=one+two")]
#[case::first_legend(
    "<fieldset disabled><legend><input name=a value=1></legend><input name=b value=2><legend><input name=c value=3></legend></fieldset>",
    "a=1"
)]
#[case::option_no_break(
    "<select name=a><option>&nbsp;&nbsp;Sub&nbsp;cat</select>",
    "a=%C2%A0%C2%A0Sub%C2%A0cat"
)]
#[case::date("<input type=date name=a value='20/01/2026'>", "a=")]
#[case::number("<input type=number name=a value='1,50'>", "a=")]
#[case::lines("<textarea name=a>x\ny\r\nz</textarea>", "a=x%0D%0Ay%0D%0Az")]
#[case::one_line("<input name=a value='x\ny'>", "a=xy")]
#[case::trimmed("<input type=email name=a value=' x@x.example '>", "a=x%40x.example")]
#[case::charset("<input type=hidden name=_charset_ value=x>", "_charset_=UTF-8")]
#[case::direction("<input name=a dirname=a.dir value=1 dir=rtl>", "a=1&a.dir=rtl")]
#[case::range("<input type=range name=a min=0 max=10>", "a=5")]
#[case::color("<input type=color name=a>", "a=%23000000")]
#[case::file("<input type=file name=a>", "a=")]
#[case::no_name("<input value=x><input name='' value=y>", "")]
#[case::other_buttons(
    "<button name=a value=1>x</button><input type=reset name=c value=3>",
    ""
)]
#[case::template("<template><input name=a value=1></template>", "")]
fn fields_are_sent_as_a_browser_sends_them(#[case] fields: &str, #[case] expected: &str) {
    let page = page(&format!(
        "<form method=post>{fields}<input type=submit id=go></form>"
    ));

    assert_eq!(submitted(&page, "#go").2, expected);
}

/// Fields that name their form, or stand in rows of a table that cut it short: each was looked for over
/// the whole page.
#[rstest]
#[case::named(
    "<form method=post id=f><input id=a type=radio name=r><button id=go></button></form>",
    "<input type=radio name=r form=f>"
)]
#[case::cut_short(
    "<table><form method=post><tr><td><input id=a type=radio name=r><button id=go></button>",
    "<tr><td><input type=radio name=r>"
)]
fn a_form_of_many_fields_costs_what_its_page_is_worth(#[case] first: &str, #[case] field: &str) {
    let mut page = page(&format!("{first}{}", field.repeat(60_000)));
    let radio = one(&page, "#a");

    page.toggle(radio).unwrap();
    page.change(radio, SecretString::from("on")).unwrap();

    assert_eq!(submitted(&page, "#go").2, "r=on");
    let entered = page.enter(radio).unwrap().expect("a form is sent");
    assert_eq!(sent(entered).2, "r=on");
}

#[test]
fn looks_at_a_form_are_counted() {
    let mut page = page(&format!(
        "<label for=a>{}</label><form><input type=radio name=r id=a></form>",
        "<b></b>".repeat(200_000)
    ));
    let label = one(&page, "label");

    for _ in 0..26 {
        page.click(label).unwrap();
    }

    assert!(page.looked.visited.is_much());
}

#[test]
fn the_charset_of_a_form_is_the_one_that_it_accepts_else_the_pages() {
    let url = Url::parse("https://x.example/").unwrap();
    let text = "<form method=post><input name=q value='å€'><input type=hidden name=_charset_><button id=a></button></form>
                <form accept-charset='x iso-8859-15, utf-8'><input name=q value='å€'><button id=b></button></form>";
    let page = Page::parse(
        url,
        StatusCode::OK,
        text.to_owned(),
        encoding_rs::ISO_8859_2,
    )
    .unwrap();

    assert_eq!(
        submitted(&page, "#a").2,
        "q=%26%23229%3B%26%238364%3B&_charset_=ISO-8859-2"
    );
    assert_eq!(submitted(&page, "#b").1, "https://x.example/?q=%E5%A4");
}

#[test]
fn a_form_with_files_is_sent_in_parts() {
    let mut page = page(
        "<form method=post enctype=multipart/form-data><input name='a\"b' value='x\ny'>
         <textarea name=t>x\ny</textarea><input type=file name=f><input type=file name=none>
         <button></form>",
    );
    let file = one(&page, "[name=f]");
    let refused = page.change(file, SecretString::from("C:\\fakepath\\x"));
    assert_eq!(refused, Err("takes a file, written as a data: URL"));
    let bill = "data:text/csv;name=b%22%0Aill.csv;base64,YTti";
    page.change(file, SecretString::from(bill)).unwrap();

    let button = page.element(one(&page, "button")).unwrap();
    let body = page.submission(&button).unwrap().unwrap().body.unwrap();

    let boundary = body
        .content_type
        .split_once("boundary=")
        .unwrap()
        .1
        .to_owned();
    let text = String::from_utf8(body.bytes().to_vec()).unwrap();
    let part = |head: &str, content: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    };
    let expected = [
        part("name=\"a%22b\"", "xy"),
        part("name=\"t\"", "x\r\ny"),
        part(
            "name=\"f\"; filename=\"b%22ill.csv\"\r\nContent-Type: text/csv",
            "a;b",
        ),
        part(
            "name=\"none\"; filename=\"\"\r\nContent-Type: application/octet-stream",
            "",
        ),
        format!("--{boundary}--\r\n"),
    ];
    assert_eq!(text, expected.concat());
}

#[test]
fn a_plain_form_is_sent_in_lines() {
    let page = page(
        "<form method=post enctype=text/plain><input name=a value='1 å'><button name=b value=2>",
    );

    assert_eq!(submitted(&page, "button").2, "a=1 å\r\nb=2\r\n");
}

#[rstest]
#[case(
    "<form><input name=q value=1><button name=a value=x></button><button name=b></button></form>",
    Some("https://x.example/in?q=1&a=x")
)]
#[case("<form><input name=q value=1><button disabled></button></form>", None)]
#[case(
    "<form id=f><input name=q value=1></form><button form=f name=b value=2></button>",
    Some("https://x.example/in?q=1&b=2")
)]
#[case(
    "<form><input name=q value=1></form>",
    Some("https://x.example/in?q=1")
)]
#[case("<form><input name=q value=1><input name=r></form>", None)]
#[case(
    "<form><input name=q value=1><input type=checkbox name=r></form>",
    Some("https://x.example/in?q=1")
)]
fn enter_clicks_the_first_button(#[case] html: &str, #[case] expected: Option<&str>) {
    let page = page(html);

    let submission = page.enter(one(&page, "[name=q]")).unwrap();

    let url = submission.map(|submission| submission.url.to_string());
    assert_eq!(url.as_deref(), expected);
}

#[test]
fn a_dialog_is_closed_and_nothing_sent() {
    let page = page("<dialog open><form method=dialog><button>OK</button></form></dialog>");
    let button = page.element(one(&page, "button")).unwrap();

    assert!(page.submission(&button).unwrap().is_none());
}

#[test]
fn what_is_disabled_cannot_be_changed() {
    let mut page = page("<form><fieldset disabled><input name=a></fieldset></form>");
    let field = one(&page, "input");

    assert_eq!(
        page.change(field, SecretString::from("x")),
        Err("is disabled")
    );
}

#[rstest]
#[case("type=date", "20/01/2026", Some("takes a date, written as 2026-01-31"))]
#[case("type=date", "2026-01-20", None)]
#[case("type=date", "", None)]
#[case("type=number", "1,50", Some("takes a number, written as 1249.5"))]
#[case("type=color", "red", Some("takes a color, written as #00ff7f"))]
#[case("type=text", "20/01/2026", None)]
fn what_a_field_cannot_hold_is_told_and_not_left_out(
    #[case] field: &str,
    #[case] value: &str,
    #[case] refusal: Option<Hindrance>,
) {
    let mut page = page(&format!("<form><input {field}></form>"));
    let input = one(&page, "input");

    assert_eq!(page.change(input, SecretString::from(value)).err(), refusal);
}

#[test]
fn what_is_typed_ends_where_the_field_does() {
    let mut page = page(
        "<form method=post><input name=a maxlength=4 value=longer><input name=b maxlength=4>
         <textarea name=c maxlength=3></textarea><button>",
    );
    for (field, value) in [("[name=b]", "12345"), ("[name=c]", "a\r\nbc")] {
        let field = one(&page, field);
        page.change(field, SecretString::from(value)).unwrap();
    }

    assert_eq!(submitted(&page, "button").2, "a=longer&b=1234&c=a%0D%0Ab");
}

#[test]
fn a_list_of_several_holds_all_that_were_chosen() {
    let list = |multiple: &str| {
        let text = format!(
            "<form><select {multiple} name=s><option selected>a<option>b<option>c</select><button>"
        );
        page(&text)
    };
    let (mut several, mut one_of) = (list("multiple"), list(""));
    for page in [&mut several, &mut one_of] {
        let select = one(page, "select");
        for value in ["b", "c", "b"] {
            page.change(select, SecretString::from(value)).unwrap();
        }
    }
    let sent = |page: &Page| submitted(page, "button").1;
    assert_eq!(sent(&several), "https://x.example/in?s=b&s=c");
    assert_eq!(sent(&one_of), "https://x.example/in?s=b");

    let mut clicked = list("multiple");
    for number in [2, 3, 1, 3] {
        let option = one(&clicked, &format!("option:nth-child({number})"));
        assert!(matches!(clicked.click(option), Ok(Click::Nothing)));
    }
    assert_eq!(sent(&clicked), "https://x.example/in?s=b");
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
        for id in page.css("*") {
            // Whether it can be done is not the question here.
            let _ = page.click(id);
            let _ = page.change(id, SecretString::from("x"));
        }
    }
}
