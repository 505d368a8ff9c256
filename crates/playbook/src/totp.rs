//! The codes of an authenticator app: `{{credential.totp}}`. Source: RFC 6238, with the choices that
//! every such app makes: HMAC-SHA-1, six digits, thirty seconds.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;

/// How long one code is good.
const PERIOD_SECONDS: u64 = 30;

/// The code of this moment, in seconds since 1970; None where the secret is no base32.
pub fn totp_code(secret: &SecretString, unix_seconds: u64) -> Option<SecretString> {
    let key = base32(secret.expose_secret())?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).ok()?;
    mac.update(&(unix_seconds / PERIOD_SECONDS).to_be_bytes());
    let digest = mac.finalize().into_bytes();
    // RFC 4226, 5.3: the last four bits say where the number starts.
    let offset = usize::from(digest.last()? & 0x0f);
    let bytes: [u8; 4] = digest.get(offset..offset + 4)?.try_into().ok()?;
    let number = (u32::from_be_bytes(bytes) & 0x7fff_ffff) % 1_000_000;
    Some(SecretString::from(format!("{number:06}")))
}

/// The bytes that a base32 text (RFC 4648, 6) stands for. Sites show it in groups, in either case and
/// without its padding.
fn base32(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut pending, mut bits) = (0_u32, 0_u32);
    for letter in text
        .bytes()
        .filter(|letter| !matches!(letter, b' ' | b'-' | b'='))
    {
        let value = match letter.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        pending = (pending << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            // Eight bits, after the shift and the mask.
            bytes.push(u8::try_from((pending >> bits) & 0xff).ok()?);
            pending &= (1 << bits) - 1;
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The secret of RFC 6238, appendix B: the ASCII text `12345678901234567890`.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[rstest]
    #[case(59, "287082")]
    #[case(1_111_111_109, "081804")]
    #[case(1_111_111_111, "050471")]
    #[case(1_234_567_890, "005924")]
    #[case(2_000_000_000, "279037")]
    #[case(20_000_000_000, "353130")]
    fn codes_are_those_of_the_standard(#[case] unix_seconds: u64, #[case] code: &str) {
        let found = totp_code(&SecretString::from(SECRET), unix_seconds).unwrap();

        assert_eq!(found.expose_secret(), code);
    }

    #[test]
    fn a_secret_may_be_written_in_groups() {
        let written = SecretString::from("gezd gnbv-gy3t qojq gezd gnbv gy3t qojq====");

        assert_eq!(totp_code(&written, 59).unwrap().expose_secret(), "287082");
    }

    #[rstest]
    #[case("")]
    #[case("====")]
    #[case("GEZDGNB1")]
    #[case("gezdø")]
    fn what_is_no_base32_has_no_code(#[case] secret: &str) {
        assert!(totp_code(&SecretString::from(secret), 59).is_none());
    }
}
