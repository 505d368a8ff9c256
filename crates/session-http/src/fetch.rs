//! Requests of one session: cookies, redirects, and the page that comes back.

use std::time::Duration;

use cookie_store::{CookieStore, RawCookie};
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, ORIGIN, REFERER, SET_COOKIE, USER_AGENT,
};
use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use windlass_domain::run::ErrorCode;
use windlass_egress::{Blocked, Dialer, blocked_cause};

use crate::charset::{charset, decode, is_text};
use crate::form::Submission;
use crate::page::Page;
use crate::trouble::Trouble;

/// As many as browsers' makers recommend at the least (RFC 9110, 15.4 leaves it open).
const MAX_REDIRECTS: usize = 10;

/// The largest page; a page of a megabyte is rare.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// How long a page may take to arrive whole.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest cookie and the most cookies of a session (RFC 6265, 6.1 asks for as much).
const MAX_COOKIE_BYTES: usize = 4096;
const MAX_COOKIES: usize = 300;

const AGENT: &str = concat!(
    "Mozilla/5.0 (compatible; Windlass/",
    env!("CARGO_PKG_VERSION"),
    ")"
);
const ACCEPTED: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// One request to make.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Encoded fields of a form.
    pub(crate) body: Option<SecretString>,
    /// The page that it is made from.
    pub(crate) from: Option<Url>,
}

impl Request {
    pub(crate) fn get(url: Url, from: Option<Url>) -> Self {
        Self {
            method: Method::GET,
            url,
            body: None,
            from,
        }
    }

    pub(crate) fn submit(submission: Submission, from: Option<Url>) -> Self {
        Self {
            method: submission.method,
            url: submission.url,
            body: submission.body,
            from,
        }
    }
}

/// An answer whose body is still to come.
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// Where it came from, after all redirects.
    pub(crate) url: Url,
    pub(crate) redirected: bool,
}

/// Makes a request and follows redirects, each through the egress policy and with its own cookies.
pub(crate) async fn fetch(
    dialer: &Dialer,
    cookies: &mut CookieStore,
    mut request: Request,
) -> Result<Answer, Trouble> {
    if let Some(page) = &request.from {
        refuse_downgrade(page, &request)?;
    }
    for hops in 0..=MAX_REDIRECTS {
        let response = send(dialer, cookies, &request).await?;
        keep_cookies(cookies, response.headers(), &request.url);
        let Some(target) = redirect_target(&response, &request.url)? else {
            return Ok(Answer {
                response,
                url: request.url,
                redirected: hops > 0,
            });
        };
        let before = request.url.clone();
        request = redirected(request, response.status(), target);
        refuse_downgrade(&before, &request)?;
    }
    Err(Trouble::source(format!(
        "{} redirects more than {MAX_REDIRECTS} times",
        host(&request.url)
    )))
}

async fn send(
    dialer: &Dialer,
    cookies: &CookieStore,
    request: &Request,
) -> Result<Response, Trouble> {
    let mut call = dialer
        .request(request.method.clone(), request.url.clone())
        .map_err(|blocked| refused(&blocked))?
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, ACCEPTED);
    let cookies: Vec<String> = cookies
        .get_request_values(&request.url)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if !cookies.is_empty() {
        call = call.header(COOKIE, cookies.join("; "));
    }
    if let Some(from) = &request.from {
        if let Some(referrer) = referrer(from, &request.url) {
            call = call.header(REFERER, referrer);
        }
        if request.method == Method::POST {
            call = call.header(ORIGIN, from.origin().ascii_serialization());
        }
    }
    if let Some(body) = &request.body {
        call = call
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.expose_secret().to_owned());
    }
    call.send()
        .await
        .map_err(|error| unreachable_source(&error, &request.url))
}

/// What was typed on a page that came encrypted does not leave in clear text.
fn refuse_downgrade(before: &Url, request: &Request) -> Result<(), Trouble> {
    if before.scheme() == "https" && request.body.is_some() && request.url.scheme() != "https" {
        let host = host(&request.url);
        return Err(Trouble::source(format!(
            "a form of an https page would go to {host} over http"
        )));
    }
    Ok(())
}

/// The page's address within its own origin, the origin alone beyond it (Referrer Policy,
/// `strict-origin-when-cross-origin`).
fn referrer(from: &Url, to: &Url) -> Option<String> {
    if from.scheme() == "https" && to.scheme() != "https" {
        return None;
    }
    if from.origin() != to.origin() {
        return Some(format!("{}/", from.origin().ascii_serialization()));
    }
    let mut page = from.clone();
    page.set_fragment(None);
    Some(page.into())
}

fn keep_cookies(cookies: &mut CookieStore, headers: &HeaderMap, url: &Url) {
    let given = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter(|value| value.len() <= MAX_COOKIE_BYTES)
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
        // What is no cookie is no reason to give up the page.
        .filter_map(|text| RawCookie::parse(text.to_owned()).ok());
    let room = MAX_COOKIES.saturating_sub(cookies.iter_any().count());
    cookies.store_response_cookies(given.take(room), url);
}

