//! Settings of a task as its caller gives them, with their ranges.

use std::time::Duration;

use windlass_domain::edit::Edit;
use windlass_domain::pool::Pool;
use windlass_domain::task::{
    Concurrency, Engine, Priority, Review, SourceRequirement, TaskSettingsEdit,
};

use crate::field;
use crate::problem::{Problem, ProblemKind};

/// The longest clock: 30 days, as long as events are kept.
const MAX_SECONDS: u64 = 30 * 24 * 3600;
/// The longest that a session waits for its next run: a day, since its worker keeps its memory.
const MAX_IDLE_SECONDS: u64 = 24 * 3600;
/// The most attempts of a run.
const MAX_ATTEMPTS: u64 = 100;
/// The most runs at once for one credential or source.
const MAX_CONCURRENCY: u64 = 10_000;

/// Settings as a caller gives them; what is None is as before.
#[derive(Debug, Clone, Default)]
pub struct NewTaskSettings {
    /// 1 second to 30 days.
    pub inactivity_timeout_seconds: Option<u64>,
    /// 1 second to 30 days.
    pub timeout_seconds: Option<u64>,
    /// 1 second to 30 days.
    pub interaction_timeout_seconds: Option<u64>,
    /// 1 second to 30 days.
    pub queue_timeout_seconds: Option<u64>,
    /// 1 second to 30 days.
    pub review_timeout_seconds: Option<u64>,
    /// `none` or `required`.
    pub review: Option<String>,
    /// A pool's name.
    pub pool: Option<String>,
    /// 1 to 100.
    pub max_attempts: Option<u64>,
    /// 0 to 9.
    pub priority: Option<u64>,
    /// How many runs may be live at once; replaces what was, as a whole.
    pub concurrency: Option<NewConcurrency>,
    /// Whether the login state is kept.
    pub keep_login: Option<bool>,
    /// 0 seconds to a day.
    pub session_idle_seconds: Option<u64>,
    /// `required` or `none`.
    pub source: Option<String>,
    /// `auto`, `http` or `browser`.
    pub engine: Option<String>,
}

/// How many runs may be live at once, as a caller gives it; what is None has no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewConcurrency {
    /// 1 to 10,000.
    pub per_credential: Option<u64>,
    /// 1 to 10,000.
    pub per_source: Option<u64>,
}

/// What these settings change.
pub(crate) fn read(new: &NewTaskSettings, problems: &mut Vec<Problem>) -> TaskSettingsEdit {
    let mut clock = |name: &str, given: Option<u64>| -> Option<Duration> {
        field::seconds(
            &format!("settings.{name}"),
            given,
            1..=MAX_SECONDS,
            problems,
        )
    };
    let inactivity = clock("inactivity_timeout_seconds", new.inactivity_timeout_seconds);
    let timeout = clock("timeout_seconds", new.timeout_seconds);
    let interaction = clock(
        "interaction_timeout_seconds",
        new.interaction_timeout_seconds,
    );
    let queue = clock("queue_timeout_seconds", new.queue_timeout_seconds);
    let review_timeout = clock("review_timeout_seconds", new.review_timeout_seconds);
    let review = field::choice(
        "settings.review",
        new.review.as_deref(),
        Review::parse,
        "`none` or `required`",
        problems,
    );
    let source = field::choice(
        "settings.source",
        new.source.as_deref(),
        SourceRequirement::parse,
        "`required` or `none`",
        problems,
    );
    let engine = field::choice(
        "settings.engine",
        new.engine.as_deref(),
        Engine::parse,
        "`auto`, `http` or `browser`",
        problems,
    );
    let session_idle = field::seconds(
        "settings.session_idle_seconds",
        new.session_idle_seconds,
        0..=MAX_IDLE_SECONDS,
        problems,
    );
    TaskSettingsEdit {
        inactivity_timeout: inactivity,
        timeout,
        interaction_timeout: interaction,
        queue_timeout: queue,
        review_timeout,
        review,
        pool: pool(new.pool.as_deref(), problems),
        max_attempts: small("max_attempts", new.max_attempts, 1..=MAX_ATTEMPTS, problems),
        priority: small("priority", new.priority, 0..=9, problems)
            .and_then(|level| Priority::new(u8::try_from(level).ok()?)),
        concurrency: concurrency(new.concurrency, problems),
        keep_login: new.keep_login,
        session_idle,
        source,
        engine,
    }
}

fn small(
    name: &str,
    given: Option<u64>,
    range: std::ops::RangeInclusive<u64>,
    problems: &mut Vec<Problem>,
) -> Option<u32> {
    field::number(&format!("settings.{name}"), given, range, problems)
        .and_then(|number| u32::try_from(number).ok())
}

/// Both limits left out are no limit.
fn concurrency(given: Option<NewConcurrency>, problems: &mut Vec<Problem>) -> Edit<Concurrency> {
    let Some(given) = given else {
        return Edit::Keep;
    };
    let mut limit = |name: &str, given: Option<u64>| {
        small(
            &format!("concurrency.{name}"),
            given,
            1..=MAX_CONCURRENCY,
            problems,
        )
    };
    let per_credential = limit("per_credential", given.per_credential);
    let per_source = limit("per_source", given.per_source);
    if per_credential.is_none() && per_source.is_none() {
        return Edit::Clear;
    }
    Edit::Set(Concurrency {
        per_credential,
        per_source,
    })
}

fn pool(given: Option<&str>, problems: &mut Vec<Problem>) -> Option<Pool> {
    Pool::parse(given?)
        .map_err(|error| {
            problems.push(Problem::of(
                ProblemKind::Invalid,
                "settings.pool",
                format!("`settings.pool` is none: {error}."),
            ));
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_stays() {
        let mut problems = Vec::new();

        let settings = read(&NewTaskSettings::default(), &mut problems);

        assert_eq!(settings, TaskSettingsEdit::default());
        assert!(problems.is_empty());
    }

    #[test]
    fn every_value_out_of_its_range_is_told_with_the_range() {
        let mut problems = Vec::new();
        let new = NewTaskSettings {
            inactivity_timeout_seconds: Some(0),
            max_attempts: Some(101),
            priority: Some(10),
            concurrency: Some(NewConcurrency {
                per_source: Some(0),
                ..NewConcurrency::default()
            }),
            pool: Some("A pool".to_owned()),
            review: Some("maybe".to_owned()),
            session_idle_seconds: Some(86_401),
            ..NewTaskSettings::default()
        };

        read(&new, &mut problems);

        let fields: Vec<&str> = problems
            .iter()
            .filter_map(|problem| problem.field.as_deref())
            .collect();
        assert_eq!(
            fields,
            [
                "settings.inactivity_timeout_seconds",
                "settings.review",
                "settings.session_idle_seconds",
                "settings.pool",
                "settings.max_attempts",
                "settings.priority",
                "settings.concurrency.per_source",
            ]
        );
        assert_eq!(
            problems[0].message,
            "`settings.inactivity_timeout_seconds` must be 1 to 2592000; it is 0."
        );
    }
}
