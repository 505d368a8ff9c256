//! Reads what a run was given: a secret of its caller.

use std::sync::Arc;

use serde_json::Value;
use windlass_domain::id::RunId;

use crate::contents;
use crate::error::CallError;
use crate::ports::{Runs, Vault};
use crate::problem::Resource;
use crate::write::OrganizationContext;

/// Reads what a run was given.
pub struct ReadRunInput {
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) vault: Arc<dyn Vault>,
}

impl ReadRunInput {
    /// Opens the input of a run.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn execute(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Value, CallError> {
        let sealed = self.runs.input(organization, run_id).await?;
        let sealed = sealed.ok_or(CallError::NotFound(Resource::TaskRun))?;
        let vault = self.vault.of(organization.organization_id()).await?;
        Ok(contents::open_input(&*vault, run_id, &sealed)?)
    }
}