fn redirect_target(response: &Response, url: &Url) -> Result<Option<Url>, Trouble> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = response.headers().get(LOCATION).filter(|_| redirects) else {
        return Ok(None);
    };
    let location = std::str::from_utf8(location.as_bytes()).ok();
    match location.and_then(|location| url.join(location).ok()) {
        Some(target) => Ok(Some(target)),
        None => Err(Trouble::source(format!(
            "{} redirects to an address that cannot be read",
            host(url)
        ))),
    }
}

/// 307 and 308 repeat the request; the others ask for the page to see next.
fn redirected(request: Request, status: StatusCode, target: Url) -> Request {
    if matches!(status.as_u16(), 307 | 308) {
        return Request {
            url: target,
            ..request
        };
    }
    Request::get(target, request.from)
}

/// Reads an answer as a page.
pub(crate) async fn read_page(answer: Answer) -> Result<Page, Trouble> {
    let Answer { response, url, .. } = answer;
    let status = response.status();
    if status.is_server_error() {
        return Err(Trouble::source(format!(
            "{} answered with status {}",
            host(&url),
            status.as_u16()
        )));
    }
    let charset = charset(response.headers());
    let readable = is_text(response.headers());
    let late = || {
        let message = format!(
            "{} took more than {} s for a page",
            host(&url),
            PAGE_TIMEOUT.as_secs()
        );
        Trouble::new(ErrorCode::SourceNotAvailable, message)
    };
    let body = match readable {
        true => tokio::time::timeout(PAGE_TIMEOUT, body(response, &url))
            .await
            .map_err(|_| late())??,
        false => Vec::new(),
    };
    // A page that was made to be slow must not hold up the other runs on this thread.
    let parsed =
        tokio::task::spawn_blocking(move || Page::parse(url, status, decode(&body, charset)));
    match parsed.await {
        Ok(Ok(page)) => Ok(page),
        Ok(Err(too_much)) => Err(Trouble::source(too_much.message())),
        Err(_) => Err(Trouble::source("the page cannot be parsed")),
    }
}

async fn body(mut response: Response, url: &Url) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable_source(&error, url))?
    {
        if body.len() + chunk.len() > MAX_PAGE_BYTES {
            let megabytes = MAX_PAGE_BYTES / (1024 * 1024);
            return Err(Trouble::source(format!(
                "the page has more than {megabytes} MiB"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Host and port, for messages: the rest of a URL may hold what was filled in.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("the source");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn refused(blocked: &Blocked) -> Trouble {
    let message = format!("the egress policy refuses access: {blocked}");
    Trouble::new(ErrorCode::SourceBlocked, message)
}

/// The library's own text is left out: it holds the URL.
pub(crate) fn unreachable_source(error: &reqwest::Error, url: &Url) -> Trouble {
    if let Some(blocked) = blocked_cause(error) {
        return refused(blocked);
    }
    let host = host(url);
    let message = if error.is_timeout() {
        format!("{host} does not answer in time")
    } else if error.is_connect() {
        format!("{host} cannot be reached")
    } else {
        format!("the connection to {host} broke")
    };
    Trouble::new(ErrorCode::SourceNotAvailable, message)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_form_of_an_encrypted_page_never_goes_out_in_clear_text() {
        let body = Some(SecretString::from("password=x"));
        let from = Some(url("https://x.example/login"));
        let request = Request {
            method: Method::POST,
            url: url("https://x.example/login"),
            body,
            from,
        };

        let repeated = redirected(
            request,
            StatusCode::TEMPORARY_REDIRECT,
            url("http://x.example/in"),
        );

        assert!(refuse_downgrade(&url("https://x.example/login"), &repeated).is_err());
    }

    #[rstest]
    #[case(302, Method::GET, false)]
    #[case(303, Method::GET, false)]
    #[case(307, Method::POST, true)]
    #[case(308, Method::POST, true)]
    fn a_redirect_repeats_the_form_only_where_it_says_so(
        #[case] status: u16,
        #[case] method: Method,
        #[case] has_body: bool,
    ) {
        let body = Some(SecretString::from("a=b"));
        let request = Request {
            method: Method::POST,
            url: url("https://x.example/"),
            body,
            from: None,
        };

        let next = redirected(
            request,
            StatusCode::from_u16(status).unwrap(),
            url("https://y.example/"),
        );

        assert_eq!((next.method, next.body.is_some()), (method, has_body));
    }

    #[rstest]
    #[case(
        "https://x.example/a?b#c",
        "https://x.example/d",
        Some("https://x.example/a?b")
    )]
    #[case(
        "https://x.example/a?b",
        "https://y.example/d",
        Some("https://x.example/")
    )]
    #[case("https://x.example/a?b", "http://x.example/d", None)]
    fn other_sites_learn_no_more_than_the_origin(
        #[case] from: &str,
        #[case] to: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(referrer(&url(from), &url(to)).as_deref(), expected);
    }

    #[test]
    fn cookies_are_bounded() {
        let mut cookies = CookieStore::default();
        let mut headers = HeaderMap::new();
        for number in 0..1000 {
            headers.append(SET_COOKIE, format!("c{number}=x").parse().unwrap());
        }
        headers.append(
            SET_COOKIE,
            format!("long={}", "x".repeat(5000)).parse().unwrap(),
        );

        keep_cookies(&mut cookies, &headers, &url("https://x.example/"));

        assert_eq!(cookies.iter_any().count(), MAX_COOKIES);
    }
}
