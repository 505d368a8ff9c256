//! `windlass vault`: rotates the keys that seal secrets, while servers run and runs go on.
//! Source: docs/operations.md, "Rotation of keys".

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use windlass_application::ports::{DataKeys, Organizations};
use windlass_application::reseal::{Passed, Reseal};
use windlass_domain::organization::Organization;
use windlass_vault::rotation::rotate_master;
use windlass_vault::{KeyVault, MasterKey, MasterKeys, key_file};

use crate::config::{DataConfig, MasterKeyConfig};
use crate::data_folder::DataFolder;
use crate::first_start;
use crate::operator;
use crate::store::{self, Store};

/// How long after its making a data key seals for the first time: every server has read it by then,
/// since none goes by what it read more than five seconds ago.
const SEALS_AFTER: Duration = Duration::from_secs(15);

/// How long a server may take from its look at the canary to the data key of a new organization.
const LAST_WRAPS: Duration = Duration::from_secs(5);

/// What to do with the keys.
#[derive(Debug, Clone, Args)]
pub(crate) struct VaultArguments {
    #[command(subcommand)]
    command: VaultCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum VaultCommand {
    /// Wraps every data key with a new master key. Repeat it if it was stopped: it goes on.
    RotateMaster(RotateMasterArguments),
    /// Makes a new data key for each organization and seals with it all that is sealed. Repeat it if
    /// it was stopped: it goes on.
    RotateDataKeys(RotateDataKeysArguments),
}

#[derive(Debug, Clone, Args)]
struct RotateMasterArguments {
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    master_key: MasterKeyConfig,
}

#[derive(Debug, Clone, Args)]
struct RotateDataKeysArguments {
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    master_key: MasterKeyConfig,

    /// Of this organization alone.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,

