//! Signed addresses: which bytes of a file they give, for how long, and to whom.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};
use windlass_application::retain::{Periods, Retain};
use windlass_domain::id::RunId;

use crate::fixture::{Answered, Fixture};
use crate::held::Held;

const CONTENT: &[u8] = b"0123456789";

const HOUR: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The address of the only file of a run, without its host.
async fn address(fixture: &Fixture, run_id: RunId) -> String {
    let files = fixture
        .get(&format!("/v2/task-runs/{run_id}/storage"))
        .await;
    path_of(&files.body()["data"][0]["url"])
}

fn path_of(url: &Value) -> String {
    let path = url
        .as_str()
        .and_then(|url| url.strip_prefix("http://localhost:8080"));
    path.expect("an address of this server").to_owned()
}

async fn ask(fixture: &Fixture, method: Method, path: &str, headers: &[(&str, &str)]) -> Answered {
    let call = fixture.open(method, path);
    let call = headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value));
    call.send().await
}

/// A range of a file, and what is answered: its bytes and where they lie, or that it lies outside.
#[rstest]
#[case::one("bytes=2-4", 206, "bytes 2-4/10", b"234")]
#[case::one_byte("bytes=0-0", 206, "bytes 0-0/10", b"0")]
#[case::all("bytes=0-9", 206, "bytes 0-9/10", CONTENT)]
#[case::beyond_the_end("bytes=8-99", 206, "bytes 8-9/10", b"89")]
#[case::open("bytes=7-", 206, "bytes 7-9/10", b"789")]
#[case::suffix("bytes=-3", 206, "bytes 7-9/10", b"789")]
#[case::long_suffix("bytes=-99", 206, "bytes 0-9/10", CONTENT)]
#[case::huge("bytes=0-18446744073709551615", 206, "bytes 0-9/10", CONTENT)]
#[case::outside("bytes=10-", 416, "bytes */10", b"")]
#[case::far_outside("bytes=10-99", 416, "bytes */10", b"")]
#[case::no_suffix("bytes=-0", 416, "bytes */10", b"")]
#[case::several("bytes=0-1,5-6", 200, "", CONTENT)]
#[case::turned("bytes=4-2", 200, "", CONTENT)]
#[case::signed("bytes=+2-4", 200, "", CONTENT)]
#[case::spaced("bytes=2 - 4", 200, "", CONTENT)]
#[case::of_nothing("bytes=-", 200, "", CONTENT)]
#[case::words("bytes=two-four", 200, "", CONTENT)]
#[case::another_unit("lines=0-1", 200, "", CONTENT)]
#[tokio::test]
async fn a_range_of_bytes_is_answered(
    #[case] range: &str,
    #[case] status: u16,
    #[case] content_range: &str,
    #[case] content: &[u8],
) {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.store(CONTENT).await;
    let path = address(&fixture, held.run_id).await;

    let answered = ask(&fixture, Method::GET, &path, &[("range", range)]).await;

    assert_eq!(answered.status.as_u16(), status);
    let given = answered.headers.get("content-range");
    assert_eq!(given.map_or("", |it| it.to_str().unwrap()), content_range);
    assert_eq!(answered.bytes, content);
}

#[rstest]
#[case("bytes=0-", 416, "bytes */0")]
#[case("bytes=0-0", 416, "bytes */0")]
#[case("bytes=-0", 416, "bytes */0")]
#[case("bytes=-5", 200, "")]
#[tokio::test]
async fn a_file_without_bytes_has_no_range(
    #[case] range: &str,
    #[case] status: u16,
    #[case] content_range: &str,
) {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.store(b"").await;
    let path = address(&fixture, held.run_id).await;

    let whole = ask(&fixture, Method::GET, &path, &[]).await;
    let answered = ask(&fixture, Method::GET, &path, &[("range", range)]).await;

    assert_eq!((whole.status.as_u16(), &whole.bytes[..]), (200, &b""[..]));
    assert_eq!(whole.headers["content-length"], "0");
    assert_eq!(answered.status.as_u16(), status);
    let given = answered.headers.get("content-range");
    assert_eq!(given.map_or("", |it| it.to_str().unwrap()), content_range);
}

#[tokio::test]
async fn a_range_goes_on_with_the_same_content_alone() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.store(CONTENT).await;
    let path = address(&fixture, held.run_id).await;
    let whole = ask(&fixture, Method::GET, &path, &[]).await;
    let tag = whole.headers["etag"].to_str().unwrap().to_owned();

    for (if_range, status) in [
        (tag.as_str(), 206),
        (&format!("W/{tag}"), 200),
        ("\"another\"", 200),
        ("Mon, 05 Jan 2026 10:00:00 GMT", 200),
    ] {
        let headers = [("range", "bytes=2-4"), ("if-range", if_range)];
        let answered = ask(&fixture, Method::GET, &path, &headers).await;
        assert_eq!(answered.status.as_u16(), status, "{if_range}");
    }
}

/// A range is of GET alone: RFC 9110, section 14.2.
#[tokio::test]
async fn a_head_tells_of_the_whole_file() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.store(CONTENT).await;
    let path = address(&fixture, held.run_id).await;

    for headers in [
        &[][..],
        &[("range", "bytes=2-4")],
        &[("range", "bytes=99-")],
    ] {
        let answered = ask(&fixture, Method::HEAD, &path, headers).await;

        assert_eq!(answered.status.as_u16(), 200, "{headers:?}");
        assert_eq!(answered.headers["content-length"], "10");
        assert_eq!(answered.headers["content-type"], "application/pdf");
        assert_eq!(answered.headers["accept-ranges"], "bytes");
        assert!(answered.bytes.is_empty());
    }
}

