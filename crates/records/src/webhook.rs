//! How events are sent by webhook, as the row of a destination keeps it beside what is sealed.

use serde::{Deserialize, Serialize};
use windlass_domain::destination::{RetryProfile, Webhook};
use windlass_domain::sealed::Sealed;

use crate::Impossible;

/// The settings of a webhook; its secrets stand sealed in columns of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRecord {
    url: String,
    retry_profile: String,
}

impl From<&Webhook> for WebhookRecord {
    fn from(webhook: &Webhook) -> Self {
        Self {
            url: webhook.url.clone(),
            retry_profile: webhook.retry_profile.as_str().to_owned(),
        }
    }
}

impl WebhookRecord {
    /// The webhook, with what stands sealed beside it.
    ///
    /// # Errors
    /// [`Impossible`] where the retry profile is none.
    pub fn into_webhook(
        self,
        secret: Sealed,
        custom_headers: Option<Sealed>,
    ) -> Result<Webhook, Impossible> {
        let retry_profile = RetryProfile::parse(&self.retry_profile).ok_or_else(|| {
            Impossible::new(format!(
                "a retry profile is a known one; it is `{}`",
                self.retry_profile
            ))
        })?;
        Ok(Webhook {
            url: self.url,
            retry_profile,
            secret,
            custom_headers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_reads_back_from_the_json_that_rows_have() {
        let secret = Sealed::from_bytes(vec![1, 2, 3]);
        for retry_profile in RetryProfile::ALL {
            let webhook = Webhook {
                url: "https://example.com/hook".to_owned(),
                retry_profile,
                secret: secret.clone(),
                custom_headers: None,
            };
            let json = format!(
                r#"{{"url":"https://example.com/hook","retry_profile":"{}"}}"#,
                retry_profile.as_str()
            );
            assert_eq!(crate::write(&WebhookRecord::from(&webhook)), json);
            let record: WebhookRecord = crate::read(&json).expect("the shape");
            assert_eq!(record.into_webhook(secret.clone(), None), Ok(webhook));
        }
    }

    #[test]
    fn a_retry_profile_that_does_not_exist_names_the_rule() {
        let record: WebhookRecord =
            crate::read(r#"{"url":"https://example.com","retry_profile":"never"}"#)
                .expect("the shape");

        assert_eq!(
            record.into_webhook(Sealed::from_bytes(Vec::new()), None),
            Err(Impossible::new(
                "a retry profile is a known one; it is `never`"
            ))
        );
    }
}
