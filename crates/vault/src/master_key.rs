//! The master key: what wraps every data key, and what further keys are derived from.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;
use windlass_application::random;
use zeroize::{Zeroize, Zeroizing};

use crate::cipher::{Cipher, KEY_BYTES, KeyBytes};

/// Base64 as `openssl rand -base64 32` writes it, with or without `=` at its end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key that everything sealed hangs on. Has no printable form, cannot be copied, and is erased
/// from memory when it is dropped.
pub struct MasterKey(KeyBytes);

/// A text is not a master key. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the master key must be base64 of 32 bytes; `openssl rand -base64 32` makes one")]
pub struct NotAMasterKey;

impl MasterKey {
    /// Reads a key from base64 of 32 bytes, as it stands in `WINDLASS_MASTER_KEY` and in a key
    /// file; space around it is left aside.
    ///
    /// # Errors
    /// [`NotAMasterKey`] where it is anything else.
    pub fn from_base64(text: &SecretString) -> Result<Self, NotAMasterKey> {
        let text = text.expose_secret().trim();
        let bytes = Zeroizing::new(BASE64.decode(text).map_err(|_| NotAMasterKey)?);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != key.len() {
            return Err(NotAMasterKey);
        }
        key.copy_from_slice(&bytes);
        Ok(Self(key))
    }

    /// A key of its own for one use, such as signing page cursors. The same label gives the same
    /// key; from one key neither another nor the master key can be worked out.
    pub fn derive(&self, label: &str) -> SecretBox<[u8; KEY_BYTES]> {
        SecretBox::init_with_mut(|key| self.expand(&["windlass/derived/", label], key))
    }

    /// A fresh random key.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// The same key once more.
    pub(crate) fn again(&self) -> Self {
        Self(self.0.clone())
    }

    /// The form that [`MasterKey::from_base64`] reads.
    pub(crate) fn to_base64(&self) -> SecretString {
        SecretString::from(BASE64.encode(self.0.as_slice()))
    }

    /// The cipher of the vault itself, for data keys and the canary.
    pub(crate) fn cipher(&self) -> Cipher {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        self.expand(&["windlass/vault/", "wrap"], &mut key);
        Cipher::new(&key)
    }

    fn expand(&self, info: &[&str; 2], key: &mut [u8; KEY_BYTES]) {
        let info = info.concat();
        key.zeroize();
        Hkdf::<Sha256>::new(None, self.0.as_slice())
            .expand(info.as_bytes(), key)
            .expect("32 bytes are fewer than HKDF-SHA256 can give");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

    fn parse(text: &str) -> Result<MasterKey, NotAMasterKey> {
        MasterKey::from_base64(&SecretString::from(text))
    }

    #[test]
    fn a_key_is_read_with_or_without_padding_and_space() {
        for text in [
            TEXT.to_owned(),
            TEXT.trim_end_matches('=').to_owned(),
            format!("  {TEXT}\n"),
        ] {
            assert_eq!(parse(&text).ok().unwrap().0.as_slice(), [7; KEY_BYTES]);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for text in ["", "hunter2", "BwcHBwcHBwc=", &format!("{TEXT}{TEXT}"), "é"] {
            let refused = parse(text).err().unwrap();
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn a_key_reads_back_as_it_was_written() {
        let key = MasterKey::generate();

        let read = MasterKey::from_base64(&key.to_base64()).ok().unwrap();

        assert_eq!(read.0.as_slice(), key.0.as_slice());
    }

    #[test]
    fn each_label_has_its_own_key_and_always_the_same() {
        let key = parse(TEXT).ok().unwrap();

        let cursor = key.derive("cursor");

        assert_eq!(cursor.expose_secret(), key.derive("cursor").expose_secret());
        assert_ne!(
            cursor.expose_secret(),
            key.derive("file-url").expose_secret()
        );
        assert_ne!(cursor.expose_secret(), &*key.0);
        let other = MasterKey::generate();
        assert_ne!(
            cursor.expose_secret(),
            other.derive("cursor").expose_secret()
        );
    }

    /// RFC 5869 with this key, no salt and the info `windlass/derived/cursor`, computed apart from
    /// this code: cursors that are out must stay valid over an upgrade.
    #[test]
    fn derived_keys_stay_what_they_are() {
        let cursor = parse(TEXT).ok().unwrap().derive("cursor");

        let hex: String = cursor
            .expose_secret()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "d92b60cfe46470a01c19d32592ef5a97dd847edd84001e1859159f22fa60f716"
        );
    }

    #[test]
    fn a_master_key_has_no_printable_form_and_no_copy() {
        trait Absent<Marker> {
            const YES: bool = true;
        }
        struct Printable;
        struct Shown;
        struct Copied;
        impl<T: ?Sized> Absent<()> for T {}
        impl<T: std::fmt::Debug + ?Sized> Absent<Printable> for T {}
        impl<T: std::fmt::Display + ?Sized> Absent<Shown> for T {}
        impl<T: Clone> Absent<Copied> for T {}

        // Each line is ambiguous, and so does not compile, as soon as the type has the trait.
        const { assert!(<MasterKey as Absent<_>>::YES) };
    }
}
