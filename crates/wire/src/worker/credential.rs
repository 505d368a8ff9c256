//! A credential with its secrets, as the agent of one run gets it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A credential with its secrets, for the agent of one run that has begun. Nothing of it belongs
/// into a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "cred_0324ygP3uH5Kw9XTMUxbAS", "username": "kari@bolig.example",
    "password": "vinter-og-vår", "totp_secret": null, "source_fields": {}, "login": null}))]
pub struct OpenedCredentialBody {
    /// Its id.
    pub id: String,
    /// The user name; null where it only links a person.
    #[schema(required)]
    pub username: Option<String>,
    /// The password.
    #[schema(required)]
    pub password: Option<String>,
    /// The base32 secret of a TOTP authenticator.
    #[schema(required)]
    pub totp_secret: Option<String>,
    /// What else the source asks for, by its own names.
    pub source_fields: BTreeMap<String, String>,
    /// What a worker left as `login` with an earlier session, in base64, where the task keeps
    /// logins: a new session may start from it.
    #[schema(required)]
    pub login: Option<String>,
}
