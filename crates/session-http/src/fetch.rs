//! Requests of one session: cookies, logins, redirects, waits; and the answer that comes at the end.

use std::time::SystemTime;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderValue,
    ORIGIN, REFERER, USER_AGENT,
};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;
use windlass_domain::run::command::{AfterRun, CredentialReport};
use windlass_domain::run::{ErrorCode, RunError};
use windlass_egress::{Blocked, NoHttp, blocked_cause, no_http};
use windlass_worker::RunFailure;

use crate::click::Link;
use crate::form::{FormBody, Submission};
use crate::http_login::Asked;
use crate::network::Network;
use crate::redirect::{self, MAX_REDIRECTS, redirected, referrer, refuse_downgrade};
use crate::retry_after::{self, MAX_REPEATS};
use crate::session::HttpSession;
use crate::trouble::Trouble;
use crate::unpack::ACCEPTED_ENCODINGS;

/// Not XHTML: it would be read as HTML, and is other text there (`<script/>`).
const ACCEPTED: &str = "text/html,application/xml;q=0.9,*/*;q=0.8";

/// How often one request is made again with a login: once because it is asked for, and once because
/// what the source gave to make it with was too old.
const MAX_LOGINS: u32 = 2;

/// One request to make.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Encoded fields of a form.
    pub(crate) body: Option<FormBody>,
    /// Whether fields of a form are in the body or the URL.
    pub(crate) has_fields: bool,
    /// The page that it is made from.
    pub(crate) from: Option<Url>,
    /// The page around all frames, where it is made for a frame.
    pub(crate) top: Option<Url>,
    /// What the file is named that is asked for, where its link says that it is one.
    pub(crate) file_name: Option<String>,
}

impl Request {
    pub(crate) fn get(url: Url, from: Option<Url>) -> Self {
        Self {
            method: Method::GET,
            url,
            body: None,
            has_fields: false,
            from,
            top: None,
            file_name: None,
        }
    }

    pub(crate) fn follow(link: Link, from: Url) -> Self {
        Self {
            file_name: link.file_name,
            ..Self::get(link.url, Some(from))
        }
    }

    pub(crate) fn submit(submission: Submission, from: Option<Url>) -> Self {
        Self {
            method: submission.method,
            url: submission.url,
            body: submission.body,
            has_fields: submission.has_fields,
            from,
            top: None,
            file_name: None,
        }
    }

    /// The same, where what comes is shown in a frame of this page.
    pub(crate) fn in_frame_of(self, top: Option<Url>) -> Self {
        Self { top, ..self }
    }
}

/// An answer whose body is still to come.
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// Where it came from, after all redirects.
    pub(crate) url: Url,
    pub(crate) redirected: bool,
    /// What its link names it, where that says that it is a file.
    pub(crate) file_name: Option<String>,
    /// Its place among the requests of its host, until it is read.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl HttpSession {
    /// Makes a request and follows redirects, each through the egress policy and with its own cookies.
    /// The answer is left to be read; the page stays.
    pub(crate) async fn fetch(
        &mut self,
        network: &Network,
        mut request: Request,
    ) -> Result<Answer, Trouble> {
        if let Some(page) = &request.from {
            refuse_downgrade(page, &request)?;
        }
        let (mut hops, mut repeats, mut logins) = (0, 0, 0);
        loop {
            let login = self.login.as_mut();
            let login = login.and_then(|login| login.header(&request.method, &request.url));
            let login_sent = login.is_some();
            let entering = network
                .gates
                .enter(&request.url, &network.manners, &self.turn);
            let place = entering.await;
            let (from, top) = (request.from.as_ref(), request.top.as_ref());
            let method = &request.method;
            let cookies = self.cookies.header(method, &request.url, from, top);
            let response = send(network, &request, cookies, login).await?;
            let (status, headers) = (response.status(), response.headers());
            self.cookies.receive(headers, &request.url);
            if let Some(login) = &mut self.login {
                login.was_taken |= login_sent && status != StatusCode::UNAUTHORIZED;
            }
            if let Some(target) = redirect::target(status, headers, &request.url)? {
                hops += 1;
                if hops > MAX_REDIRECTS {
                    let host = host(&request.url);
                    let message = format!("{host} redirects more than {MAX_REDIRECTS} times");
                    return Err(Trouble::source(message));
                }
                let before = request.url.clone();
                request = redirected(request, status, target)?;
                refuse_downgrade(&before, &request)?;
                continue;
            }
            if status == StatusCode::UNAUTHORIZED
                && let Some(login) = &mut self.login
            {
                match login.asked(&request.url, headers, login_sent) {
                    Asked::Login | Asked::Again if logins < MAX_LOGINS => {
                        logins += 1;
                        continue;
                    }
                    Asked::Other => return Err(login_refused(&request.url)),
                    Asked::Login | Asked::Again | Asked::Nothing => {}
                }
            }
            let longest = network.manners.retry_wait;
            if let Some(wait) = retry_after::wait(status, headers, SystemTime::now(), longest) {
                // The other runs at this host wait as well, and this one at its gate.
                network.gates.pause(&request.url, &network.manners, wait);
                if repeats < MAX_REPEATS && retry_after::may_repeat(&request.method, status) {
                    repeats += 1;
                    continue;
                }
            }
            return Ok(Answer {
                response,
                url: request.url,
                redirected: hops > 0,
                file_name: request.file_name,
                place,
            });
        }
    }
}

