//! Makes an organization: an operator does.

use std::sync::Arc;

use windlass_domain::id::OrganizationId;
use windlass_domain::organization::{Environment, Organization};
use windlass_domain::text;

use crate::error::CallError;
use crate::ports::error::WriteError;
use crate::ports::{Clock, Organizations};
use crate::problem::{Problem, ProblemKind};
use crate::random::random;
use crate::write::Operator;

/// Makes an organization.
pub struct CreateOrganization {
    organizations: Arc<dyn Organizations>,
    clock: Arc<dyn Clock>,
}

impl CreateOrganization {
    /// A maker over these ports; the command line has no others.
    pub fn new(organizations: Arc<dyn Organizations>, clock: Arc<dyn Clock>) -> Self {
        Self {
            organizations,
            clock,
        }
    }

    /// Makes an organization of this name, which keeps its environment for good.
    ///
    /// # Errors
    /// A name that is none, or that is taken.
    pub async fn execute(
        &self,
        operator: Operator,
        name: &str,
        environment: Environment,
    ) -> Result<Organization, CallError> {
        let now = self.clock.now();
        let organization = Organization {
            id: OrganizationId::new(now, random()),
            name: checked_name(name)?,
            environment,
            suspended: false,
            created_at: now,
        };
        let created = self.organizations.create(operator, organization.clone());
        match created.await {
            Ok(()) => Ok(organization),
            Err(WriteError::Store(error)) => Err(error.into()),
            Err(_) => Err(refused(format!(
                "There is an organization of the name {:?} already.",
                organization.name
            ))),
        }
    }
}

/// A name that an organization may have.
pub(crate) fn checked_name(name: &str) -> Result<String, CallError> {
    text::name(name).map_err(|error| refused(format!("The organization's name {error}.")))
}

fn refused(message: String) -> CallError {
    CallError::of(Problem::of(ProblemKind::Invalid, "organization", message))
}
