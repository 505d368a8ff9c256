//! Makes a source.

use std::sync::Arc;

use url::Url;
use windlass_domain::id::SourceId;
use windlass_domain::source::{self, Source};

use crate::error::CallError;
use crate::field;
use crate::ports::{Clock, EgressPolicy, Sources};
use crate::problem::{Problem, ProblemKind, Resource, with_form};
use crate::random::random;
use crate::write::{Write, Written};

/// A source as its caller gives it.
#[derive(Debug, Clone, Default)]
pub struct NewSource {
    /// An id of the caller's choice.
    pub id: Option<String>,
    /// What the caller calls it.
    pub name: Option<String>,
    /// Where work starts.
    pub url: String,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Makes a source.
pub struct CreateSource {
    pub(crate) sources: Arc<dyn Sources>,
    pub(crate) egress: Arc<dyn EgressPolicy>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl CreateSource {
    /// Checks and keeps a new source. Its address is asked of the egress policy.
    ///
    /// # Errors
    /// All that is wrong with it; `IdTaken`.
    pub async fn execute(
        &self,
        write: Write,
        new: NewSource,
    ) -> Result<Written<Source>, CallError> {
        let mut problems = Vec::new();
        let id = field::chosen_id(new.id.as_deref(), SourceId::parse, &mut problems);
        let name = new
            .name
            .map(|name| field::name("name", &name, &mut problems));
        check_website(&*self.egress, &new.url, &mut problems).await;
        let problems = with_form(new.wrong, problems);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let now = self.clock.now();
        let source = Source {
            id: id.unwrap_or_else(|| SourceId::new(now, random())),
            name,
            url: new.url.trim().to_owned(),
            created_at: now,
            updated_at: now,
        };
        self.sources
            .create(write, source)
            .await
            .map_err(|error| CallError::of_write(error, Resource::Source))
    }
}

/// The address of a source: one of a website, which the egress policy lets through.
pub(crate) async fn check_website(
    egress: &dyn EgressPolicy,
    given: &str,
    problems: &mut Vec<Problem>,
) {
    const FIELD: &str = "website.url";
    match source::website(given.trim()) {
        Ok(url) => problems.extend(refused(egress, FIELD, &url).await),
        Err(_) if given.trim().is_empty() => problems.push(Problem::of(
            ProblemKind::Missing,
            FIELD,
            "`website.url` is missing; give the address of the website.",
        )),
        Err(error) => problems.push(Problem::of(
            ProblemKind::Invalid,
            FIELD,
            format!("`{FIELD}` {error}."),
        )),
    }
}

/// What the egress policy says against an address.
pub(crate) async fn refused(egress: &dyn EgressPolicy, field: &str, url: &Url) -> Option<Problem> {
    let refusal = egress.check(url).await.err()?;
    Some(Problem::of(
        ProblemKind::SourceBlocked,
        field,
        format!("`{field}` is not allowed: {refusal}."),
    ))
}
