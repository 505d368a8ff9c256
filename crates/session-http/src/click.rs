//! What a click does without script.

use ego_tree::NodeId;
use percent_encoding::percent_decode_str;
use scraper::ElementRef;
use url::Url;

use crate::form::{
    Hindrance, Submission, input_type, is_disabled, is_disabled_option, is_submitter,
};
use crate::look::{field_in, is_invisible, is_labelable};
use crate::page::{Page, is};

/// What a click opens in the place of where its link leads (`data-toggle`). Source: the plugins of Bootstrap.
const OPENED: [&str; 6] = ["collapse", "dropdown", "modal", "offcanvas", "pill", "tab"];

/// What shows, and the link leads there all the same.
const SHOWN_BESIDE: [&str; 2] = ["popover", "tooltip"];

/// What a click leads to.
pub(crate) enum Click {
    /// Nothing that the server would see.
    Nothing,
    /// Another place on the same page.
    Jump(Url),
    /// Another page, or a file.
    Follow(Link),
    /// A form is sent.
    Submit(Submission),
}

/// Where a link leads.
pub(crate) struct Link {
    pub(crate) url: Url,
    /// What it names the file that it leads to (`download`), which may be nothing; None where it leads to
    /// a page.
    pub(crate) file_name: Option<String>,
    /// Whether its script may keep a browser from going there.
    pub(crate) is_kept_by_script: bool,
}

impl Page {
    /// What a click on an element meets: the nearest around it that reacts to clicks, and where none does,
    /// the one that it holds and nothing else. A recorded name such as `aria/Send` is a table cell's, too,
    /// that holds nothing but the button, and a click in its middle meets that.
    pub(crate) fn reacting(&self, id: NodeId) -> Option<ElementRef<'_>> {
        let clicked = self.element(id)?;
        let around = clicked.ancestors().filter_map(ElementRef::wrap);
        let target = std::iter::once(clicked).chain(around).find(reacts);
        target.or_else(|| only_within(&clicked))
    }

    /// Clicks an element.
    pub(crate) fn click(&mut self, id: NodeId) -> Result<Click, Hindrance> {
        self.element(id).ok_or("is gone")?;
        let target = self.reacting(id);
        let target = target.ok_or("does nothing without script; it needs a browser")?;
        if is_disabled(&target) {
            return Err("is disabled");
        }
        match target.value().name() {
            "a" | "area" => match self.link(&target)? {
                url if self.is_same_page(&url) => self.jump(&target, url),
                url => Ok(Click::Follow(self.follow(&target, url)?)),
            },
            "label" => match labeled(self, &target)? {
                Some(field) => self.click(field),
                None => Err("is a label of nothing"),
            },
            "option" => {
                let select = target
                    .ancestors()
                    .filter_map(ElementRef::wrap)
                    .find(|one| is(one, "select"));
                let select = select.ok_or(
                    "is a choice (`option`) of no list (`select`); a `change` types it into its field",
                )?;
                if is_disabled(&select) || is_disabled_option(&target) {
                    return Err("is disabled");
                }
                let (select, option) = (select.id(), target.id());
                self.choose(select, option);
                Ok(Click::Nothing)
            }
            "input" if matches!(input_type(&target).as_str(), "checkbox" | "radio") => {
                let id = target.id();
                self.toggle(id)?;
                Ok(Click::Nothing)
            }
            "button"
                if opens(&target) && (!is_submitter(&target) || self.owner(&target)?.is_none()) =>
            {
                Ok(Click::Nothing)
            }
            "button" | "input" if is_submitter(&target) => {
                let submission = self.submission(&target)?;
                Ok(submission.map_or(Click::Nothing, Click::Submit))
            }
            "button" => Err("is a button for script; it needs a browser"),
            "input" if matches!(input_type(&target).as_str(), "button" | "reset") => {
                Err("is a button for script; it needs a browser")
            }
            // A click puts the cursor there, which the server does not see.
            _ => Ok(Click::Nothing),
        }
    }

    /// The address of a link.
    pub(crate) fn link(&self, link: &ElementRef) -> Result<Url, Hindrance> {
        let href = link
            .attr("href")
            .ok_or("is a link without address; it needs a browser")?;
        let url = self
            .resolve(href)
            .ok_or("is a link whose address cannot be read")?;
        match url.scheme() {
            "http" | "https" => Ok(url),
            _ => Err("is a link for script or another program; it needs a browser"),
        }
    }

    /// A link to another page. As in browsers, a file of another website is named by nobody but that.
    fn follow(&self, link: &ElementRef, url: Url) -> Result<Link, Hindrance> {
        if sends(link) {
            return Err("is a link that a script sends otherwise; it needs a browser");
        }
        let file_name = link.attr("download").map(str::to_owned);
        Ok(Link {
            file_name: file_name.filter(|_| url.origin() == self.url.origin()),
            url,
            is_kept_by_script: is_kept_by_script(link),
        })
    }

    /// A link to a place on this page, if there is such a place. What opens something that stands on the
    /// page does nothing that matters without script.
    fn jump(&self, link: &ElementRef, url: Url) -> Result<Click, Hindrance> {
        let place = url.fragment().unwrap_or_default();
        let place = percent_decode_str(place).decode_utf8_lossy();
        let is_place = |one: ElementRef| {
            one.attr("id") == Some(&place) || is(&one, "a") && one.attr("name") == Some(&place)
        };
        let is_top = place.eq_ignore_ascii_case("top");
        match is_top || !place.is_empty() && self.elements().any(is_place) {
            true => Ok(Click::Jump(url)),
            false if opens(link) => Ok(Click::Nothing),
            false => Err("does nothing without script; it needs a browser"),
        }
    }

    /// Whether the address is a place on this very page.
    pub(crate) fn is_same_page(&self, url: &Url) -> bool {
        let without_fragment = |url: &Url| {
            let mut url = url.clone();
            url.set_fragment(None);
            url
        };
        url.fragment().is_some() && without_fragment(url) == without_fragment(&self.url)
    }
}

