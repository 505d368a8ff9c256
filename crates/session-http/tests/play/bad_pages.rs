//! Pages that mean harm, or that a broken server sends: each is a clear error on its run, takes
//! bounded memory and time, and stops nobody else.

use std::sync::Arc;
use std::time::Duration;

use async_compression::Level;
use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use serde_json::json;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use windlass_domain::run::ErrorCode;
use windlass_session_http::{HttpAgent, Manners};
use windlass_worker::Agent;

use crate::playbook::custom;
use crate::raw::{Reply, Then, serve};
use crate::server::{Run, Server};
use crate::{agent, agent_with, errors};

const MIB: usize = 1024 * 1024;

/// The most memory that the whole table may take; one page alone has 8 MiB.
pub(crate) const MOST_MEMORY_MIB: u64 = 400;

/// Waits as long as a server in this very process may take on a machine with much to do.
fn hasty() -> HttpAgent {
    agent_with(Manners {
        head_timeout: Duration::from_millis(2000),
        page_timeout: Duration::from_millis(2500),
        ..Manners::default()
    })
}

/// What becomes of a run that looks for `#in` on what this server answers.
pub(crate) async fn played(steps: &serde_json::Value, url: String) -> (ErrorCode, String) {
    played_by(&agent("127.0.0.1"), steps, url).await
}

async fn played_by(
    agent: &HttpAgent,
    steps: &serde_json::Value,
    url: String,
) -> (ErrorCode, String) {
    let server = Arc::new(Server::default());
    let result = agent.run(&Run::new(url, steps).context(&server)).await;
    let (code, message, _) = errors(result);
    (code, message)
}

/// `megabytes` of zeros, packed.
async fn packed<E: AsyncWrite + Unpin>(mut encoder: E, megabytes: usize) -> E {
    let zeros = vec![0; MIB];
    for _ in 0..megabytes {
        encoder.write_all(&zeros).await.unwrap();
    }
    encoder.shutdown().await.unwrap();
    encoder
}

pub(crate) fn html(body: impl AsRef<[u8]>) -> Reply {
    Reply::of("200 OK\r\ncontent-type: text/html", body)
}

fn encoded(encoding: &str, body: impl AsRef<[u8]>) -> Reply {
    let head = format!("200 OK\r\ncontent-type: text/html\r\ncontent-encoding: {encoding}");
    Reply::of(&head, body)
}

/// A zstd body of nothing, whose window is 128 MiB.
const WIDE_WINDOW: [u8; 9] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00];

/// The cases that nobody should wait for.
const SLOW: [&str; 3] = ["slow", "silent", "slow head"];

type Case = (&'static str, Reply, ErrorCode, &'static str);