/// Whoever makes an address up learns nothing.
#[tokio::test]
async fn an_address_that_was_changed_is_of_nothing() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    let id = held.store(CONTENT).await.to_string();
    let path = address(&fixture, held.run_id).await;
    let other = held.store(b"another").await.to_string();
    let (bare, query) = path.split_once('?').unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let first = signature.split_once('=').unwrap().1.chars().next();
    let turned = if first == Some('A') { "B" } else { "A" };
    let (name, rest) = signature.split_at("signature=".len());
    let changed_signature = format!("{name}{turned}{}", &rest[1..]);
    let longer = format!("{expires}0");

    assert_eq!(ask(&fixture, Method::GET, &path, &[]).await.status, 200);
    for changed in [
        bare.to_owned(),
        format!("{bare}?{expires}"),
        format!("{bare}?{signature}"),
        format!("{bare}?{expires}&{changed_signature}"),
        format!("{bare}?{expires}&{name}"),
        format!("{bare}?{expires}&{name}%00{rest}"),
        format!("{bare}?{expires}&{signature}A"),
        format!("{bare}?{longer}&{signature}"),
        format!("{bare}?expires=&{signature}"),
        path.replace(&id, &other),
        path.replace(&id, "stor_0324ygWvJAh4Zk8gsToV1V"),
        path.replace(&id, "nothing"),
    ] {
        for (method, headers) in [
            (Method::GET, &[][..]),
            (Method::GET, &[("range", "bytes=0-1")]),
            (Method::HEAD, &[]),
        ] {
            let answered = ask(&fixture, method.clone(), &changed, headers).await;
            assert_eq!(answered.status.as_u16(), 404, "{method} {changed}");
        }
        let answered = ask(&fixture, Method::GET, &changed, &[]).await;
        assert_eq!(answered.error().1, "storage_not_found", "{changed}");
    }
}

#[tokio::test]
async fn an_address_is_good_for_an_hour() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.store(CONTENT).await;
    let path = address(&fixture, held.run_id).await;

    fixture.clock.pass(HOUR - Duration::from_secs(60));
    let before = ask(&fixture, Method::GET, &path, &[]).await;
    fixture.clock.pass(Duration::from_secs(120));
    let after = ask(&fixture, Method::GET, &path, &[("range", "bytes=0-1")]).await;
    let fresh = address(&fixture, held.run_id).await;
    let fresh = ask(&fixture, Method::GET, &fresh, &[]).await;

    assert_eq!(before.status.as_u16(), 200);
    assert_eq!(after.error(), (410, "storage_expired".to_owned()));
    assert_eq!(fresh.bytes, CONTENT);
}

/// The sweep itself: the content goes, and the record stays as long as its run.
#[tokio::test]
async fn what_retention_has_swept_is_gone() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    let file_id = held.store(CONTENT).await;
    let screenshot_id = held.see(1, b"<h1>Log in</h1>").await;
    let retain = Retain {
        retention: Arc::clone(&fixture.store) as Arc<_>,
        blobs: Arc::clone(&fixture.application.ports.blobs),
        clock: Arc::clone(&fixture.clock) as Arc<_>,
        periods: Periods {
            runs: 90 * DAY,
            files: 60 * DAY,
            screenshots: 15 * DAY,
            events: 30 * DAY,
        },
    };
    let read = async || {
        let path = format!("/v2/task-runs/{}?include=storage,screenshots", held.run_id);
        let run = fixture.get(&path).await.body();
        (run["storage"][0].clone(), run["screenshots"][0].clone())
    };

    let mut seen = Vec::new();
    for days in [14, 2, 43, 2] {
        fixture.clock.pass(days * DAY);
        let (file, screenshot) = read().await;
        let urls =
            [&file["url"], &screenshot["url"]].map(|url| (!url.is_null()).then(|| path_of(url)));
        retain.pass().await;
        let (file, screenshot) = read().await;
        assert_eq!(file["id"], file_id.to_string());
        assert_eq!(screenshot["id"], screenshot_id.to_string());
        let mut answers = Vec::new();
        for url in urls.into_iter().flatten() {
            let answered = ask(&fixture, Method::GET, &url, &[]).await;
            answers.push(match answered.status.as_u16() {
                200 => "given".to_owned(),
                _ => answered.error().1,
            });
        }
        seen.push((
            [&file["url"], &screenshot["url"]].map(Value::is_null),
            answers,
        ));
    }
    let alone = fixture.get(&format!("/v2/storage/{file_id}")).await.body();

    let given = "given".to_owned();
    let gone = "storage_expired".to_owned();
    assert_eq!(
        seen,
        [
            ([false, false], vec![given.clone(), given.clone()]),
            ([false, true], vec![given.clone(), gone.clone()]),
            ([false, true], vec![given]),
            ([true, true], vec![gone]),
        ]
    );
    assert_eq!(
        (&alone["url"], &alone["sha256"].is_string()),
        (&json!(null), &true)
    );
}
