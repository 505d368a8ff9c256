//! Files that are kept, and what is said of those that are not.

use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;
use windlass_worker::{Agent, Outcome, RunFailure};

use crate::bad_pages::html;
use crate::playbook::custom;
use crate::raw::{Reply, serve};
use crate::server::{Run, Server};
use crate::{agent, errors};

const LINKS: &str = "<h1>Bills</h1><a id=bill href=/get?id=1>Bill</a><a id=page href=/bill.html>Bill</a>
    <a id=pdf href=/attached>PDF</a><a id=shown href=/shown>PDF</a><a class=next href=/attached>Next</a>
    <a id=named href=/text download='bill 1.txt'>Bill</a><a id=unnamed href=/text download>Bill</a>
    <a id=ended href=/get?id=1 download=bill.csv>Bill</a><a id=untyped href=/untyped>PDF</a><a id=saved href=/get?id=1 download=bill.html>Bill</a>
    <a id=scripted href=/attached onclick='show(this); return false;'>PDF</a>";

/// What stands at these addresses: a page, files, and links to them.
async fn website() -> String {
    serve(|head| match head.split(' ').nth(1).unwrap_or_default() {
        "/get?id=1" | "/bill.html" => Reply::of(
            "200 OK\r\ncontent-type: text/html",
            "<h1>Log in</h1>",
        ),
        "/attached" => Reply::of(
            "200 OK\r\ncontent-type: application/pdf\r\ncontent-disposition: attachment; filename=bill.pdf",
            "%PDF-1",
        ),
        "/untyped" => Reply::of("200 OK", "%PDF-123"),
        "/text" => Reply::of("200 OK\r\ncontent-type: text/plain", "17 kr"),
        "/shown" => Reply::of("200 OK\r\ncontent-type: application/pdf", "%PDF-12"),
        "/leads" => Reply::of(
            "200 OK\r\ncontent-type: text/html",
            "<h1>Your file comes</h1><meta http-equiv=refresh content='0; url=/attached'>",
        ),
        _ => Reply::of("200 OK\r\ncontent-type: text/html", LINKS),
    })
    .await
}

async fn played(
    path: &str,
    files_kept: bool,
    steps: &[Value],
) -> (Result<Outcome, RunFailure>, Vec<(String, usize)>, String) {
    let mut all = vec![json!({"type": "navigate", "url": "{{source.url}}"})];
    all.extend_from_slice(steps);
    let server = Arc::new(Server::default());
    let run = Run {
        files_kept,
        ..Run::new(format!("{}{path}", website().await), &json!(all))
    };
    let context = run.context(&server);
    let result = agent("127.0.0.1").run(&context).await;
    let files = server.files.lock().unwrap().clone();
    let files = files.into_iter().map(|(name, _, _, bytes)| (name, bytes));
    let files = files.collect();
    (result, files, server.told(&context).await.join("\n"))
}

fn download(parameters: &Value) -> Value {
    custom("download", parameters)
}

fn title() -> Value {
    custom("extract", &json!({"fields": {"title": {"selector": "h1"}}}))
}

#[tokio::test]
async fn a_page_in_the_place_of_a_file_is_an_error() {
    let (result, files, _) = played("/", true, &[download(&json!({"selector": "#bill"}))]).await;

    let (code, message, _) = errors(result);
    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(message.contains("a page instead of a file"), "{message}");
    assert!(files.is_empty());
}

#[rstest]
#[case::asked_for(json!({"selector": "#bill", "html": true}), "get")]
#[case::named(json!({"selector": "#page"}), "bill.html")]
#[tokio::test]
async fn a_page_that_is_wanted_is_kept(#[case] parameters: Value, #[case] name: &str) {
    let (result, files, _) = played("/", true, &[download(&parameters)]).await;

    assert!(result.is_ok(), "{result:?}");
    assert_eq!(files, [(name.to_owned(), 15)]);
}

