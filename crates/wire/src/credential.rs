//! Credentials on the wire. What is secret comes in and never goes out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::credential::Credential;
use windlass_domain::edit::Edit;

use crate::edit::said;

/// A credential to be made.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"source_id": "src_0324ygNUQd6U8RxXTH1COe", "auth_method": "username_password",
    "auth_credentials": {"username": "kari@bolig.example", "password": "vinter-og-vår"},
    "external_id": "tenant-9/user-31"}))]
pub struct NewCredentialBody {
    /// The source that it is for.
    pub source_id: String,
    /// How it authenticates; `none` where left out.
    pub auth_method: Option<AuthMethodName>,
    /// What it authenticates with.
    pub auth_credentials: Option<NewAuthCredentialsBody>,
    /// Your own name for the person, at most 255 characters; need not be unique.
    pub external_id: Option<String>,
}

/// What changes of a credential; what is left out stays.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"external_id": null}))]
pub struct CredentialChangeBody {
    /// What it authenticates with from now on, in place of all that was; not verified then.
    pub auth_credentials: Option<NewAuthCredentialsBody>,
    /// Your own name for the person, at most 255 characters; null clears it.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub external_id: Edit<String>,
}

/// How a credential authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethodName {
    /// A user name and a password.
    UsernamePassword,
    /// Nothing: it only links a person of yours.
    None,
}

impl AuthMethodName {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsernamePassword => "username_password",
            Self::None => "none",
        }
    }
}

/// What a credential authenticates with.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAuthCredentialsBody {
    /// The user name; with `username_password`, and only then.
    pub username: Option<String>,
    /// The password; with `username_password`, and only then. Never shown again.
    pub password: Option<String>,
    /// The secret of a TOTP authenticator, in base32 or as its `otpauth://` address. Never shown again.
    pub totp_secret: Option<String>,
    /// What else the source asks for, at most 10: context, not secrets.
    pub source_fields: Option<BTreeMap<String, String>>,
}

/// What authenticates a person at a source.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "cred_0324ygP3uH5Kw9XTMUxbAS", "object": "credential", "status": "unverified",
    "external_id": "tenant-9/user-31", "source_id": "src_0324ygNUQd6U8RxXTH1COe", "auth_method": "username_password",
    "auth_credentials": {"username": "kari@bolig.example", "key": null, "source_fields": {}},
    "created_at": "2026-01-05T10:00:03.000Z", "updated_at": "2026-01-05T10:00:03.000Z"}))]
pub struct CredentialBody {
    /// Its id.
    pub id: String,
    /// `credential`.
    pub object: &'static str,
    /// `unverified`, `verified`, `invalid` or `deleted`.
    pub status: &'static str,
    /// The caller's own name for the person.
    #[schema(required)]
    pub external_id: Option<String>,
    /// The source that it is for.
    pub source_id: String,
    /// `username_password` or `none`.
    pub auth_method: &'static str,
    /// What is not secret of it.
    pub auth_credentials: AuthCredentialsBody,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// The request that this answers; items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What is shown of a credential's contents.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuthCredentialsBody {
    /// The user name.
    #[schema(required)]
    pub username: Option<String>,
    /// Always null.
    #[schema(required)]
    pub key: Option<String>,
    /// What else the source asks for.
    pub source_fields: BTreeMap<String, String>,
}

impl CredentialBody {
    /// A credential with what may be shown of its contents.
    pub fn new(
        credential: &Credential,
        username: Option<String>,
        source_fields: BTreeMap<String, String>,
    ) -> Self {
        Self {
            id: credential.id.to_string(),
            object: "credential",
            status: credential.status.as_str(),
            external_id: credential.external_id.clone(),
            source_id: credential.source_id.to_string(),
            auth_method: credential.auth_method.as_str(),
            auth_credentials: AuthCredentialsBody {
                username,
                key: None,
                source_fields,
            },
            created_at: credential.created_at.to_string(),
            updated_at: credential.updated_at.to_string(),
            request_id: None,
        }
    }
}
