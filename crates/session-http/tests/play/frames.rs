//! Steps in frames, and pages that are shown in another frame than the step's (`target`).

use serde_json::{Value, json};
use windlass_domain::run::ErrorCode;
use windlass_worker::Agent;

use crate::raw::{Reply, serve};
use crate::server::{Run, Server};
use crate::{agent, errors};

fn html(body: &str) -> Reply {
    Reply::of("200 OK\r\ncontent-type: text/html; charset=utf-8", body)
}

fn navigate() -> Value {
    json!({"type": "navigate", "url": "{{source.url}}"})
}

fn click(text: &str, frame: &[u32]) -> Value {
    json!({"type": "click", "selectors": [format!("text/{text}")], "frame": frame})
}

/// Reads the heading of this frame.
fn read(name: &str, frame: &[u32]) -> Value {
    json!({"type": "customStep", "name": "windlass.extract", "frame": frame, "parameters":
        {"fields": {name: {"selector": "h1", "as": "text"}}}})
}

async fn output(url: &str, steps: &[Value]) -> Value {
    let server = std::sync::Arc::new(Server::default());
    let context = Run::new(url.to_owned(), &json!(steps)).context(&server);
    agent("127.0.0.1").run(&context).await.unwrap().output
}

#[tokio::test]
async fn steps_act_in_frames_and_leave_them_where_a_link_says_so() {
    let url = serve(|head| match head.split(' ').nth(1).unwrap() {
        "/" => html("<h1>Outside</h1><iframe srcdoc='<p>'></iframe><iframe src=/menu></iframe>"),
        "/menu" => html("<h1>Menu</h1><iframe src=/deep></iframe>"),
        "/deep" => html("<form action=/found><input name=q><button>Go</button></form>"),
        "/found?q=x" => html("<h1>Found</h1><a href=/out target=_top>Out</a>"),
        "/out" => html("<h1>Out</h1>"),
        _ => Reply::of("404 No", ""),
    })
    .await;
    let steps = [
        navigate(),
        read("menu", &[1]),
        json!({"type": "change", "selectors": ["[name=q]"], "value": "x", "frame": [1, 0]}),
        click("Go", &[1, 0]),
        read("found", &[1, 0]),
        read("page", &[]),
        click("Out", &[1, 0]),
        read("after", &[]),
    ];

    let expected = json!({"menu": "Menu", "found": "Found", "page": "Outside", "after": "Out"});
    assert_eq!(output(&url, &steps).await, expected);
}

#[tokio::test]
async fn a_link_of_one_frame_leads_on_in_another() {
    let url = serve(|head| match head.split(' ').nth(1).unwrap() {
        "/" => {
            html("<frameset cols='1,2'><frame src=/menu><frame name=content src=/first></frameset>")
        }
        "/menu" => html("<base target=content><h1>Menu</h1><a href=/more target=_self>More</a>"),
        "/more" => html("<base target=content><h1>Menu</h1><a href=/bills>Bills</a>"),
        "/bills" => html("<h1>Bills</h1>"),
        _ => Reply::of("404 No", ""),
    })
    .await;
    let steps = [
        navigate(),
        click("More", &[0]),
        click("Bills", &[0]),
        click("Bills", &[0]),
        read("title", &[1]),
    ];

    assert_eq!(output(&url, &steps).await, json!({"title": "Bills"}));
}

#[tokio::test]
async fn a_form_of_the_page_is_answered_in_its_frame() {
    let url = serve(|head| match head.split(' ').nth(1).unwrap() {
        "/" => html(
            "<h1>Upload</h1><form action=/sent target=answer id=f></form>
            <input name=q value=x form=f><button form=f>Send</button>
            <iframe name=answer hidden></iframe>",
        ),
        "/sent?q=x" => {
            html("<h1>Sent</h1><a href=/deep target=deep>Deep</a><iframe name=deep></iframe>")
        }
        "/deep" => html("<h1>Deep</h1><a href=/around target=answer>Around</a>"),
        "/around" => html("<h1>Around</h1>"),
        _ => Reply::of("404 No", ""),
    })
    .await;
    let steps = [
        navigate(),
        click("Send", &[]),
        read("page", &[]),
        read("frame", &[0]),
        click("Deep", &[0]),
        read("frame_after", &[0]),
        read("deep", &[0, 0]),
        click("Around", &[0, 0]),
        read("around", &[0]),
        read("page_after", &[]),
    ];

    let expected = json!({"page": "Upload", "frame": "Sent", "frame_after": "Sent", "deep": "Deep",
        "around": "Around", "page_after": "Upload"});
    assert_eq!(output(&url, &steps).await, expected);
}

#[tokio::test]
async fn a_link_may_lead_on_in_the_page_around_its_own() {
    let url = serve(|head| match head.split(' ').nth(1).unwrap() {
        "/" => html("<h1>Outside</h1><iframe src=/middle></iframe>"),
        "/middle" => html("<h1>Middle</h1><iframe src=/inner></iframe>"),
        "/inner" => html("<h1>Inner</h1><a href=/next target=_parent>Next</a>"),
        "/next" => html("<h1>Next</h1><a href=/out target=_parent>Out</a>"),
        "/out" => html("<h1>Out</h1>"),
        _ => Reply::of("404 No", ""),
    })
    .await;
    let steps = [
        navigate(),
        click("Next", &[0, 0]),
        read("middle", &[0]),
        read("outside", &[]),
        click("Out", &[0]),
        read("out", &[]),
    ];

    let expected = json!({"middle": "Next", "outside": "Outside", "out": "Out"});
    assert_eq!(output(&url, &steps).await, expected);
}

#[tokio::test]
async fn a_frame_that_does_not_answer_leaves_the_page() {
    let url = serve(|head| match head.split(' ').nth(1).unwrap() {
        "/" => html("<h1>Page</h1><iframe name=x></iframe><a href=/no target=x>Go</a>"),
        _ => Reply::of("500 No", ""),
    })
    .await;
    let server = std::sync::Arc::new(Server::default());
    let steps = json!([navigate(), click("Go", &[])]);
    let context = Run::new(url, &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::SourceError);
    assert!(message.starts_with("Step 2"), "{message}");
}

#[tokio::test]
async fn a_frame_is_found_by_its_website_where_its_address_leads_on() {
    let shop = serve(|head| match head.split(' ').nth(1).unwrap() {
        "/start" => Reply::of("302 Found\r\nlocation: /pay/17", ""),
        "/pay/17" => html("<h1>Pay</h1>"),
        _ => Reply::of("404 No", ""),
    })
    .await;
    let frames = format!("<h1>Page</h1><iframe src=/x></iframe><iframe src={shop}/start></iframe>");
    let url = serve(move |_| html(&frames)).await;
    let recorded_in = |name: &str, target: String| {
        let mut step = read(name, &[]);
        step["target"] = json!(target);
        step
    };
    let steps = [
        navigate(),
        recorded_in("frame", format!("{shop}/pay/8")),
        recorded_in("page", format!("{url}/other")),
    ];

    let expected = json!({"frame": "Pay", "page": "Page"});
    assert_eq!(output(&url, &steps).await, expected);
}
