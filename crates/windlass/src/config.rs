//! What an operator can set: one struct per part, each setting a flag and a variable.
//! Source: docs/operations.md, "Settings".

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::SecretString;
use url::Url;
use windlass_api::{CallLimits, UnknownFields};
use windlass_application::retain::Periods;
use windlass_domain::slot::{Caps, Overflow};
use windlass_egress::Policy;

use crate::address::{Database, Signals, unshown};
use crate::source_config::SourceConfig;

/// What `windlass serve` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) config: ServeConfig,
    #[command(flatten)]
    pub(crate) log: LogConfig,
}

/// The settings of a server.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeConfig {
    #[command(flatten)]
    pub(crate) listen: ListenConfig,
    #[command(flatten)]
    pub(crate) data: DataConfig,
    #[command(flatten)]
    pub(crate) replicas: ReplicaConfig,
    #[command(flatten)]
    pub(crate) master_key: MasterKeyConfig,
    #[command(flatten)]
    pub(crate) first_key: FirstKeyConfig,
    #[command(flatten)]
    pub(crate) clocks: ClockConfig,
    #[command(flatten)]
    pub(crate) caps: CapConfig,
    #[command(flatten)]
    pub(crate) calls: CallConfig,
    #[command(flatten)]
    pub(crate) retention: RetentionConfig,
    #[command(flatten)]
    pub(crate) egress: EgressConfig,
    #[command(flatten)]
    pub(crate) agent: AgentConfig,
    #[command(flatten)]
    pub(crate) source: SourceConfig,
}

/// Where the server listens, and how callers reach it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listening")]
pub(crate) struct ListenConfig {
    /// Address and port of the API. Port 0 takes a free one and logs it.
    #[arg(long, env = "WINDLASS_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Address and port of /healthz, /readyz and /metrics. Keep it away from the internet.
    #[arg(long, env = "WINDLASS_OPS_LISTEN", default_value = "127.0.0.1:8081")]
    pub(crate) ops_listen: SocketAddr,

    /// Where callers reach the API, as in `https://windlass.example`; links to files begin with it.
    /// Left out, it is http:// (with --tls-cert https://) and the address of --listen.
    #[arg(long, env = "WINDLASS_PUBLIC_URL", value_parser = public_url)]
    pub(crate) public_url: Option<Url>,

    /// The certificate of the API with its chain, as a PEM file. With it the API speaks TLS alone.
    #[arg(long, env = "WINDLASS_TLS_CERT", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The key of --tls-cert, as a PEM file.
    #[arg(long, env = "WINDLASS_TLS_KEY", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// Where everything is kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataConfig {
    /// Folder for the database, the key file and captured files; made where it is missing.
    #[arg(long, env = "WINDLASS_DATA_DIR", default_value = "windlass-data")]
    pub(crate) data_dir: PathBuf,

    /// The database, as sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME. An address with a password
    /// belongs into the variable: other users of the machine can read a flag. Left out, it is
    /// windlass.db in the data folder.
    #[arg(long, env = "WINDLASS_DATABASE", hide_env_values = true, value_parser = unshown::<Database>())]
    pub(crate) database: Option<Database>,
}

/// How replicas that share a database go together.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Replicas")]
pub(crate) struct ReplicaConfig {
    /// What carries wake-ups and counts between replicas: local (nothing: they find each
    /// other's news within a second or two) or redis://:PASSWORD@HOST/ (rediss:// for TLS). An address
    /// with a password belongs into the variable.
    #[arg(
        long,
        env = "WINDLASS_SIGNALS",
        default_value = "local",
        hide_env_values = true
    )]
    #[arg(value_parser = unshown::<Signals>())]
    pub(crate) signals: Signals,

    /// What all names in Redis begin with. Installations that share a Redis have different ones.
    #[arg(long, env = "WINDLASS_SIGNALS_PREFIX", default_value = "windlass")]
    pub(crate) signals_prefix: String,

    /// This replica's name, which no other that shares the database may have. A start declares what the
    /// last one of the same name held lost, so keep it over restarts. Left out, it is the machine's
    /// host name; on SQLite, where there is one server, it is embedded.
    #[arg(long, env = "WINDLASS_REPLICA_NAME")]
    pub(crate) replica_name: Option<String>,
}

