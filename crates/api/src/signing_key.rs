//! Keys that sign what the server gives out and wants to know again.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How many bytes of a signature go out: enough that none is guessed.
pub(crate) const SIGNATURE_LENGTH: usize = 16;

/// A key derived from the master key for one purpose.
pub struct SigningKey(SecretBox<[u8; 32]>);

impl SigningKey {
    /// Takes a derived key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(key)))
    }

    /// Signs these parts. Each is preceded by its length, so that no two lists of parts are signed
    /// alike.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; SIGNATURE_LENGTH] {
        let digest = self.mac(parts).finalize().into_bytes();
        let mut signature = [0; SIGNATURE_LENGTH];
        signature.copy_from_slice(&digest[..SIGNATURE_LENGTH]);
        signature
    }

    /// Whether these parts were signed so; tells by its time nothing of how much was right.
    pub(crate) fn verifies(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.sign(parts).ct_eq(signature).into()
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret())
            .expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
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
}
