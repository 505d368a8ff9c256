//! Files that are kept.

mod promise;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ego_tree::NodeId;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;
use windlass_domain::file::{Extraction, MAX_FILE_BYTES};
use windlass_domain::run::{ErrorCode, RunError};
use windlass_playbook::Download;
use windlass_worker::RunFailure;
use windlass_worker::protocol::CapturedFile;

use crate::arrival::{body_of, unreadable};
use crate::click::Click;
use crate::download::promise::{Promise, is_page_name};
use crate::fetch::{Answer, Request, host};
use crate::file_name::{file_name, is_attachment};
use crate::form::FormBody;
use crate::next_page::Seen;
use crate::player::Player;
use crate::trouble::Trouble;
use crate::unpack::Unreadable;

/// The type of a file that came without one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The longest MIME type that is passed on.
const MAX_TYPE_BYTES: usize = 255;

/// The most files of one step.
const MAX_FILES: usize = 1000;

/// How much of addresses is compared with those of another page: each link may stand on the same long base.
const MAX_COMPARED_BYTES: usize = 4 * 1024 * 1024;

/// How much of requests is made before the first of them is sent.
const MAX_REQUESTS_BYTES: usize = 1024 * 1024;

impl Player<'_> {
    pub(crate) async fn download(&mut self, download: &Download) -> Result<(), Trouble> {
        let mut seen = Seen::default();
        let (mut files, mut number, mut before) = (0, 0, None);
        loop {
            let mut found = self.find(&download.selector)?;
            if found.is_empty() {
                self.check_empty(&seen)?;
            }
            if !download.all {
                found.truncate(1);
            }
            let leads_to = match &download.pages.next {
                Some(_) => self.leads_to(&found)?,
                None => None,
            };
            // Behind its last page a list may show that one again.
            let is_told = leads_to.is_some() || seen.is_posted;
            if seen.shows_same && !found.is_empty() && is_told && leads_to == before {
                break;
            }
            before = leads_to;
            files += found.len();
            if files > MAX_FILES {
                return Err(Trouble::task(format!(
                    "there are more than {MAX_FILES} files"
                )));
            }
            let mut found = found.into_iter();
            while let requests = self.file_requests(&mut found)?
                && !requests.is_empty()
            {
                self.session.page_sleeps();
                for request in requests {
                    self.context.check()?;
                    number += 1;
                    let url = request.url.clone();
                    let kept = self.keep_file(request, download.html).await;
                    kept.map_err(|trouble| {
                        let address = self.without_values(&url);
                        trouble.about(&format!("file {number} of {files}, {address}"))
                    })?;
                }
            }
            if !self.next_page(&download.pages, &mut seen).await? {
                break;
            }
        }
        if files > 0 {
            self.meet();
        }
        match files == 0 && !download.optional {
            true => Err(self.absent(format!("the page has no element {}", download.selector))),
            false => Ok(()),
        }
    }

    /// Where links lead, in short; None where there is another thing among them, which may lead to a file
    /// that its page does not name, or where that is too long.
    fn leads_to(&self, ids: &[NodeId]) -> Result<Option<u64>, Trouble> {
        let page = self.page()?;
        let (mut hasher, mut bytes) = (DefaultHasher::new(), 0);
        for id in ids {
            let link = page.reacting(*id).and_then(|link| page.link(&link).ok());
            let Some(url) = link.filter(|_| bytes < MAX_COMPARED_BYTES) else {
                return Ok(None);
            };
            bytes += url.as_str().len();
            url.hash(&mut hasher);
        }
        Ok(Some(hasher.finish()))
    }

    /// What clicks ask the source for, of so many that a form that each of them sends takes no more memory
    /// than a page.
    fn file_requests(
        &mut self,
        ids: &mut impl Iterator<Item = NodeId>,
    ) -> Result<Vec<Request>, Trouble> {
        let (mut requests, mut bytes) = (Vec::new(), 0);
        while bytes < MAX_REQUESTS_BYTES
            && let Some(id) = ids.next()
        {
            let request = self.file_request(id)?;
            bytes += request.body.as_ref().map_or(0, FormBody::len) + request.url.as_str().len();
            requests.push(request);
        }
        Ok(requests)
    }

    /// What a click asks the source for.
    fn file_request(&mut self, id: NodeId) -> Result<Request, Trouble> {
        let click = self
            .page_mut()?
            .click(id)
            .map_err(|hindrance| Trouble::task(format!("it {hindrance}")))?;
        let from = self.page()?.url.clone();
        match click {
            Click::Follow(link) => Ok(Request::follow(link, from)),
            Click::Submit(submission) => Ok(Request::submit(submission, Some(from))),
            Click::Nothing | Click::Jump(_) => Err(Trouble::task("it leads to no file")),
        }
    }

    /// Fetches it and keeps it; the page stays.
    async fn keep_file(&mut self, request: Request, takes_page: bool) -> Result<(), Trouble> {
        let requested = request.url.clone();
        let request = request.in_frame_of(self.frames.top());
        let answer = self.session.ask_for_file(self.network, request).await?;
        if answer.response.status().is_server_error() {
            return Err(self.session.source_error(self.network, answer).await);
        }
        check(&answer)?;
        self.keep(&requested, answer, takes_page).await
    }

    /// Keeps a file that came where a page was expected, as a browser does, if the task keeps files.
    pub(crate) async fn keep_clicked(
        &mut self,
        requested: &Url,
        file: Answer,
    ) -> Result<(), Trouble> {
        if self.context.run.task.files_kept {
            check(&file)?;
            return self.keep(requested, file, false).await;
        }
        self.learn_secrets();
        let name = self.name_of(&file);
        let said =
            format!("the file {name:?} is left out: the task keeps none (`storage.enabled`)");
        Ok(self.context.progress(self.number, &said)?)
    }

    /// The name of a file, once all secrets are known.
    fn name_of(&self, answer: &Answer) -> String {
        let disposition = answer.response.headers().get(CONTENT_DISPOSITION);
        let disposition = disposition.map(HeaderValue::as_bytes);
        let source = self.evidence.naming(&answer.url);
        file_name(disposition, answer.file_name.as_deref(), &source)
    }

    async fn keep(
        &mut self,
        requested: &Url,
        answer: Answer,
        takes_page: bool,
    ) -> Result<(), Trouble> {
        let source = self.source_of(&answer.url);
        let file_name = self.name_of(&answer);
        let headers = answer.response.headers();
        let disposition = headers.get(CONTENT_DISPOSITION).map(HeaderValue::as_bytes);
        let given_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let file_type = given_type
            .filter(|given| given.len() <= MAX_TYPE_BYTES)
            .unwrap_or(UNKNOWN_TYPE)
            .to_owned();
        let is_asked_for =
            is_page_name(requested.path()) || answer.file_name.as_deref().is_some_and(is_page_name);
        let promise = Promise {
            is_attached: disposition.is_some_and(is_attachment),
            is_named_page: is_page_name(&file_name),
            takes_page: takes_page || is_asked_for && !answer.redirected,
        };
        let url = answer.url.clone();
        let Answer {
            response, place, ..
        } = answer;
        let mut pieces = body_of(response, &url)?.pieces().boxed();
        let first = pieces.next().await;
        let start = first.as_ref().and_then(|piece| piece.as_ref().ok());
        if promise.is_broken(&file_type, start.map_or(&[], |start| start.as_ref())) {
            let message = format!(
                "{} leads to a page instead of a file; with `html` a page is taken too",
                host(&url)
            );
            return Err(Trouble::task(message));
        }
        let pieces = stream::iter(first).chain(pieces);
        let broken = Arc::new(Mutex::new(None));
        let content = content(pieces, place, &broken);
        let kept = self
            .context
            .store_file(CapturedFile {
                file_name,
                file_type,
                metadata: Some(metadata(&source)),
                extraction: Extraction::None,
                content,
            })
            .await;
        match kept {
            Ok(_) => Ok(()),
            Err(RunFailure::Failed { errors, .. }) => {
                let broken = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(match broken {
                    Some(Broken::TooLarge) => {
                        let megabytes = MAX_FILE_BYTES / (1024 * 1024);
                        let message = format!("the file has more than {megabytes} MiB");
                        Trouble::new(ErrorCode::StorageError, message)
                    }
                    Some(Broken::Unreadable(problem)) => unreadable(problem, &url),
                    None => Trouble::Error(first_of(errors)),
                })
            }
            Err(stopped @ RunFailure::Stopped(_)) => Err(stopped.into()),
        }
    }
}

