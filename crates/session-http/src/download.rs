//! Files that are kept.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use ego_tree::NodeId;
use futures_util::stream::{BoxStream, StreamExt};
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use windlass_domain::file::MAX_FILE_BYTES;
use windlass_domain::run::{ErrorCode, RunError};
use windlass_playbook::Download;
use windlass_worker::RunFailure;
use windlass_worker::protocol::CapturedFile;

use crate::click::Click;
use crate::fetch::{Answer, Request, host};
use crate::file_name::{file_name, is_attachment};
use crate::player::Player;
use crate::trouble::Trouble;

/// The type of a file that came without one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The longest MIME type that is passed on.
const MAX_TYPE_BYTES: usize = 255;

/// The most files of one step.
const MAX_FILES: usize = 1000;

impl Player<'_> {
    pub(crate) async fn download(&mut self, download: &Download) -> Result<(), Trouble> {
        if !self.context.run.task.files_kept {
            return Ok(());
        }
        let mut seen = Vec::new();
        let mut files = 0;
        loop {
            let mut found = self.find(&download.selector)?;
            if !download.all {
                found.truncate(1);
                if found.is_empty() {
                    let message = format!("the page has no element {}", download.selector);
                    return Err(self.absent(message));
                }
            }
            files += found.len();
            if files > MAX_FILES {
                return Err(Trouble::task(format!(
                    "there are more than {MAX_FILES} files"
                )));
            }
            for id in found {
                self.context.check()?;
                self.keep_file(id).await?;
            }
            if !self.next_page(&download.pages, &mut seen).await? {
                return Ok(());
            }
        }
    }

    /// Fetches what a click leads to and keeps it; the page stays.
    async fn keep_file(&mut self, id: NodeId) -> Result<(), Trouble> {
        let click = self
            .page_mut()?
            .click(id)
            .map_err(|hindrance| Trouble::task(format!("it {hindrance}")))?;
        let from = Some(self.page()?.url.clone());
        let request = match click {
            Click::Follow(url) => Request::get(url, from),
            Click::Submit(submission) => Request::submit(submission, from),
            Click::Nothing => return Err(Trouble::task("it leads to no file")),
        };
        let answer = self.session.fetch(self.dialer, request).await?;
        check(&answer)?;
        let headers = answer.response.headers();
        let disposition = headers
            .get(CONTENT_DISPOSITION)
            .map(reqwest::header::HeaderValue::as_bytes);
        let file_name = file_name(disposition, &answer.url);
        let given_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let file_type = given_type
            .filter(|given| given.len() <= MAX_TYPE_BYTES)
            .unwrap_or(UNKNOWN_TYPE);
        let file_type = file_type.to_owned();
        let too_large = Arc::new(AtomicBool::new(false));
        let content = content(answer, &too_large);
        let kept = self
            .context
            .store_file(CapturedFile {
                file_name,
                file_type,
                content,
            })
            .await;
        match kept {
            Ok(_) => Ok(()),
            Err(RunFailure::Failed { .. }) if too_large.load(Ordering::Relaxed) => {
                let megabytes = MAX_FILE_BYTES / (1024 * 1024);
                let message = format!("the file has more than {megabytes} MiB");
                Err(Trouble::new(ErrorCode::StorageError, message))
            }
            Err(RunFailure::Failed { errors, .. }) => Err(Trouble::Error(first_of(errors))),
            Err(stopped @ RunFailure::Stopped(_)) => Err(stopped.into()),
        }
    }
}

/// The step is added to one error; `store_file` gives no more.
fn first_of(errors: Vec<RunError>) -> RunError {
    let unnamed = || RunError::new(ErrorCode::StorageError, "the file could not be kept");
    errors.into_iter().next().unwrap_or_else(unnamed)
}

/// Refuses what is no file: an error, or a page that one was sent to instead, such as the login.
fn check(answer: &Answer) -> Result<(), Trouble> {
    let status = answer.response.status();
    let (number, host) = (status.as_u16(), host(&answer.url));
    if status.is_server_error() {
        return Err(Trouble::source(format!(
            "{host} answered with status {number}"
        )));
    }
    if matches!(number, 401 | 403 | 429) {
        let message = format!("{host} refuses the file with status {number}");
        return Err(Trouble::new(ErrorCode::SourceBlocked, message));
    }
    if !status.is_success() {
        return Err(Trouble::task(format!(
            "{host} has no such file: status {number}"
        )));
    }
    let headers = answer.response.headers();
    let attached = headers
        .get(CONTENT_DISPOSITION)
        .is_some_and(|value| is_attachment(value.as_bytes()));
    let is_page = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if answer.redirected && is_page && !attached {
        return Err(Trouble::task(format!(
            "{host} leads to a page instead of a file"
        )));
    }
    Ok(())
}

/// The body, cut where it grows too long.
fn content(answer: Answer, too_large: &Arc<AtomicBool>) -> BoxStream<'static, io::Result<Bytes>> {
    let too_large = Arc::clone(too_large);
    let host = host(&answer.url);
    let mut bytes_so_far: u64 = 0;
    let limited = move |chunk: reqwest::Result<Bytes>| {
        // The library's own text holds the URL.
        let chunk =
            chunk.map_err(|_| io::Error::other(format!("the connection to {host} broke")))?;
        bytes_so_far = bytes_so_far.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if bytes_so_far > MAX_FILE_BYTES {
            too_large.store(true, Ordering::Relaxed);
            return Err(io::Error::other("the file is too large"));
        }
        Ok(chunk)
    };
    answer.response.bytes_stream().map(limited).boxed()
}
