//! The one form of everything that is sealed, and the one place where it is made and opened.
//!
//! | bytes | are |
//! |---|---|
//! | 1 | the version of this form |
//! | 4 | the version of the key, big-endian |
//! | 24 | the nonce, random |
//! | rest | ciphertext and its tag of 16 bytes |

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};
use secrecy::SecretSlice;
use windlass_application::random;
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use zeroize::{Zeroize, Zeroizing};

/// The length of every key.
pub(crate) const KEY_BYTES: usize = 32;

/// A key that is erased from memory after use.
pub(crate) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

const FORM: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + size_of::<u32>();

/// Where a sealed value belongs. Each part is authenticated with the ciphertext.
#[derive(Clone, Copy)]
pub(crate) struct Belonging<'a> {
    /// What it is, such as `run.input`.
    pub(crate) name: &'a str,
    /// Whose it is; None for what belongs to the whole installation.
    pub(crate) organization_id: Option<OrganizationId>,
    /// The row that it stands in.
    pub(crate) row: &'a str,
    /// The version of the key that it is sealed with.
    pub(crate) key_version: u32,
}

/// It is not what was sealed with this key for this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOpened;

/// A key, ready to seal and open. Erased from memory when it is dropped.
pub(crate) struct Cipher(XChaCha20Poly1305);

impl Cipher {
    pub(crate) fn new(key: &KeyBytes) -> Self {
        let mut copy = Key::from(**key);
        let cipher = XChaCha20Poly1305::new(&copy);
        copy.as_mut_slice().zeroize();
        Self(cipher)
    }

    /// Seals a value for its place. A random nonce of 24 bytes does not repeat by chance.
    pub(crate) fn seal(&self, belonging: Belonging<'_>, plaintext: &[u8]) -> Sealed {
        let nonce: [u8; NONCE_BYTES] = random::bytes();
        // Of its whole size at once: growing would leave copies of the plaintext behind.
        let whole = HEADER_BYTES + NONCE_BYTES + plaintext.len() + TAG_BYTES;
        let mut sealed = Vec::with_capacity(whole);
        sealed.push(FORM);
        sealed.extend(belonging.key_version.to_be_bytes());
        sealed.extend(nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plaintext);
        let associated = belonging.associated_data();
        let tag = self
            .0
            .encrypt_inout_detached(
                &XNonce::from(nonce),
                &associated,
                (&mut sealed[start..]).into(),
            )
            .expect("what fits in memory is shorter than the cipher's limit of 256 GiB");
        sealed.extend_from_slice(&tag);
        Sealed::from_bytes(sealed)
    }

    /// Opens what was sealed with this key for this place.
    pub(crate) fn open(
        &self,
        belonging: Belonging<'_>,
        sealed: &Sealed,
    ) -> Result<SecretSlice<u8>, NotOpened> {
        let parts = Parts::of(sealed).ok_or(NotOpened)?;
        if parts.key_version != belonging.key_version {
            return Err(NotOpened);
        }
        let associated = belonging.associated_data();
        let mut plaintext = Zeroizing::new(parts.ciphertext.to_vec());
        self.0
            .decrypt_inout_detached(
                &XNonce::from(*parts.nonce),
                &associated,
                plaintext.as_mut_slice().into(),
                &Tag::from(*parts.tag),
            )
            .map_err(|_| NotOpened)?;
        // Taken, not copied; its capacity is its length, so that boxing it does not move it.
        Ok(SecretSlice::from(std::mem::take(&mut *plaintext)))
    }
}

/// The version of the key that a value names; None where it has not the form of a sealed value.
pub(crate) fn key_version(sealed: &Sealed) -> Option<u32> {
    Parts::of(sealed).map(|parts| parts.key_version)
}

struct Parts<'a> {
    key_version: u32,
    nonce: &'a [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl<'a> Parts<'a> {
    fn of(sealed: &'a Sealed) -> Option<Self> {
        let (form, rest) = sealed.as_bytes().split_first()?;
        let (key_version, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (ciphertext, tag) = rest.split_last_chunk()?;
        (*form == FORM).then_some(Self {
            key_version: u32::from_be_bytes(*key_version),
            nonce,
            ciphertext,
            tag,
        })
    }
}

