//! Lists: where they end, and where they break off.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};
use windlass_worker::{Agent, Outcome, RunFailure};

use crate::bad_pages::html;
use crate::playbook::custom;
use crate::raw::{Reply, serve};
use crate::server::{Run, Server};
use crate::{agent, errors};

fn navigate() -> Value {
    json!({"type": "navigate", "url": "{{source.url}}"})
}

/// The texts of all `li`, over pages.
fn list(limit: Option<u32>) -> Value {
    let mut items =
        json!({"rows": "li", "next": ".next", "fields": {"number": {"selector": ":scope"}}});
    if let Some(limit) = limit {
        items["limit"] = json!(limit);
    }
    custom("extract", &json!({"fields": {"items": items}}))
}

/// The files of all pages.
fn files() -> Value {
    custom(
        "download",
        &json!({"selector": ".file", "all": true, "next": ".next"}),
    )
}

async fn played(
    url: &str,
    schema: Option<Value>,
    steps: &Value,
) -> (Result<Outcome, RunFailure>, String) {
    let server = Arc::new(Server::default());
    let run = Run {
        output_schema: schema,
        ..Run::new(url.to_owned(), steps)
    };
    let context = run.context(&server);
    let result = agent("127.0.0.1").run(&context).await;
    (result, server.told(&context).await.join("\n"))
}

fn numbers(result: Result<Outcome, RunFailure>) -> Vec<String> {
    let output = result.unwrap().output;
    let items = output["items"].as_array().unwrap().iter();
    let number = |item: &Value| item["number"].as_str().unwrap().to_owned();
    items.map(number).collect()
}

#[rstest]
#[case::sent("post")]
#[case::asked_for("get")]
#[tokio::test]
async fn a_list_whose_pages_a_form_leads_to_ends_with_its_last_page(#[case] method: &'static str) {
    let url = serve(move |head| {
        let first = head.starts_with("GET / ");
        let number = if first { 1 } else { 2 };
        html(format!(
            "<ul><li>{number}</ul><form method={method} action=/pages>
            <input type=hidden name=page value=2><button class=next>Next</button></form>"
        ))
    })
    .await;

    let (result, _) = played(&url, None, &json!([navigate(), list(None)])).await;

    assert_eq!(numbers(result), ["1", "2"]);
}

#[rstest]
#[case::sent_to_the_login("302 Found\r\nlocation: /login", "/login")]
#[case::login_in_its_place("200 OK\r\ncontent-type: text/html", "/next")]
#[tokio::test]
async fn a_login_in_the_middle_of_a_list_is_no_end_of_it(
    #[case] second: &'static str,
    #[case] place: &str,
    #[values(list(None), files())] step: Value,
) {
    let login = "<h1>Log in</h1><input type=password>";
    let url = serve(move |head| match head.split(' ').nth(1) {
        Some("/next") => Reply::of(second, login),
        Some("/login") => html(login),
        Some("/1.csv") => Reply::of("200 OK\r\ncontent-type: text/csv", "1"),
        _ => html("<ul><li><a class=file href=/1.csv>1</a></ul><a class=next href=/next>Next</a>"),
    })
    .await;

    let (result, _) = played(&url, None, &json!([navigate(), step])).await;

    let (_, message, _) = errors(result);
    assert!(message.contains("the list breaks off"), "{message}");
    assert!(message.contains(place), "{message}");
}

#[tokio::test]
async fn an_empty_page_ends_a_list_where_each_page_has_a_login() {
    let url = serve(|head| match head.split(' ').nth(1) {
        Some("/next") => html("<input type=password><p>No more."),
        _ => html("<input type=password><ul><li>1</ul><a class=next href=/next>Next</a>"),
    })
    .await;

    let (result, _) = played(&url, None, &json!([navigate(), list(None)])).await;

    assert_eq!(numbers(result), ["1"]);
}

#[rstest]
#[case("<a class=next href=# onclick='load(2)'>Next</a>")]
#[case("<a class=next href='' onclick='load(2)'>Next</a>")]
#[case("<a class=next href=/ onclick='load(2)'>Next</a>")]
#[case("<a class=next href=' '>Next</a>")]
#[case("<a class=next href=# aria-expanded=false>More</a>")]
#[case("<button type=button class=next aria-expanded=false>More</button>")]
#[tokio::test]
async fn what_leads_on_by_script_needs_a_browser(#[case] next: &'static str) {
    let url = serve(move |_| html(format!("<ul><li>1</ul>{next}"))).await;

    let (result, _) = played(&url, None, &json!([navigate(), list(None)])).await;

    let (_, message, _) = errors(result);
    assert!(
        message.contains("what leads on does nothing without script"),
        "{message}"
    );
}

#[tokio::test]
async fn a_link_to_its_own_page_ends_a_list_of_one() {
    let url = serve(|_| html("<ul><li>1</ul><a class=next href=/>1</a>")).await;

    let (result, _) = played(&url, None, &json!([navigate(), list(None)])).await;

    assert_eq!(numbers(result), ["1"]);
}

