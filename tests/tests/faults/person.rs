//! A person whose run asks for codes, and who now and then has it canceled.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use windlass_demo_site::{Phone, User};
use windlass_tests::client::text;
use windlass_tests::{Asked, Calls, Client};

/// How often they look.
const LOOK: Duration = Duration::from_millis(1_500);

/// How long a run may take, kills and all.
const PATIENCE: Duration = Duration::from_secs(240);

/// Who waits for a run, and how.
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) calls: Arc<Calls>,
    pub(crate) phone: Phone,
    pub(crate) user: User,
    pub(crate) run_id: String,
    /// How long they take to answer.
    pub(crate) thinks: Duration,
    /// When they have had enough, if ever.
    pub(crate) cancels_after: Option<Duration>,
}

impl Person {
    /// Does what the run asks for until it has ended.
    pub(crate) async fn attend(mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut answered = BTreeSet::new();
        loop {
            ensure!(started.elapsed() < PATIENCE, "{} does not end", self.run_id);
            if self
                .cancels_after
                .is_some_and(|after| started.elapsed() > after)
            {
                self.cancels_after = None;
                self.ask(Asked::Cancel, None).await?;
            }
            let Some(run) = self.ask(Asked::Read, None).await? else {
                // The server is down, and will be there again.
                sleep(LOOK).await;
                continue;
            };
            match text(&run, "status")? {
                "completed" | "failed" | "canceled" => return Ok(()),
                "interaction_required" => {
                    let question = text(&run["interaction"], "id")?.to_owned();
                    if !answered.contains(&question) {
                        sleep(self.thinks).await;
                        if self.answer().await? {
                            answered.insert(question);
                        }
                    }
                }
                _ => {}
            }
            sleep(LOOK).await;
        }
    }

    /// Whether the answer was taken.
    async fn answer(&self) -> anyhow::Result<bool> {
        let Some(code) = self.phone.latest_code(&self.user.username) else {
            return Ok(false);
        };
        let body = json!({"input": {"code": code}});
        Ok(self.ask(Asked::Answer, Some(&body)).await?.is_some())
    }

    async fn ask(&self, asked: Asked, body: Option<&Value>) -> anyhow::Result<Option<Value>> {
        self.calls
            .call(&self.client, &self.run_id, asked, body)
            .await
    }
}
