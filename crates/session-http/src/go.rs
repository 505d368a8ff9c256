//! Goes to pages, and keeps the files that come in their place.

use secrecy::ExposeSecret;
use url::Url;
use windlass_domain::run::ErrorCode;
use windlass_playbook::Template;

use crate::fetch::{Request, host};
use crate::player::Player;
use crate::trouble::Trouble;

/// What a step led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Went {
    ToPage,
    /// To this place of the page.
    Within(Url),
    /// The page stays.
    ToFile,
    /// The page stays.
    Nowhere,
}

impl Player<'_> {
    pub(crate) async fn navigate(&mut self, url: &Template) -> Result<(), Trouble> {
        let address = self.fill(url)?;
        let address = address.expose_secret().trim();
        let url = Url::options()
            .base_url(self.session.address())
            .parse(address)
            .map_err(|_| Trouble::task("its url is no address of a website"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Trouble::task("its url leads to no website"));
        }
        // It may be an error: to whoever is not logged in, many websites say 401 or 403.
        if self.open(Request::get(url, None)).await? == Went::ToPage {
            self.let_be();
        }
        Ok(())
    }

    /// Goes to another page. The first one of a run must exist. A file that comes in its place is kept,
    /// and the page stays, as it does where nothing comes.
    pub(crate) async fn open(&mut self, request: Request) -> Result<Went, Trouble> {
        let requested = request.url.clone();
        let aside = self.frames.step_aside(self.session);
        let request = request.in_frame_of(self.frames.top());
        let opened = self.session.open(self.network, request).await;
        if opened.as_ref().is_ok_and(|opened| opened.page) {
            self.note_error();
        }
        let stays = aside && self.frames.step_back(self.session, &self.focus_frame);
        let opened = opened?;
        let went = match (opened.page, &opened.file) {
            (true, _) => Went::ToPage,
            (false, Some(_)) => Went::ToFile,
            (false, None) => Went::Nowhere,
        };
        self.came |= went != Went::Nowhere;
        if opened.page && !stays {
            self.arrive()?;
        }
        if let Some(file) = opened.file {
            self.keep_clicked(&requested, *file).await?;
        }
        if went == Went::Nowhere && self.session.page.is_none() {
            return Err(Trouble::task("it leads to nothing that shows"));
        }
        Ok(went)
    }

    /// Another page is there.
    fn arrive(&mut self) -> Result<(), Trouble> {
        self.focus = None;
        self.met = false;
        self.frames.moved();
        let page = self.page()?;
        let (status, host) = (page.status.as_u16(), host(&page.url));
        let first = !std::mem::replace(&mut self.started, true);
        if first && matches!(status, 404 | 410) {
            let message = format!("the start page at {host} does not exist: status {status}");
            return Err(Trouble::new(ErrorCode::SourceNotFound, message));
        }
        Ok(())
    }

    /// Waits until the page leads on by itself; whether it does.
    pub(crate) async fn lead_on(&mut self) -> Result<bool, Trouble> {
        let Some(request) = self.session.leads_on().await else {
            return Ok(false);
        };
        // It was an answer on the way to another, such as one that is not ready yet.
        self.let_be();
        Ok(self.open(request).await? == Went::ToPage)
    }
}
