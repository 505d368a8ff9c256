//! What a run leaves with a question to a person: where another worker goes on. The server seals it.
//! Source: docs/workers.md, "The built-in agent".

mod page;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use windlass_playbook::{Action, HttpCredential, Interact, Playbook, Step};

use self::page::KeptPage;
use crate::cookies::{Cookies, KeptCookie};
use crate::extract::AllMissing;
use crate::page::{Page, TooMuch};
use crate::player::Player;
use crate::session::HttpSession;
use crate::trouble::Trouble;
use crate::unread::Unread;

/// Which shape this is. A change that another version would misread gets the next number.
const VERSION: u32 = 1;

/// Where a run is while it asks. Holds no part of the credential but what the source sent back.
#[derive(Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    version: u32,
    /// The step that asks, counted from 1.
    pub(crate) step: u32,
    cookies: Vec<KeptCookie>,
    page: Option<KeptPage>,
    /// What was answered before, by field.
    answers: BTreeMap<String, String>,
    /// Of these fields, those that said which account is meant.
    #[serde(default)]
    accounts: BTreeSet<String>,
    output: Map<String, Value>,
    used_credential: bool,
    started: bool,
    /// Whether the source may ask for the credential.
    #[serde(default)]
    authenticates: bool,
    /// How often steps were done again, by the number of the step that says it.
    #[serde(default)]
    repeated: BTreeMap<u32, u32>,
    #[serde(default)]
    rounds: u32,
    /// What was looked for in vain.
    #[serde(default)]
    missing: AllMissing,
    #[serde(default)]
    unread: Unread,
}

/// A checkpoint of another version, or of another playbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Checkpoint {
    /// Where this run is, at the step of this number.
    pub(crate) fn of(player: &Player, step: u32) -> Self {
        let answers = player.values().answers.iter();
        Self {
            version: VERSION,
            step,
            cookies: player.session.cookies.keep(),
            page: player.session.page.as_ref().map(KeptPage::of),
            answers: answers
                .map(|(name, answer)| (name.clone(), answer.expose_secret().to_owned()))
                .collect(),
            accounts: player.evidence.accounts.clone(),
            output: player.output.clone(),
            used_credential: player.has_used_credential(),
            started: player.started,
            authenticates: player.session.login.is_some(),
            repeated: player.repeated.clone(),
            rounds: player.rounds,
            missing: player.missing.clone(),
            unread: player.unread.clone(),
        }
    }

    /// None where it cannot be written; the question is asked all the same.
    pub(crate) fn to_bytes(&self) -> Option<SecretSlice<u8>> {
        serde_json::to_vec(self).ok().map(Into::into)
    }

    /// # Errors
    /// Where it is of another version.
    pub(crate) fn read(bytes: &SecretSlice<u8>) -> Result<Self, Unreadable> {
        let read: Self = serde_json::from_slice(bytes.expose_secret()).map_err(|_| Unreadable)?;
        if read.version == VERSION {
            Ok(read)
        } else {
            Err(Unreadable)
        }
    }

    /// The step that asks, and what.
    ///
    /// # Errors
    /// Where the playbook asks nothing there.
    pub(crate) fn asks<'playbook>(
        &self,
        playbook: &'playbook Playbook,
    ) -> Result<(&'playbook Step, &'playbook Interact), Unreadable> {
        let mut steps = (1..).zip(&playbook.steps);
        let (_, step) = steps
            .find(|(number, _)| *number == self.step)
            .ok_or(Unreadable)?;
        match &step.action {
            Action::Interact(interact) => Ok((step, interact)),
            _ => Err(Unreadable),
        }
    }

    /// The session as it was, but for its page.
    pub(crate) fn session(&self) -> HttpSession {
        HttpSession::of(Cookies::restore(&self.cookies), None)
    }

    /// The session's page, but for what was typed on it.
    ///
    /// # Errors
    /// There is no room for it now, or it is none.
    pub(crate) async fn page(&self) -> Result<Result<Option<Page>, Unreadable>, TooMuch> {
        Ok(match &self.page {
            Some(page) => page.load().await?.map(Some).ok_or(Unreadable),
            None => Ok(None),
        })
    }

    /// What was answered before the question, by field.
    pub(crate) fn answers(&self) -> BTreeMap<String, SecretString> {
        let answers = self.answers.iter();
        answers
            .map(|(name, answer)| (name.clone(), SecretString::from(answer.as_str())))
            .collect()
    }

    /// Brings a player of the session that was kept here to where the run was.
    ///
    /// # Errors
    /// Where what was typed from the credential cannot be typed again.
    pub(crate) fn bring(self, player: &mut Player) -> Result<(), Trouble> {
        player.repeated = self.repeated;
        player.rounds = self.rounds;
        player.missing = self.missing;
        player.unread = self.unread;
        player.evidence.accounts = self.accounts;
        player.output = self.output;
        player.used_credential = self.used_credential;
        player.started = self.started;
        if self.authenticates {
            player.authenticate(&HttpCredential::default())?;
        }
        match self.page {
            Some(page) => page.type_again(player),
            None => Ok(()),
        }
    }
}

/// Keeps a page and loads it again, for whoever feeds it with noise.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn loaded_again(page: &Page) {
    let kept = serde_json::to_vec(&KeptPage::of(page)).expect("a page can be written");
    let kept: KeptPage = serde_json::from_slice(&kept).expect("it was written so");
    let parse = kept.parse().expect("it has an address and a status");
    // What was parsed just in time may come too late now.
    let Ok(parsed) = parse() else {
        return;
    };
    let loaded = kept
        .with_choices(parsed)
        .expect("its elements are the same");
    assert_eq!(loaded.elements().count(), page.elements().count());
    let changed = |page: &Page| (page.fields.checked.len(), page.fields.chosen.len());
    assert_eq!(changed(&loaded), changed(page));
}
