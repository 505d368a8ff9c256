//! `windlass keys`: makes, lists and revokes API keys, also beside a running server.
//! Source: docs/operations.md, "Keys".

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use windlass_application::issue_key::{IssueKey, NewKey};
use windlass_application::ports::{Keys, Organizations, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::KeyId;
use windlass_domain::key::{ApiKey, Scope};
use windlass_domain::organization::{Environment, Organization};

use crate::config::{DataConfig, MasterKeyConfig};
use crate::first_start::{self, FIRST_ORGANIZATION};
use crate::operator;
use crate::store;
use crate::table::{self, to_the_minute};

/// What to do with keys.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum KeysCommand {
    /// Makes a key and prints it, this once and alone.
    Create(CreateArguments),
    /// Lists all keys, without showing one.
    List(ListArguments),
    /// Ends a key at once and for good.
    Revoke(RevokeArguments),
}

#[derive(Debug, Clone, Args)]
struct CreateArguments {
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    master_key: MasterKeyConfig,

    /// The organization that the key belongs to; made where there is none of this name.
    #[arg(long, value_name = "NAME", default_value = FIRST_ORGANIZATION)]
    organization: String,

    /// Whether the organization is for real work or for trying out. One that is made is live where
    /// this is left out; one that exists keeps what it is.
    #[arg(long, value_enum)]
    environment: Option<EnvironmentName>,

    /// What the key may do.
    #[arg(long, value_enum, default_value_t = ScopeName::Full)]
    scope: ScopeName,

    /// After how many days the key ends by itself. Left out, it does not.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    expires_in_days: Option<u32>,

    /// Prints a JSON object with key, key_id, organization_id and scope instead.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
struct ListArguments {
    #[command(flatten)]
    data: DataConfig,

    /// Prints a JSON array instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
struct RevokeArguments {
    #[command(flatten)]
    data: DataConfig,

    /// The key's id, as `windlass keys list` shows it.
    #[arg(value_name = "KEY_ID", value_parser = KeyId::parse)]
    key_id: KeyId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvironmentName {
    Live,
    Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScopeName {
    /// Everything of its organization.
    Full,
    /// Reads alone.
    Read,
    /// The worker protocol alone.
    Worker,
}

impl From<EnvironmentName> for Environment {
    fn from(name: EnvironmentName) -> Self {
        match name {
            EnvironmentName::Live => Self::Live,
            EnvironmentName::Test => Self::Test,
        }
    }
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Full => Self::Full,
            ScopeName::Read => Self::Read,
            ScopeName::Worker => Self::Worker,
        }
    }
}

/// Does it, and prints what is to be said to standard output.
///
/// # Errors
/// It cannot be done; says why.
pub(crate) async fn run(arguments: KeysArguments) -> anyhow::Result<()> {
    match arguments.command {
        KeysCommand::Create(arguments) => create(arguments).await,
        KeysCommand::List(arguments) => list(&arguments).await,
        KeysCommand::Revoke(arguments) => revoke(&arguments).await,
    }
}

async fn create(arguments: CreateArguments) -> anyhow::Result<()> {
    let store = first_start::store(&arguments.data, &arguments.master_key).await?;
    let wanted = arguments.environment.map(Environment::from);
    let environment = environment(&*store, &arguments.organization, wanted).await?;
    let issue_key = IssueKey::new(store.clone(), store.clone(), store.clock());
    let new = NewKey {
        organization: arguments.organization,
        environment,
        scope: arguments.scope.into(),
        expires_at: arguments
            .expires_in_days
            .map(|days| store.clock().now() + in_days(days)),
        chosen: None,
    };
    let issued = issue_key
        .execute(&operator::act(store.clock().now()), new)
        .await?;
    store.close().await;
    if arguments.json {
        let answer = json!({
            "key": issued.key.expose_secret(),
            "key_id": issued.record.id.to_string(),
            "organization_id": issued.record.organization_id.to_string(),
            "scope": issued.record.scope.as_str(),
        });
        println!("{answer}");
    } else {
        println!("{}", issued.key.expose_secret());
    }
    Ok(())
}

/// That of the organization, or the one that it is to have.
///
/// # Errors
/// It has another one.
async fn environment(
    organizations: &dyn Organizations,
    name: &str,
    wanted: Option<Environment>,
) -> anyhow::Result<Environment> {
    let found = organizations
        .find(name)
        .await
        .context("failed to read the organizations")?;
    match (found, wanted) {
        (None, wanted) => Ok(wanted.unwrap_or(Environment::Live)),
        (Some(found), Some(wanted)) if found.environment != wanted => bail!(
            "the organization {name:?} is {}, and cannot have a {} key: choose another name",
            found.environment.as_str(),
            wanted.as_str()
        ),
        (Some(found), _) => Ok(found.environment),
    }
}

async fn list(arguments: &ListArguments) -> anyhow::Result<()> {
    let store = store::existing(&arguments.data).await?;
    let keys = Keys::list(&*store)
        .await
        .context("failed to read the keys")?;
    store.close().await;
    if arguments.json {
        let keys: Vec<Value> = keys
            .iter()
            .map(|(key, organization)| json(key, organization))
            .collect();
        println!("{}", Value::from(keys));
    } else {
        print!("{}", table(&keys, store.clock().now()));
    }
    Ok(())
}

async fn revoke(arguments: &RevokeArguments) -> anyhow::Result<()> {
    let store = store::existing(&arguments.data).await?;
    let revoked = store
        .revoke(operator::act(store.clock().now()), arguments.key_id)
        .await;
    store.close().await;
    match revoked {
        Ok(()) => {
            println!("{} is revoked", arguments.key_id);
            Ok(())
        }
        Err(WriteError::NotFound) => {
            bail!(
                "no key has the id {}: `windlass keys list` shows them",
                arguments.key_id
            )
        }
        Err(error) => Err(error).context("failed to revoke the key"),
    }
}

fn in_days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 60 * 60)
}