fn sizes_and_ends() -> Vec<Case> {
    use ErrorCode::{SourceError, SourceNotAvailable, TaskFailed};
    let ok = "200 OK\r\ncontent-type: text/html";
    let of_length = |length: &str| format!("{ok}\r\ncontent-length: {length}");
    vec![
        (
            "50 MiB as it says",
            Reply::cut(&of_length("52428800"), "", Then::Hold),
            SourceError,
            "8 MiB",
        ),
        (
            "50 MiB unsaid",
            html("<p>".repeat(50 * MIB / 3)),
            SourceError,
            "8 MiB",
        ),
        (
            "endless",
            Reply::cut(ok, "", Then::Repeat(vec![b'x'; 65_536])),
            SourceError,
            "8 MiB",
        ),
        (
            "endless in chunks",
            Reply::cut(
                &format!("{ok}\r\ntransfer-encoding: chunked"),
                "",
                Then::Repeat(format!("4000\r\n{}\r\n", "x".repeat(0x4000)).into_bytes()),
            ),
            SourceError,
            "8 MiB",
        ),
        (
            "100 000 levels",
            html("<div>".repeat(100_000)),
            SourceError,
            "512 levels",
        ),
        (
            "100 000 levels of tables",
            html("<table><tr><td>".repeat(100_000)),
            SourceError,
            "512 levels",
        ),
        (
            "multiplied formatting",
            html(format!(
                "<p>{}{}",
                (0..200)
                    .map(|number| format!("<b class=c{number}>"))
                    .collect::<String>(),
                "</p><p>x".repeat(200_000)
            )),
            SourceError,
            "page",
        ),
        (
            "attributes without end",
            html(format!(
                "<a {}",
                (0..9000)
                    .map(|number| format!("a{number} "))
                    .collect::<String>()
            )),
            TaskFailed,
            "no element",
        ),
        (
            "slow",
            Reply::cut(ok, "<p>", Then::Hold),
            SourceNotAvailable,
            "took more than 2.5 s",
        ),
        (
            "silent",
            Reply::raw("", Then::Hold),
            SourceNotAvailable,
            "does not answer in time",
        ),
        (
            "slow head",
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-", Then::Hold),
            SourceNotAvailable,
            "does not answer in time",
        ),
        (
            "closed at once",
            Reply::raw("", Then::HalfClose),
            SourceNotAvailable,
            "broke",
        ),
        (
            "head cut",
            Reply::raw("HTTP/1.1 200 OK\r\ncont", Then::HalfClose),
            SourceNotAvailable,
            "broke",
        ),
        (
            "body cut",
            Reply::of(&of_length("100"), "<p>"),
            SourceNotAvailable,
            "broke",
        ),
        (
            "chunk cut",
            Reply::of(&format!("{ok}\r\ntransfer-encoding: chunked"), "ff\r\nx"),
            SourceNotAvailable,
            "broke",
        ),
        (
            "chunk of rubbish",
            Reply::of(&format!("{ok}\r\ntransfer-encoding: chunked"), "zz\r\nx"),
            SourceNotAvailable,
            "broke",
        ),
        (
            "longer than it says",
            Reply::of(&of_length("3"), "<p><a id=in>"),
            TaskFailed,
            "no element",
        ),
        (
            "two lengths",
            Reply::of(&format!("{}\r\ncontent-length: 4", of_length("3")), "<p>x"),
            SourceError,
            "no HTTP",
        ),
        (
            "length of rubbish",
            Reply::of(&of_length("-1"), "<p>"),
            SourceError,
            "no HTTP",
        ),
        ("empty", html(""), TaskFailed, "no element"),
    ]
}

fn protocols() -> Vec<Case> {
    use ErrorCode::{SourceBlocked, SourceError, TaskFailed};
    let cookies = "\r\nset-cookie: a=b".repeat(2000);
    let some: String = (0..80)
        .map(|number| format!("\r\nset-cookie: c{number}={}", "x".repeat(3000)))
        .collect();
    vec![
        (
            "no HTTP",
            Reply::raw("SSH-2.0-OpenSSH_9.9\r\n\r\n", Then::Hold),
            SourceError,
            "no HTTP",
        ),
        (
            "status of rubbish",
            Reply::raw("HTTP/1.1 9999 Fine\r\n\r\n", Then::Hold),
            SourceError,
            "no HTTP",
        ),
        (
            "header of 1 MiB",
            Reply::of(&format!("200 OK\r\nx: {}", "x".repeat(MIB)), ""),
            SourceError,
            "no HTTP",
        ),
        (
            "2 000 cookies",
            Reply::of(&format!("200 OK{cookies}"), ""),
            SourceError,
            "no HTTP",
        ),
        (
            "cookies of 240 KB",
            Reply::of(&format!("200 OK{some}"), ""),
            TaskFailed,
            "no element",
        ),
        (
            "redirect to a file",
            Reply::of("302 Found\r\nlocation: file:///etc/passwd", ""),
            SourceBlocked,
            "only http and https",
        ),
        (
            "redirect with a password",
            Reply::of("302 Found\r\nlocation: http://a:b@127.0.0.1/", ""),
            SourceBlocked,
            "must not hold",
        ),
        (
            "redirect to rubbish",
            Reply::of("302 Found\r\nlocation: http://[", ""),
            SourceError,
            "cannot be read",
        ),
        (
            "redirect to itself",
            Reply::of("302 Found\r\nlocation: /again", ""),
            SourceError,
            "20 times",
        ),
        (
            "redirect by the header",
            Reply::of("200 OK\r\nrefresh: 0; url=javascript:x", ""),
            TaskFailed,
            "no element",
        ),
        (
            "charset of rubbish",
            Reply::of(
                "200 OK\r\ncontent-type: text/html; charset=\"\u{ff}\u{fe}",
                [0xff; 999],
            ),
            TaskFailed,
            "no element",
        ),
        (
            "utf-16 of rubbish",
            Reply::of(
                "200 OK\r\ncontent-type: text/html; charset=utf-16le",
                [0xd8; 999],
            ),
            TaskFailed,
            "no element",
        ),
        (
            "iso-2022-jp of rubbish",
            Reply::of(
                "200 OK\r\ncontent-type: text/html; charset=iso-2022-jp",
                b"\x1b$B\xff\x1b".repeat(999),
            ),
            TaskFailed,
            "no element",
        ),
        ("zeros", html([0; 9999]), TaskFailed, "no element"),
        (
            "unfinished",
            html("<a <b <!-- <![CDATA[ &#x110000; &bogus </"),
            TaskFailed,
            "no element",
        ),
        (
            "503 until next year",
            Reply::of("503 No\r\nretry-after: 99999999999", ""),
            SourceError,
            "asks to wait 99999999999 s",
        ),
        (
            "429 for long",
            Reply::of("429 No\r\nretry-after: 3600", ""),
            SourceBlocked,
            "429",
        ),
    ]
}

