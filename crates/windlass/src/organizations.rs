//! `windlass organizations`: makes, lists, suspends and resumes organizations, also beside a running
//! server. Source: docs/operations.md, "Organizations".

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use windlass_application::create_organization::CreateOrganization;
use windlass_application::ports::Organizations;
use windlass_domain::organization::Organization;

use crate::config::{DataConfig, MasterKeyConfig};
use crate::keys::EnvironmentName;
use crate::table::{table, to_the_minute};
use crate::{first_start, operator, store};

/// What to do with organizations.
#[derive(Debug, Clone, Args)]
pub(crate) struct OrganizationsArguments {
    #[command(subcommand)]
    command: OrganizationsCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum OrganizationsCommand {
    /// Makes an organization, without a key yet.
    Create(CreateArguments),
    /// Lists all organizations.
    List(ListArguments),
    /// Refuses every call of an organization. Runs that it has started are done all the same.
    Suspend(NamedArguments),
    /// Lets a suspended organization go on.
    Resume(NamedArguments),
}

#[derive(Debug, Clone, Args)]
struct CreateArguments {
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    master_key: MasterKeyConfig,

    /// What it is called; no other organization is.
    #[arg(value_name = "NAME")]
    name: String,

    /// Whether it is for real work or for trying out; it stays so.
    #[arg(long, value_enum, default_value_t = EnvironmentName::Live)]
    environment: EnvironmentName,

    /// Prints a JSON object instead of the id.
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
struct NamedArguments {
    #[command(flatten)]
    data: DataConfig,

    /// The organization's name, as `windlass organizations list` shows it.
    #[arg(value_name = "NAME")]
    name: String,
}

/// Does it, and prints what is to be said to standard output.
///
/// # Errors
/// It cannot be done; says why.
pub(crate) async fn run(arguments: OrganizationsArguments) -> anyhow::Result<()> {
    match arguments.command {
        OrganizationsCommand::Create(arguments) => create(&arguments).await,
        OrganizationsCommand::List(arguments) => list(&arguments).await,
        OrganizationsCommand::Suspend(arguments) => set_suspended(&arguments, true).await,
        OrganizationsCommand::Resume(arguments) => set_suspended(&arguments, false).await,
    }
}

async fn create(arguments: &CreateArguments) -> anyhow::Result<()> {
    let store = first_start::store(&arguments.data, &arguments.master_key).await?;
    let create = CreateOrganization::new(store.clone(), store.clock());
    let operator = operator::act(store.clock().now());
    let environment = arguments.environment.into();
    let created = create.execute(operator, &arguments.name, environment).await;
    store.close().await;
    let organization = created?;
    if arguments.json {
        println!("{}", json(&organization));
    } else {
        println!("{}", organization.id);
    }
    Ok(())
}

async fn list(arguments: &ListArguments) -> anyhow::Result<()> {
    let store = store::existing(&arguments.data).await?;
    let listed = Organizations::list(&*store).await;
    store.close().await;
    let organizations = listed.context("failed to read the organizations")?;
    if arguments.json {
        println!("{}", organizations.iter().map(json).collect::<Value>());
        return Ok(());
    }
    let heads = ["ID", "NAME", "ENVIRONMENT", "STATE", "CREATED"].map(str::to_owned);
    let rows = organizations.iter().map(|organization| {
        [
            organization.id.to_string(),
            organization.name.clone(),
            organization.environment.as_str().to_owned(),
            state(organization).to_owned(),
            to_the_minute(organization.created_at),
        ]
    });
    print!(
        "{}",
        table(&std::iter::once(heads).chain(rows).collect::<Vec<_>>())
    );
    Ok(())
}

async fn set_suspended(arguments: &NamedArguments, suspended: bool) -> anyhow::Result<()> {
    let store = store::existing(&arguments.data).await?;
    let name = &arguments.name;
    let found = Organizations::find(&*store, name).await;
    let Some(organization) = found.context("failed to read the organizations")? else {
        bail!("no organization is called {name:?}: `windlass organizations list` shows them");
    };
    let operator = operator::act(store.clock().now());
    let set = store.set_suspended(operator, organization.id, suspended);
    let set = set.await;
    store.close().await;
    set.context("failed to change the organization")?;
    let state = state(&Organization {
        suspended,
        ..organization
    });
    println!("{name} is {state}");
    Ok(())
}

fn state(organization: &Organization) -> &'static str {
    if organization.suspended {
        "suspended"
    } else {
        "active"
    }
}

fn json(organization: &Organization) -> Value {
    json!({
        "organization_id": organization.id.to_string(),
        "organization": organization.name,
        "environment": organization.environment.as_str(),
        "suspended": organization.suspended,
        "created_at": organization.created_at.to_string(),
    })
}
