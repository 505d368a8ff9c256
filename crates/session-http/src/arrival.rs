//! A page arrives: its body is read within its limits, decoded and parsed.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Response, StatusCode};
use url::Url;
use windlass_domain::run::ErrorCode;

use crate::charset::{decode, is_binary, is_plain, is_text, named_by, shown_as_page};
use crate::fetch::{Answer, host, unreachable_source};
use crate::file_name::is_attachment;
use crate::network::Network;
use crate::page::{Page, off_thread};
use crate::retry_after;
use crate::trouble::Trouble;
use crate::turn::Turn;
use crate::unpack::{Body, Unreadable};

/// The largest page, unpacked; a page of a megabyte is rare.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// How long a source may take to show its error: the run fails all the same.
const ERROR_PAGE_TIMEOUT: Duration = Duration::from_secs(2);

/// What came.
pub(crate) enum Arrival {
    Page(Box<Page>),
    /// A file, whose body is still to come: a browser would keep it and stay where it is.
    File(Box<Answer>),
    /// Nothing to show: a browser would stay where it is.
    Nothing,
    /// The source has failed, and perhaps shows a page that says so.
    Error(Trouble, Option<Box<Page>>),
}

/// Reads an answer, if it is a page.
pub(crate) async fn read(
    network: &Network,
    turn: &Turn,
    mut answer: Answer,
) -> Result<Arrival, Trouble> {
    let (status, headers) = (answer.response.status(), answer.response.headers());
    if status.is_server_error() {
        let (trouble, page) = source_error(network, turn, answer).await;
        return Ok(Arrival::Error(trouble, page));
    }
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) {
        return Ok(Arrival::Nothing);
    }
    let disposition = headers.get(CONTENT_DISPOSITION);
    let is_attached = disposition.is_some_and(|value| is_attachment(value.as_bytes()));
    // A refusal that says that it is a picture is a refusal.
    let is_file = is_attached || answer.file_name.is_some();
    if is_file || status.is_success() && !is_text(headers) {
        return Ok(Arrival::File(Box::new(answer)));
    }
    let says_nothing =
        !headers.contains_key(CONTENT_TYPE) && !headers.contains_key(CONTENT_ENCODING);
    if status.is_success() && says_nothing {
        // Few answers say nothing: what this needs is no part of each run.
        let starting = Box::pin(with_start(answer.response));
        let started = tokio::time::timeout(network.manners.page_timeout, starting).await;
        let started = started.map_err(|_| slow(network, &answer.url))?;
        let (response, start) = started.map_err(|error| unreachable_source(&error, &answer.url))?;
        answer.response = response;
        if is_binary(&start) {
            return Ok(Arrival::File(Box::new(answer)));
        }
    }
    let page = page_of(network, turn, answer).await?;
    Ok(Arrival::Page(Box::new(page)))
}

/// What an answer with an error of the source's own says.
pub(crate) async fn source_error(
    network: &Network,
    turn: &Turn,
    answer: Answer,
) -> (Trouble, Option<Box<Page>>) {
    let (status, headers) = (answer.response.status(), answer.response.headers());
    let asked = retry_after::asked(headers, SystemTime::now());
    let trouble = server_error(status, &answer.url, asked);
    (trouble, error_page(network, turn, answer).await)
}

/// The page that comes with an error, where one does.
async fn error_page(network: &Network, turn: &Turn, answer: Answer) -> Option<Box<Page>> {
    if !is_text(answer.response.headers()) {
        return None;
    }
    // Few answers are errors: what this needs is no part of each run.
    let reading = Box::pin(page_of(network, turn, answer));
    let read = tokio::time::timeout(ERROR_PAGE_TIMEOUT, reading).await;
    // The error itself matters more than why its page cannot be read.
    let page = read.ok()?.ok()?;
    (!page.text().trim().is_empty()).then(|| Box::new(page))
}

async fn page_of(network: &Network, turn: &Turn, answer: Answer) -> Result<Page, Trouble> {
    let Answer {
        response,
        url,
        place,
        ..
    } = answer;
    let (status, headers) = (response.status(), response.headers());
    let (named, is_plain) = (named_by(headers), is_plain(headers));
    let refresh = headers.get("refresh");
    let refresh = refresh.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let body = match is_text(headers) {
        true => {
            let most = u64::try_from(MAX_PAGE_BYTES).unwrap_or(u64::MAX);
            if response
                .content_length()
                .is_some_and(|length| length > most)
            {
                return Err(too_large());
            }
            let body = body_of(response, &url)?;
            let whole =
                tokio::time::timeout(network.manners.page_timeout, body.whole(MAX_PAGE_BYTES));
            let whole = whole.await.map_err(|_| slow(network, &url))?;
            whole
                .map_err(|error| unreadable(error, &url))?
                .ok_or_else(too_large)?
        }
        false => Vec::new(),
    };
    drop(place);
    let parse = move |body| {
        let (mut text, encoding) = decode(body, named);
        if is_plain {
            text = shown_as_page(&text);
        }
        Page::parse(url, status, text, encoding)
    };
    let mut page = off_thread(body.len(), turn, move || parse(body)).await?;
    if let Some(refresh) = refresh.and_then(|text| page.read_refresh(&text)) {
        page.refresh = Some(refresh);
    }
    Ok(page)
}

/// The first bytes of a body, which is whole as before.
async fn with_start(mut response: Response) -> reqwest::Result<(Response, Bytes)> {
    let start = response.chunk().await?.unwrap_or_default();
    let (status, headers) = (response.status(), response.headers().clone());
    let pieces = stream::once(future::ready(Ok(start.clone()))).chain(response.bytes_stream());
    let mut whole = http::Response::new(reqwest::Body::wrap_stream(pieces));
    *whole.status_mut() = status;
    *whole.headers_mut() = headers;
    Ok((whole.into(), start))
}

/// The body, unpacked.
pub(crate) fn body_of(response: Response, url: &Url) -> Result<Body, Trouble> {
    let host = host(url);
    Body::of(response).map_err(|_| {
        Trouble::source(format!(
            "{host} packs its answer in a way that it was not asked for"
        ))
    })
}

/// Why a body cannot be read.
pub(crate) fn unreadable(problem: Unreadable, url: &Url) -> Trouble {
    let host = host(url);
    match problem {
        Unreadable::Connection(error) => unreachable_source(&error, url),
        Unreadable::Broken => {
            let message = format!("the connection to {host} broke");
            Trouble::new(ErrorCode::SourceNotAvailable, message)
        }
        Unreadable::Packing => Trouble::source(format!("the answer of {host} cannot be unpacked")),
    }
}

fn too_large() -> Trouble {
    let megabytes = MAX_PAGE_BYTES / (1024 * 1024);
    Trouble::source(format!("the page has more than {megabytes} MiB"))
}

fn slow(network: &Network, url: &Url) -> Trouble {
    let seconds = network.manners.page_timeout.as_secs_f32();
    let message = format!("{} took more than {seconds} s for a page", host(url));
    Trouble::new(ErrorCode::SourceNotAvailable, message)
}

fn server_error(status: StatusCode, url: &Url, asked: Option<Duration>) -> Trouble {
    let asked = asked.map(|wait| format!(", and asks to wait {} s", wait.as_secs()));
    Trouble::source(format!(
        "{} answered with status {}{}",
        host(url),
        status.as_u16(),
        asked.unwrap_or_default()
    ))
}