fn json(key: &ApiKey, organization: &Organization) -> Value {
    let moment = |moment: Option<Timestamp>| moment.map(|moment| moment.to_string());
    json!({
        "key_id": key.id.to_string(),
        "organization_id": organization.id.to_string(),
        "organization": organization.name,
        "environment": organization.environment.as_str(),
        "scope": key.scope.as_str(),
        "hint": key.hint,
        "created_at": key.created_at.to_string(),
        "last_used_at": moment(key.last_used_at),
        "expires_at": moment(key.expires_at),
        "revoked_at": moment(key.revoked_at),
    })
}

/// One key a line, in columns.
fn table(keys: &[(ApiKey, Organization)], now: Timestamp) -> String {
    let mut rows = vec![
        [
            "ID",
            "KEY",
            "ORGANIZATION",
            "SCOPE",
            "STATE",
            "CREATED",
            "LAST USED",
        ]
        .map(str::to_owned),
    ];
    for (key, organization) in keys {
        rows.push([
            key.id.to_string(),
            format!("{}…", key.hint),
            organization.name.clone(),
            key.scope.as_str().to_owned(),
            state(key, now).to_owned(),
            to_the_minute(key.created_at),
            key.last_used_at
                .map_or_else(|| "never".to_owned(), to_the_minute),
        ]);
    }
    table::table(&rows)
}

fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(expires_at)) if expires_at <= now => "expired",
        (None, _) => "active",
    }
}

#[cfg(test)]
mod tests {
    use windlass_domain::id::{OrganizationId, Random};

    use super::*;

    fn key() -> ApiKey {
        let at = Timestamp::parse("2026-01-05T10:00:00.000Z").unwrap();
        ApiKey {
            id: KeyId::new(at, Random([7; 10])),
            organization_id: OrganizationId::new(at, Random([8; 10])),
            scope: Scope::Read,
            hash: [9; 32],
            hint: "sk_test_Ab3d".to_owned(),
            created_at: at,
            last_used_at: None,
            expires_at: None,
            revoked_at: None,
        }
    }

    fn organization(key: &ApiKey) -> Organization {
        Organization {
            id: key.organization_id,
            name: "Bolig".to_owned(),
            environment: Environment::Test,
            suspended: false,
            created_at: key.created_at,
        }
    }

    #[test]
    fn a_table_has_a_key_a_line_and_no_key_in_full() {
        let key = key();
        let organization = organization(&key);

        let table = table(&[(key.clone(), organization)], key.created_at);

        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("ID "), "{table}");
        let cells: Vec<&str> = lines[1]
            .split("  ")
            .filter(|cell| !cell.is_empty())
            .map(str::trim)
            .collect();
        let id = key.id.to_string();
        assert_eq!(
            cells,
            [
                &*id,
                "sk_test_Ab3d…",
                "Bolig",
                "read",
                "active",
                "2026-01-05 10:00",
                "never"
            ]
        );
    }

    #[test]
    fn a_key_is_active_until_it_is_revoked_or_its_time_is_over() {
        let now = key().created_at;
        let of = |expires_at, revoked_at| {
            state(
                &ApiKey {
                    expires_at,
                    revoked_at,
                    ..key()
                },
                now,
            )
        };

        assert_eq!(of(None, None), "active");
        assert_eq!(of(Some(now + Duration::from_secs(1)), None), "active");
        assert_eq!(of(Some(now), None), "expired");
        assert_eq!(of(Some(now), Some(now)), "revoked");
    }
}
