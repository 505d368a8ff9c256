//! Plays the steps of a playbook, one after the other.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use ego_tree::NodeId;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;
use windlass_domain::run::command::{AfterRun, CredentialReport};
use windlass_domain::run::{ErrorCode, RunError};
use windlass_playbook::{Action, Fail, OverHttp, Placeholder, Playbook, Step, Template, Values};
use windlass_worker::{Outcome, RunContext, RunFailure};

use crate::asserted::{asserts_page, no_page_came, page_comes_late};
use crate::codes::CodeSource;
use crate::evidence::Evidence;
use crate::extract::AllMissing;
use crate::fetch::host;
use crate::frame::Frames;
use crate::login;
use crate::network::Network;
use crate::page::Page;
use crate::session::HttpSession;
use crate::trouble::Trouble;
use crate::unread::Unread;

/// The longest part of a step's own words in progress and errors, in characters.
const MAX_STEP_CHARACTERS: usize = 160;

/// How often steps may be done again in one run: where what is repeated repeats others, their numbers
/// multiply.
const MAX_ROUNDS: u32 = 1000;

/// One run under way.
pub(crate) struct Player<'run> {
    pub(crate) context: &'run RunContext,
    pub(crate) network: &'run Network,
    pub(crate) session: &'run mut HttpSession,
    values: Values,
    pub(crate) code_source: Option<CodeSource>,
    pub(crate) output: Map<String, Value>,
    /// What was looked for in vain.
    pub(crate) missing: AllMissing,
    /// Whether a part of the credential was filled in.
    pub(crate) used_credential: bool,
    /// Whether this run has loaded a page; one of a run before it does not count as its start.
    pub(crate) started: bool,
    /// The step under way, counted from 1.
    pub(crate) number: u32,
    /// Whether another page came in the step that was done last, or a file.
    pub(crate) came: bool,
    /// Whether the page that the step under way leads to came with a later one when it was recorded.
    pub(crate) page_comes_late: bool,
    /// Whether a step found on the page that it is on what it looked for there.
    pub(crate) met: bool,
    pub(crate) unread: Unread,
    /// How many of the next steps are left out.
    skipped: usize,
    /// How many of the steps before are done again.
    goes_back: Option<usize>,
    /// How often that was so, by the number of the step that says it.
    pub(crate) repeated: BTreeMap<u32, u32>,
    /// How often that was so in the whole run.
    pub(crate) rounds: u32,
    /// The element of the page that was acted on last: where Enter is pressed.
    pub(crate) focus: Option<NodeId>,
    /// Whether Tab went on from there, to what only a browser knows.
    pub(crate) tabbed: bool,
    /// The frame that it is in.
    pub(crate) focus_frame: Vec<u32>,
    pub(crate) frames: Frames,
    pub(crate) evidence: Evidence,
}

impl<'run> Player<'run> {
    pub(crate) fn new(
        context: &'run RunContext,
        network: &'run Network,
        session: &'run mut HttpSession,
        values: Values,
        code_source: Option<CodeSource>,
    ) -> Self {
        let authenticator = code_source.as_ref().map(|source| &source.authenticator);
        let evidence = Evidence::begin(&network.pace, authenticator);
        Self {
            context,
            network,
            session,
            values,
            code_source,
            output: Map::new(),
            missing: AllMissing::default(),
            used_credential: false,
            started: false,
            number: 0,
            came: false,
            page_comes_late: false,
            met: false,
            unread: Unread::default(),
            skipped: 0,
            goes_back: None,
            repeated: BTreeMap::new(),
            rounds: 0,
            focus: None,
            tabbed: false,
            focus_frame: Vec::new(),
            frames: Frames::default(),
            evidence,
        }
    }

