//! The server that is checked, and what was made on it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::document::Document;
use crate::client::{http, text};

/// The longest that any call here may take: longer than the waits that are asked for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many requests one promise makes at most: with fewer left it waits for the next window.
const ENOUGH: u64 = 80;

/// A pool that no worker leases, so that runs stay as they are.
const POOL: &str = "contract-check";

/// A server, seen from outside.
pub struct Outside {
    client: reqwest::Client,
    url: String,
    key: String,
    pub(super) document: Document,
    /// Paths to delete at the end, the oldest first.
    made: Mutex<Vec<String>>,
    /// How the answers so far differ from the document.
    pub(super) strays: Mutex<Vec<String>>,
    /// What the last answer said of the limit of requests: how many are left, and for how many seconds.
    remaining: AtomicU64,
    resets_in: AtomicU64,
}

/// What a call was answered.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
    /// Null where it is no JSON.
    pub(super) body: Value,
}

/// A call to be made.
pub(super) struct Call<'a> {
    server: &'a Outside,
    method: Method,
    path: String,
    request: RequestBuilder,
}

impl Outside {
    /// The server at this address, as the owner of this key sees it. The key must reach everything.
    ///
    /// # Errors
    /// Nothing answers there, or no document, or the key is not good for all.
    pub async fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        let is_address = url.starts_with("http://") || url.starts_with("https://");
        ensure!(
            is_address,
            "{url:?} is no address: it begins with http:// or https://"
        );
        let url = url.trim_end_matches('/').to_owned();
        let client = http();
        let server = Self {
            document: document(&client, &url).await?,
            client,
            url,
            key: key.to_owned(),
            made: Mutex::default(),
            strays: Mutex::default(),
            remaining: AtomicU64::new(u64::MAX),
            resets_in: AtomicU64::default(),
        };
        server.require_key().await?;
        Ok(server)
    }

    /// With a key that does not reach everything nearly every promise would seem to be broken.
    async fn require_key(&self) -> anyhow::Result<()> {
        // Nothing has this id, and only who may write is told so.
        let answered = self.delete("/v2/agents/agt_contract-check-none").await?;
        match (answered.status, answered.code()) {
            (401, _) => bail!("{} does not know the key", self.url),
            (403, _) => bail!(
                "the key may not do everything, make one of scope `full`: {}",
                answered.body["errors"][0]["message"]
            ),
            _ => answered.expect(404, "agent_not_found"),
        }
    }

    /// Waits until the server takes enough requests to check a promise, where it limits them.
    pub(super) async fn rested(&self) {
        if self.remaining.load(Ordering::Relaxed) < ENOUGH {
            let seconds = self.resets_in.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }

    fn note_limit(&self, answered: &Answered) {
        let number = |name| answered.header(name).parse().ok();
        if let (Some(remaining), Some(resets_in)) =
            (number("ratelimit-remaining"), number("ratelimit-reset"))
        {
            self.remaining.store(remaining, Ordering::Relaxed);
            self.resets_in.store(resets_in, Ordering::Relaxed);
        }
    }

    /// A call with the key.
    pub(super) fn call(&self, method: Method, path: &str) -> Call<'_> {
        let key = format!("Bearer {}", self.key);
        self.open(method, path).header("authorization", &key)
    }

    /// A call without the key.
    pub(super) fn open(&self, method: Method, path: &str) -> Call<'_> {
        let address = format!("{}{path}", self.url);
        Call {
            server: self,
            request: self
                .client
                .request(method.clone(), address)
                .timeout(PATIENCE),
            method,
            path: path.to_owned(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Answered> {
        self.call(Method::GET, path).send().await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answered> {
        self.call(Method::POST, path).json(body).send().await
    }

    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<Answered> {
        self.call(Method::DELETE, path).send().await
    }

    /// Makes something that is deleted at the end; its body.
    pub(super) async fn make(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answered = self.post(path, body).await?;
        ensure!(
            matches!(answered.status, 200 | 201),
            "POST {path} answered {}: {}",
            answered.status,
            answered.body
        );
        Ok(answered.body)
    }

    pub(super) async fn agent(&self) -> anyhow::Result<Value> {
        self.make("/v2/agents", &json!({"name": "Contract check"}))
            .await
    }

    pub(super) async fn source(&self) -> anyhow::Result<Value> {
        // A name for examples, which leads nowhere.
        let website = json!({"url": "https://contract-check.example/login"});
        self.make(
            "/v2/sources",
            &json!({"type": "website", "website": website}),
        )
        .await
    }

    /// A task whose runs nobody takes.
    pub(super) async fn task(&self, more: Value) -> anyhow::Result<Value> {
        let agent = self.agent().await?;
        let mut body = json!({"name": "Contract check", "agent_id": agent["id"],
            "settings": {"pool": POOL, "source": "none"}});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        self.make("/v2/tasks", &body).await
    }

    /// A run that stays queued.
    pub(super) async fn run(&self, body: Value) -> anyhow::Result<Value> {
        let task = self.task(json!({})).await?;
        let path = format!("/v2/tasks/{}/run", text(&task, "id")?);
        self.make(&path, &body).await
    }

    fn remember(&self, path: &str, body: &Value) {
        let Some(id) = body["id"].as_str() else {
            return;
        };
        let place = match body["object"].as_str() {
            Some("task_run") => format!("/v2/task-runs/{id}"),
            Some("agent" | "source" | "credential" | "task" | "event_destination") => {
                format!("{path}/{id}")
            }
            Some(_) | None => return,
        };
        if let Ok(mut made) = self.made.lock()
            && !made.contains(&place)
        {
            made.push(place);
        }
    }
}

async fn document(client: &reqwest::Client, url: &str) -> anyhow::Result<Document> {
    let address = format!("{url}/openapi.json");
    let answer = client.get(&address).timeout(PATIENCE).send().await;
    let answer = answer.with_context(|| format!("nobody answers at {url}"))?;
    let status = answer.status();
    ensure!(
        status.is_success(),
        "{address} answers {status}; the address is that of the API, without /v2"
    );
    let document: Value = answer
        .json()
        .await
        .with_context(|| format!("{address} has no document"))?;
    Document::new(document).with_context(|| format!("{address} is no document of an API"))
}

impl Call<'_> {
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(super) fn json(mut self, body: &Value) -> Self {
        self.request = self.request.json(body);
        self
    }

    pub(super) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.body(body.into());
        self
    }

    /// Sends it, and leaves what is answered to be read: a stream, for as long as this.
    pub(super) async fn begin(self, at_most: Duration) -> anyhow::Result<Response> {
        Ok(self.request.timeout(at_most).send().await?)
    }

    /// Sends it. What was made is deleted at the end, and what the document does not say is noted.
    pub(super) async fn send(self) -> anyhow::Result<Answered> {
        let answer = self.request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await?.to_vec();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if self.method == Method::POST && matches!(status, 200 | 201) {
            self.server.remember(&self.path, &body);
        }
        let answered = Answered {
            status,
            headers,
            bytes,
            body,
        };
        self.server.note_limit(&answered);
        let path = self.path.split('?').next().unwrap_or_default();
        let strays = self
            .server
            .document
            .strays(self.method.as_str(), path, &answered);
        if let Ok(mut all) = self.server.strays.lock() {
            all.extend(strays);
        }
        Ok(answered)
    }
}