    /// Seconds that requests which are under way have to end before what they sealed is looked for.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    settle_seconds: u32,
}

/// Does it, and prints what is to be said to standard output.
///
/// # Errors
/// It cannot be done, or not to the end; says why.
pub(crate) async fn run(arguments: VaultArguments) -> anyhow::Result<()> {
    match arguments.command {
        VaultCommand::RotateMaster(arguments) => {
            let store = store::existing(&arguments.data).await?;
            let rotated = rotate(&arguments, &store).await;
            store.close().await;
            rotated
        }
        VaultCommand::RotateDataKeys(arguments) => {
            let store = store::existing(&arguments.data).await?;
            let rotated = rotate_data_keys(&arguments, &store).await;
            store.close().await;
            rotated
        }
    }
}

async fn rotate(arguments: &RotateMasterArguments, store: &Arc<dyn Store>) -> anyhow::Result<()> {
    let config = &arguments.master_key;
    if config.master_key.is_some() {
        let keys = first_start::existing_key(&arguments.data, config, &**store).await?;
        let [to, from] = &keys.master_keys.known()[..] else {
            bail!(
                "set WINDLASS_MASTER_KEY to the new key and WINDLASS_MASTER_KEY_PREVIOUS to the present \
                 one, here and for every server, and restart the servers; then repeat this"
            );
        };
        wrap_all(from, to, store).await?;
        println!("restart the servers without WINDLASS_MASTER_KEY_PREVIOUS now");
        return Ok(());
    }
    let folder = DataFolder::open_existing(&arguments.data)?;
    let _alone = folder.lock_rotation()?;
    first_start::existing_key(&arguments.data, config, &**store).await?;
    let path = folder.key_file();
    let mut known = key_file::read(&path)?
        .with_context(|| format!("there is no key file at {}", path.display()))?;
    if known.len() == 1 {
        known.insert(0, MasterKey::generate());
        // Before anything is wrapped with it: servers find it there.
        key_file::replace(&path, &known.iter().collect::<Vec<_>>())?;
    }
    let [to, from] = &known[..] else {
        bail!(
            "the key file {} holds neither one key nor two",
            path.display()
        );
    };
    wrap_all(from, to, store).await?;
    key_file::replace(&path, &[to])?;
    println!(
        "the new master key is in {}: back it up now",
        path.display()
    );
    Ok(())
}

async fn wrap_all(from: &MasterKey, to: &MasterKey, store: &Arc<dyn Store>) -> anyhow::Result<()> {
    let clock = store.clock();
    let act = || operator::act(clock.now());
    let mut wrapped = rotate_master(from, to, &**store, act).await?;
    // A server that looked at the canary before it was sealed anew may have wrapped one more.
    tokio::time::sleep(LAST_WRAPS).await;
    wrapped += rotate_master(from, to, &**store, act).await?;
    println!("{wrapped} data keys are wrapped with the new master key");
    Ok(())
}

async fn rotate_data_keys(
    arguments: &RotateDataKeysArguments,
    store: &Arc<dyn Store>,
) -> anyhow::Result<()> {
    let keys = first_start::existing_key(&arguments.data, &arguments.master_key, &**store);
    let master_keys: Arc<MasterKeys> = keys.await?.master_keys;
    let vault = Arc::new(KeyVault::of_keys(master_keys, store.clone()));
    let reseal = Reseal::new(store.clone(), vault.clone());
    let listed = Organizations::list(&**store).await;
    let mut organizations = listed.context("failed to read the organizations")?;
    if let Some(name) = &arguments.organization {
        organizations.retain(|organization| organization.name == *name);
        if organizations.is_empty() {
            bail!("no organization is called {name:?}: `windlass organizations list` shows them");
        }
    }
    let mut rotated = Vec::new();
    for organization in organizations {
        let version = next_version(&organization, store, &vault, &reseal).await?;
        rotated.extend(version.map(|version| (organization, version)));
    }
    if rotated.is_empty() {
        println!("nothing is sealed yet");
        return Ok(());
    }
    let settle = Duration::from_secs(arguments.settle_seconds.into());
    println!(
        "waiting {} s, until every server seals with the new keys",
        (SEALS_AFTER + settle).as_secs()
    );
    tokio::time::sleep(SEALS_AFTER + settle).await;
    let mut damaged = 0;
    for (organization, version) in rotated {
        damaged += seal_all(&organization, version, store, &reseal).await?;
    }
    if damaged > 0 {
        bail!("{damaged} values do not open, and are left as they are with their keys");
    }
    Ok(())
}

/// The version that all is to be sealed with: of a rotation that was stopped, or a new one.
async fn next_version(
    organization: &Organization,
    store: &Arc<dyn Store>,
    vault: &KeyVault,
    reseal: &Reseal,
) -> anyhow::Result<Option<u32>> {
    let name = &organization.name;
    let kept = DataKeys::list(&**store, organization.id).await?;
    let Some(newest) = kept.last().map(|key| key.version) else {
        return Ok(None);
    };
    if reseal.is_needed(organization.id, newest).await? {
        println!("{name}: going on with version {newest}");
        return Ok(Some(newest));
    }
    let version = newest + 1;
    let fresh = vault.fresh(organization.id, version).await?;
    let now = store.clock().now();
    let added = store.add(
        operator::act(now),
        organization.id,
        fresh,
        now + SEALS_AFTER,
    );
    // One that another rotation was first with is as good.
    added.await?;
    println!("{name}: version {version} is made");
    Ok(Some(version))
}

/// Seals all of an organization with this version; how many values do not open.
async fn seal_all(
    organization: &Organization,
    version: u32,
    store: &Arc<dyn Store>,
    reseal: &Reseal,
) -> anyhow::Result<u64> {
    let mut all = Passed::default();
    loop {
        let passed = reseal.pass(organization.id, version).await?;
        all.resealed += passed.resealed;
        all.damaged = passed.damaged;
        // What changed meanwhile is looked at once more.
        if passed.found == passed.damaged {
            break;
        }
    }
    if all.damaged == 0 {
        // The one before stays until the next rotation, for whoever still has it in hand.
        store
            .drop_before(organization.id, version.saturating_sub(1))
            .await?;
    }
    println!(
        "{}: {} values are sealed with version {version} now",
        organization.name, all.resealed
    );
    Ok(all.damaged)
}
