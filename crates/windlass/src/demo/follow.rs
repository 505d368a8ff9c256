//! Starts the run and shows what happens in it, as it happens.

use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::client::{Client, list, text};
use super::screen::{Progress, Screen};
use super::setup::{Setup, step_count};
use super::stage::Stage;

/// How often the run is looked at. A caller who only wants the result would wait instead.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts a run and follows it to its end; answers its id.
pub(super) async fn run(
    client: &Client,
    stage: &Stage,
    setup: &Setup,
    screen: &Screen,
    interactive: bool,
) -> anyhow::Result<String> {
    screen.heading("Run");
    let path = format!("/v2/tasks/{}/run", setup.task_id);
    let body = json!({"credential_id": setup.credential_id});
    let run = client.post(&path, &body).await?;
    let run_id = text(&run, "id")?.to_owned();
    screen.did("POST /v2/tasks/…/run", &run_id);
    let steps = u64::try_from(step_count()).context("failed to count the playbook's steps")?;
    let mut follower = Follower {
        client,
        run_id,
        started: Instant::now(),
        shown: 0,
        progress: screen.progress(steps),
    };
    let mut asked = 0;
    loop {
        let run = follower.look().await?;
        match text(&run, "status")? {
            "completed" => {
                follower.show_new().await?;
                break;
            }
            "interaction_required" if run["interaction"]["attempt"].as_u64() > Some(asked) => {
                asked += 1;
                follower.show_new().await?;
                let code = follower
                    .code(stage, &run["interaction"], interactive)
                    .await?;
                follower.answer(&code).await?;
            }
            "queued" | "running" | "interaction_required" => tokio::time::sleep(PAUSE).await,
            status => bail!("the run ended as {status}: {}", reasons(&run)),
        }
    }
    Ok(follower.run_id)
}

struct Follower<'a> {
    client: &'a Client,
    run_id: String,
    started: Instant,
    /// Lines of the timeline that were shown.
    shown: usize,
    progress: Progress<'a>,
}

impl Follower<'_> {
    async fn look(&mut self) -> anyhow::Result<Value> {
        self.show_new().await?;
        self.client
            .get(&format!("/v2/task-runs/{}", self.run_id))
            .await
    }

    /// Shows the lines of the timeline that are new.
    async fn show_new(&mut self) -> anyhow::Result<()> {
        let path = format!("/v2/task-runs/{}/timeline", self.run_id);
        let timeline = self.client.get(&path).await?;
        let lines = list(&timeline, "data")?;
        for line in lines.iter().skip(self.shown) {
            self.show(line);
        }
        self.shown = lines.len();
        Ok(())
    }

    fn show(&self, line: &Value) {
        let message = line["message"].as_str().unwrap_or_default();
        let since_start = self.started.elapsed();
        match line["kind"].as_str() {
            Some("event") => {
                let status = message.strip_prefix("task_run.").unwrap_or(message);
                self.progress.line(since_start, status, "");
            }
            Some("file") => self.progress.line(since_start, "file", message),
            Some("interaction") => self.progress.line(since_start, "question", message),
            // Its step was told when it began.
            Some("screenshot") => {}
            _ => {
                if let Some(step) = line["step"].as_u64() {
                    self.progress.at(step, message);
                    self.progress
                        .line(since_start, &format!("  step {step}"), message);
                }
            }
        }
    }

    /// The code that the website has sent: as the phone shows it, or as the person types it.
    async fn code(
        &self,
        stage: &Stage,
        interaction: &Value,
        interactive: bool,
    ) -> anyhow::Result<String> {
        let username = stage.user()?.username;
        let messages = stage.site().phone().messages();
        let message = messages
            .into_iter()
            .find(|message| message.username == username)
            .context("the website asks for a code and has sent none")?;
        self.progress
            .line(self.started.elapsed(), "phone", &message.text);
        if !interactive {
            return Ok(message.code);
        }
        let question = text(interaction, "message")?.to_owned();
        self.progress.hide();
        let typed = tokio::task::spawn_blocking(move || ask(&question)).await;
        self.progress.show_again();
        typed.context("failed to ask")?
    }

    async fn answer(&self, code: &str) -> anyhow::Result<()> {
        let path = format!("/v2/task-runs/{}/interaction", self.run_id);
        let run = self
            .client
            .post(&path, &json!({"input": {"code": code}}))
            .await?;
        let status = text(&run, "status")?;
        ensure!(
            status == "running",
            "an answered run must be running; it is {status}"
        );
        self.progress.line(
            self.started.elapsed(),
            "answered",
            "POST /v2/task-runs/…/interaction",
        );
        Ok(())
    }
}

/// The errors of a run in a sentence.
fn reasons(run: &Value) -> String {
    let errors = run["errors"].as_array().into_iter().flatten();
    let reasons = errors.map(|error| {
        let part = |name: &str| error[name].as_str().unwrap_or_default();
        format!("{}/{}: {}", part("type"), part("code"), part("message"))
    });
    reasons.collect::<Vec<_>>().join("; ")
}

/// Asks at the terminal until something is typed.
fn ask(question: &str) -> anyhow::Result<String> {
    loop {
        print!("\n  {question}\n  > ");
        io::stdout().flush().context("failed to ask")?;
        let mut line = String::new();
        let length = io::stdin()
            .lock()
            .read_line(&mut line)
            .context("failed to read the answer")?;
        ensure!(
            length > 0,
            "nobody is there to answer: leave out --interactive"
        );
        match line.trim() {
            "" => {}
            code => return Ok(code.to_owned()),
        }
    }
}
