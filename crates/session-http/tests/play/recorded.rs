//! Steps as the Recorder writes them.

use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::response::Html;
use axum::routing::get;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use windlass_demo_site::DemoSite;
use windlass_domain::run::ErrorCode;
use windlass_worker::Agent;

use crate::playbook::custom;
use crate::server::{Run, Server};
use crate::site::{PASSWORD, Site};
use crate::{agent, errors, server};

fn navigation() -> Value {
    json!([{"type": "navigation", "url": "https://recorded.example/", "title": "Bills"}])
}

/// A login as Chrome exports it: with Enter, and all that a person's hand does beside it.
fn login() -> Vec<Value> {
    vec![
        json!({"type": "setViewport", "width": 1280, "height": 720, "deviceScaleFactor": 1,
            "isMobile": false, "hasTouch": false, "isLandscape": false}),
        json!({"type": "navigate", "url": "chrome://newtab/"}),
        json!({"type": "navigate", "url": "{{source.url}}", "assertedEvents": navigation()}),
        json!({"type": "hover", "target": "main", "selectors": [["aria/Log in"], ["#go"]]}),
        json!({"type": "click", "target": "main", "offsetX": 3.5, "offsetY": 4, "duration": 120,
            "deviceType": "mouse", "button": "primary",
            "selectors": [["aria/User"], ["#user"], ["xpath///*[@id=\"user\"]"], ["pierce/#user"]]}),
        json!({"type": "change", "target": "main", "value": "{{credential.username}}",
            "selectors": [["aria/User"], ["#user"], ["xpath///*[@id=\"user\"]"], ["pierce/#user"]]}),
        json!({"type": "keyDown", "target": "main", "key": "Tab"}),
        json!({"type": "keyUp", "target": "main", "key": "Tab"}),
        json!({"type": "change", "target": "main", "value": "{{credential.password}}",
            "selectors": [["#no-such"], ["xpath///*[@id=\"pass\"]"]]}),
        json!({"type": "keyDown", "target": "main", "key": "Enter", "assertedEvents": navigation()}),
        json!({"type": "keyUp", "target": "main", "key": "Enter"}),
    ]
}

#[tokio::test]
async fn a_login_with_enter_is_played_as_it_was_recorded() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[]);
    let mut steps = login();
    steps.push(
        json!({"type": "waitForElement", "selectors": ["#code"], "count": 1, "operator": "==",
        "attributes": {"id": "code"}, "properties": {"tagName": "INPUT"}, "visible": true}),
    );
    steps.push(json!({"type": "waitForElement", "selectors": ["#user"], "visible": false}));
    steps.push(json!({"type": "scroll", "x": 0, "y": 120}));
    steps.push(json!({"type": "close", "target": "main", "x-recorded-by": "an extension"}));
    let context = Run::new(site.url("/login"), &Value::Array(steps)).context(&server);

    let played = agent("127.0.0.1").run(&context).await;

    assert!(played.is_ok(), "{played:?}");
}

#[rstest]
#[case::with_the_text(8)]
#[case::with_the_key(9)]
#[case::with_the_key_let_go(10)]
#[tokio::test]
async fn what_enter_leads_to_may_be_noted_beside_it(#[case] noted: usize) {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[]);
    let mut steps = login();
    for step in &mut steps[3..] {
        step["assertedEvents"] = Value::Null;
    }
    steps[noted]["assertedEvents"] = navigation();
    let context = Run::new(site.url("/login"), &Value::Array(steps)).context(&server);

    let played = agent("127.0.0.1").run(&context).await;

    assert!(played.is_ok(), "{played:?}");
}

#[tokio::test]
async fn what_a_hand_does_beside_its_steps_is_left_out() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[]);
    let mut steps = login();
    let user = steps[5]["selectors"].clone();
    // The page came when the hand was at the wheel already.
    steps[9]["assertedEvents"] = Value::Null;
    steps.push(json!({"type": "scroll", "x": 0, "y": 100, "assertedEvents": navigation()}));
    steps.push(json!({"type": "waitForElement", "selectors": ["#code"]}));
    let key = |kind: &str, key: &str| json!({"type": kind, "target": "main", "key": key});
    let paste = [
        key("keyDown", "Control"),
        key("keyDown", "v"),
        key("keyUp", "v"),
        key("keyUp", "Control"),
    ];
    steps.splice(8..8, paste);
    let clicks = [
        json!({"type": "click", "button": "secondary", "selectors": [["#go"]], "offsetX": 1, "offsetY": 1}),
        json!({"type": "doubleClick", "selectors": user, "offsetX": 1, "offsetY": 1}),
    ];
    steps.splice(5..5, clicks);
    let context = Run::new(site.url("/login"), &Value::Array(steps)).context(&server);

    let played = agent("127.0.0.1").run(&context).await;

    assert!(played.is_ok(), "{played:?}");
}

