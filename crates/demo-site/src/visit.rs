//! The log of what was asked of the site, for tests that count it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use time::OffsetDateTime;

/// Visits kept; the oldest go first. A run makes about twenty, so this holds a thousand runs.
const MAX_VISITS: usize = 20_000;

/// Bytes kept of one path.
const MAX_PATH_BYTES: usize = 200;

/// One request to the site. It is noted when it arrives, so one that is cut off is here too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The request's method.
    pub method: Method,
    /// The request's path, without its query.
    pub path: String,
    /// Whose session asked, or who tried to log in; `None` where neither is known.
    pub username: Option<String>,
    /// When the request arrived.
    pub at: OffsetDateTime,
}

/// Names a visit, so that the login can say later who it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VisitNumber(u64);

/// The last visits.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    dropped: u64,
    kept: VecDeque<Visit>,
}

impl Visits {
    pub(crate) fn note(&self, method: Method, path: &str, username: Option<String>) -> VisitNumber {
        let mut log = self.lock();
        if log.kept.len() == MAX_VISITS {
            log.kept.pop_front();
            log.dropped += 1;
        }
        let number = VisitNumber(log.dropped + log.kept.len() as u64);
        log.kept.push_back(Visit {
            method,
            path: path[..path.floor_char_boundary(MAX_PATH_BYTES)].to_owned(),
            username,
            at: OffsetDateTime::now_utc(),
        });
        number
    }

    /// Says whose visit it was, where only the form told it.
    pub(crate) fn set_username(&self, number: VisitNumber, username: &str) {
        let mut log = self.lock();
        let position = number.0.checked_sub(log.dropped);
        let visit = position
            .and_then(|position| usize::try_from(position).ok())
            .and_then(|position| log.kept.get_mut(position));
        if let Some(visit) = visit {
            visit.username = Some(username.to_owned());
        }
    }

    pub(crate) fn all(&self) -> Vec<Visit> {
        self.lock().kept.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // A log that a panicking thread held is still a log.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_forgets_the_oldest_visits_and_still_names_the_newest() {
        let visits = Visits::default();
        for _ in 0..MAX_VISITS {
            visits.note(Method::GET, "/old", None);
        }
        let forgotten = VisitNumber(0);

        let newest = visits.note(Method::POST, "/login", None);
        visits.set_username(newest, "kari");
        visits.set_username(forgotten, "nobody");

        let all = visits.all();
        assert_eq!(all.len(), MAX_VISITS);
        assert_eq!(all[MAX_VISITS - 1].username.as_deref(), Some("kari"));
        assert_eq!(
            all.iter().filter(|visit| visit.username.is_some()).count(),
            1
        );
    }
}
