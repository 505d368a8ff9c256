//! Steps that look for elements and act on them.

use ego_tree::NodeId;
use scraper::Selector as Css;
use secrecy::ExposeSecret;
use windlass_playbook::{Count, Placeholder, Selector, SelectorKind, Selectors, Template};

use crate::click::Click;
use crate::fetch::Request;
use crate::page::parse_selector;
use crate::player::Player;
use crate::trouble::Trouble;

impl Player<'_> {
    pub(crate) async fn click(&mut self, selectors: &Selectors) -> Result<(), Trouble> {
        let id = self.first(selectors)?;
        self.click_on(id).await
    }

    /// Clicks, and goes where that leads.
    pub(crate) async fn click_on(&mut self, id: NodeId) -> Result<(), Trouble> {
        let click = self
            .page_mut()?
            .click(id)
            .map_err(|hindrance| Trouble::task(format!("it {hindrance}")))?;
        let from = Some(self.page()?.url.clone());
        match click {
            Click::Nothing => Ok(()),
            Click::Follow(url) => self.open(Request::get(url, from)).await,
            Click::Submit(submission) => self.open(Request::submit(submission, from)).await,
        }
    }

    pub(crate) fn change(
        &mut self,
        selectors: &Selectors,
        value: &Template,
    ) -> Result<(), Trouble> {
        let id = self.first(selectors)?;
        let filled = self.fill(value)?;
        let page = self.page_mut()?;
        let changed = page.change(id, filled);
        changed.map_err(|hindrance| Trouble::task(format!("it {hindrance}")))?;
        page.fields.from_credential.remove(&id);
        let of_credential = |placeholder| matches!(placeholder, &Placeholder::Credential(_));
        if value.placeholders().any(of_credential) {
            page.fields.from_credential.insert(id, value.clone());
        }
        Ok(())
    }

    /// Without script a page never changes by itself: what is not there will not come.
    pub(crate) fn expect_count(
        &mut self,
        selectors: &Selectors,
        count: Count,
    ) -> Result<(), Trouble> {
        let found = self.all(selectors)?.len();
        if count.holds(found) {
            return Ok(());
        }
        Err(self.absent(format!("the page has {found} elements {selectors}")))
    }

    pub(crate) fn expect(&self, selector: &Selector) -> Result<(), Trouble> {
        match self.shows(selector)? {
            true => Ok(()),
            false => Err(self.absent(format!("the page has no element {selector}"))),
        }
    }

    /// Whether the page has the element; there is no page where none was loaded yet.
    pub(crate) fn shows(&self, selector: &Selector) -> Result<bool, Trouble> {
        let css = self.css(selector)?;
        Ok(self
            .session
            .page
            .as_ref()
            .is_some_and(|page| !page.find(&css).is_empty()))
    }

    fn first(&self, selectors: &Selectors) -> Result<NodeId, Trouble> {
        let found = self.all(selectors)?.first().copied();
        found.ok_or_else(|| self.absent(format!("the page has no element {selectors}")))
    }

    /// The elements of the first alternative that finds any. One that cannot be read here is left to
    /// a browser.
    fn all(&self, selectors: &Selectors) -> Result<Vec<NodeId>, Trouble> {
        let page = self.page()?;
        let mut unread = None;
        let mut readable = false;
        for alternative in &selectors.0 {
            let mut chain = Vec::with_capacity(alternative.len());
            for selector in alternative {
                // What stands in quotes elsewhere than in CSS cannot be escaped, and no placeholder
                // stands there.
                let filled = self.values().fill_css(&selector.text);
                let filled = filled.map_err(|missing| Trouble::task(missing.to_string()))?;
                chain.push((selector.kind, filled));
            }
            let chain = chain
                .iter()
                .map(|(kind, text)| (*kind, text.expose_secret()));
            match page.look_through(chain) {
                Ok(found) if !found.is_empty() => return Ok(found),
                Ok(_) => readable = true,
                Err(problem) => unread = unread.or(Some(problem)),
            }
        }
        match unread.filter(|_| !readable) {
            Some(problem) => Err(Trouble::task(format!("its first selector {problem}"))),
            None => Ok(Vec::new()),
        }
    }

    /// A selector of the page, ready to look for.
    pub(crate) fn css(&self, selector: &Selector) -> Result<Css, Trouble> {
        if selector.kind != SelectorKind::Css {
            return Err(Trouble::task(format!(
                "{selector} is no CSS, which is all that the http tier reads"
            )));
        }
        let filled = self.values().fill_css(&selector.text);
        let filled = filled.map_err(|missing| Trouble::task(missing.to_string()))?;
        parse_selector(filled.expose_secret())
            .ok_or_else(|| Trouble::task(format!("{selector} is no CSS selector")))
    }
}
