//! What sites do that nobody shaped for this tier, over a socket that writes what the test says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_compression::tokio::bufread::GzipEncoder;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use windlass_domain::run::ErrorCode;
use windlass_domain::run::command::CredentialReport;
use windlass_worker::{Agent, Outcome, RunFailure};

use crate::raw::{Reply, serve};
use crate::server::{Run, Server};
use crate::{agent, errors};

/// `kari:hei å`, as Basic has it.
const BASIC: &str = "authorization: basic a2fyatpozwkgw6u=";

fn html(body: &str) -> Reply {
    Reply::of("200 OK\r\ncontent-type: text/html; charset=utf-8", body)
}

fn custom(name: &str, parameters: &Value) -> Value {
    json!({"type": "customStep", "name": format!("windlass.{name}"), "parameters": parameters})
}

fn title() -> Value {
    custom(
        "extract",
        &json!({"fields": {"title": {"selector": "h1", "as": "text"}}}),
    )
}

fn navigate() -> Value {
    json!({"type": "navigate", "url": "{{source.url}}"})
}

async fn played(url: &str, steps: &[Value]) -> (Result<Outcome, RunFailure>, Arc<Server>) {
    let server = Arc::new(Server {
        username: "kari",
        password: Some("hei å"),
        ..Server::default()
    });
    let context = Run::new(url.to_owned(), &json!(steps)).context(&server);
    (agent("127.0.0.1").run(&context).await, server)
}

#[tokio::test]
async fn a_source_that_asks_for_it_gets_the_credential_and_no_other_origin_does() {
    let asked = Arc::new(AtomicUsize::new(0));
    let leaked = Arc::clone(&asked);
    let elsewhere = serve(move |head| {
        leaked.fetch_add(
            usize::from(head.to_lowercase().contains("authorization")),
            Ordering::SeqCst,
        );
        match head.starts_with("GET /asks") {
            true => Reply::of("401 No\r\nwww-authenticate: Basic realm=x", "<h1>Who?</h1>"),
            false => html("<h1>Elsewhere</h1>"),
        }
    })
    .await;
    let target = elsewhere.clone();
    let url = serve(move |head| {
        let head = head.to_lowercase();
        match (head.contains(BASIC), head.starts_with("get /away")) {
            (false, _) => Reply::of("401 No\r\nwww-authenticate: Basic realm=\"Bills\"", ""),
            (true, true) => Reply::of(&format!("302 Found\r\nlocation: {target}/"), ""),
            (true, false) => html("<h1>Bills</h1><a id=away href=/away>x</a>"),
        }
    })
    .await;
    let steps = [
        custom("authenticate", &json!({})),
        navigate(),
        custom("expect", &json!({"selector": "h1"})),
        json!({"type": "click", "selectors": ["#away"]}),
        title(),
    ];

    let (outcome, _) = played(&url, &steps).await;

    let outcome = outcome.unwrap();
    assert_eq!(outcome.output, json!({"title": "Elsewhere"}));
    assert_eq!(outcome.credential, Some(CredentialReport::Verified));
    let asks = json!({"type": "navigate", "url": format!("{elsewhere}/asks")});
    let (result, _) = played(&url, &[steps[0].clone(), asks, title()]).await;
    assert_eq!(errors(result).0, ErrorCode::SourceBlocked);
    assert_eq!(
        asked.load(Ordering::SeqCst),
        0,
        "the credential went elsewhere"
    );
}

#[tokio::test]
async fn a_credential_that_the_source_refuses_is_invalid() {
    let url = serve(|_| Reply::of("401 No\r\nwww-authenticate: Basic realm=x", "")).await;

    let (result, _) = played(&url, &[custom("authenticate", &json!({})), navigate()]).await;

    let (code, message, credential) = errors(result);
    assert_eq!(code, ErrorCode::AuthInvalid, "{message}");
    assert_eq!(credential, Some(CredentialReport::Invalid));
}

#[tokio::test]
async fn digest_is_answered_again_where_its_nonce_is_stale() {
    let requests = AtomicUsize::new(0);
    let url = serve(move |head| {
        let digest = |more: &str| {
            Reply::of(
                &format!("401 No\r\nwww-authenticate: Digest realm=r, qop=\"auth\", {more}"),
                "",
            )
        };
        match requests.fetch_add(1, Ordering::SeqCst) {
            0 => digest("nonce=one"),
            1 => digest("nonce=two, stale=true"),
            _ if head.contains("nonce=\"two\"") => html("<h1>Bills</h1>"),
            _ => Reply::of("500 No", ""),
        }
    })
    .await;

    let (outcome, _) = played(
        &url,
        &[custom("authenticate", &json!({})), navigate(), title()],
    )
    .await;

    assert_eq!(outcome.unwrap().output, json!({"title": "Bills"}));
}

