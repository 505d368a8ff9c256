//! Changes a source.

use std::sync::Arc;

use windlass_domain::edit::Edit;
use windlass_domain::id::SourceId;
use windlass_domain::source::{Source, SourceEdit};

use crate::create_source::check_website;
use crate::error::CallError;
use crate::field;
use crate::ports::{EgressPolicy, Sources};
use crate::problem::{Problem, Resource, with_form};
use crate::write::{Write, Written};

/// What a caller changes of a source, as given.
#[derive(Debug, Clone, Default)]
pub struct SourceChange {
    /// What the caller calls it.
    pub name: Edit<String>,
    /// Where work starts, where that changes.
    pub url: Option<String>,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Changes a source.
pub struct UpdateSource {
    pub(crate) sources: Arc<dyn Sources>,
    pub(crate) egress: Arc<dyn EgressPolicy>,
}

impl UpdateSource {
    /// Checks a change and keeps it. A new address is asked of the egress policy.
    ///
    /// # Errors
    /// All that is wrong with it; `NotFound`.
    pub async fn execute(
        &self,
        write: Write,
        id: &SourceId,
        change: SourceChange,
    ) -> Result<Written<Source>, CallError> {
        let mut problems = Vec::new();
        let name = field::edited(change.name, |name| {
            Some(field::name("name", &name, &mut problems))
        });
        if let Some(url) = &change.url {
            check_website(&*self.egress, url, &mut problems).await;
        }
        let problems = with_form(change.wrong, problems);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let url = change.url.map(|url| url.trim().to_owned());
        let edit = SourceEdit { name, url };
        let written = self.sources.update(write, id, edit).await;
        written.map_err(|error| CallError::of_write(error, Resource::Source))
    }
}
