//! Seals what must stay secret: XChaCha20-Poly1305 under a data key of the organization, which the
//! master key wraps. Source: docs/security.md, "Secrets at rest".
//!
//! A start finds the master key ([`MasterKey::from_base64`], [`key_file::open`]), proves it
//! ([`canary::prove`]), and then makes the [`KeyVault`].

mod cipher;
mod vault;

pub mod canary;
pub mod key_file;
pub mod master_key;
mod master_keys;
pub mod rotation;

pub use master_key::{MasterKey, NotAMasterKey};
pub use master_keys::MasterKeys;
pub use vault::KeyVault;
