//! Signing secrets of webhooks: `whsec_` and base64 of 24 to 64 bytes.
//! Source: Standard Webhooks, "Signature scheme".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use zeroize::Zeroizing;

use crate::random::bytes;

/// What every signing secret starts with.
pub const PREFIX: &str = "whsec_";

/// A text is not a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `whsec_` and base64 of 24 to 64 bytes")]
pub struct NotASigningSecret;

/// A fresh secret of 32 random bytes.
pub fn generate() -> SecretString {
    let key = Zeroizing::new(bytes::<32>());
    let encoded = Zeroizing::new(STANDARD.encode(key.as_slice()));
    SecretString::from(format!("{PREFIX}{}", encoded.as_str()))
}

/// The bytes that a signing secret stands for.
///
/// # Errors
/// [`NotASigningSecret`] where the prefix, the base64 or the length is wrong.
pub fn key(secret: &SecretString) -> Result<SecretSlice<u8>, NotASigningSecret> {
    let encoded = secret
        .expose_secret()
        .strip_prefix(PREFIX)
        .ok_or(NotASigningSecret)?;
    let key = STANDARD.decode(encoded).map_err(|_| NotASigningSecret)?;
    if (24..=64).contains(&key.len()) {
        Ok(SecretSlice::from(key))
    } else {
        Err(NotASigningSecret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_one() {
        let secret = generate();

        assert_eq!(key(&secret).unwrap().expose_secret().len(), 32);
        assert_ne!(secret.expose_secret(), generate().expose_secret());
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for text in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
        ] {
            let refused = key(&SecretString::from(text)).err();
            assert_eq!(refused, Some(NotASigningSecret), "{text}");
        }
    }
}
