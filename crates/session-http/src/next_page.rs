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
use crate::look::text_of;
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
    /// Whether the page that is read shows the same texts as the one before.
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
        let Some(next) = self.enabled(next)? else {
            return Ok(false);
        };
        self.meet();
        let page = self.page_mut()?;
        let is_dead = page.element(next).is_some_and(|next| {
            let to = next.attr("href").and_then(|href| page.resolve(href));
            next.attr("onclick").is_none() && to.is_some_and(|url| page.is_same_page(&url))
        });
        // Where links have led on so far, one to nowhere is how some lists end.
        if is_dead && !seen.is_first() {
            return Ok(false);
        }
        let from = page.url.clone();
        let click = page.click(next);
        let click = click.map_err(|hindrance| Trouble::task(format!("what leads on {hindrance}")));
        let request = match click? {
            Click::Nothing | Click::Jump(_) => {
                let message = "what leads on does nothing without script; it needs a browser";
                return Err(Trouble::task(message));
            }
            Click::Follow(link) if link.url == from || seen.addresses.contains(&link.url) => {
                return Ok(false);
            }
            Click::Follow(link) => Request::follow(link, from.clone()),
            Click::Submit(submission) => Request::submit(submission, Some(from.clone())),
        };
        if count >= pages.most() {
            // Half a list must not pass for a whole one.
            let message =
                format!("the list has more than {count} pages; `limit` says how many to read");
            return Err(Trouble::task(message));
        }
        if seen.is_first() {
            seen.asks = asks_for_password(self.page()?);
        }
        seen.addresses.push(from);
        seen.next = Some(request.url.clone());
        let is_posted = request.body.is_some();
        let shown = shown_on(self.page()?);
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
        seen.shows_same = shown_on(page) == shown;
        // Behind the last page, led back to one that was read. A form that is posted has all its pages
        // at one address.
        Ok(match is_posted {
            true => !seen.shows_same,
            false => !seen.addresses.contains(&page.url),
        })
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
    text_of(&page.root()).hash(&mut hasher);
    hasher.finish()
}

fn asks_for_password(page: &Page) -> bool {
    page.elements()
        .any(|one| is(&one, "input") && input_type(&one) == "password")
}