#[tokio::test]
async fn a_link_to_nowhere_ends_a_list_whose_links_have_led_on() {
    let url = serve(|head| match head.split(' ').nth(1) {
        Some("/2") => html("<ul><li>2</ul><a class=next href='/2#'>Next</a>"),
        _ => html("<ul><li>1</ul><a class=next href=/2>Next</a>"),
    })
    .await;

    let (result, _) = played(&url, None, &json!([navigate(), list(None)])).await;

    assert_eq!(numbers(result), ["1", "2"]);
}

#[rstest]
#[case("<a class='next disabled' href=javascript:void(0)>Next</a>")]
#[case("<ol><li class='page disabled'><a class=next href=javascript:;>Next</a></li></ol>")]
#[tokio::test]
async fn what_is_marked_as_off_leads_nowhere(#[case] next: &'static str) {
    let url = serve(move |_| html(format!("<ul><li>1</ul>{next}"))).await;
    let rows =
        json!({"rows": "ul li", "next": ".next", "fields": {"number": {"selector": ":scope"}}});
    let step = custom("extract", &json!({"fields": {"items": rows}}));

    let (result, _) = played(&url, None, &json!([navigate(), step])).await;

    assert_eq!(numbers(result), ["1"]);
}

#[tokio::test]
async fn a_list_is_read_in_part_only_where_the_playbook_says_so() {
    let url = serve(|head| {
        let page: u32 = head.split(' ').nth(1).unwrap()[1..].parse().unwrap_or(1);
        html(format!(
            "<ul><li>{page}</ul><a class=next href=/{}>Next</a>",
            page + 1
        ))
    })
    .await;

    let (result, _) = played(&url, None, &json!([navigate(), list(None)])).await;
    let (_, message, _) = errors(result);
    assert!(
        message.contains("more than 100 pages; `limit`"),
        "{message}"
    );

    let (result, _) = played(&url, None, &json!([navigate(), list(Some(101))])).await;
    assert_eq!(numbers(result).len(), 101);
}