async fn packings() -> Vec<Case> {
    use ErrorCode::SourceError;
    let gzip = packed(GzipEncoder::with_quality(Vec::new(), Level::Fastest), 64)
        .await
        .into_inner();
    let brotli = packed(BrotliEncoder::with_quality(Vec::new(), Level::Fastest), 64)
        .await
        .into_inner();
    let zstd = packed(ZstdEncoder::with_quality(Vec::new(), Level::Fastest), 64)
        .await
        .into_inner();
    let cut = gzip[..100].to_vec();
    vec![
        ("gzip bomb", encoded("gzip", gzip), SourceError, "8 MiB"),
        ("brotli bomb", encoded("br", brotli), SourceError, "8 MiB"),
        ("zstd bomb", encoded("zstd", zstd), SourceError, "8 MiB"),
        (
            "zstd window",
            encoded("zstd", WIDE_WINDOW),
            SourceError,
            "cannot be unpacked",
        ),
        (
            "gzip cut",
            encoded("gzip", cut),
            SourceError,
            "cannot be unpacked",
        ),
        (
            "gzip of rubbish",
            encoded("gzip", [7; 99]),
            SourceError,
            "cannot be unpacked",
        ),
        (
            "brotli of rubbish",
            encoded("br", [0xff; 99]),
            SourceError,
            "cannot be unpacked",
        ),
        (
            "deflate of rubbish",
            encoded("deflate", [7; 99]),
            SourceError,
            "cannot be unpacked",
        ),
        (
            "unknown packing",
            encoded("compress", "x"),
            SourceError,
            "not asked for",
        ),
        (
            "packed twice",
            encoded("gzip, gzip", "x"),
            SourceError,
            "not asked for",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_page_is_a_clear_error_and_takes_bounded_memory() {
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "click", "selectors": ["#in"]},
    ]);
    let mut cases = sizes_and_ends();
    cases.extend(protocols());
    cases.extend(packings().await);
    let mut wrong = Vec::new();
    for (name, reply, code, part) in cases {
        let url = serve(move |_| reply.clone()).await;

        let agent = match SLOW.contains(&name) {
            true => hasty(),
            false => agent("127.0.0.1"),
        };
        let (found, message) = played_by(&agent, &steps, format!("{url}/{}", name.len())).await;

        if found != code || !message.contains(part) {
            wrong.push(format!("{name}: {found:?} {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if let Some(peak) = peak_memory_mib() {
        assert!(peak < MOST_MEMORY_MIB, "{peak} MiB");
    }
}

#[tokio::test]
async fn pages_that_lead_on_without_end_are_given_up() {
    let url = serve(|head| {
        let hop = head
            .split(['/', ' '])
            .nth(2)
            .and_then(|text| text.parse::<u32>().ok());
        html(format!(
            "<meta http-equiv=refresh content='0; url=/{}'>",
            hop.unwrap_or(0) + 1
        ))
    })
    .await;
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}]);

    let (code, message) = played(&steps, url).await;

    assert_eq!(code, ErrorCode::SourceError, "{message}");
    assert!(
        message.contains("leads on by itself more than 20 times"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_is_a_clear_error() {
    use ErrorCode::{SourceError, SourceNotAvailable, StorageError, TaskFailed};
    let bomb = packed(GzipEncoder::with_quality(Vec::new(), Level::Fastest), 101)
        .await
        .into_inner();
    let pdf = "200 OK\r\ncontent-type: application/pdf";
    let login = "  <!DOCTYPE html><title>Log in</title>";
    let cases = [
        (
            "bomb",
            Reply::of(&format!("{pdf}\r\ncontent-encoding: gzip"), bomb),
            StorageError,
            "100 MiB",
        ),
        (
            "cut",
            Reply::of(&format!("{pdf}\r\ncontent-length: 99"), "%PDF-"),
            SourceNotAvailable,
            "broke",
        ),
        (
            "badly packed",
            Reply::of(&format!("{pdf}\r\ncontent-encoding: gzip"), "%PDF-"),
            SourceError,
            "unpacked",
        ),
        (
            "a login that says what it is",
            Reply::of("200 OK\r\ncontent-type: Text/HTML; charset=utf-8", login),
            TaskFailed,
            "a page instead of a file",
        ),
        (
            "a login that says it is the file",
            Reply::of(pdf, login),
            TaskFailed,
            "a page instead of a file",
        ),
        (
            "a login that says it is attached",
            Reply::of(
                &format!("{pdf}\r\ncontent-disposition: attachment; filename=bill.pdf"),
                login,
            ),
            TaskFailed,
            "a page instead of a file",
        ),
        (
            "refused",
            Reply::of("403 No", ""),
            ErrorCode::SourceBlocked,
            "403",
        ),
        ("missing", Reply::of("404 No", ""), TaskFailed, "404"),
        ("nothing", Reply::of("204 No", ""), TaskFailed, "204"),
        ("broken", Reply::of("500 No", ""), SourceError, "500"),
    ];
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "customStep", "name": "windlass.download", "parameters": {"selector": "a"}},
    ]);
    for (name, reply, code, part) in cases {
        let url = serve(move |head| match head.starts_with("GET /bill.pdf") {
            true => reply.clone(),
            false => html("<a href=/bill.pdf>Bill</a>"),
        })
        .await;

        let (found, message) = played(&steps, url).await;

        assert_eq!(found, code, "{name}: {message}");
        assert!(message.contains(part), "{name}: {message}");
    }
}