impl Answered {
    /// The first error's code; empty where there is none.
    pub(super) fn code(&self) -> &str {
        self.body["errors"][0]["code"].as_str().unwrap_or_default()
    }

    /// The first error's field; empty where there is none.
    pub(super) fn field(&self) -> &str {
        self.body["errors"][0]["field"].as_str().unwrap_or_default()
    }

    /// A header's text; empty where it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Fails unless the call was answered so.
    pub(super) fn expect(&self, status: u16, code: &str) -> anyhow::Result<()> {
        ensure!(
            (self.status, self.code()) == (status, code),
            "expected {status} {code}, not {} {}",
            self.status,
            self.body
        );
        Ok(())
    }

    /// Fails unless the call was refused so, with this field to blame.
    pub(super) fn expect_field(&self, status: u16, code: &str, field: &str) -> anyhow::Result<()> {
        self.expect(status, code)?;
        ensure!(
            self.field() == field,
            "{field} is to blame, not {}",
            self.body
        );
        Ok(())
    }

    /// The ids of a page.
    pub(super) fn ids(&self) -> anyhow::Result<Vec<String>> {
        let items = self.body["data"].as_array();
        let items = items.with_context(|| format!("no list: {}", self.body))?;
        items
            .iter()
            .map(|item| Ok(text(item, "id")?.to_owned()))
            .collect()
    }
}

/// Deletes what was made, the newest first. Runs have no delete: they are canceled, and kept as long
/// as the server keeps runs; what was deleted by a check is gone already.
pub(super) async fn removed(server: &Outside) -> anyhow::Result<()> {
    let made = server
        .made
        .lock()
        .map(|made| made.clone())
        .unwrap_or_default();
    for path in made
        .iter()
        .filter(|path| path.starts_with("/v2/task-runs/"))
    {
        let canceled = server
            .call(Method::POST, &format!("{path}/cancel"))
            .send()
            .await?;
        let is_over = canceled.status == 200 || canceled.code() == "run_not_cancelable";
        ensure!(is_over, "{path}: {}", canceled.body);
    }
    for path in made
        .iter()
        .rev()
        .filter(|path| !path.starts_with("/v2/task-runs/"))
    {
        let deleted = server.delete(path).await?;
        ensure!(
            matches!(deleted.status, 200 | 404),
            "{path}: {}",
            deleted.body
        );
    }
    Ok(())
}
