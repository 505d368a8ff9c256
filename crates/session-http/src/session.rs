//! What is kept of a session between its runs: its cookies, and the page that it is on.

use cookie_store::CookieStore;
use windlass_egress::Dialer;

use crate::fetch::{Answer, Request, fetch, read_page};
use crate::page::Page;
use crate::trouble::Trouble;

/// One session's state.
#[derive(Default)]
pub(crate) struct HttpSession {
    pub(crate) cookies: CookieStore,
    pub(crate) page: Option<Page>,
}

impl HttpSession {
    /// Makes a request and leaves the answer to be read; the page stays.
    pub(crate) async fn fetch(
        &mut self,
        dialer: &Dialer,
        request: Request,
    ) -> Result<Answer, Trouble> {
        fetch(dialer, &mut self.cookies, request).await
    }

    /// Goes to another page.
    pub(crate) async fn open(&mut self, dialer: &Dialer, request: Request) -> Result<(), Trouble> {
        let answer = self.fetch(dialer, request).await?;
        self.page = Some(read_page(answer).await?);
        Ok(())
    }
}
