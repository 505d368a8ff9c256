//! The codes of an authenticator app: `{{credential.totp}}`. Source: RFC 6238; the "Key Uri Format" of
//! Google Authenticator, which the QR codes of websites hold. What an address leaves out, and a secret
//! alone, is as every such app has it: HMAC-SHA-1, six digits, thirty seconds.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use url::Url;

const DIGITS: u32 = 6;

/// The most digits of a code: as many as the numbers of RFC 4226 have.
const MAX_DIGITS: u32 = 9;

/// How long one code is good.
const PERIOD_SECONDS: u64 = 30;

/// The longest that one code is good: who waits for the next one waits no longer.
const MAX_PERIOD_SECONDS: u64 = 300;

/// What an authenticator app holds for one account.
pub struct Authenticator {
    secret: SecretString,
    key: Zeroizing<Vec<u8>>,
    hash: Hash,
    digits: u32,
    period_seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Authenticator {
    /// Reads a secret in base32, or the `otpauth://totp/…` address that holds it; None where it is
    /// neither.
    pub fn read(written: &SecretString) -> Option<Self> {
        let text = written.expose_secret().trim();
        let mut read = Self {
            secret: SecretString::from(text),
            key: Zeroizing::default(),
            hash: Hash::Sha1,
            digits: DIGITS,
            period_seconds: PERIOD_SECONDS,
        };
        if let Some(scheme) = text.get(..8)
            && scheme.eq_ignore_ascii_case("otpauth:")
        {
            read.read_address(&Url::parse(text).ok()?)?;
        }
        read.key = base32(read.secret.expose_secret())?;
        Some(read)
    }

    fn read_address(&mut self, address: &Url) -> Option<()> {
        // Codes that count (`hotp`) would have to be counted.
        if !address.host_str()?.eq_ignore_ascii_case("totp") {
            return None;
        }
        let mut secret = None;
        for (name, value) in address.query_pairs() {
            match name.as_ref() {
                "secret" => secret = Some(SecretString::from(value.as_ref())),
                "digits" => self.digits = value.parse().ok()?,
                "period" => self.period_seconds = value.parse().ok()?,
                "algorithm" => self.hash = Hash::named(&value)?,
                _ => {}
            }
        }
        self.secret = secret?;
        let known = (1..=MAX_DIGITS).contains(&self.digits)
            && (1..=MAX_PERIOD_SECONDS).contains(&self.period_seconds);
        known.then_some(())
    }

    /// The secret alone, as it is written.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// In which period a moment lies, in seconds since 1970: each has its own code.
    pub fn period_at(&self, unix_seconds: u64) -> u64 {
        unix_seconds / self.period_seconds
    }

    /// When a period begins, in seconds since 1970.
    pub fn start_of(&self, period: u64) -> u64 {
        period.saturating_mul(self.period_seconds)
    }

    /// The code of a period.
    pub fn code(&self, period: u64) -> Option<SecretString> {
        let digest = self.hash.digest(&self.key, &period.to_be_bytes())?;
        // RFC 4226, 5.3: the last four bits say where the number starts.
        let offset = usize::from(digest.last()? & 0x0f);
        let bytes: [u8; 4] = digest.get(offset..offset + 4)?.try_into().ok()?;
        let number = (u32::from_be_bytes(bytes) & 0x7fff_ffff) % 10_u32.pow(self.digits);
        let digits = usize::try_from(self.digits).ok()?;
        Some(SecretString::from(format!("{number:0digits$}")))
    }
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "SHA1" => Some(Self::Sha1),
            "SHA256" => Some(Self::Sha256),
            "SHA512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn digest(self, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        Some(match self {
            Self::Sha1 => {
                let mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }
            Self::Sha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }
            Self::Sha512 => {
                let mac = Hmac::<Sha512>::new_from_slice(key).ok()?;
                mac.chain_update(message).finalize().into_bytes().to_vec()
            }
        })
    }
}

/// The code of this moment, in seconds since 1970; None where the secret is none.
pub fn totp_code(secret: &SecretString, unix_seconds: u64) -> Option<SecretString> {
    let authenticator = Authenticator::read(secret)?;
    authenticator.code(authenticator.period_at(unix_seconds))
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

    /// RFC 6238, appendix B; its longer secrets are the same digits over and over.
    #[rstest]
    #[case("SHA1", 20, 59, "94287082")]
    #[case("SHA256", 32, 59, "46119246")]
    #[case("sha512", 64, 1_111_111_109, "25091201")]
    #[case("SHA512", 64, 59, "90693936")]
    fn an_address_says_what_its_codes_are_made_of(
        #[case] algorithm: &str,
        #[case] bytes: usize,
        #[case] unix_seconds: u64,
        #[case] code: &str,
    ) {
        let secret = in_base32(&b"1234567890".repeat(7)[..bytes]);
        let address = format!(
            "otpauth://totp/Nordlys:kari%40x.example?secret={secret}&issuer=Nordlys&algorithm={algorithm}&digits=8&period=30"
        );

        let found = totp_code(&SecretString::from(address), unix_seconds).unwrap();

        assert_eq!(found.expose_secret(), code);
    }

    fn in_base32(bytes: &[u8]) -> String {
        let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        let letters = bits.as_bytes().chunks(5).map(|chunk| {
            let five = format!("{:0<5}", std::str::from_utf8(chunk).unwrap());
            let place = usize::from_str_radix(&five, 2).unwrap();
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[place])
        });
        letters.collect()
    }

    #[test]
    fn what_an_address_leaves_out_is_as_every_app_has_it() {
        let address = SecretString::from(format!("otpauth://totp/x?secret={SECRET}"));

        assert_eq!(totp_code(&address, 59).unwrap().expose_secret(), "287082");
        let read = Authenticator::read(&address).unwrap();
        assert_eq!(read.secret().expose_secret(), SECRET);
        assert_eq!((read.period_at(59), read.start_of(2)), (1, 60));
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
    #[case("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=1")]
    #[case("otpauth://totp/x")]
    #[case("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=0")]
    #[case("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=0")]
    #[case("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&algorithm=MD5")]
    fn what_is_no_secret_has_no_code(#[case] secret: &str) {
        assert!(totp_code(&SecretString::from(secret), 59).is_none());
    }
}