#[tokio::test]
async fn without_the_step_nobody_gets_the_credential() {
    let url = serve(|head| match head.to_lowercase().contains("authorization") {
        true => html("<h1>Leaked</h1>"),
        false => Reply::of("401 No\r\nwww-authenticate: Basic realm=x", ""),
    })
    .await;

    let (result, _) = played(&url, &[navigate(), title()]).await;

    assert_eq!(errors(result).0, ErrorCode::SourceBlocked);
}

#[tokio::test]
async fn a_source_that_asks_to_come_back_is_waited_for() {
    let requests = AtomicUsize::new(0);
    let url = serve(move |_| match requests.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::of("429 No\r\nretry-after: 0", ""),
        1 => Reply::of("503 No\r\nretry-after: 0", ""),
        _ => html("<h1>Bills</h1>"),
    })
    .await;

    let (outcome, _) = played(&url, &[navigate(), title()]).await;

    assert_eq!(outcome.unwrap().output, json!({"title": "Bills"}));
}

#[tokio::test]
async fn a_step_waits_for_a_page_that_leads_on() {
    let requests = AtomicUsize::new(0);
    let url = serve(move |head| {
        match (
            head.starts_with("GET /done"),
            requests.fetch_add(1, Ordering::SeqCst),
        ) {
            (true, _) => html("<h1>Ready</h1><a id=x href=#x>x</a>"),
            // It loads itself again, and then leads on at once.
            (false, 0) => html("<h1>Please wait</h1><meta http-equiv=refresh content=1>"),
            (false, _) => html("<meta http-equiv=refresh content='0;url=/done'>"),
        }
    })
    .await;
    let wait = custom(
        "fail",
        &json!({"when": ".error", "type": "auth", "code": "auth_invalid", "message": "m"}),
    );
    let click = json!({"type": "click", "selectors": ["#x"]});

    let (outcome, _) = played(&url, &[navigate(), wait, click, title()]).await;

    assert_eq!(outcome.unwrap().output, json!({"title": "Ready"}));
}

#[tokio::test]
async fn a_page_that_comes_in_another_charset_sends_its_form_in_it() {
    let url = serve(|head| match head.split(' ').nth(1) {
        Some("/?q=%E5%80") => html("<h1>Found</h1>"),
        Some("/") => Reply::of(
            "200 OK",
            b"<meta charset=iso-8859-1><form><input name=q value='\xe5\x80'><button>Go</button></form>",
        ),
        _ => Reply::of("404 No", ""),
    })
    .await;

    let (outcome, _) = played(
        &url,
        &[
            navigate(),
            json!({"type": "click", "selectors": ["aria/Go"]}),
            title(),
        ],
    )
    .await;

    assert_eq!(outcome.unwrap().output, json!({"title": "Found"}));
}

#[tokio::test]
async fn a_file_is_sent_from_what_a_step_types() {
    let url = serve(|head| match head.starts_with("POST /up HTTP") {
        true if head.contains("content-type: multipart/form-data; boundary=") => html("<h1>Kept</h1>"),
        _ => html("<form method=post action=/up enctype=multipart/form-data><input type=file name=f><button>Go</button></form>"),
    })
    .await;
    let steps = [
        navigate(),
        json!({"type": "change", "selectors": ["[name=f]"], "value": "data:text/csv;name=a.csv,a%3Bb"}),
        json!({"type": "click", "selectors": ["text/Go"]}),
        title(),
    ];

    let (outcome, _) = played(&url, &steps).await;

    assert_eq!(outcome.unwrap().output, json!({"title": "Kept"}));
}

#[tokio::test]
async fn a_page_that_is_a_file_leaves_the_page_as_it_is() {
    let url = serve(|head| match head.starts_with("GET /file") {
        true => Reply::of(
            "200 OK\r\ncontent-type: text/csv\r\ncontent-disposition: attachment",
            "a;b",
        ),
        false => html("<h1>Bills</h1><a href=/file>x</a>"),
    })
    .await;

    let (outcome, _) = played(
        &url,
        &[
            navigate(),
            json!({"type": "click", "selectors": ["a"]}),
            title(),
        ],
    )
    .await;

    assert_eq!(outcome.unwrap().output, json!({"title": "Bills"}));
}

async fn gzip(text: &str) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = GzipEncoder::new(text.as_bytes());
    encoder.read_to_end(&mut packed).await.unwrap();
    packed
}

