//! What the demo plays on: a server in an empty folder, a website, and a receiver of webhooks.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use ipnet::{IpNet, Ipv4Net};
use secrecy::SecretString;
use tempfile::TempDir;
use windlass_demo_site::{DemoSite, User, WebhookReceiver};
use windlass_domain::organization::Environment;
use windlass_egress::Policy;

use super::screen::Screen;
use crate::address::Signals;
use crate::config::{
    AgentConfig, CallConfig, CapConfig, ClockConfig, DataConfig, EgressConfig, FirstKeyConfig,
    ListenConfig, MasterKeyConfig, ReplicaConfig, RetentionConfig, ServeConfig, SessionOverflow,
    Unknown,
};
use crate::log;
use crate::server::Server;
use crate::source_config::SourceConfig;

/// How long each page of the website takes, so that there is something to follow: websites that are
/// not on one's own machine take longer.
const PAGE_DELAY: Duration = Duration::from_millis(400);

/// The pages that are slow. The phone's is not: it is no part of the run.
const PAGES: [&str; 3] = ["/login", "/verify", "/invoices"];

pub(super) struct Stage {
    server: Server,
    site: DemoSite,
    receiver: WebhookReceiver,
    key: SecretString,
    folder: TempDir,
}

impl Stage {
    /// Starts all three.
    pub(super) async fn set(screen: &Screen) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("windlass-demo-").context("failed to make a folder")?;
        let log_file = folder.path().join("server.log");
        let log_file = File::create(log_file).context("failed to make the server's log")?;
        log::to_file(log_file)?;
        let receiver = WebhookReceiver::start(None)
            .await
            .context("failed to start the receiver of webhooks")?;
        let site = DemoSite::start()
            .await
            .context("failed to start the website")?;
        for page in PAGES {
            site.slow(page, PAGE_DELAY);
        }
        let key = key();
        let server = Server::start(&config(&folder, &key))
            .await
            .context("failed to start the server")?;
        let stage = Self {
            server,
            site,
            receiver,
            key,
            folder,
        };
        stage.show(screen);
        Ok(stage)
    }

    fn show(&self, screen: &Screen) {
        screen.heading("Started");
        screen.fact(
            "server",
            &self.api_url(),
            "its database and files are in an empty folder",
        );
        screen.fact(
            "website",
            &self.site.url(),
            "Nordlys Kraft, a utility company",
        );
        screen.fact(
            "receiver",
            &self.receiver.url(),
            "takes and verifies webhooks",
        );
        screen.fact(
            "egress",
            "127.0.0.0/8",
            "the demo lets the server call this machine; otherwise it refuses to",
        );
    }

    pub(super) fn api_url(&self) -> String {
        self.server.api_url()
    }

    pub(super) fn site(&self) -> &DemoSite {
        &self.site
    }

    pub(super) fn receiver(&self) -> &WebhookReceiver {
        &self.receiver
    }

    /// The API key of the demo's organization.
    pub(super) fn key(&self) -> &SecretString {
        &self.key
    }

    /// Who logs in at the website.
    pub(super) fn user(&self) -> anyhow::Result<User> {
        self.site
            .users()
            .into_iter()
            .next()
            .context("the website has no user")
    }

    /// Stops everything and drops the folder; unless all went well, the folder stays, and where the
    /// server's log lies is returned.
    pub(super) async fn strike(self, all_went_well: bool) -> anyhow::Result<Option<PathBuf>> {
        self.server.stop().await;
        self.site.stop().await;
        self.receiver.stop().await;
        if all_went_well {
            self.folder
                .close()
                .context("failed to drop the demo's folder")?;
            return Ok(None);
        }
        Ok(Some(self.folder.keep().join("server.log")))
    }
}

/// A key for tests, which the server is told to take as its first.
fn key() -> SecretString {
    let random: [u8; 16] = windlass_application::random::bytes();
    let prefix = Environment::Test.key_prefix();
    SecretString::from(format!("{prefix}{:032x}", u128::from_be_bytes(random)))
}

/// Free ports, a folder of its own, and what the demo needs to be let do.
fn config(folder: &TempDir, key: &SecretString) -> ServeConfig {
    let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    ServeConfig {
        listen: ListenConfig {
            listen: free_port,
            ops_listen: free_port,
            public_url: None,
            tls_cert: None,
            tls_key: None,
        },
        data: DataConfig {
            data_dir: folder.path().join("data"),
            database: None,
        },
        replicas: ReplicaConfig {
            signals: Signals::Local,
            signals_prefix: String::new(),
            replica_name: None,
        },
        master_key: MasterKeyConfig {
            master_key: None,
            master_key_previous: None,
        },
        first_key: FirstKeyConfig {
            bootstrap_key: Some(key.clone()),
        },
        clocks: ClockConfig {
            lease_seconds: 30,
            cancel_grace_seconds: 5,
            drain_seconds: 2,
        },
        caps: CapConfig {
            session_cap: 100,
            queue_cap: 100,
            session_overflow: SessionOverflow::Wait,
        },
        calls: CallConfig {
            rate_limit: 0,
            open_calls: 100,
            unknown_fields: Unknown::Refuse,
        },
        retention: RetentionConfig {
            retention_runs_days: 1,
            retention_files_days: 1,
            retention_screenshots_days: 1,
            retention_events_days: 1,
        },
        egress: EgressConfig {
            egress_allow: Policy::new([loopback()]),
        },
        agent: AgentConfig::default(),
        source: SourceConfig::default(),
    }
}

fn loopback() -> IpNet {
    IpNet::from(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8))
}
