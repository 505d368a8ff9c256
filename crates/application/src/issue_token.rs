//! Issues a token for a browser page.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use windlass_domain::credential::MAX_EXTERNAL_ID_CHARACTERS;
use windlass_domain::id::{CredentialId, KeyId, RunId, SourceId, TaskId, TokenId};
use windlass_domain::token::{Narrowing, Token};
use zeroize::Zeroizing;

use crate::authenticate::hash;
use crate::error::CallError;
use crate::field;
use crate::issue_key::base62;
use crate::ports::{Clock, Runs, Sources, Tasks, Tokens};
use crate::problem::{Problem, ProblemKind, Resource};
use crate::random::{bytes, random};
use crate::write::{OrganizationContext, Write, Written};

/// How long a token is good for.
pub const GOOD_FOR: Duration = Duration::from_secs(30 * 60);

/// What every token starts with, which no key does.
pub const PREFIX: &str = "tk_";

/// The letters and digits of 32 random bytes.
const LENGTH: usize = 43;

/// To what a token is to be narrowed, as its caller says it.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "docs/api.md, \"Tokens for pages\", has them")]
pub struct NewNarrowing {
    pub source_id: Option<String>,
    pub external_id: Option<String>,
    pub task_id: Option<String>,
    pub run_id: Option<String>,
}

/// Issues a token for a browser page.
pub struct IssueToken {
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) sources: Arc<dyn Sources>,
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A token, to be shown once.
pub fn generate() -> SecretString {
    let random = Zeroizing::new(bytes::<32>());
    SecretString::from(format!("{PREFIX}{}", base62(random.as_slice(), LENGTH)))
}

impl IssueToken {
    /// Keeps what is known of `token`, which its caller is shown.
    ///
    /// # Errors
    /// All that is wrong with what it is narrowed to.
    pub async fn execute(
        &self,
        write: Write,
        key_id: KeyId,
        token: &SecretString,
        narrowing: NewNarrowing,
    ) -> Result<Written<Token>, CallError> {
        let organization = write.organization;
        let narrowing = self.narrowing(organization, narrowing).await?;
        let now = self.clock.now();
        let token = Token {
            id: TokenId::new(now, random()),
            organization_id: organization.organization_id(),
            key_id,
            hash: hash(token),
            credential_id: CredentialId::new(now, random()),
            narrowing,
            created_at: now,
            expires_at: now + GOOD_FOR,
        };
        let written = self.tokens.create(write, token).await;
        written.map_err(|error| CallError::of_write(error, Resource::Credential))
    }

    async fn narrowing(
        &self,
        organization: OrganizationContext,
        given: NewNarrowing,
    ) -> Result<Narrowing, CallError> {
        let mut problems = Vec::new();
        let source_id = given.source_id.as_deref().and_then(|given| {
            let source = Resource::Source;
            field::reference("source_id", given, SourceId::parse, source, &mut problems)
        });
        if let Some(id) = &source_id
            && self.sources.get(organization, id).await?.is_none()
        {
            problems.push(field::unknown("source_id", Resource::Source));
        }
        let task_id = given.task_id.as_deref().and_then(|given| {
            let task = Resource::Task;
            field::reference("task_id", given, TaskId::parse, task, &mut problems)
        });
        if let Some(id) = &task_id
            && self.tasks.get(organization, id).await?.is_none()
        {
            problems.push(field::unknown("task_id", Resource::Task));
        }
        let run_id = given.run_id.as_deref().and_then(|given| {
            let run = Resource::TaskRun;
            field::reference("run_id", given, RunId::parse, run, &mut problems)
        });
        if let Some(id) = run_id
            && self.runs.get(organization, id).await?.is_none()
        {
            problems.push(field::unknown("run_id", Resource::TaskRun));
        }
        if given
            .external_id
            .as_deref()
            .is_some_and(|it| it.trim().is_empty())
        {
            problems.push(Problem::of(
                ProblemKind::Missing,
                "external_id",
                "`external_id` is blank; leave it out, or name the person.",
            ));
        }
        let external_id = field::bounded(
            "external_id",
            given.external_id,
            MAX_EXTERNAL_ID_CHARACTERS,
            &mut problems,
        );
        if problems.is_empty() {
            Ok(Narrowing {
                source_id,
                external_id,
                task_id,
                run_id,
            })
        } else {
            Err(CallError::Invalid(problems))
        }
    }
}
