//! Reads the output from pages.

use ego_tree::NodeId;
use scraper::{ElementRef, Selector as Css};
use serde_json::{Map, Value};
use url::Url;
use windlass_domain::run::ErrorCode;
use windlass_playbook::{Extract, Extraction, Pages, Reading, Rule, Selector};

use crate::click::Click;
use crate::fetch::Request;
use crate::page::text_of;
use crate::player::Player;
use crate::reading;
use crate::trouble::Trouble;

/// The most rows of one list; a thousand pages of a hundred are as many.
const MAX_ROWS: usize = 100_000;

/// The longest text that is read from one element, in bytes: an output holds values, not pages.
const MAX_VALUE_BYTES: usize = 256 * 1024;

/// The longest texts of one list together, in bytes.
const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;

/// One rule with its selector ready.
struct Ready<'playbook> {
    name: &'playbook str,
    rule: &'playbook Rule,
    css: Css,
}

impl Player<'_> {
    /// Reads values and lists into the output. What is not on the page is left out: whether it may be
    /// is the output schema's matter.
    pub(crate) async fn extract(&mut self, extract: &Extract) -> Result<(), Trouble> {
        let mut found = Map::new();
        // A list over several pages comes last, since it leaves the page.
        let leaves = |extraction: &Extraction| matches!(extraction, Extraction::Rows { pages, .. } if pages.next.is_some());
        let mut fields: Vec<_> = extract.fields.iter().collect();
        fields.sort_by_key(|(_, extraction)| leaves(extraction));
        for (name, extraction) in fields {
            let value = match extraction {
                Extraction::Value(rule) => {
                    let ready = self.ready(name, rule)?;
                    read(&ready, &self.page()?.find(&ready.css), self)?
                }
                Extraction::Rows {
                    rows,
                    fields,
                    pages,
                } => Some(Value::Array(self.rows(rows, fields, pages).await?)),
            };
            found.extend(value.map(|value| (name.clone(), value)));
        }
        let nothing = found
            .values()
            .all(|value| value.as_array().is_some_and(Vec::is_empty));
        if nothing && let Some(refusal) = self.refusal() {
            return Err(Trouble::new(ErrorCode::SourceBlocked, refusal));
        }
        self.output.extend(found);
        Ok(())
    }

    async fn rows(
        &mut self,
        rows: &Selector,
        fields: &[(String, Rule)],
        pages: &Pages,
    ) -> Result<Vec<Value>, Trouble> {
        let rows = self.css(rows)?;
        let rules: Vec<_> = fields
            .iter()
            .map(|(name, rule)| self.ready(name, rule))
            .collect::<Result<_, _>>()?;
        let mut read = Vec::new();
        let mut bytes = 0;
        let mut seen = Vec::new();
        loop {
            for row in self.page()?.find(&rows) {
                let row = self.row(row, &rules)?;
                bytes += row
                    .values()
                    .filter_map(Value::as_str)
                    .map(str::len)
                    .sum::<usize>();
                read.push(Value::Object(row));
                if read.len() > MAX_ROWS || bytes > MAX_LIST_BYTES {
                    let megabytes = MAX_LIST_BYTES / (1024 * 1024);
                    let message =
                        format!("the list has more than {MAX_ROWS} rows or {megabytes} MiB");
                    return Err(Trouble::task(message));
                }
            }
            if !self.next_page(pages, &mut seen).await? {
                return Ok(read);
            }
        }
    }

    fn row(&self, row: NodeId, rules: &[Ready]) -> Result<Map<String, Value>, Trouble> {
        let Some(row) = self.page()?.element(row) else {
            return Ok(Map::new());
        };
        let mut values = Map::new();
        for ready in rules {
            // A selector looks inside the row; `:scope` alone is the row itself.
            let found = match ready.rule.selector.text.to_string().trim() {
                ":scope" => Some(row.id()),
                _ => row.select(&ready.css).next().map(|element| element.id()),
            };
            let value = read(ready, found.as_slice(), self)?;
            values.extend(value.map(|value| (ready.name.to_owned(), value)));
        }
        Ok(values)
    }

    /// Goes to the next page of a list, if there may be one more and there is one that was not there
    /// before. `seen` holds the pages before this one.
    pub(crate) async fn next_page(
        &mut self,
        pages: &Pages,
        seen: &mut Vec<Url>,
    ) -> Result<bool, Trouble> {
        let Some(next) = pages
            .next
            .as_ref()
            .filter(|_| u32::try_from(seen.len()).is_ok_and(|seen| seen + 1 < pages.limit))
        else {
            return Ok(false);
        };
        self.context.check()?;
        let Some(next) = self.enabled(next)? else {
            return Ok(false);
        };
        let from = self.page()?.url.clone();
        seen.push(from.clone());
        let click = self.page_mut()?.click(next);
        match click.map_err(|hindrance| Trouble::task(format!("what leads on {hindrance}")))? {
            Click::Nothing => return Ok(false),
            Click::Follow(url) if seen.contains(&url) => return Ok(false),
            Click::Follow(url) => self.open(Request::get(url, Some(from))).await?,
            Click::Submit(submission) => self.open(Request::submit(submission, Some(from))).await?,
        }
        match self.page()?.status.is_success() {
            true => Ok(true),
            // Half a list must not pass for a whole one.
            false => Err(self.absent("the list breaks off".to_owned())),
        }
    }

    /// The first match, unless it is shown as leading nowhere.
    fn enabled(&self, selector: &Selector) -> Result<Option<NodeId>, Trouble> {
        let css = self.css(selector)?;
        let page = self.page()?;
        let first = page.find(&css).first().and_then(|id| page.element(*id));
        let enabled = first.filter(|next| {
            next.attr("disabled").is_none() && next.attr("aria-disabled") != Some("true")
        });
        Ok(enabled.map(|next| next.id()))
    }

    fn ready<'playbook>(
        &self,
        name: &'playbook str,
        rule: &'playbook Rule,
    ) -> Result<Ready<'playbook>, Trouble> {
        Ok(Ready {
            name,
            rule,
            css: self.css(&rule.selector)?,
        })
    }
}

