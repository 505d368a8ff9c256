//! Our own binary keeps every promise that can be checked from outside.

use windlass_tests::outside::{Outside, check, table};
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Server};

#[tokio::test]
async fn every_promise_is_kept_and_nothing_is_left_behind() -> anyhow::Result<()> {
    let ground = Backend::Sqlite.ground().await?;
    // A limit that nobody reaches, so that answers say how many requests are left.
    let limit = [("WINDLASS_RATE_LIMIT", "100000")];
    let server = Server::start_with(&ground, &limit).await?;

    let lines = check(&Outside::new(&server.url(), KEY).await?).await;

    println!("{}", table(&lines));
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
