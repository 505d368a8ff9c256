//! A running server: what `windlass serve` and the demo start, and how it stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tracing::info;
use url::Url;
use windlass_api::{Drain, Ops, ServeLimits, install_metrics, ops_router, router, serve};
use windlass_application::Application;

use crate::background::Background;
use crate::config::ServeConfig;
use crate::data_folder::{DataFolder, FolderLock};
use crate::embedded;
use crate::first_start;
use crate::replica;
use crate::store::{self, Store};
use crate::{tls, wiring};

/// How long deliveries that are under way may take once nothing else is left to do: a receiver has
/// five seconds for its status. What is cut is sent again at the next start.
const DELIVERY_GRACE: Duration = Duration::from_secs(6);

/// How much longer than the drain its end may take: runs that did not end are given back then, and
/// last answers go out.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// A server that serves.
pub(crate) struct Server {
    scheme: &'static str,
    api_address: SocketAddr,
    ops_address: SocketAddr,
    /// Answers callers, and leases runs and has them done: what a drain is about.
    front: Background,
    /// Sweeps, and sends webhooks.
    loops: Background,
    /// Answers operators to the last.
    ops: Background,
    front_drain: Drain,
    ops_drain: Drain,
    drain: Duration,
    store: Arc<dyn Store>,
    /// Where the database is a file. Let go of last, so that no other server finds this one's work
    /// half done.
    _lock: Option<FolderLock>,
}

impl Server {
    /// Starts all of it, in the order of docs/operations.md, "First start". When this returns, the
    /// API answers.
    ///
    /// # Errors
    /// The folder is taken, the key is missing or wrong, the database does not open, or an address
    /// is taken.
    pub(crate) async fn start(config: &ServeConfig) -> anyhow::Result<Self> {
        let periods = config.retention.periods()?;
        let folder = DataFolder::open(&config.data)?;
        let database = match &config.data.database {
            Some(database) => database.clone(),
            None => folder.database(),
        };
        let lock = database.is_file().then(|| folder.lock()).transpose()?;
        let store = store::open(&database, config.caps.caps()).await?;
        let alone = store.first_start().await?;
        let keys = first_start::master_key(&folder, &config.master_key, &*store).await?;
        let tls = tls::server(&config.listen)?;
        // Bound before anything works, so that a port that is taken changes nothing.
        let (api_listener, api_address) = bind(config.listen.listen).await?;
        let (ops_listener, ops_address) = bind(config.listen.ops_listen).await?;
        let application = wiring::application(&store, &keys.master_keys, &folder, config)?;
        first_start::first_key(
            &folder,
            &config.first_key,
            &*store,
            &*store.clock(),
            &application.issue_key,
        )
        .await?;
        drop(alone);
        let (front_drain, ops_drain) = (Drain::default(), Drain::default());
        let api = router(
            Arc::clone(&application),
            wiring::api_config(
                &keys,
                public_url(config, api_address)?,
                &config.calls,
                front_drain.clone(),
            ),
        );
        #[cfg(feature = "mcp")]
        let api = windlass_mcp::router(api);
        let ops_answers = ops_router(Ops {
            application: Arc::clone(&application),
            drain: front_drain.clone(),
            metrics: install_metrics().context("failed to collect metrics")?,
        });
        let drain = config.clocks.drain();
        let name = replica::name(config.replicas.replica_name.as_deref(), &database)?;
        let worker = wiring::worker(&application, name, config)?;
        // Before a caller is answered: what the last start held is lost from here on, so nobody
        // answers a question whose page is gone.
        let registration = worker.register().await?;
        let mut front = Background::new();
        let threads = embedded::Threads::start()?;
        let beside = front_drain.beside();
        front.start("worker", move |stop| async move {
            // A drain takes calls as long as runs are under way.
            let _beside = beside;
            let work = async move { worker.work(registration, stop).await };
            threads.run(work).await?.map_err(replica::explained)
        });
        let scheme = scheme(config);
        serve_on(
            &mut front,
            "API",
            (api_listener, tls),
            api,
            &front_drain,
            drain,
        );
        let mut loops = Background::new();
        start_loops(&mut loops, &application);
        let retain = wiring::retain(&store, &application, periods);
        loops.start("retention", |stop| async move {
            retain.run_until(&stop).await;
            Ok(())
        });
        let link_audit = wiring::link_audit(&store, &application);
        loops.start("chainer of the audit", |stop| async move {
            link_audit.run_until(&stop).await;
            Ok(())
        });
        let mut ops = Background::new();
        serve_on(
            &mut ops,
            "operations",
            (ops_listener, None),
            ops_answers,
            &ops_drain,
            LAST_GRACE,
        );
        Ok(Self {
            scheme,
            api_address,
            ops_address,
            front,
            loops,
            ops,
            front_drain,
            ops_drain,
            drain,
            store,
            _lock: lock,
        })
    }

