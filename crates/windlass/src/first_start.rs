//! The start up to the moment when something may be served, in an order that a crash at any point
//! does no harm to: migrations, key file, canary, first key.
//! Source: docs/operations.md, "First start".

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use tracing::{info, warn};
use windlass_application::authenticate::hash;
use windlass_application::issue_key::{IssueKey, NewKey, generate};
use windlass_application::ports::{Clock, DataKeys, Keys};
use windlass_domain::key::Scope;
use windlass_domain::organization::Environment;
use windlass_domain::slot::Caps;
use windlass_vault::{MasterKey, MasterKeys, canary, key_file};

use crate::config::{DataConfig, FirstKeyConfig, MasterKeyConfig};
use crate::data_folder::{self, DataFolder};
use crate::operator;
use crate::store::{self, Store};

/// The organization that the first key belongs to.
pub(crate) const FIRST_ORGANIZATION: &str = "default";

/// The master keys of a database.
pub(crate) struct Proven {
    /// All that are known.
    pub(crate) master_keys: Arc<MasterKeys>,
    /// The one that the database is sealed with.
    pub(crate) proven: Arc<MasterKey>,
}

/// Opens the database for an operator's command. Where nothing was started on it yet, the command
/// makes its key with it.
///
/// # Errors
/// It does not open, or its key is missing.
pub(crate) async fn store(
    data: &DataConfig,
    master_key_config: &MasterKeyConfig,
) -> anyhow::Result<Arc<dyn Store>> {
    let database = match &data.database {
        Some(database) => database.clone(),
        None => DataFolder::open(data)?.database(),
    };
    let store = store::open(&database, Caps::default()).await?;
    if store
        .canary()
        .await
        .context("failed to read the canary")?
        .is_none()
    {
        let folder = DataFolder::open(data)?;
        let _alone = store.first_start().await?;
        master_key(&folder, master_key_config, &*store).await?;
    }
    Ok(store)
}

/// The key of a database that has one, for an operator's command.
///
/// # Errors
/// It is missing, or is another one.
pub(crate) async fn existing_key(
    data: &DataConfig,
    config: &MasterKeyConfig,
    keys: &dyn DataKeys,
) -> anyhow::Result<Proven> {
    let canary = keys.canary().await.context("failed to read the canary")?;
    canary.context("nothing was started on this database yet")?;
    let folder = DataFolder::open(data)?;
    master_key(&folder, config, keys).await
}

/// Finds the key, or makes it where nothing is sealed yet, and proves that it belongs to the database.
///
/// # Errors
/// The key is missing, or is another one.
pub(crate) async fn master_key(
    folder: &DataFolder,
    config: &MasterKeyConfig,
    keys: &dyn DataKeys,
) -> anyhow::Result<Proven> {
    let master_keys = match &config.master_key {
        Some(text) => {
            let key = MasterKey::from_base64(text).context("failed to read WINDLASS_MASTER_KEY")?;
            let previous = config
                .master_key_previous
                .as_ref()
                .map(MasterKey::from_base64);
            let previous = previous.transpose();
            MasterKeys::given(
                key,
                previous.context("failed to read WINDLASS_MASTER_KEY_PREVIOUS")?,
            )
        }
        None => {
            let canary = keys.canary().await.context("failed to read the canary")?;
            let database = match canary {
                Some(_) => key_file::Database::Existing,
                None => key_file::Database::New,
            };
            let path = folder.key_file();
            let known = key_file::open(&path, database)?;
            MasterKeys::of_file(path, known)
        }
    };
    let proven = canary::prove(&master_keys, keys).await?;
    Ok(Proven {
        master_keys: Arc::new(master_keys),
        proven,
    })
}

/// Sees to it that somebody has a key: the chosen one, or one that is made and shown once.
///
/// # Errors
/// The chosen key has another form, or the key cannot be kept or shown.
pub(crate) async fn first_key(
    folder: &DataFolder,
    config: &FirstKeyConfig,
    keys: &dyn Keys,
    clock: &dyn Clock,
    issue_key: &IssueKey,
) -> anyhow::Result<()> {
    let is_first = keys
        .list()
        .await
        .context("failed to read the keys")?
        .is_empty();
    match (&config.bootstrap_key, is_first) {
        (Some(chosen), true) => {
            let environment = environment(chosen);
            issue(clock, issue_key, environment, chosen.clone())
                .await
                .context("failed to use WINDLASS_BOOTSTRAP_KEY")?;
            info!("the first API key is the one that WINDLASS_BOOTSTRAP_KEY sets");
        }
        (Some(chosen), false) => {
            if keys
                .find(hash(chosen))
                .await
                .context("failed to read the keys")?
                .is_none()
            {
                warn!(
                    "WINDLASS_BOOTSTRAP_KEY is not a key of this database, which has keys already, \
                     and is left aside: `windlass keys create` makes more"
                );
            }
        }
        (None, true) => {
            // Shown before it is kept: after a crash in between the next start shows another one.
            // The other way round a key would be kept that nobody has, and no start would make one.
            let key = generate(Environment::Live);
            show(folder, &key).context("failed to show the first API key")?;
            issue(clock, issue_key, Environment::Live, key)
                .await
                .context("failed to keep the first API key")?;
        }
        (None, false) => {}
    }
    Ok(())
}

/// Which organization a chosen key is for. One of neither form is refused when it is issued.
fn environment(key: &SecretString) -> Environment {
    let test = Environment::Test;
    match key.expose_secret().starts_with(test.key_prefix()) {
        true => test,
        false => Environment::Live,
    }
}

async fn issue(
    clock: &dyn Clock,
    issue_key: &IssueKey,
    environment: Environment,
    chosen: SecretString,
) -> anyhow::Result<()> {
    let new = NewKey {
        organization: FIRST_ORGANIZATION.to_owned(),
        environment,
        scope: Scope::Full,
        expires_at: None,
        chosen: Some(chosen),
    };
    issue_key.execute(&operator::act(clock.now()), new).await?;
    Ok(())
}

/// To a terminal, or else into a file, of which the log tells the path alone: logs are kept and
/// read by others.
fn show(folder: &DataFolder, key: &SecretString) -> io::Result<()> {
    let text = format!(
        "\n  The first API key, shown this once:\n\n    {}\n\n",
        key.expose_secret()
    );
    if io::stdout().is_terminal() {
        return io::stdout().write_all(text.as_bytes());
    }
    if io::stderr().is_terminal() {
        return io::stderr().write_all(text.as_bytes());
    }
    let path = folder.first_key_file();
    data_folder::write_private(&path, format!("{}\n", key.expose_secret()).as_bytes())?;
    info!(
        "the first API key is in {}; read it, then delete the file",
        path.display()
    );
    Ok(())
}