#[tokio::test]
async fn css_that_compares_all_siblings_is_a_clear_error() {
    let url = serve(move |_| html("<p>".repeat(200_000))).await;
    for css in ["b ~ p", "p:has(~ b)"] {
        let steps = json!([
            {"type": "navigate", "url": "{{source.url}}"},
            {"type": "click", "selectors": [css]},
        ]);

        let (code, message) = played(&steps, url.clone()).await;

        assert_eq!(code, ErrorCode::TaskFailed, "{message}");
        assert!(message.contains("takes too long on this page"), "{message}");
    }
}

#[tokio::test]
async fn a_list_whose_rows_cost_much_ends_in_its_time() {
    let url = serve(move |_| html(format!("<table>{}", "<tr><td>1<td>2".repeat(3000)))).await;
    let extract = json!({"fields": {"bills": {"rows": "tr", "fields": {
        // Each row reads all cells.
        "nothing": {"selector": "xpath///td[. = '3']"},
    }}}});
    let mut extract = custom("extract", &extract);
    extract["timeout"] = json!(200);
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}, extract]);

    let (code, message) = played(&steps, url).await;

    assert_eq!(code, ErrorCode::SourceNotAvailable, "{message}");
    assert!(message.contains("longer than its 200 ms"), "{message}");
}

/// The most memory that this process has had; None where the system does not say.
pub(crate) fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1024)
}