#[tokio::test]
async fn bodies_that_browsers_take_are_taken() {
    let (whole, half, more) = (
        gzip("<h1>Bills</h1>").await,
        gzip("<h1>Bi").await,
        gzip("lls</h1>").await,
    );
    let cases = [
        [&whole[..], b"\0\0\0\0"].concat(),
        [&whole[..], b"<!-- cached -->"].concat(),
        [&whole[..], b"\x1f\x00"].concat(),
        [&half[..], &more[..]].concat(),
        [&half[..], &more[..], b"\n"].concat(),
    ];
    for (number, body) in cases.into_iter().enumerate() {
        let head = "200 OK\r\ncontent-type: text/html\r\ncontent-encoding: gzip";
        let url = serve(move |_| Reply::of(head, &body)).await;

        let (outcome, _) = played(&url, &[navigate(), title()]).await;

        let output = outcome.map(|outcome| outcome.output);
        assert_eq!(output, Ok(json!({"title": "Bills"})), "case {number}");
    }
}

#[tokio::test]
async fn an_empty_body_is_empty_however_it_would_be_packed() {
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let head = format!("200 OK\r\ncontent-type: text/html\r\ncontent-encoding: {encoding}");
        let url = serve(move |_| Reply::of(&head, "")).await;
        let steps = [
            navigate(),
            custom("expect", &json!({"selector": "body:empty"})),
        ];

        let (outcome, _) = played(&url, &steps).await;

        assert!(outcome.is_ok(), "{encoding}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_source_that_asks_for_a_pause_has_it_from_all_runs() {
    let until = Arc::new(Mutex::new(None::<Instant>));
    let url = serve(move |_| {
        let mut until = until.lock().unwrap();
        match *until {
            None => {
                *until = Some(Instant::now() + Duration::from_secs(1));
                Reply::of("429 Slow down\r\nretry-after: 1", "")
            }
            Some(until) if Instant::now() < until => Reply::of("403 Hammered", ""),
            Some(_) => html("<h1>Bills</h1>"),
        }
    })
    .await;
    let server = Arc::new(Server::default());
    let agent = agent("127.0.0.1");
    let steps = json!([navigate(), title()]);
    let run = || Run::new(url.clone(), &steps).context(&server);
    let (first, second) = (run(), run());
    let first = agent.run(&first);
    let mut first = std::pin::pin!(first);
    // Until it waits.
    let waits = tokio::time::timeout(Duration::from_millis(300), &mut first).await;
    assert!(waits.is_err(), "{waits:?}");

    let (one, other) = tokio::join!(first, agent.run(&second));

    for outcome in [one, other] {
        assert_eq!(outcome.unwrap().output, json!({"title": "Bills"}));
    }
}

#[tokio::test]
async fn frames_of_another_site_get_no_cookie_that_stays_at_home() {
    let framed = serve(|head| {
        let cookie = head.lines().find(|line| line.starts_with("cookie"));
        let body = format!("<h1>{}</h1>", cookie.unwrap_or("none"));
        let set = "set-cookie: lax=1; SameSite=Lax\r\nset-cookie: strict=1; SameSite=Strict\r\nset-cookie: none=1; SameSite=None; Secure";
        Reply::of(&format!("200 OK\r\ncontent-type: text/html\r\n{set}"), body)
    })
    .await;
    let framed = framed.replace("127.0.0.1", "localhost");
    let frame = format!("{framed}/frame");
    let around = serve(move |_| html(&format!("<iframe src='{frame}'></iframe>"))).await;
    let in_frame = |name: &str| {
        let mut step = custom("extract", &json!({"fields": {name: {"selector": "h1"}}}));
        step["frame"] = json!([0]);
        step
    };
    let steps = [
        json!({"type": "navigate", "url": framed}),
        json!({"type": "navigate", "url": framed}),
        custom("extract", &json!({"fields": {"alone": {"selector": "h1"}}})),
        navigate(),
        in_frame("framed"),
    ];

    let (outcome, _) = played(&around, &steps).await;

    let expected = json!({"alone": "cookie: lax=1; strict=1; none=1", "framed": "cookie: none=1"});
    assert_eq!(outcome.unwrap().output, expected);
}

#[tokio::test]
async fn pages_are_asked_for_in_a_language() {
    let url = serve(|head| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let asked = lines.filter(|(name, _)| name.eq_ignore_ascii_case("accept-language"));
        let languages: Vec<_> = asked.map(|(_, value)| value).collect();
        html(&format!("<h1>{}</h1>", languages.join(" and ")))
    })
    .await;

    let (result, _) = played(&url, &[navigate(), title()]).await;

    assert_eq!(result.unwrap().output, json!({"title": "en-US,en;q=0.9"}));
}

#[tokio::test]
async fn a_credential_that_nobody_asked_for_is_not_verified() {
    let url = serve(|_| html("<h1>Bills</h1>")).await;

    let (outcome, _) = played(
        &url,
        &[custom("authenticate", &json!({})), navigate(), title()],
    )
    .await;

    assert_eq!(outcome.unwrap().credential, None);
}