/// What seals secrets.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct MasterKeyConfig {
    /// The master key that seals secrets: base64 of 32 bytes. Set the variable rather than the
    /// flag, which other users of the machine can read. Left out, a key file is made in the data
    /// folder.
    #[arg(long, env = "WINDLASS_MASTER_KEY", hide_env_values = true, value_parser = secret)]
    pub(crate) master_key: Option<SecretString>,

    /// The master key before the present one, while it is rotated: what is still wrapped with it opens
    /// too. Set the variable rather than the flag.
    #[arg(long, env = "WINDLASS_MASTER_KEY_PREVIOUS", hide_env_values = true, value_parser = secret)]
    #[arg(requires = "master_key")]
    pub(crate) master_key_previous: Option<SecretString>,
}

/// The first key of the API.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct FirstKeyConfig {
    /// The first API key, for scripts and containers that must know it: sk_live_ or sk_test_ and
    /// at least 32 letters or digits. Left out, the first start makes one.
    #[arg(long, env = "WINDLASS_BOOTSTRAP_KEY", hide_env_values = true, value_parser = secret)]
    pub(crate) bootstrap_key: Option<SecretString>,
}

/// How long things may take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Clocks")]
pub(crate) struct ClockConfig {
    /// Seconds that a worker holds a run without renewing. Less notices a dead worker sooner, more
    /// forgives a slower network.
    #[arg(long, env = "WINDLASS_LEASE_SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(5..=600))]
    pub(crate) lease_seconds: u32,

    /// Seconds that an agent has to stop once its run is canceled.
    #[arg(long, env = "WINDLASS_CANCEL_GRACE_SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) cancel_grace_seconds: u32,

    /// Seconds that a stop waits for open requests and for runs that are under way. Runs that need
    /// longer are given back.
    #[arg(long, env = "WINDLASS_DRAIN_SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub(crate) drain_seconds: u32,
}

impl ClockConfig {
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    pub(crate) fn cancel_grace(&self) -> Duration {
        Duration::from_secs(self.cancel_grace_seconds.into())
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }
}

/// How much an organization may have.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Caps")]
pub(crate) struct CapConfig {
    /// Live sessions that an organization may have: those that a worker runs or may take. Runs
    /// beyond it wait in `queued`.
    #[arg(long, env = "WINDLASS_SESSION_CAP", default_value_t = Caps::default().sessions)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) session_cap: u32,

    /// Queued runs that an organization may have. A start beyond it is refused with 429.
    #[arg(long, env = "WINDLASS_QUEUE_CAP", default_value_t = Caps::default().queued)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) queue_cap: u32,

    /// What becomes of a start beyond --session-cap: wait leaves it in `queued`, refuse answers
    /// 429.
    #[arg(long, env = "WINDLASS_SESSION_OVERFLOW", value_enum, default_value_t = SessionOverflow::Wait)]
    pub(crate) session_overflow: SessionOverflow,
}

/// What becomes of a start that finds as many live sessions as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SessionOverflow {
    /// It waits.
    Wait,
    /// It is refused.
    Refuse,
}

impl CapConfig {
    pub(crate) fn caps(&self) -> Caps {
        Caps {
            sessions: self.session_cap,
            queued: self.queue_cap,
            overflow: match self.session_overflow {
                SessionOverflow::Wait => Overflow::Wait,
                SessionOverflow::Refuse => Overflow::Refuse,
            },
        }
    }
}

/// How many calls an organization may make.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Calls")]
pub(crate) struct CallConfig {
    /// Requests that an organization may make in 10 seconds; those beyond it are answered 429. With 0
    /// they are not counted. Waits and streams are no requests.
    #[arg(long, env = "WINDLASS_RATE_LIMIT", default_value_t = CallLimits::default().requests)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub(crate) rate_limit: u32,

    /// Waits and streams that an organization may have open at once on one server. As many calls of its
    /// workers may wait or send files, and as many others be open.
    #[arg(long, env = "WINDLASS_OPEN_CALLS", default_value_t = CallLimits::default().open_calls)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) open_calls: u32,

    /// What becomes of fields and parameters that are not known: refuse answers 400, ignore leaves
    /// them aside and names them in the header Windlass-Ignored. For clients of a newer API.
    #[arg(long, env = "WINDLASS_UNKNOWN_FIELDS", value_enum, default_value_t = Unknown::Refuse)]
    pub(crate) unknown_fields: Unknown,
}

