//! The headers of an attempt: the destination's own, and ours, which nothing replaces.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use secrecy::{ExposeSecret, SecretString};
use windlass_application::create_destination::is_reserved_header;
use windlass_application::signing_secret;

use crate::signature::{Signature, sign};

/// What receivers know us by.
const AGENT: &str = concat!("Windlass/", env!("CARGO_PKG_VERSION"));

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What an attempt carries beside its body.
pub(crate) struct Envelope<'a> {
    pub(crate) event_id: &'a str,
    pub(crate) sent_at_seconds: i64,
    pub(crate) body: &'a [u8],
}

/// Why no headers could be made: nothing was sent. A sentence for the attempt's log.
pub(crate) type NotSendable = String;

/// All headers of an attempt, signed with each of the secrets: while a rotated one is valid, its
/// receiver finds a signature that fits.
pub(crate) fn headers(
    envelope: &Envelope<'_>,
    secrets: &[SecretString],
    custom: &[(String, SecretString)],
) -> Result<HeaderMap, NotSendable> {
    let mut headers = HeaderMap::new();
    for (name, value) in custom {
        if !is_reserved_header(name) {
            let (name, value) = custom_header(name, value)?;
            headers.append(name, value);
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ID, visible(envelope.event_id)?);
    headers.insert(TIMESTAMP, HeaderValue::from(envelope.sent_at_seconds));
    headers.insert(SIGNATURE, visible(&signatures(envelope, secrets)?)?);
    Ok(headers)
}

fn custom_header(
    name: &str,
    value: &SecretString,
) -> Result<(HeaderName, HeaderValue), NotSendable> {
    let known = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "A custom header has a name that cannot be sent.".to_owned())?;
    let mut value = HeaderValue::from_str(value.expose_secret())
        .map_err(|_| format!("The custom header `{known}` has a value that cannot be sent."))?;
    value.set_sensitive(true);
    Ok((known, value))
}

fn signatures(envelope: &Envelope<'_>, secrets: &[SecretString]) -> Result<String, NotSendable> {
    let mut signatures = Vec::with_capacity(secrets.len());
    for secret in secrets {
        let key = signing_secret::key(secret)
            .map_err(|_| "The destination's signing secret cannot be used.".to_owned())?;
        let (id, sent_at) = (envelope.event_id, envelope.sent_at_seconds);
        signatures.push(sign(&key, id, sent_at, envelope.body));
    }
    if signatures.is_empty() {
        return Err("The destination has no signing secret.".to_owned());
    }
    let texts: Vec<&str> = signatures.iter().map(Signature::as_str).collect();
    Ok(texts.join(" "))
}

fn visible(text: &str) -> Result<HeaderValue, NotSendable> {
    HeaderValue::from_str(text).map_err(|_| "The event's id cannot be sent.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn made(secrets: &[&str], custom: &[(&str, &str)]) -> Result<HeaderMap, NotSendable> {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|text| SecretString::from(*text))
            .collect();
        let custom: Vec<_> = custom
            .iter()
            .map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)))
            .collect();
        let envelope = Envelope {
            event_id: "evt_1",
            sent_at_seconds: 1_767_607_339,
            body: b"{}",
        };
        headers(&envelope, &secrets, &custom)
    }

    #[test]
    fn each_secret_signs_newest_first() {
        let both = made(&[NEW, OLD], &[]).unwrap();
        let (new, old) = (made(&[NEW], &[]).unwrap(), made(&[OLD], &[]).unwrap());

        let expected = [&new, &old].map(|one| one[SIGNATURE].to_str().unwrap().to_owned());
        assert_eq!(both[SIGNATURE].to_str().unwrap(), expected.join(" "));
        assert_ne!(expected[0], expected[1]);
    }

    #[test]
    fn custom_headers_replace_none_of_ours() {
        let made = made(
            &[NEW],
            &[
                ("Webhook-Id", "evt_forged"),
                ("WEBHOOK-SIGNATURE", "v1,forged"),
                ("webhook-timestamp", "1"),
                ("Content-Type", "text/plain"),
                ("User-Agent", "forged"),
                ("Host", "forged.example"),
                ("Content-Length", "0"),
                ("Transfer-Encoding", "chunked"),
                ("Connection", "close"),
                ("X-Team", "billing"),
            ],
        )
        .unwrap();

        let mut names: Vec<&str> = made.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "content-type",
                "user-agent",
                "webhook-id",
                "webhook-signature",
                "webhook-timestamp",
                "x-team"
            ]
        );
        assert_eq!(made[ID], "evt_1");
        assert_eq!(made[CONTENT_TYPE], "application/json");
        assert_eq!(made[USER_AGENT], AGENT);
        assert_eq!(made["x-team"], "billing");
    }

    #[test]
    fn what_cannot_be_sent_is_named_without_its_value() {
        for (custom, named) in [
            (("X-Team", "a\r\nX-Forged: hunter2"), "`x-team`"),
            (("X-Team", "hunter2\n"), "`x-team`"),
            (("X Team", "hunter2"), "name"),
            (("X-Team\r\nX-Forged", "hunter2"), "name"),
        ] {
            let refused = made(&[NEW], &[custom]).unwrap_err();
            assert!(refused.contains(named), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn without_a_usable_secret_nothing_is_sent() {
        assert!(made(&[], &[]).unwrap_err().contains("no signing secret"));
        let refused = made(&["whsec_hunter2"], &[]).unwrap_err();
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn a_custom_header_is_kept_out_of_debug_output() {
        let made = made(&[NEW], &[("Authorization", "Bearer hunter2")]).unwrap();

        assert!(!format!("{made:?}").contains("hunter2"));
    }
}