    /// Plays the steps after this one; they are counted from 1, and after 0 come all of them.
    pub(crate) async fn play_after(
        mut self,
        done: u32,
        playbook: &Playbook,
    ) -> Result<Outcome, RunFailure> {
        self.evidence.go_on_after(done);
        let mut played = usize::try_from(done).unwrap_or(usize::MAX);
        while let Some(step) = playbook.steps.get(played) {
            played += 1;
            let number = u32::try_from(played).unwrap_or(u32::MAX);
            if self.skipped > 0 {
                self.skipped -= 1;
                continue;
            }
            let mut described = described(step);
            self.number = number;
            let over_http = match step.action {
                Action::Download(_) if !self.context.run.task.files_kept => {
                    OverHttp::LeftOut("the task keeps no files (`storage.enabled`)")
                }
                _ => playbook.over_http(played - 1),
            };
            if let OverHttp::LeftOut(reason) = over_http {
                described.push_str(&format!(": left out, {reason}"));
            }
            self.context.progress(number, &described)?;
            if matches!(step.action, Action::Close) && !step.is_in_first_window() {
                self.return_to_first_window();
            }
            let result = match over_http {
                OverHttp::LeftOut(_) => Ok(()),
                OverHttp::NeedsBrowser(reason) => Err(needs_browser(step, reason)),
                OverHttp::Plays => {
                    self.came = false;
                    self.page_comes_late = page_comes_late(playbook, played - 1);
                    let context = self.context;
                    match context.unless_stopped(self.prepare_code(step)).await? {
                        Ok(()) => {
                            let played = context.unless_stopped(self.in_time(number, step)).await;
                            self.step_out();
                            played?
                        }
                        Err(trouble) => Err(trouble),
                    }
                }
            };
            let result = match asserts_page(step) && !self.came {
                true => result.and(Err(no_page_came())),
                false => result,
            };
            if result.is_ok() && over_http != OverHttp::Plays {
                self.tabbed |= matches!(&step.action, Action::KeyDown { key } if key == "Tab");
                continue;
            }
            self.keep_step(number, step, result.is_err()).await?;
            result.map_err(|trouble| failure(trouble, number, step))?;
            if let Some(back) = self.goes_back.take() {
                // The step that goes back is one of them.
                played = played.saturating_sub(back + 1);
            }
        }
        self.ended(playbook).await
    }

    /// What a run gives whose steps are done.
    async fn ended(mut self, playbook: &Playbook) -> Result<Outcome, RunFailure> {
        if let Some(refusal) = self.refusal() {
            self.keep_end(playbook).await?;
            return Err(RunError::new(ErrorCode::SourceBlocked, format!("{refusal}.")).into());
        }
        if let Some(message) = self.ends_on_error() {
            self.keep_end(playbook).await?;
            return Err(RunError::new(ErrorCode::TaskFailed, message).into());
        }
        if let Some(error) = self.unread.error() {
            self.keep_end(playbook).await?;
            return Err(error.into());
        }
        let run = &self.context.run;
        let errors = self
            .missing
            .errors(run.task.output_schema.as_ref(), &self.output);
        if !errors.is_empty() {
            self.keep_end(playbook).await?;
            return Err(RunFailure::Failed {
                errors,
                credential: None,
                session: AfterRun::Keep,
            });
        }
        let keeps_login = run.task.settings.keep_login && run.credential_id.is_some();
        let used_credential = self.has_used_credential();
        Ok(Outcome {
            output: Value::Object(self.output),
            credential: used_credential.then_some(CredentialReport::Verified),
            session: AfterRun::Keep,
            login: keeps_login
                .then(|| login::save(&self.session.cookies))
                .flatten(),
        })
    }

    /// Plays a step within the time that it was given, and that any step has. Waiting for a person
    /// has its own end.
    async fn in_time(&mut self, number: u32, step: &Step) -> Result<(), Trouble> {
        if matches!(step.action, Action::Interact(_)) {
            return self.in_frame(number, step).await;
        }
        let most = self.network.manners.step_timeout;
        let own = step.timeout.filter(|own| *own <= most);
        let limit = own.unwrap_or(most);
        let turn = Arc::clone(&self.session.turn);
        let playing = pin!(self.in_frame(number, step));
        let played = turn.within(limit, playing).await;
        played.unwrap_or_else(|_| {
            let message = match own {
                Some(own) => format!("it took longer than its {} ms", own.as_millis()),
                None => format!("it took longer than the {} s of a step", most.as_secs_f32()),
            };
            Err(Trouble::new(ErrorCode::SourceNotAvailable, message))
        })
    }

