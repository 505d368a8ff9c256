//! What a caller changes of a task: each change is its next version.

use std::time::Duration;

use serde_json::Value;

use super::{
    Concurrency, Engine, Priority, Review, SourceRequirement, StorageSettings, Task, TaskSettings,
    TaskStatus,
};
use crate::edit::Edit;
use crate::pool::Pool;
use crate::time::Timestamp;

/// What a caller changes of a task; already checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskEdit {
    /// Its name, where that changes.
    pub name: Option<String>,
    /// What a model is told to do.
    pub prompt: Edit<String>,
    /// What a run's input must match.
    pub input_schema: Edit<Value>,
    /// What a run's output must match.
    pub output_schema: Edit<Value>,
    /// What becomes of files, as a whole.
    pub storage: Edit<StorageSettings>,
    /// Whether data is taken out of files, by its older name: in what `storage` leaves.
    pub extraction: Option<bool>,
    /// Clocks, review, pool, attempts: field by field.
    pub settings: TaskSettingsEdit,
}

/// Settings that a caller gives; what is None stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each field is that of `TaskSettings`")]
pub struct TaskSettingsEdit {
    pub inactivity_timeout: Option<Duration>,
    pub timeout: Option<Duration>,
    pub interaction_timeout: Option<Duration>,
    pub queue_timeout: Option<Duration>,
    pub review_timeout: Option<Duration>,
    pub review: Option<Review>,
    pub pool: Option<Pool>,
    pub max_attempts: Option<u32>,
    pub priority: Option<Priority>,
    /// As a whole.
    pub concurrency: Edit<Concurrency>,
    pub keep_login: Option<bool>,
    pub session_idle: Option<Duration>,
    pub source: Option<SourceRequirement>,
    pub engine: Option<Engine>,
}

impl TaskSettingsEdit {
    /// The settings after the change.
    #[must_use]
    pub fn over(&self, before: &TaskSettings) -> TaskSettings {
        TaskSettings {
            inactivity_timeout: self.inactivity_timeout.unwrap_or(before.inactivity_timeout),
            timeout: self.timeout.or(before.timeout),
            interaction_timeout: self
                .interaction_timeout
                .unwrap_or(before.interaction_timeout),
            queue_timeout: self.queue_timeout.unwrap_or(before.queue_timeout),
            review_timeout: self.review_timeout.or(before.review_timeout),
            review: self.review.unwrap_or(before.review),
            pool: self.pool.clone().or_else(|| before.pool.clone()),
            max_attempts: self.max_attempts.unwrap_or(before.max_attempts),
            priority: self.priority.unwrap_or(before.priority),
            concurrency: self.concurrency.over(&before.concurrency),
            keep_login: self.keep_login.unwrap_or(before.keep_login),
            session_idle: self.session_idle.unwrap_or(before.session_idle),
            source: self.source.unwrap_or(before.source),
            engine: self.engine.unwrap_or(before.engine),
        }
    }
}

impl StorageSettings {
    /// `before` with extraction on or off. Where a task has no storage settings, off is how it is.
    pub fn extracting(before: Option<Self>, extraction: bool) -> Option<Self> {
        match before {
            Some(before) => Some(Self {
                extraction,
                ..before
            }),
            None if extraction => Some(Self {
                enabled: true,
                extraction,
                extraction_schema: None,
                extraction_prompt: None,
                deduplication: false,
                deduplication_schema: None,
            }),
            None => None,
        }
    }
}

impl Task {
    /// The next version of the task; None where the change changes nothing.
    #[must_use]
    pub fn edited(&self, edit: &TaskEdit, now: Timestamp) -> Option<Self> {
        let storage = edit.storage.over(&self.storage);
        let edited = Self {
            name: edit.name.clone().unwrap_or_else(|| self.name.clone()),
            prompt: edit.prompt.over(&self.prompt),
            input_schema: edit.input_schema.over(&self.input_schema),
            output_schema: edit.output_schema.over(&self.output_schema),
            storage: match edit.extraction {
                Some(extraction) => StorageSettings::extracting(storage, extraction),
                None => storage,
            },
            settings: edit.settings.over(&self.settings),
            ..self.clone()
        };
        (edited != *self).then(|| edited.following(self, now))
    }

    /// The next version of the task, that knows nothing.
    #[must_use]
    pub fn reset(&self, now: Timestamp) -> Self {
        let reset = Self {
            status: TaskStatus::Learning,
            ..self.clone()
        };
        reset.following(self, now)
    }

    /// The next version of the task once it has got a playbook; None where it is live already.
    #[must_use]
    pub fn with_playbook(&self, now: Timestamp) -> Option<Self> {
        self.entering(TaskStatus::Live, now)
    }

    /// The next version of the task once its last playbook is gone; None where it is learning already.
    #[must_use]
    pub fn without_playbooks(&self, now: Timestamp) -> Option<Self> {
        self.entering(TaskStatus::Learning, now)
    }

