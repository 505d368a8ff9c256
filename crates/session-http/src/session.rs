//! What is kept of a session: its cookies, where it is, and within a run the page that it is on.

use url::Url;
use windlass_domain::run::ErrorCode;

use crate::arrival::read_page;
use crate::cookies::Cookies;
use crate::fetch::{Request, host};
use crate::http_login::HttpLogin;
use crate::network::Network;
use crate::page::Page;
use crate::refresh::{AT_ONCE, MAX_REFRESHES, MAX_WAIT, Refresh};
use crate::trouble::Trouble;

/// One session's state.
#[derive(Default)]
pub(crate) struct HttpSession {
    pub(crate) cookies: Cookies,
    pub(crate) page: Option<Page>,
    /// What HTTP authentication is answered with, in this run.
    pub(crate) login: Option<HttpLogin>,
    /// Where the run before this one ended.
    left_at: Option<Url>,
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
    ) -> Result<(), Trouble> {
        let to = host(&request.url);
        let limit = network.manners.step_timeout;
        match tokio::time::timeout(limit, self.go(network, request)).await {
            Ok(gone) => gone,
            Err(_) => {
                let message = format!("{to} took more than {} s for a step", limit.as_secs_f32());
                Err(Trouble::new(ErrorCode::SourceNotAvailable, message))
            }
        }
    }

    async fn go(&mut self, network: &Network, mut request: Request) -> Result<(), Trouble> {
        for _ in 0..=MAX_REFRESHES {
            let answer = self.fetch(network, request).await?;
            let Some(page) = read_page(network, answer).await? else {
                return Ok(());
            };
            let (from, refresh) = (page.url.clone(), page.refresh.clone());
            self.page = Some(page);
            match refresh {
                // One that loads itself again waits for something: the step that looks for it waits.
                Some(Refresh { after, url }) if after <= AT_ONCE && url != from => {
                    tokio::time::sleep(after).await;
                    request = Request::get(url, Some(from));
                }
                _ => return Ok(()),
            }
        }
        let at = self.address().map_or_else(String::new, host);
        let message = format!("{at} leads on by itself more than {MAX_REFRESHES} times");
        Err(Trouble::source(message))
    }

    /// Waits until the page leads on by itself, and goes there. False where it does not, or later
    /// than anybody waits.
    pub(crate) async fn lead_on(&mut self, network: &Network) -> Result<bool, Trouble> {
        let Some(page) = &self.page else {
            return Ok(false);
        };
        let Some(refresh) = page
            .refresh
            .clone()
            .filter(|refresh| refresh.after <= MAX_WAIT)
        else {
            return Ok(false);
        };
        let from = page.url.clone();
        tokio::time::sleep(refresh.after.max(AT_ONCE)).await;
        self.open(network, Request::get(refresh.url, Some(from)))
            .await?;
        Ok(true)
    }

    /// What an address without a host is seen from.
    pub(crate) fn address(&self) -> Option<&Url> {
        let page = self.page.as_ref().map(|page| &page.url);
        page.or(self.left_at.as_ref())
    }

    /// Lets go of what only a run needs: a tree takes many times its page.
    pub(crate) fn rest(&mut self) {
        self.left_at = self.address().cloned();
        self.page = None;
        self.login = None;
    }
}