/// The value of the first of these elements; None where there is none, or no such attribute.
fn read(ready: &Ready, found: &[NodeId], player: &Player) -> Result<Option<Value>, Trouble> {
    let page = player.page()?;
    let Some(element) = found.first().and_then(|id| page.element(*id)) else {
        return Ok(None);
    };
    let value = match &ready.rule.reading {
        Reading::Text => Some(Value::String(bounded(text_of(&element), ready)?)),
        Reading::Number => said(&element, ready, "number", reading::number)?,
        Reading::Date => said(&element, ready, "date", |text| {
            reading::date(text).map(Value::String)
        })?,
        Reading::Attribute(name) => match element.attr(name) {
            None => None,
            // An address is of use only where it is whole.
            Some(address) if matches!(name.as_str(), "href" | "src") => {
                let whole = page
                    .resolve(address)
                    .map_or_else(|| address.to_owned(), String::from);
                Some(Value::String(bounded(whole, ready)?))
            }
            Some(value) => Some(Value::String(bounded(value.to_owned(), ready)?)),
        },
    };
    Ok(value)
}

fn bounded(text: String, ready: &Ready) -> Result<String, Trouble> {
    if text.len() <= MAX_VALUE_BYTES {
        return Ok(text);
    }
    Err(Trouble::task(format!(
        "{} has a text of more than {MAX_VALUE_BYTES} bytes",
        ready.name
    )))
}

/// What the element's text says. An empty element says nothing, like one that is not there; any other
/// text must be what the playbook takes it for.
fn said(
    element: &ElementRef,
    ready: &Ready,
    kind: &str,
    read: impl Fn(&str) -> Option<Value>,
) -> Result<Option<Value>, Trouble> {
    let text = text_of(element);
    if text.is_empty() {
        return Ok(None);
    }
    let (name, selector) = (ready.name, &ready.rule.selector);
    match read(&text) {
        Some(value) => Ok(Some(value)),
        None => Err(Trouble::task(format!(
            "the text of {name} ({selector}) is no {kind}"
        ))),
    }
}