#[rstest]
#[case::attached("#pdf", "bill.pdf", 6)]
#[case::shown("#shown", "shown", 7)]
#[case::named_by_its_link("#named", "bill 1.txt", 5)]
#[case::said_by_its_link("#unnamed", "text", 5)]
#[case::without_a_type("#untyped", "untyped", 8)]
#[case::page_that_is_saved("#saved", "bill.html", 15)]
#[tokio::test]
async fn a_file_that_a_click_leads_to_is_kept_and_the_page_stays(
    #[case] link: &str,
    #[case] name: &str,
    #[case] bytes: usize,
) {
    let click = json!({"type": "click", "selectors": [link],
        "assertedEvents": [{"type": "navigation"}]});

    let (result, files, _) = played("/", true, &[click, title()]).await;

    assert_eq!(result.unwrap().output, json!({"title": "Bills"}));
    assert_eq!(files, [(name.to_owned(), bytes)]);
}

#[tokio::test]
async fn a_page_in_the_place_of_a_file_that_a_link_leads_to_is_an_error() {
    let click = json!({"type": "click", "selectors": ["#ended"]});

    let (result, files, _) = played("/", true, &[click]).await;

    let (_, message, _) = errors(result);
    assert!(message.contains("a page instead of a file"), "{message}");
    assert!(files.is_empty());
}

#[tokio::test]
async fn a_file_is_named_by_its_link_where_it_is_downloaded() {
    let step = download(&json!({"selector": "#named"}));

    let (_, files, _) = played("/", true, &[step]).await;

    assert_eq!(files, [("bill 1.txt".to_owned(), 5)]);
}

#[tokio::test]
async fn a_file_that_a_page_leads_to_by_itself_is_kept() {
    let (result, files, _) = played("/leads", true, &[title()]).await;

    assert_eq!(result.unwrap().output, json!({"title": "Your file comes"}));
    assert_eq!(files, [("bill.pdf".to_owned(), 6)]);
}

#[tokio::test]
async fn what_a_task_does_not_keep_is_said() {
    let click = json!({"type": "click", "selectors": ["#pdf"]});
    let steps = [click, download(&json!({"selector": "#pdf"})), title()];

    let (result, files, told) = played("/", false, &steps).await;

    assert!(result.is_ok(), "{result:?}");
    assert!(files.is_empty());
    assert!(
        told.contains("the file \"bill.pdf\" is left out: the task keeps none"),
        "{told}"
    );
    assert!(
        told.contains("windlass.download #pdf: left out, the task keeps no files"),
        "{told}"
    );
}

#[rstest]
#[case::script_that_keeps_it("#scripted", true)]
#[case::no_script("#pdf", false)]
#[tokio::test]
async fn a_file_that_a_script_may_have_kept_from_coming_says_so(
    #[case] link: &str,
    #[case] says_so: bool,
) {
    let click = json!({"type": "click", "selectors": [link]});

    let (result, files, told) = played("/", true, &[click]).await;

    assert!(result.is_ok(), "{result:?}");
    assert_eq!(files.len(), 1);
    let said = "the link's address was followed: its script (`onclick`), which keeps a browser";
    assert_eq!(told.contains(said), says_so, "{told}");
}

#[rstest]
#[case(json!({"selector": ".absent"}))]
#[case(json!({"selector": ".absent", "all": true}))]
#[tokio::test]
async fn files_that_are_not_there_are_an_error_unless_they_need_not_be(
    #[case] mut parameters: Value,
) {
    let (result, ..) = played("/", true, &[download(&parameters)]).await;
    let (code, message, _) = errors(result);
    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(
        message.contains("the page has no element .absent"),
        "{message}"
    );

    parameters["optional"] = json!(true);
    let (result, files, _) = played("/", true, &[download(&parameters)]).await;
    assert!(result.is_ok() && files.is_empty(), "{result:?}");
}