/// What becomes of what is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unknown {
    /// It is refused.
    Refuse,
    /// It is left aside.
    Ignore,
}

impl From<Unknown> for UnknownFields {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Refuse => Self::Refuse,
            Unknown::Ignore => Self::Ignore,
        }
    }
}

impl CallConfig {
    pub(crate) fn limits(&self) -> CallLimits {
        CallLimits {
            requests: self.rate_limit,
            open_calls: self.open_calls,
        }
    }
}

/// How long what is kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retention")]
pub(crate) struct RetentionConfig {
    /// Days that a run is kept once it has ended, with all that belongs to it, and its session. No
    /// fewer than --retention-events-days.
    #[arg(long, env = "WINDLASS_RETENTION_RUNS_DAYS", default_value_t = 90)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) retention_runs_days: u32,

    /// Days that the content of a file is kept. It goes no later than its run.
    #[arg(long, env = "WINDLASS_RETENTION_FILES_DAYS", default_value_t = 90)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) retention_files_days: u32,

    /// Days that the content of a screenshot is kept. It goes no later than its run.
    #[arg(
        long,
        env = "WINDLASS_RETENTION_SCREENSHOTS_DAYS",
        default_value_t = 15
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) retention_screenshots_days: u32,

    /// Days that an event and its deliveries are kept.
    #[arg(long, env = "WINDLASS_RETENTION_EVENTS_DAYS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(4..=36_500))]
    pub(crate) retention_events_days: u32,
}

impl RetentionConfig {
    /// How long what is kept.
    ///
    /// # Errors
    /// Runs would go before the events that are shown with them.
    pub(crate) fn periods(&self) -> anyhow::Result<Periods> {
        let (runs, events) = (self.retention_runs_days, self.retention_events_days);
        anyhow::ensure!(
            runs >= events,
            "--retention-runs-days is {runs}: it must be no less than --retention-events-days, \
             which is {events}, since an event is shown with what its run says"
        );
        let days = |days: u32| Duration::from_secs(u64::from(days) * 24 * 3600);
        Ok(Periods {
            runs: days(runs),
            files: days(self.retention_files_days),
            screenshots: days(self.retention_screenshots_days),
            events: days(events),
        })
    }
}

/// How much the built-in agent does at once.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Built-in agent")]
pub(crate) struct AgentConfig {
    /// Runs that the built-in agent does at once, those that wait for a website or a person included.
    /// The others stay in `queued`. Each keeps its page in memory: less fits a small machine.
    #[arg(long, env = "WINDLASS_CAPACITY", default_value_t = Self::default().capacity)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) capacity: u32,
}

/// Source: docs/decisions/0035-a-slot-of-the-built-in-agent-is-memory.md.
impl Default for AgentConfig {
    fn default() -> Self {
        Self { capacity: 64 }
    }
}

/// Where the server may connect to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Egress")]
pub(crate) struct EgressConfig {
    /// Networks that sources and webhooks may lie in beside the public internet, as in
    /// 10.1.0.0/16,127.0.0.1. Everything private is refused otherwise.
    #[arg(
        long,
        env = "WINDLASS_EGRESS_ALLOW",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) egress_allow: Policy,
}

/// What is logged, to standard error.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogConfig {
    /// How a line looks: text for people, json for machines.
    #[arg(long, env = "WINDLASS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    /// What is logged: error, warn, info, debug or trace, also per module as in
    /// info,windlass_worker=debug.
    #[arg(long, env = "WINDLASS_LOG_LEVEL", default_value = "info")]
    #[arg(value_parser = crate::log::levels)]
    pub(crate) log_level: String,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// An http(s) address without query or fragment; a path is kept, for a proxy that mounts the API
/// below one.
fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let is_base = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_base {
        Ok(url)
    } else {
        Err("write an http or https address such as https://windlass.example".to_owned())
    }
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_a_base() {
        assert!(public_url("https://windlass.example/api").is_ok());
        for text in [
            "windlass.example",
            "ftp://windlass.example",
            "https://a.example/?b",
        ] {
            assert!(public_url(text).is_err(), "{text}");
        }
    }
}
