//! Keys that sign what the server gives out and wants to know again.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How many bytes of a signature go out: enough that none is guessed.
pub(crate) const SIGNATURE_LENGTH: usize = 16;

/// A key derived from the master key for one purpose.
pub struct SigningKey {
    key: SecretBox<[u8; 32]>,
    /// Those that another server may have signed with, while the master key is rotated.
    others: Vec<SecretBox<[u8; 32]>>,
}

impl SigningKey {
    /// Takes a derived key.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key: SecretBox::new(Box::new(key)),
            others: Vec::new(),
        }
    }

    /// The same key, which knows what was signed with these too.
    #[must_use]
    pub fn accepting(self, others: impl IntoIterator<Item = [u8; 32]>) -> Self {
        let others = others.into_iter().map(|key| SecretBox::new(Box::new(key)));
        Self {
            others: others.collect(),
            ..self
        }
    }

    /// Signs these parts. Each is preceded by its length, so that no two lists of parts are signed
    /// alike.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; SIGNATURE_LENGTH] {
        signature(&self.key, parts)
    }

    /// Whether these parts were signed so; tells by its time nothing of how much was right.
    pub(crate) fn verifies(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        let mut keys = std::iter::once(&self.key).chain(&self.others);
        keys.any(|key| self::signature(key, parts).ct_eq(signature).into())
    }
}

fn signature(key: &SecretBox<[u8; 32]>, parts: &[&[u8]]) -> [u8; SIGNATURE_LENGTH] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret())
        .expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let digest = mac.finalize().into_bytes();
    let mut signature = [0; SIGNATURE_LENGTH];
    signature.copy_from_slice(&digest[..SIGNATURE_LENGTH]);
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let key = SigningKey::new([7; 32]);

        let signature = key.sign(&[b"ab", b"c"]);

        assert!(key.verifies(&[b"ab", b"c"], &signature));
        assert!(!key.verifies(&[b"a", b"bc"], &signature));
        assert!(!key.verifies(&[b"ab", b"c"], &signature[..8]));
        assert!(!SigningKey::new([8; 32]).verifies(&[b"ab", b"c"], &signature));
    }

    #[test]
    fn what_another_key_signed_is_known_where_it_is_accepted() {
        let signature = SigningKey::new([8; 32]).sign(&[b"ab"]);
        let key = SigningKey::new([7; 32]).accepting([[9; 32], [8; 32]]);

        assert!(key.verifies(&[b"ab"], &signature));
        assert!(!key.verifies(&[b"a"], &signature));
        assert_eq!(key.sign(&[b"ab"]), SigningKey::new([7; 32]).sign(&[b"ab"]));
    }
}