#[tokio::test]
async fn a_page_that_came_late_must_come_now() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "click", "selectors": ["#user"]},
        {"type": "scroll", "assertedEvents": navigation()},
    ]);
    let context = Run::new(site.url("/login"), &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(
        message.starts_with("Step 3 (scroll): another page came here"),
        "{message}"
    );
}

/// What Chrome exports of a recording on the demonstration's website.
const EXPORTED: &str = include_str!("../../../../tests/tests/recorder/exported.json");

/// The export, with placeholders as the guide asks for and of each step's selectors one alternative.
fn exported(alternative: usize) -> Value {
    let mut playbook: Value = serde_json::from_str(EXPORTED).unwrap();
    let steps = playbook["steps"].as_array_mut().unwrap();
    steps[1]["url"] = json!("{{source.url}}");
    steps[3]["value"] = json!("{{credential.username}}");
    steps[6]["value"] = json!("{{credential.password}}");
    steps[10]["value"] = json!("{{interaction.code}}");
    for step in steps.iter_mut() {
        if let Some(selectors) = step["selectors"].as_array_mut() {
            let last = selectors.len() - 1;
            let kept = selectors.swap_remove(alternative.min(last));
            *selectors = vec![kept];
        }
    }
    steps.push(custom(
        "extract",
        &json!({"fields": {"caption": {"selector": "caption"}}}),
    ));
    steps.insert(
        9,
        custom("interact", &json!({"type": "mfa", "message": "Code?"})),
    );
    playbook
}

#[rstest]
#[case::by_name(0)]
#[case::by_css(1)]
#[case::by_xpath(2)]
#[case::through_shadow_roots(3)]
#[case::by_text_where_there_is_one(4)]
#[tokio::test]
async fn what_chrome_exports_is_played_whichever_of_its_selectors_is_taken(
    #[case] alternative: usize,
) {
    let site = DemoSite::start().await.unwrap();
    let server = Arc::new(Server {
        username: windlass_demo_site::FIRST_USERNAME,
        password: Some(windlass_demo_site::PASSWORD),
        phone: Some(site.phone()),
        ..Server::default()
    });
    let run = Run {
        playbook: exported(alternative),
        ..Run::new(site.url(), &json!([]))
    };

    let outcome = agent("127.0.0.1").run(&run.context(&server)).await.unwrap();

    let caption = outcome.output["caption"].as_str().unwrap();
    assert!(caption.starts_with("Your invoices, page 2 of"), "{caption}");
    let files = server.files.lock().unwrap();
    assert_eq!(files[0].0, "faktura-2026-10.pdf");
}

#[tokio::test]
async fn the_timeline_says_what_was_left_out() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[]);
    let context = Run::new(site.url("/login"), &Value::Array(login())).context(&server);

    agent("127.0.0.1").run(&context).await.unwrap();

    let progress = server.told(&context).await;
    let told = |number: usize| progress[number - 1].as_str();
    assert_eq!(told(1), "setViewport: left out, there is no screen");
    assert!(
        told(2).ends_with("left out, it leads to no website yet"),
        "{}",
        told(2)
    );
    assert_eq!(told(4), "hover aria/Log in: left out, there is no pointer");
    assert_eq!(told(5), "click aria/User");
    assert!(told(7).starts_with("keyDown Tab: left out"), "{}", told(7));
    assert_eq!(told(10), "keyDown Enter");
}

#[tokio::test]
async fn a_step_has_the_time_that_the_recording_gives_it() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let steps = json!([{"type": "navigate", "url": "{{source.url}}", "timeout": 50}]);
    let context = Run::new(site.url("/never"), &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::SourceNotAvailable);
    assert!(message.contains("longer than its 50 ms"), "{message}");
}

#[tokio::test]
async fn an_address_that_was_filled_in_leads_to_a_website_too() {
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}]);
    let server = Arc::new(Server::default());
    for address in ["javascript:alert(1)", "file:///etc/passwd", "about:blank"] {
        let context = Run::new(address.to_owned(), &steps).context(&server);

        let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

        assert_eq!(code, ErrorCode::TaskFailed);
        assert!(message.contains("its url leads to no website"), "{message}");
    }
}

#[tokio::test]
async fn a_message_is_no_longer_than_the_server_takes() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let long = custom(
        "expect",
        &json!({"selector": format!("text/{}", "å".repeat(3990))}),
    );
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}, long]);
    let context = Run::new(site.url("/login"), &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(
        (code, message.chars().count()),
        (ErrorCode::TaskFailed, 4000)
    );
}

