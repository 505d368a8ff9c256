//! Makes a credential: what authenticates a person at a source. Its contents are sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use url::Url;
use windlass_domain::credential::{
    AuthMethod, Credential, CredentialContents, CredentialStatus, MAX_EXTERNAL_ID_CHARACTERS,
    MAX_SOURCE_FIELDS, is_source_field,
};
use windlass_domain::id::{CredentialId, SourceId};

use crate::contents::{CredentialSecret, CredentialSummary};
use crate::error::CallError;
use crate::field;
use crate::ports::credentials::CredentialView;
use crate::ports::{Clock, Credentials, OrganizationVault, Sources, Vault};
use crate::problem::{Problem, ProblemKind, Resource, with_form};
use crate::random::random;
use crate::write::{Write, Written};

/// The longest user name, password or source field, in characters.
const MAX_SECRET_CHARACTERS: usize = 4_096;

/// A credential as its caller gives it.
#[derive(Clone, Default)]
pub struct NewCredential {
    /// The source that it is for.
    pub source_id: String,
    /// How it authenticates; `none` where left out.
    pub auth_method: Option<String>,
    /// What it authenticates with.
    pub contents: NewContents,
    /// The caller's own name for the person.
    pub external_id: Option<String>,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// What a credential authenticates with, as its caller gives it.
#[derive(Clone, Default)]
pub struct NewContents {
    /// The user name.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretString>,
    /// The base32 secret of a TOTP authenticator.
    pub totp_secret: Option<SecretString>,
    /// What else the source asks for.
    pub source_fields: BTreeMap<String, String>,
}

/// Makes a credential.
pub struct CreateCredential {
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) sources: Arc<dyn Sources>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl CreateCredential {
    /// Checks, seals and keeps a new credential.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub async fn execute(
        &self,
        write: Write,
        new: NewCredential,
    ) -> Result<Written<CredentialView>, CallError> {
        let id = CredentialId::new(self.clock.now(), random());
        self.execute_as(write, new, id).await
    }

    /// The same with an id that was chosen before, such as a token's: there is one of it at most.
    ///
    /// # Errors
    /// All that is wrong with it; that there is one of this id.
    pub async fn execute_as(
        &self,
        write: Write,
        new: NewCredential,
        id: CredentialId,
    ) -> Result<Written<CredentialView>, CallError> {
        let mut problems = Vec::new();
        let source_id = field::required_reference(
            "source_id",
            &new.source_id,
            SourceId::parse,
            Resource::Source,
            &mut problems,
        );
        if let Some(source_id) = &source_id
            && self
                .sources
                .get(write.organization, source_id)
                .await?
                .is_none()
        {
            problems.push(field::unknown("source_id", Resource::Source));
        }
        let auth_method = field::choice(
            "auth_method",
            new.auth_method.as_deref(),
            AuthMethod::parse,
            "`username_password` or `none`",
            &mut problems,
        )
        .unwrap_or(AuthMethod::None);
        let method_is_wrong = |problem: &Problem| problem.field.as_deref() == Some("auth_method");
        // Without its method, what a credential must hold is not known.
        if !new.wrong.iter().any(method_is_wrong) {
            new.contents.check(auth_method, &mut problems);
        }
        let external_id = field::bounded(
            "external_id",
            new.external_id,
            MAX_EXTERNAL_ID_CHARACTERS,
            &mut problems,
        );
        let problems = with_form(new.wrong, problems);
        let (Some(source_id), true) = (source_id, problems.is_empty()) else {
            return Err(CallError::Invalid(problems));
        };

        let vault = self.vault.of(write.organization.organization_id()).await?;
        let now = self.clock.now();
        let contents = new.contents;
        let sealed = contents.seal(&*vault, auth_method, id);
        let credential = Credential {
            id,
            source_id,
            auth_method,
            external_id,
            status: CredentialStatus::Unverified,
            summary: Some(sealed.summary),
            secret: sealed.secret,
            secrets_version: 1,
            created_at: now,
            updated_at: now,
        };
        let view = CredentialView {
            credential,
            username: contents.username,
            source_fields: contents.source_fields,
        };
        self.credentials
            .create(write, view)
            .await
            .map_err(|error| CallError::of_write(error, Resource::Credential))
    }
}

