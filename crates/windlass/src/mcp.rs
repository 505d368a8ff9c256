//! `windlass mcp`: tools for an assistant that starts this program beside itself and speaks to it over
//! its standard streams. Source: docs/guides/use-from-an-assistant.md.

use anyhow::{Context, anyhow};
use clap::Args;
use secrecy::SecretString;
use url::Url;
use windlass_mcp::{Remote, TaskTools, serve_stdio};

/// Which server, and as whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct McpArguments {
    /// Where the server is.
    #[arg(long, env = "WINDLASS_URL", default_value = "http://127.0.0.1:8080")]
    url: Url,

    /// The API key of the assistant. As a variable it shows in no list of processes.
    #[arg(long, env = "WINDLASS_KEY", hide_env_values = true)]
    key: SecretString,

    /// Tasks that are tools of their own: `live`, or ids of tasks, separated by commas.
    #[arg(long, env = "WINDLASS_TASKS")]
    tasks: Option<TaskTools>,
}

/// Answers the assistant until it goes.
///
/// # Errors
/// The server cannot be reached or does not know the key, or the assistant does not speak the protocol.
pub(crate) async fn run(arguments: McpArguments) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        // An answer that leads elsewhere is none of the API's, and must not take the key along.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("failed to prepare the client")?;
    let remote = Remote::new(client, arguments.url, arguments.key);
    remote.check().await.map_err(|why| anyhow!(why))?;
    serve_stdio(remote, arguments.tasks.unwrap_or_default())
        .await
        .context("failed to speak to the assistant")
}
