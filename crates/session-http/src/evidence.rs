//! The page as it was at each step, for whoever asks later what a run saw and did.
//! Source: docs/decisions/0018-evidence-is-thinned-under-load.md.

mod document;
mod secrets;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use url::{Position, Url};
use windlass_domain::screenshot::MAX_SCREENSHOTS;
use windlass_playbook::{Action, Authenticator, Playbook, Step};
use windlass_worker::Stopped;
use windlass_worker::protocol::CapturedScreenshot;

use self::document::document;
use self::secrets::Secrets;
use crate::player::{Player, described};

/// How many runs that begin in a second are kept step by step. The others are kept where they fail
/// or ask.
const RUNS_PER_SECOND: u32 = 10;

/// How many pages a run keeps before it keeps only those where it fails, asks or ends: for these the
/// others leave some places.
const MAX_OF_STEPS: u32 = MAX_SCREENSHOTS - 10;

const SECOND: Duration = Duration::from_secs(1);

/// Lets so many runs a second be kept step by step.
#[derive(Default)]
pub(crate) struct Pace {
    /// Since when, and how many since then.
    second: Mutex<Option<(Instant, u32)>>,
}

impl Pace {
    fn admits(&self, now: Instant) -> bool {
        // It is set whole, so that a panic elsewhere leaves nothing half done.
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = second
            .filter(|(since, _)| now.saturating_duration_since(*since) < SECOND)
            .unwrap_or((now, 0));
        *second = Some((since, count.saturating_add(1)));
        count < RUNS_PER_SECOND
    }
}

/// What is known of a run's evidence.
#[derive(Default)]
pub(crate) struct Evidence {
    /// Whether each step is kept.
    is_whole: bool,
    secrets: Secrets,
    /// Of these, all but which account a person chose.
    but_accounts: Secrets,
    /// The fields whose last answer said which account is meant.
    pub(crate) accounts: BTreeSet<String>,
    /// What the last document of the run says.
    last: Option<u64>,
    /// How many were kept.
    kept: u32,
}

impl Evidence {
    /// Of a run that begins.
    pub(crate) fn begin(pace: &Pace, authenticator: Option<&Authenticator>) -> Self {
        let mut evidence = Self {
            is_whole: pace.admits(Instant::now()),
            ..Self::default()
        };
        if let Some(authenticator) = authenticator {
            evidence.secrets.learn_seed(authenticator.secret());
            evidence.but_accounts.learn_seed(authenticator.secret());
        }
        evidence
    }

    /// The run has done so many steps before, and kept about as many pages.
    pub(crate) fn go_on_after(&mut self, done: u32) {
        self.kept = done;
    }

    /// What an address names its file: its last part, without secrets. Which account a person chose, such
    /// as by its number, tells files apart and stays.
    pub(crate) fn naming(&self, url: &Url) -> Url {
        without(&self.but_accounts, url)
    }
}

/// The address without these secrets, and without a query.
fn without(secrets: &Secrets, url: &Url) -> Url {
    let mut address = url.clone();
    // An address of HTTP takes both.
    let _ = address.set_username("");
    let _ = address.set_password(None);
    let (start, end) = (
        address[..Position::BeforePath].len(),
        address[..Position::AfterPath].len(),
    );
    let (mut path, mut done) = (String::new(), start);
    // A secret may have a `/` or a `?`.
    for part in secrets.parts(address.as_str()) {
        let part = part.start.max(start)..part.end.min(end);
        if !part.is_empty() {
            path.push_str(&address.as_str()[done..part.start]);
            path.push('…');
            done = part.end;
        }
    }
    path.push_str(&address.as_str()[done..end]);
    address.set_path(&path);
    address.set_query(None);
    address.set_fragment(None);
    address
}

