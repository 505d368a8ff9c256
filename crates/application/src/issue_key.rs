//! Issues an API key, and makes its organization where there is none of that name.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use windlass_domain::Timestamp;
use windlass_domain::id::{KeyId, OrganizationId};
use windlass_domain::key::{ApiKey, Scope};
use windlass_domain::organization::{Environment, Organization};
use zeroize::Zeroizing;

use crate::authenticate::hash;
use crate::create_organization::checked_name;
use crate::error::CallError;
use crate::ports::error::WriteError;
use crate::ports::{Clock, Keys, Organizations};
use crate::problem::{Problem, ProblemKind};
use crate::random::{bytes, random};
use crate::write::Operator;

/// How many characters of a key a person is shown to tell keys apart: the prefix and four more.
const HINT_LENGTH: usize = 12;

/// The fewest letters and digits after the prefix of a key that an operator chose.
const MIN_CHOSEN_LENGTH: usize = 32;

/// The most of them.
const MAX_CHOSEN_LENGTH: usize = 256;

/// The digits of a key.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key to be issued.
#[derive(Clone)]
pub struct NewKey {
    /// The organization's name.
    pub organization: String,
    /// Which keys the organization has, where it is made now.
    pub environment: Environment,
    /// What the key may do.
    pub scope: Scope,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// A key of the operator's choice; else one is made.
    pub chosen: Option<SecretString>,
}

/// A key that was issued: shown once.
pub struct IssuedKey {
    /// What is kept of it.
    pub record: ApiKey,
    /// The key.
    pub key: SecretString,
}

/// Issues an API key.
pub struct IssueKey {
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) organizations: Arc<dyn Organizations>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl IssueKey {
    /// An issuer over these ports; the command line has no others.
    pub fn new(
        keys: Arc<dyn Keys>,
        organizations: Arc<dyn Organizations>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            keys,
            organizations,
            clock,
        }
    }

    /// Makes the key, and the organization where there is none of its name.
    ///
    /// # Errors
    /// An organization's name that is none, or a chosen key that is none or not of its
    /// environment.
    pub async fn execute(&self, operator: &Operator, new: NewKey) -> Result<IssuedKey, CallError> {
        let name = checked_name(&new.organization)?;
        if let Some(chosen) = &new.chosen {
            // Before the organization is made: nothing is left of a refused key.
            check(chosen, new.environment)?;
        }
        let organization = self.organization(operator, name, new.environment).await?;
        let key = match new.chosen {
            Some(chosen) => {
                check(&chosen, organization.environment)?;
                chosen
            }
            None => generate(organization.environment),
        };
        let now = self.clock.now();
        let record = ApiKey {
            id: KeyId::new(now, random()),
            organization_id: organization.id,
            scope: new.scope,
            hash: hash(&key),
            hint: key.expose_secret().chars().take(HINT_LENGTH).collect(),
            created_at: now,
            last_used_at: None,
            expires_at: new.expires_at,
            revoked_at: None,
        };
        match self.keys.create(operator.clone(), record.clone()).await {
            Ok(()) => Ok(IssuedKey { record, key }),
            Err(WriteError::IdTaken) => Err(CallError::of(Problem::of(
                ProblemKind::Invalid,
                "key",
                "This key is issued already; choose another, or none.",
            ))),
            Err(WriteError::Store(error)) => Err(error.into()),
            Err(other) => Err(CallError::of(Problem::of(
                ProblemKind::Invalid,
                "key",
                format!("The key was not kept: {other}."),
            ))),
        }
    }

    /// The organization of this name. Of two that make it at once one does, both have it.
    async fn organization(
        &self,
        operator: &Operator,
        name: String,
        environment: Environment,
    ) -> Result<Organization, CallError> {
        if let Some(found) = self.organizations.find(&name).await? {
            return Ok(found);
        }
        let now = self.clock.now();
        let organization = Organization {
            id: OrganizationId::new(now, random()),
            name,
            environment,
            suspended: false,
            created_at: now,
        };
        let kept = self
            .organizations
            .create(operator.clone(), organization.clone());
        match kept.await {
            Ok(()) => Ok(organization),
            Err(WriteError::Store(error)) => Err(error.into()),
            Err(_) => Ok(self
                .organizations
                .find(&organization.name)
                .await?
                .unwrap_or(organization)),
        }
    }
}

/// A fresh key: the prefix, base62 of 32 random bytes, and base62 of their CRC-32, by which scanners of leaked
/// secrets know a key from a text that looks like one.
pub fn generate(environment: Environment) -> SecretString {
    let random = Zeroizing::new(bytes::<32>());
    let body = Zeroizing::new(base62(random.as_slice(), 43));
    let sum = base62(&crc32(body.as_bytes()).to_be_bytes(), 6);
    SecretString::from(format!(
        "{}{}{sum}",
        environment.key_prefix(),
        body.as_str()
    ))
}

/// These bytes as one number in base 62, with leading zeros.
pub(crate) fn base62(bytes: &[u8], length: usize) -> String {
    let mut digits = vec![0_u8; length];
    for byte in bytes {
        let mut carry = usize::from(*byte);
        for digit in digits.iter_mut().rev() {
            carry += usize::from(*digit) * 256;
            *digit = u8::try_from(carry % 62).unwrap_or_default();
            carry /= 62;
        }
    }
    let letters = digits
        .iter()
        .map(|digit| char::from(DIGITS[usize::from(*digit)]));
    letters.collect()
}

/// CRC-32 as of ISO 3309.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                (sum >> 1) ^ 0xEDB8_8320
            } else {
                sum >> 1
            }
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

fn check(key: &SecretString, environment: Environment) -> Result<(), CallError> {
    let prefix = environment.key_prefix();
    let body = key.expose_secret().strip_prefix(prefix);
    let fits = body.is_some_and(|body| {
        (MIN_CHOSEN_LENGTH..=MAX_CHOSEN_LENGTH).contains(&body.len())
            && body.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if fits {
        return Ok(());
    }
    Err(CallError::of(Problem::of(
        ProblemKind::Invalid,
        "key",
        format!("The key must be `{prefix}` and at least {MIN_CHOSEN_LENGTH} letters or digits."),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_prefix_and_49_letters_and_digits() {
        let key = generate(Environment::Live);

        let body = key.expose_secret().strip_prefix("sk_live_").unwrap();
        assert_eq!(body.len(), 49);
        assert!(body.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(
            key.expose_secret(),
            generate(Environment::Live).expose_secret()
        );
    }

    #[test]
    fn base62_is_a_number_with_leading_zeros() {
        assert_eq!(base62(&[0, 61], 3), "00z");
        assert_eq!(base62(&[0xff; 32], 43).len(), 43);
        assert_eq!(base62(&[1, 0], 3), "048");
    }

    #[test]
    fn the_sum_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_chosen_key_keeps_to_its_form() {
        let long = "a".repeat(32);
        for (text, fits) in [
            (format!("sk_test_{long}"), true),
            (format!("sk_live_{long}"), false),
            (format!("sk_test_{}", &long[1..]), false),
            (format!("sk_test_{}-", &long[1..]), false),
        ] {
            let checked = check(&SecretString::from(text.clone()), Environment::Test);
            assert_eq!(checked.is_ok(), fits, "{text}");
        }
    }
}
