//! The agent: plays the playbook of a run in the run's session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::SecretSlice;
use windlass_domain::id::SessionId;
use windlass_domain::run::command::AfterRun;
use windlass_domain::run::{ErrorCode, RunError};
use windlass_domain::task::Engine;
use windlass_egress::Dialer;
use windlass_playbook::{Authenticator, Placeholder, Playbook, Values};
use windlass_worker::{Agent, OpenedCredential, Outcome, RunContext, RunFailure, Stopped};

use crate::checkpoint::{Checkpoint, Unreadable};
use crate::codes::{CodeSource, code_now};
use crate::login;
use crate::manners::Manners;
use crate::network::Network;
use crate::playbooks::Playbooks;
use crate::player::{Player, failure, needs_browser};
use crate::question::fields;
use crate::session::HttpSession;

/// How many sessions to keep between runs. Each has its cookies in memory: some kilobytes, 64 at most.
pub const KEPT_SESSIONS: u32 = 1_000;

/// The most errors of a failed run, and the longest message of one, in characters: what a worker may
/// say with its finish.
const MAX_ERRORS: usize = 10;
const MAX_MESSAGE_CHARACTERS: usize = 4000;

/// Plays playbooks over HTTP. Keeps each session's cookies in memory until it ends.
pub struct HttpAgent {
    network: Network,
    playbooks: Playbooks,
    sessions: Mutex<HashMap<SessionId, HttpSession>>,
}

impl HttpAgent {
    /// An agent that reaches sources through this dialer, and treats them with these manners.
    pub fn new(dialer: Dialer, manners: Manners) -> Self {
        Self {
            network: Network::new(dialer, manners),
            playbooks: Playbooks::default(),
            sessions: Mutex::default(),
        }
    }

    /// The session's state; nothing, where this is its first run here.
    fn take(&self, session_id: SessionId, resumed: bool) -> HttpSession {
        let known = self.lock().remove(&session_id);
        known.filter(|_| resumed).unwrap_or_default()
    }

    async fn play(
        &self,
        context: &RunContext,
        playbook: &Playbook,
        values: Values,
        session: &mut HttpSession,
    ) -> Result<Outcome, RunFailure> {
        let credential = context.begin().await?;
        let login = credential.as_ref().and_then(|it| it.login.as_ref());
        if let Some(login) = login.filter(|_| !context.run.resumed) {
            session.cookies = login::restore(login).unwrap_or_default();
        }
        let (values, code_source) = with_credential(context, values, credential, playbook)?;
        Player::new(context, &self.network, session, values, code_source)
            .play_after(0, playbook)
            .await
    }

    /// Goes on where the run asked, by asking again. Until the answer nothing is touched, so the run
    /// begins after it: lost before, it goes back to its queue with what was left.
    async fn go_on(
        &self,
        context: &RunContext,
        playbook: &Playbook,
        values: Values,
        left: &SecretSlice<u8>,
        session: &mut HttpSession,
    ) -> Result<Outcome, RunFailure> {
        let checkpoint = Checkpoint::read(left).map_err(session_lost)?;
        let (step, interact) = checkpoint.asks(playbook).map_err(session_lost)?;
        let number = checkpoint.step;
        *session = checkpoint.session();
        let page = checkpoint.page().await;
        let page = page.map_err(|too_much| failure(too_much.into(), number, step))?;
        session.page = page.map_err(session_lost)?;
        let values = Values {
            answers: checkpoint.answers(),
            ..values
        };
        // The page is the one that the question was made of.
        let fields = fields(interact, session.page.as_ref(), &values)
            .map_err(|trouble| failure(trouble, number, step))?;
        let (kind, message) = (&interact.kind, &interact.message);
        let asking = context.ask(kind, message, fields, Some(left.clone()));
        let answers = asking.await?;
        let credential = context.begin().await?;
        let (values, code_source) = with_credential(context, values, credential, playbook)?;
        let mut player = Player::new(context, &self.network, session, values, code_source);
        let brought = checkpoint.bring(&mut player);
        brought.map_err(|trouble| failure(trouble, number, step))?;
        // A page may show what was answered before, such as a code that was wrong.
        player.learn_secrets();
        player.keep_answers(interact, answers);
        player.play_after(number, playbook).await
    }

    /// Leads the run to its end, and keeps what its session leaves.
    async fn lead(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        if context.run.task.settings.engine == Engine::Browser {
            return Err(failed(
                ErrorCode::TaskFailed,
                "The task asks for a browser (`settings.engine`), and here is none: this agent plays over HTTP.",
            ));
        }
        let playbook = self.playbook(context)?;
        refuse_half_way(context, &playbook)?;
        let values = values(context, &playbook)?;
        let session_id = context.run.session_id;
        let mut session = self.take(session_id, context.run.resumed);
        let result = match &context.run.checkpoint {
            None => self.play(context, &playbook, values, &mut session).await,
            Some(left) => {
                // Few runs go on from a checkpoint: what this needs is no part of each run.
                let going = self.go_on(context, &playbook, values, left, &mut session);
                Box::pin(going).await
            }
        };
        let keeps = match &result {
            Ok(outcome) => outcome.session == AfterRun::Keep,
            Err(RunFailure::Failed { session, .. }) => *session == AfterRun::Keep,
            Err(RunFailure::Stopped(Stopped::Canceled)) => true,
            Err(RunFailure::Stopped(Stopped::LeaseLost)) => false,
        };
        if keeps {
            session.rest();
            self.lock().insert(session_id, session);
        }
        result
    }

