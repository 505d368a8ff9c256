//! `windlass audit`: lists who changed what, and verifies each organization's chain, also beside a
//! running server. Source: docs/operations.md, "Audit".

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use windlass_application::audit::{Link, ListedEntry};
use windlass_application::ports::Organizations;
use windlass_application::verify_audit::{Verified, VerifyAudit};
use windlass_domain::organization::Organization;
use windlass_vault::KeyVault;

use crate::config::{DataConfig, MasterKeyConfig};
use crate::first_start;
use crate::store::{self, Store};
use crate::table::table;

/// What to do with the audit.
#[derive(Debug, Clone, Args)]
pub(crate) struct AuditArguments {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum AuditCommand {
    /// Lists the newest entries of each organization: who changed what, when and from where.
    List(ListArguments),
    /// Verifies the chain of each organization, and names the first link that is broken.
    Verify(VerifyArguments),
}

#[derive(Debug, Clone, Args)]
struct ListArguments {
    #[command(flatten)]
    data: DataConfig,

    /// Of this organization alone.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,

    /// How many entries of each organization are listed.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,

    /// Prints a JSON array instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
struct VerifyArguments {
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    master_key: MasterKeyConfig,

    /// Of this organization alone.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,

    /// What an earlier `windlass audit verify --json` printed, kept elsewhere: each chain must still
    /// go through where it was then. Finds also an end that was cut off together with its head.
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,

    /// Prints a JSON array, which serves as an anchor later.
    #[arg(long)]
    json: bool,
}

/// Does it, and prints what is to be said to standard output.
///
/// # Errors
/// It cannot be done, or a chain is broken; says why.
pub(crate) async fn run(arguments: AuditArguments) -> anyhow::Result<()> {
    match arguments.command {
        AuditCommand::List(arguments) => {
            let store = store::existing(&arguments.data).await?;
            let listed = list(&arguments, &*store).await;
            store.close().await;
            listed
        }
        AuditCommand::Verify(arguments) => {
            let store = store::existing(&arguments.data).await?;
            let verified = verify(&arguments, &store).await;
            store.close().await;
            verified
        }
    }
}

async fn list(arguments: &ListArguments, store: &dyn Store) -> anyhow::Result<()> {
    let mut listed = Vec::new();
    for organization in organizations(store, arguments.organization.as_deref()).await? {
        let entries = store.newest(organization.id, arguments.limit).await;
        let entries = entries.context("failed to read the audit")?;
        listed.extend(
            entries
                .into_iter()
                .map(|entry| (organization.clone(), entry)),
        );
    }
    if arguments.json {
        let entries: Value = listed.iter().map(entry_json).collect();
        println!("{entries}");
        return Ok(());
    }
    let heads = [
        "AT",
        "ORGANIZATION",
        "ENTRY",
        "WHO",
        "FROM",
        "ACTION",
        "SUBJECT",
        "REQUEST",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    for (organization, listed) in listed {
        let entry = listed.entry;
        rows.push([
            entry.at.to_string(),
            organization.name,
            listed
                .position
                .map_or_else(|| "new".to_owned(), |position| position.to_string()),
            entry.actor,
            entry.address.unwrap_or_else(|| "-".to_owned()),
            entry.action,
            entry.subject,
            entry.request_id.to_string(),
        ]);
    }
    print!("{}", table(&rows));
    Ok(())
}

async fn verify(arguments: &VerifyArguments, store: &Arc<dyn Store>) -> anyhow::Result<()> {
    let anchors = match &arguments.anchor {
        Some(path) => anchors(path)?,
        None => HashMap::new(),
    };
    let keys = first_start::existing_key(&arguments.data, &arguments.master_key, &**store);
    let vault = KeyVault::of_keys(keys.await?.master_keys, store.clone());
    let vault = Arc::new(vault);
    let verify = VerifyAudit::new(store.clone(), vault);
    let mut broken = 0;
    let mut found = Vec::new();
    for organization in organizations(&**store, arguments.organization.as_deref()).await? {
        let anchor = anchors.get(&organization.id.to_string()).copied();
        let verified = verify.execute(organization.id, anchor).await;
        let verified = verified.context("failed to read the audit")?;
        broken += usize::from(verified.broken.is_some());
        if !arguments.json {
            println!("{}", sentence(&organization, &verified));
        }
        found.push(verified_json(&organization, &verified));
    }
    if arguments.json {
        println!("{}", Value::from(found));
    }
    match broken {
        0 => Ok(()),
        1 => bail!("a chain of the audit is broken"),
        _ => bail!("{broken} chains of the audit are broken"),
    }
}

async fn organizations(store: &dyn Store, name: Option<&str>) -> anyhow::Result<Vec<Organization>> {
    let organizations = Organizations::list(store).await;
    let mut organizations = organizations.context("failed to read the organizations")?;
    if let Some(name) = name {
        organizations.retain(|organization| organization.name == name);
        if organizations.is_empty() {
            bail!("no organization is called {name:?}: `windlass organizations list` shows them");
        }
    }
    Ok(organizations)
}

/// Where the chain of each organization was, by its id.
fn anchors(path: &Path) -> anyhow::Result<HashMap<String, Link>> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("failed to read the anchor {}", path.display()))?;
    let noted: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
    let anchors: HashMap<String, Link> = noted
        .iter()
        .filter_map(|noted| {
            let hash = from_hex(noted["hash"].as_str()?)?;
            let position = noted["entries"].as_u64().filter(|entries| *entries > 0)?;
            let organization_id = noted["organization_id"].as_str()?.to_owned();
            Some((organization_id, Link { position, hash }))
        })
        .collect();
    if anchors.is_empty() {
        bail!(
            "{} names no chain: it should be what `windlass audit verify --json` printed",
            path.display()
        );
    }
    Ok(anchors)
}

fn sentence(organization: &Organization, verified: &Verified) -> String {
    let name = &organization.name;
    let Verified { link, unlinked, .. } = verified;
    match &verified.broken {
        Some(broken) => format!("{name}: broken: {broken}"),
        None => format!(
            "{name}: {} entries are as they were written, up to {}{}",
            link.position,
            hex(&link.hash),
            match unlinked {
                0 => String::new(),
                unlinked => format!("; {unlinked} are not linked yet"),
            }
        ),
    }
}

fn verified_json(organization: &Organization, verified: &Verified) -> Value {
    json!({
        "organization_id": organization.id.to_string(),
        "organization": organization.name,
        "entries": verified.link.position,
        "hash": hex(&verified.link.hash),
        "unlinked": verified.unlinked,
        "broken": verified.broken.map(|broken| broken.to_string()),
    })
}

fn entry_json((organization, listed): &(Organization, ListedEntry)) -> Value {
    let entry = &listed.entry;
    json!({
        "organization_id": organization.id.to_string(),
        "organization": organization.name,
        "entry": listed.position,
        "at": entry.at.to_string(),
        "actor": entry.actor,
        "address": entry.address,
        "action": entry.action,
        "subject": entry.subject,
        "request_id": entry.request_id.to_string(),
    })
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    // An odd digit at the end is none.
    if !pairs.remainder().is_empty() {
        return None;
    }
    let bytes: Vec<u8> = pairs.map(|pair| pair[0] << 4 | pair[1]).collect();
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_reads_back_as_it_was_printed() {
        let hash: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 8).unwrap());

        assert_eq!(from_hex(&hex(&hash)), Some(hash));
        for text in ["", "0", &hex(&hash)[1..], &hex(&hash).replace('f', "g")] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
