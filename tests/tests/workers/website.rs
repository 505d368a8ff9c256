//! A website of one page, whose answers the test holds back as it likes.

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::process::PATIENCE;

/// A website. Its requests are numbered from 1, and the page that answers one has its number as title.
pub(crate) struct Website {
    url: String,
    requests: watch::Receiver<u32>,
    held: watch::Sender<Vec<u32>>,
    _task: AbortOnDropHandle<()>,
}

impl Website {
    /// Holds back the answers to the requests of these numbers.
    pub(crate) async fn holding(numbers: &[u32]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let (count, requests) = watch::channel(0);
        let (held, told) = watch::channel(numbers.to_vec());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, count.clone(), told.clone()));
            }
        });
        Ok(Self {
            url,
            requests,
            held,
            _task: AbortOnDropHandle::new(task),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> u32 {
        *self.requests.borrow()
    }

    /// Waits until so many came.
    pub(crate) async fn asked(&self, count: u32) -> anyhow::Result<()> {
        let mut requests = self.requests.clone();
        let asked = requests.wait_for(|requests| *requests >= count);
        let asked = timeout(PATIENCE, asked).await;
        asked.context("the website was not asked")??;
        Ok(())
    }

    /// Answers whatever was held back.
    pub(crate) fn let_go(&self) {
        self.held.send_replace(Vec::new());
    }
}

async fn answer(
    mut stream: TcpStream,
    count: watch::Sender<u32>,
    mut held: watch::Receiver<Vec<u32>>,
) -> anyhow::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut number = 0;
    count.send_modify(|count| {
        *count += 1;
        number = *count;
    });
    held.wait_for(|held| !held.contains(&number)).await?;
    let page = format!("<html><head><title>Page {number}</title></head></html>");
    let length = page.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all((head + &page).as_bytes()).await?;
    Ok(())
}
