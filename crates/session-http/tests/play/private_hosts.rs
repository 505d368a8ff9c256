//! A public website that leads to a private host: in whatever way it does, nothing is sent there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::net::TcpListener;
use windlass_domain::run::ErrorCode;

use crate::bad_pages::{html, played};
use crate::playbook::custom;
use crate::raw::{Reply, serve};

/// A host that the policy does not permit; its port, and how often it was connected to.
async fn private_host() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, connections)
}

#[tokio::test]
async fn a_website_leads_to_no_private_host() {
    let (port, connections) = private_host().await;
    let mut cases = Vec::new();
    for host in [
        "127.0.0.2",
        "2130706434",
        "[::ffff:127.0.0.2]",
        "0x7f.2",
        "127.2.",
    ] {
        let to = format!("http://{host}:{port}/");
        for status in [301, 302, 303, 307, 308] {
            let name = format!("{status} to {host}");
            let head = format!("{status} Elsewhere\r\nlocation: {to}");
            cases.push((name, Reply::of(&head, "")));
        }
        let pages = [
            ("a link", format!("<a id=go href='{to}'>x</a>")),
            (
                "a link by the base",
                format!("<base href='{to}'><a id=go href=x>x</a>"),
            ),
            (
                "a form",
                format!("<form action='{to}'><button id=go>x</button></form>"),
            ),
            (
                "a form that posts",
                format!("<form method=post action='{to}'><button id=go>x</button></form>"),
            ),
            (
                "itself",
                format!("<meta http-equiv=refresh content='0; url={to}'>"),
            ),
        ];
        cases.extend(pages.map(|(name, page)| (format!("{name} to {host}"), html(page))));
        let head = format!("200 OK\r\ncontent-type: text/html\r\nrefresh: 0; url={to}");
        cases.push((format!("the header to {host}"), Reply::of(&head, "<p>")));
    }
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "click", "selectors": ["#go"]},
    ]);

    let mut wrong = Vec::new();
    for (name, reply) in cases {
        let url = serve(move |_| reply.clone()).await;
        let (code, message) = played(&steps, url).await;
        if code != ErrorCode::SourceBlocked || !message.contains("is a loopback address") {
            wrong.push(format!("{name}: {code:?} {message}"));
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn no_file_comes_from_a_private_host() {
    let (port, connections) = private_host().await;
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("download", &json!({"selector": "a"})),
    ]);

    for to in [format!("http://127.0.0.2:{port}/"), "/bill.pdf".to_owned()] {
        let url = serve(move |head| match head.starts_with("GET /bill.pdf") {
            true => Reply::of(
                &format!("302 Found\r\nlocation: http://127.0.0.2:{port}/bill.pdf"),
                "",
            ),
            false => html(format!("<a href='{to}'>Bill</a>")),
        })
        .await;
        let (code, message) = played(&steps, url).await;
        assert_eq!(code, ErrorCode::SourceBlocked, "{message}");
    }

    assert_eq!(connections.load(Ordering::SeqCst), 0);
}