    fn entering(&self, status: TaskStatus, now: Timestamp) -> Option<Self> {
        let entered = Self {
            status,
            ..self.clone()
        };
        (status != self.status).then(|| entered.following(self, now))
    }

    /// A new task, where versions of a deleted one of the same id are kept: which is the last of
    /// them, and when the last of these tasks was made. No two tasks of an id are made in one moment,
    /// so that id and creation name one task for good.
    #[must_use]
    pub fn made_after(self, kept: Option<(u32, Timestamp)>) -> Self {
        let Some((version, created_at)) = kept else {
            return Self { version: 1, ..self };
        };
        let created_at = self.created_at.following(created_at);
        Self {
            version: version + 1,
            created_at,
            updated_at: self.updated_at.max(created_at),
            ..self
        }
    }

    /// Whether another task of this id could still be made in the moment that this one was made in,
    /// as servers whose clocks differ a little see it. The versions of such a task stay when it is
    /// deleted, also where no run needs them: the next one goes by them.
    pub fn is_of_this_moment(&self, at: Timestamp) -> bool {
        at < self.created_at + Duration::from_secs(1)
    }

    fn following(self, before: &Self, now: Timestamp) -> Self {
        Self {
            version: before.version + 1,
            updated_at: now.following(before.updated_at),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AgentId, TaskId};

    fn task() -> Task {
        Task {
            id: TaskId::parse("task_1").expect("well-formed"),
            version: 3,
            agent_id: AgentId::parse("agt_1").expect("well-formed"),
            name: "Latest bill".to_owned(),
            prompt: Some("Find it.".to_owned()),
            status: TaskStatus::Live,
            input_schema: None,
            output_schema: Some(Value::Bool(true)),
            storage: None,
            settings: TaskSettings::default(),
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn settings_change_one_by_one() {
        let edit = TaskEdit {
            settings: TaskSettingsEdit {
                timeout: Some(Duration::from_secs(600)),
                concurrency: Edit::Set(Concurrency {
                    per_credential: Some(1),
                    per_source: None,
                }),
                ..TaskSettingsEdit::default()
            },
            ..TaskEdit::default()
        };

        let edited = task()
            .edited(&edit, Timestamp::EPOCH)
            .expect("it changes something");

        assert_eq!(edited.version, 4);
        assert!(edited.updated_at > Timestamp::EPOCH);
        let expected = TaskSettings {
            timeout: Some(Duration::from_secs(600)),
            concurrency: Some(Concurrency {
                per_credential: Some(1),
                per_source: None,
            }),
            ..TaskSettings::default()
        };
        assert_eq!(edited.settings, expected);
        assert_eq!(edited.prompt, task().prompt);
    }

    #[test]
    fn what_says_what_is_already_so_makes_no_version() {
        let edit = TaskEdit {
            name: Some("Latest bill".to_owned()),
            input_schema: Edit::Clear,
            extraction: Some(false),
            settings: TaskSettingsEdit {
                max_attempts: Some(1),
                ..TaskSettingsEdit::default()
            },
            ..TaskEdit::default()
        };

        assert_eq!(task().edited(&edit, Timestamp::EPOCH), None);
    }

    #[test]
    fn the_older_name_of_extraction_changes_that_alone() {
        let on = TaskEdit {
            extraction: Some(true),
            ..TaskEdit::default()
        };
        let made = task().edited(&on, Timestamp::EPOCH).expect("it changes");
        let stored = made.storage.clone().expect("it has some");
        let with_schema = Task {
            storage: Some(StorageSettings {
                extraction_schema: Some(Value::Bool(true)),
                ..stored.clone()
            }),
            ..made
        };
        let off = TaskEdit {
            extraction: Some(false),
            ..TaskEdit::default()
        };

        let edited = with_schema
            .edited(&off, Timestamp::EPOCH)
            .expect("it changes");

        assert!(stored.enabled && stored.extraction);
        let storage = edited.storage.expect("it has some still");
        assert!(storage.enabled && !storage.extraction);
        assert_eq!(storage.extraction_schema, Some(Value::Bool(true)));
    }

    #[test]
    fn a_task_is_live_while_it_has_a_playbook() {
        let learning = task()
            .without_playbooks(Timestamp::EPOCH)
            .expect("it was live");
        let live = learning
            .with_playbook(Timestamp::EPOCH)
            .expect("it was learning");

        assert_eq!(
            (learning.status, learning.version),
            (TaskStatus::Learning, 4)
        );
        assert_eq!((live.status, live.version), (TaskStatus::Live, 5));
        assert!(live.updated_at > learning.updated_at);
        assert_eq!(learning.without_playbooks(Timestamp::EPOCH), None);
        assert_eq!(live.with_playbook(Timestamp::EPOCH), None);
    }

    #[test]
    fn a_reset_task_learns_again() {
        let reset = task().reset(Timestamp::EPOCH);

        assert_eq!((reset.status, reset.version), (TaskStatus::Learning, 4));
        assert_eq!(reset.prompt, task().prompt);
    }
}