    pub(crate) async fn step(&mut self, number: u32, step: &Step) -> Result<(), Trouble> {
        if let Some(page) = &mut self.session.page {
            page.looked.visited.forget();
            if !matches!(step.action, Action::Navigate { .. }) {
                page.wake(&self.session.turn).await?;
            }
        }
        match &step.action {
            Action::Navigate { url } => self.navigate(url).await,
            Action::Click(selectors) => self.click(selectors, step.navigation.as_ref()).await,
            Action::Change { selectors, value } => self.change(selectors, value).await,
            Action::KeyDown { .. } => self.enter(step.navigation.is_some()).await,
            Action::WaitForElement(wait) => self.wait(wait).await,
            Action::Extract(extract) => self.extract(number, extract).await,
            Action::Interact(interact) => self.interact(number, interact).await,
            Action::Skip { when, steps } => {
                match self.shows(when)? {
                    true => {
                        self.meet();
                        self.skipped = *steps;
                    }
                    // The playbook asks what the page is, such as whether it is logged in.
                    false => self.let_be(),
                }
                Ok(())
            }
            Action::Repeat { when, steps, times } => match self.shows(when)? {
                true => {
                    self.meet();
                    self.go_back(number, *steps, *times)
                }
                false => Ok(()),
            },
            Action::Download(download) => self.download(download).await,
            Action::Expect { selector } => self.expect(selector).await,
            Action::Fail(fail) => self.fail(fail),
            Action::Authenticate(credential) => self.authenticate(credential),
            // `Playbook::over_http` leaves them out, or to a browser.
            Action::SetViewport
            | Action::OtherClick { .. }
            | Action::EmulateNetworkConditions
            | Action::Scroll
            | Action::Hover(_)
            | Action::DoubleClick(_)
            | Action::KeyUp { .. }
            | Action::WaitForExpression { .. }
            | Action::Screenshot { .. }
            | Action::Close => Ok(()),
        }
    }