async fn send(
    network: &Network,
    request: &Request,
    cookies: Option<String>,
    login: Option<HeaderValue>,
) -> Result<Response, Trouble> {
    let mut call = network
        .dialer
        .request(request.method.clone(), request.url.clone())
        .map_err(|blocked| refused(&blocked))?
        .header(USER_AGENT, &network.manners.user_agent)
        .header(ACCEPT, ACCEPTED)
        .header(ACCEPT_LANGUAGE, &network.manners.accept_language)
        .header(ACCEPT_ENCODING, ACCEPTED_ENCODINGS);
    let from = request.from.as_ref();
    let cookies = cookies.map(|cookies| HeaderValue::from_bytes(cookies.as_bytes()));
    if let Some(Ok(mut cookies)) = cookies {
        cookies.set_sensitive(true);
        call = call.header(COOKIE, cookies);
    }
    if let Some(login) = login {
        call = call.header(AUTHORIZATION, login);
    }
    if let Some(from) = from {
        if let Some(referrer) = referrer(from, &request.url) {
            call = call.header(REFERER, referrer);
        }
        if request.method == Method::POST {
            call = call.header(ORIGIN, from.origin().ascii_serialization());
        }
    }
    if let Some(body) = &request.body {
        call = call
            .header(CONTENT_TYPE, &body.content_type)
            .body(body.bytes().to_vec());
    }
    match tokio::time::timeout(network.manners.head_timeout, call.send()).await {
        Ok(sent) => sent.map_err(|error| unreachable_source(&error, &request.url)),
        Err(_) => Err(late(&request.url)),
    }
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

fn login_refused(url: &Url) -> Trouble {
    let message = format!("{} refuses the user name or password.", host(url));
    Trouble::Run(RunFailure::Failed {
        errors: vec![RunError::new(ErrorCode::AuthInvalid, message)],
        credential: Some(CredentialReport::Invalid),
        session: AfterRun::Keep,
    })
}

fn late(url: &Url) -> Trouble {
    let message = format!("{} does not answer in time", host(url));
    Trouble::new(ErrorCode::SourceNotAvailable, message)
}

/// The library's own text is left out: it holds the URL.
pub(crate) fn unreachable_source(error: &reqwest::Error, url: &Url) -> Trouble {
    if let Some(blocked) = blocked_cause(error) {
        return refused(blocked);
    }
    let host = host(url);
    if let Some(problem) = no_http(error) {
        let problem = match problem {
            NoHttp::Header => {
                ": a header has a character that none may have, as a control character in the name of \
                 a file is"
            }
            NoHttp::LongHead => ": its headers are too many or too long",
            NoHttp::Other => "",
        };
        let message = format!("{host} answers with what is no HTTP{problem}");
        return Trouble::source(message);
    }
    let message = if error.is_timeout() {
        return late(url);
    } else if error.is_connect() {
        format!("{host} cannot be reached")
    } else {
        format!("the connection to {host} broke")
    };
    Trouble::new(ErrorCode::SourceNotAvailable, message)
}