    fn playbook(&self, context: &RunContext) -> Result<Arc<Playbook>, RunFailure> {
        let document = context.run.playbook.as_ref();
        let document = document.ok_or_else(|| {
            failed(
                ErrorCode::TaskFailed,
                "The task has no playbook for this source.",
            )
        })?;
        self.playbooks.read(document).map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            failed(
                ErrorCode::TaskFailed,
                format!("The playbook cannot be played: {}.", problems.join("; ")),
            )
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, HttpSession>> {
        // Each change is one insert or remove, which a panic elsewhere cannot have left half done.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Agent for HttpAgent {
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        self.lead(context).await.map_err(in_bounds)
    }

    async fn end_session(&self, session_id: SessionId) {
        self.lock().remove(&session_id);
    }
}

/// A failure that the server takes: a message may repeat a long selector, or many problems.
fn in_bounds(failure: RunFailure) -> RunFailure {
    match failure {
        RunFailure::Failed {
            mut errors,
            credential,
            session,
        } => {
            errors.truncate(MAX_ERRORS);
            for error in &mut errors {
                let mut places = error.message.char_indices().map(|(place, _)| place);
                let last = places.nth(MAX_MESSAGE_CHARACTERS - 1);
                if let (Some(last), Some(_)) = (last, places.next()) {
                    error.message.truncate(last);
                    error.message.push('…');
                }
            }
            RunFailure::Failed {
                errors,
                credential,
                session,
            }
        }
        stopped @ RunFailure::Stopped(_) => stopped,
    }
}

fn failed(code: ErrorCode, message: impl Into<String>) -> RunFailure {
    RunError::new(code, message).into()
}

/// Whoever leaves the choice to the agent wants all of it done or nothing: a run that cannot be played
/// to its end does not begin. `http` plays until it comes to such a step, which may be left out.
fn refuse_half_way(context: &RunContext, playbook: &Playbook) -> Result<(), RunFailure> {
    let begins = context.run.checkpoint.is_none();
    if context.run.task.settings.engine != Engine::Auto || !begins {
        return Ok(());
    }
    let Some((number, step, reason)) = playbook.first_for_browser() else {
        return Ok(());
    };
    let reason = format!(
        "{reason}. Nothing was done; with `settings.engine` `http` the steps before it are played"
    );
    Err(failure(needs_browser(step, &reason), number, step))
}

/// The source was touched by a lease before this one, so that starting anew could repeat something.
fn session_lost(Unreadable: Unreadable) -> RunFailure {
    let message =
        "The run cannot go on where it asked: another version or playbook left its checkpoint.";
    RunFailure::Failed {
        errors: vec![RunError::new(ErrorCode::SessionLost, message)],
        credential: None,
        session: AfterRun::End,
    }
}

/// What is known before the run begins. A run that lacks something ends here: nothing was touched
/// and no credential opened.
fn values(context: &RunContext, playbook: &Playbook) -> Result<Values, RunFailure> {
    let values = Values {
        input: context.run.input.clone(),
        source_url: context.run.source.as_ref().map(|source| source.url.clone()),
        ..Values::default()
    };
    for placeholder in playbook.missing(&values) {
        let of_credential = matches!(placeholder, Placeholder::Credential(_));
        if !of_credential {
            return Err(failed(
                ErrorCode::TaskFailed,
                format!("`{{{{{placeholder}}}}}` has no value in this run."),
            ));
        }
        if context.run.credential_id.is_none() {
            return Err(auth_required(&placeholder));
        }
    }
    Ok(values)
}

/// A run that was to act as somebody acts as nobody where that credential was deleted meanwhile, whatever
/// its playbook names.
fn with_credential(
    context: &RunContext,
    mut values: Values,
    credential: Option<OpenedCredential>,
    playbook: &Playbook,
) -> Result<(Values, Option<CodeSource>), RunFailure> {
    if credential.is_none() && context.run.credential_id.is_some() {
        let message = "The credential of this run was deleted before it began.";
        return Err(failed(ErrorCode::AuthRequired, message));
    }
    let mut code_source = None;
    if let Some(credential) = credential {
        values.username = credential.username.map(Into::into);
        values.password = credential.password;
        let secret = credential.totp_secret.as_ref();
        let authenticator = secret.and_then(Authenticator::read);
        values.totp = authenticator.as_ref().and_then(code_now);
        code_source = authenticator.map(|authenticator| CodeSource {
            authenticator,
            was_tried: credential.was_tried,
        });
    }
    match playbook.missing(&values).first() {
        None => Ok((values, code_source)),
        Some(missing) => Err(auth_required(missing)),
    }
}

fn auth_required(missing: &Placeholder) -> RunFailure {
    let message = format!(
        "The playbook needs `{{{{{missing}}}}}`, which this run's credential does not give."
    );
    failed(ErrorCode::AuthRequired, message)
}
