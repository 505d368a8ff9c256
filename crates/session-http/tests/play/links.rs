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

/// Clicks by these selectors on a page, and what it asked the website for after that.
async fn clicked(
    page: &'static str,
    selectors: &Value,
) -> (Result<Outcome, RunFailure>, Vec<String>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    let url = serve(move |head| {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        notes.lock().unwrap().push(path);
        html(page)
    })
    .await;
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "click", "selectors": selectors},
    ]);
    let server = Arc::new(Server::default());
    let context = Run::new(url, &steps).context(&server);
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
    let (result, asked) = clicked(TWICE, &selectors).await;

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

    let (result, asked) = clicked(page, &selectors).await;

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
    let (result, asked) = clicked(page, &json!(["a"])).await;

    let (code, message, _) = errors(result);
    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(message.contains("it needs a browser"), "{message}");
    assert!(asked.is_empty(), "{asked:?}");
}

#[rstest]
#[case("<a href=# data-toggle=dropdown>Go</a>", &[])]
#[case("<a href=#menu aria-haspopup=true>Go</a>", &[])]
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
    let (result, asked) = clicked(page, &json!(["text/Go"])).await;

    assert!(result.is_ok(), "{result:?}");
    assert_eq!(asked, expected);
}
