//! Signatures. Source: Standard Webhooks, "Signature scheme".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// One signature, as it stands in the header `webhook-signature`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(String);

impl Signature {
    /// `v1,` and base64.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Signs one attempt: `v1,` and base64 of HMAC-SHA256 over `{id}.{sent_at_seconds}.{body}`.
///
/// `key` is what a `whsec_…` secret stands for, `sent_at_seconds` is Unix time. `body` is the exact
/// bytes that go out: encoded a second time they could differ and fail at the receiver.
pub fn sign(key: &SecretSlice<u8>, id: &str, sent_at_seconds: i64, body: &[u8]) -> Signature {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret())
        .expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{sent_at_seconds}.").as_bytes());
    mac.update(body);
    let code = STANDARD.encode(mac.finalize().into_bytes());
    Signature(format!("v1,{code}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use secrecy::SecretString;
    use windlass_application::signing_secret;

    use super::*;

    #[rstest]
    #[case(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        r#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )]
    #[case(
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1_649_367_553,
        r#"{"email":"test@example.com","username":"test_user"}"#,
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
    )]
    fn the_published_vectors_hold(
        #[case] secret: &str,
        #[case] id: &str,
        #[case] sent_at_seconds: i64,
        #[case] body: &str,
        #[case] signature: &str,
    ) {
        let key = signing_secret::key(&SecretString::from(secret)).unwrap();

        let signed = sign(&key, id, sent_at_seconds, body.as_bytes());

        assert_eq!(signed.as_str(), signature);
    }
}
