//! Links and buttons: which one is meant where several are found, and what a script would do with them.

use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;
use windlass_worker::{Agent, Outcome, RunFailure};

use crate::bad_pages::html;
use crate::raw::serve;
use crate::server::{Run, Server};
use crate::{agent, errors};

/// Clicks by these selectors.
fn steps(selectors: &Value) -> Value {
    json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "click", "selectors": selectors},
    ])
}

/// Plays these steps, the first of which goes to this page, and what was asked of the website after that.
async fn asked(page: &'static str, steps: &Value) -> (Result<Outcome, RunFailure>, Vec<String>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    let url = serve(move |head| {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        notes.lock().unwrap().push(path);
        html(page)
    })
    .await;
    let server = Arc::new(Server::default());
    let context = Run::new(url, steps).context(&server);
    let result = agent("127.0.0.1").run(&context).await;
    let asked = asked.lock().unwrap().split_off(1);
    (result, asked)
}

const TWICE: &str = "
    <form action=/narrow><div class=narrow><input type=submit value=Create></div></form>
    <form action=/put-away hidden><input type=submit value=Create></form>
    <form action=/wide id=new><input type=submit name=go value=Create></form>";

#[rstest]
#[case::by_the_second(json!([["aria/Create[role=\"button\"]"], ["#new > input"]]), "/wide?go=Create")]
#[case::by_the_third(json!([["aria/Create"], ["#none"], ["xpath///*[@id='new']/input"]]), "/wide?go=Create")]
#[case::no_other_agrees(json!([["aria/Create"], ["#none"]]), "/narrow?")]
#[case::put_away(json!([["form[action='/put-away'] input, #new input"]]), "/wide?go=Create")]
#[tokio::test]
async fn of_several_the_one_is_meant_that_all_selectors_find(
    #[case] selectors: Value,
    #[case] expected: &str,
) {
    let (result, asked) = asked(TWICE, &steps(&selectors)).await;

    assert!(result.is_ok(), "{result:?}");
    assert_eq!(asked, [expected]);
}

#[rstest]
#[case("Delete", "/all")]
#[case("Delete\u{a0}", "/one")]
#[case("Delete all\u{a0}", "/put-away")]
#[tokio::test]
async fn a_no_break_space_is_a_part_of_a_name(#[case] name: &str, #[case] expected: &str) {
    let page = "<a href=/all>Delete</a> <a href=/one title=Delete>Delete&nbsp;</a>
        <a href=/put-away id=it>Delete all</a>";
    let selectors = json!([[format!("aria/{name}")], ["#it"]]);

    let (result, asked) = asked(page, &steps(&selectors)).await;

    assert!(result.is_ok(), "{result:?}");
    assert_eq!(asked, [expected]);
}

#[rstest]
#[case("<a href=# onclick='none()'>Go</a>")]
#[case("<a href=#>Go</a>")]
#[case("<a href=#/orders>Go</a>")]
#[case("<a href=/orders/7 data-method=delete>Go</a>")]
#[case("<a href=/orders/7 data-turbo-method=post>Go</a>")]
#[case("<a href=/orders/7 hx-delete=/orders/7>Go</a>")]
#[tokio::test]
async fn a_link_for_script_is_not_followed(#[case] page: &'static str) {
    let (result, asked) = asked(page, &steps(&json!(["a"]))).await;

    let (code, message, _) = errors(result);
    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(message.contains("it needs a browser"), "{message}");
    assert!(asked.is_empty(), "{asked:?}");
}

