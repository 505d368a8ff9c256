//! A worker of one's own: it opens the start page of each run's source, keeps it as a file, asks the
//! person where the run's input says so, and gives the page's title.

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use serde_json::json;
use windlass_worker::{
    Agent, CapturedFile, ErrorCode, ExposeSecret, HttpProtocol, Outcome, RunContext, RunError,
    RunFailure, SecretSlice, Worker,
};

/// How long a website may take for its page.
const PAGE: Duration = Duration::from_secs(120);

/// How much of a page is looked through for its title.
const MOST_BYTES: usize = 1024 * 1024;

/// Reads titles of pages.
struct Titles {
    client: reqwest::Client,
}

#[async_trait]
impl Agent for Titles {
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        let title = match &context.run.checkpoint {
            // An earlier lease of this run was lost or given back while the person was asked: it goes on
            // from there, and the website is not opened again.
            Some(checkpoint) => String::from_utf8_lossy(checkpoint.expose_secret()).into_owned(),
            None => self.title(context).await?,
        };
        if context.run.input["approve"] == true {
            let checkpoint = SecretSlice::from(title.clone().into_bytes());
            let message = format!("The page is called {title:?}. Is it the right one?");
            context
                .ask("approval", &message, Vec::new(), Some(checkpoint))
                .await?;
        }
        Ok(Outcome::of(json!({"title": title})))
    }
}

impl Titles {
    /// Opens the page, keeps it, and reads its title.
    async fn title(&self, context: &RunContext) -> Result<String, RunFailure> {
        let source = context.run.source.as_ref();
        let source = source.ok_or_else(|| task_failed("The run has no source to open."))?;
        // Before the first request to the source: a run that is lost before costs nothing.
        context.begin().await?;
        context.progress(1, "open the page")?;
        // A cancel breaks it off.
        let page = context.unless_stopped(self.page(&source.url)).await??;
        context.progress(2, "keep the page")?;
        let file = CapturedFile::new("page.html", "text/html", page.clone());
        context.store_file(file).await?;
        let page = String::from_utf8_lossy(&page);
        let title = page.split_once("<title>").map(|(_, rest)| rest);
        let title = title.and_then(|rest| Some(rest.split_once("</title>")?.0.trim().to_owned()));
        title.ok_or_else(|| task_failed("The page has no title.").into())
    }

    async fn page(&self, url: &str) -> Result<Vec<u8>, RunError> {
        let not_available = |error: reqwest::Error| {
            let message = format!("The page cannot be opened: {}", error.without_url());
            RunError::new(ErrorCode::SourceNotAvailable, message)
        };
        let answer = self.client.get(url).timeout(PAGE).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        let mut answer = answer.map_err(not_available)?;
        let mut page = Vec::new();
        while let Some(bytes) = answer.chunk().await.map_err(not_available)? {
            page.extend_from_slice(&bytes);
            if page.len() > MOST_BYTES {
                return Err(task_failed("The page is longer than 1 MiB."));
            }
        }
        Ok(page)
    }
}

fn task_failed(message: &str) -> RunError {
    RunError::new(ErrorCode::TaskFailed, message)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = std::env::args().skip(1);
    let (mut server, mut name) = ("http://127.0.0.1:8080".to_owned(), "titles-1".to_owned());
    while let Some(argument) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{argument} has no value"))?;
        match argument.as_str() {
            "--server" => server = value,
            "--name" => name = value,
            other => anyhow::bail!("{other} is no argument: there are --server and --name"),
        }
    }
    let key = std::env::var("WINDLASS_KEY").context("WINDLASS_KEY is not set")?;
    let protocol = HttpProtocol::new(&server, key)?;
    let agent = Titles {
        client: reqwest::Client::new(),
    };
    Worker::new(name, protocol, agent).serve().await?;
    Ok(())
}
