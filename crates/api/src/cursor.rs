//! Cursors: where a list goes on, opaque, signed, and bound to the list, its organization and its
//! filters. Source: docs/api.md, "Lists".

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use windlass_application::{Key, Position};
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;

use crate::signing_key::{SIGNATURE_LENGTH, SigningKey};

/// The filters of a list, by parameter.
pub(crate) type Filters = BTreeMap<String, Vec<String>>;

/// What a list is named by, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListOf<'a> {
    /// The path of the call.
    pub(crate) path: &'a str,
    /// Whose items.
    pub(crate) organization_id: OrganizationId,
}

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The filters of the page before.
    pub(crate) filters: Filters,
    /// Right below or right above its last item.
    pub(crate) position: Position,
}

impl Cursor {
    /// The text that callers get.
    pub(crate) fn to_text(&self, list: ListOf<'_>, key: &SigningKey) -> String {
        let (side, at) = match &self.position {
            Position::Start => ("start", None),
            Position::After(key) => ("after", Some(key)),
            Position::Before(key) => ("before", Some(key)),
        };
        let payload = json!({
            "filters": self.filters,
            "side": side,
            "at": at.map(|key| key.created_at.millis()),
            "id": at.map(|key| key.id.as_str()),
        })
        .to_string();
        let signature = signature(list, &payload, key);
        URL_SAFE_NO_PAD.encode([&signature[..], payload.as_bytes()].concat())
    }

    /// The cursor that this text is, if it was given out for this list.
    pub(crate) fn read(text: &str, list: ListOf<'_>, key: &SigningKey) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (given, payload) = bytes.split_at_checked(SIGNATURE_LENGTH)?;
        let payload = std::str::from_utf8(payload).ok()?;
        let right = signature(list, payload, key);
        if !bool::from(right.ct_eq(given)) {
            return None;
        }
        let value: Value = serde_json::from_str(payload).ok()?;
        let key = Key {
            created_at: Timestamp::from_millis(value["at"].as_i64()?),
            id: value["id"].as_str()?.to_owned(),
        };
        let position = match value["side"].as_str()? {
            "after" => Position::After(key),
            "before" => Position::Before(key),
            _ => return None,
        };
        let filters = serde_json::from_value(value["filters"].clone()).ok()?;
        Some(Self { filters, position })
    }
}

/// The signature of a payload for this list: one of another list or organization is none here.
fn signature(list: ListOf<'_>, payload: &str, key: &SigningKey) -> [u8; SIGNATURE_LENGTH] {
    let organization_id = list.organization_id.to_string();
    key.sign(&[
        b"cursor",
        list.path.as_bytes(),
        organization_id.as_bytes(),
        payload.as_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use windlass_domain::id::Random;

    use super::*;

    fn organization(byte: u8) -> OrganizationId {
        OrganizationId::new(Timestamp::EPOCH, Random([byte; 10]))
    }

    fn cursor() -> Cursor {
        Cursor {
            filters: [("status".to_owned(), vec!["queued".to_owned()])].into(),
            position: Position::After(Key {
                created_at: Timestamp::from_millis(1_767_607_300_123),
                id: "trun_1".to_owned(),
            }),
        }
    }

    #[test]
    fn a_cursor_reads_back_for_its_list_alone() {
        let key = SigningKey::new([1; 32]);
        let list = ListOf {
            path: "/v2/task-runs",
            organization_id: organization(1),
        };

        let text = cursor().to_text(list, &key);

        assert_eq!(Cursor::read(&text, list, &key), Some(cursor()));
        let elsewhere = ListOf {
            path: "/v2/agents",
            ..list
        };
        let of_another = ListOf {
            organization_id: organization(2),
            ..list
        };
        assert_eq!(Cursor::read(&text, elsewhere, &key), None);
        assert_eq!(Cursor::read(&text, of_another, &key), None);
        assert_eq!(Cursor::read(&text, list, &SigningKey::new([2; 32])), None);
    }

    #[test]
    fn a_cursor_that_was_changed_is_none() {
        let key = SigningKey::new([1; 32]);
        let list = ListOf {
            path: "/v2/task-runs",
            organization_id: organization(1),
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(cursor().to_text(list, &key))
            .unwrap();

        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let text = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(Cursor::read(&text, list, &key), None, "{place}");
        }
        for text in ["", "x", "djE6YWd0OjAxOTg", "ä"] {
            assert_eq!(Cursor::read(text, list, &key), None, "{text}");
        }
    }
}