/// A page with frames in frames, as websites have their login or their account in one.
async fn framed() -> String {
    let outer = "<p id=place>outer</p><iframe></iframe><iframe src=/middle></iframe>";
    let middle = "<p id=place>middle</p><iframe src=/inner name=x></iframe>";
    let inner =
        "<p id=place>inner</p><form action=/next><input id=q name=q><button>Go</button></form>
        <a id=top target=_top href=/account>Account</a>";
    let router = Router::new()
        .route("/", get(async move || Html(outer)))
        .route("/middle", get(async move || Html(middle)))
        .route("/inner", get(async move || Html(inner)))
        .route(
            "/next",
            get(async || Html("<p id=place>next <a href=/inner>Back</a>")),
        )
        .route("/account", get(async || Html("<p id=place>account")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/")
}

/// Says where it is: what stands at `#place` in this frame.
fn place(name: &str, frame: &[u32]) -> Value {
    json!({"type": "customStep", "name": "windlass.extract", "frame": frame,
        "parameters": {"fields": {name: {"selector": "#place"}}}})
}

#[tokio::test]
async fn steps_act_in_the_frame_that_they_were_recorded_in() {
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        place("before", &[1, 0]),
        {"type": "change", "selectors": ["#q"], "value": "x", "frame": [1, 0]},
        {"type": "keyDown", "key": "Enter", "frame": [1, 0]},
        place("after", &[1, 0]),
        place("middle", &[1]),
        place("outer", &[]),
        {"type": "click", "selectors": ["text/Back"], "frame": [1, 0]},
        {"type": "click", "selectors": ["#top"], "frame": [1, 0]},
        place("top", &[]),
    ]);
    let server = Arc::new(Server::default());
    let context = Run::new(framed().await, &steps).context(&server);

    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    let expected = json!({"before": "inner", "after": "next Back", "middle": "middle",
        "outer": "outer", "top": "account"});
    assert_eq!(outcome.output, expected);
}

#[tokio::test]
async fn a_frame_of_another_website_is_found_by_its_address() {
    let url = framed().await;
    let recorded_in = |name: &str, target: &str, frame: &[u32]| {
        let mut step = place(name, frame);
        step["target"] = json!(target);
        step
    };
    let middle = format!("{url}middle?visit=17");
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        recorded_in("middle", &middle, &[]),
        recorded_in("inner", &middle, &[0]),
        recorded_in("window", "https://recorded.example/", &[]),
        recorded_in("page", "main", &[]),
    ]);
    let server = Arc::new(Server::default());
    let context = Run::new(url, &steps).context(&server);

    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    let expected =
        json!({"middle": "middle", "inner": "inner", "window": "outer", "page": "outer"});
    assert_eq!(outcome.output, expected);
}

#[tokio::test]
async fn a_frame_is_found_where_a_step_has_led_it() {
    let outer =
        "<p id=place>outer</p><iframe src='/w?id=1'></iframe><iframe src='/w?id=2'></iframe>";
    let within = async |RawQuery(id): RawQuery| {
        let id = id.unwrap_or_default();
        Html(format!("<p id=place>{id}</p><a id=on href=/code>On</a>"))
    };
    let router = Router::new()
        .route("/", get(async move || Html(outer)))
        .route("/w", get(within))
        .route("/code", get(async || Html("<p id=place>code")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // It ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let recorded_in = |mut step: Value, path: &str| {
        step["target"] = json!(format!("{url}{path}"));
        step
    };
    let on = json!({"type": "click", "selectors": ["#on"]});
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        recorded_in(place("second", &[]), "w?id=2"),
        recorded_in(on, "w?id=2"),
        recorded_in(place("led", &[]), "code"),
        recorded_in(place("first", &[]), "w?id=1"),
    ]);
    let server = Arc::new(Server::default());
    let context = Run::new(url.parse().unwrap(), &steps).context(&server);

    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    let expected = json!({"second": "id=2", "led": "code", "first": "id=1"});
    assert_eq!(outcome.output, expected);
}

#[tokio::test]
async fn a_frame_whose_content_stands_in_its_page_is_read_from_there() {
    let content = "<base href=/in/><p id=place>written <iframe srcdoc='<p id=place>inner <a id=on href=next>On</a>'></iframe>";
    let escaped = content.replace('&', "&amp;").replace('"', "&quot;");
    let outer = format!("<p id=place>outer</p><iframe src=/no srcdoc=\"{escaped}\"></iframe>");
    let router = Router::new()
        .route("/", get(async move || Html(outer)))
        .route("/in/next", get(async || Html("<p id=place>next")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        place("written", &[0]),
        place("inner", &[0, 0]),
        {"type": "click", "selectors": ["#on"], "frame": [0, 0]},
        place("next", &[0, 0]),
        place("outer", &[]),
    ]);
    let server = Arc::new(Server::default());
    let context = Run::new(format!("http://{address}/"), &steps).context(&server);

    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    let expected =
        json!({"written": "written", "inner": "inner On", "next": "next", "outer": "outer"});
    assert_eq!(outcome.output, expected);
}

#[tokio::test]
async fn a_frame_without_an_address_needs_a_browser() {
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}, place("x", &[0])]);
    let server = Arc::new(Server::default());
    let context = Run::new(framed().await, &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(
        message.contains("Step 2") && message.contains("no address of its own"),
        "{message}"
    );
}
