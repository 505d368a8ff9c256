//! A credential as its worker gets it: opened once the run has begun.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A credential with its secrets, for the agent of one run that has begun. Nothing of it belongs
/// into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "cred_0324ygP3uH5Kw9XTMUxbAS", "auth_method": "username_password",
    "status": "verified",
    "auth_credentials": {"username": "kari@bolig.example", "password": "vinter-og-vår", "totp_secret": null,
        "source_fields": {"customer_number": "400812"}},
    "login": null}))]
pub struct OpenedCredentialBody {
    /// Its id.
    pub id: String,
    /// `username_password` or `none`.
    pub auth_method: String,
    /// `unverified` where no run has said yet whether the source takes it, else `verified` or `invalid`.
    pub status: String,
    /// What it authenticates with.
    pub auth_credentials: OpenedAuthCredentialsBody,
    /// What a worker left as `login` with an earlier session, in base64, where the task keeps
    /// logins: a new session may start from it.
    #[schema(required)]
    pub login: Option<String>,
}

/// What a credential authenticates with, secrets and all.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenedAuthCredentialsBody {
    /// The user name; null where the credential only links a person.
    #[schema(required)]
    pub username: Option<String>,
    /// The password.
    #[schema(required)]
    pub password: Option<String>,
    /// The secret of a TOTP authenticator as it was given: in base32, or as its `otpauth://` address.
    #[schema(required)]
    pub totp_secret: Option<String>,
    /// What else the source asks for, by its own names.
    pub source_fields: BTreeMap<String, String>,
}

/// A credential as a lease has it. Where the run has not begun by being leased, its secrets come
/// with `begin`.
#[derive(Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "cred_0324ygP3uH5Kw9XTMUxbAS", "auth_method": "username_password",
    "status": "verified"}))]
pub struct LeasedCredentialBody {
    /// Its id.
    pub id: String,
    /// `username_password` or `none`.
    pub auth_method: String,
    /// `unverified` where no run has said yet whether the source takes it, else `verified` or `invalid`.
    pub status: String,
    /// What it authenticates with; left out where the run has not begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_credentials: Option<OpenedAuthCredentialsBody>,
    /// What a worker left as `login` with an earlier session, in base64; left out where there is none,
    /// and where the run has not begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
}

impl From<OpenedCredentialBody> for LeasedCredentialBody {
    fn from(opened: OpenedCredentialBody) -> Self {
        Self {
            id: opened.id,
            auth_method: opened.auth_method,
            status: opened.status,
            auth_credentials: Some(opened.auth_credentials),
            login: opened.login,
        }
    }
}
