//! A session's status with what it has, as its row keeps it.

use serde::{Deserialize, Serialize};
use windlass_domain::Timestamp;
use windlass_domain::run::Holder;
use windlass_domain::session::SessionState;

use crate::Impossible;
use crate::holder::HolderRecord;

/// A session's status with what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionStateRecord(State);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum State {
    Queued,
    Running {
        holder: HolderRecord,
    },
    Idle {
        holder: HolderRecord,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends_at: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secrets_version: Option<u32>,
    },
    Completing {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<HolderRecord>,
    },
    Completed,
    Failed,
}

impl From<&SessionState> for SessionStateRecord {
    fn from(state: &SessionState) -> Self {
        Self(match *state {
            SessionState::Queued => State::Queued,
            SessionState::Running { holder } => State::Running {
                holder: holder.into(),
            },
            SessionState::Idle {
                holder,
                ends_at,
                secrets_version,
            } => State::Idle {
                holder: holder.into(),
                ends_at: ends_at.map(Timestamp::millis),
                secrets_version,
            },
            SessionState::Completing { holder } => State::Completing {
                holder: holder.map(HolderRecord::from),
            },
            SessionState::Completed => State::Completed,
            SessionState::Failed => State::Failed,
        })
    }
}

impl TryFrom<SessionStateRecord> for SessionState {
    type Error = Impossible;

    fn try_from(record: SessionStateRecord) -> Result<Self, Impossible> {
        Ok(match record.0 {
            State::Queued => Self::Queued,
            State::Running { holder } => Self::Running {
                holder: holder.try_into()?,
            },
            State::Idle {
                holder,
                ends_at,
                secrets_version,
            } => Self::Idle {
                holder: holder.try_into()?,
                ends_at: ends_at.map(Timestamp::from_millis),
                secrets_version,
            },
            State::Completing { holder } => Self::Completing {
                holder: holder.map(Holder::try_from).transpose()?,
            },
            State::Completed => Self::Completed,
            State::Failed => Self::Failed,
        })
    }
}

#[cfg(test)]
mod tests {
    use windlass_domain::id::{Random, WorkerId};
    use windlass_domain::session::SessionStatus;

    use super::*;

    /// Every status with what it has, and the JSON that rows have of it.
    fn stored() -> Vec<(SessionState, String)> {
        let worker_id = WorkerId::new(Timestamp::from_millis(1_000), Random([7; 10]));
        let holder = Holder {
            worker_id,
            incarnation: 3,
        };
        let held = format!(r#""holder":{{"worker_id":"{worker_id}","incarnation":3}}"#);
        let ends_at = Some(Timestamp::from_millis(5_000));
        vec![
            (SessionState::Queued, r#"{"status":"queued"}"#.to_owned()),
            (
                SessionState::Running { holder },
                format!(r#"{{"status":"running",{held}}}"#),
            ),
            (
                SessionState::Idle {
                    holder,
                    ends_at,
                    secrets_version: Some(2),
                },
                format!(r#"{{"status":"idle",{held},"ends_at":5000,"secrets_version":2}}"#),
            ),
            (
                SessionState::Idle {
                    holder,
                    ends_at: None,
                    secrets_version: None,
                },
                format!(r#"{{"status":"idle",{held}}}"#),
            ),
            (
                SessionState::Completing {
                    holder: Some(holder),
                },
                format!(r#"{{"status":"completing",{held}}}"#),
            ),
            (
                SessionState::Completing { holder: None },
                r#"{"status":"completing"}"#.to_owned(),
            ),
            (
                SessionState::Completed,
                r#"{"status":"completed"}"#.to_owned(),
            ),
            (SessionState::Failed, r#"{"status":"failed"}"#.to_owned()),
        ]
    }

    #[test]
    fn every_status_reads_back_from_the_json_that_rows_have() {
        for (state, json) in stored() {
            assert_eq!(crate::write(&SessionStateRecord::from(&state)), json);
            let record: SessionStateRecord = crate::read(&json).expect("the shape");
            assert_eq!(SessionState::try_from(record), Ok(state));
        }
        for status in SessionStatus::ALL {
            assert!(stored().iter().any(|(state, _)| state.status() == status));
        }
    }

    #[test]
    fn a_holder_that_is_no_worker_names_the_rule() {
        let json = r#"{"status":"running","holder":{"worker_id":"me","incarnation":1}}"#;
        let record: SessionStateRecord = crate::read(json).expect("the shape");

        let read = SessionState::try_from(record);

        assert_eq!(
            read,
            Err(Impossible::new("a holder is a worker's id; it is `me`"))
        );
    }

    #[test]
    fn a_running_session_without_a_holder_cannot_be_read() {
        assert!(crate::read::<SessionStateRecord>(r#"{"status":"running"}"#).is_err());
        assert!(crate::read::<SessionStateRecord>(r#"{"status":"asleep"}"#).is_err());
    }
}
