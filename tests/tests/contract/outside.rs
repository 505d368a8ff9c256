//! Our own binary keeps every promise that can be checked from outside.

use windlass_tests::outside::{Outside, Table, check};
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Server};

#[tokio::test]
async fn every_promise_is_kept_and_nothing_is_left_behind() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    // A limit that nobody reaches, so that answers say how many requests are left.
    let limit = [("WINDLASS_RATE_LIMIT", "100000")];
    let server = Server::start_with(&ground, &limit).await?;

    let mut table = Table::default();
    let checked = Outside::new(&server.url(), KEY).await?;
    let lines = check(&checked, |line| print!("{}", table.line(line))).await;

    assert!(lines.len() > 65, "{}", lines.len());
    let broken: Vec<_> = lines.iter().filter(|line| line.broken.is_some()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let client = server.client();
    for path in [
        "/v2/agents",
        "/v2/sources",
        "/v2/tasks",
        "/v2/event-destinations",
    ] {
        assert_eq!(client.list(path).await?.len(), 0, "{path}");
    }
    let live = client.list("/v2/task-runs?status=queued,running").await?;
    assert_eq!(live.len(), 0, "{live:?}");
    Ok(())
}

/// Whoever checks a server is told in a sentence what keeps the check from being made, and does not
/// take that for a broken contract.
#[tokio::test]
async fn a_server_that_cannot_be_checked_is_no_broken_contract() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    let server = Server::start(&ground).await?;
    let url = server.url();
    let below = format!("{url}/v2");
    for (url, key, reason) in [
        ("nonsense", KEY, "\"nonsense\" is no address"),
        // Nothing listens on the port of discard.
        (
            "http://127.0.0.1:9",
            KEY,
            "nobody answers at http://127.0.0.1:9",
        ),
        (&below, KEY, "/v2/openapi.json answers 404"),
        (&url, "sk_test_wrong", "does not know the key"),
    ] {
        let refused = Outside::new(url, key).await.err();
        let refused = refused
            .map(|error| format!("{error:#}"))
            .unwrap_or_default();
        assert!(refused.contains(reason), "{url}: {refused}");
    }
    Ok(())
}