impl Player<'_> {
    /// Keeps the page as a step left it.
    pub(crate) async fn keep_step(
        &mut self,
        number: u32,
        step: &Step,
        failed: bool,
    ) -> Result<(), Stopped> {
        // Also of a step that leaves no evidence: the next page may show the code that was asked for.
        self.learn_secrets();
        let frame = self.focus_frame.clone();
        if failed {
            let reasoning = format!("failed: {}", described(step));
            return self.keep_page(number, &frame, reasoning, true).await;
        }
        self.session.error_page = None;
        if self.evidence.kept >= MAX_OF_STEPS {
            return Ok(());
        }
        if let Action::Screenshot { reasoning } = &step.action {
            let reasoning = reasoning.clone().unwrap_or_else(|| described(step));
            return self.keep_page(number, &frame, reasoning, true).await;
        }
        match looks(&step.action) && self.evidence.is_whole {
            true => self.keep_page(number, &frame, described(step), false).await,
            false => Ok(()),
        }
    }

    /// Keeps the page, if it is another than the last that was kept, or in any case: the one that a
    /// source's error came with, else that of a frame where the step acted in one that is still there,
    /// else the one around all frames.
    pub(crate) async fn keep_page(
        &mut self,
        number: u32,
        frame: &[u32],
        reasoning: String,
        in_any_case: bool,
    ) -> Result<(), Stopped> {
        self.learn_secrets();
        let session = &mut *self.session;
        let page = session.error_page.as_deref_mut();
        let page = page.or_else(|| self.frames.page(frame));
        let page = page.or(session.page.as_mut());
        let Some(page) = page else {
            return Ok(());
        };
        if page.wake(&session.turn).await.is_err() {
            // It was a page before: there is no time for it now, and the run matters more.
            return Ok(());
        }
        let mut document = document(page, &self.evidence.secrets);
        let mut hasher = DefaultHasher::new();
        document.hash(&mut hasher);
        let hash = hasher.finish();
        let is_kept = self.evidence.last.replace(hash) != Some(hash) || in_any_case;
        // Its elements take more memory than what is sent now; and no step acts in a frame now.
        if is_kept || !frame.is_empty() {
            page.sleep();
        }
        if !is_kept {
            return Ok(());
        }
        // The same page at another step is another screenshot.
        document.push_str(&format!("<!-- step {number} -->"));
        let screenshot = CapturedScreenshot {
            file_name: format!("step-{number:02}.html"),
            file_type: "text/html; charset=utf-8".to_owned(),
            size: None,
            reasoning: Some(reasoning),
            step: Some(number),
            content: document.into(),
        };
        self.evidence.kept += 1;
        self.context.screenshot(screenshot).await
    }

    /// Keeps the page that a run ends on with an error of no step.
    pub(crate) async fn keep_end(&mut self, playbook: &Playbook) -> Result<(), Stopped> {
        let last = u32::try_from(playbook.steps.len()).unwrap_or(u32::MAX);
        self.keep_page(last, &[], "end with an error".to_owned(), false)
            .await
    }

    /// Where a file came from. A query may hold a key to it or what somebody typed, and is left out, as
    /// secrets in the path are.
    pub(crate) fn source_of(&mut self, url: &Url) -> Url {
        self.learn_secrets();
        without(&self.evidence.secrets, url)
    }

    /// Notes what is secret now: it is masked from here on, whatever takes its place.
    pub(crate) fn learn_secrets(&mut self) {
        let mut evidence = std::mem::take(&mut self.evidence);
        let accounts = &evidence.accounts;
        evidence.secrets.learn(self.values(), |_| true);
        let is_secret = |field: &str| !accounts.contains(field);
        evidence.but_accounts.learn(self.values(), is_secret);
        self.evidence = evidence;
    }
}

/// Whether the step looks at the page. One that asks has its page kept before; it and the others say
/// nothing of a page.
fn looks(action: &Action) -> bool {
    match action {
        Action::Navigate { .. }
        | Action::Click(_)
        | Action::Change { .. }
        | Action::KeyDown { .. }
        | Action::WaitForElement(_)
        | Action::Extract(_)
        | Action::Skip { .. }
        | Action::Repeat { .. }
        | Action::Download(_)
        | Action::Expect { .. }
        | Action::Fail(_) => true,
        Action::SetViewport
        | Action::EmulateNetworkConditions
        | Action::OtherClick { .. }
        | Action::DoubleClick(_)
        | Action::Hover(_)
        | Action::KeyUp { .. }
        | Action::Scroll
        | Action::WaitForExpression { .. }
        | Action::Close
        | Action::Interact(_)
        | Action::Screenshot { .. }
        | Action::Authenticate(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_runs_a_second_are_kept_step_by_step() {
        let pace = Pace::default();
        let begin = Instant::now();

        let first: Vec<bool> = (0..12).map(|_| pace.admits(begin)).collect();

        assert_eq!(first.iter().filter(|admitted| **admitted).count(), 10);
        assert!(!pace.admits(begin + Duration::from_millis(999)));
        assert!(pace.admits(begin + SECOND));
    }
}
