//! A client of the API, as a caller writes one.

use std::collections::BTreeSet;
use std::sync::Once;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// How long a run may take until it needs somebody or has ended, on a machine that is busy with other
/// tests.
const RUN: Duration = Duration::from_secs(60);

/// A client of one server with one key.
#[derive(Clone)]
pub struct Client {
    client: reqwest::Client,
    url: String,
    key: String,
}

/// What a call was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
}

impl Answer {
    /// `type/code` of the first error; empty where there is none.
    pub fn code(&self) -> String {
        let error = &self.body["errors"][0];
        match (error["type"].as_str(), error["code"].as_str()) {
            (Some(error_type), Some(code)) => format!("{error_type}/{code}"),
            _ => String::new(),
        }
    }
}

impl Client {
    /// A client of the server at this address.
    pub fn new(url: String, key: &str) -> Self {
        Self {
            client: http(),
            url,
            key: key.to_owned(),
        }
    }

    /// Calls, whatever is answered.
    ///
    /// # Errors
    /// Where nothing is answered, or no JSON.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.key)
            .timeout(Duration::from_secs(90));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.json().await.context("the answer is not JSON")?;
        Ok(Answer { status, body })
    }

    /// Calls with POST; anything but success is an error.
    ///
    /// # Errors
    /// What was answered instead.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        succeeded(path, self.call(Method::POST, path, Some(body)).await?)
    }

    /// Calls with PUT; anything but success is an error.
    ///
    /// # Errors
    /// What was answered instead.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        succeeded(path, self.call(Method::PUT, path, Some(body)).await?)
    }

    /// Calls with GET; anything but success is an error.
    ///
    /// # Errors
    /// What was answered instead.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        succeeded(path, self.call(Method::GET, path, None).await?)
    }

    /// All items of a list, over its pages.
    ///
    /// # Errors
    /// What was answered instead.
    pub async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self
                .get(&format!("{path}{separator}limit=100{cursor}"))
                .await?;
            let data = page["data"].as_array().context("a list without data")?;
            items.extend(data.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// The run, once it has one of these statuses.
    ///
    /// # Errors
    /// Where it has none of them within a minute.
    pub async fn run_in(&self, run_id: &str, statuses: &[&str]) -> anyhow::Result<Value> {
        let deadline = Instant::now() + RUN;
        loop {
            let run = self.get(&format!("/v2/task-runs/{run_id}")).await?;
            let status = run["status"].as_str().context("a run without a status")?;
            if statuses.contains(&status) {
                return Ok(run);
            }
            ensure!(
                Instant::now() < deadline,
                "the run is {status}, not one of {statuses:?}: {run}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The session, once it has one of these statuses.
    ///
    /// # Errors
    /// Where it has none of them within a minute.
    pub async fn session_in(&self, session_id: &str, statuses: &[&str]) -> anyhow::Result<Value> {
        let deadline = Instant::now() + RUN;
        loop {
            let session = self.get(&format!("/v2/sessions/{session_id}")).await?;
            if statuses.contains(&text(&session, "status")?) {
                return Ok(session);
            }
            ensure!(
                Instant::now() < deadline,
                "the session is not one of {statuses:?}: {session}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The run, once it has ended or asks a question that is none of these. After a restart of the
    /// server it may show for a moment what it asked before.
    ///
    /// # Errors
    /// Where it does neither within a minute.
    pub async fn asks_anew_or_ended(
        &self,
        run_id: &str,
        asked: &BTreeSet<String>,
    ) -> anyhow::Result<Value> {
        let deadline = Instant::now() + RUN;
        loop {
            let statuses = ["interaction_required", "completed", "failed", "canceled"];
            let run = self.run_in(run_id, &statuses).await?;
            if run["status"] != "interaction_required"
                || !asked.contains(text(&run["interaction"], "id")?)
            {
                return Ok(run);
            }
            ensure!(Instant::now() < deadline, "the run asks nothing new: {run}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The run, once it has ended.
    ///
    /// # Errors
    /// Where it does not end within a minute.
    pub async fn ended(&self, run_id: &str) -> anyhow::Result<Value> {
        self.run_in(run_id, &["completed", "failed", "canceled"])
            .await
    }
}

/// A client of HTTP alone, such as for the address of a file.
pub fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Nobody else in a test installs one; where somebody had, theirs would do.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    reqwest::Client::new()
}

fn succeeded(path: &str, answer: Answer) -> anyhow::Result<Value> {
    ensure!(
        answer.status.is_success(),
        "{path} answered {}: {}",
        answer.status,
        answer.body
    );
    Ok(answer.body)
}

/// The text of a member that must be there.
///
/// # Errors
/// Where it is not.
pub fn text<'a>(value: &'a Value, member: &str) -> anyhow::Result<&'a str> {
    value[member]
        .as_str()
        .with_context(|| format!("no `{member}` in {value}"))
}
