//! What stands inside sealed values: written and read in one place, so that the two agree.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::{Map, Value, json};
use windlass_domain::Timestamp;
use windlass_domain::destination::Webhook;
use windlass_domain::id::{CredentialId, DestinationId, RunId};
use windlass_domain::sealed::Sealed;
use zeroize::Zeroizing;

use crate::ports::destination::OpenedConfiguration;
use crate::ports::vault::{OrganizationVault, Place, VaultError};

/// The place of a run's input.
pub const RUN_INPUT: &str = "run.input";
/// The place of a person's answers to a run.
pub const RUN_ANSWERS: &str = "run.answers";
/// The place of an agent's checkpoint in a run.
pub const RUN_CHECKPOINT: &str = "run.checkpoint";
/// The place of a credential's user name and source fields.
pub const CREDENTIAL_SUMMARY: &str = "credential.summary";
/// The place of a credential's password and TOTP secret.
pub const CREDENTIAL_SECRET: &str = "credential.secret";
/// The place of the login that is saved with a credential.
pub const CREDENTIAL_LOGIN: &str = "credential.login";
/// The place of a webhook's signing secrets.
pub const WEBHOOK_SECRET: &str = "webhook.secret";
/// The place of the last link of an organization's audit.
pub const AUDIT_HEAD: &str = "audit.head";
/// The place of a webhook's further headers.
pub const WEBHOOK_HEADERS: &str = "webhook.headers";

/// The place of a kept answer to an idempotency key.
pub const IDEMPOTENCY_ANSWER: &str = "idempotency.answer";

/// The row that a kept answer is bound to: it opens for its own request alone.
pub fn answer_row(method: &str, path: &str, key: &str) -> String {
    format!("{method} {path} {key}")
}

/// What a credential's caller may see of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CredentialSummary {
    /// The user name.
    pub username: Option<String>,
    /// What else the source asks for; context, not secrets.
    pub source_fields: BTreeMap<String, String>,
}

/// What only the agent of a run gets of a credential.
#[derive(Clone, Default)]
pub struct CredentialSecret {
    /// The password.
    pub password: Option<SecretString>,
    /// The base32 secret of a TOTP authenticator.
    pub totp_secret: Option<SecretString>,
}

impl CredentialSummary {
    /// Seals it for its credential.
    pub fn seal(&self, vault: &dyn OrganizationVault, id: CredentialId) -> Sealed {
        let value = json!({"username": self.username, "source_fields": self.source_fields});
        seal_value(vault, CREDENTIAL_SUMMARY, &id.to_string(), &value)
    }

    /// Opens that of a credential.
    ///
    /// # Errors
    /// Where it is not what was sealed for this credential.
    pub fn open(
        vault: &dyn OrganizationVault,
        id: CredentialId,
        sealed: &Sealed,
    ) -> Result<Self, VaultError> {
        let value = open_value(vault, CREDENTIAL_SUMMARY, &id.to_string(), sealed)?;
        Ok(Self {
            username: text(&value, "username"),
            source_fields: texts(&value["source_fields"]),
        })
    }
}

impl CredentialSecret {
    /// Seals it for its credential.
    pub fn seal(&self, vault: &dyn OrganizationVault, id: CredentialId) -> Sealed {
        let exposed = |secret: &Option<SecretString>| {
            secret
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned())
        };
        let value = json!({
            "password": exposed(&self.password),
            "totp_secret": exposed(&self.totp_secret),
        });
        seal_value(vault, CREDENTIAL_SECRET, &id.to_string(), &value)
    }

    /// Opens that of a credential.
    ///
    /// # Errors
    /// Where it is not what was sealed for this credential.
    pub fn open(
        vault: &dyn OrganizationVault,
        id: CredentialId,
        sealed: &Sealed,
    ) -> Result<Self, VaultError> {
        let value = open_value(vault, CREDENTIAL_SECRET, &id.to_string(), sealed)?;
        Ok(Self {
            password: text(&value, "password").map(SecretString::from),
            totp_secret: text(&value, "totp_secret").map(SecretString::from),
        })
    }
}

/// Seals a run's input, checked already.
pub fn seal_input(vault: &dyn OrganizationVault, run_id: RunId, input: &Value) -> Sealed {
    seal_value(vault, RUN_INPUT, &run_id.to_string(), input)
}

/// Opens a run's input: a secret of its caller.
///
/// # Errors
/// Where it is not what was sealed for this run.
pub fn open_input(
    vault: &dyn OrganizationVault,
    run_id: RunId,
    sealed: &Sealed,
) -> Result<Value, VaultError> {
    open_value(vault, RUN_INPUT, &run_id.to_string(), sealed)
}

/// Seals a person's answers, by field.
pub fn seal_answers(
    vault: &dyn OrganizationVault,
    run_id: RunId,
    answers: &[(String, SecretString)],
) -> Sealed {
    let members: Map<String, Value> = answers
        .iter()
        .map(|(name, answer)| (name.clone(), Value::from(answer.expose_secret())))
        .collect();
    seal_value(
        vault,
        RUN_ANSWERS,
        &run_id.to_string(),
        &Value::Object(members),
    )
}

/// Opens a person's answers, by field.
///
/// # Errors
/// Where they are not what was sealed for this run.
pub fn open_answers(
    vault: &dyn OrganizationVault,
    run_id: RunId,
    sealed: &Sealed,
) -> Result<Vec<(String, SecretString)>, VaultError> {
    let value = open_value(vault, RUN_ANSWERS, &run_id.to_string(), sealed)?;
    Ok(texts(&value)
        .into_iter()
        .map(|(name, answer)| (name, SecretString::from(answer)))
        .collect())
}

