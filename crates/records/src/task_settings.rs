//! The settings of a task, as the rows of its versions and runs keep them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass_domain::pool::Pool;
use windlass_domain::task::{
    Concurrency, Engine, Priority, Review, SourceRequirement, TaskSettings,
};

use crate::Impossible;
use crate::length::millis;

/// The settings of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSettingsRecord {
    inactivity_timeout_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    interaction_timeout_ms: u64,
    queue_timeout_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review_timeout_ms: Option<u64>,
    review: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    max_attempts: u32,
    priority: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<ConcurrencyRecord>,
    keep_login: bool,
    session_idle_ms: u64,
    source: String,
    engine: String,
}

/// How many runs may be live at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ConcurrencyRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_credential: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_source: Option<u32>,
}

impl From<&TaskSettings> for TaskSettingsRecord {
    fn from(settings: &TaskSettings) -> Self {
        Self {
            inactivity_timeout_ms: millis(settings.inactivity_timeout),
            timeout_ms: settings.timeout.map(millis),
            interaction_timeout_ms: millis(settings.interaction_timeout),
            queue_timeout_ms: millis(settings.queue_timeout),
            review_timeout_ms: settings.review_timeout.map(millis),
            review: settings.review.as_str().to_owned(),
            pool: settings.pool.as_ref().map(|pool| pool.as_str().to_owned()),
            max_attempts: settings.max_attempts,
            priority: settings.priority.level(),
            concurrency: settings.concurrency.map(|limits| ConcurrencyRecord {
                per_credential: limits.per_credential,
                per_source: limits.per_source,
            }),
            keep_login: settings.keep_login,
            session_idle_ms: millis(settings.session_idle),
            source: settings.source.as_str().to_owned(),
            engine: settings.engine.as_str().to_owned(),
        }
    }
}

impl TryFrom<TaskSettingsRecord> for TaskSettings {
    type Error = Impossible;

    fn try_from(record: TaskSettingsRecord) -> Result<Self, Impossible> {
        let pool = record.pool.map(|pool| {
            Pool::parse(&pool)
                .map_err(|error| Impossible::new(format!("{error}; `{pool}` is none")))
        });
        let priority = Priority::new(record.priority).ok_or_else(|| {
            Impossible::new(format!("a priority is 0 to 9; it is {}", record.priority))
        })?;
        Ok(Self {
            inactivity_timeout: Duration::from_millis(record.inactivity_timeout_ms),
            timeout: record.timeout_ms.map(Duration::from_millis),
            interaction_timeout: Duration::from_millis(record.interaction_timeout_ms),
            queue_timeout: Duration::from_millis(record.queue_timeout_ms),
            review_timeout: record.review_timeout_ms.map(Duration::from_millis),
            review: known("review", &record.review, Review::parse)?,
            pool: pool.transpose()?,
            max_attempts: record.max_attempts,
            priority,
            concurrency: record.concurrency.map(|limits| Concurrency {
                per_credential: limits.per_credential,
                per_source: limits.per_source,
            }),
            keep_login: record.keep_login,
            session_idle: Duration::from_millis(record.session_idle_ms),
            source: known("source", &record.source, SourceRequirement::parse)?,
            engine: known("engine", &record.engine, Engine::parse)?,
        })
    }
}

/// The value of a name, where it has one.
fn known<T>(
    field: &str,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Impossible> {
    parse(name).ok_or_else(|| {
        Impossible::new(format!("a task's `{field}` is a known one; it is `{name}`"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What rows have of the settings of a task that set nothing.
    const UNSET: &str = r#"{"inactivity_timeout_ms":1800000,"interaction_timeout_ms":900000,"queue_timeout_ms":1800000,"review":"none","max_attempts":1,"priority":5,"keep_login":false,"session_idle_ms":600000,"source":"required","engine":"auto"}"#;

    fn settings() -> impl Strategy<Value = TaskSettings> {
        let length = || any::<u32>().prop_map(|millis| Duration::from_millis(millis.into()));
        let lengths = (
            length(),
            proptest::option::of(length()),
            length(),
            length(),
            proptest::option::of(length()),
            length(),
        );
        let names = (
            prop_oneof![Just(Review::None), Just(Review::Required)],
            proptest::option::of("[a-z0-9_-]{1,64}"),
            prop_oneof![
                Just(SourceRequirement::Required),
                Just(SourceRequirement::None)
            ],
            prop_oneof![
                Just(Engine::Auto),
                Just(Engine::Http),
                Just(Engine::Browser)
            ],
        );
        let counts = (
            any::<u32>(),
            0..=9u8,
            any::<bool>(),
            proptest::option::of((
                proptest::option::of(any::<u32>()),
                proptest::option::of(any::<u32>()),
            )),
        );
        (lengths, names, counts).prop_map(|(lengths, names, counts)| TaskSettings {
            inactivity_timeout: lengths.0,
            timeout: lengths.1,
            interaction_timeout: lengths.2,
            queue_timeout: lengths.3,
            review_timeout: lengths.4,
            session_idle: lengths.5,
            review: names.0,
            pool: names.1.map(|pool| Pool::parse(&pool).expect("a pool")),
            source: names.2,
            engine: names.3,
            max_attempts: counts.0,
            priority: Priority::new(counts.1).expect("0 to 9"),
            keep_login: counts.2,
            concurrency: counts.3.map(|(per_credential, per_source)| Concurrency {
                per_credential,
                per_source,
            }),
        })
    }

    proptest! {
        #[test]
        fn any_settings_read_back(settings in settings()) {
            let json = crate::write(&TaskSettingsRecord::from(&settings));
            let record: TaskSettingsRecord = crate::read(&json).expect("the shape");
            prop_assert_eq!(TaskSettings::try_from(record), Ok(settings));
        }
    }

    #[test]
    fn the_json_of_the_rows_stays() {
        let record: TaskSettingsRecord = crate::read(UNSET).expect("the shape");

        assert_eq!(TaskSettings::try_from(record), Ok(TaskSettings::default()));
        assert_eq!(
            crate::write(&TaskSettingsRecord::from(&TaskSettings::default())),
            UNSET
        );
    }

    #[test]
    fn settings_that_cannot_be_name_the_rule() {
        for (from, to, rule) in [
            (
                r#""priority":5"#,
                r#""priority":12"#,
                "a priority is 0 to 9; it is 12",
            ),
            (
                r#""engine":"auto""#,
                r#""engine":"steam""#,
                "a task's `engine` is a known one; it is `steam`",
            ),
            (
                r#""review":"none""#,
                r#""review":"none","pool":"A b""#,
                "a pool's name has 1 to 64 of a–z, 0–9, `_` and `-`; `A b` is none",
            ),
        ] {
            let record: TaskSettingsRecord =
                crate::read(&UNSET.replace(from, to)).expect("the shape");
            assert_eq!(TaskSettings::try_from(record), Err(Impossible::new(rule)));
        }
    }
}