#[rstest]
#[case("<a href=# data-toggle=dropdown>Go</a>", &[])]
#[case("<a href=#menu aria-haspopup=true>Go</a>", &[])]
#[case("<a href=/items/5/delete data-toggle=modal>Go</a>", &[])]
#[case("<a href=/items/5/delete data-bs-toggle=collapse><b>Go</b></a>", &[])]
#[case("<a href=/orders/7 data-toggle=tooltip>Go</a>", &["/orders/7"])]
#[case("<a href=/orders/7 aria-expanded=false>Go</a>", &["/orders/7"])]
#[case("<button type=button class=it aria-expanded=false>Go</button>", &[])]
#[case("<button aria-expanded=false>Go</button>", &[])]
#[case("<a href=/orders/7 data-remote=true>Go</a>", &["/orders/7"])]
#[case("<a href=#top>Go</a>", &[])]
#[case("<h2 id=bills>Bills</h2><a href=#bills>Go</a>", &[])]
#[case("<a href=/orders/7 data-method=get>Go</a>", &["/orders/7"])]
#[case("<a href=/orders/7 hx-get=/orders/7>Go</a>", &["/orders/7"])]
#[tokio::test]
async fn what_opens_or_leads_without_script_is_clicked(
    #[case] page: &'static str,
    #[case] expected: &[&str],
) {
    let (result, asked) = asked(page, &steps(&json!(["text/Go"]))).await;

    assert!(result.is_ok(), "{result:?}");
    assert_eq!(asked, expected);
}

const PUBLISH: &str = "<form action=/sent><input id=title name=title><input id=author name=author>
    <button name=go value=draft>Draft</button><button name=go value=publish>Publish</button></form>
    <form action=/login><input id=password name=password><button>Log in</button></form>
    <a id=top href=#top>Top</a>";

/// What is asked for where this is typed and pressed.
async fn pressed(steps: &[Value]) -> (Result<Outcome, RunFailure>, Vec<String>) {
    let mut all = vec![json!({"type": "navigate", "url": "{{source.url}}"})];
    all.extend_from_slice(steps);
    asked(PUBLISH, &json!(all)).await
}

fn typed(field: &str) -> Value {
    json!({"type": "change", "selectors": [field], "value": "x"})
}

fn key(key: &str) -> Value {
    json!({"type": "keyDown", "key": key})
}

#[rstest]
#[case::to_one_of_two_buttons(vec![typed("#title"), key("Tab"), key("Tab"), key("Enter")])]
#[case::from_a_link(vec![json!({"type": "click", "selectors": ["#top"]}), key("Tab"), key("Enter")])]
#[tokio::test]
async fn where_tab_led_to_enter_presses_nothing_else(#[case] steps: Vec<Value>) {
    let (result, asked) = pressed(&steps).await;

    let (code, message, _) = errors(result);
    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(message.contains("Tab went on from"), "{message}");
    assert!(asked.is_empty(), "{asked:?}");
}

#[rstest]
#[case::to_another_field(vec![typed("#title"), key("Tab"), typed("#author"), key("Enter")], "/sent?title=x&author=x&go=draft")]
#[case::to_the_only_button(vec![typed("#password"), key("Tab"), key("Enter")], "/login?password=x")]
#[tokio::test]
async fn where_tab_led_to_may_be_plain(#[case] steps: Vec<Value>, #[case] expected: &str) {
    let (result, asked) = pressed(&steps).await;

    assert!(result.is_ok(), "{result:?}");
    assert_eq!(asked, [expected]);
}

#[tokio::test]
async fn a_link_that_opened_something_is_followed_where_it_led_on_when_it_was_recorded() {
    let link = "<a href=/orders data-toggle=dropdown>Go</a>";
    let page_came = json!([{"type": "navigation"}]);
    let hover =
        |asserted: &Value| json!({"type": "hover", "selectors": ["a"], "assertedEvents": asserted});
    let scroll = json!({"type": "scroll"});
    for (asserted, then, expected) in [
        (json!([]), vec![], &[][..]),
        (json!([]), vec![hover(&json!([]))], &[]),
        (page_came.clone(), vec![], &["/orders"]),
        // A hand is faster than a page.
        (json!([]), vec![scroll, hover(&page_came)], &["/orders"]),
    ] {
        let mut steps = steps(&json!(["a"]));
        steps[1]["assertedEvents"] = asserted;
        steps.as_array_mut().unwrap().extend(then);

        let (result, asked) = asked(link, &steps).await;

        assert!(result.is_ok(), "{result:?}");
        assert_eq!(asked, expected);
    }
}