fn metadata(source: &Url) -> Map<String, Value> {
    Map::from_iter([("source_url".to_owned(), source.to_string().into())])
}

/// The step is added to one error; `store_file` gives no more.
fn first_of(errors: Vec<RunError>) -> RunError {
    let unnamed = || RunError::new(ErrorCode::StorageError, "the file could not be kept");
    errors.into_iter().next().unwrap_or_else(unnamed)
}

/// Refuses an error in the place of a file, other than the source's own.
fn check(answer: &Answer) -> Result<(), Trouble> {
    let status = answer.response.status();
    let (number, host) = (status.as_u16(), host(&answer.url));
    if matches!(number, 401 | 403 | 429) {
        let message = format!("{host} refuses the file with status {number}");
        return Err(Trouble::new(ErrorCode::SourceBlocked, message));
    }
    // Nothing is no file, and not an empty one.
    if !status.is_success() || matches!(number, 204 | 205) {
        return Err(Trouble::task(format!(
            "{host} has no such file: status {number}"
        )));
    }
    Ok(())
}

/// Why a file does not come whole.
enum Broken {
    TooLarge,
    Unreadable(Unreadable),
}

/// The pieces, cut where they grow too many. What is wrong with them is left in `broken`.
fn content(
    pieces: impl Stream<Item = Result<Bytes, Unreadable>> + Send + 'static,
    place: Option<OwnedSemaphorePermit>,
    broken: &Arc<Mutex<Option<Broken>>>,
) -> BoxStream<'static, io::Result<Bytes>> {
    let broken = Arc::clone(broken);
    let mut bytes_so_far: u64 = 0;
    let limited = move |piece: Result<Bytes, Unreadable>| {
        // The request has its place among those of its host until the last piece.
        let _ = &place;
        let piece = piece.map_err(Broken::Unreadable).and_then(|piece| {
            let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            bytes_so_far = bytes_so_far.saturating_add(bytes);
            match bytes_so_far > MAX_FILE_BYTES {
                true => Err(Broken::TooLarge),
                false => Ok(piece),
            }
        });
        piece.map_err(|problem| {
            *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
            io::Error::other("the file does not come whole")
        })
    };
    pieces.map(limited).boxed()
}