/// What of a page the script of Bootstrap shows on a click on this.
fn toggled<'page>(element: &ElementRef<'page>) -> Option<&'page str> {
    let named = element.attr("data-bs-toggle");
    named.or(element.attr("data-toggle"))
}

/// Whether a click on a link opens what stands on the page, and does not go where the link leads.
pub(crate) fn opens_instead(link: &ElementRef) -> bool {
    matches!(link.value().name(), "a" | "area")
        && toggled(link).is_some_and(|it| OPENED.contains(&it))
}

/// Whether a click shows what stands on the page already, as menus and tabs do.
fn opens(element: &ElementRef) -> bool {
    let says = |name| {
        element
            .attr(name)
            .is_some_and(|value| value != "false" || name == "aria-expanded")
    };
    toggled(element).is_some_and(|it| OPENED.contains(&it) || SHOWN_BESIDE.contains(&it))
        || says("aria-expanded")
        || says("aria-haspopup")
        || says("popovertarget")
}

/// Whether a script of its own ends a click on it, so that its address is for browsers without script.
fn is_kept_by_script(link: &ElementRef) -> bool {
    link.attr("onclick").is_some_and(|script| {
        let words: String = script.split_whitespace().collect();
        let words = words.trim_end_matches([';', '}']);
        words.ends_with("returnfalse") || words.contains(".preventDefault()")
    })
}

/// Whether a script makes another request of a link than its address says, as those of Rails and htmx do.
fn sends(link: &ElementRef) -> bool {
    let methods = ["data-method", "data-turbo-method"].map(|name| link.attr(name));
    let mut methods = methods.into_iter().flatten();
    let requests = ["hx-delete", "hx-patch", "hx-post", "hx-put"];
    methods.any(|method| !method.trim().eq_ignore_ascii_case("get"))
        || requests.iter().any(|name| link.attr(name).is_some())
}

fn reacts(element: &ElementRef) -> bool {
    matches!(
        element.value().name(),
        "a" | "area" | "button" | "input" | "label" | "option" | "select" | "summary" | "textarea"
    )
}

/// What reacts to clicks in an element that shows nothing beside it, and does nothing by itself.
fn only_within<'page>(element: &ElementRef<'page>) -> Option<ElementRef<'page>> {
    if element.attr("onclick").is_some() {
        return None;
    }
    let mut only = None;
    let mut next = element.first_child();
    while let Some(node) = next {
        let shown = ElementRef::wrap(node).filter(|one| !is_invisible(one));
        let is_met = shown.as_ref().is_some_and(reacts);
        if is_met && only.is_some()
            || node
                .value()
                .as_text()
                .is_some_and(|text| !text.trim().is_empty())
        {
            return None;
        }
        only = only.or(shown.filter(|_| is_met));
        // What stands in it is its own.
        let inside = node.first_child().filter(|_| shown.is_some() && !is_met);
        next = inside.or_else(|| {
            node.next_sibling().or_else(|| {
                let mut around = node
                    .ancestors()
                    .take_while(|around| around.id() != element.id());
                around.find_map(|around| around.next_sibling())
            })
        });
    }
    only
}

/// The field that a label is for.
fn labeled(page: &Page, label: &ElementRef) -> Result<Option<NodeId>, Hindrance> {
    let mut visits = page.visits();
    let Some(id) = label.attr("for") else {
        return Ok(field_in(label, &mut visits)?);
    };
    for element in page.elements() {
        visits.add(1)?;
        if !id.is_empty() && element.attr("id") == Some(id) {
            return Ok(is_labelable(&element).then(|| element.id()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
