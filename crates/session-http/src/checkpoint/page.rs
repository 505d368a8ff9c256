//! The page of a checkpoint: its text, and what was changed in its fields.

use std::collections::{HashMap, HashSet};

use ego_tree::NodeId;
use encoding_rs::{Encoding, UTF_8};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use windlass_playbook::Template;

use crate::page::{Page, TooMuch, off_thread};
use crate::player::Player;
use crate::trouble::Trouble;
use crate::turn::Turn;

/// A page as it is kept. Its elements are named by their place in the order of the page, which the
/// same text has again.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptPage {
    url: String,
    status: u16,
    text: String,
    /// How it was written.
    #[serde(default)]
    encoding: String,
    /// Which of the run's pages that are errors it is.
    #[serde(default)]
    error_number: Option<u32>,
    typed: Vec<(usize, Typed)>,
    checked: Vec<(usize, bool)>,
    /// Each option that was chosen, by its `select`.
    chosen: Vec<(usize, usize)>,
    /// Where none is left of those that the page chooses.
    #[serde(default)]
    emptied: Vec<usize>,
}

/// What was typed into a field.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Typed {
    Text(String),
    /// It is made of the credential, and is filled in again.
    Template(String),
}

impl KeptPage {
    pub(super) fn of(page: &Page) -> Self {
        let mut kept = Self {
            url: page.url.to_string(),
            status: page.status.as_u16(),
            text: page.text().to_string(),
            encoding: page.encoding.name().to_owned(),
            error_number: page.error_number,
            typed: Vec::new(),
            checked: Vec::new(),
            chosen: Vec::new(),
            emptied: Vec::new(),
        };
        let fields = &page.fields;
        let elements = elements(page);
        let places: HashMap<NodeId, usize> = match fields.chosen.is_empty() {
            true => HashMap::new(),
            false => (0..)
                .zip(&elements)
                .map(|(place, id)| (*id, place))
                .collect(),
        };
        for (place, id) in elements.iter().enumerate() {
            if let Some(text) = fields.typed.get(id) {
                let typed = match fields.from_credential.get(id) {
                    Some(template) => Typed::Template(template.to_string()),
                    None => Typed::Text(text.expose_secret().to_owned()),
                };
                kept.typed.push((place, typed));
            }
            if let Some(checked) = fields.checked.get(id) {
                kept.checked.push((place, *checked));
            }
            if let Some(chosen) = fields.chosen.get(id) {
                let options = chosen.iter().filter_map(|option| places.get(option));
                kept.chosen.extend(options.map(|option| (place, *option)));
                if chosen.is_empty() {
                    kept.emptied.push(place);
                }
            }
        }
        kept
    }

    /// The page, without what was typed; None where it is none.
    ///
    /// # Errors
    /// There is no room for it now.
    pub(super) async fn load(&self) -> Result<Option<Page>, TooMuch> {
        let Some(parse) = self.parse() else {
            return Ok(None);
        };
        let page = off_thread(self.text.len(), &Turn::default(), parse).await?;
        Ok(self.with_choices(page))
    }

    /// How its text is parsed.
    pub(super) fn parse(&self) -> Option<impl FnOnce() -> Result<Page, TooMuch> + use<>> {
        let url = Url::parse(&self.url).ok()?;
        let status = StatusCode::from_u16(self.status).ok()?;
        let text = self.text.clone();
        let encoding = Encoding::for_label(self.encoding.as_bytes()).unwrap_or(UTF_8);
        Some(move || Page::parse(url, status, text, encoding))
    }

    /// The page with what was checked and chosen on it.
    pub(super) fn with_choices(&self, mut page: Page) -> Option<Page> {
        page.error_number = self.error_number;
        let elements = elements(&page);
        for (place, checked) in &self.checked {
            page.fields.checked.insert(*elements.get(*place)?, *checked);
        }
        for (place, option) in &self.chosen {
            let (select, option) = (*elements.get(*place)?, *elements.get(*option)?);
            page.fields.chosen.entry(select).or_default().insert(option);
        }
        for place in &self.emptied {
            let select = *elements.get(*place)?;
            page.fields.chosen.insert(select, HashSet::new());
        }
        Some(page)
    }

    /// Types again what was typed, once the credential is open.
    pub(super) fn type_again(self, player: &mut Player) -> Result<(), Trouble> {
        let elements = elements(player.page()?);
        for (place, typed) in self.typed {
            let id = *elements.get(place).ok_or_else(other_page)?;
            let (text, template) = match typed {
                Typed::Text(text) => (SecretString::from(text), None),
                Typed::Template(written) => {
                    let template = Template::parse(&written).map_err(|_| other_page())?;
                    let filled = player.values().fill(&template);
                    let missing = |missing| Trouble::task(format!("typed again, {missing}"));
                    (filled.map_err(missing)?, Some(template))
                }
            };
            let fields = &mut player.page_mut()?.fields;
            fields.typed.insert(id, text);
            if let Some(template) = template {
                fields.from_credential.insert(id, template);
            }
        }
        Ok(())
    }
}

fn elements(page: &Page) -> Vec<NodeId> {
    page.elements().map(|element| element.id()).collect()
}

fn other_page() -> Trouble {
    Trouble::task("its page cannot be filled in again")
}
