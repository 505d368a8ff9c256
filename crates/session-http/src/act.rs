//! Steps that look for elements and act on them.

use std::collections::HashSet;

use ego_tree::NodeId;
use scraper::ElementRef;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use windlass_playbook::{Navigation, Placeholder, Selector, Selectors, Template, Values, Wait};

use crate::asserted::no_page_came;
use crate::click::{Click, opens_instead};
use crate::fetch::Request;
use crate::form::is_submitter;
use crate::go::Went;
use crate::look::{There, Unlookable, text_of};
use crate::page::{Page, is};
use crate::player::Player;
use crate::refresh::MAX_REFRESHES;
use crate::trouble::Trouble;

/// What came then, such as a file, may be something that nobody recorded.
const SCRIPT_LEFT_OUT: &str = "the link's address was followed: its script (`onclick`), which keeps a \
    browser from that, was not run, and what comes may be another page or file than was recorded";

impl Player<'_> {
    /// Clicks; `asserted` is where that led when it was recorded.
    pub(crate) async fn click(
        &mut self,
        selectors: &Selectors,
        asserted: Option<&Navigation>,
    ) -> Result<(), Trouble> {
        let id = self.first(selectors).await?;
        let came = match (self.click_on(id, asserted.is_some()).await?, asserted) {
            (_, None) | (Went::ToPage | Went::ToFile, _) => true,
            (Went::Within(place), Some(asserted)) => asserted.may_be(&place),
            (Went::Nowhere, Some(_)) => false,
        };
        match came {
            true => Ok(()),
            false => Err(no_page_came()),
        }
    }

    /// Presses Enter where the last step acted: in a field, that submits its form, and elsewhere it
    /// clicks; `asserted` is whether another page came when it was recorded. Source: the HTML standard,
    /// "Implicit submission".
    pub(crate) async fn enter(&mut self, asserted: bool) -> Result<(), Trouble> {
        let nowhere = || Trouble::task("no step acted on an element of this page before it");
        let id = self.focus.ok_or_else(nowhere)?;
        self.note_target(id).await?;
        let hindered = |hindrance| Trouble::task(format!("it {hindrance}"));
        let page = self.page()?;
        let element = page.element(id);
        let is_field = element.is_some_and(|field| is(&field, "input") && !is_submitter(&field));
        if self.tabbed && !(is_field && page.has_one_button(id).map_err(hindered)?) {
            return Err(Trouble::task(
                "Tab went on from what the last step acted on, and where to only a browser knows; a \
                 click on what is meant says so",
            ));
        }
        if !is_field {
            return self.click_on(id, asserted).await.map(drop);
        }
        let submission = page.enter(id).map_err(hindered)?;
        let Some(submission) = submission else {
            return Err(Trouble::task(
                "the field's form has no button that submits it; it needs a browser",
            ));
        };
        let from = Some(page.url.clone());
        self.open(Request::submit(submission, from)).await.map(drop)
    }

    /// Clicks, and goes where that leads. A link that opens what stands on its page is followed only
    /// where that was so when it was recorded: a script of the page's own may follow it.
    async fn click_on(&mut self, id: NodeId, asserted: bool) -> Result<Went, Trouble> {
        (self.focus, self.tabbed) = (Some(id), false);
        let reacting = self.page()?.reacting(id);
        let (reacting, opens) = reacting.map_or((id, false), |element| {
            (element.id(), opens_instead(&element))
        });
        if opens && !asserted && !self.page_comes_late {
            return Ok(Went::Nowhere);
        }
        self.note_target(reacting).await?;
        let click = self
            .page_mut()?
            .click(id)
            .map_err(|hindrance| Trouble::task(format!("it {hindrance}")))?;
        let from = self.page()?.url.clone();
        let request = match click {
            Click::Nothing => return Ok(Went::Nowhere),
            Click::Jump(place) => return Ok(Went::Within(place)),
            Click::Follow(link) => {
                if link.is_kept_by_script {
                    self.context.progress(self.number, SCRIPT_LEFT_OUT)?;
                }
                Request::follow(link, from)
            }
            Click::Submit(submission) => Request::submit(submission, Some(from)),
        };
        self.open(request).await
    }

    pub(crate) async fn change(
        &mut self,
        selectors: &Selectors,
        value: &Template,
    ) -> Result<(), Trouble> {
        let id = self.first(selectors).await?;
        (self.focus, self.tabbed) = (Some(id), false);
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

    /// Without script a page changes only by leading on to another: until it does not, what is not
    /// there may come.
    pub(crate) async fn wait(&mut self, wait: &Wait) -> Result<(), Trouble> {
        for _ in 0..MAX_REFRESHES {
            let missing = match self.waited(wait) {
                Err(Trouble::Error(missing)) => missing,
                other => return other,
            };
            if !self.lead_on().await? {
                return Err(Trouble::Error(missing));
            }
        }
        self.waited(wait)
    }

    fn waited(&mut self, wait: &Wait) -> Result<(), Trouble> {
        let (selectors, page) = (&wait.selectors, self.page()?);
        let found = self.all(selectors)?;
        let number = match wait.holds {
            true => found.len(),
            // What is put away has gone.
            false => shown_of(page, &found).count(),
        };
        let mut elements = found.iter().filter_map(|id| page.element(*id));
        let counted = wait.count.holds(number);
        let alike = !counted || elements.all(|element| has_all(&element, wait));
        if (counted && alike) == wait.holds {
            if number > 0 {
                self.meet();
            }
            return Ok(());
        }
        Err(self.absent(match (wait.holds, counted) {
            (true, false) => format!("the page has {number} elements {}", selectors.in_full()),
            (true, true) => format!("elements {selectors} have other attributes"),
            (false, _) => format!("the page still has {number} elements {selectors}"),
        }))
    }

    pub(crate) async fn expect(&mut self, selector: &Selector) -> Result<(), Trouble> {
        for _ in 0..MAX_REFRESHES {
            if self.shows(selector)? {
                self.meet();
                return Ok(());
            }
            if !self.lead_on().await? {
                break;
            }
        }
        Err(self.absent(format!("the page has no element {selector}")))
    }

    /// Whether the page shows the element; there is no page where none was loaded yet.
    pub(crate) fn shows(&self, selector: &Selector) -> Result<bool, Trouble> {
        let Some(page) = &self.session.page else {
            return Ok(false);
        };
        Ok(shown_of(page, &self.find(selector)?).next().is_some())
    }

    /// The elements that a custom step's selector finds on the page.
    pub(crate) fn find(&self, selector: &Selector) -> Result<Vec<NodeId>, Trouble> {
        found_on(self.page()?, selector, self.values())
    }

    /// The one that is meant, on this page or on those that it leads on to by itself.
    async fn first(&mut self, selectors: &Selectors) -> Result<NodeId, Trouble> {
        for _ in 0..MAX_REFRESHES {
            if let Some(meant) = self.meant(selectors)? {
                self.meet();
                return Ok(meant);
            }
            if !self.lead_on().await? {
                break;
            }
        }
        Err(self.absent(format!("the page has no element {}", selectors.in_full())))
    }

    /// Of what the first alternative finds that finds any, the first that shows and that the others find,
    /// too. What is recorded finds one element alone; where there are several now, a style sheet hid the
    /// others, or they have come since.
    fn meant(&self, selectors: &Selectors) -> Result<Option<NodeId>, Trouble> {
        let (mut found, others) = self.found(selectors)?;
        if found.len() > 1 {
            let shown: Vec<NodeId> = shown_of(self.page()?, &found).collect();
            if !shown.is_empty() {
                found = shown;
            }
            for other in others {
                if found.len() == 1 {
                    break;
                }
                let other: HashSet<NodeId> =
                    self.look(other)?.unwrap_or_default().into_iter().collect();
                let both: Vec<NodeId> = found
                    .iter()
                    .copied()
                    .filter(|id| other.contains(id))
                    .collect();
                if !both.is_empty() {
                    found = both;
                }
            }
        }
        Ok(found.first().copied())
    }

    /// The elements of the first alternative that finds any.
    fn all(&self, selectors: &Selectors) -> Result<Vec<NodeId>, Trouble> {
        Ok(self.found(selectors)?.0)
    }

    /// The elements of the first alternative that finds any, and the alternatives after it. One that
    /// cannot be read here is left to a browser.
    fn found<'step>(
        &self,
        selectors: &'step Selectors,
    ) -> Result<(Vec<NodeId>, &'step [Vec<Selector>]), Trouble> {
        let mut unread = None;
        let mut readable = false;
        for (position, alternative) in selectors.0.iter().enumerate() {
            match self.look(alternative)? {
                Ok(found) if !found.is_empty() => return Ok((found, &selectors.0[position + 1..])),
                Ok(_) => readable = true,
                Err(problem) => unread = unread.or(Some(problem)),
            }
        }
        match unread.filter(|_| !readable) {
            Some(problem) => Err(Trouble::task(format!("its first selector {problem}"))),
            None => Ok((Vec::new(), &[])),
        }
    }

    /// What one alternative finds, or why it cannot be read here.
    fn look(&self, alternative: &[Selector]) -> Result<Result<Vec<NodeId>, Unlookable>, Trouble> {
        let mut chain = Vec::with_capacity(alternative.len());
        for selector in alternative {
            chain.push((selector.kind, self.filled(selector)?));
        }
        let chain = chain
            .iter()
            .map(|(kind, text)| (*kind, text.expose_secret()));
        Ok(self.page()?.look_through(chain))
    }

    fn filled(&self, selector: &Selector) -> Result<SecretString, Trouble> {
        filled(selector, self.values())
    }
}

