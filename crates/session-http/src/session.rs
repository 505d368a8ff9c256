//! What is kept of a session: its cookies, where it is, and within a run the page that it is on.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use url::Url;
use windlass_domain::run::ErrorCode;

use crate::arrival::{Arrival, read, source_error};
use crate::cookies::Cookies;
use crate::fetch::{Answer, Request, host};
use crate::http_login::HttpLogin;
use crate::network::Network;
use crate::page::Page;
use crate::refresh::{AT_ONCE, MAX_REFRESHES, MAX_WAIT, Refresh};
use crate::trouble::Trouble;
use crate::turn::Turn;

/// One session's state.
#[derive(Default)]
pub(crate) struct HttpSession {
    pub(crate) cookies: Cookies,
    pub(crate) page: Option<Page>,
    /// What a source showed with an error of its own, in the step under way. The run is not on it.
    pub(crate) error_page: Option<Box<Page>>,
    /// What HTTP authentication is answered with, in this run.
    pub(crate) login: Option<HttpLogin>,
    /// Where the run before this one ended.
    left_at: Option<Url>,
    /// How long it waited for its turn at hosts.
    pub(crate) turn: Arc<Turn>,
}

/// What going to another page led to. Neither is an answer without content: as in a browser, the page
/// stays as it is. Source: the HTML standard, "Navigation response".
#[derive(Default)]
pub(crate) struct Opened {
    /// Whether another page came.
    pub(crate) page: bool,
    /// A file, in the page's place or where the page leads by itself. Its body is still to come.
    pub(crate) file: Option<Box<Answer>>,
}

impl HttpSession {
    /// A session that goes on with these.
    pub(crate) fn of(cookies: Cookies, page: Option<Page>) -> Self {
        Self {
            cookies,
            page,
            ..Self::default()
        }
    }

    /// Goes to another page, and on where that leads by itself at once.
    pub(crate) async fn open(
        &mut self,
        network: &Network,
        request: Request,
    ) -> Result<Opened, Trouble> {
        let (to, limit) = (host(&request.url), network.manners.load_timeout);
        let turn = Arc::clone(&self.turn);
        let going = pin!(self.go(network, request));
        let gone = turn.within(limit, going).await;
        gone.unwrap_or_else(|_| Err(late(&to, limit, "page")))
    }

    /// Asks for a file, whose body is still to come; the page stays.
    pub(crate) async fn ask_for_file(
        &mut self,
        network: &Network,
        request: Request,
    ) -> Result<Answer, Trouble> {
        let (to, limit) = (host(&request.url), network.manners.load_timeout);
        let turn = Arc::clone(&self.turn);
        let asking = pin!(self.fetch(network, request));
        let asked = turn.within(limit, asking).await;
        asked.unwrap_or_else(|_| Err(late(&to, limit, "file")))
    }

    /// The source failed in the place of a file: what it says is kept.
    pub(crate) async fn source_error(&mut self, network: &Network, answer: Answer) -> Trouble {
        let turn = Arc::clone(&self.turn);
        // Few answers are errors: what this needs is no part of each run.
        let reading = Box::pin(source_error(network, &turn, answer));
        let (trouble, page) = reading.await;
        self.error_page = page;
        trouble
    }

    async fn go(&mut self, network: &Network, mut request: Request) -> Result<Opened, Trouble> {
        let mut opened = Opened::default();
        for _ in 0..=MAX_REFRESHES {
            self.page_sleeps();
            let top = request.top.clone();
            let answer = self.fetch(network, request).await?;
            let page = match read(network, &self.turn, answer).await? {
                Arrival::Page(page) => *page,
                Arrival::File(file) => {
                    opened.file = Some(file);
                    return Ok(opened);
                }
                Arrival::Nothing => return Ok(opened),
                Arrival::Error(trouble, page) => {
                    self.error_page = page;
                    return Err(trouble);
                }
            };
            let (from, refresh) = (page.url.clone(), page.refresh.clone());
            self.page = Some(page);
            opened.page = true;
            match refresh {
                // One that loads itself again waits for something: the step that looks for it waits.
                Some(Refresh { after, url }) if after <= AT_ONCE && url != from => {
                    self.page_sleeps();
                    tokio::time::sleep(after).await;
                    request = Request::get(url, Some(from)).in_frame_of(top);
                }
                _ => return Ok(opened),
            }
        }
        let at = self.address().map_or_else(String::new, host);
        let message = format!("{at} leads on by itself more than {MAX_REFRESHES} times");
        Err(Trouble::source(message))
    }

    /// Waits until the page leads on by itself; to what. None where it does not, or later than anybody
    /// waits.
    pub(crate) async fn leads_on(&mut self) -> Option<Request> {
        let page = self.page.as_ref()?;
        let refresh = page.refresh.clone();
        let refresh = refresh.filter(|refresh| refresh.after <= MAX_WAIT)?;
        let from = page.url.clone();
        self.page_sleeps();
        tokio::time::sleep(refresh.after.max(AT_ONCE)).await;
        Some(Request::get(refresh.url, Some(from)))
    }

    /// What an address without a host is seen from.
    pub(crate) fn address(&self) -> Option<&Url> {
        let page = self.page.as_ref().map(|page| &page.url);
        page.or(self.left_at.as_ref())
    }

    /// The run waits from here on: whoever looks at the page next wakes it.
    pub(crate) fn page_sleeps(&mut self) {
        if let Some(page) = &mut self.page {
            page.sleep();
        }
    }

    /// Lets go of what only a run needs.
    pub(crate) fn rest(&mut self) {
        self.left_at = self.address().cloned();
        self.page = None;
        self.error_page = None;
        self.login = None;
    }
}

fn late(host: &str, limit: Duration, to: &str) -> Trouble {
    let seconds = limit.as_secs_f32();
    let message = format!("{host} took more than {seconds} s for all that leads to a {to}");
    Trouble::new(ErrorCode::SourceNotAvailable, message)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use reqwest::StatusCode;
    use windlass_egress::{Dialer, Timeouts};

    use super::*;
    use crate::manners::Manners;

    fn page(text: &str) -> Page {
        let url = Url::parse("http://127.0.0.1:9/a").unwrap();
        Page::parse(url, StatusCode::OK, text.to_owned(), encoding_rs::UTF_8).unwrap()
    }

    fn network() -> Network {
        let dialer = Dialer::new("127.0.0.1".parse().unwrap(), Timeouts::default()).unwrap();
        Network::new(dialer, Manners::default())
    }

    #[tokio::test]
    async fn who_waits_for_a_source_holds_no_tree_of_the_page_before() {
        let (network, page) = (network(), page("<p>a"));
        let next = Request::get(page.url.clone(), None);
        let mut session = HttpSession::of(Cookies::default(), Some(page));

        // Nobody has answered yet when it returns.
        assert!(session.open(&network, next).now_or_never().is_none());

        assert!(session.page.unwrap().sleeps());
    }

    #[tokio::test]
    async fn who_waits_for_a_page_to_lead_on_holds_no_tree_of_it() {
        let page = page("<meta http-equiv=refresh content='9; url=/b'>");
        let mut session = HttpSession::of(Cookies::default(), Some(page));

        assert!(session.leads_on().now_or_never().is_none());

        assert!(session.page.unwrap().sleeps());
    }
}
