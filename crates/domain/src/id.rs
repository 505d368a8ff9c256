//! Ids: a prefix that names the resource, and 22 base62 characters of a UUIDv7, so that ids sort
//! by creation as bytes. Source: docs/api.md, "Ids".

use std::fmt;

use uuid::Uuid;

use crate::time::Timestamp;

/// The digits of an id, in the order of their bytes.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 62^22 is the first power of 62 above 2^128.
const LENGTH: usize = 22;

/// The longest text after the prefix of an id that a caller chose.
const MAX_CHOSEN_LENGTH: usize = 250;

/// Ten random bytes for one id, drawn by the caller of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Random(pub [u8; 10]);

/// A text is not an id of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id that starts with `{prefix}`")]
pub struct MalformedId {
    /// What an id of this kind starts with.
    pub prefix: &'static str,
}

fn encode(uuid: Uuid) -> [u8; LENGTH] {
    let mut rest = uuid.as_u128();
    let mut text = [b'0'; LENGTH];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    text
}

fn decode(text: &str) -> Option<Uuid> {
    if text.len() != LENGTH {
        return None;
    }
    text.bytes()
        .try_fold(0u128, |number, byte| {
            let digit = DIGITS.iter().position(|candidate| *candidate == byte)?;
            number.checked_mul(62)?.checked_add(digit as u128)
        })
        .map(Uuid::from_u128)
}

fn version_7(at: Timestamp, random: Random) -> Uuid {
    let millis = u64::try_from(at.millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random.0).into_uuid()
}

fn created_at(uuid: Uuid) -> Timestamp {
    let millis = (uuid.as_u128() >> 80) as u64;
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// The id of something made `at` this moment.
            pub fn new(at: Timestamp, random: Random) -> Self {
                Self(version_7(at, random))
            }

            /// Reads an id from its text.
            ///
            /// # Errors
            /// [`MalformedId`] where the prefix, the length or a character is another.
            pub fn parse(text: &str) -> Result<Self, MalformedId> {
                text.strip_prefix($prefix)
                    .and_then(decode)
                    .map(Self)
                    .ok_or(MalformedId { prefix: $prefix })
            }

            /// The moment that the id carries.
            pub fn created_at(self) -> Timestamp {
                created_at(self.0)
            }

            /// The id from the form that a store keeps.
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The form that a store keeps; it sorts as the text does.
            pub fn uuid(self) -> Uuid {
                self.0
            }

            /// The smallest id that something made `at` this moment may have: the bound of a
            /// range over moments.
            pub fn first_of(at: Timestamp) -> Self {
                let millis = u128::try_from(at.millis()).unwrap_or(0);
                Self(Uuid::from_u128(millis << 80))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = encode(self.0);
                formatter.write_str($prefix)?;
                formatter.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }
    };
}

macro_rules! chosen_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// The id of something made `at` this moment, where its caller chose none.
            pub fn new(at: Timestamp, random: Random) -> Self {
                let text = encode(version_7(at, random));
                Self(std::iter::once($prefix.as_bytes()).chain([&text[..]]).flatten()
                    .map(|byte| char::from(*byte)).collect())
            }

            /// Reads an id from its text: the prefix and 1 to 250 of `A–Z a–z 0–9 _ -`.
            ///
            /// # Errors
            /// [`MalformedId`] where the prefix, the length or a character is another.
            pub fn parse(text: &str) -> Result<Self, MalformedId> {
                text.strip_prefix($prefix)
                    .filter(|rest| (1..=MAX_CHOSEN_LENGTH).contains(&rest.len()))
                    .filter(|rest| {
                        rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
                    })
                    .map(|_| Self(text.to_owned()))
                    .ok_or(MalformedId { prefix: $prefix })
            }

            /// The id as text, which is also the form that a store keeps.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

chosen_id!(
    /// Names one agent: a group of tasks. A caller may choose it.
    AgentId, "agt_"
);
chosen_id!(
    /// Names one source: a website that tasks are done on. A caller may choose it.
    SourceId, "src_"
);
chosen_id!(
    /// Names one task. A caller may choose it.
    TaskId, "task_"
);
id!(
    /// Names one credential of a person at a source.
    CredentialId, "cred_"
);
id!(
    /// Names one session: a place with state that runs are done in.
    SessionId, "sess_"
);
id!(
    /// Names one run for as long as it is kept.
    RunId, "trun_"
);
id!(
    /// Names one stored file.
    StorageId, "stor_"
);
id!(
    /// Names one screenshot.
    ScreenshotId, "scr_"
);
id!(
    /// Names one question to a person.
    InteractionId, "int_"
);
id!(
    /// Names one event; receivers see the same id at every attempt.
    EventId, "evt_"
);
id!(
    /// Names one event destination.
    DestinationId, "evtd_"
);
id!(
    /// Names the delivery of one event to one destination.
    DeliveryId, "edlv_"
);
id!(
    /// Names one short-lived token for a browser page.
    TokenId, "tok_"
);
id!(
    /// Names one request, in its answer, in logs and in traces.
    RequestId, "req_"
);
id!(
    /// Names one worker: a name within an organization, over all its starts.
    WorkerId, "wrk_"
);
id!(
    /// Names one organization: the tenant that everything belongs to.
    OrganizationId, "org_"
);
id!(
    /// Names one API key, without being the key.
    KeyId, "key_"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_has_its_prefix_and_22_characters() {
        let id = RunId::new(Timestamp::from_millis(1_767_607_300_000), Random([7; 10]));

        assert_eq!(id.to_string().len(), "trun_".len() + 22);
        assert_eq!(RunId::parse(&id.to_string()), Ok(id));
        assert_eq!(id.created_at(), Timestamp::from_millis(1_767_607_300_000));
    }

    #[test]
    fn an_id_of_another_kind_is_malformed() {
        let run = RunId::new(Timestamp::EPOCH, Random([1; 10])).to_string();

        assert!(SessionId::parse(&run).is_err());
        assert!(RunId::parse(&run[..run.len() - 1]).is_err());
        assert!(
            RunId::parse("trun_zzzzzzzzzzzzzzzzzzzzzz").is_err(),
            "above 2^128"
        );
        assert!(RunId::parse("trun_0324ygTmLd1GBzfqb28m5é").is_err());
    }

    #[test]
    fn a_chosen_id_keeps_to_its_alphabet() {
        assert!(TaskId::parse("task_latest-bill_2").is_ok());
        for text in [
            "task_",
            "task_a b",
            "agt_a",
            "task_ä",
            &format!("task_{}", "x".repeat(251)),
        ] {
            assert!(TaskId::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ids_sort_by_moment_as_text(a in 0i64..1 << 46, b in 0i64..1 << 46, r: [u8; 10], s: [u8; 10]) {
            prop_assume!(a != b);
            let (first, second) = (
                RunId::new(Timestamp::from_millis(a), Random(r)),
                RunId::new(Timestamp::from_millis(b), Random(s)),
            );
            prop_assert_eq!(first < second, first.created_at() < second.created_at());
            prop_assert_eq!(first < second, first.to_string() < second.to_string());
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = RunId::parse(&text);
            let _ = TaskId::parse(&text);
        }
    }
}