/// The elements of a page that a custom step's selector finds.
pub(crate) fn found_on(
    page: &Page,
    selector: &Selector,
    values: &Values,
) -> Result<Vec<NodeId>, Trouble> {
    let filled = filled(selector, values)?;
    let looked = page.look(None, selector.kind, filled.expose_secret());
    looked.map_err(|problem| Trouble::task(format!("{selector} {problem}")))
}

/// Those of these elements that show.
fn shown_of(page: &Page, found: &[NodeId]) -> impl Iterator<Item = NodeId> {
    let mut there = There::default();
    let elements = found.iter().filter_map(|id| page.element(*id));
    elements
        .filter(move |element| there.has(element))
        .map(|element| element.id())
}

/// A selector's text without its prefix, filled in.
pub(crate) fn filled(selector: &Selector, values: &Values) -> Result<SecretString, Trouble> {
    let filled = values.fill_selector(selector);
    filled.map_err(|missing| Trouble::task(missing.to_string()))
}

/// Whether an element has the attributes and properties that are waited for.
fn has_all(element: &ElementRef, wait: &Wait) -> bool {
    let attributes = wait
        .attributes
        .iter()
        .all(|(name, value)| element.attr(name) == Some(value));
    attributes
        && wait.properties.iter().all(|(name, value)| match value {
            Value::Bool(value) => element.attr(name).is_some() == *value,
            Value::String(value) => property(element, name) == *value,
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
        })
}

/// One of `Wait::READABLE_PROPERTIES`.
fn property(element: &ElementRef, name: &str) -> String {
    match name {
        "textContent" => element.text().collect(),
        "innerText" => text_of(element),
        "tagName" => element.value().name().to_ascii_uppercase(),
        "className" => element.attr("class").unwrap_or_default().to_owned(),
        other => element.attr(other).unwrap_or_default().to_owned(),
    }
}