#[tokio::test]
async fn a_list_that_goes_on_with_a_file_breaks_off() {
    let extract = custom(
        "extract",
        &json!({"fields": {"titles": {"rows": "h1", "next": ".next", "fields": {"title": {"selector": ":scope"}}}}}),
    );

    let (result, ..) = played("/", true, &[extract]).await;

    let (_, message, _) = errors(result);
    assert!(
        message.contains("what leads on is a file and no page"),
        "{message}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_had_is_named() {
    let attachment = |name: &str| {
        format!(
            "200 OK\r\ncontent-type: application/pdf\r\ncontent-disposition: attachment; filename={name}"
        )
    };
    let (good, bad) = (attachment("a.pdf"), attachment("a\u{1}.pdf"));
    let url = serve(
        move |head| match head.split(' ').nth(1).unwrap_or_default() {
            "/file?1" => Reply::of(&good, "%PDF-1"),
            "/file?2" => Reply::of(&bad, "%PDF-1"),
            _ => html("<a href=/file?1>1</a><a href=/file?2>2</a><a href=/file?3>3</a>"),
        },
    )
    .await;
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        download(&json!({"selector": "a", "all": true})),
    ]);
    let server = Arc::new(Server::default());
    let context = Run::new(url.clone(), &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::SourceError);
    let host = url.strip_prefix("http://").unwrap();
    let said = format!(
        "file 2 of 3, {host}/file: {host} answers with what is no HTTP: a header has a character that"
    );
    assert!(message.contains(&said), "{message}");
}

#[tokio::test]
async fn what_is_noted_of_a_file_holds_no_secret() {
    let url = serve(|head| match head.starts_with("GET /dl/") {
        true => Reply::of("200 OK\r\ncontent-type: application/pdf", "%PDF-1"),
        false => html("<h1>Bills</h1>"),
    })
    .await;
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "navigate", "url": "/dl/{{credential.password}}/bill.pdf"},
        {"type": "navigate", "url": "/dl/a-{{credential.password}}"},
    ]);
    // A part of it ends the path.
    let server = Arc::new(Server {
        username: "ada",
        password: Some("Sesam/öffne dich?47"),
        ..Server::default()
    });
    let context = Run::new(url.clone(), &steps).context(&server);

    agent("127.0.0.1").run(&context).await.unwrap();

    let files = server.files.lock().unwrap().clone();
    let noted = json!({"source_url": format!("{url}/dl/%E2%80%A6")});
    let noted_beside = json!({"source_url": format!("{url}/dl/a-%E2%80%A6")});
    let kind = "application/pdf".to_owned();
    assert_eq!(
        files,
        [
            ("…".to_owned(), kind.clone(), noted, 6),
            ("a-…".to_owned(), kind, noted_beside, 6),
        ]
    );
}

#[rstest]
#[case::which_account("account_selection", "bill-2026-01.csv")]
#[case::code("mfa", "bill-…-01.csv")]
#[tokio::test]
async fn which_account_a_person_chose_stays_in_the_name_of_a_file(
    #[case] kind: &str,
    #[case] expected: &str,
    #[values(false, true)] resumed: bool,
) {
    let url = serve(|head| match head.starts_with("GET /dl/") {
        true => Reply::of("200 OK\r\ncontent-type: application/pdf", "%PDF-1"),
        false => html("<a href=/dl/bill-2026-01.csv>Bill</a><a href=/dl/17-hunter2.csv>Bill</a>"),
    })
    .await;
    let asks = |kind: &str| custom("interact", &json!({"type": kind, "message": "Which?"}));
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        asks(kind),
        asks("security_question"),
        download(&json!({"selector": "a", "all": true})),
    ]);
    let server = |codes: &[&'static str]| {
        Arc::new(Server {
            username: "ada",
            password: Some("hunter2"),
            codes: Mutex::new(codes.to_vec().into()),
            ..Server::default()
        })
    };
    let run = || Run::new(url.clone(), &steps);
    let mut run_on = run();
    let mut next = server(&["2026", "Oslo"]);
    if resumed {
        let lost = server(&["2026"]);
        let asked = agent("127.0.0.1").run(&run().context(&lost)).await;
        assert!(asked.is_err(), "{asked:?}");
        (run_on, next) = (run().from(&lost), server(&["Oslo"]));
    }

    agent("127.0.0.1")
        .run(&run_on.context(&next))
        .await
        .unwrap();

    let files = next.files.lock().unwrap().clone();
    let names: Vec<_> = files.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, [expected, "17-….csv"]);
    // Nobody reads an address to know what a file is.
    let noted = json!({"source_url": format!("{url}/dl/bill-%E2%80%A6-01.csv")});
    assert_eq!(files[0].2, noted);
}