/// Seals an agent's checkpoint.
pub fn seal_checkpoint(vault: &dyn OrganizationVault, run_id: RunId, checkpoint: &[u8]) -> Sealed {
    let row = run_id.to_string();
    let place = Place {
        name: RUN_CHECKPOINT,
        row: &row,
    };
    vault.seal(place, checkpoint)
}

/// Opens an agent's checkpoint.
///
/// # Errors
/// Where it is not what was sealed for this run.
pub fn open_checkpoint(
    vault: &dyn OrganizationVault,
    run_id: RunId,
    sealed: &Sealed,
) -> Result<SecretSlice<u8>, VaultError> {
    let row = run_id.to_string();
    let place = Place {
        name: RUN_CHECKPOINT,
        row: &row,
    };
    vault.open(place, sealed)
}

/// Seals the login that is saved with a credential.
pub fn seal_login(vault: &dyn OrganizationVault, id: CredentialId, login: &[u8]) -> Sealed {
    let row = id.to_string();
    let place = Place {
        name: CREDENTIAL_LOGIN,
        row: &row,
    };
    vault.seal(place, login)
}

/// Opens the login that is saved with a credential.
///
/// # Errors
/// Where it is not what was sealed for this credential.
pub fn open_login(
    vault: &dyn OrganizationVault,
    id: CredentialId,
    sealed: &Sealed,
) -> Result<SecretSlice<u8>, VaultError> {
    let row = id.to_string();
    let place = Place {
        name: CREDENTIAL_LOGIN,
        row: &row,
    };
    vault.open(place, sealed)
}

/// A signing secret of a webhook, and until when it signs.
#[derive(Clone)]
pub struct SigningSecret {
    /// `whsec_…`.
    pub secret: SecretString,
    /// When it ends; None where none has taken its place.
    pub ends_at: Option<Timestamp>,
}

impl SigningSecret {
    /// The one that signs from now on.
    pub fn present(secret: SecretString) -> Self {
        Self {
            secret,
            ends_at: None,
        }
    }
}

/// Seals a webhook's signing secrets, newest first.
pub fn seal_signing_secrets(
    vault: &dyn OrganizationVault,
    id: DestinationId,
    secrets: &[SigningSecret],
) -> Sealed {
    let value: Vec<Value> = secrets
        .iter()
        .map(|it| {
            let ends_at = it.ends_at.map(Timestamp::millis);
            json!({"secret": it.secret.expose_secret(), "ends_at": ends_at})
        })
        .collect();
    seal_value(vault, WEBHOOK_SECRET, &id.to_string(), &Value::from(value))
}

/// Opens those of a webhook's signing secrets that sign at this moment, newest first.
///
/// # Errors
/// Where they are not what was sealed for this destination.
pub fn open_signing_secrets(
    vault: &dyn OrganizationVault,
    id: DestinationId,
    sealed: &Sealed,
    now: Timestamp,
) -> Result<Vec<SigningSecret>, VaultError> {
    let value = open_value(vault, WEBHOOK_SECRET, &id.to_string(), sealed)?;
    let secrets = value.as_array().into_iter().flatten();
    let secrets = secrets.filter_map(|it| {
        Some(SigningSecret {
            secret: SecretString::from(it["secret"].as_str()?),
            ends_at: it["ends_at"].as_i64().map(Timestamp::from_millis),
        })
    });
    Ok(secrets
        .filter(|it| it.ends_at.is_none_or(|ends_at| now < ends_at))
        .collect())
}

/// A webhook with all that is sealed of it opened, for its sender.
///
/// # Errors
/// Where something is not what was sealed for this destination.
pub fn open_webhook(
    vault: &dyn OrganizationVault,
    id: DestinationId,
    webhook: &Webhook,
    now: Timestamp,
) -> Result<OpenedConfiguration, VaultError> {
    let secrets = open_signing_secrets(vault, id, &webhook.secret, now)?;
    let custom_headers = match &webhook.custom_headers {
        Some(sealed) => open_headers(vault, id, sealed)?,
        None => Vec::new(),
    };
    Ok(OpenedConfiguration::Webhook {
        url: webhook.url.clone(),
        secrets: secrets.into_iter().map(|it| it.secret).collect(),
        custom_headers,
    })
}

/// Seals a webhook's further headers.
pub fn seal_headers(
    vault: &dyn OrganizationVault,
    id: DestinationId,
    headers: &[(String, SecretString)],
) -> Sealed {
    let members: Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.expose_secret())))
        .collect();
    seal_value(
        vault,
        WEBHOOK_HEADERS,
        &id.to_string(),
        &Value::Object(members),
    )
}

/// Opens a webhook's further headers.
///
/// # Errors
/// Where they are not what was sealed for this destination.
pub fn open_headers(
    vault: &dyn OrganizationVault,
    id: DestinationId,
    sealed: &Sealed,
) -> Result<Vec<(String, SecretString)>, VaultError> {
    let value = open_value(vault, WEBHOOK_HEADERS, &id.to_string(), sealed)?;
    Ok(texts(&value)
        .into_iter()
        .map(|(name, value)| (name, SecretString::from(value)))
        .collect())
}

fn seal_value(
    vault: &dyn OrganizationVault,
    name: &'static str,
    row: &str,
    value: &Value,
) -> Sealed {
    let plaintext = Zeroizing::new(value.to_string());
    vault.seal(Place { name, row }, plaintext.as_bytes())
}

fn open_value(
    vault: &dyn OrganizationVault,
    name: &'static str,
    row: &str,
    sealed: &Sealed,
) -> Result<Value, VaultError> {
    let plaintext = vault.open(Place { name, row }, sealed)?;
    serde_json::from_slice(plaintext.expose_secret()).map_err(|_| VaultError::DoesNotOpen { name })
}

fn text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let members = value.as_object().into_iter().flatten();
    members
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
