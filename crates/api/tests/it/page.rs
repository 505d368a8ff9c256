//! `/docs` shows the whole document, and needs nobody else for it.

use std::collections::BTreeSet;

use http::Method;

use crate::documented::{DOCUMENT, calls};
use crate::fixture::{Answered, Fixture};

async fn page() -> Answered {
    let fixture = Fixture::new().await;
    fixture.open(Method::GET, "/docs").send().await
}

/// What stands in this attribute, wherever it is.
fn attributes<'a>(html: &'a str, name: &str) -> BTreeSet<&'a str> {
    let parts = html
        .split(&format!(" {name}=\""))
        .skip(1)
        .collect::<Vec<_>>();
    parts
        .iter()
        .filter_map(|part| part.split('"').next())
        .collect()
}

#[tokio::test]
async fn the_page_shows_every_call_every_shape_and_every_error() {
    let html = String::from_utf8(page().await.bytes).unwrap();

    let places = attributes(&html, "id");
    for call in calls() {
        let name = call.operation["operationId"].as_str().unwrap();
        assert!(places.contains(name), "{name}");
    }
    for (kind, prefix) in [("schemas", "shape-"), ("examples", "error-")] {
        for name in DOCUMENT["components"][kind].as_object().unwrap().keys() {
            assert!(places.contains(&*format!("{prefix}{name}")), "{name}");
        }
    }
}

#[tokio::test]
async fn every_link_of_the_page_leads_somewhere_on_this_server() {
    let html = String::from_utf8(page().await.bytes).unwrap();

    let places = attributes(&html, "id");
    for link in attributes(&html, "href") {
        let is_known = match link.strip_prefix('#') {
            Some(place) => places.contains(place),
            None => link == "/openapi.json",
        };
        assert!(is_known, "{link}");
    }
    assert!(attributes(&html, "src").is_empty());
    assert!(!html.contains("<script") && !html.contains("@import") && !html.contains("url("));
}

#[tokio::test]
async fn the_page_may_do_nothing_but_look_as_it_does() {
    let answered = page().await;

    let policy = answered.headers["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert_eq!(answered.headers["x-content-type-options"], "nosniff");
    assert_eq!(answered.headers["content-type"], "text/html; charset=utf-8");
}
