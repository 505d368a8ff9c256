//! How a session stands in its row, and its credential beside it.

use windlass_domain::credential::CredentialStatus;
use windlass_domain::id::{CredentialId, OrganizationId, SessionId, SourceId};
use windlass_domain::lifecycle::SceneCredential;
use windlass_domain::pool::Pool;
use windlass_domain::session::{Session, SessionState};

use super::{Row, known, length};
use crate::columns::{At, Count, Id};
use crate::{Impossible, SessionStateRecord};

row! {
    /// A session. Its moments of waking, `worker_id` and `incarnation` are of its state, for indexes.
    pub struct SessionRow {
        id: Id,
        organization_id: Id,
        credential_id: Option<Id>,
        source_id: Option<String>,
        pool: String,
        status: String,
        state: String,
        version: Count,
        runtime_ms: i64,
        created_at: At,
        updated_at: At,
    }
}

row! {
    /// What a decision reads of a session's credential.
    pub struct SceneCredentialRow {
        id: Id,
        status: String,
        secrets_version: Count,
        updated_at: At,
    }
}

impl SessionRow {
    /// Its id.
    pub fn id(&self) -> SessionId {
        SessionId::from_uuid(self.id.0)
    }
}

impl Row for SessionRow {
    type Kept = Session;
    const TABLE: &'static str = "session";

    fn name(&self) -> String {
        SessionId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<Session, Impossible> {
        let record: SessionStateRecord = crate::read(&self.state)?;
        let state = SessionState::try_from(record)?;
        if state.status().as_str() != self.status {
            return Err(Impossible::new(format!(
                "its status is that of its state, `{}`; it is `{}`",
                state.status(),
                self.status
            )));
        }
        let source_id = self.source_id.as_deref().map(SourceId::parse);
        Ok(Session {
            id: SessionId::from_uuid(self.id.0),
            organization_id: OrganizationId::from_uuid(self.organization_id.0),
            credential_id: self.credential_id.map(|id| CredentialId::from_uuid(id.0)),
            source_id: source_id.transpose()?,
            pool: Pool::parse(&self.pool).map_err(|error| Impossible::new(error.to_string()))?,
            state,
            version: self.version.0,
            runtime: length(self.runtime_ms)?,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

impl Row for SceneCredentialRow {
    type Kept = SceneCredential;
    const TABLE: &'static str = "credential";

    fn name(&self) -> String {
        CredentialId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<SceneCredential, Impossible> {
        Ok(SceneCredential {
            id: CredentialId::from_uuid(self.id.0),
            status: known("status", &self.status, CredentialStatus::parse)?,
            secrets_version: self.secrets_version.0,
            updated_at: self.updated_at.0,
        })
    }
}