impl NewContents {
    /// What is wrong with them for this method.
    pub(crate) fn check(&self, method: AuthMethod, problems: &mut Vec<Problem>) {
        let secrets = [
            ("auth_credentials.username", self.username.as_deref()),
            (
                "auth_credentials.password",
                self.password.as_ref().map(ExposeSecret::expose_secret),
            ),
        ];
        for (field, value) in secrets {
            match (method, value) {
                (AuthMethod::UsernamePassword, Some(value)) if !value.trim().is_empty() => {
                    check_length(field, value, problems);
                }
                (AuthMethod::UsernamePassword, None | Some(_)) => problems.push(Problem::of(
                    ProblemKind::Missing,
                    field,
                    format!("`{field}` is missing; `username_password` needs it."),
                )),
                (AuthMethod::None, Some(_)) => problems.push(Problem::of(
                    ProblemKind::Invalid,
                    field,
                    format!("`{field}` goes with `auth_method` `username_password` alone."),
                )),
                (AuthMethod::None, None) => {}
            }
        }
        if let Some(secret) = &self.totp_secret {
            check_totp(method, secret, problems);
        }
        if self.source_fields.len() > MAX_SOURCE_FIELDS {
            problems.push(Problem::of(
                ProblemKind::Invalid,
                "auth_credentials.source_fields",
                format!("`auth_credentials.source_fields` has {MAX_SOURCE_FIELDS} fields at most."),
            ));
        }
        for (key, value) in self.source_fields.iter().take(MAX_SOURCE_FIELDS) {
            let field = format!("auth_credentials.source_fields.{key}");
            if !is_source_field(key) {
                problems.push(Problem::of(
                    ProblemKind::Invalid,
                    field.clone(),
                    "A source field's name is a lower-case letter and up to 63 of a–z, 0–9 and `_`, \
                     and none of `username`, `password`, `key`, `totp_secret`, `source_fields`.",
                ));
            }
            check_length(&field, value, problems);
        }
    }

    /// Seals them for their credential.
    pub(crate) fn seal(
        &self,
        vault: &dyn OrganizationVault,
        method: AuthMethod,
        id: CredentialId,
    ) -> CredentialContents {
        let summary = CredentialSummary {
            username: self.username.clone(),
            source_fields: self.source_fields.clone(),
        };
        let secret = CredentialSecret {
            password: self.password.clone(),
            totp_secret: self.totp_secret.clone(),
        };
        CredentialContents {
            summary: summary.seal(vault, id),
            secret: match method {
                AuthMethod::UsernamePassword => Some(secret.seal(vault, id)),
                AuthMethod::None => None,
            },
        }
    }
}

fn check_length(field: &str, value: &str, problems: &mut Vec<Problem>) {
    if value.chars().count() > MAX_SECRET_CHARACTERS {
        problems.push(Problem::of(
            ProblemKind::Invalid,
            field,
            format!("`{field}` must have {MAX_SECRET_CHARACTERS} characters at most."),
        ));
    }
}

/// RFC 4648 base32, as authenticator apps show it: spaces and lower case are taken. Or the `otpauth://`
/// address of a QR code, which holds it.
fn check_totp(method: AuthMethod, secret: &SecretString, problems: &mut Vec<Problem>) {
    const FIELD: &str = "auth_credentials.totp_secret";
    let written = secret.expose_secret().trim();
    let is_address = written.to_ascii_lowercase().starts_with("otpauth:");
    let message = if method == AuthMethod::None {
        format!("`{FIELD}` goes with `auth_method` `username_password` alone.")
    } else if is_address && !is_totp_address(written) {
        format!(
            "`{FIELD}` must be `otpauth://totp/NAME?secret=BASE32`, with `algorithm` SHA1, SHA256 or \
             SHA512, `digits` from 1 to 9 and `period` from 1 to 300, or without them."
        )
    } else if !is_address && !is_base32(written) {
        format!(
            "`{FIELD}` must be 16 to 256 characters of base32 (A–Z and 2–7), or an `otpauth://totp/` \
             address."
        )
    } else {
        return;
    };
    problems.push(Problem::of(ProblemKind::Invalid, FIELD, message));
}

fn is_base32(text: &str) -> bool {
    let known = |letter: char| letter.is_ascii_alphabetic() || ('2'..='7').contains(&letter);
    let letters = text
        .trim_end_matches('=')
        .chars()
        .filter(|letter| *letter != ' ');
    letters.clone().all(known) && (16..=256).contains(&letters.count())
}

/// Source: the "Key Uri Format" of Google Authenticator.
fn is_totp_address(text: &str) -> bool {
    let Ok(address) = Url::parse(text) else {
        return false;
    };
    let is_totp = address
        .host_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("totp"));
    let number = |text: &str, most: u32| {
        let number = text.parse::<u32>();
        number.is_ok_and(|number| (1..=most).contains(&number))
    };
    let fits = |name: &str, value: &str| match name {
        "secret" => is_base32(value),
        "digits" => number(value, 9),
        "period" => number(value, 300),
        "algorithm" => ["SHA1", "SHA256", "SHA512"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(value)),
        _ => true,
    };
    is_totp
        && address.query_pairs().any(|(name, _)| name == "secret")
        && address
            .query_pairs()
            .all(|(name, value)| fits(&name, &value))
}

#[cfg(test)]
mod tests;