#[tokio::test]
async fn a_list_ends_in_an_error_once_no_output_could_hold_it() {
    let url = serve(|head| {
        let page: u32 = head.split(' ').nth(1).unwrap()[1..].parse().unwrap_or(1);
        let rows = format!("<li>1234567{page}").repeat(20_000);
        html(format!(
            "<ul>{rows}</ul><a class=next href=/{}>Next</a>",
            page + 1
        ))
    })
    .await;
    let items = json!({"rows": "li", "next": ".next", "limit": 3,
        "fields": {"number": {"selector": ":scope", "as": "number"}}});
    let step = custom("extract", &json!({"fields": {"items": items}}));

    let (result, _) = played(&url, None, &json!([navigate(), step])).await;

    let (_, message, _) = errors(result);
    let expected = "the list items has more than the 1 MiB that an output may have";
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn a_list_without_rows_is_said_and_may_be_refused() {
    let url = serve(|_| html("<h1>All new</h1>")).await;
    let steps = json!([navigate(), list(None)]);

    let (result, told) = played(&url, None, &steps).await;
    assert_eq!(result.unwrap().output, json!({"items": []}));
    assert!(
        told.contains("items: li found no row on 127.0.0.1"),
        "{told}"
    );

    let schema =
        json!({"required": ["items"], "properties": {"items": {"type": "array", "minItems": 1}}});
    let (result, _) = played(&url, Some(schema), &steps).await;
    let (_, message, _) = errors(result);
    assert!(
        message.contains("step 2, li found no row on 127.0.0.1"),
        "{message}"
    );
}

#[rstest]
#[case(list(None))]
#[case(custom("extract", &json!({"fields": {"title": {"selector": ".title"}}})))]
#[tokio::test]
async fn nothing_on_an_error_page_is_an_error(#[case] step: Value) {
    let url = serve(|head| match head.split(' ').nth(1) {
        Some("/bills") => Reply::of(
            "419 Expired\r\ncontent-type: text/html",
            "<h1>Page expired</h1>",
        ),
        _ => html("<a href=/bills>Bills</a>"),
    })
    .await;
    let click = json!({"type": "click", "selectors": ["a"]});

    let (result, _) = played(&url, None, &json!([navigate(), click, step])).await;

    let (_, message, _) = errors(result);
    assert!(message.contains("it answered with status 419"), "{message}");
}

/// Pages of a list, whose last one comes in the place of those behind it.
async fn clamped(page: fn(u32) -> String, next: fn(u32) -> String) -> String {
    serve(move |head| {
        let path = head.split(' ').nth(1).unwrap();
        let number: u32 = path.trim_start_matches("/?page=").parse().unwrap_or(1);
        let number = number.min(3);
        match path.contains(".csv") {
            true => Reply::of("200 OK\r\ncontent-type: text/csv", "1"),
            false => html(page(number) + &next(number + 1)),
        }
    })
    .await
}

fn by_link(to: u32) -> String {
    format!("<a class=next href='/?page={to}'>Next</a>")
}

fn by_form(to: u32) -> String {
    format!("<form><input type=hidden name=page value={to}><button class=next>Next</button></form>")
}

fn by_posted_form(to: u32) -> String {
    format!("<form method=post action='/?page={to}'><button class=next>Next</button></form>")
}

/// Of the other pages two show the same texts, or have the same values, and are two all the same.
#[rstest]
#[case::by_its_text("li", |page| format!("<ul><li>{page}</ul>"), &["1", "2", "3"])]
#[case::by_its_values("li[id]", |page| format!("<ul><li id=a{page}>Paid</ul>"), &["a1", "a2", "a3"])]
#[case::by_what_is_not_read("b", |page| format!("<ul><li>{page} <b>Paid</b></ul>"), &["Paid"; 3])]
#[tokio::test]
async fn a_list_whose_last_page_comes_again_ends_with_it(
    #[case] rows: &str,
    #[case] page: fn(u32) -> String,
    #[case] expected: &[&str],
    #[values(by_link, by_form, by_posted_form)] next: fn(u32) -> String,
) {
    let mut number = json!({"selector": ":scope"});
    if rows.contains("id") {
        number = json!({"selector": ":scope", "attribute": "id"});
    }
    let items = json!({"rows": rows, "next": ".next", "fields": {"number": number}});
    let step = custom("extract", &json!({"fields": {"items": items}}));
    let url = clamped(page, next).await;

    let (result, _) = played(&url, None, &json!([navigate(), step])).await;

    assert_eq!(numbers(result), expected);
}

/// The names of the files that are kept of a list of them.
async fn kept(url: String) -> Vec<String> {
    let server = Arc::new(Server::default());
    let context = Run::new(url, &json!([navigate(), files()])).context(&server);

    agent("127.0.0.1").run(&context).await.unwrap();

    let files = server.files.lock().unwrap();
    files.iter().map(|(name, ..)| name.clone()).collect()
}

#[rstest]
#[case::by_its_text(|page| format!("<a class=file href=/{page}.csv>{page}</a>"))]
#[case::by_its_addresses(|page| format!("<a class=file href=/{page}.csv>CSV</a>"))]
#[tokio::test]
async fn the_files_of_a_last_page_that_comes_again_are_kept_once(
    #[case] page: fn(u32) -> String,
    #[values(by_link, by_form, by_posted_form)] next: fn(u32) -> String,
) {
    let names = kept(clamped(page, next).await).await;

    assert_eq!(names, ["1.csv", "2.csv", "3.csv"]);
}

#[tokio::test]
async fn files_that_buttons_lead_to_are_kept_once_where_all_pages_have_one_address() {
    let page = |page| format!("<form action=/{page}.csv><button class=file>{page}</button></form>");

    let names = kept(clamped(page, by_posted_form).await).await;

    assert_eq!(names, ["1.csv", "2.csv", "3.csv"]);
}

/// The bills of four months, each on a page.
async fn months(bills: fn(u32) -> &'static str) -> String {
    serve(move |head| {
        let path = head.split(' ').nth(1).unwrap();
        let month: u32 = path.trim_start_matches("/?m=").parse().unwrap_or(1);
        let next = match month {
            4 => "<a class='next disabled'>Next month</a>".to_owned(),
            _ => format!("<a class=next href='/?m={}'>Next month</a>", month + 1),
        };
        match path.ends_with(".csv") {
            true => Reply::of("200 OK\r\ncontent-type: text/csv", "1"),
            false => html(bills(month).to_owned() + &next),
        }
    })
    .await
}

#[tokio::test]
async fn months_that_say_the_same_are_several() {
    let url = months(|_| "<ul><li>Basic, 99 kr</ul>").await;

    let (result, _) = played(&url, None, &json!([navigate(), list(None)])).await;

    assert_eq!(numbers(result), ["Basic, 99 kr"; 4]);
}

#[tokio::test]
async fn months_without_files_are_no_end_of_a_list() {
    let url = months(|month| match month {
        1 => "<a class=file href=/1.csv>CSV</a>",
        4 => "<a class=file href=/4.csv>CSV</a>",
        _ => "<p>No bills",
    })
    .await;

    assert_eq!(kept(url).await, ["1.csv", "4.csv"]);
}

#[tokio::test]
async fn the_last_month_is_another_than_the_one_before_where_it_is_chosen() {
    let url = serve(|head| {
        let (january, february) = match head.starts_with("GET /?m=2 ") {
            true => ("", " selected"),
            false => (" selected", ""),
        };
        html(format!(
            "<select><option{january}>January<option{february}>February</select>
            <ul><li>Basic, 99 kr</ul><a class=next href='/?m=2'>Next month</a>"
        ))
    })
    .await;

    let (result, _) = played(&url, None, &json!([navigate(), list(None)])).await;

    assert_eq!(numbers(result), ["Basic, 99 kr"; 2]);
}
