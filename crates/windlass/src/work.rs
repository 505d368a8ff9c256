//! `windlass work`: the built-in agent in a process of its own, such as inside a network whose websites
//! the server cannot reach. Source: docs/workers.md, "The built-in agent elsewhere".

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use secrecy::SecretString;
use windlass_domain::pool::{NotAPool, Pool};
use windlass_egress::Dialer;
use windlass_session_http::{HttpAgent, KEPT_SESSIONS};
use windlass_worker::{HttpProtocol, Worker};

use crate::config::{AgentConfig, EgressConfig, LogConfig};
use crate::log;
use crate::replica::host_name;
use crate::source_config::SourceConfig;

/// Which server, and what of its work.
#[derive(Debug, Clone, Args)]
pub(crate) struct WorkArguments {
    /// Where the server is.
    #[arg(long, env = "WINDLASS_URL", default_value = "http://127.0.0.1:8080")]
    url: String,

    /// An API key of scope worker. As a variable it shows in no list of processes.
    #[arg(long, env = "WINDLASS_KEY", hide_env_values = true)]
    key: SecretString,

    /// This worker's name, which no other of the organization may have. A start declares what the last
    /// one of the same name held lost. Left out, it is the machine's host name.
    #[arg(long, env = "WINDLASS_WORKER_NAME")]
    worker_name: Option<String>,

    /// The pools to lease from, separated by commas, in this order. Their runs need a playbook.
    #[arg(
        long,
        env = "WINDLASS_POOLS",
        value_delimiter = ',',
        default_value = "builtin"
    )]
    #[arg(value_parser = pool)]
    pools: Vec<Pool>,

    /// Seconds that a stop waits for runs that are under way. Those that need longer are given back.
    #[arg(long, env = "WINDLASS_DRAIN_SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=3600))]
    drain_seconds: u32,

    #[command(flatten)]
    egress: EgressConfig,
    #[command(flatten)]
    agent: AgentConfig,
    #[command(flatten)]
    source: SourceConfig,
    #[command(flatten)]
    log: LogConfig,
}

fn pool(name: &str) -> Result<Pool, NotAPool> {
    Pool::parse(name)
}

/// Works until SIGTERM or Ctrl-C, then drains.
///
/// # Errors
/// It could not start, the server refuses it, or another has taken its name.
pub(crate) async fn run(arguments: WorkArguments) -> anyhow::Result<()> {
    log::to_standard_error(&arguments.log)?;
    let name = match arguments.worker_name {
        Some(name) => name,
        None => host_name().context("failed to read the host's name: give one by --worker-name")?,
    };
    let protocol = HttpProtocol::new(&arguments.url, arguments.key)?;
    let dialer = Dialer::new(arguments.egress.egress_allow, arguments.source.timeouts())
        .context("failed to prepare the way to websites")?;
    let worker = Worker {
        name,
        pools: arguments.pools,
        capacity: arguments.agent.capacity,
        kept_sessions: KEPT_SESSIONS,
        drain: Duration::from_secs(arguments.drain_seconds.into()),
        protocol: Arc::new(protocol),
        agent: Arc::new(HttpAgent::new(dialer, arguments.source.manners())),
    };
    Ok(worker.serve().await?)
}