impl Belonging<'_> {
    /// What is authenticated beside the ciphertext. Every part has a fixed length or its length
    /// before it, so that two places never have the same bytes.
    fn associated_data(&self) -> Vec<u8> {
        let mut data = vec![FORM];
        data.extend(self.key_version.to_be_bytes());
        match self.organization_id {
            Some(id) => {
                data.push(1);
                data.extend(id.uuid().as_bytes());
            }
            None => data.push(0),
        }
        for text in [self.name, self.row] {
            data.extend((text.len() as u64).to_be_bytes());
            data.extend(text.as_bytes());
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;
    use windlass_domain::id::Random;
    use windlass_domain::time::Timestamp;

    use super::*;

    fn cipher(byte: u8) -> Cipher {
        Cipher::new(&Zeroizing::new([byte; KEY_BYTES]))
    }

    fn organization(byte: u8) -> OrganizationId {
        OrganizationId::new(Timestamp::EPOCH, Random([byte; 10]))
    }

    fn place<'a>(name: &'a str, row: &'a str) -> Belonging<'a> {
        Belonging {
            name,
            organization_id: Some(organization(1)),
            row,
            key_version: 1,
        }
    }

    fn opens(cipher: &Cipher, belonging: Belonging<'_>, sealed: &Sealed) -> bool {
        cipher.open(belonging, sealed).is_ok()
    }

    #[test]
    fn what_was_sealed_opens_at_its_place() {
        for plaintext in [&b""[..], b"hunter2", &[0; 100_000]] {
            let sealed = cipher(1).seal(place("run.input", "trun_1"), plaintext);

            let opened = cipher(1).open(place("run.input", "trun_1"), &sealed);
            assert_eq!(opened.unwrap().expose_secret(), plaintext);
        }
    }

    #[test]
    fn moved_to_another_place_it_does_not_open() {
        let home = place("run.input", "trun_1");
        let sealed = cipher(1).seal(home, b"hunter2");

        for (what, elsewhere) in [
            ("name", place("run.answers", "trun_1")),
            ("row", place("run.input", "trun_2")),
            (
                "organization",
                Belonging {
                    organization_id: Some(organization(2)),
                    ..home
                },
            ),
            (
                "no organization",
                Belonging {
                    organization_id: None,
                    ..home
                },
            ),
            (
                "key version",
                Belonging {
                    key_version: 2,
                    ..home
                },
            ),
        ] {
            assert!(!opens(&cipher(1), elsewhere, &sealed), "{what}");
        }
        assert!(!opens(&cipher(2), home, &sealed), "another key");
        assert!(opens(&cipher(1), home, &sealed));
    }

    #[test]
    fn a_relabeled_key_version_does_not_open() {
        let sealed = cipher(1).seal(place("run.input", "trun_1"), b"hunter2");
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[4] = 2;
        let relabeled = Belonging {
            key_version: 2,
            ..place("run.input", "trun_1")
        };

        assert!(!opens(&cipher(1), relabeled, &Sealed::from_bytes(bytes)));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let home = place("run.input", "trun_1");
        let sealed = cipher(1).seal(home, b"hunter2");

        for bit in 0..sealed.as_bytes().len() * 8 {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = Sealed::from_bytes(bytes);
            assert!(!opens(&cipher(1), home, &changed), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let home = place("run.input", "trun_1");
        let sealed = cipher(1).seal(home, b"hunter2");

        for length in 0..sealed.as_bytes().len() {
            let cut = Sealed::from_bytes(sealed.as_bytes()[..length].to_vec());
            assert!(!opens(&cipher(1), home, &cut), "{length} bytes");
        }
    }

    #[test]
    fn sealed_twice_it_looks_different() {
        let first = cipher(1).seal(place("run.input", "trun_1"), b"hunter2");
        let second = cipher(1).seal(place("run.input", "trun_1"), b"hunter2");

        assert_ne!(first, second);
    }

    proptest! {
        #[test]
        fn two_places_never_have_the_same_bytes(
            a in "[a-c.]{0,4}", b in "[a-c.]{0,4}", c in "[a-c.]{0,4}", d in "[a-c.]{0,4}",
        ) {
            let same = place(&a, &b).associated_data() == place(&c, &d).associated_data();
            prop_assert_eq!(same, (a, b) == (c, d));
        }

        #[test]
        fn opening_anything_never_panics(bytes: Vec<u8>) {
            let sealed = Sealed::from_bytes(bytes);
            prop_assert!(!opens(&cipher(1), place("run.input", "trun_1"), &sealed));
        }
    }
}
