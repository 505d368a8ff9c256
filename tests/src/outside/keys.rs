//! Keys.

use anyhow::ensure;
use reqwest::Method;

use super::server::Outside;

pub(super) async fn works(server: &Outside) -> anyhow::Result<()> {
    let answered = server.get("/v2/test").await?;

    ensure!(answered.status == 200, "{}", answered.body);
    ensure!(answered.body["status"] == "ready", "{}", answered.body);
    let environment = answered.body["environment"].as_str().unwrap_or_default();
    ensure!(matches!(environment, "live" | "test"), "{environment}");
    Ok(())
}

pub(super) async fn refused(server: &Outside) -> anyhow::Result<()> {
    for value in ["", "Bearer", "Bearer sk_test_wrong", "Basic c2s6"] {
        let call = server.open(Method::GET, "/v2/agents");
        let answered = call.header("authorization", value).send().await?;

        answered.expect(401, "api_key_invalid")?;
        ensure!(answered.header("www-authenticate") == "Bearer", "{value}");
    }
    let without = server.open(Method::GET, "/v2/agents").send().await?;
    without.expect(401, "api_key_invalid")
}