    /// Where the API is, without a slash at the end.
    pub(crate) fn api_url(&self) -> String {
        format!("{}://{}", self.scheme, self.api_address)
    }

    /// Where health and metrics are.
    pub(crate) fn ops_url(&self) -> String {
        format!("http://{}", self.ops_address)
    }

    /// Waits until a part has ended without which the server cannot go on.
    pub(crate) async fn broken(&mut self) -> anyhow::Error {
        tokio::select! {
            error = self.front.broken() => error,
            error = self.loops.broken() => error,
            error = self.ops.broken() => error,
        }
    }

    /// Drains: leases nothing more, answers who waits, lets runs end or gives them back and takes calls
    /// meanwhile, then sends what is under way and closes the database.
    pub(crate) async fn stop(self) {
        info!("draining for up to {} s", self.drain.as_secs());
        self.front_drain.begin();
        self.front.stop(self.drain + LAST_GRACE).await;
        self.loops.stop(DELIVERY_GRACE).await;
        self.ops_drain.begin();
        self.ops.stop(LAST_GRACE).await;
        self.store.close().await;
    }
}

/// Takes an address; port 0 is a free one.
async fn bind(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("failed to listen on {address}"))?;
    let bound = listener
        .local_addr()
        .with_context(|| format!("failed to read the port of {address}"))?;
    Ok((listener, bound))
}

fn serve_on(
    background: &mut Background,
    name: &'static str,
    (listener, tls): (TcpListener, Option<Arc<ServerConfig>>),
    answers: Router,
    drain: &Drain,
    within: Duration,
) {
    let (drain, limits) = (
        drain.clone(),
        ServeLimits {
            drain: within,
            ..ServeLimits::default()
        },
    );
    background.start(name, move |_| async move {
        Ok(serve(listener, answers, drain, limits, tls).await?)
    });
}

fn scheme(config: &ServeConfig) -> &'static str {
    match config.listen.tls_cert {
        Some(_) => "https",
        None => "http",
    }
}

/// Where callers are told to fetch files.
fn public_url(config: &ServeConfig, api_address: SocketAddr) -> anyhow::Result<Url> {
    match &config.listen.public_url {
        Some(url) => Ok(url.clone()),
        None => Url::parse(&format!("{}://{api_address}", scheme(config)))
            .context("failed to write the API's address"),
    }
}

fn start_loops(loops: &mut Background, application: &Arc<Application>) {
    let sweeping = Arc::clone(application);
    loops.start("sweeper", |stop| async move {
        sweeping.sweeper.run_until(&stop).await;
        Ok(())
    });
    if let Some(dispatcher) = application.dispatcher.clone() {
        loops.start("dispatcher", |stop| async move {
            dispatcher.run_until(&stop).await;
            Ok(())
        });
    }
    let looking = Arc::clone(application);
    loops.start("look at runs that are waited for", |stop| async move {
        looking.wait_for_run.look_until(&stop).await;
        Ok(())
    });
    let following = Arc::clone(application);
    loops.start("look for new events", |stop| async move {
        following.follow_events.look_until(&stop).await;
        Ok(())
    });
}
