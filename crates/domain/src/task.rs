//! Tasks: what to do, and the settings of how.

mod edit;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use self::edit::{TaskEdit, TaskSettingsEdit};
use crate::id::{AgentId, TaskId};
use crate::pool::Pool;
use crate::time::Timestamp;

/// What to do on a source, in its newest version. A run keeps the version that it started with.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its id; the caller may have chosen it.
    pub id: TaskId,
    /// Counts up from 1 with every change.
    pub version: u32,
    /// The agent that groups it.
    pub agent_id: AgentId,
    /// 1 to 255 characters.
    pub name: String,
    /// What a model is told to do; at most 32 KiB.
    pub prompt: Option<String>,
    /// How far it is learned.
    pub status: TaskStatus,
    /// What a run's input must match; None takes any JSON.
    pub input_schema: Option<Value>,
    /// What a run's output must match; None gives any JSON.
    pub output_schema: Option<Value>,
    /// What becomes of files; None where the caller set nothing.
    pub storage: Option<StorageSettings>,
    /// Clocks, review, pool, attempts.
    pub settings: TaskSettings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What an agent's page shows of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSummary {
    /// Its id.
    pub id: TaskId,
    /// Its name.
    pub name: String,
    /// How far it is learned.
    pub status: TaskStatus,
}

/// The longest prompt, in bytes.
pub const MAX_PROMPT_BYTES: usize = 32 * 1024;

/// How far a task is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskStatus {
    /// Its way through a source is not known.
    Learning,
    /// What was learned is compared with the model's own way.
    Test,
    /// It has a playbook, which is replayed.
    Live,
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Learning, Self::Test, Self::Live];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// The status of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What becomes of the files that a run captures.
#[derive(Debug, Clone, PartialEq)]
pub struct StorageSettings {
    /// Whether files are kept at all.
    pub enabled: bool,
    /// Whether data is taken out of them.
    pub extraction: bool,
    /// What that data must match.
    pub extraction_schema: Option<Value>,
    /// What a model is told to take out.
    pub extraction_prompt: Option<String>,
    /// Whether a file that was captured before is dropped.
    pub deduplication: bool,
    /// Which fields make two files the same.
    pub deduplication_schema: Option<Value>,
}

/// How runs of a task are done. Every length has whole seconds on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSettings {
    /// How long a run may stay without activity while it is running.
    pub inactivity_timeout: Duration,
    /// How long a run may be running, summed over pauses and attempts.
    pub timeout: Option<Duration>,
    /// How long a person has to answer.
    pub interaction_timeout: Duration,
    /// How long a run may wait for a session.
    pub queue_timeout: Duration,
    /// How long a review may take.
    pub review_timeout: Option<Duration>,
    /// Whether the output waits for a review.
    pub review: Review,
    /// Where its runs wait; None lets the start decide.
    pub pool: Option<Pool>,
    /// How many begun leases a run may have.
    pub max_attempts: u32,
    /// Who goes first within an organization.
    pub priority: Priority,
    /// How many runs may be live at once for one credential or source.
    pub concurrency: Option<Concurrency>,
    /// Whether the login state is kept for the credential's next session.
    pub keep_login: bool,
    /// How long a session stays after a run; zero ends it with the run.
    pub session_idle: Duration,
    /// Whether a run needs a source.
    pub source: SourceRequirement,
    /// What plays a playbook.
    pub engine: Engine,
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            inactivity_timeout: Duration::from_secs(1800),
            timeout: None,
            interaction_timeout: Duration::from_secs(900),
            queue_timeout: Duration::from_secs(1800),
            review_timeout: None,
            review: Review::None,
            pool: None,
            max_attempts: 1,
            priority: Priority::DEFAULT,
            concurrency: None,
            keep_login: false,
            session_idle: Duration::from_secs(600),
            source: SourceRequirement::Required,
            engine: Engine::Auto,
        }
    }
}

/// Whether the output of a run waits for a person's review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// It is final at once.
    None,
    /// It waits in `review_required`.
    Required,
}

/// Whether a task's runs need a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceRequirement {
    /// A start without one is refused.
    Required,
    /// A run may have none.
    None,
}

/// What plays a playbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// HTTP where every step can be done there, else a browser.
    Auto,
    /// Without a browser.
    Http,
    /// In a browser.
    Browser,
}

/// 0 to 9; higher goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(u8);

impl Priority {
    /// Neither first nor last.
    pub const DEFAULT: Self = Self(5);

    /// A priority from 0 to 9.
    pub fn new(level: u8) -> Option<Self> {
        (level <= 9).then_some(Self(level))
    }

    /// 0 to 9.
    pub fn level(self) -> u8 {
        self.0
    }
}

/// How many runs may be live at once, counted over all tasks that set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// For one credential.
    pub per_credential: Option<u32>,
    /// For one source.
    pub per_source: Option<u32>,
}

macro_rules! named {
    ($type:ident { $($variant:ident = $name:literal),+ }) => {
        impl $type {
            /// Its name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The value of this name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

named!(Review { None = "none", Required = "required" });
named!(SourceRequirement { Required = "required", None = "none" });
named!(Engine { Auto = "auto", Http = "http", Browser = "browser" });
