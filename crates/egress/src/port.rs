//! The policy as the application asks it, before an address is kept.

use async_trait::async_trait;
use url::Url;
use windlass_application::ports::egress::{EgressPolicy, EgressRefusal};

use crate::policy::Policy;

#[async_trait]
impl EgressPolicy for Policy {
    async fn check(&self, url: &Url) -> Result<(), EgressRefusal> {
        self.check_url(url).await.map_err(|blocked| EgressRefusal {
            host: url.host_str().unwrap_or_default().to_owned(),
            reason: blocked.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_names_the_host_and_the_reason() {
        let url = Url::parse("https://169.254.169.254/latest/").unwrap();

        let refusal = EgressPolicy::check(&Policy::default(), &url)
            .await
            .unwrap_err();

        assert_eq!(refusal.host, "169.254.169.254");
        assert!(
            refusal.reason.contains("a link-local address"),
            "{}",
            refusal.reason
        );
    }
}
