//! Sealed bytes inside JSON: base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use windlass_domain::sealed::Sealed;

/// Sealed bytes as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedText(pub(crate) Sealed);

impl SealedText {
    pub(crate) fn of(sealed: Option<&Sealed>) -> Option<Self> {
        sealed.cloned().map(Self)
    }
}

impl Serialize for SealedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0.as_bytes()))
    }
}

impl<'de> Deserialize<'de> for SealedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| D::Error::custom("not base64"))?;
        Ok(Self(Sealed::from_bytes(bytes)))
    }
}