    /// Does the steps before this one again, unless that was done as often as it may be.
    fn go_back(&mut self, number: u32, steps: usize, times: u32) -> Result<(), Trouble> {
        let repeated = self.repeated.entry(number).or_default();
        if *repeated >= times {
            return Ok(());
        }
        *repeated += 1;
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            let message = format!("steps were done again more than {MAX_ROUNDS} times");
            return Err(Trouble::task(message));
        }
        // What is repeated among them begins anew.
        let first = number.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        self.repeated
            .retain(|inner, _| !(first..number).contains(inner));
        self.goes_back = Some(steps);
        Ok(())
    }

    fn fail(&mut self, fail: &Fail) -> Result<(), Trouble> {
        if !self.shows(&fail.when)? {
            return Ok(());
        }
        let code = ErrorCode::parse(&fail.error_type, &fail.code).unwrap_or(ErrorCode::TaskFailed);
        let refused = code == ErrorCode::AuthInvalid && self.context.run.credential_id.is_some();
        Err(Trouble::Run(RunFailure::Failed {
            errors: vec![RunError::new(code, fail.message.clone())],
            credential: refused.then_some(CredentialReport::Invalid),
            session: AfterRun::Keep,
        }))
    }

    pub(crate) fn fill(&mut self, template: &Template) -> Result<SecretString, Trouble> {
        for placeholder in template.placeholders() {
            self.used_credential |= matches!(placeholder, Placeholder::Credential(_));
        }
        self.filled_in(template)
    }

    /// A template filled in, of which it is not known yet whether the source sees it.
    pub(crate) fn filled_in(&self, template: &Template) -> Result<SecretString, Trouble> {
        let filled = self.values.fill(template);
        filled.map_err(|missing| Trouble::task(missing.to_string()))
    }

    /// Whether a part of the credential was filled in, or HTTP authentication was answered with it.
    pub(crate) fn has_used_credential(&self) -> bool {
        let login = self.session.login.as_ref();
        self.used_credential || login.is_some_and(|login| login.was_taken)
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    pub(crate) fn values_mut(&mut self) -> &mut Values {
        &mut self.values
    }

    /// The page that the session is on.
    pub(crate) fn page(&self) -> Result<&Page, Trouble> {
        self.session.page.as_ref().ok_or_else(no_page)
    }

    pub(crate) fn page_mut(&mut self) -> Result<&mut Page, Trouble> {
        self.session.page.as_mut().ok_or_else(no_page)
    }

    /// The page's address for a message: host and path, without what was filled into it.
    pub(crate) fn address(&self) -> String {
        match &self.session.page {
            Some(page) => self.without_values(&page.url),
            None => "no page".to_owned(),
        }
    }

    /// The host and path of an address, without what was filled into it.
    pub(crate) fn without_values(&self, url: &Url) -> String {
        let masked = url.path().split('/').map(|part| {
            // What is behind a semicolon is for the server, such as the id of its session.
            let part = part.split(';').next().unwrap_or_default();
            let written = percent_decode_str(part).decode_utf8_lossy();
            match self.values.is_in(&written) {
                true => "…",
                false => part,
            }
        });
        format!("{}{}", host(url), masked.collect::<Vec<_>>().join("/"))
    }

    /// What to say where the page is a refusal and the playbook knows no way on.
    pub(crate) fn refusal(&self) -> Option<String> {
        let page = self.session.page.as_ref().filter(|_| self.started)?;
        let status = page.status.as_u16();
        let host = host(&page.url);
        is_refusal(status).then(|| format!("{host} refuses access with status {status}"))
    }

    /// What to say where the last step led to an error, such as a form that was not taken (422).
    fn ends_on_error(&self) -> Option<String> {
        let page = self
            .session
            .page
            .as_ref()
            .filter(|_| self.started && !self.met)?;
        let status = page.status;
        (!status.is_success()).then(|| {
            format!(
                "The last page, {}, answered with status {}, and no step looked for anything on it.",
                self.address(),
                status.as_u16()
            )
        })
    }

    /// An element that should be there is not: the page's refusal is why, where it is one.
    pub(crate) fn absent(&self, message: String) -> Trouble {
        if let Some(refusal) = self.refusal() {
            return Trouble::new(ErrorCode::SourceBlocked, refusal);
        }
        let status = self.session.page.as_ref().map(|page| page.status);
        match status.filter(|status| !status.is_success()) {
            Some(status) => Trouble::task(format!(
                "{message}; it answered with status {}",
                status.as_u16()
            )),
            None => Trouble::task(message),
        }
    }
}

/// Whether a page with this status refuses access.
pub(crate) fn is_refusal(status: u16) -> bool {
    matches!(status, 401 | 403 | 429)
}

pub(crate) fn no_page() -> Trouble {
    Trouble::task("there is no page yet: a playbook starts with navigate")
}

pub(crate) fn needs_browser(step: &Step, reason: &str) -> Trouble {
    let operation = step.action.operation();
    Trouble::task(format!(
        "{operation} needs script or a browser, which the http tier does not have: {reason}"
    ))
}

pub(crate) fn described(step: &Step) -> String {
    step.to_string().chars().take(MAX_STEP_CHARACTERS).collect()
}

/// The step of this number failed.
pub(crate) fn failure(trouble: Trouble, number: u32, step: &Step) -> RunFailure {
    match trouble {
        Trouble::Run(failure) => failure,
        Trouble::Error(error) => {
            let what = error.message.trim_end_matches('.');
            let message = format!("Step {number} ({}): {what}.", described(step));
            RunError { message, ..error }.into()
        }
    }
}
