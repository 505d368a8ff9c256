//! The same runs by the agent alone, in this process, with a server that says yes to everything: what
//! is left of a run without store and API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windlass_domain::Timestamp;
use windlass_domain::id::{CredentialId, Random, RunId, SessionId, SourceId, TaskId};
use windlass_domain::run::{Epoch, Status};
use windlass_domain::task::TaskSettings;
use windlass_egress::{Dialer, Timeouts};
use windlass_session_http::{HttpAgent, Manners};
use windlass_worker::lease::{LeasedSource, LeasedTask};
use windlass_worker::protocol::{
    Answer, Begun, CapturedFile, CapturedScreenshot, FinishReport, Heard, Kept, LeaseKey,
    LeaseRequest, Leases, Progress, Question, Registration, Renewal,
};
use windlass_worker::{Agent, LeasedRun, OpenedCredential, Protocol, ProtocolError, RunContext};

use crate::http_tier::{each, per_second};
use crate::process::processor_time;
use crate::row::{Figure, Size, listed, middle};
use crate::site::{PASSWORD, Site, USERNAME};
use crate::walk;

/// Runs at once, as many as keep two cores busy.
const AT_ONCE: usize = 64;

pub(crate) async fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let site = Site::start().await?;
    let dialer = Dialer::new("127.0.0.0/8".parse()?, Timeouts::default())?;
    let agent = Arc::new(HttpAgent::new(dialer, Manners::default()));
    play(&agent, &site, size.runs.div_ceil(10)).await?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..size.readings {
        let before = processor_time(std::process::id())?;
        let begun_at = Instant::now();
        play(&agent, &site, size.runs).await?;
        rates.push(per_second(size.runs, begun_at.elapsed()));
        costs.push(each(
            processor_time(std::process::id())? - before,
            size.runs,
        ));
    }
    Ok(vec![Figure {
        what: "– the tier alone, without store and API",
        measured: format!(
            "{:.0} runs/s, {:.0} µs a run with the site",
            middle(rates.clone()),
            middle(costs)
        ),
        target: None,
        how: format!(
            "{AT_ONCE} at once in one process, readings {}",
            listed(&rates)
        ),
    }])
}

async fn play(agent: &Arc<HttpAgent>, site: &Site, runs: usize) -> anyhow::Result<()> {
    let mut players = JoinSet::new();
    for player in 0..AT_ONCE {
        let (agent, url) = (Arc::clone(agent), site.url());
        let share = runs / AT_ONCE + usize::from(player < runs % AT_ONCE);
        players.spawn(async move {
            for _ in 0..share {
                let context = context(&url, u8::try_from(player)?);
                let outcome = agent.run(&context).await;
                let outcome = outcome.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
                let rows = outcome.output["invoices"].as_array().map(Vec::len);
                anyhow::ensure!(rows == Some(walk::ROWS), "an output is not whole");
                agent.end_session(context.run.session_id).await;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = players.join_next().await {
        ended??;
    }
    Ok(())
}

/// A run of its own session.
fn context(url: &str, player: u8) -> RunContext {
    let (at, random) = (Timestamp::from_millis(0), Random([player; 10]));
    let run = LeasedRun {
        run_id: RunId::new(at, random),
        session_id: SessionId::new(at, random),
        resumed: false,
        task: LeasedTask {
            id: TaskId::new(at, random),
            name: "Invoices".to_owned(),
            prompt: None,
            input_schema: None,
            output_schema: Some(walk::output_schema()),
            files_kept: false,
            extraction: None,
            settings: TaskSettings::default(),
        },
        input: json!({}),
        source: Some(LeasedSource {
            id: SourceId::new(at, random),
            url: url.to_owned(),
        }),
        credential_id: Some(CredentialId::new(at, random)),
        playbook: Some(walk::playbook()),
        checkpoint: None,
        epoch: Epoch(1),
        begun: false,
        lease_expires_at: at,
        trace_parent: None,
    };
    let (canceled, lost) = (CancellationToken::new(), CancellationToken::new());
    RunContext::new(run, Arc::new(Yes), canceled, lost)
}

/// A server that keeps nothing.
struct Yes;

const HEARD: Heard = Heard { cancel: false };

#[async_trait]
impl Protocol for Yes {
    async fn begin(&self, _: LeaseKey) -> Result<Begun, ProtocolError> {
        Ok(Begun {
            credential: Some(OpenedCredential {
                id: CredentialId::new(Timestamp::from_millis(0), Random([0; 10])),
                was_tried: true,
                username: Some(USERNAME.to_owned()),
                password: Some(PASSWORD.to_owned().into()),
                totp_secret: None,
                source_fields: std::collections::BTreeMap::new(),
                login: None,
            }),
            cancel: false,
        })
    }

    async fn progress(&self, _: LeaseKey, _: Vec<Progress>) -> Result<Heard, ProtocolError> {
        Ok(HEARD)
    }

    async fn store_screenshot(
        &self,
        _: LeaseKey,
        _: CapturedScreenshot,
    ) -> Result<Heard, ProtocolError> {
        Ok(HEARD)
    }

    async fn register(&self, _: &str, _: Option<&str>) -> Result<Registration, ProtocolError> {
        not_made()
    }

    async fn lease(&self, _: LeaseRequest) -> Result<Leases, ProtocolError> {
        not_made()
    }

    async fn renew(&self, _: LeaseKey) -> Result<Renewal, ProtocolError> {
        not_made()
    }

    async fn store_file(&self, _: LeaseKey, _: CapturedFile) -> Result<Kept, ProtocolError> {
        not_made()
    }

    async fn interact(&self, _: LeaseKey, _: Question) -> Result<Heard, ProtocolError> {
        not_made()
    }

    async fn withdraw(&self, _: LeaseKey, _: u32) -> Result<Heard, ProtocolError> {
        not_made()
    }

    async fn answer(&self, _: LeaseKey, _: Duration) -> Result<Answer, ProtocolError> {
        not_made()
    }

    async fn finish(&self, _: LeaseKey, _: FinishReport) -> Result<Status, ProtocolError> {
        not_made()
    }

    async fn release(&self, _: LeaseKey) -> Result<Status, ProtocolError> {
        not_made()
    }

    async fn release_asking(&self, _: LeaseKey, _: u32) -> Result<Status, ProtocolError> {
        not_made()
    }

    async fn evict(&self, _: &str, _: u32, _: SessionId) -> Result<(), ProtocolError> {
        not_made()
    }

    async fn drain(&self, _: &str, _: u32) -> Result<(), ProtocolError> {
        not_made()
    }
}

fn not_made<T>() -> Result<T, ProtocolError> {
    Err(ProtocolError::Refused {
        message: "a run of the bench makes no such call".to_owned(),
    })
}
