//! Lists over several pages: what leads from one to the next, and where they end.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ego_tree::NodeId;
use scraper::ElementRef;
use url::Url;
use windlass_playbook::{Pages, Selector};

use crate::click::Click;
use crate::fetch::Request;
use crate::form::input_type;
use crate::go::Went;
use crate::page::{Page, is};
use crate::player::Player;
use crate::trouble::Trouble;

/// The pages of a list before the one that is read.
#[derive(Default)]
pub(crate) struct Seen {
    addresses: Vec<Url>,
    /// What the last of them led to.
    next: Option<Url>,
    /// Whether the first asks for a password, as some do on each page.
    asks: bool,
    /// What the page that is read shows, in short, where it was looked at already.
    shown: Option<u64>,
    /// Whether a form was posted that led to the page that is read. Such pages have one address.
    pub(crate) is_posted: bool,
    /// Whether the page that is read shows the same texts as the one before, and leads no further.
    pub(crate) shows_same: bool,
}

impl Seen {
    fn is_first(&self) -> bool {
        self.addresses.is_empty()
    }
}

impl Player<'_> {
    /// Goes to the next page of a list, if there may be one more and there is one that was not there
    /// before.
    pub(crate) async fn next_page(
        &mut self,
        pages: &Pages,
        seen: &mut Seen,
    ) -> Result<bool, Trouble> {
        let Some(next) = &pages.next else {
            return Ok(false);
        };
        let count = u32::try_from(seen.addresses.len() + 1).unwrap_or(u32::MAX);
        if pages.limit.is_some_and(|limit| count >= limit) {
            return Ok(false);
        }
        self.context.check()?;
        let turn = Arc::clone(&self.session.turn);
        self.page_mut()?.wake(&turn).await?;
        let Some(request) = self.leads_on_to(next, seen)? else {
            return Ok(false);
        };
        if count >= pages.most() {
            // Half a list must not pass for a whole one.
            let message =
                format!("the list has more than {count} pages; `limit` says how many to read");
            return Err(Trouble::task(message));
        }
        let page = self.page()?;
        if seen.is_first() {
            seen.asks = asks_for_password(page);
        }
        seen.addresses.push(page.url.clone());
        seen.next = Some(request.url.clone());
        seen.is_posted = request.body.is_some();
        // Nothing is done on it between.
        let before = seen.shown.take().unwrap_or_else(|| shown_on(page));
        match self.open(request).await? {
            Went::ToPage => {}
            Went::ToFile => return Err(Trouble::task("what leads on is a file and no page")),
            // The same page again, which was read.
            Went::Nowhere | Went::Within(_) => return Ok(false),
        }
        let page = self.page()?;
        if !page.status.is_success() {
            return Err(self.absent("the list breaks off".to_owned()));
        }
        // Behind the last page, led back to one that was read.
        let is_known = seen.addresses.contains(&page.url) && !seen.is_posted;
        if self.leads_no_further(next, seen)? {
            seen.shown = Some(shown_on(self.page()?));
        }
        seen.shows_same = seen.shown == Some(before);
        Ok(!is_known)
    }

    /// Whether the page's `next` leads to where the one before it led. What leads on to more is another
    /// page of the list, even if it says the same; where a form is posted, its address does not tell.
    fn leads_no_further(&mut self, next: &Selector, seen: &Seen) -> Result<bool, Trouble> {
        let Some(next) = self.enabled(next)? else {
            return Ok(false);
        };
        if seen.is_posted {
            return Ok(true);
        }
        let page = self.page_mut()?;
        let to = match page.click(next) {
            Ok(Click::Follow(link)) => link.url,
            Ok(Click::Jump(url)) => url,
            Ok(Click::Submit(submission)) if submission.body.is_none() => submission.url,
            _ => return Ok(false),
        };
        Ok(to == page.url || seen.next.as_ref() == Some(&to))
    }

    /// What the page's `next` asks for; None where the list ends with this page.
    fn leads_on_to(&mut self, next: &Selector, seen: &Seen) -> Result<Option<Request>, Trouble> {
        let Some(next) = self.enabled(next)? else {
            return Ok(None);
        };
        self.meet();
        let page = self.page_mut()?;
        let from = page.url.clone();
        let Some(element) = page.element(next) else {
            return Ok(None);
        };
        let (href, is_heard) = (element.attr("href"), element.attr("onclick").is_some());
        let to = href.and_then(|href| page.resolve(href));
        let is_dead = !is_heard && to.is_some_and(|url| page.is_same_page(&url));
        // Where links have led on so far, one to nowhere is how some lists end.
        if is_dead && !seen.is_first() {
            return Ok(None);
        }
        let by_script = is_heard || href.is_some_and(|href| href.trim().is_empty());
        let click = page.click(next);
        let click = click.map_err(|hindrance| Trouble::task(format!("what leads on {hindrance}")));
        let needs_script =
            || Trouble::task("what leads on does nothing without script; it needs a browser");
        match click? {
            Click::Nothing | Click::Jump(_) => Err(needs_script()),
            Click::Follow(link) if link.url == from && by_script && seen.is_first() => {
                Err(needs_script())
            }
            Click::Follow(link) if link.url == from || seen.addresses.contains(&link.url) => {
                Ok(None)
            }
            Click::Follow(link) => Ok(Some(Request::follow(link, from))),
            Click::Submit(submission) => Ok(Some(Request::submit(submission, Some(from)))),
        }
    }

    /// Of a page that has nothing of the list: the first may be so, and what the last one leads to, but
    /// not another page that the list was sent on to, nor one that asks for a password.
    pub(crate) fn check_empty(&self, seen: &Seen) -> Result<(), Trouble> {
        let page = self.page()?;
        let sent_on = seen
            .next
            .as_ref()
            .is_some_and(|next| next.path() != page.url.path());
        let is_elsewhere = sent_on || !seen.asks && asks_for_password(page);
        match is_elsewhere && !seen.is_first() {
            true => Err(Trouble::task(format!(
                "the list breaks off: {} is no page of it",
                self.address()
            ))),
            false => Ok(()),
        }
    }

    /// The first match, unless it is shown as leading nowhere.
    fn enabled(&self, selector: &Selector) -> Result<Option<NodeId>, Trouble> {
        let found = self.find(selector)?;
        let page = self.page()?;
        let first = found.first().and_then(|id| page.element(*id));
        let enabled = first.filter(|next| {
            let around = next.parent().and_then(ElementRef::wrap);
            let is_off = |one: &ElementRef| {
                let mut classes = one.value().classes();
                one.attr("aria-disabled") == Some("true")
                    || classes.any(|class| class == "disabled")
            };
            next.attr("disabled").is_none()
                && !is_off(next)
                && !around.is_some_and(|around| is(&around, "li") && is_off(&around))
        });
        Ok(enabled.map(|next| next.id()))
    }
}

/// What a page shows, in short.
fn shown_on(page: &Page) -> u64 {
    let mut hasher = DefaultHasher::new();
    page.shown_text(&page.root()).hash(&mut hasher);
    hasher.finish()
}

fn asks_for_password(page: &Page) -> bool {
    page.elements()
        .any(|one| is(&one, "input") && input_type(&one) == "password")
}
